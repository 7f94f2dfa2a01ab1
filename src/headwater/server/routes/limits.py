"""`/_headwater/limits`: which streams are limited, and to what.

A change is one JSON object. Without `stream` it is the rule for all streams that have
none of their own. `enforce` is true when it is left out; false exempts; `remove` takes
the rule away again. What is not given of the figures is as AWS has it.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import msgspec

from headwater.engine.limits.enforcement import Enforcement, Rule
from headwater.engine.limits.throughput_limits import AWS_FIGURES, ThroughputSettings
from headwater.model.arn import StreamName, parse_stream_arn, stream_arn
from headwater.model.caller import Caller
from headwater.model.stream import Stream
from headwater.server.admin import RouteSet
from headwater.server.refused import Refused
from headwater.wire.json_format import UNREADABLE

FIGURE_MAX = 2**40
Figure = Annotated[int, msgspec.Meta(ge=1, le=FIGURE_MAX)]
AccountId = Annotated[str, msgspec.Meta(pattern="^[0-9]{12}$")]


class LimitsChange(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request for the route."""

    stream: str | None = None
    """A name or an ARN."""
    account_id: AccountId | None = None
    """The account of a stream that is given by name; the server's own when left out."""
    region: str | None = None
    enforce: bool | None = None
    remove: bool = False
    records_in_per_s: Figure | None = None
    bytes_in_per_s: Figure | None = None
    reads_per_s: Figure | None = None
    bytes_out_per_s: Figure | None = None
    fan_out_bytes_per_s: Figure | None = None
    shards_max: Figure | None = None


class LimitedEngine(Protocol):
    """The part of the engine that the route uses."""

    @property
    def enforcement(self) -> Enforcement:
        """Which streams are limited."""

    @property
    def home(self) -> Caller:
        """The account and region that a stream's name alone belongs to."""


def limit_routes(engine: LimitedEngine) -> RouteSet:
    """The route for the limits of one server. The engine's own reset forgets them."""
    route = StreamLimitsRoute(engine.enforcement, engine.home)
    return RouteSet({b"limits": {b"GET": route.show, b"POST": route.change}})


class StreamLimitsRoute:
    """The route of one server."""

    def __init__(self, enforcement: Enforcement, home: Caller) -> None:
        """`home` is where a stream is looked for that is named by its name alone."""
        self._enforcement = enforcement
        self._home = home

    async def show(self, _body: bytes) -> dict[str, Any]:
        """Every rule."""
        return {
            "default": _shown(self._enforcement.rule),
            "streams": [_named(own.stream) | _shown(own.rule) for own in self._enforcement.own_rules()],
        }

    async def change(self, body: bytes) -> dict[str, Any]:
        """Set or remove a rule; every rule as it is then, and the change that takes this one back.

        Raises `Refused`.
        """
        try:
            change = msgspec.json.decode(body, type=LimitsChange)
        except UNREADABLE as error:
            raise Refused(400, f"That is no change of the limits: {error}.") from None
        rule = _rule_of(change)
        if change.stream is None:
            if change.account_id is not None or change.region is not None:
                raise Refused(400, "An account and a region belong to a stream, and none is named.")
            before = _shown(self._enforcement.rule)
            self._enforcement.set_rule(rule)
        else:
            before = self._change_of(self._name_of(change, change.stream), rule)
        return await self.show(body) | {"before": before}

    def _change_of(self, name: StreamName, rule: Rule | None) -> dict[str, Any]:
        """Set a stream's own rule; the change that takes this back."""
        own = {rule.stream.full_name: rule.rule for rule in self._enforcement.own_rules()}
        if not self._enforcement.set_own_rule(name, rule):
            where = f"under account {name.account_id} not found in region {name.region}"
            raise Refused(404, f"Stream {name.name} {where}.")
        before = _shown(own[name]) if name in own else {"remove": True}
        return {"stream": stream_arn(name)} | before

    def _name_of(self, change: LimitsChange, stream: str) -> StreamName:
        if not stream.startswith("arn:"):
            account_id = change.account_id or self._home.account_id
            return StreamName(account_id, change.region or self._home.region, stream)
        name = parse_stream_arn(stream)
        if name is None:
            raise Refused(400, f"{stream} is not the ARN of a stream.")
        if (change.account_id or name.account_id, change.region or name.region) != name[:2]:
            raise Refused(400, f"{stream} is of another account or region than is asked for.")
        return name


def _rule_of(change: LimitsChange) -> Rule | None:
    """The rule that is asked for; `None` to have none. Raises `Refused`."""
    given = {figure: getattr(change, figure) for figure in ThroughputSettings._fields}
    figures = {figure: value for figure, value in given.items() if value is not None}
    if change.remove and (figures or change.enforce is not None):
        raise Refused(400, "A rule is either removed or set: `remove` stands alone.")
    if change.enforce is False and figures:
        raise Refused(400, f"What is not enforced has no figures: {', '.join(figures)}.")
    if change.remove:
        return None
    return "exempt" if change.enforce is False else AWS_FIGURES._replace(**figures)


def _named(stream: Stream) -> dict[str, Any]:
    return {
        "stream": stream.name,
        "stream_arn": stream.arn,
        "account_id": stream.account_id,
        "region": stream.region,
    }


def _shown(rule: Rule) -> dict[str, Any]:
    return {"enforce": False} if rule == "exempt" else {"enforce": True} | rule._asdict()
