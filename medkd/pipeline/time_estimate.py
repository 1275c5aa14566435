"""Time estimate of a run, from a few timed steps of each network."""

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
from medkd.pipeline.nested_values import merged
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.stage import Stage

OVERHEAD = 0.6
"""Seconds per fit beside its steps: parsing, logging, saving."""


def estimate(graph: Graph, todo: Sequence[Stage], jobs: int) -> str:
    """One line: fits, and minutes from a few timed steps of each network on this machine."""
    fits = [stage for stage in todo if isinstance(stage, FitStage)]
    if not todo:
        return f"{len(graph.stages)} stages, all finished: nothing to run again"
    return (
        f"{len(fits)} fits to make ({len(graph.stages) - len(todo)} of {len(graph.stages)} stages are finished), "
        f"{jobs} at once: about {minutes(fits, graph.cohort, jobs):.1f} minutes"
    )


def minutes(fits: Sequence[FitStage], cohort: PreparedCohort, jobs: int) -> float:
    """Minutes that fits may take together, ``jobs`` at once."""
    seconds: dict[str, float] = {}
    for fit in fits:
        role = fit.config["model_input"]
        if role not in seconds:
            seconds[role] = _seconds_per_step(cohort, fit)
    total = sum(OVERHEAD + seconds[fit.config["model_input"]] * _steps(fit) for fit in fits) / max(jobs, 1)
    return max(total / 60, 0.1)


def _steps(fit: FitStage) -> int:
    if "learner" in fit.config["model"]:
        return 1
    data = fit.config["data"]
    steps = data.get("steps") or 20
    return int(steps) * int(fit.config["trainer"].get("max_epochs", 1))


def _seconds_per_step(cohort: PreparedCohort, fit: FitStage) -> float:
    if "learner" in fit.config["model"]:
        return _seconds_to_grow(cohort, fit)
    spec: dict[str, Any] = merged({"init_args": {"outputs": cohort.target.outputs}}, fit.config["model"]["network"])
    torch.set_num_threads(fit.config["threads"])
    network = instantiate(spec, Network, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    batch = int(fit.config["data"].get("batch_size", 64))
    signals = _signals(cohort, fit.config["model_input"], batch)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        network(signals).logits.sum().backward()
        times.append(time.perf_counter() - started)
    return min(times)


def _seconds_to_grow(cohort: PreparedCohort, fit: FitStage) -> float:
    spec = fit.config["model"]["learner"]
    learner = instantiate(spec, TreeLearner, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    signals = _signals(cohort, fit.config["model_input"])
    return learner.seconds(signals, cohort.target.outputs)


def _signals(cohort: PreparedCohort, role: str, samples: int | None = None) -> dict[str, Signal]:
    """The first samples that a model sees, as prepared: token ids cannot be drawn at random."""
    seen, stored = cohort.model_input(role), cohort.arrays(role)
    return {
        part.modality: observed(
            torch.from_numpy(np.array(stored[part.modality].values[:samples])),
            torch.from_numpy(stored[part.modality].present[:samples]),
            partial=modality.traits.partial,
        )
        for part, modality in seen.parts()
    }
