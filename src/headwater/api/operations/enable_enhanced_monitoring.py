"""EnableEnhancedMonitoring: keep shard-level metrics."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.shard_level_metrics import named_metrics, revise_metrics
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def enable_enhanced_monitoring(
    engine: Engine, caller: Caller, request: requests.EnableEnhancedMonitoringInput
) -> answers.EnhancedMonitoringOutput:
    """`ALL` stands for every metric."""
    enabled = named_metrics(request.ShardLevelMetrics)
    return await revise_metrics(engine, caller, request, lambda present: present | enabled)
