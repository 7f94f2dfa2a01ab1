"""Stacks and change sets: moto's, deployed by Headwater's rules.

Mended in moto's, each with a test that shows why (`tests/neighbours/cloudformation/test_streams.py`):
- the outputs of a stack that a change set has made or changed were empty;
- there were no events of resources, and none of what fails; nothing was rolled back;
- resources were removed in a random order;
- a template could make any object of Python, and run its code.

Refuses to know requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Change, ChangeSet, Event, Stack
from moto.cloudformation.parsing import OutputMap, clean_json
from moto.core.utils import utcnow

from headwater.neighbours.cloudformation.deployment import (
    RETAINED,
    Deployed,
    DeployedResource,
    ExportInUse,
    StackDeployment,
    StepFailed,
    properties_text,
)
from headwater.neighbours.cloudformation.published_schemas import replacing
from headwater.neighbours.cloudformation.resource_map import StackResourceMap
from headwater.neighbours.cloudformation.templates import (
    Template,
    TemplateInvalid,
    in_order,
    parse,
    parts,
    read,
)

USER_INITIATED = "User Initiated"
RETAINED_ON_DELETION = RETAINED | {"RetainExceptOnCreate"}
HIDDEN = "****"


def template_of(text: str | dict[str, Any], parameters: dict[str, Any], region: str) -> Template:
    """The template that a text says. Raises CloudFormation's ValidationError."""
    if not isinstance(text, str):
        return text
    try:
        return read(text, _with_defaults(parse(text), parameters), region)
    except TemplateInvalid as error:
        raise ValidationError(message=str(error)) from error


def _with_defaults(template: Template, parameters: dict[str, Any]) -> dict[str, Any]:
    """All parameters as they are given, or as the template says without."""
    slots = template.get("Parameters") or {}
    defaults = {name: slot["Default"] for name, slot in slots.items() if "Default" in slot}
    return {**defaults, **{name: value for name, value in parameters.items() if name in slots}}


