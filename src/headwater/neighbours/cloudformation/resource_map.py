"""What the functions of a template (`Ref`, `Fn::GetAtt`, …) find: moto's map, which makes nothing by itself.

Mended: moto's map makes a resource when somebody looks at it, even after its stack was rolled back;
one that was not made by its deployment is not there. In it, every region is one of
`aws`. A parameter in SSM that does not exist is CloudFormation's error.

Refuses to know in which order resources are made.
"""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap

from headwater.model.partition import partition_of, url_suffix_of


class StackResourceMap(ResourceMap):
    """The resources, parameters, mappings and conditions of a stack's template."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Takes what moto's map takes."""
        super().__init__(*arguments, **more)
        self._parsed_resources["AWS::Partition"] = partition_of(self._region_name)
        self._parsed_resources["AWS::URLSuffix"] = url_suffix_of(self._region_name)

    def __getitem__(self, key: str) -> Any:
        """A resource that was made, a parameter, or a mapping. Raises KeyError."""
        return self._parsed_resources[key]

    def put(self, name: str, resource: Any) -> None:
        """A resource has been made, or changed."""
        self._parsed_resources[name] = resource

    def remove(self, resource: Any, document: dict[str, Any]) -> None:
        """Remove a resource."""
        self._delete_resource(resource, document)

    def parse_ssm_parameter(self, value: str, value_type: str) -> Any:
        """The value of a parameter in the neighbouring SSM. Raises ValidationError."""
        try:
            return super().parse_ssm_parameter(value, value_type)
        except Exception as error:
            text = f"Unable to fetch parameters [{value}] from parameter store for this account."
            raise ValidationError(message=text) from error
