from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from headwater.server.http.local_ca import CA_FILE, ensure_ca, ensure_server
from headwater.server.http.tls import TlsError, server_context
from tests.server.http.http2_peer import Http2Peer
from tests.waiting import RETRY_FOR_S, wait_until

LONG_S = 1000.0
GET = b"GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and a server's certificate."""
    made = tmp_path_factory.mktemp("tls")
    ensure_server(made, ())
    return made


@pytest.fixture(scope="module")
def context(folder: Path) -> ssl.SSLContext:
    """A server's TLS settings."""
    path = ensure_server(folder, ())
    return server_context(path, path)


@pytest.fixture(scope="module")
def trusting(folder: Path) -> ssl.SSLContext:
    """A client's TLS settings, as strict as they can be."""
    made = ssl.create_default_context(cafile=str(folder / CA_FILE))
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made


def connect(server: Any, trusting: ssl.SSLContext, *protocols: str) -> ssl.SSLSocket:
    if protocols:
        trusting.set_alpn_protocols(list(protocols))
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=RETRY_FOR_S)
    return trusting.wrap_socket(plain, server_hostname="localhost")


def client(folder: Path, *protocols: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(folder / CA_FILE))
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def answer(encrypted: ssl.SSLSocket) -> bytes:
    encrypted.sendall(GET)
    data = b""
    while not data.endswith(b"GET /secret "):
        part = encrypted.recv(65536)
        assert part, data
        data += part
    return data


def test_http_1_is_spoken_inside(loopback: Any, recorder: Any, context: Any, trusting: Any) -> None:
    server = loopback(recorder, tls=context)
    with connect(server, trusting) as encrypted:
        for _ in range(3):
            assert answer(encrypted).startswith(b"HTTP/1.1 200 OK\r\n")


def test_clear_text_is_spoken_on_the_same_port(loopback: Any, recorder: Any, context: Any) -> None:
    server = loopback(recorder, tls=context)
    assert server.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
    peer = Http2Peer(socket.create_connection(("127.0.0.1", server.port)))
    assert peer.answer(peer.ask()).status == 200
    peer.close()


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (("h2", "http/1.1"), "h2"),
        (("http/1.1", "h2"), "h2"),
        (("http/1.1",), "http/1.1"),
        (("spdy/3",), None),
        ((), None),
    ],
)
def test_http_2_is_preferred(
    wanted: tuple[str, ...], chosen: str | None, loopback: Any, recorder: Any, context: Any, folder: Path
) -> None:
    server = loopback(recorder, tls=context)
    with connect(server, client(folder, *wanted)) as encrypted:
        assert encrypted.selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert answer(encrypted).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("protocols", [("h2",), ()])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_http_2_is_spoken_inside_with_alpn_and_without(
    version: ssl.TLSVersion,
    protocols: tuple[str, ...],
    loopback: Any,
    recorder: Any,
    context: Any,
    folder: Path,
) -> None:
    server = loopback(recorder, tls=context)
    trusting = client(folder, *protocols)
    trusting.maximum_version = trusting.minimum_version = version
    peer = Http2Peer(connect(server, trusting))
    body = bytes(range(256)) * 2_000  # four windows of a stream
    assert peer.answer(peer.ask("/x", body)).body == b"POST /x " + body
    peer.close()


def test_after_alpn_for_http_2_nothing_else_is_understood(
    loopback: Any, recorder: Any, context: Any, folder: Path
) -> None:
    server = loopback(recorder, tls=context)
    with connect(server, client(folder, "h2")) as encrypted:
        encrypted.sendall(GET)
        data = b""
        while part := encrypted.recv(65536):
            data += part
        assert not data.startswith(b"HTTP/1.1")
    assert not recorder.requests


class Trickle:
    """A TLS client that gives its bytes to the network in parts of a size."""

    def __init__(self, port: int, trusting: ssl.SSLContext, size: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=RETRY_FOR_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.size = size
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def until_done(self, step: Any) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.say()
                self.incoming.write(self.socket.recv(65536))
            finally:
                self.say()

    def say(self) -> None:
        data = self.outgoing.read()
        for start in range(0, len(data), self.size):
            self.socket.sendall(data[start : start + self.size])
            if self.size < 100:
                time.sleep(0.0002)


@pytest.mark.parametrize("size", [1, 7, 300])
def test_a_handshake_may_arrive_in_parts(
    size: int, loopback: Any, recorder: Any, context: Any, trusting: Any
) -> None:
    server = loopback(recorder, tls=context)
    peer = Trickle(server.port, trusting, size)
    peer.until_done(peer.tls.do_handshake)
    peer.tls.write(GET)
    assert peer.until_done(lambda: peer.tls.read(65536)).startswith(b"HTTP/1.1 200 OK\r\n")
    peer.socket.close()


def test_many_clients_may_come_at_once(
    loopback: Any, recorder: Any, context: Any, trusting: Any, folder: Path
) -> None:
    server = loopback(recorder, tls=context)
    failures: list[BaseException] = []

    def visit(number: int) -> None:
        try:
            for _ in range(3):
                if number % 2:
                    with connect(server, trusting) as encrypted:
                        answer(encrypted)
                else:
                    peer = Http2Peer(connect(server, client(folder, "h2")))
                    peer.answer(peer.ask(body=b"x" * 50_000))
                    peer.close()
        except BaseException as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(recorder.requests) == 60
    assert not server.notes


@pytest.mark.parametrize("sent", [100, 20_000_000])
def test_bodies_go_both_ways(sent: int, loopback: Any, recorder: Any, context: Any, trusting: Any) -> None:
    server = loopback(recorder, tls=context, body_bytes=30_000_000)
    with connect(server, trusting) as encrypted:
        head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % sent
        encrypted.sendall(head + b"\0" * sent)
        left = sent
        while left > 0:
            left -= encrypted.recv(1 << 20).count(b"\0")
    assert left == 0


def test_a_streamed_answer_comes_as_it_is_written(
    loopback: Any, recorder: Any, context: Any, folder: Path
) -> None:
    server = loopback(recorder, tls=context)
    peer = Http2Peer(connect(server, client(folder, "h2")))
    stream_id = peer.ask("/stream")
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first ")
    server.call(lambda: recorder.sources[0].write(b"second"))
    server.call(recorder.sources[0].end)
    assert peer.answer(stream_id).body == b"first second"
    peer.close()


def test_a_source_is_stopped_when_its_reader_leaves(
    loopback: Any, recorder: Any, context: Any, trusting: Any
) -> None:
    server = loopback(recorder, tls=context)
    encrypted = connect(server, trusting)
    encrypted.sendall(GET.replace(b"/secret", b"/stream"))
    while b"first " not in encrypted.recv(65536):
        pass
    encrypted.close()
    wait_until(lambda: recorder.sources[0].told == ["start", "stop"])


def test_a_client_without_trust_is_told_of_once(loopback: Any, recorder: Any, context: Any) -> None:
    server = loopback(recorder, tls=context)
    for _ in range(3):
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server, ssl.create_default_context())
    assert server.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
    assert len(server.notes) == 1
    assert "handshake failed" in server.notes[0]


