from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.server.access.credentials import (
    CredentialsError,
    KnownKey,
    by_access_key,
    is_readable_by_others,
    known_key,
    load_credentials,
    read_credentials,
)
from tests.waiting import RETRY_FOR_S

FILE = """
# what `aws configure` writes, and a little more
[default]
aws_access_key_id = AKID
aws_secret_access_key = se/cret+=%1
region = eu-west-1

[other]
AWS_ACCESS_KEY_ID=ASIA
aws_secret_access_key=s
aws_session_token=t==
aws_account_id=111122223333
aws_credential_expiration=2026-11-20T09:30:00Z

[assumed]
role_arn = arn:aws:iam::111122223333:role/reader
s3 =
  max_concurrent_requests = 20
"""


def refusal_of(text: str) -> str:
    with pytest.raises(CredentialsError) as caught:
        read_credentials(text, "file")
    return str(caught.value)


def test_every_profile_with_keys_is_one_key() -> None:
    assert read_credentials(FILE, "file") == [
        KnownKey("AKID", "se/cret+=%1"),
        KnownKey("ASIA", "s", "t==", "111122223333", 1_795_167_000_000),
    ]


def test_a_time_without_a_zone_is_utc() -> None:
    assert known_key("x", "A", "s", expiration="2026-11-20T09:30:00").expires_ms == 1_795_167_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "file: no profile in it has an access key"),
        ("[a]\nregion = x", "file: no profile in it has an access key"),
        ("[a]\naws_access_key_id = A", "file: profile a: it has no aws_secret_access_key"),
        ("[a]\naws_secret_access_key = s", "file: profile a: it has no aws_access_key_id"),
        (
            "[a]\naws_access_key_id =\naws_secret_access_key = s",
            "file: profile a: '' is not an access key id",
        ),
        (
            "[a]\naws_access_key_id = a/b\naws_secret_access_key = s",
            "file: profile a: 'a/b' is not an access key id",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key =",
            "file: profile a: the secret access key is empty",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = s\naws_account_id = 1",
            "file: profile a: the account '1' is not twelve digits",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = s\naws_credential_expiration = soon",
            "file: profile a: the expiration 'soon' is not a time",
        ),
        ("aws_secret_access_key = s3cret", "file: it is not a file of profiles (line 1)"),
        ("[a]\ns3cret", "file: it is not a file of profiles (line 2)"),
        ("[a]\nx = 1\n[a]\n", "file: it is not a file of profiles (line 3)"),
        ("[a]\nx = 1\nx = s3cret", "file: it is not a file of profiles (line 3)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_a_secret(text: str, reason: str) -> None:
    assert refusal_of(text) == reason


def test_a_key_may_be_given_twice_but_means_one_thing() -> None:
    key = KnownKey("AKID", "secret")
    assert by_access_key([key, key]) == {"AKID": key}
    with pytest.raises(CredentialsError, match=r"^the access key AKID is given twice, with other values$"):
        by_access_key([key, KnownKey("AKID", "other")])


def test_secrets_are_not_shown() -> None:
    assert repr(KnownKey("AKID", "s3cret", "t0ken")) == (
        "KnownKey(access_key_id='AKID', account_id=None, expires_ms=None)"
    )


def test_a_file_may_begin_with_a_mark_and_must_be_text(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    assert len(load_credentials(path)) == 2
    path.write_bytes(b"\xff\xff")
    with pytest.raises(CredentialsError, match="it is not UTF-8 text"):
        load_credentials(path)


@pytest.mark.skipif(os.name != "posix", reason="other systems have other rights")
def test_a_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.touch()
    for mode, is_open in ((0o600, False), (0o400, False), (0o640, True), (0o604, True)):
        path.chmod(mode)
        assert is_readable_by_others(path) is is_open


def test_a_server_does_not_start_with_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    command = [sys.executable, "-m", "headwater", "start", "--port", "0", "--credentials", str(missing)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RETRY_FOR_S)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"headwater: {missing}: no such file or directory\n"
