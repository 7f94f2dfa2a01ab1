from __future__ import annotations

import pytest

from headwater.server.access.host_names import HOSTS_REMEMBERED, HostPolicy, unknown
from tests.tables import each

OWN = HostPolicy(("box.lan", "192.0.2.1"), ())


@each(
    "host",
    [
        None,
        b"",
        b"localhost",
        b"localhost:4566",
        b"LOCALHOST:4566",
        b"my-app.localhost:4566",
        b"127.0.0.1:4566",
        b"127.1.2.3",
        b"[::1]:4566",
        b"[::1]",
        b"192.168.1.20:4566",
        b"headwater:4566",
        b"host.docker.internal:4566",
        b"headwater.tests.svc.cluster.local",
        b"box.lan:4566",
        b"Box.LAN.",
    ],
)
def test_names_that_no_foreign_site_can_have_are_answered_to(host: bytes | None) -> None:
    assert OWN.admits(host)
    assert OWN.admits(host)


@pytest.mark.parametrize(
    "host",
    [
        b"example.com",
        b"example.com:4566",
        b"localhost.example.com",
        b"127.0.0.1.example.com:4566",
        b"localhost.localstack.cloud:4566",
        b"box.lan.example.com",
        b"notlocalhost.com.",
        b"127.0.0.256",
        b"\xff.example",
    ],
)
def test_other_names_are_not(host: bytes) -> None:
    assert not OWN.admits(host)
    assert not OWN.admits(host)


def test_a_name_may_be_allowed() -> None:
    policy = HostPolicy((), ("kinesis.example.com", "OTHER.example.com"))
    assert policy.admits(b"kinesis.example.com:4566")
    assert policy.admits(b"other.Example.com")
    assert not policy.admits(b"third.example.com")


def test_every_name_may_be_allowed() -> None:
    assert HostPolicy((), ("*",)).admits(b"example.com")


def test_many_names_cost_no_memory() -> None:
    policy = HostPolicy((), ())
    for number in range(2 * HOSTS_REMEMBERED):
        assert policy.admits(b"%d.localhost" % number)
    assert len(policy.known) <= HOSTS_REMEMBERED


def test_the_answer_says_what_to_do() -> None:
    answer = unknown(b"example.com:4566")
    assert answer.status == 403
    assert b"does not answer to the name example.com. " in answer.body
    assert b"--allow-host" in answer.body
