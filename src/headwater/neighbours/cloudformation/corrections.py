"""CloudFormation for streams: Headwater's types and rules put into moto's service.

The table `MENDED` says what takes the place of what, in moto 5.2; the modules named in it say why.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.cloudformation import models, responses
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse

from headwater.neighbours.cloudformation import backend as stack_backend
from headwater.neighbours.cloudformation.resource_models import install as install_resources
from headwater.neighbours.cloudformation.responses import StackResponse, summary_of_template
from headwater.neighbours.cloudformation.stacks import DeployedStack

MENDED: tuple[tuple[Any, str, Any], ...] = (
    (models, "Stack", DeployedStack),
    (models, "get_stack_from_s3_url", stack_backend.template_at),
    (responses, "get_stack_from_s3_url", stack_backend.template_at),
    (responses, "get_template_summary_response_from_template", summary_of_template),
    (CloudFormationBackend, "create_stack", stack_backend.create_stack),
    (CloudFormationBackend, "create_change_set", stack_backend.create_change_set),
    (CloudFormationBackend, "update_stack", stack_backend.update_stack),
    (CloudFormationBackend, "delete_stack", stack_backend.delete_stack),
    (CloudFormationResponse, "create_stack", StackResponse.create_stack),
    (CloudFormationResponse, "create_change_set", StackResponse.create_change_set),
    (CloudFormationResponse, "describe_change_set", StackResponse.describe_change_set),
    (CloudFormationResponse, "delete_change_set", StackResponse.delete_change_set),
    (CloudFormationResponse, "execute_change_set", StackResponse.execute_change_set),
    (CloudFormationResponse, "get_template", StackResponse.get_template),
    (CloudFormationResponse, "list_change_sets", StackResponse.list_change_sets),
    (CloudFormationResponse, "list_imports", StackResponse.list_imports),
    (CloudFormationResponse, "list_stack_resources", StackResponse.list_stack_resources),
    (CloudFormationResponse, "describe_stack_resources", StackResponse.describe_stack_resources),
    (CloudFormationResponse, "describe_stack_resource", StackResponse.describe_stack_resource),
    (CloudFormationResponse, "validate_template", StackResponse.validate_template),
)
"""Where, what, and what takes its place."""


@cache
def install() -> None:
    """Put it in, once for a process."""
    for owner, name, replacement in MENDED:
        setattr(owner, name, replacement)
    install_resources()
