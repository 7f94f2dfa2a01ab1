"""The module `cfnresponse` that CloudFormation puts beside the Python source of a template.

A function that makes a custom resource tells CloudFormation by it how that went. It runs in the
process of the function and imports nothing of this package.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: dict[str, Any],
    context: Any,
    responseStatus: str,  # noqa: N803 - the names of the parameters are AWS's
    responseData: dict[str, Any] | None,  # noqa: N803 - as above
    physicalResourceId: str | None = None,  # noqa: N803 - as above
    noEcho: bool = False,  # noqa: N803 - as above
    reason: str | None = None,
) -> None:
    """Send the outcome of a custom resource to the URL that its event names."""
    document = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(document).encode()
    request = Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - AWS's
    try:
        with urlopen(request) as answer:  # noqa: S310 - as above
            print("Status code:", answer.status)
    except OSError as error:
        print("send(..) failed executing the request:", error)
