"""AWS's partitions, and the table of them beside that of the installed botocore."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from headwater.model.partition import PARTITIONS, Partition, partition_of, url_suffix_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_partitions.py"


def test_the_table_agrees_with_the_installed_botocore() -> None:
    checked = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda partition: partition.id)
def test_every_region_is_where_the_sdk_has_it(partition: Partition) -> None:
    sdk = boto3.Session()
    for region in partition.regions:
        if region[-1].isdigit():
            assert partition_of(region) == sdk.get_partition_for_region(region)


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("cn-south-7", "aws-cn", "amazonaws.com.cn"),  # not named by AWS yet
        ("us-gov-north-1", "aws-us-gov", "amazonaws.com"),
        ("eusc-de-west-2", "aws-eusc", "amazonaws.eu"),
        ("us-isob-south-1", "aws-iso-b", "sc2s.sgov.gov"),
        ("aws-iso-f-global", "aws-iso-f", "csp.hci.ic.gov"),
        ("cn-anything", "aws", "amazonaws.com"),
        ("", "aws", "amazonaws.com"),
    ],
)
def test_a_region_belongs_where_its_name_says(region: str, partition: str, suffix: str) -> None:
    assert (partition_of(region), url_suffix_of(region)) == (partition, suffix)
