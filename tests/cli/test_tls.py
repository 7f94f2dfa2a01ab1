from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningServer, client_for, started_server


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def tls_server(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a certificate of its own making."""
    log = tmp_path_factory.mktemp("log") / "log"
    with started_server(log, "--tls", "--data-dir", str(data_dir)) as running:
        yield running


def test_the_authority_is_made_and_printed(headwater: Any, tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    first = headwater("tls", "ca", more=state)
    assert first.exit_code == 0
    path = Path(first.out.strip())
    if sys.platform == "linux":
        assert path == tmp_path / "state" / "headwater" / "tls" / "ca.pem"
    assert headwater("tls", "ca", "--pem", more=state).out == path.read_text()
    assert ssl.create_default_context(cafile=str(path)).cert_store_stats()["x509_ca"] == 1


def test_a_server_with_data_keeps_its_authority_with_them(headwater: Any, tmp_path: Path) -> None:
    printed = headwater("tls", "ca", "--data-dir", str(tmp_path))
    assert printed.out == f"{tmp_path / 'tls' / 'ca.pem'}\n"
    assert headwater("tls", "ca", more={"HEADWATER_DATA_DIR": str(tmp_path)}).out == printed.out


def test_a_folder_that_cannot_be_used_is_named(headwater: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = headwater("tls", "ca", "--data-dir", str(tmp_path / "file"))
    assert ended.exit_code == 1
    assert ended.err.startswith("Error: cannot use ")


def test_boto3_is_served_over_tls(tls_server: RunningServer, data_dir: Path) -> None:
    assert tls_server.endpoint_url.startswith("https://127.0.0.1:")
    client = client_for(tls_server.endpoint_url, verify=str(data_dir / "tls" / "ca.pem"))
    client.create_stream(StreamName="over-tls", ShardCount=1)
    assert client.list_streams()["StreamNames"] == ["over-tls"]
    client.close()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_commands_are_served_too(
    scheme: str, tls_server: RunningServer, data_dir: Path, headwater: Any
) -> None:
    more = {
        "AWS_ENDPOINT_URL": tls_server.endpoint_url.replace("https", scheme),
        "AWS_CA_BUNDLE": str(data_dir / "tls" / "ca.pem"),
    }
    created = headwater("stream", "create", f"by-{scheme}", more=more)
    assert (created.exit_code, created.err) == (0, "")


def test_a_command_that_does_not_trust_the_server_says_so(tls_server: RunningServer, headwater: Any) -> None:
    ended = headwater("stream", "list", more={"AWS_ENDPOINT_URL": tls_server.endpoint_url})
    assert ended.exit_code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in ended.err
    missing = headwater(
        "stream", "list", more={"AWS_ENDPOINT_URL": tls_server.endpoint_url, "AWS_CA_BUNDLE": "/no/such.pem"}
    )
    assert missing.exit_code == 1
    assert "AWS_CA_BUNDLE: cannot read /no/such.pem" in missing.err


def test_the_ready_line_says_what_to_trust(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "headwater",
        "start",
        "--tls",
        "--port",
        "0",
        "--data-dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
    assert "is ready at https://127.0.0.1:" in lines[0]
    assert lines[1].startswith("  export AWS_ENDPOINT_URL_KINESIS=https://127.0.0.1:")
    assert lines[2].startswith("  console: https://127.0.0.1:")
    assert lines[3] == f"  export AWS_CA_BUNDLE={tmp_path / 'tls' / 'ca.pem'}\n"


def test_a_certificate_of_ones_own_is_used_as_it_is(tmp_path: Path, headwater: Any) -> None:
    made = headwater("tls", "ca", "--data-dir", str(tmp_path))
    assert made.exit_code == 0
    authority_key = tmp_path / "tls" / "ca-key.pem"
    options = ("--tls-cert", str(authority_key), "--tls-key", str(authority_key))
    with started_server(tmp_path / "log", *options) as running:
        assert running.endpoint_url.startswith("https://")
        assert "AWS_CA_BUNDLE" not in (tmp_path / "log").read_text()


def test_files_that_are_no_certificate_are_named(headwater: Any, tmp_path: Path) -> None:
    ended = headwater("start", "--tls-cert", str(tmp_path / "a.pem"), "--tls-key", str(tmp_path / "b.pem"))
    assert ended.exit_code == 1
    assert ended.err == f"headwater: cannot read {tmp_path / 'a.pem'}: no such file or directory\n"


def test_without_the_package_it_needs_the_server_says_how_to_get_it(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from headwater.cli.main import main\n"
        f"main(['start', '--port', '0', '--tls', '--data-dir', {str(tmp_path)!r}])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("headwater: --tls makes a certificate with the package `cryptography`")
