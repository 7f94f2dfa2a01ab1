"""A stack's way from what it is to what a template says: in order, with events, and back if a step fails.

Rules:
- a resource is made after those that it needs, and removed before them;
- one whose create-only property changes, or whose type does, is replaced: the new one is made
  first, the old one goes when all else is done;
- a step that fails is undone with all before it, in the opposite order; what was removed in
  the end is removed when nothing can fail any more;
- every step of every resource is an event, and so is every status of the stack.

Refuses to know requests, and how a resource is made.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.cloudformation.parsing import clean_json, parse_and_create_resource, parse_and_update_resource
from moto.core.utils import utcnow

from headwater.neighbours.cloudformation.published_schemas import checked, replacing, with_tags
from headwater.neighbours.cloudformation.resource_map import StackResourceMap
from headwater.neighbours.cloudformation.resource_models import OWN_TYPES, OwnResource
from headwater.neighbours.cloudformation.templates import Template, in_order

RETAINED = frozenset({"Retain"})
RETAINED_ON_ROLLBACK: frozenset[str] = frozenset()
"""`RetainExceptOnCreate` and `Retain` do not keep what a rollback of its creation removes."""
GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "not found", "does not exist")
"""How the neighbours say that a resource is not there any more."""
RECORDED = "No service here makes this type: it is recorded, and nothing was made."

EventWriter = Callable[..., None]
Check = Callable[[], None]


@dataclass
class DeployedResource:
    """A resource that a stack has."""

    logical_id: str
    type_name: str
    resource: Any
    """Moto's model, or one of the same form."""
    document: dict[str, Any]
    """As in the template."""
    properties: dict[str, Any]
    """With all references resolved."""
    status: str = ""
    reason: str | None = None
    changed: datetime = field(default_factory=utcnow)

    @property
    def physical_id(self) -> str:
        """The value of `Ref`."""
        return str(getattr(self.resource, "physical_resource_id", "") or self.logical_id)


class StepFailed(Exception):
    """A step for one resource failed; its event is written. What was done before is still there."""

    def __init__(self, logical_id: str, verb: str) -> None:
        super().__init__(f"The following resource(s) failed to {verb}: [{logical_id}]. ")
        self.undo: list[Callable[[], None]] = []

    def go_back(self) -> None:
        """Undo all that was done before, in the opposite order."""
        for back in reversed(self.undo):
            back()


class ExportInUse(StepFailed):
    """All was done, but another stack imports what would go or change."""

    def __init__(self, name: str, verb: str, importers: list[str]) -> None:
        super().__init__(name, verb)
        self.args = (f"Export {name} cannot be {verb} as it is in use by {', '.join(importers)}",)


Deployed = dict[str, DeployedResource]


