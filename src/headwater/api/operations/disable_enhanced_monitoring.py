"""DisableEnhancedMonitoring: stop keeping shard-level metrics."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.shard_level_metrics import named_metrics, revise_metrics
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def disable_enhanced_monitoring(
    engine: Engine, caller: Caller, request: requests.DisableEnhancedMonitoringInput
) -> answers.EnhancedMonitoringOutput:
    """`ALL` stands for every metric; one that is not kept is ignored."""
    disabled = named_metrics(request.ShardLevelMetrics)
    return await revise_metrics(engine, caller, request, lambda present: present - disabled)
