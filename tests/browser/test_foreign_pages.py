"""What web pages of others can do to a server, in a real browser: nothing, and they learn nothing."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config

from tests.browser.browser import Browser
from tests.browser.foreign_site import foreign_site
from tests.conftest import started_server
from tests.waiting import RETRY_FOR_S

pytestmark = pytest.mark.clients

ATTACK = (Path(__file__).parent / "attack.js").read_text()
LOG_TIMEOUT_S = RETRY_FOR_S
SECRET = "what only the user may know"
TEMPLATE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
POLICY = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def query(service: str, **fields: str) -> dict[str, str]:
    """A call in a query protocol, for the service in a signature that anybody can write."""
    return {**fields, "X-Amz-Credential": f"key/20261101/us-east-1/{service}/aws4_request"}


OF_THIS_MACHINE = ("127.0.0.1", "localhost")
"""Pages by these names may call the API of streams, and nothing that is attacked here."""
MAKE_STACK = query("cloudformation", Action="CreateStack", StackName="theirs", TemplateBody=TEMPLATE)
MAKE_QUEUE = query("sqs", Action="CreateQueue", QueueName="theirs", Version="2012-11-05")
MAKE_USER = query("iam", Action="CreateUser", UserName="theirs", Version="2010-05-08")
PATHS = (
    f"/?{urlencode(MAKE_STACK)}",
    f"/?{urlencode(MAKE_QUEUE)}",
    "/2015-03-31/functions/",
    "/2015-03-31/functions/mine/invocations",
    "/",
    "/bucket",
    "/bucket/secret",
    "/bucket/leak.js",
    "/_headwater/health",
    "/_headwater/reset",
    "/_headwater/faults",
    "/_headwater/metrics",
    "/_headwater/backup",
    "/_headwater/about",
    "/_headwater/console/",
    "/_headwater/streams",
    "/_headwater/lambda/logs",
)
FORMS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/", MAKE_STACK),
    (f"/?{urlencode(MAKE_USER)}", MAKE_USER),
    ("/bucket", {"key": "theirs", "file": "theirs"}),
    ("/2015-03-31/functions", {"FunctionName": "theirs"}),
    ("/_headwater/reset", {}),
    ("/_headwater/clock", {"advance_ms": "1"}),
)


@dataclass
class Victim:
    """A server with something on it."""

    url: str
    log: Path

    @property
    def authority(self) -> str:
        """Its host and port."""
        return self.url.partition("://")[2]

    def client(self, service: str) -> Any:
        """The real SDK's client."""
        return boto3.client(
            service,
            endpoint_url=f"http://{self.authority}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def fill(self) -> None:
        """Make something that can be lost or revealed."""
        self.client("kinesis").create_stream(StreamName="mine", ShardCount=1)
        self.client("s3").create_bucket(Bucket="bucket")
        self.publish("secret", "text/plain", SECRET)
        self.publish("leak.js", "text/javascript", "window.leaked = 'everything'")
        self.client("sqs").create_queue(QueueName="mine")

    def publish(self, key: str, kind: str, text: str) -> None:
        """Put an object that needs no signature to be read."""
        self.client("s3").put_object(
            Bucket="bucket", Key=key, Body=text.encode(), ContentType=kind, ACL="public-read"
        )

    def state(self) -> dict[str, Any]:
        """What is there, for a comparison."""
        objects = self.client("s3").list_objects_v2(Bucket="bucket").get("Contents", ())
        with urllib.request.urlopen(f"http://{self.authority}/_headwater/faults") as answer:
            faults = json.load(answer)
        return {
            "streams": self.client("kinesis").list_streams()["StreamNames"],
            "buckets": [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]],
            "objects": [(each["Key"], each["ETag"]) for each in objects],
            "queues": self.client("sqs").list_queues().get("QueueUrls"),
            "users": [user["UserName"] for user in self.client("iam").list_users()["Users"]],
            "stacks": [
                stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"]
            ],
            "functions": self.client("lambda").list_functions()["Functions"],
            "tables": self.client("dynamodb").list_tables()["TableNames"],
            "faults": faults,
        }

    def logged(self) -> list[str]:
        """The lines of its log, up to now."""
        place = f"/until-{secrets.token_hex(8)}"
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://{self.authority}{place}")
        deadline_s = monotonic() + LOG_TIMEOUT_S
        while (text := self.log.read_text()).count(place) == 0 or not text.endswith("\n"):
            assert monotonic() < deadline_s, "a request is not in the log"
            sleep(0.01)
        return text.splitlines()


@contextmanager
def victim(folder: Path, *options: str) -> Iterator[Victim]:
    with started_server(folder / "log", *options) as server:
        found = Victim(server.endpoint_url, folder / "log")
        found.fill()
        yield found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("plain")) as server:
        yield server


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("tls")
    with victim(folder, "--tls", "--data-dir", str(folder / "data")) as server:
        yield server