class DeployedStack(Stack):
    """A stack that knows what it has deployed."""

    resource_map: StackResourceMap

    def __init__(self, *, region_name: str, parameters: dict[str, Any], **others: Any) -> None:
        self.region_name = region_name
        self.parameters = parameters
        self.deployed: Deployed = {}
        self.importers_of: Callable[[str], list[str]] = lambda _export_name: []
        super().__init__(region_name=region_name, parameters=parameters, **others)

    def _parse_template(self) -> None:
        self.template_dict = template_of(self.template, self.parameters, self.region_name)

    def _create_resource_map(self) -> StackResourceMap:
        return self._map_of(self.template_dict, self.parameters)

    def has_template(self, other_template: str) -> bool:
        """Whether another template says the same."""
        return isinstance(self.template, str) and parse(self.template) == parse(other_template)

    def imports(self) -> set[str]:
        """The names of the exports that it uses."""
        deployed = [each.document for each in self.deployed.values()]
        named = (part.get("Fn::ImportValue") for part in parts([deployed, self.template_dict.get("Outputs")]))
        return {str(clean_json(name, self.resource_map)) for name in named if name is not None}

    @property
    def stack_name(self) -> str:
        """As the summaries of ListStacks have it."""
        return str(self.name)

    @property
    def stack_status(self) -> str:
        """As the summaries of ListStacks have it."""
        return str(self.status)

    @property
    def stack_parameters(self) -> dict[str, Any]:
        """The parameters as they were given: what `UsePreviousValue` means."""
        return _with_defaults(self.template_dict, self.parameters)

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        """The parameters as answers have them."""
        hidden = self.resource_map.no_echo_parameter_keys
        shown = []
        for name, value in self.stack_parameters.items():
            parameter = {"ParameterKey": name, "ParameterValue": HIDDEN if name in hidden else str(value)}
            kind = self.template_dict["Parameters"][name].get("Type", "")
            if kind.startswith("AWS::SSM::Parameter::"):
                parameter["ResolvedValue"] = str(self.resource_map.resolved_parameters[name])
            shown.append(parameter)
        return shown

    @staticmethod
    def cloudformation_name_type() -> str:
        """A nested stack's name is made."""
        return ""

    def is_created(self) -> bool:
        """It is made in one go."""
        return True

    @property
    def stack_resources(self) -> Iterable[Any]:
        """The deployed resources, in moto's form."""
        return [each.resource for each in self.deployed.values() if each.resource is not None]

    def begin(
        self, template: str, parameters: dict[str, Any], tags: dict[str, str], role_arn: str | None
    ) -> None:
        """Take what a change set has for a stack that is only planned so far."""
        self.template, self.parameters, self.tags, self.role_arn = template, parameters, tags, role_arn
        self._parse_template()
        self.resource_map = self._create_resource_map()

    def create_resources(self) -> None:
        """Make everything; afterwards the stack is CREATE_COMPLETE, or ROLLBACK_COMPLETE.

        With `disable_rollback` it is CREATE_FAILED instead, and what was made stays.
        """
        self._turn("CREATE_IN_PROGRESS", USER_INITIATED)
        try:
            self._deployment().go(self.deployed, self.template_dict, self.resource_map)
        except StepFailed as failure:
            if self.disable_rollback:
                self._turn("CREATE_FAILED", str(failure))
                return
            self._turn("ROLLBACK_IN_PROGRESS", f"{failure}Rollback requested by user.")
            failure.go_back()
            self._turn("ROLLBACK_FAILED" if self.deployed else "ROLLBACK_COMPLETE")
            self.output_map = OutputMap(self.resource_map, {}, self.stack_id)
            return
        self._turn("CREATE_COMPLETE")
        self.description = self.template_dict.get("Description")
        self.output_map = self._create_output_map()

    def update(
        self,
        template: str,
        role_arn: str | None = None,
        parameters: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Change what differs; afterwards the stack is UPDATE_COMPLETE, or UPDATE_ROLLBACK_COMPLETE.

        With `disable_rollback` it is UPDATE_FAILED instead, and what was done stays.
        """
        # 1. Read the template; nothing has changed when it is refused.
        document = template_of(template, parameters or {}, self.region_name)
        resources = self._map_of(document, parameters or {})
        before = self.tags
        self.tags = before if tags is None else tags
        self._turn("UPDATE_IN_PROGRESS", USER_INITIATED)
        try:
            # 2. Make and change resources, one after another.
            superseded = self._deployment().go(
                self.deployed, document, resources, lambda: self._check_exports(document, resources)
            )
        except StepFailed as failure:
            # 3. A step that failed: stop there, or go back.
            if self.disable_rollback:
                self.template, self.template_dict, self.resource_map = template, document, resources
                self.parameters = parameters or {}
                self._turn("UPDATE_FAILED", str(failure))
                return
            self.tags = before
            self._turn("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            failure.go_back()
            self._turn("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            self._turn("UPDATE_ROLLBACK_COMPLETE")
            return
        self._turn("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        # 4. Remove what was replaced or is no longer in the template.
        for present in superseded:
            self._deployment().remove(present, resources, RETAINED_ON_DELETION)
        # 5. The stack is what the template says.
        self.template, self.template_dict, self.resource_map = template, document, resources
        self.parameters = parameters or {}
        self.role_arn = role_arn
        self.description = document.get("Description")
        self.output_map = self._create_output_map()
        self._turn("UPDATE_COMPLETE")

    def _check_exports(self, document: Template, resources: StackResourceMap) -> None:
        """Raises `ExportInUse` when another stack imports an export that would go or change."""
        after = {each.name: each.value for each in OutputMap(resources, document, self.stack_id).exports}
        for export in self.exports:
            verb = "updated" if export.name in after else "deleted"
            importers = self.importers_of(export.name)
            if importers and after.get(export.name) != export.value:
                raise ExportInUse(export.name, verb, importers)

    def delete(self) -> None:
        """Remove everything; afterwards the stack is DELETE_COMPLETE or DELETE_FAILED."""
        self._turn("DELETE_IN_PROGRESS", USER_INITIATED)
        for present in self._in_removal_order():
            if self._deployment().remove(present, self.resource_map, RETAINED_ON_DELETION):
                del self.deployed[present.logical_id]
        if self.deployed:
            names = ", ".join(self.deployed)
            self._turn("DELETE_FAILED", f"The following resource(s) failed to delete: [{names}]. ")
        else:
            self._turn("DELETE_COMPLETE")

    def _in_removal_order(self) -> list[DeployedResource]:
        """Each before those that it needs; what a rollback could not remove comes first."""
        names = in_order(self.template_dict) if self.deployed else []
        places = {name: place for place, name in enumerate(names)}
        present = self.deployed.values()
        return sorted(present, key=lambda each: places.get(each.logical_id, len(places)), reverse=True)

    def _deployment(self) -> StackDeployment:
        return StackDeployment(self.account_id, self.region_name, self.tags, self._add_event)

    def _map_of(self, template: Template, parameters: dict[str, Any]) -> StackResourceMap:
        resources = StackResourceMap(
            self.stack_id,
            self.name,
            parameters,
            self.tags,
            account_id=self.account_id,
            region_name=self.region_name,
            template=template,
            cross_stack_resources=self.cross_stack_resources,
        )
        resources.load()
        return resources

    def _turn(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self.stack_status_reason = reason
        if not status.startswith("CREATE"):
            self.last_updated_time = utcnow()
        self._add_stack_event(status, resource_status_reason=reason)

    def _add_event(self, present: DeployedResource, status: str, reason: str | None = None) -> None:
        present.status, present.reason, present.changed = status, reason, utcnow()
        event = Event(
            stack_id=self.stack_id,
            stack_name=self.name,
            logical_resource_id=present.logical_id,
            physical_resource_id=present.physical_id if present.resource is not None else "",
            resource_type=present.type_name,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=properties_text(present),
        )
        event.sendToSns(self.account_id, self.region_name, self.notification_arns)
        self.events.append(event)


class PlannedChange(Change):
    """One change of a change set, with what it does to the resource that is there."""

    def __init__(
        self, action: str, name: str, present: Any, old: dict[str, Any] | None, new: dict[str, Any] | None
    ) -> None:
        """`old` and `new` are the resource's documents, as far as there are such."""
        super().__init__(action, name, (new or old or {})["Type"])
        self.physical_resource_id = None if present is None else present.physical_id
        self.replacement = None if old is None or new is None else _replacement(old, new)
        self.scope = ["Properties"] if action == "Modify" else []
        self.details = [] if old is None or new is None else _details(old, new)


class PlannedChanges(ChangeSet):
    """A change set."""

    stack: DeployedStack

    def _parse_template(self) -> None:
        self.template_dict = template_of(self.template, self.parameters, self.stack.region_name)

    def diff(self) -> list[Change]:
        """The changes of an update; `Replacement` is of properties that the template changes itself."""
        old = self.stack.resource_map._resource_json_map  # noqa: SLF001 - the template's part as it is deployed
        new = self.template_dict["Resources"]
        given = _with_defaults(self.template_dict, self.parameters)
        names = self.stack.resource_map.build_resource_diff(
            self.template_dict, given if self.stack.template else None
        )
        changes: list[Change] = []
        for action, resources in names.items():
            for name in resources:
                present = self.stack.deployed.get(name)
                changes.append(PlannedChange(action, name, present, old.get(name), new.get(name)))
        return changes


def _replacement(old: dict[str, Any], new: dict[str, Any]) -> str:
    return "True" if old["Type"] != new["Type"] or _fixed(old, new) else "False"


def _details(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The properties whose text changes, one by one: the CDK takes one that is not here for unchanged."""
    fixed = _fixed(old, new)
    return [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": name,
                "RequiresRecreation": "Always" if name in fixed else "Never",
            },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in sorted(_changed_properties(old, new))
    ]


def _fixed(old: dict[str, Any], new: dict[str, Any]) -> frozenset[str]:
    return replacing(new["Type"], old.get("Properties") or {}, new.get("Properties") or {})


def _changed_properties(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    before, after = old.get("Properties") or {}, new.get("Properties") or {}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
