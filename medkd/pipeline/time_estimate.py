"""What a run is about to do, and how long that may take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from medkd.data.core.instantiate import instantiate
from medkd.data.core.signal import Signal, observed
from medkd.distill.trees import TreeLearner
from medkd.networks.network import Network
from medkd.pipeline.graph import Graph
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import merged
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage

OVERHEAD = 0.6
"""Seconds that a fit takes beside its steps: parsing, logging, saving."""


def estimate(graph: Graph, todo: Sequence[Stage], jobs: int) -> str:
    """One line: fits, and minutes from a few timed steps of each network on this machine."""
    fits = [stage for stage in todo if isinstance(stage, FitStage)]
    if not todo:
        return f"{len(graph.stages)} stages, all finished: nothing to run again"
    return (
        f"{len(fits)} fits to make ({len(graph.stages) - len(todo)} of {len(graph.stages)} stages are finished), "
        f"{jobs} at once: about {minutes(fits, graph.inputs, jobs):.1f} minutes"
    )


def minutes(fits: Sequence[FitStage], inputs: PreparedCohort, jobs: int) -> float:
    """What fits may take together, ``jobs`` at once."""
    seconds: dict[str, float] = {}
    for fit in fits:
        kind = fit.config["model_input"]
        if kind not in seconds:
            seconds[kind] = _seconds_a_step(inputs, fit)
    total = sum(OVERHEAD + seconds[fit.config["model_input"]] * _steps(fit) for fit in fits) / max(jobs, 1)
    return max(total / 60, 0.1)


def _steps(fit: FitStage) -> int:
    if "learner" in fit.config["model"]:
        return 1
    data = fit.config["data"]
    steps = data.get("steps") or 20
    return int(steps) * int(fit.config["trainer"].get("max_epochs", 1))


def _seconds_a_step(inputs: PreparedCohort, fit: FitStage) -> float:
    if "learner" in fit.config["model"]:
        return _seconds_to_grow(inputs, fit)
    spec: dict[str, Any] = merged({"init_args": {"outputs": inputs.target.outputs}}, fit.config["model"]["network"])
    torch.set_num_threads(fit.config["threads"])
    network = instantiate(spec, Network, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    batch = int(fit.config["data"].get("batch_size", 64))
    signals = _signals(inputs, fit.config["model_input"], batch)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        network(signals).logits.sum().backward()
        times.append(time.perf_counter() - started)
    return min(times)


def _seconds_to_grow(inputs: PreparedCohort, fit: FitStage) -> float:
    spec = fit.config["model"]["learner"]
    learner = instantiate(spec, TreeLearner, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    signals = _signals(inputs, fit.config["model_input"])
    return learner.seconds(signals, inputs.target.outputs)


def _signals(inputs: PreparedCohort, role: str, samples: int | None = None) -> dict[str, Signal]:
    """The first samples that a model sees, as prepared: a token id cannot be made up."""
    seen, stored = inputs.model_input(role), inputs.prepared(role)
    return {
        part.modality: observed(
            torch.from_numpy(np.array(stored[part.modality].values[:samples])),
            torch.from_numpy(stored[part.modality].present[:samples]),
            partial=modality.traits.partial,
        )
        for part, modality in seen.parts()
    }
