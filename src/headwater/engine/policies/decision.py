"""What a resource policy says to one access: pure functions of the policy's text.

Rules:
- an access needs a statement that allows it, and none that denies it;
- a caller is known by its account alone, and so stands for every user and role of it;
- only what can be shared is ever allowed, whatever wildcard a policy has;
- what cannot be decided here (a condition on something unknown) allows nothing and
  denies what it may deny: a policy is never looser than at AWS.

Texts are those that `resource_policy.check_policy` has let through.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from headwater.engine.policies.resource_policy import shared_actions

POLICIES_REMEMBERED = 256


class PolicyDecision(Enum):
    """The decision of a policy on an access."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "no statement allows it"
    DENIED = "a statement denies it"


class Access(NamedTuple):
    """An access: caller, action and resource."""

    account_id: str
    action: str
    """As in kinesis:PutRecord."""
    resource_arn: str


def decide(policy: str | None, access: Access) -> PolicyDecision:
    """The decision of a policy, or of none, about an access from another account."""
    if policy is None or access.action not in shared_actions(access.resource_arn):
        return PolicyDecision.NOT_ALLOWED
    decision = PolicyDecision.NOT_ALLOWED
    for statement in _statements(policy):
        if not _is_about(statement, access):
            continue
        holds = _conditions_hold(statement.get("Condition", {}), access)
        if statement["Effect"] == "Deny":
            if holds is not False:
                return PolicyDecision.DENIED
        elif holds:
            decision = PolicyDecision.ALLOWED
    return decision


@lru_cache(maxsize=POLICIES_REMEMBERED)
def _statements(policy: str) -> list[dict[str, Any]]:
    return _listed(msgspec.json.decode(policy.encode())["Statement"])


def _is_about(statement: dict[str, Any], access: Access) -> bool:
    return (
        _names_or_not(statement, "Principal", lambda given: _names_caller(given, access.account_id))
        and _names_or_not(statement, "Action", lambda given: _names_action(given, access.action))
        and _names_or_not(statement, "Resource", lambda given: _is_like_any(access.resource_arn, given))
    )


def _names_or_not(statement: dict[str, Any], member: str, is_named: Callable[[Any], bool]) -> bool:
    """Whether a member, or the one that says the opposite, fits; one that is absent always does."""
    if member in statement:
        return is_named(statement[member])
    opposite = f"Not{member}"
    return opposite not in statement or not is_named(statement[opposite])


def _names_caller(principal: Any, account_id: str) -> bool:
    if principal == "*":
        return True
    return any(_account_of(name) in ("*", account_id) for name in _listed(principal.get("AWS")))


def _account_of(principal: str) -> str:
    """The account of a principal: of its root, of a user, of a role, or the account id itself."""
    parts = principal.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[2] in ("iam", "sts") else principal


def _names_action(given: Any, action: str) -> bool:
    return any(_is_like(action.lower(), pattern.lower()) for pattern in _listed(given))


# Conditions. `None` is: not known here.


def _conditions_hold(conditions: Any, access: Access) -> bool | None:
    if not isinstance(conditions, dict) or not all(isinstance(keys, dict) for keys in conditions.values()):
        return None
    results = [
        _condition_holds(operator, key, _listed(values), access)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    ]
    if False in results:
        return False
    return None if None in results else True


def _condition_holds(operator: str, key: str, values: list[Any], access: Access) -> bool | None:
    known = _OPERATORS.get(operator.removesuffix("IfExists"))
    read = _KEYS.get(key.lower())
    patterns = [_as_text(value) for value in values]
    if known is None or read is None or any("${" in pattern for pattern in patterns):
        return None
    fits, wanted = known
    found = read(access)
    if found is None:
        return operator.endswith("IfExists") or not wanted
    return any(fits(found, pattern) for pattern in patterns) is wanted


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern of `*` and `?`, the only signs that mean something in a policy."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _is_like_any(text: str, patterns: Any) -> bool:
    return any(_is_like(text, pattern) for pattern in _listed(patterns))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, True),
    "StringNotEquals": (str.__eq__, False),
    "StringLike": (_is_like, True),
    "StringNotLike": (_is_like, False),
    "ArnEquals": (_is_like, True),
    "ArnNotEquals": (_is_like, False),
    "ArnLike": (_is_like, True),
    "ArnNotLike": (_is_like, False),
    "Bool": (lambda found, given: found == given.lower(), True),
}
"""How a value is compared, and whether it should fit. Each has a form with `IfExists`, too."""

_KEYS: dict[str, Callable[[Access], str | None]] = {
    "aws:principalaccount": lambda access: access.account_id,
    "aws:principalisawsservice": lambda _: "false",
    "aws:sourceaccount": lambda _: None,
    "aws:sourcearn": lambda _: None,
    "aws:viaawsservice": lambda _: "false",
}
"""What is known of an access; `None`: known not to be there, because no AWS service calls."""
