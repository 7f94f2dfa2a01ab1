"""For the tests of those who use Kinesis: a server in their own process, and fixtures for pytest."""

from headwater.testing.in_process import Headwater
from headwater.testing.server_clock import ServerClock

__all__ = ["Headwater", "ServerClock"]
