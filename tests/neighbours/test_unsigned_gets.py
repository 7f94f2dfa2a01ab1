"""A GET that any page could cause changes nothing, whatever its query says of a signature."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf

CHANGES = {
    "sqs": {"Action": "CreateQueue", "QueueName": "by-get"},
    "sns": {"Action": "CreateTopic", "Name": "by-get"},
    "iam": {"Action": "CreateUser", "UserName": "by-get"},
    "cloudformation": {"Action": "CreateStack", "StackName": "by-get", "TemplateBody": '{"Resources":{}}'},
}


def answered(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def presigned(headwater: Headwater, service: str, fields: dict[str, str]) -> str:
    request = AWSRequest("GET", f"{headwater.endpoint_url}/?{urlencode(fields)}")
    SigV4QueryAuth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    return str(request.url)


@pytest.mark.parametrize("service", CHANGES)
def test_a_query_protocol_changes_nothing_by_a_get(headwater: Headwater, service: str) -> None:
    fields = CHANGES[service]
    scope = {"X-Amz-Credential": f"key/20261120/us-east-1/{service}/aws4_request"}
    for url in (
        f"{headwater.endpoint_url}/?{urlencode(fields | scope)}",
        f"{headwater.endpoint_url}/?{urlencode({'Action': 'ListThings'} | scope)}&{urlencode(fields)}",
        presigned(headwater, service, fields),
    ):
        status, body = answered(url)
        assert status == 405
        assert fields["Action"].encode() in body


def test_and_so_nothing_has_changed(headwater: Headwater, client_of: ClientOf) -> None:
    test_a_query_protocol_changes_nothing_by_a_get(headwater, "sqs")
    assert client_of("sqs").list_queues(QueueNamePrefix="by-get").get("QueueUrls") is None


def test_reading_by_a_presigned_get_goes_on_to_work(headwater: Headwater) -> None:
    identity = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    status, body = answered(presigned(headwater, "sts", identity))
    assert status == 200
    assert b"GetCallerIdentityResult" in body


def test_a_get_that_is_signed_in_its_header_may_change(headwater: Headwater, client_of: ClientOf) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/sns/aws4_request, Signature=0"
    request = urllib.request.Request(
        f"{headwater.endpoint_url}/?Action=CreateTopic&Name=signed-get", headers={"Authorization": scope}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    topics: Any = client_of("sns").list_topics()["Topics"]
    assert any(topic["TopicArn"].endswith(":signed-get") for topic in topics)


def test_presigned_addresses_of_buckets_go_on_to_work(headwater: Headwater) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=headwater.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket="by-get")
    s3.put_object(Bucket="by-get", Key="page.html", Body=b"<h1>page</h1>", ContentType="text/html")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "by-get", "Key": "page.html"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"<h1>page</h1>"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
