"""What can be wrong between a program and the server, and what to do about it.

Each check looks at one thing and gives one finding. The checks of the environment come
first, because they explain what the checks of the server see.

Refuses to know how findings are shown.
"""

from __future__ import annotations

import email.utils
import http.client
import importlib.metadata
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigFileError
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from headwater import __version__
from headwater.cli.background.servers import servers
from headwater.cli.client_environment import DEFAULT_REGION, ClientEnvironment
from headwater.cli.connection import ApiError, ClientFailure, ServerConnection
from headwater.config import run_folder

CONNECT_TIMEOUT_S = 5.0
CLOCK_SKEW_S_MAX = 300
"""AWS and Headwater refuse signatures that are older, or from the future."""
CLIENTS = ("boto3", "botocore", "aiobotocore", "awscli", "moto", "aiohttp", "lmdb", "uvloop")
"""Packages whose versions a report of a problem should name."""

PROFILE_FILES = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}
"""The files of profiles, and the variables that say where they are."""
UNAVAILABLE = 503

State = Literal["ok", "warning", "wrong"]


class Finding(NamedTuple):
    """What a check found."""

    check: str
    state: State
    text: str
    hint: str = ""
    """What to do; empty when all is well."""


class ClientContext(NamedTuple):
    """Where a client runs."""

    variables: Mapping[str, str]
    environment: ClientEnvironment
    connection: ServerConnection


def diagnose(context: ClientContext) -> Iterator[Finding]:
    """Every finding; what cannot be looked at because of an earlier one is left out."""
    yield from (check(context) for check in CHECKS_OF_ENVIRONMENT)
    for check in CHECKS_OF_SERVER:
        finding = check(context)
        yield finding
        if finding.state == "wrong":
            return


def _check_endpoint(context: ClientContext) -> Finding:
    """Which variable decides, and whether something keeps the SDKs from reading it."""
    variables = context.variables
    url = context.environment.endpoint_url
    if variables.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        hint = "unset AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
        return Finding("endpoint", "wrong", "AWS clients ignore AWS_ENDPOINT_URL, and go to AWS", hint)
    names = [name for name in ("AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL") if variables.get(name)]
    if not names and _profile_value(variables, "config", "endpoint_url") is not None:
        text = "the profile names an endpoint, which headwater does not read"
        return Finding("endpoint", "warning", text, f"export AWS_ENDPOINT_URL: headwater uses {url} without")
    if not names:
        text = f"no variable names an endpoint: headwater uses {url}, but AWS clients go to AWS"
        return Finding("endpoint", "warning", text, 'eval "$(headwater env)", or endpoint_url in the program')
    return Finding("endpoint", "ok", f"{url}, of {names[0]}")


def _check_region(context: ClientContext) -> Finding:
    variables = context.variables
    region = context.environment.region
    named = next((name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if variables.get(name)), None)
    if variables.get("AWS_REGION") and variables.get("AWS_DEFAULT_REGION", region) != region:
        text = f"AWS_REGION is {region}, AWS_DEFAULT_REGION {variables['AWS_DEFAULT_REGION']}"
        hint = "make them the same: boto3 reads AWS_DEFAULT_REGION, the other SDKs AWS_REGION"
        return Finding("region", "warning", f"{text}: clients see different streams", hint)
    if named is None and _profile_value(variables, "config", "region") is None:
        hint = f"export AWS_REGION={DEFAULT_REGION} AWS_DEFAULT_REGION={DEFAULT_REGION}"
        return Finding("region", "warning", "no region is set: most AWS clients refuse to start", hint)
    return Finding("region", "ok", f"{region}, of {named or 'the profile'}")


def _check_profile(context: ClientContext) -> Finding:
    """A profile that is nowhere keeps an SDK from everything, whatever else is set."""
    variables = context.variables
    name = variables.get("AWS_PROFILE")
    if not name:
        return Finding("profile", "ok", "none is asked for")
    if any(_has_profile(variables, kind) for kind in PROFILE_FILES):
        return Finding("profile", "ok", name)
    return Finding(
        "profile", "wrong", f"AWS_PROFILE is {name}, and there is no such profile", "unset AWS_PROFILE"
    )


def _check_credentials(context: ClientContext) -> Finding:
    variables = context.variables
    hint = 'eval "$(headwater env)" sets dummies'
    has_key = bool(variables.get("AWS_ACCESS_KEY_ID"))
    if has_key != bool(variables.get("AWS_SECRET_ACCESS_KEY")):
        text = "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set"
        return Finding("credentials", "wrong", text, hint)
    if has_key:
        return Finding("credentials", "ok", "of the environment")
    if _profile_value(variables, "credentials", "aws_access_key_id") is not None:
        return Finding("credentials", "ok", "of the profile")
    return Finding("credentials", "warning", "there are none: most AWS clients refuse to call", hint)


