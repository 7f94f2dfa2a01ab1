import json
import re
from typing import Any

import pytest

from headwater.api.validation.api_model import api_model
from headwater.api.validation.constraints import accept, accept_document
from headwater.api.validation.member_order import OBSERVED_ENUMS, OBSERVED_MEMBERS
from headwater.model.errors import SerializationException, ValidationException
from headwater.model.instant import Instant

NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
BOOLEAN = "class java.lang.Boolean"
STRING = "class java.lang.String"
WRONG_LENGTH = "Base64 encoded length is expected a multiple of 4 bytes but found: 1"
NO_LIST = "Start of list found where not expected"
NO_STRUCTURE = "Start of structure or map found where not expected."
KEY_LENGTHS = (
    "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
)
VALUE_LENGTHS = (
    "[Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"
)
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/a"


def request(operation_name: str, **members: Any) -> Any:
    return accept(operation_name, json.dumps(members).encode())


def failures(operation_name: str, **members: Any) -> list[str]:
    """The single failures, without the count that opens the text."""
    with pytest.raises(ValidationException) as refused:
        request(operation_name, **members)
    text = refused.value.message
    assert text is not None
    opening = re.match(r"(\d+) validation errors? detected: ", text)
    assert opening is not None
    found = text[opening.end() :].split("; ")
    assert int(opening[1]) == len(found)
    return found


def failure(operation_name: str, **members: Any) -> str:
    (found,) = failures(operation_name, **members)
    return found


def said(value: str, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def absent(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def type_error(operation_name: str, **members: Any) -> str | None:
    with pytest.raises(SerializationException) as refused:
        request(operation_name, **members)
    return refused.value.message


class TestTheRequestStruct:
    def test_has_the_members_as_attributes_and_none_for_absent_ones(self) -> None:
        put = request("PutRecord", StreamName="a", Data="+/8=", PartitionKey="k")
        assert put.StreamName == "a"
        assert put.Data == b"\xfb\xff"
        assert put.PartitionKey == "k"
        assert put.ExplicitHashKey is None
        assert put.DryRun is None

    def test_nests(self) -> None:
        put = request(
            "PutRecords", StreamName="a", Records=[{"Data": "", "PartitionKey": "k"}, {"Data": "AA=="}]
        )
        assert [(record.Data, record.PartitionKey) for record in put.Records] == [(b"", "k"), (b"\0", None)]

    def test_has_maps_as_dicts(self) -> None:
        tagging = request("AddTagsToStream", StreamName="a", Tags={"a": "1", "b": ""})
        assert tagging.Tags == {"a": "1", "b": ""}

    @pytest.mark.parametrize(
        ("seconds", "ms"), [(12, 12_000), (12.3456, 12_346), (1e300, 2**63 - 1), (-1, -1000)]
    )
    def test_has_times_in_whole_milliseconds(self, seconds: float, ms: int) -> None:
        assert (
            request("ListShards", StreamName="a", StreamCreationTimestamp=seconds).StreamCreationTimestamp
            == ms
        )
        nested = request(
            "ListShards", StreamName="a", ShardFilter={"Type": "AT_TIMESTAMP", "Timestamp": seconds}
        )
        assert nested.ShardFilter.Timestamp == ms

    def test_ignores_unknown_members_and_nulls(self) -> None:
        limits = request("ListStreams", Limit=None, Unknown={"a": [1]}, NextToken="t")
        assert limits.Limit is None
        assert limits.NextToken == "t"

    def test_leaves_nulls_out_of_lists_and_maps(self) -> None:
        untagging = request("RemoveTagsFromStream", StreamName="a", TagKeys=["a", None, "b"])
        assert untagging.TagKeys == ["a", "b"]
        tagging = request("AddTagsToStream", StreamName="a", Tags={"a": None, "b": "1"})
        assert tagging.Tags == {"b": "1"}

    @pytest.mark.parametrize(
        ("written", "read"), [(1.9, 1), (2.0, 2), (1e300, 2**31 - 1), (2**31, 2**31 - 1)]
    )
    def test_cuts_whole_numbers_to_their_type(self, written: float, read: int) -> None:
        assert request("CreateStream", StreamName="a", ShardCount=written).ShardCount == read

    def test_cuts_at_the_lower_bound_too(self) -> None:
        hours = request("IncreaseStreamRetentionPeriod", StreamName="a", RetentionPeriodHours=-(10**30))
        assert hours.RetentionPeriodHours == -(2**31)

    @pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "Yes"])
    def test_takes_words_for_true(self, word: str) -> None:
        assert (
            request("DeleteStream", StreamName="a", EnforceConsumerDeletion=word).EnforceConsumerDeletion
            is True
        )

    @pytest.mark.parametrize("word", ["false", "False", "0", "no", "NO"])
    def test_takes_words_for_false(self, word: str) -> None:
        assert (
            request("DeleteStream", StreamName="a", EnforceConsumerDeletion=word).EnforceConsumerDeletion
            is False
        )

    def test_of_a_repeated_member_has_the_last(self) -> None:
        assert accept("ListStreams", b'{"Limit": "x", "Limit": 5}').Limit == 5


