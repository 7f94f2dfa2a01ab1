"""A server in the process of its users' tests, and fixtures for pytest.

A name is imported when it is asked for: pytest loads the plugin for every suite, also for those
that use none of it, and a server takes a third of a second to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.testing.in_process import Headwater
    from headwater.testing.server_clock import ServerClock
    from headwater.testing.server_faults import ServerFault, ServerFaults
    from headwater.testing.server_limits import ServerLimits

__all__ = ["Headwater", "ServerClock", "ServerFault", "ServerFaults", "ServerLimits"]

_MODULES = {
    "Headwater": "in_process",
    "ServerClock": "server_clock",
    "ServerFault": "server_faults",
    "ServerFaults": "server_faults",
    "ServerLimits": "server_limits",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
