"""The `headwater` command.

A table names the commands, what each is for, and where it is; the module of a command
is imported only when that command runs, so that none pays for what another needs.
Adding a command is one line here and one file.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click

from headwater import __version__


class CommandRow(NamedTuple):
    """Where a command is, and what it is for."""

    place: str
    help: str


COMMANDS = {
    "start": CommandRow("headwater.cli.start:start", "Start the server."),
    "status": CommandRow(
        "headwater.cli.background.status:status", "Show the servers that run in the background."
    ),
    "stop": CommandRow("headwater.cli.background.stop:stop", "Stop a server in the background."),
    "console": CommandRow("headwater.cli.console:console", "Open the console in a browser."),
    "export": CommandRow("headwater.cli.export:export", "Write the records of a stream as JSON lines."),
    "import": CommandRow("headwater.cli.import_records:import_records", "Put records that were exported."),
    "check": CommandRow("headwater.cli.check:check", "Verify a data directory, or a shared store."),
    "backup": CommandRow("headwater.cli.backup:backup", "Copy all data into a file, while the server runs."),
    "restore": CommandRow("headwater.cli.restore:restore", "Make a data directory from a backup."),
    "migrate": CommandRow("headwater.cli.migrate:migrate", "Move a data directory to Apache Kafka, or back."),
    "aws": CommandRow("headwater.cli.aws:aws", "Run the AWS CLI against the local server."),
    "env": CommandRow("headwater.cli.env:env", "Print the exports that point AWS clients at the server."),
    "tls": CommandRow("headwater.cli.tls:tls", "Show the certificate authority that clients must trust."),
    "stream": CommandRow("headwater.cli.stream:stream", "List, describe, create and delete streams."),
    "limits": CommandRow(
        "headwater.cli.limits:limits", "Choose the streams that have AWS's limits, or others."
    ),
    "put": CommandRow("headwater.cli.put:put", "Put records into a stream."),
    "tail": CommandRow("headwater.cli.tail:tail", "Follow the records of a stream."),
    "consume": CommandRow("headwater.cli.consume:consume", "Read a stream together with other workers."),
    "channel": CommandRow(
        "headwater.cli.channel:channel", "Deliver a stream's records to buckets and tables."
    ),
    "queue": CommandRow("headwater.cli.queue:queue", "Share a stream's records among workers."),
    "lambda": CommandRow("headwater.cli.lambda_:lambda_", "Run Lambda functions, and map streams to them."),
    "doctor": CommandRow(
        "headwater.cli.diagnosis.doctor:doctor", "Find what keeps a program from the server."
    ),
    "fault": CommandRow("headwater.cli.fault:fault", "Make calls go wrong on purpose."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, and not for the list of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module, attribute = row.place.split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


HELP = """Amazon Kinesis Data Streams on your own machine.

\b
headwater start                      start the server
eval "$(headwater env)"              point AWS clients at it
headwater stream create my-stream    create a stream
"""


@click.command(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headwater", message="%(prog)s %(version)s")
def main() -> None:
    """Start the command that was named."""
