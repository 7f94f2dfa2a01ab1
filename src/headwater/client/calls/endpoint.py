"""The endpoint of a service, and the credentials to sign with, as botocore finds them.

Endpoint, region, credentials and certificates come from the session's configuration:
arguments, the environment (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_KINESIS`,
`AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` and so on), the profile, the instance. botocore
knows the rules, and changes them with AWS; so it is asked, and nothing is read here.

Two things are added for a server on this machine, that is an endpoint on loopback:
without a region it is us-east-1, without credentials they are test and test.
"""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from headwater.client.calls.errors import ConfigurationError
from headwater.wire.signature_v4 import Key

LOOPBACK_REGION = "us-east-1"
LOOPBACK_KEY = Key("test", "test")

Session = Any
"""A `boto3.Session` or a `botocore.session.Session`; neither package has types."""


class Endpoint(NamedTuple):
    """The endpoint of a service: URL, region, certificates and proxy."""

    url: str
    region: str
    ca_bundle: str | None
    """The file of certificates to trust; None: those of the system."""
    proxy: str | None
    """The URL of a proxy, as in http://proxy:3128; None: no proxy."""

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        return _is_loopback(self.url)


def resolve_endpoint(
    service: str, endpoint_url: str | None, region_name: str | None, session: Session | None
) -> tuple[Endpoint, Session]:
    """The endpoint of a service, and the botocore session that knows the credentials.

    Reads files, calls nobody. Raises `ConfigurationError`.
    """
    import botocore.exceptions  # noqa: PLC0415 - takes longer to import than all the rest
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    core = _botocore_session(session)
    try:
        region = region_name or core.get_config_variable("region")
        if region is None and endpoint_url is not None and _is_loopback(endpoint_url):
            region = LOOPBACK_REGION
        url = endpoint_url or _configured_url(core, service, region or LOOPBACK_REGION)
        proxy = get_environ_proxies(url).get(urlsplit(url).scheme)
        ca_bundle = core.get_config_variable("ca_bundle")
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise ConfigurationError(str(error)) from None
    if region is None and not _is_loopback(url):
        raise ConfigurationError("You must specify a region.")
    return Endpoint(url, region or LOOPBACK_REGION, ca_bundle, proxy), core


def _configured_url(core: Session, service: str, region: str) -> str:
    """The URL that botocore's own client would call; it gets keys, so that it looks for none."""
    client = core.create_client(
        service,
        region_name=region,
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106 - it is no password
    )
    url: str = client.meta.endpoint_url
    client.close()
    return url


def _botocore_session(session: Session | None) -> Session:
    if session is None:
        import botocore.session  # noqa: PLC0415

        return botocore.session.get_session()
    # boto3's session is a cover over botocore's, which alone tells what is configured.
    return getattr(session, "_session", session)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Credentials:
    """The keys to sign with, refreshed when they expire."""

    def __init__(self, session: Session, endpoint: Endpoint) -> None:
        self._session = session
        self._endpoint = endpoint
        self._found: Any = None
        self._last: tuple[Any, Key] = (None, LOOPBACK_KEY)

    def needs_waiting(self) -> bool:
        """Whether `key` may block, because it asks a service or runs a program."""
        if self._found is None:
            return True
        refresh_needed = getattr(self._found, "refresh_needed", None)
        return refresh_needed is not None and bool(refresh_needed())

    def key(self) -> Key:
        """The present key. Raises `ConfigurationError` when there is none."""
        if self._found is None:
            self._found = self._find()
        frozen = self._found.get_frozen_credentials()
        if frozen is not self._last[0]:
            self._last = frozen, Key(frozen.access_key, frozen.secret_key, frozen.token)
        return self._last[1]

    def _find(self) -> Any:
        import botocore.exceptions  # noqa: PLC0415
        from botocore.credentials import Credentials as StaticCredentials  # noqa: PLC0415

        try:
            found = self._session.get_credentials()
        except botocore.exceptions.BotoCoreError as error:
            raise ConfigurationError(str(error)) from None
        if found is not None:
            return found
        if self._endpoint.is_loopback:
            return StaticCredentials(LOOPBACK_KEY.access_key_id, LOOPBACK_KEY.secret_access_key)
        raise ConfigurationError("Unable to locate credentials")
