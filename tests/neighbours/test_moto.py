"""The services beside Kinesis, on the same port, as the real SDK sees them."""

from __future__ import annotations

import http.client
import io
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf, clients_for

MIB = 1024 * 1024

LISTS = {
    "cloudformation": "list_stacks",
    "cloudwatch": "list_metrics",
    "dynamodb": "list_tables",
    "dynamodbstreams": "list_streams",
    "ecr": "describe_repositories",
    "events": "list_rules",
    "iam": "list_roles",
    "kms": "list_keys",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
    "sts": "get_caller_identity",
}


@pytest.mark.parametrize("service", LISTS)
def test_a_service_answers_on_the_port_of_kinesis(client_of: ClientOf, service: str) -> None:
    answer = getattr(client_of(service), LISTS[service])()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def table(client_of: ClientOf, name: str) -> Any:
    dynamodb = client_of("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def test_a_conditional_write_has_one_winner(client_of: ClientOf) -> None:
    dynamodb = table(client_of, "races")

    def wins(key: str) -> bool:
        try:
            dynamodb.put_item(
                TableName="races", Item={"key": {"S": key}}, ConditionExpression="attribute_not_exists(#k)",
                ExpressionAttributeNames={"#k": "key"},
            )  # fmt: skip
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        for race in range(20):
            assert sum(threads.map(wins, [str(race)] * 4)) == 1


def test_the_account_and_region_are_the_callers(headwater: Headwater, client_of: ClientOf) -> None:
    assert client_of("sts").get_caller_identity()["Account"] == "000000000000"
    other = clients_for(headwater.endpoint_url, "111122223333")
    assert other("sts").get_caller_identity()["Account"] == "111122223333"
    topic = other("sns", region_name="eu-west-1").create_topic(Name="topic")["TopicArn"]
    assert topic == "arn:aws:sns:eu-west-1:111122223333:topic"
    assert not [
        each for each in client_of("sns").list_topics()["Topics"] if each["TopicArn"].endswith(":topic")
    ]


def test_an_assumed_role_calls_from_its_account(headwater: Headwater, client_of: ClientOf) -> None:
    role = "arn:aws:iam::444455556666:role/deploy"
    keys = client_of("sts").assume_role(RoleArn=role, RoleSessionName="it")["Credentials"]
    assumed = clients_for(headwater.endpoint_url, keys["AccessKeyId"], keys["SecretAccessKey"])
    assert assumed("sts").get_caller_identity()["Account"] == "444455556666"


def test_metadata_keep_their_underscores(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="metadata")
    s3.put_object(Bucket="metadata", Key="k", Metadata={"with_underscore": "1", "with-dash": "2"})
    kept = s3.head_object(Bucket="metadata", Key="k")["Metadata"]
    assert kept == {"with_underscore": "1", "with-dash": "2"}


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/_lhost"), ("POST", "//1.0"), ("GET", "/X-Amz-Algorithm=x&%ff")]
)
def test_what_moto_fails_on_is_a_bad_request(headwater: Headwater, method: str, target: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(headwater.endpoint_url).netloc)
    connection.putrequest(method, target, skip_host=True)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    answer = connection.getresponse()
    assert 400 <= answer.status < 500, answer.read()
    assert b"<Code>" in answer.read()
    connection.close()


def test_objects_come_back_as_they_went(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="objects")
    key, data = "a b/ü+x%2F", bytes(range(256)) * 4 * 1024 * 20
    s3.put_object(Bucket="objects", Key=key, Body=data)
    assert s3.head_object(Bucket="objects", Key=key)["ContentLength"] == len(data) == 20 * MIB
    assert s3.get_object(Bucket="objects", Key=key)["Body"].read() == data
    s3.upload_fileobj(io.BytesIO(data), "objects", "in-parts")
    assert s3.head_object(Bucket="objects", Key="in-parts")["ContentLength"] == len(data)


def test_a_presigned_url_needs_no_header(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="presigned")
    put, get = (
        s3.generate_presigned_url(operation, Params={"Bucket": "presigned", "Key": "some_key/x"})
        for operation in ("put_object", "get_object")
    )
    urllib.request.urlopen(urllib.request.Request(put, b"hello", method="PUT")).close()
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"hello"


