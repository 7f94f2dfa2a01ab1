"""What the neighbouring CloudFormation keeps of stacks and change sets, and how it changes that.

Mended in moto's, each with a test that shows why (`tests/neighbours/cloudformation/test_streams.py`):
- change sets of different stacks were taken for each other by their names;
- a change set for a new stack made a second stack of the same name; its exports were not known;
- a stack whose deletion failed was gone;
- a template's bucket was taken from the host name of 127.0.0.1.

The functions take the place of methods of moto's backend (`cloudformation.MENDED`). Refuses to know
requests, and how a stack is deployed.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.utils import generate_changeset_id, generate_stack_id, validate_create_change_set
from moto.s3.models import s3_backends

from headwater.model.partition import PARTITIONS
from headwater.neighbours.cloudformation.stacks import DeployedStack, PlannedChanges, template_of

IN_REVIEW = "REVIEW_IN_PROGRESS"
UPDATE = "UPDATE"
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_SUFFIXES = "|".join(sorted({re.escape(partition.url_suffix) for partition in PARTITIONS}))
_IN_HOST = re.compile(rf"(?P<bucket>.+?)\.(?:s3[.-](?:.*\.)?(?:{_SUFFIXES})|(?:s3\.)?localhost)")


def template_at(template_url: str, account_id: str, partition: str) -> str:
    """The text of a template in the neighbouring S3, its bucket in the path or in the host.

    Raises ValidationError.
    """
    parts = urlsplit(template_url)
    path, in_host = unquote(parts.path).lstrip("/"), _IN_HOST.fullmatch(parts.hostname or "")
    bucket, key = (in_host["bucket"], path) if in_host else path.partition("/")[::2]
    try:
        found = s3_backends[account_id][partition].get_object(bucket, key)
    except Exception as error:
        raise ValidationError(message=f"S3 error: {error}") from error
    if found is None:
        raise ValidationError(message="S3 error: The specified key does not exist.")
    return str(found.value.decode())


def _live_stack(backend: CloudFormationBackend, name_or_id: str) -> DeployedStack | None:
    for stack in backend.stacks.values():
        if name_or_id in (stack.stack_id, stack.name):
            return stack  # type: ignore[return-value]  # all are made here
    return None


def create_stack(
    backend: CloudFormationBackend,
    name: str,
    template: str,
    parameters: dict[str, Any],
    *,
    on_failure: str = "ROLLBACK",
    **options: Any,
) -> DeployedStack:
    """CreateStack: the stack as it is in the end. `on_failure` is ROLLBACK, DO_NOTHING or DELETE.

    Raises AlreadyExistsException.
    """
    if _live_stack(backend, name) is not None:
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    options["timeout_in_mins"] = options.get("timeout_in_mins")
    stack = _new_stack(backend, name, template, parameters, **options)
    backend.stacks[stack.stack_id] = stack
    stack.disable_rollback = on_failure == "DO_NOTHING"
    stack.create_resources()
    publish_exports(backend, stack)
    if on_failure == "DELETE" and stack.status != "CREATE_COMPLETE":
        delete_stack(backend, stack.stack_id)
    return stack


def _new_stack(
    backend: CloudFormationBackend,
    name: str,
    template: str | dict[str, Any],
    parameters: dict[str, Any],
    **options: Any,
) -> DeployedStack:
    stack = DeployedStack(
        stack_id=generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        cross_stack_resources=backend.exports,
        **options,
    )
    # Moto takes an empty table of exports for none, and would not see those that come.
    stack.cross_stack_resources = stack.resource_map.cross_stack_resources = backend.exports
    stack.importers_of = partial(importers_of, backend)
    return stack


def publish_exports(backend: CloudFormationBackend, stack: DeployedStack) -> None:
    """Let other stacks import what a stack exports now, and nothing that it did before."""
    for name, export in list(backend.exports.items()):
        if export.exporting_stack_id == stack.stack_id:
            del backend.exports[name]
    if stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        backend.exports.update({export.name: export for export in stack.exports})


def importers_of(backend: CloudFormationBackend, export_name: str) -> list[str]:
    """The names of the stacks that import an export."""
    return [
        stack.name
        for stack in backend.stacks.values()
        if export_name in stack.imports()  # type: ignore[attr-defined]  # all are made here
    ]


def create_change_set(
    backend: CloudFormationBackend,
    *,
    stack_name: str,
    change_set_name: str,
    template: str,
    parameters: dict[str, Any],
    description: str,
    change_set_type: str,
    **options: Any,
) -> tuple[str, str]:
    """CreateChangeSet: its id, and that of its stack. Raises ValidationError and AlreadyExistsException."""
    validate_create_change_set(change_set_name)
    template_of(template, parameters, backend.region_name)
    stack = _live_stack(backend, stack_name)
    if change_set_type == UPDATE:
        stack = stack_to_update(backend, stack_name)
    elif stack is None:
        stack = _new_stack(backend, stack_name, {}, {}, **options)
        backend.stacks[stack.stack_id] = stack
        stack.status = IN_REVIEW
        stack._add_stack_event(IN_REVIEW, resource_status_reason="User Initiated")  # noqa: SLF001 - moto's own
    elif stack.status != IN_REVIEW:
        raise ValidationError(
            message=f"Stack [{stack_name}] already exists and cannot be created again with the changeSet "
            f"[{change_set_name}]."
        )
    if change_set_of(backend, change_set_name, stack_name) is not None:
        raise AlreadyExistsException(f"ChangeSet {change_set_name} cannot be created because it exists.")
    planned = PlannedChanges(
        change_set_type=change_set_type,
        change_set_id=generate_changeset_id(change_set_name, backend.region_name, backend.account_id),
        change_set_name=change_set_name,
        stack=stack,
        template=template,
        parameters=parameters,
        description=description,
        **options,
    )
    _settle(planned, stack)
    backend.change_sets[planned.change_set_id] = planned
    return planned.change_set_id, stack.stack_id


def stack_to_update(backend: CloudFormationBackend, name_or_id: str) -> DeployedStack:
    """A stack that is there, and may be changed. Raises ValidationError."""
    stack = _live_stack(backend, name_or_id)
    if stack is None or stack.status == IN_REVIEW:
        raise ValidationError(message=f"Stack [{name_or_id}] does not exist")
    _require_updatable(stack)
    return stack


def _require_updatable(stack: DeployedStack) -> None:
    if stack.status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        raise ValidationError(
            message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        )


def _settle(planned: PlannedChanges, stack: DeployedStack) -> None:
    is_same = (
        planned.change_set_type == UPDATE
        and stack.has_template(planned.template)
        and stack.stack_parameters == {**stack.stack_parameters, **planned.parameters}
        and (stack.tags == (planned.tags or {}))
        and not planned.changes
    )
    planned.status = "FAILED" if is_same else "CREATE_COMPLETE"
    planned.execution_status = "UNAVAILABLE" if is_same else "AVAILABLE"
    planned.status_reason = NO_CHANGES if is_same else None


def change_set_of(
    backend: CloudFormationBackend, name_or_id: str, stack_name: str | None
) -> PlannedChanges | None:
    """A change set by its id, or by its name and its stack's name or id."""
    for planned in backend.change_sets.values():
        of_stack = stack_name in (None, planned.stack_name, planned.stack_id)
        if name_or_id == planned.change_set_id or (of_stack and name_or_id == planned.change_set_name):
            return planned  # type: ignore[return-value]  # all are made here
    return None


