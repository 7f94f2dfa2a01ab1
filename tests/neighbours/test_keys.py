"""Streams are encrypted with keys of the neighbouring KMS, once it has any."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.lambda_.function_server import PYTHON, zipped
from tests.neighbours.conftest import clients_for

NAMED = "01234567-89ab-cdef-0123-456789abcdef"


def test_a_key_must_be_there_and_usable() -> None:
    with Headwater() as headwater:
        client_of = clients_for(headwater.endpoint_url)
        kinesis, kms = client_of("kinesis"), client_of("kms")
        kinesis.create_stream(StreamName="s", ShardCount=1)

        def encrypt(key_id: str) -> str:
            try:
                kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key_id)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return str(kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["KeyId"])

        assert encrypt(NAMED) == NAMED  # nobody knows keys yet
        key = kms.create_key()["KeyMetadata"]
        kms.create_alias(AliasName="alias/orders", TargetKeyId=key["KeyId"])
        for name in (key["KeyId"], key["Arn"], "alias/orders", "alias/aws/kinesis"):
            assert encrypt(name) == name
        elsewhere = key["Arn"].replace("us-east-1", "eu-west-1")
        for unknown in (NAMED, "alias/other"):
            assert encrypt(unknown) == "KMSNotFoundException"
        assert encrypt(elsewhere) == elsewhere  # in that region there are no keys
        kms.disable_key(KeyId=key["KeyId"])
        assert encrypt("alias/orders") == "KMSDisabledException"
        kms.enable_key(KeyId=key["KeyId"])
        kms.schedule_key_deletion(KeyId=key["KeyId"])
        with pytest.raises(ClientError, match="pending deletion"):
            kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key["Arn"])
        headwater.reset()


def test_filters_under_a_key_that_cannot_be_used_are_not_shown() -> None:
    with Headwater() as headwater:
        client_of = clients_for(headwater.endpoint_url)
        kinesis, kms, functions = client_of("kinesis"), client_of("kms"), client_of("lambda")
        kinesis.create_stream(StreamName="s", ShardCount=1)
        functions.create_function(
            FunctionName="f",
            Runtime=PYTHON,
            Role="arn:aws:iam::000000000000:role/any",
            Handler="app.handler",
            Code={"ZipFile": zipped({"app.py": "def handler(event, context): pass"})},
        )
        key = kms.create_key()["KeyMetadata"]
        uuid = functions.create_event_source_mapping(
            EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/s",
            FunctionName="f",
            StartingPosition="LATEST",
            FilterCriteria={"Filters": [{"Pattern": '{"data": ["x"]}'}]},
            KMSKeyArn=key["Arn"],
        )["UUID"]
        assert "FilterCriteria" in functions.get_event_source_mapping(UUID=uuid)
        kms.disable_key(KeyId=key["KeyId"])
        shown = functions.get_event_source_mapping(UUID=uuid)
        assert shown["FilterCriteriaError"]["ErrorCode"] == "KMSDisabledException"
        assert "FilterCriteria" not in shown
        headwater.reset()
