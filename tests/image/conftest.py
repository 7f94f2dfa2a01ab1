"""The two images that the Dockerfile makes, each built once."""

from __future__ import annotations

import pytest

from tests.image.building import Image, build


@pytest.fixture(scope="session")
def image() -> Image:
    """Headwater alone."""
    return build("localhost/headwater:latest")


@pytest.fixture(scope="session")
def image_aws() -> Image:
    """Headwater with the services beside it."""
    return build("localhost/headwater:aws", "aws")