def test_a_bucket_may_be_named_by_the_host(headwater: Headwater, client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="by-host")
    s3.put_object(Bucket="by-host", Key="k", Body=b"hello", ACL="public-read")
    asked = urllib.request.Request(f"{headwater.endpoint_url}/k", headers={"Host": "by-host.localhost:4566"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == b"hello"


def test_a_larger_upload_than_a_request_of_kinesis_may_be_is_for_others_only(client_of: ClientOf) -> None:
    with pytest.raises(ClientError, match=r"RequestEntityTooLarge|larger than"):
        client_of("dynamodb").put_item(TableName="t", Item={"key": {"S": "x" * 17 * MIB}})


def test_polls_of_queues_hold_up_nobody(client_of: ClientOf) -> None:
    sqs = client_of("sqs", config=Config(max_pool_connections=20))
    queue = sqs.create_queue(QueueName="polled")["QueueUrl"]
    with ThreadPoolExecutor(12) as threads:
        polls = [threads.submit(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=20) for _ in range(12)]
        assert client_of("sns").list_topics()["ResponseMetadata"]["HTTPStatusCode"] == 200
        for number in range(12):
            sqs.send_message(QueueUrl=queue, MessageBody=str(number))
        received = {message["Body"] for poll in polls for message in poll.result().get("Messages", [])}
    assert received <= {str(number) for number in range(12)}
    assert received


def test_what_a_service_cannot_do_is_said_in_its_own_protocol(client_of: ClientOf) -> None:
    with pytest.raises(ClientError, match=r"does not exist|not found|NoSuchBucket"):
        client_of("s3").list_objects_v2(Bucket="absent")
    with pytest.raises(ClientError) as refused:
        client_of("ssm").describe_sessions(State="Active")
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "describe_sessions" in str(refused.value)


def test_reset_forgets_what_the_neighbours_keep() -> None:
    with Headwater() as alone:
        client_of = clients_for(alone.endpoint_url)
        client_of("s3").create_bucket(Bucket="forgotten")
        alone.reset()
        assert client_of("s3").list_buckets()["Buckets"] == []


@pytest.mark.long
def test_nothing_of_moto_is_loaded_before_it_is_asked_for() -> None:
    program = (
        "import sys\n"
        "from headwater.testing import Headwater\n"
        "with Headwater() as headwater:\n"
        "    headwater.client().list_streams()\n"
        "    print(sorted({name.split('.')[0] for name in sys.modules} & {'moto', 'flask', 'werkzeug'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI"


def test_signatures_for_neighbours_are_verified_too(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    credentials.chmod(0o600)
    with Headwater(credentials=credentials) as verifying:
        known, wrong = (clients_for(verifying.endpoint_url, KEY, secret) for secret in (SECRET, "other"))
        s3 = known("s3", config=Config(signature_version="s3v4"))
        s3.create_bucket(Bucket="bucket")
        for key in ("plain", "a b/./ü+x", "double//slash", "..%2F"):
            s3.put_object(Bucket="bucket", Key=key, Body=b"hello", Metadata={"a_b": "c"})
            get = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key})
            with urllib.request.urlopen(get) as answer:
                assert answer.read() == b"hello"
        assert known("dynamodb").list_tables()["TableNames"] == []
        for service in ("s3", "dynamodb", "sts", "sqs"):
            with pytest.raises(ClientError, match="InvalidSignatureException"):
                getattr(wrong(service), LISTS[service])()
        with pytest.raises(urllib.error.HTTPError, match="400") as unsigned:
            urllib.request.urlopen(f"{verifying.endpoint_url}/bucket/plain")
        unsigned.value.close()


def test_uploads_in_chunks_arrive_whole_over_tls(tmp_path: Path) -> None:
    with Headwater(tls=True, data_dir=tmp_path) as secure:
        url = secure.endpoint_url.replace("http://", "https://")
        s3 = clients_for(url)("s3", verify=str(tmp_path / "tls" / "ca.pem"))
        s3.create_bucket(Bucket="chunked")
        data = bytes(range(256)) * 1024
        s3.put_object(Bucket="chunked", Key="k", Body=io.BytesIO(data))
        kept = s3.get_object(Bucket="chunked", Key="k")
        assert (kept["Body"].read(), kept["ContentLength"]) == (data, len(data))
        assert "aws-chunked" not in kept.get("ContentEncoding", "")


def test_which_pages_may_read_an_answer_is_said_by_the_server_alone(headwater: Headwater) -> None:
    def allowed(*headers: tuple[str, str]) -> list[str] | None:
        request = urllib.request.Request(f"{headwater.endpoint_url}/absent/key", headers=dict(headers))
        with pytest.raises(urllib.error.HTTPError) as answered:
            urllib.request.urlopen(request)
        with answered.value as answer:
            origins: list[str] | None = answer.headers.get_all("Access-Control-Allow-Origin")
            return origins

    assert allowed() is None
    own = allowed(("Origin", headwater.endpoint_url))
    assert own is not None
    assert len(own) == 1
    assert allowed(("Origin", "http://localhost:3000")) is None
    assert allowed(("Origin", "https://example.com")) is None
