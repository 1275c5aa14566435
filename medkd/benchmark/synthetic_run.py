"""The benchmark where the answer is known: every cell of the design, several at once, resumed by cell."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from medkd import __version__
from medkd.benchmark.candidates import contestants
from medkd.benchmark.condition import CENTRE, CONTROL, Cell
from medkd.benchmark.dataset import Problems, stacked, synthetic
from medkd.benchmark.experiment import SOLO, TEACHER, Budget, Choice, aurocs, play
from medkd.benchmark.synthetic_world import Family
from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json

TUNING = 100
"""First of the seeds on which settings are chosen."""


@dataclass(frozen=True)
class Measured:
    """A cell, what each arm scored ("seed" AUROCs by arm), and each arm's setting."""

    cell: Cell
    aurocs: dict[str, list[float]]
    choices: dict[str, Choice]


def run_cells(
    cells: Sequence[Cell], names: Sequence[str], family: Family, budget: Budget, out: Path, jobs: int
) -> list[Measured]:
    """Measure the cells, ``jobs`` at once; those that lie finished in ``out`` are read.

    Args:
        cells: the centre first.
        names: of the objectives.
        family: the world.
        budget: what every arm may use.
        out: where each cell leaves a file.
        jobs: processes; the results do not depend on how many.
    """
    free = [cell for cell in cells if cell.factor != CONTROL]
    found: dict[Cell, Measured] = {}
    bar = tqdm(total=len(cells), unit="cell", disable=not sys.stderr.isatty())
    measure_free = partial(_measured, names=names, family=family, budget=budget, out=out, chosen=None)
    _each(free, measure_free, jobs, found, bar)
    # A control is the centre's training with another teacher: same weight, decay and steps.
    centre = next(found[cell] for cell in free if cell.factor == CENTRE)
    measure_control = partial(_measured, names=names, family=family, budget=budget, out=out, chosen=centre.choices)
    _each([cell for cell in cells if cell.factor == CONTROL], measure_control, jobs, found, bar)
    bar.close()
    return [found[cell] for cell in cells]


def _each(cells: Sequence[Cell], function: Any, jobs: int, found: dict[Cell, Measured], bar: Any) -> None:
    if jobs <= 1 or len(cells) <= 1:
        for cell in cells:
            found[cell] = function(cell)
            bar.update()
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("forkserver" if sys.platform == "linux" else "spawn")
    ) as pool:
        for cell, measured in zip(cells, pool.map(function, cells), strict=True):
            found[cell] = measured
            bar.update()


def _measured(
    cell: Cell, names: Sequence[str], family: Family, budget: Budget, out: Path, chosen: Mapping[str, Choice] | None
) -> Measured:
    """What lies in the cell's file, and what does not is measured and put there."""
    file = out / f"{cell.name}-{digest_of([__version__, cell, family, budget])[:12]}.json"
    held = _held(file, cell, chosen)
    missing = [name for name in names if name not in held.aurocs]
    if missing:
        torch.set_num_threads(1)
        tuning = _problems(cell, family, replace(budget, seeds=budget.baseline_seeds), TUNING)
        reported = _problems(cell, family, budget, 0)
        played = play(tuning, reported, cell.teacher, contestants(missing)[0], budget, chosen or held.choices)
        scored = {arm: aurocs(reported, values) for arm, values in played.scores.items()}
        held = Measured(cell, held.aurocs | scored, held.choices | {arm: played.choices[arm] for arm in scored})
        choices = {arm: asdict(choice) for arm, choice in held.choices.items()}
        write_json(file, {"schema_version": 1, "cell": asdict(cell), "aurocs": held.aurocs, "choices": choices})
    arms = [arm for arm in held.aurocs if arm in (SOLO, TEACHER)] + list(names)
    return Measured(cell, {arm: held.aurocs[arm] for arm in arms}, held.choices)


def _held(file: Path, cell: Cell, chosen: Mapping[str, Choice] | None) -> Measured:
    """Arms that were measured before, at the settings that are chosen now where any are."""
    if not file.is_file():
        return Measured(cell, {}, {})
    read = read_json(file, f"Remove {file}: it is then measured again")
    choices = {arm: Choice(**choice) for arm, choice in read["choices"].items()}
    kept = [arm for arm, choice in choices.items() if chosen is None or chosen.get(arm) == choice]
    return Measured(cell, {arm: read["aurocs"][arm] for arm in kept}, {arm: choices[arm] for arm in kept})


def _problems(cell: Cell, family: Family, budget: Budget, first: int) -> Problems:
    return stacked(
        [
            synthetic(family, cell.samples, cell.label_fraction, budget.scored, first + seed)
            for seed in range(budget.seeds)
        ]
    )
