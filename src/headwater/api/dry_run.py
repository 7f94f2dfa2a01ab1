"""Requests that only ask whether they would succeed."""

from __future__ import annotations

from typing import Protocol

from headwater.model.errors import DryRunOperationException


class MayBeDryRun(Protocol):
    """A request that can ask for a dry run."""

    DryRun: bool | None


def stop_dry_run(request: MayBeDryRun) -> None:
    """Raise DryRunOperationException if the request asked for a dry run. Call after every check."""
    if request.DryRun:
        raise DryRunOperationException("Request would have succeeded, but DryRun flag is set.")
