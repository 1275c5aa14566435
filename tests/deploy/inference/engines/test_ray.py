"""The parts of a Ray run that need no cluster: how it is reached, and what an actor does with its chunks.

That a cluster computes the same scores is tested in ``tests/deploy/test_acceptance.py``.
"""

from __future__ import annotations

import ast
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.chunks import chunk_path
from medkd.deploy.inference.engines.job import Job
from medkd.deploy.inference.engines.ray import RayEngine, _Actor, _portable
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.settings import PredictSettings


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file with the environment that Ray finds when it is imported; the package is a stub that writes it."""
    installed = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "ray"}
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "data.py").touch()
    (tmp_path / "ray" / "__init__.py").write_text(
        f"import os, pathlib\npathlib.Path({str(tmp_path / 'seen')!r}).write_text(str(dict(os.environ)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(os, "environ", {name: value for name, value in os.environ.items() if "RAY" not in name})
    yield tmp_path / "seen"
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        del sys.modules[name]
    sys.modules.update(installed)


def environment(seen: Path) -> dict[str, str]:
    found: dict[str, str] = ast.literal_eval(seen.read_text())
    return found


def test_a_cluster_of_this_machine_takes_work_from_nobody_else(seen: Path) -> None:
    assert RayEngine().address is None
    first = environment(seen)
    assert first["RAY_AUTH_MODE"] == "token"
    assert first["RAY_USAGE_STATS_ENABLED"] == "0", "nothing is reported to anybody"
    for name in ("ray", "ray.data"):
        del sys.modules[name]
    RayEngine()
    assert len(first["RAY_AUTH_TOKEN"]) == 64
    assert environment(seen)["RAY_AUTH_TOKEN"] != first["RAY_AUTH_TOKEN"]


@pytest.mark.parametrize(("option", "variable"), [("ray://ward:1", None), (None, "ray://ward:1")])
def test_a_running_clusters_own_rules_are_kept(seen: Path, option: str | None, variable: str | None) -> None:
    if variable is not None:
        os.environ["RAY_ADDRESS"] = variable
    assert RayEngine(option).address == "ray://ward:1"
    assert "RAY_AUTH_TOKEN" not in environment(seen)


@pytest.fixture
def job(bundle_folder: Path, brugada: Path, tmp_path: Path) -> Job:
    """Five records in two chunks."""
    names = sorted(path.name for path in (brugada / "files").iterdir())[:5]
    table = pl.DataFrame({"sample_id": names, "ecg": [f"files/{name}/{name}" for name in names]})
    table.write_parquet(tmp_path / "items.parquet")
    plan = Plan(
        bundle_sha256=Bundle.load(bundle_folder).bundle_sha256,
        items_sha256="",
        items=5,
        batch_size=2,
        device="cpu",
        chunk=3,
    )
    plan.begin(tmp_path / "out")
    return Job(bundle_folder, plan, Items(table, brugada, "files"), tmp_path / "out", PredictSettings(workers=1))


def test_an_actor_computes_what_is_missing_and_leaves_what_is_there(job: Job, tmp_path: Path) -> None:
    actor = _Actor(_portable(job), tmp_path / "items.parquet", "cpu")
    first = actor({"chunk": [1]})
    assert (first["index"], first["items"], first["quarantined"], first["refusal"]) == ([1], [2], [[]], [[]])
    written = chunk_path(job.out, 1).stat().st_mtime_ns
    both = actor({"chunk": [0, 1]})
    assert sorted(zip(both["index"], both["items"], strict=True)) == [(0, 3), (1, 2)]
    assert chunk_path(job.out, 1).stat().st_mtime_ns == written
    scores = pl.concat([pl.read_parquet(chunk_path(job.out, index)) for index in (0, 1)])
    bundle = Bundle.load(job.bundle)
    prepared = [bundle.prepare(row, job.items.root) for row in job.items.table.iter_rows(named=True)]
    assert scores["sample_id"].to_list() == job.items.table["sample_id"].to_list()
    assert scores["p_brugada"].to_list() == pytest.approx(bundle.probabilities(prepared)[0][:, 0].tolist(), abs=1e-6)


def test_a_refusal_comes_back_as_a_row_and_nothing_is_computed(job: Job, tmp_path: Path) -> None:
    """Raised in an actor, it would be Ray's failure, tried several times more."""
    other = replace(job, plan=job.plan.model_copy(update={"bundle_sha256": "0" * 64}))
    actor = _Actor(_portable(other), tmp_path / "items.parquet", "cpu")
    gone = _Actor(_portable(job), tmp_path / "not_mounted.parquet", "cpu")
    for worker, what in ((actor, "not the bundle that the run began with"), (gone, "cannot read")):
        rows = worker({"chunk": [0]})
        ((found, _, remedy),) = rows["refusal"]
        assert what in found
        assert remedy
        assert {len(column) for column in rows.values()} == {1}
    assert not list((job.out / "chunks").iterdir())


def test_a_job_travels_with_whole_paths_and_without_its_list(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.bundle.parent)
    local = replace(
        job, bundle=Path(job.bundle.name), settings=PredictSettings(workers=7, require_signed=Path("k/public.pem"))
    )
    sent = pickle.loads(pickle.dumps(_portable(local)))  # noqa: S301
    monkeypatch.chdir(tmp_path)
    assert sent.bundle == job.bundle.resolve()
    assert sent.settings.require_signed == job.bundle.parent.resolve() / "k" / "public.pem"
    assert sent.items.table.is_empty()
    assert sent.items.table.schema == job.items.table.schema
    assert sent.plan.digest == job.plan.digest
