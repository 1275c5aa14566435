"""Runner: stages in an order that their needs allow, several at once, skipping what is finished."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Never

from tqdm import tqdm

from medkd.pipeline.stages.stage import Stage

PRELOADED = [
    "medkd.pipeline.lightning_cli",
    *(f"medkd.pipeline.stages.{name}" for name in ("bank", "bundle", "evidence", "fit", "split")),
]
"""Modules that the server of worker processes imports once: every worker starts as its copy, Torch included."""


def pending(stages: Sequence[Stage], run: Path) -> list[Stage]:
    """Stages that are not finished, or whose inputs changed."""
    return [stage for stage in stages if not stage.is_done(run)]


def default_jobs() -> int:
    """Fits at once: one per core, up to eight, or one where there is a GPU."""
    import torch

    return 1 if torch.cuda.is_available() else max(min(os.cpu_count() or 1, 8), 1)


def run_stages(stages: Sequence[Stage], run: Path, jobs: int, bar: tqdm[Never] | None = None) -> None:
    """Execute all unfinished stages; the result does not depend on ``jobs``.

    Args:
        stages: each after those that it needs.
        run: the run's folder.
        jobs: processes; with one, everything runs in this process.
        bar: advanced by each stage that is run; None shows a bar of these stages alone.

    Raises:
        MedkdError: of the first stage that failed; the outputs of finished ones remain.
    """
    todo = {stage.name: stage for stage in pending(stages, run)}
    if bar is None:
        with stage_bar(len(stages), len(stages) - len(todo)) as new_bar:
            _run(todo, run, jobs, new_bar)
    else:
        _run(todo, run, jobs, bar)


def stage_bar(total: int, done: int = 0) -> tqdm[Never]:
    """A progress bar over stages, silent where there is no terminal."""
    return tqdm(total=total, initial=done, unit="stage", disable=not sys.stderr.isatty(), smoothing=0.05)


def _run(todo: dict[str, Stage], run: Path, jobs: int, bar: tqdm[Never]) -> None:
    if jobs > 1 and len(todo) > 1:
        _run_parallel(todo, run, jobs, bar)
        return
    for stage in todo.values():
        stage.execute(run)
        _advance(bar, stage.name)


def _run_parallel(todo: dict[str, Stage], run: Path, jobs: int, bar: tqdm[Never]) -> None:
    context = get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(PRELOADED)
    waiting = dict(todo)
    running: dict[Future[None], str] = {}
    pool = ProcessPoolExecutor(jobs, mp_context=context)
    try:
        while waiting or running:
            unfinished = set(waiting) | set(running.values())
            ready = [
                stage for stage in waiting.values() if not any(need.name in unfinished for need in stage.needs.values())
            ]
            for stage in ready[: 2 * jobs - len(running)]:
                running[pool.submit(_execute, stage, run)] = waiting.pop(stage.name).name
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                done.result()
                _advance(bar, running.pop(done))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _execute(stage: Stage, run: Path) -> None:
    stage.execute(run)


def _advance(bar: tqdm[Never], name: str) -> None:
    bar.set_postfix_str(name, refresh=False)
    bar.update()
