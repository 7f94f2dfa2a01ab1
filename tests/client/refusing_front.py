"""A server in front of the server, that refuses some records of PutRecords as a test likes it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from tests.client.front import Front


class Seen(NamedTuple):
    """One record of a PutRecords call."""

    data: bytes
    partition_key: str


class RefuseCall(Exception):
    """Answer a whole call with an error of this code."""


Decide = Callable[[list[Seen]], list[str | None]]
"""Gives the error's code for each record that is refused."""


class RefusingFront(Front):
    """Hands all calls on, and of PutRecords only the records that are not refused."""

    def __init__(self, endpoint_url: str, decide: Decide) -> None:
        super().__init__(endpoint_url)
        self._decide = decide
        self.calls: list[list[Seen]] = []
        """The records of each PutRecords."""

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if not request.headers["x-amz-target"].endswith(".PutRecords"):
            return await self.hand_on(request, body)
        members = json.loads(body)
        records = members["Records"]
        seen = [Seen(base64.b64decode(record["Data"]), record["PartitionKey"]) for record in records]
        self.calls.append(seen)
        try:
            codes = self._decide(seen)
        except RefuseCall as error:
            return web.json_response({"__type": str(error), "message": "refused"}, status=400)
        kept = [record for record, code in zip(records, codes, strict=True) if code is None]
        results = []
        if kept:
            handed_on = await self.hand_on(request, json.dumps(members | {"Records": kept}).encode())
            if handed_on.status != 200:
                return handed_on
            results = json.loads(handed_on.text or "")["Records"]
        placed = iter(results)
        merged = [
            next(placed) if code is None else {"ErrorCode": code, "ErrorMessage": "refused"} for code in codes
        ]
        failed = sum("ErrorCode" in result for result in merged)
        return web.json_response({"FailedRecordCount": failed, "Records": merged})
