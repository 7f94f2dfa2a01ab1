"""What the environment says about where to connect, and as whom.

The names and their order are those of the AWS tools, so that a shell prepared by
`headwater env` points every client at the same server, this command line included.

Takes a mapping; refuses to know `os.environ`, which `config.py` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_ENDPOINT_URL = "http://127.0.0.1:4566"
DEFAULT_REGION = "us-east-1"
DUMMY_ACCESS_KEY_ID = "test"
DUMMY_SECRET_ACCESS_KEY = "test"  # noqa: S105 - a dummy: signatures are not verified by default


@dataclass(frozen=True)
class ClientEnvironment:
    """The endpoint, region and keys that a client would use now."""

    endpoint_url: str = DEFAULT_ENDPOINT_URL
    region: str = DEFAULT_REGION
    access_key_id: str = DUMMY_ACCESS_KEY_ID
    secret_access_key: str = field(default=DUMMY_SECRET_ACCESS_KEY, repr=False)
    session_token: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    """A file with the authorities to trust in place of the system's."""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> ClientEnvironment:
        """Read the `AWS_…` variables; one that is empty counts as not set, except the access key.

        The empty access key is what classic local tutorials pass, and the server accepts it.
        """
        return cls(
            endpoint_url=variables.get("AWS_ENDPOINT_URL_KINESIS")
            or variables.get("AWS_ENDPOINT_URL")
            or DEFAULT_ENDPOINT_URL,
            region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
            access_key_id=variables.get("AWS_ACCESS_KEY_ID", DUMMY_ACCESS_KEY_ID),
            secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY", DUMMY_SECRET_ACCESS_KEY),
            session_token=variables.get("AWS_SESSION_TOKEN") or None,
            ca_bundle=variables.get("AWS_CA_BUNDLE") or None,
        )
