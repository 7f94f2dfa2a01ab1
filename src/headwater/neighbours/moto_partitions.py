"""AWS's partitions made known to moto, which (5.2) takes the regions of two of them for those of `aws`.

Moto copies what it knows when a service is imported: `install` must come before that.
"""

from __future__ import annotations

from moto.utilities import utils

from headwater.model.partition import PARTITIONS


def install() -> None:
    """Let moto know every partition, by how the names of its regions begin."""
    for partition in PARTITIONS[1:]:
        for region in partition.regions:
            if region[-1].isdigit():
                prefix = region.rsplit("-", 2)[0] + "-"
                utils.REGION_PREFIX_TO_PARTITION[prefix] = partition.id
        if partition.id not in utils.PARTITION_NAMES:
            utils.PARTITION_NAMES.append(partition.id)
    utils.ARN_PARTITION_REGEX = f"^arn:({'|'.join(sorted(utils.PARTITION_NAMES))})"
