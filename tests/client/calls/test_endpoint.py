"""Where the client library finds a service: arguments, environment and profile, as boto3 reads them."""

from __future__ import annotations

from pathlib import Path

import boto3
import botocore.session
import pytest

from headwater.client.calls.endpoint import Credentials, resolve_endpoint
from headwater.client.calls.errors import ConfigurationError
from headwater.wire.signature_v4 import Key

CONFIG = """
[default]
region = eu-west-3

[profile local]
region = eu-north-1
services = local-services

[services local-services]
kinesis =
  endpoint_url = http://profile.example:4566
"""
CREDENTIALS = """
[default]
aws_access_key_id = default-id
aws_secret_access_key = default-secret

[local]
aws_access_key_id = local-id
aws_secret_access_key = local-secret
aws_session_token = local-token
"""
VARIABLES = (
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
    "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
)  # fmt: skip


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variables, no files yet, and no instance to ask."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def profiles(bare_environment: Path) -> None:
    (bare_environment / "config").write_text(CONFIG)
    (bare_environment / "credentials").write_text(CREDENTIALS)


def test_without_an_endpoint_it_is_awss(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        resolve_endpoint("kinesis", None, "eu-west-1", None)[0].url
        == "https://kinesis.eu-west-1.amazonaws.com"
    )
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert (
        resolve_endpoint("dynamodb", None, None, None)[0].url
        == "https://dynamodb.cn-north-1.amazonaws.com.cn"
    )


def test_the_variable_of_the_service_comes_before_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", "http://kinesis.example")
    assert resolve_endpoint("kinesis", None, "us-east-1", None)[0].url == "http://kinesis.example"
    assert resolve_endpoint("dynamodb", None, "us-east-1", None)[0].url == "http://all.example"
    assert (
        resolve_endpoint("kinesis", "http://said.example", "us-east-1", None)[0].url == "http://said.example"
    )
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert resolve_endpoint("kinesis", None, "us-east-1", None)[0].url.endswith(".amazonaws.com")


@pytest.mark.usefixtures("profiles")
def test_a_session_tells_profile_region_endpoint_and_keys() -> None:
    for local in (boto3.Session(profile_name="local"), botocore.session.Session(profile="local")):
        endpoint, core = resolve_endpoint("kinesis", None, None, local)
        assert endpoint[:2] == ("http://profile.example:4566", "eu-north-1")
        assert Credentials(core, endpoint).key() == Key("local-id", "local-secret", "local-token")


@pytest.mark.usefixtures("profiles")
def test_without_a_session_it_is_the_default_profile() -> None:
    endpoint, core = resolve_endpoint("kinesis", None, None, None)
    assert endpoint.region == "eu-west-3"
    assert Credentials(core, endpoint).key() == Key("default-id", "default-secret")


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_a_server_on_this_machine_needs_neither_region_nor_keys(url: str) -> None:
    endpoint, core = resolve_endpoint("kinesis", url, None, None)
    assert endpoint.region == "us-east-1"
    assert Credentials(core, endpoint).key() == Key("test", "test")


def test_any_other_needs_both() -> None:
    for url in (None, "http://elsewhere.example"):
        with pytest.raises(ConfigurationError, match="region"):
            resolve_endpoint("kinesis", url, None, None)
        endpoint, core = resolve_endpoint("kinesis", url, "us-east-1", None)
        with pytest.raises(ConfigurationError, match="credentials"):
            Credentials(core, endpoint).key()


def test_certificates_and_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/some/bundle.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    endpoint, _ = resolve_endpoint("kinesis", None, "us-east-1", None)
    assert endpoint.ca_bundle == "/some/bundle.pem"
    assert endpoint.proxy == "http://proxy.example:3128"


def test_keys_that_change_are_asked_for_again() -> None:
    class Changing:
        def __init__(self) -> None:
            self.asked = 0

        def refresh_needed(self) -> bool:
            return True

        def get_frozen_credentials(self) -> object:
            self.asked += 1
            return botocore.credentials.ReadOnlyCredentials(f"id-{self.asked}", "secret", None)

    core = botocore.session.Session()
    core._credentials = Changing()
    endpoint, _ = resolve_endpoint("kinesis", None, "us-east-1", core)
    credentials = Credentials(core, endpoint)
    assert [credentials.key().access_key_id for _ in range(2)] == ["id-1", "id-2"]
    assert credentials.needs_waiting()
