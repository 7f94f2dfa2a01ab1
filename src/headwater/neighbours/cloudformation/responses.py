"""The neighbouring CloudFormation's operations, where moto's are not CloudFormation's.

Mended in moto's, each with a test that shows why (`tests/neighbours/cloudformation/test_streams.py`):
- DeleteChangeSet of an unknown name failed; other operations did not say `ChangeSetNotFound`;
- a resource had the status of its stack, and no other;
- GetTemplate knew neither change sets nor what a transform has made of a template;
- a change set without a type was one of a new stack, and not of an update;
- ValidateTemplate wrote a file into the working directory.

The methods of `StackResponse` take the place of moto's (`cloudformation.MENDED`).
"""

from __future__ import annotations

import json
from typing import Any, cast

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from headwater.neighbours.cloudformation.backend import (
    IN_REVIEW,
    UPDATE,
    change_set_of,
    create_change_set,
    create_stack,
    forget_change_sets,
    importers_of,
    publish_exports,
    stack_to_update,
    template_at,
)
from headwater.neighbours.cloudformation.deployment import DeployedResource
from headwater.neighbours.cloudformation.stacks import DeployedStack, PlannedChanges, template_of
from headwater.neighbours.cloudformation.templates import Template, TemplateInvalid, parse

IMPORT = "IMPORT"
CHANGE_SET_TYPES = ("CREATE", UPDATE, IMPORT)


