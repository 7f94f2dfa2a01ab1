"""Templates of `--init-dir`: each a stack of the neighbouring CloudFormation, as if by a request.

Rules:
- a stack that is there is updated; one that only its rollback is left of is made anew;
- a stack that does not succeed ends the start, with the reason that its events give.

Refuses to know files, and how a stack is deployed.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Protocol
from urllib.parse import urlencode

from headwater.model.caller import Caller
from headwater.server.http.exchange import Answer, HttpRequest

NO_UPDATES = "No updates are to be performed."
SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
ERROR_STATUS = 400
FORM = b"application/x-www-form-urlencoded"


class StackFailed(Exception):
    """A stack is not what its template says; the text is the reason."""


class Answering(Protocol):
    """What answers the requests for CloudFormation."""

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""


class InitialStacks:
    """CloudFormation, for the server's own account."""

    def __init__(self, services: Answering, caller: Caller) -> None:
        self._services = services
        self._caller = caller

    async def deploy(self, name: str, template: str) -> None:
        """Make or change a stack, to its end. Raises `StackFailed`."""
        status = await self._status(name)
        if status in DEAD:
            await self._ask("DeleteStack", StackName=name)
            status = ""
        operation = "UpdateStack" if status else "CreateStack"
        try:
            await self._ask(operation, StackName=name, TemplateBody=template)
        except StackFailed as failed:
            if NO_UPDATES in str(failed):
                return
            raise
        status = await self._status(name)
        if status not in SUCCEEDED:
            raise StackFailed(await self._reason(name, status))

    async def _status(self, name: str) -> str:
        """The status of a stack; empty when there is none."""
        try:
            return _found("StackStatus", await self._ask("DescribeStacks", StackName=name))
        except StackFailed:
            return ""

    async def _reason(self, name: str, status: str) -> str:
        """The first resource that failed, and why."""
        text = await self._ask("DescribeStackEvents", StackName=name)
        events = re.findall(r"<member>(.*?)</member>", text, re.DOTALL)
        failed = [event for event in events if _found("ResourceStatus", event).endswith("_FAILED")]
        if not failed:
            return f"its stack is {status}"
        first = failed[-1]  # the newest comes first
        return f"{_found('LogicalResourceId', first)}: {_found('ResourceStatusReason', first)}"

    async def _ask(self, operation: str, **members: str) -> str:
        """What an operation answers. Raises `StackFailed`."""
        scope = f"{self._caller.account_id}/0/{self._caller.region}/cloudformation/aws4_request"
        headers = {
            b"host": b"localhost",
            b"content-type": FORM,
            b"authorization": f"AWS4-HMAC-SHA256 Credential={scope}".encode(),
        }
        body = urlencode({"Action": operation, "Version": "2010-05-15", **members}).encode()
        answer = await self._services.answer(HttpRequest(b"POST", b"/", headers, body), self._caller)
        text = answer.body.decode("utf-8", "replace")
        if answer.status >= ERROR_STATUS:
            raise StackFailed(_found("Message", text) or text)
        return text


def _found(element: str, text: str) -> str:
    found = re.search(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
    return "" if found is None else unescape(found[1])