class StackDeployment:
    """The steps of one stack. `deployed` is what it has, and is changed as the steps are done."""

    def __init__(self, account_id: str, region: str, tags: dict[str, str], add_event: EventWriter) -> None:
        """`add_event` takes a resource, a status and a reason."""
        self._where = {"account_id": account_id, "region_name": region}
        self._tags = tags
        self._add_event = add_event

    def go(
        self, deployed: Deployed, template: Template, resources: StackResourceMap, check: Check = lambda: None
    ) -> list[DeployedResource]:
        """Make and change what the template says. Gives what is to be removed then.

        `check` looks at what was made.

        Raises `StepFailed`, which knows how to go back.
        """
        undo: list[Callable[[], None]] = []
        superseded: list[DeployedResource] = []
        wanted = [name for name in in_order(template) if _is_wanted(template["Resources"][name], resources)]
        try:
            for name in wanted:
                self._step(name, template["Resources"][name], deployed, resources, undo, superseded)
            check()
        except StepFailed as failure:
            failure.undo = undo
            raise
        superseded += [deployed.pop(name) for name in list(deployed) if name not in wanted]
        ordered = {name: deployed.pop(name) for name in wanted}  # what was here before may need what is new
        deployed.update(ordered)
        return superseded[::-1]

    def remove(self, present: DeployedResource, resources: StackResourceMap, kept: frozenset[str]) -> bool:
        """Remove a resource, unless its policy is one of `kept`. Whether it is gone, or kept."""
        policy = present.document.get("DeletionPolicy", "Delete")
        if policy in kept:
            self._add_event(present, "DELETE_SKIPPED")
            return True
        self._add_event(present, "DELETE_IN_PROGRESS")
        try:
            resources.remove(present.resource, {**present.document, "Properties": present.properties})
        except Exception as error:  # noqa: BLE001 - whatever a service says is the event's reason
            if not _is_gone(error):
                self._add_event(present, "DELETE_FAILED", reason_of(error))
                return False
        self._add_event(present, "DELETE_COMPLETE")
        return True

    def _step(
        self,
        name: str,
        document: dict[str, Any],
        deployed: Deployed,
        resources: StackResourceMap,
        undo: list[Callable[[], None]],
        superseded: list[DeployedResource],
    ) -> None:
        # 1. Compute the properties from the template; what they refer to is made already.
        type_name, old = document["Type"], deployed.get(name)
        next_one = DeployedResource(name, type_name, None if old is None else old.resource, document, {})
        verb = "create" if old is None else "update"
        try:
            properties = clean_json(copy.deepcopy(document.get("Properties") or {}), resources)
            next_one.properties = self._with_tags(type_name, checked(type_name, properties))
        except Exception as error:
            self._add_event(next_one, f"{verb.upper()}_FAILED", reason_of(error))
            raise StepFailed(name, verb) from error
        # 2. Leave alone what has not changed.
        if old is not None and old.type_name == type_name and old.properties == next_one.properties:
            old.document = document
            resources.put(name, old.resource)
            return
        # 3. Create, replace or change the resource, and note how to undo that.
        if old is None:
            self._make(next_one, resources, "CREATE")
            undo.append(lambda: self._unmake(next_one, deployed, resources, None))
        elif old.type_name != type_name or replacing(type_name, old.properties, next_one.properties):
            self._add_event(
                next_one, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new one."
            )
            self._make(next_one, resources, "UPDATE")
            superseded.append(old)
            undo.append(lambda: self._unmake(next_one, deployed, resources, old))
        else:
            self._change(old, next_one, resources, "UPDATE")
            undo.append(lambda: self._change_back(next_one, old, deployed, resources))
        deployed[name] = next_one

    def _make(self, made: DeployedResource, resources: StackResourceMap, verb: str) -> None:
        if verb == "CREATE":
            self._add_event(made, "CREATE_IN_PROGRESS")
        try:
            made.resource = parse_and_create_resource(made.logical_id, _given(made), resources, **self._where)
        except Exception as error:
            made.resource = None
            self._add_event(made, f"{verb}_FAILED", reason_of(error))
            raise StepFailed(made.logical_id, verb.lower()) from error
        resources.put(made.logical_id, made.resource)
        self._add_event(made, f"{verb}_COMPLETE", RECORDED if _is_recorded(made) else None)

    def _change(
        self, old: DeployedResource, changed: DeployedResource, resources: StackResourceMap, verb: str
    ) -> None:
        self._add_event(changed, "UPDATE_IN_PROGRESS")
        resources.put(changed.logical_id, old.resource)
        try:
            resource = parse_and_update_resource(
                changed.logical_id, _given(changed), resources, **self._where
            )
        except Exception as error:
            self._add_event(changed, f"{verb}_FAILED", reason_of(error))
            self._restore(old, changed, resources)
            raise StepFailed(changed.logical_id, verb.lower()) from error
        changed.resource = resource or old.resource
        resources.put(changed.logical_id, changed.resource)
        self._add_event(changed, "UPDATE_COMPLETE")

    def _restore(self, old: DeployedResource, changed: DeployedResource, resources: StackResourceMap) -> None:
        """Some of a change may have been done before it failed: put back what was before."""
        if isinstance(old.resource, OwnResource):
            resources.put(old.logical_id, old.resource.with_properties(changed.properties))
        try:
            parse_and_update_resource(old.logical_id, _given(old), resources, **self._where)
        except Exception as error:  # noqa: BLE001 - it is told, and the other steps are undone all the same
            self._add_event(old, "UPDATE_FAILED", reason_of(error))

    def _unmake(
        self,
        made: DeployedResource,
        deployed: Deployed,
        resources: StackResourceMap,
        before: DeployedResource | None,
    ) -> None:
        if self.remove(made, resources, RETAINED_ON_ROLLBACK):
            del deployed[made.logical_id]
        if before is not None:
            deployed[made.logical_id] = before

    def _change_back(
        self,
        changed: DeployedResource,
        old: DeployedResource,
        deployed: Deployed,
        resources: StackResourceMap,
    ) -> None:
        try:
            self._change(changed, old, resources, "UPDATE")
        except StepFailed:
            return
        deployed[old.logical_id] = old

    def _with_tags(self, type_name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """A stack's tags are those of Headwater's resources too; moto gives its own what they take."""
        return with_tags(type_name, properties, self._tags) if type_name in OWN_TYPES else properties


def reason_of(error: BaseException) -> str:
    """The reason that an event gives for an error."""
    text = getattr(error, "message", None) or getattr(error, "description", None) or str(error)
    if isinstance(error, KeyError | TypeError | AttributeError):
        text = f"{type(error).__name__}: {error}"
    return str(text)


def properties_text(present: DeployedResource) -> str:
    """The properties as an event has them."""
    return json.dumps(present.properties, default=str)


def _is_wanted(document: dict[str, Any], resources: StackResourceMap) -> bool:
    condition = document.get("Condition")
    return condition is None or bool(resources.lazy_condition_map[condition])


def _given(resource: DeployedResource) -> dict[str, Any]:
    """What makes a resource: for those of Headwater, with the types that the schema says."""
    document = {name: value for name, value in resource.document.items() if name != "Condition"}
    return {**document, "Properties": copy.deepcopy(resource.properties)}


def _is_recorded(made: DeployedResource) -> bool:
    return getattr(made.resource, "is_recorded", False)


def _is_gone(error: Exception) -> bool:
    """Whether there is nothing to delete. Moto's types raise all kinds of errors: their words tell."""
    words = f"{type(error).__name__} {getattr(error, 'code', '')} {error}"
    return any(word in words for word in GONE)
