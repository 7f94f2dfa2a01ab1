"""The metrics of delivery streams, as CloudWatch has them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from headwater.testing import Headwater
from headwater.testing.admin_client import AdminClient
from tests.delivery.delivered_stream import metric_sums
from tests.delivery.firehose.conftest import Bucket, Create, Deploy, Put, processing
from tests.neighbours.conftest import ClientOf
from tests.waiting import wait_until

FAILS_SOME = """
def handler(event, context):
    results = iter(("Ok", "Dropped", "ProcessingFailed"))
    return {"records": [
        {"recordId": record["recordId"], "result": next(results), "data": record["data"]}
        for record in event["records"]
    ]}
"""


def sums(headwater: Headwater, name: str) -> dict[str, float]:
    return metric_sums(headwater.endpoint_url, "AWS/Firehose", DeliveryStreamName=name)


def gathered(headwater: Headwater, name: str) -> int:
    """How many records wait together to be delivered."""
    deliveries = AdminClient(headwater.endpoint_url).get("deliveries")["deliveries"]
    return sum(each["gathered_records"] for each in deliveries if each["name"] == name)


def test_direct_puts_and_their_objects_are_counted(
    headwater: Headwater, client_of: ClientOf, firehose: Any, create: Create, put: Put, bucket: Bucket
) -> None:
    name = create(BufferingHints={"IntervalInSeconds": 60, "SizeInMBs": 1})
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"one"})
    put(name, b"three", b"seven")
    wait_until(lambda: gathered(headwater, name) == 3)
    bucket.arrived()
    wait_until(lambda: "DeliveryToS3.Success" in sums(headwater, name))
    counted = sums(headwater, name)
    assert counted.pop("DeliveryToS3.DataFreshness") >= 60
    assert counted.pop("PutRecord.Latency") > 0
    assert counted.pop("PutRecordBatch.Latency") > 0
    assert counted == {
        "DeliveryToS3.Bytes": 13,
        "DeliveryToS3.Records": 3,
        "DeliveryToS3.Success": 1,
        "IncomingBytes": 13,
        "IncomingPutRequests": 2,
        "IncomingRecords": 3,
        "PutRecord.Bytes": 3,
        "PutRecord.Requests": 1,
        "PutRecordBatch.Bytes": 10,
        "PutRecordBatch.Records": 2,
        "PutRecordBatch.Requests": 1,
    }
    asked = client_of("cloudwatch").get_metric_statistics(
        Namespace="AWS/Firehose",
        MetricName="DeliveryToS3.Records",
        Dimensions=[{"Name": "DeliveryStreamName", "Value": name}],
        StartTime=headwater.clock.now() - timedelta(hours=2),
        EndTime=headwater.clock.now() + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    assert [(point["Sum"], point["Unit"]) for point in asked["Datapoints"]] == [(3, "Count")]


def test_a_function_and_a_backup_are_counted(
    headwater: Headwater, create: Create, put: Put, deploy: Deploy, bucket: Bucket
) -> None:
    name = create(
        Prefix="done/",
        ErrorOutputPrefix="failed/",
        ProcessingConfiguration=processing(("Lambda", {"LambdaArn": deploy(FAILS_SOME)})),
        S3BackupMode="Enabled",
        S3BackupConfiguration={"RoleARN": "arn:aws:iam::000000000000:role/any", "BucketARN": bucket.arn,
                               "Prefix": "backup/"},
    )  # fmt: skip
    put(name, b"one", b"two", b"six")
    bucket.arrived(1, "failed/")
    counted = sums(headwater, name)
    expected = {
        "BackupToS3.Bytes": 9,
        "BackupToS3.Records": 3,
        "BackupToS3.Success": 1,
        "DeliveryToS3.Records": 1,
        "ExecuteProcessing.Success": 1,
        "SucceedProcessing.Bytes": 3,
        "SucceedProcessing.Records": 1,
    }
    assert {metric: counted[metric] for metric in expected} == expected
    assert counted["ExecuteProcessing.Duration"] > 0
