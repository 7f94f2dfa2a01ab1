from __future__ import annotations

import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from headwater.server.http.local_ca import (
    CA_DAYS,
    CA_FILE,
    CA_KEY_FILE,
    SERVER_DAYS,
    SERVER_FILE,
    ensure_ca,
    ensure_server,
)
from headwater.server.http.tls import TlsError

NO_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> list[str]:
    extension = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def test_both_are_made_once(tmp_path: Path) -> None:
    ca, server = ensure_ca(tmp_path), ensure_server(tmp_path, ("kinesis.test",))
    made = ca.read_bytes(), server.read_bytes()
    assert ensure_ca(tmp_path) == ca
    assert ensure_server(tmp_path, ("kinesis.test",)) == server
    assert (ca.read_bytes(), server.read_bytes()) == made
    certificate(server).verify_directly_issued_by(certificate(ca))


def test_only_the_user_can_read_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "tls"
    ensure_server(folder, ())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {CA_FILE: 0o644, CA_KEY_FILE: 0o600, SERVER_FILE: 0o600}


def test_the_certificate_is_for_this_machine_and_for_what_is_asked(tmp_path: Path) -> None:
    path = ensure_server(tmp_path, ("kinesis.test", "*.example.com", "192.0.2.7", "localhost", "bücher.test"))
    assert names(path) == [
        "localhost",
        "*.localhost",
        "host.docker.internal",
        "127.0.0.1",
        "::1",
        "kinesis.test",
        "*.example.com",
        "192.0.2.7",
        "xn--bcher-kva.test",
    ]


def test_other_names_make_another_certificate_of_the_same_authority(tmp_path: Path) -> None:
    first = ensure_server(tmp_path, ("a.test",)).read_bytes()
    authority = ensure_ca(tmp_path).read_bytes()
    second = ensure_server(tmp_path, ("b.test",))
    assert second.read_bytes() != first
    assert ensure_ca(tmp_path).read_bytes() == authority
    certificate(second).verify_directly_issued_by(certificate(ensure_ca(tmp_path)))


def test_a_certificate_is_renewed_before_it_expires(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = ensure_server(tmp_path, (), now).read_bytes()
    authority = ensure_ca(tmp_path, now).read_bytes()
    assert ensure_server(tmp_path, (), now + timedelta(days=SERVER_DAYS - 40)).read_bytes() == first
    assert ensure_server(tmp_path, (), now + timedelta(days=SERVER_DAYS - 20)).read_bytes() != first
    assert ensure_ca(tmp_path, now + timedelta(days=SERVER_DAYS)).read_bytes() == authority


def test_an_authority_is_renewed_before_it_expires_and_its_certificates_with_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = ensure_ca(tmp_path, now).read_bytes()
    later = now + timedelta(days=CA_DAYS - 100)
    path = ensure_server(tmp_path, (), later)
    assert ensure_ca(tmp_path, later).read_bytes() != first
    certificate(path).verify_directly_issued_by(certificate(ensure_ca(tmp_path, later)))


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("name", [CA_FILE, CA_KEY_FILE, SERVER_FILE])
def test_a_broken_file_is_made_anew(name: str, broken: bytes, tmp_path: Path) -> None:
    ensure_server(tmp_path, ())
    (tmp_path / name).write_bytes(broken)
    path = ensure_server(tmp_path, ())
    certificate(path).verify_directly_issued_by(certificate(ensure_ca(tmp_path)))


def test_a_lost_certificate_of_the_authority_comes_back(tmp_path: Path) -> None:
    made = ensure_ca(tmp_path).read_bytes()
    (tmp_path / CA_FILE).unlink()
    assert ensure_ca(tmp_path).read_bytes() == made


def test_servers_that_start_together_agree_on_an_authority(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    made: list[bytes] = []

    def start() -> None:
        barrier.wait()
        ensure_server(tmp_path, ())
        made.append(ensure_ca(tmp_path).read_bytes())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    certificate(tmp_path / SERVER_FILE).verify_directly_issued_by(certificate(tmp_path / CA_FILE))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((CA_FILE, CA_KEY_FILE, SERVER_FILE))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TlsError, match=r"^cannot use .*/file/tls: not a directory$"):
        ensure_ca(tmp_path / "file" / "tls")


def test_a_name_that_cannot_be_certified_is_named(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match=r"^'a..b' is no name for a certificate$"):
        ensure_server(tmp_path, ("a..b",))


def test_the_package_it_needs_is_not_loaded_by_a_server_without_tls() -> None:
    script = "import sys, headwater.app.run; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
