"""What a run is about to do, and how long that may take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from medkd.data.instantiate import instantiate
from medkd.data.signal import Signal
from medkd.networks.network import Network
from medkd.recipe.fit_stage import FitStage
from medkd.recipe.graph import Graph
from medkd.recipe.recipe import merged
from medkd.recipe.stage import Stage

OVERHEAD = 0.6
"""Seconds that a fit takes beside its steps: parsing, logging, saving."""


def estimate(graph: Graph, todo: Sequence[Stage], jobs: int) -> str:
    """One line: fits, and minutes from a few timed steps of each network on this machine."""
    fits = [stage for stage in todo if isinstance(stage, FitStage)]
    if not todo:
        return f"{len(graph.stages)} stages, all finished: nothing to run again"
    seconds: dict[str, float] = {}
    for fit in fits:
        kind = fit.config["party"]
        if kind not in seconds:
            seconds[kind] = _seconds_a_step(graph, fit)
    total = sum(OVERHEAD + seconds[fit.config["party"]] * _steps(graph, fit) for fit in fits) / max(jobs, 1)
    return (
        f"{len(fits)} fits to make ({len(graph.stages) - len(todo)} of {len(graph.stages)} stages are finished), "
        f"{jobs} at once: about {max(total / 60, 0.1):.1f} minutes"
    )


def _steps(graph: Graph, fit: FitStage) -> int:
    data = fit.config["data"]
    steps = data.get("steps") or 20
    return int(steps) * int(fit.config["trainer"].get("max_epochs", 1))


def _seconds_a_step(graph: Graph, fit: FitStage) -> float:
    party = graph.inputs.party(fit.config["party"])
    spec: dict[str, Any] = merged({"init_args": {"outputs": graph.inputs.target.outputs}}, fit.config["model"]["network"])
    torch.set_num_threads(fit.config["threads"])
    network = instantiate(spec, Network, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    batch = int(fit.config["data"].get("batch_size", 64))
    signals = {part.modality: Signal(torch.randn(batch, *modality.shape(part))) for part, modality in party.parts()}
    times = []
    for _ in range(3):
        started = time.perf_counter()
        network(signals).logits.sum().backward()
        times.append(time.perf_counter() - started)
    return min(times)
