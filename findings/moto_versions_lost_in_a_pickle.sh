#!/usr/bin/env bash
# moto 5.2.5, S3: a versioned bucket that is pickled and read back has one version of each key.
#
# moto keeps a bucket's keys in a dict whose values are lists: `[]` gives the newest version of a key, and
# sets it. Pickle copies a dict item by item through those same two, so that of each list only its newest
# member is written, without an error and without a warning. `copy.deepcopy` loses them in the same way.
# Whoever keeps a mocked S3 between two runs, or copies it, finds every version but the newest gone.
#
# Seen: two versions before, one after, with pickle and with deepcopy.
# As it should be: two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[s3]==5.2.5' 'boto3==1.43.11'
"$folder/venv/bin/python" - <<'PYTHON'
import copy
import pickle

import boto3
from moto import mock_aws
from moto.s3.models import s3_backends

with mock_aws():
    client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.create_bucket(Bucket="reports")
    client.put_bucket_versioning(Bucket="reports", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        client.put_object(Bucket="reports", Key="today", Body=body)
    keys = s3_backends["123456789012"]["aws"].buckets["reports"].keys
    seen = {
        "before": len(keys.getlist("today")),
        "pickled": len(pickle.loads(pickle.dumps(keys)).getlist("today")),
        "copied": len(copy.deepcopy(keys).getlist("today")),
    }
print("versions:", seen)
assert seen == {"before": 2, "pickled": 1, "copied": 1}, "it has changed"
PYTHON
