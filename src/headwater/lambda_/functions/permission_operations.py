"""AddPermission, GetPolicy and RemovePermission: who else may invoke a function.

Policies are recorded and shown; Headwater lets whoever may call it invoke functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from headwater.lambda_.api.errors import ResourceConflictException, ResourceNotFoundException
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.functions.function import Function, Policy
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import NamedFunction, named_function
from headwater.lambda_.functions.requests import check_revision, found
from headwater.model.caller import Caller
from headwater.model.partition import partition_of, url_suffix_of

CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
}
"""Members of AddPermission, and the condition of a statement that each becomes."""


def permission_operations(functions: Functions) -> Mapping[str, Handler]:
    """The operations on the policies of one server's functions, by name."""
    return {
        "AddPermission": partial(add_permission, functions),
        "GetPolicy": partial(get_policy, functions),
        "RemovePermission": partial(remove_permission, functions),
    }


async def add_permission(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """One more statement in the policy of a function, version or alias.

    Raises ResourceConflictException.
    """
    function, qualifier, policy = _policy(functions, caller, request)
    sid = request["StatementId"]
    check_revision(request.get("RevisionId"), policy.revision_id if policy else function.latest.revision_id)
    statements = policy.statements if policy else {}
    if sid in statements:
        raise ResourceConflictException(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement."
        )
    statement = _statement(function, qualifier, request)
    await _keep(functions, function, qualifier, {**statements, sid: statement})
    return {"Statement": _text(statement)}


async def get_policy(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """The policy of a function, version or alias. Raises ResourceNotFoundException."""
    _, _, policy = _policy(functions, caller, request)
    if policy is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    document = {"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements.values())}
    return {"Policy": _text(document), "RevisionId": policy.revision_id}


async def remove_permission(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Take a statement from a policy. Raises ResourceNotFoundException."""
    function, qualifier, policy = _policy(functions, caller, request)
    if policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    sid = request["StatementId"]
    if sid not in policy.statements:
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    check_revision(request.get("RevisionId"), policy.revision_id)
    left = {name: statement for name, statement in policy.statements.items() if name != sid}
    await _keep(functions, function, qualifier, left)
    return {}


def _policy(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> tuple[Function, str, Policy | None]:
    named: NamedFunction = named_function(request["FunctionName"], caller, request.get("Qualifier"))
    function = found(functions, named).function
    qualifier = named.qualifier or ""
    return function, qualifier, function.policies.get(qualifier)


async def _keep(
    functions: Functions, function: Function, qualifier: str, statements: dict[str, dict[str, Any]]
) -> None:
    policies = {name: policy for name, policy in function.policies.items() if name != qualifier}
    if statements:
        policies[qualifier] = Policy(statements, functions.new_uuid())
    await functions.keep(msgspec.structs.replace(function, policies=policies))


def _statement(function: Function, qualifier: str, request: dict[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"], function.region),
        "Action": request["Action"],
        "Resource": f"{function.arn}:{qualifier}" if qualifier else function.arn,
    }
    condition: dict[str, dict[str, Any]] = {}
    for member, (operator, key) in CONDITIONS.items():
        if request.get(member) is not None:
            value = request[member]
            condition.setdefault(operator, {})[key] = str(value).lower() if isinstance(value, bool) else value
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(principal: str, region: str) -> Any:
    if principal == "*":
        return principal
    if principal.endswith((".amazonaws.com", ".amazon.com", f".{url_suffix_of(region)}")):
        return {"Service": principal}
    if principal.isdigit():
        return {"AWS": f"arn:{partition_of(region)}:iam::{principal}:root"}
    return {"AWS": principal}


def _text(document: Any) -> str:
    return msgspec.json.encode(document).decode()
