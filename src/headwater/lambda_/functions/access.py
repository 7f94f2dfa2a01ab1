"""Who may do what with a function of another account, where callers are who they say.

Rules:
- the function's own account may do everything;
- another one may do what a statement of the function's policy allows it, as at AWS: the policy of
  the function, version or alias that was named, without looking at conditions.

Refuses to know signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import NamedFunction, read_name
from headwater.model.caller import Caller
from headwater.model.errors import AccessDeniedException
from headwater.model.partition import partition_of
from headwater.server.http.exchange import Answer

NAMED_BY = ("FunctionName", "Resource")
ACTIONS = {"Invoke": "InvokeFunction", "ListTags": "ListTags"}
"""What a policy calls an operation, where that is not the operation's name."""


def guarded(operations: Mapping[str, Handler], functions: Functions) -> dict[str, Handler]:
    """The operations, each refused to callers who may not do it with the function that they name."""
    return {name: _guard(name, handler, functions) for name, handler in operations.items()}


def _guard(name: str, handler: Handler, functions: Functions) -> Handler:
    action = f"lambda:{ACTIONS.get(name, name)}"

    async def guard(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        text = next((request[member] for member in NAMED_BY if request.get(member)), None)
        named = read_name(text, caller) if text else None
        if named is not None and named.id.account_id != caller.account_id:
            qualified = named._replace(qualifier=request.get("Qualifier") or named.qualifier)
            _check(functions, qualified, caller, action)
        return await handler(caller, request)

    return guard


def _check(functions: Functions, named: NamedFunction, caller: Caller, action: str) -> None:
    function = functions.store.find(named.id)
    policy = function.policies.get(named.qualifier or "") if function else None
    statements = policy.statements.values() if policy else ()
    if not any(_allows(statement, caller, action) for statement in statements):
        who = f"arn:{partition_of(caller.region)}:iam::{caller.account_id}:root"
        raise AccessDeniedException(
            f"User: {who} is not authorized to perform: {action} on resource: {named.id.arn} because no "
            f"resource-based policy allows the {action} action"
        )


def _allows(statement: dict[str, Any], caller: Caller, action: str) -> bool:
    if statement["Action"] not in (action, "lambda:*", "*"):
        return False
    principal = statement["Principal"]
    if isinstance(principal, dict):
        principal = principal.get("AWS", "")
    return principal == "*" or f"::{caller.account_id}:" in principal
