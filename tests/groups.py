"""Which tests one worker runs one after the other with `--dist loadgroup`, and which begin first.

A group is known by its files alone. The marks of pytest-xdist are not asked: with pytest 9.2 they group
nothing, and nobody is told (`findings/xdist_groups_are_ignored.sh`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xdist.scheduler import LoadScopeScheduling

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kafka": (
            "storage/kafka/test_client_library",
            "storage/kafka/test_all_operations",
            "storage/kafka/test_check",
            "storage/kafka/test_deliveries",
            "storage/kafka/test_lambda_gateways",
            "storage/kafka/test_many_gateways",
            "storage/kafka/test_migrate",
            "storage/kafka/test_security",
            "storage/kafka/test_store",
            "storage/kafka/test_two_gateways",
        ),
        "machine": (
            "abuse/test_http2_floods",
            "abuse/test_many_connections",
            "abuse/test_sizes",
            "abuse/test_slow_clients",
            "test_soak",
        ),
        "three nodes": ("storage/kafka/test_histories",),
        "java": ("clients/test_two_gateways", "clients/test_kcl"),
        "more java": (
            "clients/test_kpl",
            "clients/test_kcl_and_consumer",
            "clients/test_kcl_restart",
            "clients/test_kcl_1",
            "clients/test_dynamodb_local",
        ),
        "rust": ("clients/test_rust",),
        "heavy java": ("clients/test_flink", "clients/test_java_sdk", "clients/test_event_ruler"),
        "burst": ("browser/console/test_burst",),
    }
)
"""Those that take longest come first: what begins last should not take long. One broker serves all of
`kafka`; suites in Java wait for most of their time, those of `heavy java` for less of it."""
LONGEST_ALONE = ("client/consumer/test_consumer_chaos", "crash/test_kill")
"""Files whose tests may run beside each other, and begin first after the groups."""
OVER_THE_SOURCE = ("test_architecture", "test_docstrings", "test_folders", "test_words")
"""Files whose tests look at the whole source, and come next: who has parsed it does all of them."""
FILE_BY_FILE = frozenset({"browser", "clients", "examples", "infrastructure"})
"""Folders where each file is a group, unless it is in another one: what other people's programs are tested
with is installed and built by one worker."""

_GROUP_OF = {file: group for group, files in GROUPS.items() for file in files}
_PLACES = {name: place for place, name in enumerate((*GROUPS, *LONGEST_ALONE, *OVER_THE_SOURCE))}


def group_of(nodeid: str) -> str:
    """The group of a test; its own id if it is of none."""
    file = _file_of(nodeid)
    return _GROUP_OF.get(file) or (file if file.partition("/")[0] in FILE_BY_FILE else nodeid)


def place_of(nodeid: str) -> int:
    """Where in the order of all a test begins."""
    file = _file_of(nodeid)
    return _PLACES.get(_GROUP_OF.get(file, file), len(_PLACES))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands out one group at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def _file_of(nodeid: str) -> str:
    """A test's file, below `tests` and without its ending."""
    return nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
