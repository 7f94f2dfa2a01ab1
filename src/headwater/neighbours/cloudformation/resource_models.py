"""CloudFormation's resource types in the form that moto's registry has.

Rules:
- a type in Headwater's tables (`OWN_TYPES`) is made by Headwater; else moto's own serves, but for
  those of services that are Headwater's, whose requests never come to moto;
- a type that AWS has and moto has not, and a custom one, is recorded: its stack goes on, its
  events say that nothing was made;
- the errors of Headwater's engine become the reasons of events as CloudFormation words them.

Refuses to know stacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.exceptions import JsonRESTError

from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.neighbours.calls.lambda_ import CallRefused
from headwater.neighbours.cloudformation.channel_resources import CHANNEL_TYPES
from headwater.neighbours.cloudformation.delivery_resources import DELIVERY_TYPES
from headwater.neighbours.cloudformation.delivery_stream_resources import DELIVERY_STREAM_TYPES
from headwater.neighbours.cloudformation.function_resources import FUNCTION_TYPES
from headwater.neighbours.cloudformation.queue_resources import QUEUE_TYPES
from headwater.neighbours.cloudformation.stream_resources import RESOURCE_TYPES, Resource, ResourceType

OWN_TYPES: dict[str, ResourceType] = {
    **RESOURCE_TYPES,
    **QUEUE_TYPES,
    **CHANNEL_TYPES,
    **FUNCTION_TYPES,
    **DELIVERY_TYPES,
    **DELIVERY_STREAM_TYPES,
}
"""The types that Headwater makes."""
OWN_SERVICES = ("AWS::Kinesis::", "AWS::KinesisFirehose::", "AWS::Lambda::")

HANDLER_CODES = {
    "AccessDeniedException": "AccessDenied",
    "ConflictException": "AlreadyExists",
    "CodeStorageExceededException": "ServiceLimitExceeded",
    "InvalidArgumentException": "InvalidRequest",
    "InvalidEventPatternException": "InvalidRequest",
    "InvalidParameterException": "InvalidRequest",
    "InvalidParameterValueException": "InvalidRequest",
    "LimitExceededException": "ServiceLimitExceeded",
    "NotFoundException": "NotFound",
    "RequestTooLargeException": "InvalidRequest",
    "ResourceConflictException": "AlreadyExists",
    "ResourceInUseException": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
    "SerializationException": "InvalidRequest",
    "ValidationException": "InvalidRequest",
}
"""How CloudFormation names the errors of services; one that is not here is a general failure."""
SERVICE_NAMES = {"Logs": "CloudWatchLogs", "Events": "EventBridge", "KinesisFirehose": "Firehose"}
"""What a reason calls a service, where that is not what its types are called by."""
PHYSICAL_NAME_MAX = 128

Document = dict[str, Any]


class ResourceFailed(Exception):
    """A resource could not be made, changed or removed. The text is the reason that its event gives."""


class RecordedResource:
    """A resource of a type that nobody here makes."""

    is_recorded = True

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property with its name."""
        return ""

    @classmethod
    def has_cfn_attr(cls, _attribute: str) -> bool:
        """Nothing is known of it."""
        return True

    def get_cfn_attribute(self, attribute: str) -> str:
        """Something to go on with."""
        return f"{self.physical_resource_id}.{attribute}"

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, _document: Document, _account_id: str, _region: str, **_context: Any
    ) -> RecordedResource:
        """Record it."""
        return cls(name)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, **_context: Any) -> Any:
        """It stays as it is."""
        return original_resource

    def delete(self, _account_id: str, _region: str) -> None:
        """There is nothing to remove."""


class OwnResource:
    """A resource that Headwater makes; one subclass for each type."""

    kind: ResourceType
    service_name: str

    def __init__(self, made: Resource, properties: Mapping[str, Any]) -> None:
        self.made = made
        self.properties = properties

    @property
    def physical_resource_id(self) -> str:
        """The value of `Ref`."""
        return self.made.identifier

    def with_properties(self, properties: Mapping[str, Any]) -> Self:
        """The same resource, if it had come to have these."""
        return type(self)(self.made, properties)

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property with its name."""
        return cls.kind.name_property

    @classmethod
    def has_cfn_attr(cls, attribute: str) -> bool:
        """Whether `Fn::GetAtt` knows it."""
        return attribute in cls.kind.attributes

    def get_cfn_attribute(self, attribute: str) -> Any:
        """The value of `Fn::GetAtt`. Raises UnformattedGetAttTemplateException."""
        if attribute not in self.kind.attributes:
            raise UnformattedGetAttTemplateException
        return self.made.attributes.get(attribute, "")

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, document: Document, account_id: str, region: str, **_context: Any
    ) -> OwnResource:
        """Make it."""
        properties, service = document["Properties"], cls._service(account_id, region)
        name = name[:PHYSICAL_NAME_MAX] if cls.kind.name_property not in properties else name
        return cls(cls._done(cls.kind.create, service, name, properties), properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Document,
        account_id: str,
        region_name: str,
    ) -> OwnResource:
        """Change it."""
        if not isinstance(
            original_resource, OwnResource
        ):  # made, or recorded, before this type was Headwater's
            return cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
        before, after = original_resource.properties, cloudformation_json["Properties"]
        service = cls._service(account_id, region_name)
        return cls(cls._done(cls.kind.update, service, original_resource.made, before, after), after)

    def delete(self, account_id: str, region: str) -> None:
        """Remove it, if it is still there."""
        self._done(self.kind.delete, self._service(account_id, region), self.made)

    @classmethod
    def _service(cls, account_id: str, region: str) -> Any:
        return cls.kind.service(Caller(account_id, region))

    @classmethod
    def _done(cls, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return step(*arguments)
        except (KinesisError, CallRefused, JsonRESTError) as error:
            refused = error.error_type if isinstance(error, JsonRESTError) else error.code
            code = HANDLER_CODES.get(refused, "GeneralServiceException")
            text = f'"{error.message} (Service: {cls.service_name}, Error Code: {refused})"'
            raise ResourceFailed(
                f"Resource handler returned message: {text} (HandlerErrorCode: {code})"
            ) from error


def _service_of(type_name: str) -> str:
    service = type_name.split("::")[1]
    return SERVICE_NAMES.get(service, service)


OWN_CLASSES = {
    name: type(
        name.replace("::", ""),
        (OwnResource,),
        {"kind": kind, "service_name": _service_of(name), "__module__": __name__},
    )
    for name, kind in OWN_TYPES.items()
}
globals().update({made.__name__: made for made in OWN_CLASSES.values()})
"""A resource that is kept names its class by this module."""


def install() -> None:
    """Let moto find Headwater's types before its own, and something for every type that AWS has."""
    of_moto = {
        name: model
        for name, model in parsing.get_model_map().items()
        if name not in parsing.NULL_MODELS and not name.startswith(OWN_SERVICES)
    }

    def class_of(type_name: str) -> Any:
        return OWN_CLASSES.get(type_name) or of_moto.get(type_name) or RecordedResource

    def name_property_of(type_name: str) -> str:
        return str(class_of(type_name).cloudformation_name_type() or "")

    for name, replacement in (
        ("resource_class_from_type", class_of),
        ("resource_name_property_from_type", name_property_of),
    ):
        setattr(parsing, name, replacement)