def test_what_only_begins_like_tls_is_closed(loopback: Any, recorder: Any, context: Any) -> None:
    server = loopback(recorder, tls=context)
    peer = server.connect()
    peer.send(b"\x16\x03\x01" + b"nonsense" * 100)
    while peer.socket.recv(1000):
        pass
    wait_until(lambda: server.notes)


@pytest.mark.parametrize("said", [b"\x16", b"\x16\x03\x01\x02\x00"])
def test_a_handshake_that_does_not_go_on_is_given_up(
    said: bytes, loopback: Any, recorder: Any, context: Any
) -> None:
    server = loopback(recorder, tls=context, request_timeout_s=LONG_S)
    peer = server.connect()
    peer.send(said)
    server.wait_for_connections(1)
    server.let_time_pass(LONG_S + 1)
    assert peer.is_closed_by_server()
    wait_until(lambda: not server.call(lambda: len(server.connections)))


def test_a_client_that_says_nothing_after_the_handshake_is_closed(
    loopback: Any, recorder: Any, context: Any, trusting: Any
) -> None:
    server = loopback(recorder, tls=context, idle_timeout_s=LONG_S, request_timeout_s=LONG_S)
    with connect(server, trusting) as encrypted, suppress(ConnectionResetError):
        server.let_time_pass(LONG_S + 1)
        assert encrypted.recv(1) == b""


def test_connections_close_at_shutdown(loopback: Any, recorder: Any, context: Any, trusting: Any) -> None:
    server = loopback(recorder, tls=context)
    begun = server.connect()
    begun.send(b"\x16")
    silent, used = connect(server, trusting), connect(server, trusting)
    answer(used)
    server.run(server.listener.close(10 * RETRY_FOR_S))  # which `run` would not wait for
    assert begun.is_closed_by_server()
    for encrypted in (silent, used):
        with suppress(ConnectionResetError):
            assert encrypted.recv(1) == b""
        encrypted.close()


# Files


def test_files_that_cannot_be_read_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TlsError, match=r"^cannot read .*/missing.pem: no such file or directory$"):
        server_context(tmp_path / "missing.pem", folder / CA_FILE)


def test_files_that_do_not_belong_together_are_named(tmp_path: Path, folder: Path) -> None:
    other = ensure_server(tmp_path, ())
    with pytest.raises(TlsError, match=r"are not a certificate and its key: KEY_VALUES_MISMATCH"):
        server_context(ensure_server(folder, ()), other)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    with pytest.raises(TlsError, match=r"are not a certificate and its key: "):
        server_context(nonsense, nonsense)


def test_an_encrypted_key_is_refused_without_a_question(tmp_path: Path, folder: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    path = ensure_server(folder, ())
    key = tmp_path / "key.pem"
    command = ["openssl", "ec", "-in", str(path), "-aes256", "-passout", "pass:secret", "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(TlsError, match="the key is encrypted"):
        server_context(path, key)


# Other people's clients


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_curl_is_served(
    option: str, version: str, loopback: Any, recorder: Any, context: Any, folder: Path
) -> None:
    server = loopback(recorder, tls=context)
    ca = str(ensure_ca(folder))
    command = ["curl", "-sS", option, "--cacert", ca, "-w", " %{http_version}", "-d", "x"]
    url = f"https://localhost:{server.port}/curl"
    ran = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    assert ran.stdout == f"POST /curl x {version}"


NODE = """
const [url, ca] = process.argv.slice(1);
const client = require('node:http2').connect(url, { ca: require('node:fs').readFileSync(ca) });
const request = client.request({ ':method': 'POST', ':path': '/node' });
request.on('data', (part) => process.stdout.write(part));
request.on('end', () => client.close());
request.end('x'.repeat(10));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")
def test_node_is_served(loopback: Any, recorder: Any, context: Any, folder: Path) -> None:
    server = loopback(recorder, tls=context)
    ran = subprocess.run(
        ["node", "-e", NODE, f"https://localhost:{server.port}", str(ensure_ca(folder))],
        capture_output=True,
        text=True,
        check=False,
        timeout=RETRY_FOR_S,
    )
    assert (ran.stdout, ran.stderr) == ("POST /node xxxxxxxxxx", "")
