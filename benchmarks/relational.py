"""Relational loss (distance + angle), forward and backward: ours against torchdistill's, equal values first, then time.

    python benchmarks/relational.py

torchdistill is installed without its dependencies into a temporary folder, which goes when the benchmark ends; it runs on this
environment's torch. Both run in one process on one core, in interleaved pairs of alternating order.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from medkd.errors import MedkdError
from medkd.objectives.relational import relational_angle, relational_distance

REQUIREMENT = "torchdistill==1.1.5"
DISTANCE, ANGLE = 25.0, 50.0
AT_LEAST = 3.0
Loss = Callable[[Tensor, Tensor], Tensor]


def ours(student: Tensor, teacher: Tensor) -> Tensor:
    """The weighted sum of our two terms."""
    return DISTANCE * relational_distance(student, teacher) + ANGLE * relational_angle(student, teacher)


def theirs(folder: str) -> Loss:
    """The loss of torchdistill, from a folder that it is installed into."""
    install = ["install", "--quiet", "--no-deps", "--target", folder, REQUIREMENT]
    for installer in (["uv", "pip"], ["pip"]):
        done = subprocess.run([sys.executable, "-m", *installer, *install], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    else:
        raise MedkdError(f"{REQUIREMENT} could not be installed", where=done.stderr.strip()[-200:], remedy="Run it with a connection")
    sys.path.append(folder)
    from torchdistill.losses.mid_level import RKDLoss

    loss = RKDLoss("x", "x", DISTANCE, ANGLE, "mean")
    return lambda student, teacher: loss({"x": {"output": student}}, {"x": {"output": teacher}})


def step(loss: Loss, student: Tensor, teacher: Tensor) -> tuple[float, Tensor]:
    """Value and gradient of one forward and backward."""
    leaf = student.detach().requires_grad_()
    value = loss(leaf, teacher)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient


def seconds(loss: Loss, student: Tensor, teacher: Tensor) -> float:
    """Time of one step."""
    start = time.perf_counter()
    step(loss, student, teacher)
    return time.perf_counter() - start


def compare(batch: int, dim: int, pairs: int, other: Loss) -> tuple[float, float, float]:
    """Median ratio of times (theirs / ours), and the 2.5 and 97.5 % of its bootstrap."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, batch, dim, generator=generator)
    value, gradient = step(ours, student.double(), teacher.double())
    expected, slope = step(other, student.double(), teacher.double())
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(gradient.numpy(), slope.numpy(), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(step(ours, student, teacher)[0], step(other, student, teacher)[0], rtol=1e-5)
    for _ in range(5):
        seconds(ours, student, teacher)
        seconds(other, student, teacher)
    ratios, mine, others = [], [], []
    for pair in range(pairs):
        first, second = (ours, other) if pair % 2 else (other, ours)
        times = {first: seconds(first, student, teacher), second: seconds(second, student, teacher)}
        mine.append(times[ours])
        others.append(times[other])
        ratios.append(times[other] / times[ours])
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratios, (2000, pairs)), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    print(f"B={batch} D={dim}: ours {1e3 * np.median(mine):.2f} ms, torchdistill {1e3 * np.median(others):.2f} ms", end="; ")
    print(f"median ratio {np.median(ratios):.1f} [{low:.1f}, {high:.1f}] over {pairs} pairs, values and gradients equal")
    return float(np.median(ratios)), float(low), float(high)


def main() -> int:
    """0 if ours is at least ``AT_LEAST`` times as fast at B=64, D=512."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        other = theirs(folder)
        ratio, _, _ = compare(64, 512, arguments.pairs, other)
        compare(128, 256, max(arguments.pairs // 4, 10), other)
    print(f"required: {AT_LEAST:g} at B=64, D=512: {'passed' if ratio >= AT_LEAST else 'FAILED'}")
    return 0 if ratio >= AT_LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