def update_stack(
    backend: CloudFormationBackend,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> DeployedStack:
    """UpdateStack: the stack as it is in the end. Raises ValidationError."""
    stack = _live_stack(backend, name)
    if stack is None:
        raise ValidationError(message=f"Stack [{name}] does not exist")
    previous = stack.stack_parameters
    given = {
        each["ParameterKey"]: previous.get(each["ParameterKey"])
        if each.get("UsePreviousValue")
        else each.get("ParameterValue", "")
        for each in parameters
    }
    if stack.has_template(template) and previous == {**previous, **given} and tags in (None, stack.tags):
        raise ValidationError(message="No updates are to be performed.")
    _require_updatable(stack)
    stack.update(template, role_arn, given, tags)
    publish_exports(backend, stack)
    return stack


def delete_stack(backend: CloudFormationBackend, name_or_stack_id: str) -> None:
    """DeleteStack; to delete what is gone succeeds. Raises ValidationError."""
    stack = _live_stack(backend, name_or_stack_id)
    if stack is None:
        return
    if stack.enable_termination_protection:
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    for export in stack.exports:
        importers = importers_of(backend, export.name)
        if export.name in backend.exports and importers:
            text = f"Export {export.name} cannot be deleted as it is in use by {', '.join(importers)}"
            raise ValidationError(message=text)
    stack.delete()
    forget_change_sets(backend, stack)
    if stack.status == "DELETE_COMPLETE":
        del backend.stacks[stack.stack_id]
        backend.deleted_stacks[stack.stack_id] = stack
        publish_exports(backend, stack)


def forget_change_sets(backend: CloudFormationBackend, stack: DeployedStack) -> None:
    """One of them has been executed, or the stack is gone."""
    for change_set_id, planned in list(backend.change_sets.items()):
        if planned.stack_id == stack.stack_id:
            del backend.change_sets[change_set_id]