def attacked(browser: Browser, page: str, url: str, paths: Sequence[str] = PATHS) -> list[str]:
    """What a page has learned by attacking a server with everything it has."""
    browser.open(f"{page}/")
    learned: list[str] = browser.run(ATTACK, url, paths, FORMS, f"{page}/redirect")
    assert isinstance(learned, list), learned
    return learned


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "foreign.example"])
@pytest.mark.parametrize("version", ["plain", "encrypted"])
def test_a_page_of_another_port_or_name_changes_nothing_and_learns_nothing(
    browser: Browser, request: pytest.FixtureRequest, version: str, name: str
) -> None:
    server: Victim = request.getfixturevalue(version)
    before, lines = server.state(), len(server.logged())
    with foreign_site() as port:
        learned = attacked(browser, f"http://{name}:{port}", server.url)
        asked = server.logged()[lines:-1]
    if name in OF_THIS_MACHINE:  # a preflight does not say whether the API is meant
        asked = [line for line in asked if " OPTIONS / => 200 " not in line]
    assert learned == []
    assert len(asked) > len(PATHS) * 10
    assert [line for line in asked if "403 (ForeignOrigin" not in line] == []
    assert server.state() == before


def test_the_same_page_does_all_that_where_it_is_trusted(browser: Browser, tmp_path: Path) -> None:
    """So the test above would see it."""
    with foreign_site() as port, victim(tmp_path, "--allow-origin", "*") as server:
        learned = attacked(
            browser, f"http://foreign.example:{port}", server.url, PATHS[:-1]
        )  # that has no end
        assert "script ran: everything" in learned
        assert any(SECRET in line for line in learned)
        assert server.client("kinesis").list_streams()["StreamNames"] == [], "the own routes were reached"
        made = [line for line in server.logged() if "AWS iam.CreateUser => 200" in line]
        assert made, "the neighbours were reached"


@pytest.mark.parametrize("kind", ["image", "link", "frame", "window"])
def test_a_page_cannot_lead_its_user_to_an_address_of_the_server(
    browser: Browser, plain: Victim, kind: str
) -> None:
    lead = {
        "image": "const i = new Image(); const over = new Promise(r => i.onload = i.onerror = r);"
        "i.src = given[0]; return over.then(() => String(i.naturalWidth));",
        "link": "const a = document.createElement('a'); a.href = given[0]; document.body.append(a);"
        "a.click(); return '0';",
        "frame": "const f = document.createElement('iframe'); const over = new Promise(r => f.onload = r);"
        "f.src = given[0]; document.body.append(f); return over.then(() => '0');",
        "window": "location = given[0]; return '0';",
    }
    before = plain.state()
    with foreign_site() as port:
        browser.open(f"http://foreign.example:{port}/")
        assert browser.run(lead[kind], f"{plain.url}{PATHS[0]}") == "0"
        browser.open(f"http://foreign.example:{port}/")
    assert plain.state() == before


def test_an_address_that_is_typed_is_answered_and_changes_nothing_either(
    browser: Browser, plain: Victim
) -> None:
    before = plain.state()
    browser.open(f"{plain.url}/_headwater/health")
    assert "running" in browser.shown()
    browser.open(f"{plain.url}/bucket/secret")
    assert SECRET in browser.shown()
    browser.open(f"{plain.url}{PATHS[0]}")
    assert plain.state() == before


def test_a_page_in_a_bucket_cannot_act_as_the_servers_own(browser: Browser, plain: Victim) -> None:
    page = f"""<!doctype html><title>harmless</title><body>Some text.
    <script>document.title = "it ran"; fetch("/_headwater/reset", {{method: "POST"}})</script>
    <img src="/nothing" onerror="document.title = 'it ran'">
    <script src="/bucket/leak.js"></script>
    <meta http-equiv="refresh" content="0; url={PATHS[0]}">
    <iframe src="/_headwater/health"></iframe>
    <form action="/_headwater/reset" method="post"><button autofocus>Press</button></form>"""
    for key, kind, body in (
        ("page.html", "text/html", page),
        (
            "page.svg",
            "image/svg+xml",
            """<svg xmlns="http://www.w3.org/2000/svg"><title>harmless</title><text y="20">
            Some text.</text><script>document.title = 'it ran'</script></svg>""",
        ),
        ("guessed", "application/octet-stream; x=1", page),
    ):
        plain.publish(key, kind, body)
    before, lines = plain.state(), len(plain.logged())
    for key in ("page.html", "page.svg"):
        browser.open(f"{plain.url}/bucket/{key}")
        assert "Some text." in browser.shown()
        assert browser.title() == "harmless"
    browser.open(f"{plain.url}/bucket/guessed")
    assert "it ran" not in browser.title()
    browser.open("about:blank")
    with urllib.request.urlopen(f"{plain.url}/bucket/page.html") as answer:
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not [line for line in plain.logged()[lines:] if "reset" in line and "=> 200" in line]
    assert plain.state() == before


def test_a_page_of_the_same_origin_may_do_everything(browser: Browser, tmp_path: Path) -> None:
    """Served through a proxy, as the page of somebody who develops one."""
    with victim(tmp_path) as server, foreign_site(server.authority) as port:
        browser.open(f"http://127.0.0.1:{port}/")
        asked = """
        const answers = [await fetch("/forwarded/_headwater/health"),
            await fetch("/forwarded/bucket/secret"),
            await fetch("/forwarded/", {method: "POST", body: "{}", headers: {
                "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": "20261101T000000Z",
                "X-Amz-Target": "Kinesis_20131202.ListStreams", "Authorization": given[0]}}),
            await fetch("/forwarded/_headwater/reset", {method: "POST"})];
        return answers.map(answer => answer.status);"""
        signed = (
            "AWS4-HMAC-SHA256 Credential=key/20261101/us-east-1/kinesis/aws4_request, "
            "SignedHeaders=host, Signature=00"
        )
        assert browser.run(asked, signed) == [200, 200, 200, 200]
        assert server.client("kinesis").list_streams()["StreamNames"] == []
