"""The page about clients shows what the suites do. Needs none of the clients itself."""

from __future__ import annotations

import re

import pytest

from tests.clients.client_process import CLIENTS

PAGE = (CLIENTS.parent.parent / "docs" / "clients.md").read_text()

PINNED = {
    "boto3": "boto3_client/requirements.txt",
    "AWS CLI v1": "aws_cli/requirements.txt",
    "SDK for JavaScript v3": "javascript/package.json",
    "SDK for Go v2": "go/go.mod",
    "SDK for Rust": "rust/Cargo.toml",
    "KCL 3": "kcl/pom.xml",
    "KCL 1": "kcl_1/pom.xml",
    "KPL": "kpl/pom.xml",
}
"""Where the version of each client is pinned. Debian pins its own."""

SUITES = {"python": "boto3_client/*.py", "js": "javascript/*.js", "go": "go/*.go", "rust": "rust/src/*.rs"}
"""From the language of a code block to the suite that has the same code."""

ALL_SOURCES = {
    language: "\n".join(path.read_text() for path in CLIENTS.glob(files))
    for language, files in SUITES.items()
}


@pytest.mark.parametrize("client", PINNED)
def test_the_versions_in_the_table_are_those_that_are_pinned(client: str) -> None:
    (version,) = re.findall(rf"^\| {re.escape(client)} \| (\S+) \|", PAGE, re.MULTILINE)
    assert version in (CLIENTS / PINNED[client]).read_text()


@pytest.mark.parametrize("language", SUITES)
def test_the_code_on_the_page_is_the_suites_own(language: str) -> None:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert all(line.strip() in ALL_SOURCES[language] for line in block.splitlines())


def test_the_suites_give_the_endpoint_in_the_code_as_the_page_shows() -> None:
    shown = re.findall(r"^\| (?:boto3|SDK) .*\| `(.+)` \|$", PAGE, re.MULTILINE)
    assert shown
    for code in shown:
        assert any(code in source for source in ALL_SOURCES.values()), code
