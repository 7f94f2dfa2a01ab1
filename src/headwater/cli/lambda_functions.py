"""`headwater lambda deploy`, `invoke`, `list`, `logs` and `delete`: functions on this machine.

`deploy` tells the server where the code lies; it runs there, and anew when a file changes.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from headwater.cli.connection import ClientFailure, ServerConnection, with_connection
from headwater.cli.table import draw_table, draws, iso_time, json_line, json_option, printable

FUNCTIONS = "/2015-03-31/functions"
POLL_S = 0.2
MODULES = {"python": (".py",), "nodejs": (".js", ".mjs", ".cjs")}
NODE_TIMEOUT_S = 20.0


@click.command("deploy")
@click.argument("name")
@click.option(
    "--path",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the code.",
)
@click.option(
    "--handler", help="Handler, such as app.handler: file and function. Not needed with a bootstrap."
)
@click.option("--runtime", help="Runtime, such as python3.12. Default: found from the files in the folder.")
@click.option(
    "--timeout-s", type=click.IntRange(1, 900), help="Seconds that an invocation may take. Default: 3."
)
@click.option(
    "--memory-mb", type=click.IntRange(128, 10_240), help="Memory of the function, in MiB. Default: 128."
)
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Environment variable of the function; may be given many times.",
)
@json_option
@with_connection
def deploy(
    connection: ServerConnection,
    name: str,
    folder: Path,
    handler: str | None,
    runtime: str | None,
    variables: tuple[str, ...],
    as_json: bool,
    **limits: int | None,
) -> None:
    """Run the code in a folder as the function NAME.

    The code is not copied: a change of a file starts the function anew.
    """
    deployment: dict[str, Any] = {
        "name": name,
        "path": str(folder.resolve()),
        "runtime": runtime or _runtime_of(folder, handler),
        "handler": handler,
        "region": connection.environment.region,
        **limits,
    }
    if variables:
        deployment["environment"] = dict(_pair(variable) for variable in variables)
    made = connection.ask_route("POST", "lambda/functions", deployment)
    if draws(as_json):
        click.echo(f"{made['FunctionArn']} runs {folder} with {made['Runtime']}")
    else:
        sys.stdout.write(json_line(made))


@click.command("invoke")
@click.argument("name")
@click.argument("payload", default="{}")
@click.option(
    "--event",
    "is_event",
    is_flag=True,
    help="Invoke asynchronously: queue the event and do not wait for an answer.",
)
@click.option("--qualifier", help="Version or alias to invoke. Default: $LATEST.")
@with_connection
def invoke(
    connection: ServerConnection, name: str, payload: str, is_event: bool, qualifier: str | None
) -> None:
    """Invoke the function NAME and print its answer; its log goes to standard error.

    PAYLOAD is the event as JSON, or - for standard input. Default: {}.
    """
    event = sys.stdin.buffer.read() if payload == "-" else payload.encode()
    place = f"{FUNCTIONS}/{quote(name, safe='')}/invocations"
    if qualifier:
        place += "?" + urlencode({"Qualifier": qualifier})
    headers = {"X-Amz-Invocation-Type": "Event"} if is_event else {"X-Amz-Log-Type": "Tail"}
    http_answer = connection.invoke(place, event, headers)
    log = base64.b64decode(http_answer.fields.get("x-amz-log-result", "")).decode("utf-8", "replace")
    for line in log.splitlines():
        click.echo(printable(line), err=True)
    if http_answer.body:
        sys.stdout.write(http_answer.body.decode("utf-8", "replace") + "\n")
    error = http_answer.fields.get("x-amz-function-error")
    if error:
        raise ClientFailure(f"the function failed ({error})")


@click.command("list")
@json_option
@with_connection
def functions(connection: ServerConnection, as_json: bool) -> None:
    """List the functions of the account and region."""
    found: list[dict[str, Any]] = []
    marker = ""
    while True:
        page = connection.call_lambda("GET", FUNCTIONS + marker)
        found += page["Functions"]
        if not page.get("NextMarker"):
            break
        marker = "?" + urlencode({"Marker": page["NextMarker"]})
    if not draws(as_json):
        sys.stdout.writelines(map(json_line, found))
    elif found:
        rows = [
            (
                function["FunctionName"],
                function["Runtime"],
                function["Handler"],
                f"{function['MemorySize']} MB",
                f"{function['Timeout']} s",
            )
            for function in found
        ]
        draw_table(["Function", "Runtime", "Handler", "Memory", "Time-out"], rows)
    else:
        click.echo("There are no functions.")


@click.command("logs")
@click.argument("name")
@click.option("--follow", is_flag=True, help="Show new lines as they are written, until Ctrl-C.")
@json_option
@with_connection
def logs(connection: ServerConnection, name: str, follow: bool, as_json: bool) -> None:
    """Show the log of the function NAME: its output, and a report of each invocation."""
    after = 0
    while True:
        query = urlencode({"name": name, "after": after})
        page = connection.ask_route("GET", f"lambda/logs?{query}")
        for line in page["lines"]:
            if as_json:
                sys.stdout.write(json_line(line))
            else:
                click.echo(f"{iso_time(line['time_ms'] / 1000)} {printable(line['text'])}")
        sys.stdout.flush()
        if page["lines"]:
            after = page["after"]
        elif not follow:
            return
        else:
            time.sleep(POLL_S)


@click.command("delete")
@click.argument("name")
@with_connection
def delete(connection: ServerConnection, name: str) -> None:
    """Delete the function NAME, or NAME:VERSION only. The files of `headwater lambda deploy` stay."""
    connection.call_lambda("DELETE", f"{FUNCTIONS}/{quote(name, safe='')}")


def _pair(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise ClientFailure(f"{text!r} is not NAME=VALUE")
    return name, value


def _runtime_of(folder: Path, handler: str | None) -> str | None:
    """The runtime that the files are for; `None` when they do not tell."""
    if handler is None:
        return "provided.al2023" if (folder / "bootstrap").exists() else None
    module = handler.rpartition(".")[0]
    if _has(folder, module, MODULES["python"]):
        return f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if _has(folder, module, MODULES["nodejs"]):
        return _node_runtime()
    return None


def _has(folder: Path, module: str, endings: tuple[str, ...]) -> bool:
    return any((folder / (module + ending)).exists() for ending in endings)


def _node_runtime() -> str | None:
    try:
        process = subprocess.run(
            ("node", "--version"),  # noqa: S607 - the user's own, on the path
            capture_output=True,
            text=True,
            timeout=NODE_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"nodejs{process.stdout.strip().removeprefix('v').partition('.')[0]}.x"
