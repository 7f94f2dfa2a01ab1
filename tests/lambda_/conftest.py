"""What the tests of functions share with those of the server."""

from __future__ import annotations

from tests.server.conftest import loopback

__all__ = ["loopback"]
