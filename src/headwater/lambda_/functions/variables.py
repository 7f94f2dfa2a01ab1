"""The environment variables of a function's process: those of Lambda, and the function's own.

Rules:
- nothing of the server's own environment is handed on but the path of commands;
- AWS's clients in a function find this server, and are callers of the function's account and
  region, without a setting;
- Lambda's variables cannot be replaced by the function's, as at AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.lambda_.functions.function import Function, Version, log_group

RESERVED = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    }
)  # fmt: skip
"""Names that a function's own variables must not have."""


@dataclass(frozen=True)
class FunctionCredentials:
    """The key with which a function signs its calls."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


def variables_of(
    function: Function,
    version: Version,
    *,
    task_root: str,
    endpoint_url: str,
    credentials: FunctionCredentials,
    search_path: str,
    runtime_folder: str,
    now_ms: int,
    stream_id: str,
) -> dict[str, str]:
    """The environment variables of a version's process. `stream_id` is that of its log stream."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    of_lambda = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function.name),
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day:%Y/%m/%d}/[{version.version}]{stream_id}",
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": runtime_folder,
        "_HANDLER": version.handler,
    }
    if credentials.session_token:
        of_lambda["AWS_SESSION_TOKEN"] = credentials.session_token
    defaults = {
        "PATH": search_path,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        "AWS_ENDPOINT_URL": endpoint_url,
    }
    return {**defaults, **(version.environment or {}), **of_lambda}
