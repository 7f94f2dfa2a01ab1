"""What a Node function answers, by its runtime: as aws-lambda-ric 3.3.0 up to nodejs22.x, then as 4.0.2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from headwater.lambda_.functions.runtimes import NODE_CLIENT
from tests.lambda_.functions.runtime_client_process import REQUEST_ID, Said, running_client

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not on this machine")


def answered(folder: Path, text: str, version: int = 22) -> list[Said]:
    """What the function says to two events; one word, when it cannot start."""
    (folder / "app.js").write_text(text)
    command = (shutil.which("node") or "", str(NODE_CLIENT))
    with running_client(command, folder, AWS_EXECUTION_ENV=f"AWS_Lambda_nodejs{version}.x") as client:
        said = client.ask(b'{"n": 1}')
        return [said] if said.kind == "init" else [said, client.ask(b'{"n": 2}')]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("exports.handler = () => ({batchItemFailures: [1]})", b"null"),
        ("exports.handler = (event, context, callback) => 'ignored'", b"null"),
        ("exports.handler = async () => 'kept'", b'"kept"'),
        ("exports.handler = () => ({then: (done) => done('kept')})", b'"kept"'),
        ("exports.handler = async () => undefined", b"null"),
        ("exports.handler = () => new Promise(() => {})", b"null"),
        ("exports.handler = (e, context, callback) => { callback(null, 1); callback(null, 2) }", b"1"),
        ("exports.handler = (e, context) => { context.succeed(1); context.fail('late') }", b"1"),
        ("exports.handler = (e, context) => { context.done(null, 3) }", b"3"),
        (
            "exports.handler = (e, c, callback) => { setTimeout(callback, 20, null, 'later') }",
            b'"later"',
        ),
    ],
)
def test_up_to_node_22_promises_and_callbacks_answer(tmp_path: Path, text: str, answer: bytes) -> None:
    assert answered(tmp_path, text) == [Said("response", answer)] * 2


@pytest.mark.parametrize(("waits", "answer"), [("true", b"1"), ("false", b"0")])
def test_a_callback_waits_for_the_event_loop_if_wanted(tmp_path: Path, waits: str, answer: bytes) -> None:
    text = f"""
exports.handler = (event, context, callback) => {{
  const value = {{n: 0, toJSON() {{ return this.n; }}}};
  context.callbackWaitsForEmptyEventLoop = {waits};
  setTimeout(() => {{ value.n = 1; }}, 50);
  callback(null, value);
}}
"""
    assert answered(tmp_path, text)[0] == Said("response", answer)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("exports.handler = (e, c, callback) => { callback(new RangeError('far')) }", "RangeError", "far"),
        ("exports.handler = () => { throw new TypeError('no') }", "TypeError", "no"),
        ("exports.handler = (e, context) => { context.fail() }", "string", "handled"),
    ],
)
def test_up_to_node_22_errors_come_in_three_ways(tmp_path: Path, text: str, kind: str, message: str) -> None:
    for said in answered(tmp_path, text):
        document = json.loads(said.body)
        assert (said.kind, document["errorType"], document["errorMessage"]) == ("error", kind, message)


def test_from_node_24_on_callbacks_are_refused_at_the_start(tmp_path: Path) -> None:
    (said,) = answered(tmp_path, "exports.handler = (event, context, callback) => callback()", 24)
    assert said.kind == "init"
    assert json.loads(said.body)["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert "removed support for callback-based function handlers" in json.loads(said.body)["errorMessage"]


@pytest.mark.parametrize("text", ["(event) => event.n", "async (event) => event.n"])
def test_from_node_24_on_what_is_returned_is_the_answer(tmp_path: Path, text: str) -> None:
    assert answered(tmp_path, f"exports.handler = {text}", 24) == [
        Said("response", b"1"),
        Said("response", b"2"),
    ]


def test_from_node_24_on_the_context_only_tells(tmp_path: Path) -> None:
    text = (
        "exports.handler = async (e, context) => [context.awsRequestId, 'done' in context, 'fail' in context,"
    )
    text += "'succeed' in context, 'callbackWaitsForEmptyEventLoop' in context]"
    assert json.loads(answered(tmp_path, text, 24)[0].body) == [REQUEST_ID, *[False] * 4]


def test_what_is_logged_begins_a_line(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text(
        "exports.handler = async () => {"
        " process.stdout.write('begun'); console.log('one'); console.log('two') }"
    )
    with running_client((shutil.which("node") or "", str(NODE_CLIENT)), tmp_path) as client:
        client.ask(b"1")
        lines = client.log.split("\n")
    assert lines[0] == "begun"
    assert [line.rpartition("\t")[2] for line in lines[1:3]] == ["one", "two"]
