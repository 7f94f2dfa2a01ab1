"""Two drawings in one SVG: how far Headwater is from the best peer, and rates as a stream fills."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import HEADWATER, SERVERS
from benchmarks.targets import best_peer

WITHOUT_DATE = {"Date": None}
OURS_COLOUR, PEER_COLOUR = "#1f6feb", "#8b949e"


def draw(results: Results, path: Path) -> None:
    """Draw what was measured."""
    with mpl.rc_context():
        mpl.rcParams["svg.hashsalt"] = "headwater"  # the same results give the same file
        mpl.rcParams["svg.fonttype"] = "none"  # text stays text
        has_curves = any(figure.name == "fill_rate" for figure in results.figures)
        drawing = Drawing(figsize=(10, 9 if has_curves else 5), layout="constrained")
        ratios, *curves = drawing.subplots(2 if has_curves else 1, 1, squeeze=False)[:, 0]
        _draw_ratios(ratios, results)
        for axes in curves:
            _draw_curves(axes, results)
        drawing.savefig(path, format="svg", metadata=WITHOUT_DATE)


def _draw_ratios(axes: Axes, results: Results) -> None:
    """A bar for each scenario that Headwater shares with a peer, the first on top."""
    names, ratios = [], []
    for scenario in reversed(SCENARIOS):
        ours = results.median_rate(scenario.name, HEADWATER.label(on_disk=scenario.on_disk))
        peer = best_peer(results, scenario.name)
        theirs = results.median_rate(scenario.name, peer) if peer else None
        if ours and theirs:
            names.append(f"{scenario.title}\n(best peer: {peer})")
            ratios.append(ours / theirs)
    bars = axes.barh(names, ratios, color=OURS_COLOUR)
    axes.bar_label(bars, fmt="%.1f x", padding=3)
    axes.axvline(1, color=PEER_COLOUR)
    axes.margins(x=0.15)
    axes.set_title("Headwater's rate, as a multiple of the best peer's")


def _draw_curves(axes: Axes, results: Results) -> None:
    """A line for each server: its rate over what its stream holds."""
    for on_disk in (False, True):
        for server in SERVERS:
            label = server.label(on_disk=on_disk)
            points = results.figures_of("fill_rate", label)
            if points and label not in axes.get_legend_handles_labels()[1]:
                held = [point.held / 1e6 for point in points]
                axes.plot(held, [point.value for point in points], marker=".", label=label)
    axes.set(xscale="log", yscale="log", xlabel="million records held", ylabel="records/s")
    axes.set_title("PutRecords 500 x 100 B as a stream fills")
    if axes.lines:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
