"""The topics of one deployment: their names and their settings.

`P` is the deployment's prefix, so that several share a cluster:

    P.meta       the commands that make the metadata
    P.snapshots  what they have made, up to some of them
    P.proof      where each gateway proves at its start that fences hold
    P.log.<id>   the records of one shard

Refuses to know what is in them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HOUR_MS = 3_600_000
BATCH_BYTES_MAX = 11 * 1024 * 1024
SEGMENT_BYTES = 256 * 1024 * 1024
"""Larger than the largest batch, or Kafka refuses that."""
PREFIX = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")

_STAMPED = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}


class Topics(NamedTuple):
    """Names and settings."""

    prefix: str
    replicas: int

    @property
    def meta(self) -> str:
        """The commands."""
        return f"{self.prefix}.meta"

    @property
    def snapshots(self) -> str:
        """What the commands have made."""
        return f"{self.prefix}.snapshots"

    @property
    def proof(self) -> str:
        """The proof."""
        return f"{self.prefix}.proof"

    def log(self, log_id: int) -> str:
        """The records of a log."""
        return f"{self.prefix}.log.{log_id:016x}"

    @property
    def _safe(self) -> dict[str, str]:
        return {
            **_STAMPED,
            "min.insync.replicas": "2" if self.replicas > 2 else "1",
            "unclean.leader.election.enable": "false",
        }

    def meta_settings(self) -> dict[str, str]:
        """Kept until they are deleted; of the snapshots, too."""
        return {
            **self._safe,
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(BATCH_BYTES_MAX),
        }

    def proof_settings(self) -> dict[str, str]:
        """Kept for an hour."""
        return {**self._safe, "retention.ms": str(HOUR_MS), "segment.ms": str(HOUR_MS)}

    def log_settings(self, keep_ms: int) -> dict[str, str]:
        """Kept for an hour longer than asked; in segments of an eighth of it, but at most six hours."""
        return {
            **self._safe,
            "retention.ms": str(keep_ms + HOUR_MS),
            "retention.bytes": "-1",
            "segment.ms": str(max(60_000, min(keep_ms // 8, 6 * HOUR_MS))),
            "segment.bytes": str(SEGMENT_BYTES),
            "max.message.bytes": str(BATCH_BYTES_MAX),
        }
