"""The life of a function through boto3: made, shown, changed, published, named, tagged and deleted."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from tests.lambda_.function_server import (
    PYTHON,
    ROLE,
    FunctionServer,
    client_for,
    function_server,
    shared_function_server,
    zipped,
)

CODE = {"app.py": "def handler(event, context): return 1"}
OTHER_CODE = {"app.py": "def handler(event, context): return 2"}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionServer]:
    with shared_function_server(tmp_path_factory.mktemp("functions"), "--log-level", "error") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: FunctionServer) -> Any:
    return server.client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"f{abs(hash(request.node.name))}"


def create(server: FunctionServer, name: str, **members: Any) -> dict[str, Any]:
    return server.create(name, CODE, **members)


def refusal(call: Any, **members: Any) -> tuple[str, str]:
    """The code and the text of the error that a call ends in."""
    with pytest.raises(ClientError) as refused:
        call(**members)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def move_clock(server: FunctionServer, **move: Any) -> None:
    with urlopen(Request(f"{server.endpoint_url}/_headwater/clock", json.dumps(move).encode())) as answer:
        answer.read()


def test_a_function_is_pending_and_then_active(tmp_path: Path) -> None:
    with function_server(tmp_path, "--transition-ms", "700", "--test-clock") as server:
        move_clock(server, running=False)
        made = server.client.create_function(
            FunctionName="slow", Runtime=PYTHON, Role=ROLE, Handler="app.handler",
            Code={"ZipFile": zipped(CODE)},
        )  # fmt: skip
        assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
        code, text = refusal(server.client.invoke, FunctionName="slow")
        assert code == "ResourceConflictException"
        assert text.endswith("The function is currently in the following state: Pending")
        move_clock(server, advance_ms=700)
        server.await_active("slow")
        changed = server.client.update_function_configuration(FunctionName="slow", Timeout=7)
        assert changed["LastUpdateStatus"] == "InProgress"
        code, text = refusal(server.client.update_function_configuration, FunctionName="slow", Timeout=8)
        assert (code, text.endswith(f"An update is in progress for resource: {ARN}slow")) == (
            "ResourceConflictException",
            True,
        )
        move_clock(server, running=True)
        assert server.invoke("slow").payload == 1


def test_a_function_is_shown_as_it_was_made(server: FunctionServer, client: Any, name: str) -> None:
    made = create(
        server, name, Description="orders", Timeout=9, MemorySize=512, Tags={"team": "red"},
        Environment={"Variables": {"AB": "1"}}, EphemeralStorage={"Size": 1024}, Architectures=["arm64"],
        TracingConfig={"Mode": "Active"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"},
    )  # fmt: skip
    code = zipped(CODE)
    found = client.get_function(FunctionName=name)
    shown = found["Configuration"]
    assert {member: shown[member] for member in ("FunctionArn", "RevisionId")} == {
        "FunctionArn": ARN + name,
        "RevisionId": made["RevisionId"],
    }
    assert shown["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert shown["CodeSize"] == len(code)
    assert (shown["Version"], shown["PackageType"], shown["Architectures"]) == ("$LATEST", "Zip", ["arm64"])
    assert (shown["Timeout"], shown["MemorySize"], shown["EphemeralStorage"]) == (9, 512, {"Size": 1024})
    assert shown["Environment"] == {"Variables": {"AB": "1"}}
    assert shown["TracingConfig"] == {"Mode": "Active"}
    assert shown["DeadLetterConfig"] == {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}
    assert found["Tags"] == {"team": "red"}
    with urlopen(found["Code"]["Location"]) as answer:
        assert answer.read() == code


@pytest.mark.parametrize("form", ["{name}", ARN + "{name}", "000000000000:function:{name}", "{name}:$LATEST"])
def test_a_function_is_found_by_each_form_of_its_name(
    server: FunctionServer, client: Any, form: str, name: str
) -> None:
    create(server, name)
    found = client.get_function_configuration(FunctionName=form.format(name=name))
    assert found["FunctionName"] == name


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"Runtime": "java21"}, "InvalidParameterValueException", "does not offer the runtime java21"),
        ({"Runtime": "python3.6"}, "InvalidParameterValueException", "python3.6 is no longer supported"),
        ({"Runtime": "cobol"}, "ValidationException", "1 validation error detected"),
        ({"Handler": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory"),
        ({"Timeout": 901}, "InvalidParameterValueException", "at most 900"),
        ({"MemorySize": 10_241}, "InvalidParameterValueException", "at most 10240 MB"),
        ({"Role": "nobody"}, "ValidationException", "role"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Code": {"ZipFile": b""}}, "InvalidParameterValueException", "non-empty zip"),
        ({"Code": {"ImageUri": "x"}, "PackageType": "Image"}, "InvalidParameterValueException", "images"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"LONG": "x" * 4096}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
        ),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]},
            "InvalidParameterValueException",
            "Layers",
        ),
        ({"Tags": {"aws:x": "1"}}, "InvalidParameterValueException", "Reserved prefix"),
        ({"FunctionName": "x" * 65}, "InvalidParameterValueException", "64"),
    ],
)
def test_a_function_that_cannot_be_is_refused(
    client: Any, name: str, members: dict[str, Any], code: str, text: str
) -> None:
    request = {
        "FunctionName": name, "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler",
        "Code": {"ZipFile": zipped(CODE)}, **members,
    }  # fmt: skip
    given = {member: value for member, value in request.items() if value is not None}
    said = refusal(client.create_function, **given)
    assert said[0] == code
    assert text in said[1]


def test_a_name_is_given_once(server: FunctionServer, client: Any, name: str) -> None:
    create(server, name)
    said = refusal(
        client.create_function, FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler",
        Code={"ZipFile": zipped(CODE)},
    )  # fmt: skip
    assert said == ("ResourceConflictException", f"Function already exist: {name}")


def test_a_function_that_is_not_there_is_named(client: Any) -> None:
    for call in (client.get_function, client.invoke, client.delete_function, client.list_aliases):
        said = refusal(call, FunctionName="nobody")
        assert said == ("ResourceNotFoundException", f"Function not found: {ARN}nobody")
    said = refusal(client.get_function, FunctionName="nobody", Qualifier="live")
    assert said == ("ResourceNotFoundException", f"Function not found: {ARN}nobody:live")


def test_a_change_knows_the_revision_it_is_for(server: FunctionServer, client: Any, name: str) -> None:
    made = create(server, name)
    changed = client.update_function_code(
        FunctionName=name, ZipFile=zipped(OTHER_CODE), RevisionId=made["RevisionId"]
    )
    assert changed["RevisionId"] != made["RevisionId"]
    server.await_active(name)
    said = refusal(
        client.update_function_configuration, FunctionName=name, Timeout=4, RevisionId=made["RevisionId"]
    )
    assert said[0] == "PreconditionFailedException"
    assert client.get_function_configuration(FunctionName=name)["Timeout"] == made["Timeout"]


def test_code_that_is_only_tried_changes_nothing(server: FunctionServer, client: Any, name: str) -> None:
    made = create(server, name)
    tried = client.update_function_code(FunctionName=name, ZipFile=zipped(OTHER_CODE), DryRun=True)
    assert tried["CodeSha256"] != made["CodeSha256"]
    assert client.get_function_configuration(FunctionName=name)["CodeSha256"] == made["CodeSha256"]


def test_versions_stay_as_they_are(server: FunctionServer, client: Any, name: str) -> None:
    create(server, name)
    first = client.publish_version(FunctionName=name, Description="one")
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{ARN}{name}:1")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    said = refusal(client.publish_version, FunctionName=name, CodeSha256="another")
    assert said[0] == "InvalidParameterValueException"
    client.update_function_code(FunctionName=name, ZipFile=zipped(OTHER_CODE), Publish=True)
    server.await_active(name)
    listed = client.list_versions_by_function(FunctionName=name, MaxItems=2)
    assert [version["Version"] for version in listed["Versions"]] == ["$LATEST", "1"]
    rest = client.list_versions_by_function(FunctionName=name, Marker=listed["NextMarker"])
    assert [version["Version"] for version in rest["Versions"]] == ["2"]
    assert [server.invoke(name, Qualifier=each).payload for each in ("1", "2", "$LATEST")] == [1, 2, 2]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    said = refusal(client.delete_function, FunctionName=name, Qualifier="1")
    assert said[0] == "ResourceConflictException"
    client.delete_alias(FunctionName=name, Name="live")
    client.delete_function(FunctionName=name, Qualifier="1")
    assert refusal(client.invoke, FunctionName=name, Qualifier="1")[0] == "ResourceNotFoundException"
    assert (
        refusal(client.delete_function, FunctionName=f"{name}:$LATEST")[0] == "InvalidParameterValueException"
    )


def test_aliases_are_names_for_versions(server: FunctionServer, client: Any, name: str) -> None:
    create(server, name, Publish=True)
    made = client.create_alias(FunctionName=name, Name="live", FunctionVersion="1", Description="now")
    assert made["AliasArn"] == f"{ARN}{name}:live"
    said = refusal(client.create_alias, FunctionName=name, Name="live", FunctionVersion="1")
    assert said == ("ResourceConflictException", f"Alias already exists: {ARN}{name}:live")
    said = refusal(client.update_alias, FunctionName=name, Name="live", FunctionVersion="9")
    assert said == ("ResourceNotFoundException", f"Function not found: {ARN}{name}:9")
    said = refusal(
        client.update_alias, FunctionName=name, Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"$LATEST": 0.5}},
    )  # fmt: skip
    assert said[0] in ("InvalidParameterValueException", "ValidationException")
    changed = client.update_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    assert (changed["FunctionVersion"], changed["Description"]) == ("$LATEST", "now")
    said = refusal(client.update_alias, FunctionName=name, Name="live", RevisionId=made["RevisionId"])
    assert said[0] == "PreconditionFailedException"
    listed = client.list_aliases(FunctionName=name)["Aliases"]
    assert [alias["Name"] for alias in listed] == ["live"]
    client.delete_alias(FunctionName=name, Name="live")
    said = refusal(client.get_alias, FunctionName=name, Name="live")
    assert said == ("ResourceNotFoundException", f"Cannot find alias arn: {ARN}{name}:live")


def test_policies_are_recorded_and_shown(server: FunctionServer, client: Any, name: str) -> None:
    create(server, name)
    said = refusal(client.get_policy, FunctionName=name)
    assert said == ("ResourceNotFoundException", "The resource you requested does not exist.")
    added = client.add_permission(
        FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket", SourceAccount="000000000000",
    )  # fmt: skip
    statement = {
        "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": ARN + name,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
        },
    }  # fmt: skip
    assert json.loads(added["Statement"]) == statement
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    again = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert refusal(client.add_permission, FunctionName=name, **again)[0] == "ResourceConflictException"
    client.remove_permission(FunctionName=name, StatementId="s3")
    said = refusal(client.remove_permission, FunctionName=name, StatementId="s3")
    assert said[0] == "ResourceNotFoundException"


def test_functions_have_tags_and_reserved_concurrency(server: FunctionServer, client: Any, name: str) -> None:
    create(server, name)
    client.tag_resource(Resource=ARN + name, Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=ARN + name, TagKeys=["a"])
    assert client.list_tags(Resource=ARN + name)["Tags"] == {"b": "2"}
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    assert client.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    limits = client.get_account_settings()["AccountLimit"]
    assert limits["ConcurrentExecutions"] - limits["UnreservedConcurrentExecutions"] == 3
    client.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)


def test_functions_are_listed_by_pages_and_by_account(tmp_path: Path) -> None:
    with function_server(tmp_path) as server:
        for name in ("b", "c", "a"):
            create(server, name)
        pages = server.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
        assert [[each["FunctionName"] for each in page["Functions"]] for page in pages] == [["a", "b"], ["c"]]
        everything = server.client.list_functions(FunctionVersion="ALL")["Functions"]
        assert everything[0]["FunctionArn"] == f"{ARN}a:$LATEST"
        urlopen(Request(f"{server.endpoint_url}/_headwater/reset", method="POST"))
        assert server.client.list_functions()["Functions"] == []
        create(server, "a")
        server.client.delete_function(FunctionName="a")
        assert refusal(server.client.get_function, FunctionName="a")[0] == "ResourceNotFoundException"


@pytest.mark.long
def test_functions_survive_a_restart_and_their_unused_code_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with function_server(tmp_path, "--data-dir", str(data)) as server:
        create(server, "kept")
        create(server, "changed")
        server.client.update_function_code(FunctionName="changed", ZipFile=zipped(OTHER_CODE))
        server.await_active("changed")
        server.create("gone", {"app.py": "gone = 1"})
        server.client.delete_function(FunctionName="gone")
    with function_server(tmp_path, "--data-dir", str(data)) as server:
        assert [server.invoke(name).payload for name in ("kept", "changed")] == [1, 2]
        assert len([each for each in (data / "functions").iterdir() if each.suffix != ".zip"]) == 2


@pytest.mark.long
def test_code_is_taken_from_a_caller_only_where_callers_are_known_or_near(tmp_path: Path) -> None:
    with function_server(tmp_path, "--host", "0.0.0.0") as server:
        members = {
            "Runtime": PYTHON,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped(CODE)},
        }
        code, text = refusal(server.client.create_function, FunctionName="f", **members)
        assert (code, "--credentials" in text) == ("AccessDeniedException", True)
        body = json.dumps({"name": "f", "path": "/", "runtime": PYTHON, "handler": "app.handler"}).encode()
        with pytest.raises(OSError, match="403"):
            urlopen(Request(f"{server.endpoint_url}/_headwater/lambda/functions", body, method="POST"))
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    credentials.chmod(0o600)
    with function_server(tmp_path, "--host", "0.0.0.0", "--credentials", str(credentials)) as server:
        server.create_python(
            "f", "import os\ndef handler(event, context): return os.environ['AWS_ACCESS_KEY_ID']"
        )
        assert server.invoke("f").payload == "test"


def test_another_account_may_do_what_a_policy_allows(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(
        "[one]\naws_access_key_id = test\naws_secret_access_key = test\n"
        "[two]\naws_access_key_id = OTHER\naws_secret_access_key = s\naws_account_id = 111122223333\n"
    )
    credentials.chmod(0o600)
    with function_server(tmp_path, "--credentials", str(credentials)) as server:
        create(server, "f")
        other = client_for("lambda", server.endpoint_url, "OTHER", "s")
        for call in (other.invoke, other.get_function, other.delete_function):
            assert refusal(call, FunctionName=ARN + "f")[0] == "AccessDeniedException"
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "111122223333"}
        server.client.add_permission(FunctionName="f", StatementId="two", **allowed)
        assert other.invoke(FunctionName=ARN + "f")["Payload"].read() == b"1"
        assert refusal(other.delete_function, FunctionName=ARN + "f")[0] == "AccessDeniedException"
        other.close()


@pytest.mark.long
def test_code_may_come_from_a_bucket_beside_headwater(tmp_path: Path) -> None:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - every worker would import it

    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        bucket = client_for("s3", url)
        bucket.create_bucket(Bucket="code")
        bucket.put_object(Bucket="code", Key="a/b.zip", Body=zipped(CODE))
        with function_server(tmp_path, "--lambda-destination-url", url) as server:
            members = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
            server.client.create_function(
                FunctionName="f", Code={"S3Bucket": "code", "S3Key": "a/b.zip"}, **members
            )
            server.await_active("f")
            assert server.invoke("f").payload == 1
            said = refusal(
                server.client.create_function, FunctionName="g",
                Code={"S3Bucket": "code", "S3Key": "missing"}, **members,
            )  # fmt: skip
            assert said[0] == "InvalidParameterValueException"
            assert "Error occurred while GetObject" in said[1]
        bucket.close()
    finally:
        moto.stop()


def test_what_is_not_offered_says_so(client: Any) -> None:
    code, text = refusal(client.list_layers)
    assert (code, text) == ("NotImplementedException", "Headwater does not offer Lambda's ListLayers.")
