"""The console's files, as a browser asks for them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from headwater.server.routes.console import ConsolePages
from headwater.testing import Headwater
from tests.server.routes.asking import get

PAGE = b"<!doctype html><title>Console</title>"
SCRIPT = b"console.log(1);" * 100


@pytest.fixture
def pages(tmp_path: Path) -> ConsolePages:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "assets" / "index-abc.js").write_bytes(SCRIPT)
    return ConsolePages(tmp_path)


def fields_of(pages: ConsolePages, path: bytes, headers: Mapping[bytes, bytes] = {}) -> dict[str, str]:
    return {name.lower(): value for name, value in pages.page(path, headers).fields}


def test_the_folder_shows_its_page_and_a_page_has_its_type(pages: ConsolePages) -> None:
    assert pages.page(b"", {}).body == PAGE
    assert fields_of(pages, b"")["content-type"] == "text/html; charset=utf-8"
    assert fields_of(pages, b"assets/index-abc.js")["content-type"] == "text/javascript; charset=utf-8"


def test_who_takes_gzip_gets_gzip_and_others_get_the_file(pages: ConsolePages) -> None:
    zipped = pages.page(b"assets/index-abc.js", {b"accept-encoding": b"gzip, br"})
    assert ("Content-Encoding", "gzip") in zipped.fields
    assert gzip.decompress(zipped.body) == SCRIPT
    assert len(zipped.body) < len(SCRIPT)
    assert pages.page(b"assets/index-abc.js", {b"accept-encoding": b"br"}).body == SCRIPT


def test_what_the_build_has_compressed_is_sent_as_it_is(pages: ConsolePages, tmp_path: Path) -> None:
    ready = gzip.compress(SCRIPT, mtime=7)
    (tmp_path / "assets" / "index-abc.js.gz").write_bytes(ready)
    assert pages.page(b"assets/index-abc.js", {b"accept-encoding": b"gzip"}).body == ready
    assert pages.page(b"assets/index-abc.js", {}).body == SCRIPT


def test_what_has_a_name_of_its_own_is_kept_for_good_and_the_page_is_asked_for_again(
    pages: ConsolePages,
) -> None:
    assert "immutable" in fields_of(pages, b"assets/index-abc.js")["cache-control"]
    fields = fields_of(pages, b"index.html")
    assert fields["cache-control"] == "no-cache"
    again = pages.page(b"index.html", {b"if-none-match": fields["etag"].encode()})
    assert (again.status, again.body) == (304, b"")
    assert pages.page(b"index.html", {b"if-none-match": b'"another"'}).status == 200


@pytest.mark.parametrize(
    "path", [b"../secret", b"/etc/passwd", b"assets/../../secret", b"assets", b"nothing.js"]
)
def test_no_path_leads_out_of_the_folder(pages: ConsolePages, tmp_path: Path, path: bytes) -> None:
    (tmp_path.parent / "secret").write_text("secret")
    assert pages.page(path, {}).status == 404


def test_the_page_may_load_what_is_the_servers_own_and_run_nothing_that_stands_in_it(
    pages: ConsolePages,
) -> None:
    policy = fields_of(pages, b"")["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_checkout_that_has_not_built_it_says_how(tmp_path: Path) -> None:
    answer = ConsolePages(tmp_path).page(b"", {})
    assert answer.status == 503
    assert b"make console" in answer.body


def test_a_server_answers_below_its_own_place_and_about_itself() -> None:
    with Headwater(region="eu-west-1") as server:
        assert get(server, "console").headers["location"] == "/_headwater/console/"
        assert "default-src 'none'" in get(server, "console/").headers["content-security-policy"]
        about = json.loads(get(server, "about").body)
        assert (about["region"], about["is_read_only"], about["must_sign"]) == ("eu-west-1", False, False)


@pytest.mark.parametrize("settings", [{"no_console": True}, {"console": "off"}])
def test_a_server_without_it_has_none_of_its_routes(settings: dict[str, object]) -> None:
    with Headwater(**settings) as server:  # type: ignore[arg-type]  # one setting by its name
        for route in ("console/", "console", "about", "streams", "shards", "records", "requests"):
            assert get(server, route).status == 404, route