class TestADocument:
    def test_may_carry_blobs_as_bytes_and_times_as_instants(self) -> None:
        put = accept_document("PutRecord", {"StreamName": "a", "Data": b"\xff", "PartitionKey": "k"})
        assert put.Data == b"\xff"
        listing = accept_document("ListShards", {"StreamCreationTimestamp": Instant(1234)})
        assert listing.StreamCreationTimestamp == 1234

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
    def test_may_hold_numbers_that_json_cannot_spell(self, number: float) -> None:
        hours = accept_document(
            "IncreaseStreamRetentionPeriod", {"StreamName": "a", "RetentionPeriodHours": number}
        )
        assert abs(hours.RetentionPeriodHours) >= 2**31 - 1
        listing = accept_document("ListShards", {"StreamCreationTimestamp": number})
        assert abs(listing.StreamCreationTimestamp) == 2**63 - 1

    def test_names_the_class_of_such_a_value(self) -> None:
        with pytest.raises(SerializationException) as refused:
            accept_document("DescribeStream", {"StreamName": b"a"})
        assert refused.value.message == "class java.nio.HeapByteBuffer can not be converted to an String"


class TestABodyThatIsNoRequest:
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"a"', b'{"a": NaN}', b'{"a":' * 100_000])
    def test_is_refused_without_a_word(self, body: bytes) -> None:
        with pytest.raises(SerializationException) as refused:
            accept("PutRecord", body)
        assert refused.value.message is None


class TestATypeError:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (True, f"{BOOLEAN} can not be converted to an String"),
            (1, f"{NUMBER} can not be converted to an String"),
            (1.5, f"{NUMBER} can not be converted to an String"),
            ([], NO_LIST),
            ({}, NO_STRUCTURE),
        ],
    )
    def test_of_a_string(self, value: Any, text: str) -> None:
        assert type_error("DescribeStream", StreamName=value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (True, f"{BOOLEAN} can not be converted to an Integer"),
            ("1", f"{STRING} can not be converted to an Integer"),
            ([], NO_LIST),
            ({}, NO_STRUCTURE),
        ],
    )
    def test_of_a_whole_number(self, value: Any, text: str) -> None:
        assert type_error("DescribeStream", Limit=value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1, f"{NUMBER} can not be converted to an Boolean"),
            ("hello", "'HELLO' can not be converted to an Boolean"),
            ([], NO_LIST),
            ({}, NO_STRUCTURE),
        ],
    )
    def test_of_a_boolean(self, value: Any, text: str) -> None:
        assert type_error("DeleteStream", EnforceConsumerDeletion=value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (True, f"{BOOLEAN} can not be converted to a Blob"),
            (1, f"{NUMBER} can not be converted to a Blob"),
            ("x", f"'x' can not be converted to a Blob: {WRONG_LENGTH}"),
            ("=+/=", "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"),
            ("A-==", "'A-==' can not be converted to a Blob: Invalid Base64 character: '-'"),
            (
                "+/+=",
                "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
            ),
            ([], NO_LIST),
            ({}, NO_STRUCTURE),
        ],
    )
    def test_of_a_blob(self, value: Any, text: str) -> None:
        assert type_error("PutRecord", Data=value) == text
        assert type_error("PutRecords", Records=[{"Data": value}]) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (True, f"{BOOLEAN} can not be converted to milliseconds since epoch"),
            ("1", f"{STRING} can not be converted to milliseconds since epoch"),
            ([], NO_LIST),
            ({}, NO_STRUCTURE),
        ],
    )
    def test_of_a_time(self, value: Any, text: str) -> None:
        assert type_error("GetShardIterator", Timestamp=value) == text

    @pytest.mark.parametrize("value", [True, 1, "a"])
    def test_of_a_container(self, value: Any) -> None:
        assert type_error("RemoveTagsFromStream", TagKeys=value) == "Expected list or null"
        assert type_error("AddTagsToStream", Tags=value) == "Expected map or null"
        assert type_error("CreateStream", StreamModeDetails=value) == "Expected null"
        assert type_error("PutRecords", Records=[value]) == "Expected null"

    def test_of_one_container_for_another(self) -> None:
        assert type_error("RemoveTagsFromStream", TagKeys={}) == NO_STRUCTURE
        assert type_error("AddTagsToStream", Tags=[]) == NO_LIST
        assert type_error("CreateStream", StreamModeDetails=[]) == NO_LIST

    def test_comes_before_every_constraint(self) -> None:
        assert (
            type_error("DescribeStream", StreamName="", Limit="x")
            == f"{STRING} can not be converted to an Integer"
        )

    def test_is_the_first_in_the_order_of_aws(self) -> None:
        assert type_error("PutRecord", StreamName=1, Data=True) == f"{BOOLEAN} can not be converted to a Blob"


