"""Requests that only ask whether they would succeed."""

from __future__ import annotations

from typing import Any

from headwater.model.errors import DryRunOperationException


def stop_dry_run(request: Any) -> None:
    """Raise DryRunOperationException if the request asked for a dry run. Call after every check."""
    if request.DryRun:
        raise DryRunOperationException("Request would have succeeded, but DryRun flag is set.")