def _check_proxy(context: ClientContext) -> Finding:
    """A proxy that is not told to leave the server alone gets the calls."""
    variables = context.variables
    url = urlsplit(context.environment.endpoint_url)
    names = (f"{url.scheme}_proxy", f"{url.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    proxy = next((name for name in names if variables.get(name)), None)
    host = url.hostname or ""
    exempt = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    is_exempt = any(part.strip() in ("*", host) for part in exempt.split(","))
    if proxy is None or is_exempt:
        return Finding("proxy", "ok", "none between here and the server")
    text = f"{proxy} sends the calls of AWS clients to a proxy"
    return Finding("proxy", "wrong", text, f"export NO_PROXY={host}")


def _check_port(context: ClientContext) -> Finding:
    url = urlsplit(context.environment.endpoint_url)
    address = (url.hostname or "", url.port or {"http": 80, "https": 443}[url.scheme])
    try:
        socket.create_connection(address, CONNECT_TIMEOUT_S).close()
    except OSError as error:
        text = f"nothing listens at {address[0]} port {address[1]}: {error.strerror or error}"
        return Finding("port", "wrong", text, _where_else(context))
    return Finding("port", "ok", f"something listens at {address[0]} port {address[1]}")


def _where_else(context: ClientContext) -> str:
    """What to do where nothing listens."""
    running = servers(run_folder(context.variables))
    if not running:
        return "headwater start, or another --endpoint-url"
    return f"a server runs in the background: export AWS_ENDPOINT_URL={running[0].endpoints[0]}"


def _check_tls(context: ClientContext) -> Finding:
    environment = context.environment
    url = urlsplit(environment.endpoint_url)
    if url.scheme != "https":
        return Finding("TLS", "ok", "not used")
    trust = ssl.create_default_context(cafile=environment.ca_bundle)
    try:
        with (
            socket.create_connection((url.hostname or "", url.port or 443), CONNECT_TIMEOUT_S) as plain,
            trust.wrap_socket(plain, server_hostname=url.hostname),
        ):
            return Finding("TLS", "ok", "the certificate is trusted")
    except ssl.SSLCertVerificationError as error:
        hint = 'export AWS_CA_BUNDLE="$(headwater tls ca)"'
        return Finding("TLS", "wrong", f"the certificate is not trusted: {error.verify_message}", hint)
    except OSError as error:
        text = f"the server does not speak TLS there: {error.strerror or error}"
        return Finding("TLS", "wrong", text, "headwater start --tls, or an endpoint with http://")


def _check_server(context: ClientContext) -> Finding:
    url = context.environment.endpoint_url
    answer = _asked(context, "/_headwater/health")
    try:
        health = json.loads(answer.body)
        if answer.status == UNAVAILABLE:
            return Finding("server", "wrong", f"it is not ready: {health['message']}", "wait, and ask again")
        version = str(health["version"])
    except (ValueError, KeyError, TypeError):
        text = f"what answers at {url} is not Headwater (HTTP status {answer.status})"
        return Finding("server", "wrong", text, "headwater start --port …, or another --endpoint-url")
    if version != __version__:
        text = f"the server is Headwater {version}, this command {__version__}"
        return Finding("server", "warning", text, "restart the server")
    return Finding("server", "ok", f"Headwater {version}")


def _check_clock(context: ClientContext) -> Finding:
    date = _asked(context, "/_headwater/health").date
    told = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
    skew_s = abs(time.time() - told)
    if skew_s > CLOCK_SKEW_S_MAX:
        text = f"the clocks of the server and of this machine differ by {skew_s:,.0f} s"
        return Finding("clock", "wrong", text, "set the clocks: signatures are refused beyond 300 s")
    return Finding("clock", "ok", "the server's and this machine's agree")


def _check_call(context: ClientContext) -> Finding:
    """A signed call, as an SDK makes it."""
    try:
        context.connection.call("ListStreams", Limit=1)
    except ApiError as error:
        hint = "the server wants its own keys: see --access-key-id in the settings"
        return Finding("call", "wrong", f"ListStreams is refused: {error.message}", hint)
    except ClientFailure as error:
        return Finding("call", "wrong", error.message, "see the server's log")
    return Finding("call", "ok", f"ListStreams answers in {context.environment.region}")


def _check_packages(_context: ClientContext) -> Finding:
    found = []
    for name in CLIENTS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding("packages", "ok", ", ".join(found) or "no AWS client is installed beside Headwater")


class _RouteAnswer(NamedTuple):
    status: int
    body: bytes
    date: str | None


def _asked(context: ClientContext, path: str) -> _RouteAnswer:
    """What a route answers; status 0 when nothing does."""
    environment = context.environment
    url = urlsplit(environment.endpoint_url)
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        trust = ssl.create_default_context(cafile=environment.ca_bundle)
        connection = http.client.HTTPSConnection(url.netloc, timeout=CONNECT_TIMEOUT_S, context=trust)
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=CONNECT_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return _RouteAnswer(response.status, response.read(), response.getheader("Date"))
    except (OSError, http.client.HTTPException):
        return _RouteAnswer(0, b"", None)
    finally:
        connection.close()


def _profile_value(variables: Mapping[str, str], kind: str, name: str) -> str | None:
    """A value of the profile in use, from ~/.aws/config or ~/.aws/credentials."""
    return _profiles(variables, kind).get(_section(variables, kind), name, fallback=None)


def _has_profile(variables: Mapping[str, str], kind: str) -> bool:
    return _profiles(variables, kind).has_section(_section(variables, kind))


def _section(variables: Mapping[str, str], kind: str) -> str:
    profile = variables.get("AWS_PROFILE") or "default"
    return profile if kind == "credentials" or profile == "default" else f"profile {profile}"


def _profiles(variables: Mapping[str, str], kind: str) -> ConfigParser:
    """One of the files of profiles; empty when it cannot be read."""
    home = variables.get("HOME") or variables.get("USERPROFILE") or os.curdir
    path = Path(variables.get(PROFILE_FILES[kind]) or Path(home, ".aws", kind))
    parser = ConfigParser(interpolation=None)
    with suppress(ConfigFileError, UnicodeDecodeError):
        parser.read(path)
    return parser


Check = Callable[[ClientContext], Finding]

CHECKS_OF_ENVIRONMENT: tuple[Check, ...] = (
    _check_packages,
    _check_endpoint,
    _check_region,
    _check_profile,
    _check_credentials,
    _check_proxy,
)
CHECKS_OF_SERVER: tuple[Check, ...] = (_check_port, _check_tls, _check_server, _check_clock, _check_call)