class TestAConstraint:
    def test_that_a_member_is_there(self) -> None:
        assert failure("GetRecords") == (
            "Value null at 'shardIterator' failed to satisfy constraint: Member must not be null"
        )

    def test_counts_a_null_as_missing(self) -> None:
        assert failure("GetRecords", ShardIterator=None) == absent("shardIterator")

    def test_of_a_pattern_and_a_length(self) -> None:
        assert failures("DescribeStream", StreamName="") == [
            said("", "streamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
            said("", "streamName", "Member must have length greater than or equal to 1"),
        ]

    def test_of_the_greatest_length(self) -> None:
        name = "a" * 129
        constraint = "Member must have length less than or equal to 128"
        assert failure("DescribeStream", StreamName=name) == said(name, "streamName", constraint)

    def test_of_values(self) -> None:
        least = "Member must have value greater than or equal to 1"
        greatest = "Member must have value less than or equal to 10000"
        assert failure("DescribeStream", StreamName="a", Limit=0) == said("0", "limit", least)
        assert failure("DescribeStream", StreamName="a", Limit=10_001) == said("10001", "limit", greatest)

    def test_of_an_enum_prints_the_values_in_the_order_of_aws(self) -> None:
        values = "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
        text = failure("GetShardIterator", StreamName="a", ShardId="s", ShardIteratorType="x")
        assert text == said("x", "shardIteratorType", f"Member must satisfy enum value set: {values}")

    def test_of_an_enum_knows_upper_from_lower_case(self) -> None:
        assert "[PROVISIONED, ON_DEMAND]" in failure(
            "CreateStream", StreamName="a", StreamModeDetails={"StreamMode": "on_demand"}
        )

    def test_prints_an_enclosed_pattern_without_its_enclosure(self) -> None:
        constraint = r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
        text = failure("SplitShard", StreamName="a", ShardToSplit="s", NewStartingHashKey="01")
        assert text == said("01", "newStartingHashKey", constraint)

    @pytest.mark.parametrize("key", ["1\n", "1x", "x1", "\u0661", "", "1" * 40])
    def test_of_a_pattern_is_for_the_whole_text_and_ascii_digits(self, key: str) -> None:
        assert len(failures("SplitShard", StreamName="a", ShardToSplit="s", NewStartingHashKey=key)) == 1

    @pytest.mark.parametrize("character", ["\n", "\r", "\x85", "\u2028", "\u2029"])
    def test_of_a_pattern_takes_no_line_end_for_a_dot(self, character: str) -> None:
        arn = STREAM_ARN.replace("us-east-1", f"us{character}east")
        assert "regular expression" in failure("DescribeStream", StreamARN=arn)

    def test_of_a_pattern_does_not_take_for_ever(self) -> None:
        arn = "arn:aws" + ":kinesis::000000000000:" * 50_000
        assert len(failures("DescribeStream", StreamARN=arn)) == 2

    def test_of_a_blob_prints_its_size_only(self) -> None:
        with pytest.raises(ValidationException) as refused:
            accept_document("PutRecord", {"StreamName": "a", "PartitionKey": "k", "Data": bytes(10_485_761)})
        buffer = "java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]"
        constraint = "Member must have length less than or equal to 10485760"
        assert refused.value.message == f"1 validation error detected: {said(buffer, 'data', constraint)}"

    def test_of_a_blob_holds_in_a_body_too(self) -> None:
        opening = b'{"StreamName": "a", "PartitionKey": "k", "Data": "'
        fitting = opening + b"AAAA" * 3_495_253 + b'AA=="}'
        assert len(accept("PutRecord", fitting).Data) == 10_485_760
        with pytest.raises(ValidationException, match="less than or equal to 10485760"):
            accept("PutRecord", fitting.replace(b"AA==", b"AAA="))

    def test_counts_text_in_utf_16_units(self) -> None:
        put = {"StreamName": "a", "Data": ""}
        assert request("PutRecord", **put, PartitionKey="😀" * 128).PartitionKey == "😀" * 128
        assert "less than or equal to 256" in failure("PutRecord", **put, PartitionKey="😀" * 129)
        assert request("PutRecord", **put, PartitionKey="é" * 256).PartitionKey == "é" * 256

    def test_inside_a_list_of_structures_has_the_number_of_the_item(self) -> None:
        records = [{"Data": "", "PartitionKey": "k"}, {"Data": "", "PartitionKey": "k"}, {"PartitionKey": ""}]
        assert failures("PutRecords", StreamName="a", Records=records) == [
            said("", "records.3.member.partitionKey", "Member must have length greater than or equal to 1"),
            absent("records.3.member.data"),
        ]

    def test_inside_a_structure_has_its_path(self) -> None:
        assert failure("ListShards", ShardFilter={"ShardId": "s"}) == absent("shardFilter.type")

    def test_of_a_list_of_structures_prints_their_class(self) -> None:
        entry = r"com\.amazonaws\.kinesis\.v20131202\.PutRecordsRequestEntry@[0-9a-f]{8}"
        text = failure("PutRecords", StreamName="a", Records=[{"Data": "", "PartitionKey": "k"}] * 501)
        assert re.fullmatch(
            rf"Value '\[{entry}(, {entry}){{500}}\]' at 'records' failed to satisfy constraint: "
            r"Member must have length less than or equal to 500",
            text,
        )

    def test_of_an_empty_list_or_map(self) -> None:
        constraint = "Member must have length greater than or equal to 1"
        assert failure("PutRecords", StreamName="a", Records=[]) == said("[]", "records", constraint)
        assert failure("AddTagsToStream", StreamName="a", Tags={}) == said("{}", "tags", constraint)

    def test_on_the_items_of_a_list_is_worded_on_the_list(self) -> None:
        text = failure("RemoveTagsFromStream", StreamName="a", TagKeys=["a", ""])
        assert text == said("[a, ]", "tagKeys", f"Member must satisfy constraint: {KEY_LENGTHS}")

    def test_on_the_items_of_a_list_may_be_an_enum(self) -> None:
        values = (
            "[IncomingBytes, IncomingRecords, OutgoingBytes, OutgoingRecords, "
            "WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded, "
            "IteratorAgeMilliseconds, ALL]"
        )
        constraint = f"Member must satisfy constraint: [Member must satisfy enum value set: {values}]"
        text = failure("EnableEnhancedMonitoring", StreamName="a", ShardLevelMetrics=["ALL", "x"])
        assert text == said("[ALL, x]", "shardLevelMetrics", constraint)

    def test_on_the_keys_and_values_of_a_map_is_worded_on_the_map(self) -> None:
        long = "v" * 257
        assert failures("AddTagsToStream", StreamName="a", Tags={"": "x", "k": long}) == [
            said(f"{{=x, k={long}}}", "tags", f"Map keys must satisfy constraint: {KEY_LENGTHS}"),
            said(f"{{=x, k={long}}}", "tags", f"Map value must satisfy constraint: {VALUE_LENGTHS}"),
        ]

    def test_broken_with_others_is_reported_with_them_in_the_order_of_aws(self) -> None:
        with pytest.raises(ValidationException) as refused:
            request("CreateStream", StreamName="a" * 129, ShardCount=0)
        assert refused.value.message == (
            "2 validation errors detected: "
            "Value '0' at 'shardCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1; "
            f"Value '{'a' * 129}' at 'streamName' failed to satisfy constraint: "
            "Member must have length less than or equal to 128"
        )

    def test_broken_more_than_ten_times_is_reported_ten_times(self) -> None:
        assert len(failures("PutRecords", StreamName="", Records=[{}] * 20)) == 10


class TestAStream:
    @pytest.mark.parametrize("name", ["DeleteStream", "DescribeStream", "DescribeStreamSummary"])
    def test_must_be_named(self, name: str) -> None:
        with pytest.raises(ValidationException) as refused:
            request(name)
        assert refused.value.message == (
            "1 validation error detected: "
            "Value null at 'streamName' failed to satisfy constraint: Member must not be null"
        )

    @pytest.mark.parametrize(
        "named",
        [{"StreamName": "a"}, {"StreamARN": STREAM_ARN}, {"StreamName": "a", "StreamARN": STREAM_ARN}],
    )
    def test_is_named_by_its_name_or_its_arn_or_both(self, named: dict[str, str]) -> None:
        described = request("DescribeStreamSummary", **named)
        assert (described.StreamName, described.StreamARN) == (
            named.get("StreamName"),
            named.get("StreamARN"),
        )

    def test_is_not_named_by_nulls(self) -> None:
        assert failure("DescribeStream", StreamName=None, StreamARN=None) == absent("streamName")

    def test_is_named_by_an_arn_that_is_wrong_too(self) -> None:
        assert "'streamARN'" in failure("DescribeStream", StreamARN="x")

    def test_that_is_not_named_is_reported_with_other_failures_in_the_order_of_aws(self) -> None:
        with pytest.raises(ValidationException) as refused:
            request("PutRecord")
        assert refused.value.message == (
            "3 validation errors detected: "
            "Value null at 'partitionKey' failed to satisfy constraint: Member must not be null; "
            "Value null at 'data' failed to satisfy constraint: Member must not be null; "
            "Value null at 'streamName' failed to satisfy constraint: Member must not be null"
        )
        assert failures("PutRecords") == [absent("records"), absent("streamName")]
        assert failures("SplitShard") == [
            absent(member) for member in ("newStartingHashKey", "streamName", "shardToSplit")
        ]

    def test_is_not_asked_of_a_listing_of_shards_which_may_have_a_token(self) -> None:
        assert request("ListShards").StreamName is None
        assert request("ListShards", NextToken="t").NextToken == "t"

    @pytest.mark.parametrize("name", ["ListStreams", "DescribeLimits", "DescribeStreamConsumer"])
    def test_is_not_asked_where_there_is_no_member_for_its_name(self, name: str) -> None:
        assert request(name) is not None

    def test_must_be_named_in_a_document_too(self) -> None:
        with pytest.raises(ValidationException, match="at 'streamName'"):
            accept_document("PutRecord", {"PartitionKey": "k", "Data": b"\xff"})


class TestAPartitionKey:
    """Whether a record needs one depends on its stream, which only the operation sees."""

    def test_may_be_missing_if_nothing_else_is_wrong(self) -> None:
        assert request("PutRecord", StreamName="a", Data="").PartitionKey is None
        put = request("PutRecords", StreamARN=STREAM_ARN, Records=[{"Data": ""}, {"Data": "AA=="}])
        assert [entry.PartitionKey for entry in put.Records] == [None, None]

    def test_that_is_missing_is_reported_with_whatever_else_is_wrong(self) -> None:
        assert failures("PutRecord", StreamName="a") == [absent("partitionKey"), absent("data")]
        assert failures("PutRecord", Data="") == [absent("partitionKey"), absent("streamName")]
        assert failures("PutRecord", StreamName="a", Data="", ExplicitHashKey="x")[0] == absent(
            "partitionKey"
        )

    def test_that_is_missing_in_an_entry_is_reported_wherever_the_request_is_wrong(self) -> None:
        records = [{"Data": ""}, {"Data": "", "PartitionKey": "k"}, {"PartitionKey": "k"}, {"Data": ""}]
        assert failures("PutRecords", StreamName="a", Records=records) == [
            absent("records.1.member.partitionKey"),
            absent("records.3.member.data"),
            absent("records.4.member.partitionKey"),
        ]
        assert failures("PutRecords", Records=records[:2]) == [
            absent("records.1.member.partitionKey"),
            absent("streamName"),
        ]

    def test_that_is_missing_counts_among_the_ten_reported(self) -> None:
        assert failures("PutRecords", Records=[{"Data": ""}] * 20) == [
            absent(f"records.{number}.member.partitionKey") for number in range(1, 11)
        ]


class TestTheOrderOfAws:
    @pytest.mark.parametrize("shape_name", OBSERVED_MEMBERS)
    def test_is_of_members_that_exist(self, shape_name: str) -> None:
        assert set(OBSERVED_MEMBERS[shape_name]) <= api_model().shapes[shape_name].members.keys()

    @pytest.mark.parametrize("shape_name", OBSERVED_ENUMS)
    def test_is_of_enums_that_are_whole(self, shape_name: str) -> None:
        assert set(OBSERVED_ENUMS[shape_name]) == set(api_model().shapes[shape_name].enum)

    def test_is_the_order_of_the_model_where_none_was_observed(self) -> None:
        assert failures("StartStreamEncryption", StreamName="a") == [
            absent("encryptionType"),
            absent("keyId"),
        ]
