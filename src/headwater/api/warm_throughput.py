"""Warm throughput: capacity that an on-demand stream has ready before it is asked for."""

from __future__ import annotations

from headwater.engine.engine import Engine
from headwater.engine.limits.limits import WARM_THROUGHPUT_MAX_MIBPS
from headwater.model.caller import Caller
from headwater.model.errors import LimitExceededException, ValidationException


def check_warm_throughput(engine: Engine, caller: Caller, throughput_mibps: int) -> None:
    """Raise ValidationException without the commitment, LimitExceededException above 10 GiB/s."""
    if not engine.account(caller).committed(engine.now_ms()):
        raise ValidationException(
            "Warm throughput is only supported for accounts that have "
            "MinimumThroughputBillingCommitment enabled."
        )
    if throughput_mibps > WARM_THROUGHPUT_MAX_MIBPS:
        raise LimitExceededException(
            f"The warm throughput of an on-demand stream cannot exceed {WARM_THROUGHPUT_MAX_MIBPS} MiBps. "
            f"Requested: {throughput_mibps} MiBps."
        )
