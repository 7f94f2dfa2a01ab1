"""What requests have in common whose bytes are written and read here, and not by aiokafka.

Refuses to know connections, and what a request is about.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from aiokafka.errors import IncompatibleBrokerVersion

CLIENT_ID = "headwater"

_HEAD = struct.Struct(">ihhih")
"""Length of what follows, operation, version, the number that the answer has, length of the client's name."""
_NAME = CLIENT_ID.encode()
_UNCOUNTED = 4
"""The length counts what comes after itself."""

LENGTH = struct.Struct(">h")
"""Of a text, before it."""


class BrokerRequest(ABC):
    """A request in one version of the protocol, whose answers have nothing but the number in their head."""

    API_KEY: ClassVar[int]
    API_VERSION: ClassVar[int]

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Self:
        """This request, for a broker that takes this version of it. Raises `IncompatibleBrokerVersion`."""
        oldest, newest = versions.get(self.API_KEY, (0, -1))
        if not oldest <= self.API_VERSION <= newest:
            name = type(self).__name__
            raise IncompatibleBrokerVersion(
                f"the broker takes versions {oldest} to {newest} of {name}, and not {self.API_VERSION}"
            )
        return self

    def pieces(self, number: int) -> list[bytes]:
        """What is sent, to be answered under this number."""
        body = self.body()
        length = _HEAD.size - _UNCOUNTED + len(_NAME) + sum(map(len, body))
        return [_HEAD.pack(length, self.API_KEY, self.API_VERSION, number, len(_NAME)) + _NAME, *body]

    @abstractmethod
    def body(self) -> list[bytes]:
        """What comes after the head."""

    @abstractmethod
    def read(self, answer: memoryview) -> Any:
        """What an answer says. Raises `struct.error` or `ValueError` for what is none."""
