"""The shapes of one service, and what AWS does with them that its model does not tell.

Checking a request and wording what is wrong with it are the same for every service; what
differs is here. Kinesis's own are made in `constraints`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import cache
from types import MappingProxyType
from typing import Protocol

import msgspec

from headwater.api.validation.api_model import Shape

MembersInOrder = Callable[[str], tuple[tuple[str, str], ...]]
"""Takes a structure's name; its members and the names of their shapes, in the order in which AWS looks."""


class NeededMembers(Protocol):
    """Tells which members a structure needs beyond those that the model requires."""

    def __call__(self, shape_name: str, present: Container[str], /, *, refused: bool) -> set[str]:
        """`present` holds the names that it has; `refused` tells whether the request is refused anyway."""


class ServiceShapes(msgspec.Struct, frozen=True):
    """One service's shapes by name."""

    shapes: Callable[[], Mapping[str, Shape]]
    """A function, because they are read at first use."""
    members_in_order: MembersInOrder
    enum_in_order: Callable[[str], tuple[str, ...]]
    needed_members: NeededMembers
    java_package: str
    """Of the classes that AWS names when it prints a structure."""


def shapes_in_order(
    shapes: Callable[[], Mapping[str, Shape]],
    java_package: str,
    enums: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> ServiceShapes:
    """The shapes of a service of which the model tells everything: the order, and what is needed.

    `enums` has the values of those that AWS was seen to name in another order than the model's.
    """

    @cache
    def members_in_order(shape_name: str) -> tuple[tuple[str, str], ...]:
        return tuple(shapes()[shape_name].members.items())

    def enum_in_order(shape_name: str) -> tuple[str, ...]:
        return enums.get(shape_name) or shapes()[shape_name].enum

    return ServiceShapes(shapes, members_in_order, enum_in_order, _no_members, java_package)


def _no_members(_shape_name: str, _present: Container[str], /, *, refused: bool) -> set[str]:  # noqa: ARG001
    return set()
