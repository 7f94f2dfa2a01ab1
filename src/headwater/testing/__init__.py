"""For the tests of those who use Kinesis: a server in their own process, and fixtures for pytest."""

from headwater.testing.in_process import Headwater
from headwater.testing.server_clock import ServerClock
from headwater.testing.server_limits import ServerLimits

__all__ = ["Headwater", "ServerClock", "ServerLimits"]