class ChangeSetNotFoundException(CloudFormationError):
    """There is no such change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatusException(CloudFormationError):
    """The change set is not one that can be executed."""

    code = "InvalidChangeSetStatus"


class StackResponse(CloudFormationResponse):
    """The operations."""

    def create_stack(self) -> ActionResult:
        """CreateStack, to its end."""
        rolls_back = not self._get_bool_param("DisableRollback", False)
        stack = create_stack(
            self.cloudformation_backend,
            self._get_param("StackName"),
            _template_text(self),
            {
                each["ParameterKey"]: each.get("ParameterValue", "")
                for each in self._get_param("Parameters", [])
            },
            on_failure=self._get_param("OnFailure") or ("ROLLBACK" if rolls_back else "DO_NOTHING"),
            notification_arns=self._get_param("NotificationARNs", []),
            tags={each["Key"]: each["Value"] for each in self._get_param("Tags", [])},
            role_arn=self._get_param("RoleARN"),
            enable_termination_protection=self._get_bool_param("EnableTerminationProtection", False),
            timeout_in_mins=self._get_param("TimeoutInMinutes"),
            stack_policy_body=self._get_param("StackPolicyBody"),
        )
        return ActionResult({"StackId": stack.stack_id})

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet, of an update where no type is given. Raises ValidationError."""
        kind = self._get_param("ChangeSetType") or UPDATE
        if kind not in CHANGE_SET_TYPES:
            raise ValidationError(
                message=f"1 validation error detected: Value '{kind}' at 'changeSetType' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(CHANGE_SET_TYPES)}]"
            )
        if kind == IMPORT:
            raise NotImplementedError("stacks import no resources here")
        backend, name = self.cloudformation_backend, self._get_param("StackName")
        stack = stack_to_update(backend, name) if kind == UPDATE else None
        parameters = {each["ParameterKey"]: _given(each, stack) for each in self._get_param("Parameters", [])}
        change_set_id, stack_id = create_change_set(
            backend,
            stack_name=name,
            change_set_name=self._get_param("ChangeSetName"),
            template=_template_of_change(self, stack),
            parameters=parameters,
            description=self._get_param("Description"),
            change_set_type=kind,
            notification_arns=self._get_param("NotificationARNs", []),
            tags={each["Key"]: each["Value"] for each in self._get_param("Tags", [])},
            role_arn=self._get_param("RoleARN"),
        )
        return ActionResult({"Id": change_set_id, "StackId": stack_id})

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        return ActionResult(_planned(self))

    def delete_change_set(self) -> ActionResult:
        """DeleteChangeSet; to delete what is gone succeeds."""
        backend, name = self.cloudformation_backend, self._get_param("ChangeSetName")
        planned = change_set_of(backend, name, self._get_param("StackName"))
        if planned is not None:
            del backend.change_sets[planned.change_set_id]
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """ExecuteChangeSet, to its end. Raises InvalidChangeSetStatusException."""
        backend, planned = self.cloudformation_backend, _planned(self)
        if planned.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatusException(
                f"ChangeSet [{planned.change_set_id}] cannot be executed in its current status of "
                f"[{planned.status}]"
            )
        stack = planned.stack
        stack.disable_rollback = bool(self._get_bool_param("DisableRollback", False))
        if stack.status == IN_REVIEW:
            stack.begin(planned.template, planned.parameters, planned.tags or {}, planned.role_arn)
            stack.create_resources()
        else:
            stack.update(planned.template, planned.role_arn, planned.parameters, planned.tags or {})
        publish_exports(backend, stack)
        forget_change_sets(backend, stack)
        return EmptyResult()

    def list_imports(self) -> ActionResult:
        """ListImports, of one export. Raises ValidationError."""
        name = self._get_param("ExportName")
        importers = importers_of(self.cloudformation_backend, name)
        if not importers:
            raise ValidationError(message=f"Export '{name}' is not imported by any stack.")
        return ActionResult({"Imports": importers})

    def list_change_sets(self) -> ActionResult:
        """ListChangeSets, of one stack."""
        stack_name = self._get_param("StackName")
        planned = self.cloudformation_backend.list_change_sets()
        return ActionResult(
            {"Summaries": [each for each in planned if stack_name in (each.stack_name, each.stack_id)]}
        )

    def list_stack_resources(self) -> ActionResult:
        """ListStackResources, with the status that each has."""
        stack = _stack(self)
        return ActionResult({"StackResourceSummaries": [_summary(each) for each in stack.deployed.values()]})

    def describe_stack_resources(self) -> ActionResult:
        """DescribeStackResources, all or one."""
        stack = _stack(self)
        name = self._get_param("LogicalResourceId")
        found = [each for each in stack.deployed.values() if name in (None, each.logical_id)]
        of_stack = {"StackId": stack.stack_id, "StackName": stack.name}
        return ActionResult(
            {"StackResources": [{**of_stack, "Timestamp": each.changed, **_summary(each)} for each in found]}
        )

    def describe_stack_resource(self) -> ActionResult:
        """DescribeStackResource. Raises ValidationError."""
        stack, name = _stack(self), self._get_param("LogicalResourceId")
        if name not in stack.deployed:
            raise ValidationError(message=f"Resource {name} does not exist for stack {stack.name}")
        of_stack = {"StackId": stack.stack_id, "StackName": stack.name}
        return ActionResult({"StackResourceDetail": {**of_stack, **_summary(stack.deployed[name])}})

    def get_template(self) -> ActionResult:
        """GetTemplate, as it was given or, unless that is asked for, as its transforms have made it."""
        is_planned = self._get_param("ChangeSetName") is not None
        of = _planned(self) if is_planned else _stack(self)
        text = str(of.template or "")
        declared = _transforms(parse(text)) if text else []
        if declared and self._get_param("TemplateStage") != "Original":
            text = json.dumps(of.template_dict, default=str)
        return ActionResult({"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]})

    def validate_template(self) -> ActionResult:
        """ValidateTemplate."""
        text = _template_text(self)
        template_of(text, {}, self.region)
        summary = summary_of_template(text)
        parameters = [
            {name: each[name] for name in ("ParameterKey", "DefaultValue", "NoEcho", "Description")}
            for each in summary["Parameters"]
        ]
        return ActionResult(
            {
                "Description": summary["Description"] or "",
                "Parameters": parameters,
                "DeclaredTransforms": summary["DeclaredTransforms"],
            }
        )


def _template_text(response: CloudFormationResponse) -> str:
    """The template that a request has, or says where it is."""
    url = response._get_param("TemplateURL")  # noqa: SLF001 - moto's way to read a request
    if url:
        return template_at(url, response.current_account, response.partition)
    return response._get_param("TemplateBody") or ""  # noqa: SLF001 - as above


def _template_of_change(response: CloudFormationResponse, stack: DeployedStack | None) -> str:
    """The template of a change set. Raises ValidationError."""
    text = _template_text(response)
    if response._get_bool_param("UsePreviousTemplate", False):  # noqa: SLF001 - moto's way to read a request
        if text:
            raise ValidationError(
                message="You cannot specify both usePreviousTemplate and Template Body/Template URL."
            )
        text = "" if stack is None else str(stack.template)
    if not text:
        raise ValidationError(message="Either Template URL or Template Body must be specified.")
    return text


def _given(parameter: dict[str, Any], stack: DeployedStack | None) -> Any:
    """The value of a parameter of a change set. Raises ValidationError."""
    name, before = parameter["ParameterKey"], {} if stack is None else stack.stack_parameters
    if not parameter.get("UsePreviousValue"):
        return parameter.get("ParameterValue", "")
    if name not in before:
        raise ValidationError(
            message=f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a "
            "parameter key not in the previous template"
        )
    return before[name]


def _planned(response: CloudFormationResponse) -> PlannedChanges:
    """The change set that a request names. Raises ChangeSetNotFound."""
    name = response._get_param("ChangeSetName")  # noqa: SLF001 - moto's way to read a request
    stack_name = response._get_param("StackName")  # noqa: SLF001 - as above
    planned = change_set_of(response.cloudformation_backend, name, stack_name)
    if planned is None:
        raise ChangeSetNotFoundException(f"ChangeSet [{name}] does not exist")
    return planned


def _stack(response: CloudFormationResponse) -> DeployedStack:
    """The stack that a request names. Raises ValidationError."""
    name = response._get_param("StackName")  # noqa: SLF001 - as above
    return cast("DeployedStack", response.cloudformation_backend.get_stack(name))  # all are made here


def summary_of_template(template_body: str) -> dict[str, Any]:
    """GetTemplateSummary, and what ValidateTemplate says of parameters. Raises ValidationError."""
    try:
        template = parse(template_body)
    except TemplateInvalid as error:
        raise ValidationError(message=str(error)) from error
    resources = template.get("Resources") or {}
    return {
        "Description": template.get("Description"),
        "Metadata": str(template["Metadata"]) if "Metadata" in template else None,
        "Version": template.get("AWSTemplateFormatVersion"),
        "DeclaredTransforms": _transforms(template),
        "ResourceTypes": [resource["Type"] for resource in resources.values()],
        "Parameters": [
            {
                "ParameterKey": name,
                "Description": slot.get("Description", ""),
                "DefaultValue": slot.get("Default"),
                "NoEcho": slot.get("NoEcho", False),
                "ParameterType": slot.get("Type", "String"),
                "ParameterConstraints": {"AllowedValues": slot["AllowedValues"]}
                if "AllowedValues" in slot
                else {},
            }
            for name, slot in (template.get("Parameters") or {}).items()
        ],
    }


def _transforms(template: Template) -> list[str]:
    declared = template.get("Transform") or []
    return [declared] if isinstance(declared, str) else list(declared)


def _summary(each: DeployedResource) -> dict[str, Any]:
    return {
        "LogicalResourceId": each.logical_id,
        "PhysicalResourceId": each.physical_id,
        "ResourceType": each.type_name,
        "ResourceStatus": each.status,
        "ResourceStatusReason": each.reason,
        "LastUpdatedTimestamp": each.changed,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
