"""AWS's partitions made known to moto, which (5.2) takes the regions of two of them for those of `aws`.

Moto copies what it knows when a service is imported, and again for each account that has been used: `install`
must come before the first, and looks after the second, as a program may have used moto before.
"""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict
from moto.utilities import utils

from headwater.model.partition import PARTITIONS


def install() -> None:
    """Let moto know every partition, by how the names of its regions begin."""
    known = set(utils.PARTITION_NAMES)
    for partition in PARTITIONS[1:]:
        for region in partition.regions:
            if region[-1].isdigit():
                prefix = region.rsplit("-", 2)[0] + "-"
                utils.REGION_PREFIX_TO_PARTITION[prefix] = partition.id
        if partition.id not in utils.PARTITION_NAMES:
            utils.PARTITION_NAMES.append(partition.id)
    utils.ARN_PARTITION_REGEX = f"^arn:({'|'.join(sorted(utils.PARTITION_NAMES))})"
    _tell_accounts_in_use([name for name in utils.PARTITION_NAMES if name not in known])


def _tell_accounts_in_use(added: list[str]) -> None:
    """Services that are the same in all regions keep a part for each partition."""
    in_use: list[Any] = vars(BackendDict)["_instances"]
    for service in in_use:
        if service._additional_regions is utils.PARTITION_NAMES:  # noqa: SLF001 - moto tells it nowhere else
            for account in service.values():
                account.regions.extend(added)
