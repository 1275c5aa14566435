"""What a user installs.

Sdist to wheel, put beside the packages that are here but away from the checkout, and started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


def run(*words: str | Path, cwd: Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV", "COV"))
    }
    # No configuration of pip's on this machine may reach what is tested.
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    return subprocess.run(
        [*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A folder with nothing in it but medkd's wheel, built from its sdist without build isolation."""
    place = tmp_path_factory.mktemp("built")
    well(run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place, checkout, cwd=place))
    (sdist,) = place.glob("*.tar.gz")
    sdist.rename(tmp_path_factory.mktemp("sdist") / sdist.name)
    return place


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """The python of an environment that holds medkd's wheel, sees the installed packages.

    And does not see the checkout.
    """
    place = tmp_path_factory.mktemp("environment")
    well(run(sys.executable, "-m", "venv", place, cwd=place))
    python = place / "bin" / "python"
    well(
        run(
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--find-links",
            wheels,
            "medkd",
            cwd=place,
        )
    )
    (site,) = place.glob("lib/python*/site-packages")
    # A path written in a .pth file is searched for packages, but .pth files inside it are not read: the editable medkd
    # stays unseen.
    here = json.loads(
        well(run(sys.executable, "-c", "import json, site; print(json.dumps(site.getsitepackages()))", cwd=place))
    )
    (site / "packages_of_the_tests.pth").write_text("\n".join(here) + "\n")
    return python


def test_the_wheel_holds_every_file_of_the_house(wheels: Path, checkout: Path):
    (wheel,) = wheels.glob("medkd-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "-C", checkout, "ls-files", "medkd"], capture_output=True, text=True, check=False
    ).stdout.split()
    assert set(tracked) <= held
    assert "medkd/py.typed" in held
    strays = {name for name in held if not name.startswith(("medkd/", "medkd-"))}
    assert not strays


def test_the_checkout_is_not_seen(installed: Path, checkout: Path, tmp_path: Path):
    script = "import medkd, torch; from importlib.metadata import version; print(medkd.__file__, version('medkd'))"
    found = well(run(installed, "-c", script, cwd=tmp_path))
    assert str(checkout / "medkd") not in found
    assert str(installed.parents[1]) in found


def test_commands_start_from_another_folder(installed: Path, tmp_path: Path):
    medkd = installed.with_name("medkd")
    assert "usage: medkd" in well(run(medkd, "--help", cwd=tmp_path))
    listed = well(run(medkd, "list", cwd=tmp_path))
    assert "ecg_lead" in listed
    assert "demo_ecg" in listed
    assert "broken:" not in listed
    done = run(medkd, "distil", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_fast_demo_runs_from_another_folder(installed: Path, tmp_path: Path):
    out = tmp_path / "out"
    well(
        run(
            installed.with_name("medkd"),
            "distill",
            "ecg_lead",
            "--cohort",
            "demo_ecg",
            "--fast",
            "--out",
            out,
            cwd=tmp_path,
        )
    )
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["verdict"] == "invalid"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_make_wheelhouse_gathers_under_the_constraints(checkout: Path, tmp_path: Path):
    shown = well(
        run("make", "--dry-run", "-C", checkout, "wheelhouse", "WHEELS=" + str(tmp_path / "wheels"), cwd=tmp_path)
    )
    assert "-m build --wheel --no-isolation" in shown
    assert (
        f"-m pip wheel --quiet --disable-pip-version-check -c constraints.txt --wheel-dir {tmp_path / 'wheels'}"
        in shown
    )
    tested = well(run("make", "--dry-run", "-C", checkout, "wheelhouse-test", cwd=tmp_path))
    assert "--no-index --find-links" in tested
    assert not (tmp_path / "wheels").exists()
