"""Objects in S3.

Refuses to know what is in them.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.service_calls import ServiceCalls, ServiceRequest
from headwater.model.caller import Caller

NOT_FOUND = 404
FORBIDDEN = 403
REGION = "x-amz-bucket-region"


class Bucket(NamedTuple):
    """A bucket, and whose it must be."""

    name: str
    owner: str | None = None
    """The account id that S3 compares; `None`: anybody's."""

    @classmethod
    def of_arn(cls, arn: str, owner: str | None = None) -> Bucket:
        """The bucket of an ARN."""
        return cls(arn.rpartition(":")[2], owner)


class ObjectOptions(NamedTuple):
    """What is said of an object beside its body."""

    content_type: str = "application/octet-stream"
    content_encoding: str | None = None
    storage_class: str | None = None
    kms_key_id: str | None = None
    """The key that S3 encrypts it with."""


class Objects:
    """S3 of the neighbours."""

    def __init__(self, services: ServiceCalls) -> None:
        self._services = services

    async def require_bucket(self, caller: Caller, bucket: Bucket) -> None:
        """Raise `DeliveryFailed` unless the bucket is there, and of the owner that is expected."""
        request = ServiceRequest("s3", "HEAD", f"/{bucket.name}", _owned(bucket))
        answer = await self._services.answer(caller, request)
        if answer.status == NOT_FOUND:
            raise DeliveryFailed("NoSuchBucket", f"The bucket {bucket.name} does not exist.")
        if answer.status == FORBIDDEN:
            text = f"Access to the bucket {bucket.name} is denied: is its owner {bucket.owner}?"
            raise DeliveryFailed("AccessDenied", text)
        if answer.status >= 300:
            text = f"s3 answered {answer.status} to HeadBucket of {bucket.name}."
            raise DeliveryFailed(f"s3.{answer.status}", text)
        region = next((value for name, value in answer.fields if name.lower() == REGION), caller.region)
        if region != caller.region:
            text = f"The bucket {bucket.name} is in the region {region}, and the stream in {caller.region}."
            raise DeliveryFailed("WrongRegion", text)
        await self._require_owner(caller, bucket)

    async def _require_owner(self, caller: Caller, bucket: Bucket) -> None:
        """S3 compares the header with the owner; a neighbour that does not can still list whose it is."""
        if bucket.owner is None:
            return
        owner = Caller(bucket.owner, caller.region)
        listed = await self._services.answer(owner, ServiceRequest("s3", "GET", "/", {}))
        if listed.status < 300 and f"<Name>{bucket.name}</Name>".encode() not in listed.body:
            text = f"The bucket {bucket.name} does not belong to {bucket.owner}, its expected owner."
            raise DeliveryFailed("AccessDenied", text)

    async def put(
        self, caller: Caller, bucket: Bucket, key: str, body: bytes, options: ObjectOptions
    ) -> None:
        """Write an object, over one of that key. Raises `DeliveryFailed`."""
        headers = {"content-type": options.content_type, **_owned(bucket)}
        if options.content_encoding is not None:
            headers["content-encoding"] = options.content_encoding
        if options.storage_class is not None:
            headers["x-amz-storage-class"] = options.storage_class
        if options.kms_key_id is not None:
            headers["x-amz-server-side-encryption"] = "aws:kms"
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = options.kms_key_id
        target = f"/{bucket.name}/{quote(key)}"
        await self._services.call(caller, ServiceRequest("s3", "PUT", target, headers, body))

    async def get(self, caller: Caller, bucket: Bucket, key: str) -> bytes:
        """An object's body. Raises `DeliveryFailed`."""
        target = f"/{bucket.name}/{quote(key)}"
        return (await self._services.call(caller, ServiceRequest("s3", "GET", target, _owned(bucket)))).body


def _owned(bucket: Bucket) -> dict[str, str]:
    return {} if bucket.owner is None else {"x-amz-expected-bucket-owner": bucket.owner}
