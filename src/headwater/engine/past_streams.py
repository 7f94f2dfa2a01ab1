"""The names of streams that are gone, and the last second that each has given out.

Sequence numbers, consumers' ARNs and iterators hold seconds. A stream made again under its
name must begin in a later one, or what is left of the last stream would name a place in
the new one: a checkpoint of the one would skip records of the other.

Rules:
- what is remembered is written in the commit that removes the stream;
- a name is remembered until there is a stream of it again, or until `NAMES_MAX` later ones
  are gone: then the highest of the forgotten seconds stands for all names not remembered.
  Only a clock that was set back, behind streams long gone, ever meets it.

Keys: `past-stream/<account>/<region>/<name>` and `past-streams`, each a second.

Refuses to know streams, and when they go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headwater.model.arn import StreamName

NAMES_MAX = 1_000

NAME_KEY = "past-stream"
REST_KEY = "past-streams"

_decoder = msgspec.msgpack.Decoder(int)


class PastStreams:
    """The memory of removed streams, in all accounts and regions."""

    def __init__(self) -> None:
        self._latest_s: dict[StreamName, int] = {}
        self._rest_s = -1
        """The latest second of all names that are forgotten."""

    def take_over(self, key: str, value: bytes | None) -> None:
        """Remember what a key has; `None`: it is gone.

        Raises `msgspec.MsgspecError` and `TypeError` for what nobody has written.
        """
        kind, *name = key.split("/")
        if kind == REST_KEY:
            self._rest_s = -1 if value is None else _decoder.decode(value)
        elif value is None:
            self.forget(StreamName(*name))
        else:
            self._latest_s[StreamName(*name)] = _decoder.decode(value)

    def key(self, name: StreamName) -> str:
        """What has the last second of a name, if it is remembered."""
        return "/".join((NAME_KEY, *name))

    def first_s(self, name: StreamName) -> int:
        """The first second that a new stream of this name may use."""
        return self._latest_s.get(name, self._rest_s) + 1

    def writes(self, gone: Mapping[StreamName, int]) -> dict[str, bytes | None]:
        """The writes when these streams go; each with the latest second that it has given out."""
        kept, rest_s = self._with(gone)
        writes: dict[str, bytes | None] = {
            self.key(name): None for name in self._latest_s.keys() | gone.keys() if name not in kept
        }
        writes.update({self.key(name): msgspec.msgpack.encode(kept[name]) for name in gone if name in kept})
        if rest_s > self._rest_s:
            writes[REST_KEY] = msgspec.msgpack.encode(rest_s)
        return writes

    def remember(self, gone: Mapping[StreamName, int]) -> None:
        """These are gone: what `writes` gave is committed."""
        self._latest_s, self._rest_s = self._with(gone)

    def writes_to_forget(self, name: StreamName) -> dict[str, bytes | None]:
        """The writes when there is a stream of this name again."""
        return {self.key(name): None} if name in self._latest_s else {}

    def forget(self, name: StreamName) -> None:
        """There is a stream of this name again."""
        self._latest_s.pop(name, None)

    def _with(self, gone: Mapping[StreamName, int]) -> tuple[dict[StreamName, int], int]:
        """What is remembered of names and of the rest once these are gone, too."""
        known = {**self._latest_s, **gone}
        if len(known) <= NAMES_MAX:
            return known, self._rest_s
        newest_last = sorted(known.items(), key=lambda item: (item[1], item[0]))
        dropped, kept = newest_last[:-NAMES_MAX], newest_last[-NAMES_MAX:]
        return dict(kept), max(self._rest_s, dropped[-1][1])
