"""LightningCLI of one stage: a wrong configuration is one line, and a right one makes what it names."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from medkd.errors import InputError
from medkd.pipeline.lightning_cli import StageCLI, explained, quieten, run_lightning

Config = dict[str, Any]


@pytest.fixture
def config(fast_run: Path, tmp_path: Path) -> Config:
    """The configuration of one of the finished run's fits, whose outputs would go elsewhere."""
    content: Config = yaml.safe_load((fast_run / "labels1/seed0/baseline-without-0/fit.yaml").read_text())
    content["trainer"] |= {"default_root_dir": str(tmp_path / "fit"), "logger": False, "callbacks": None}
    return content


def written(config: Config, folder: Path) -> str:
    file = folder / "fit.yaml"
    file.write_text(yaml.safe_dump(config))
    return str(file)


def changed(config: Config, key: str, value: Any) -> Config:
    inner = config
    *path, last = key.split(".")
    for name in path:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("trainer.max_epoch", 3, r"unknown key 'trainer\.max_epoch' .*Did you mean 'trainer\.max_epochs'"),
        ("model.learning_rate", "fast", r"model\.learning_rate is 'fast' .*It must be a number"),
        ("model.optimizer", "adam", r"model\.optimizer.*Did you mean 'adamw'"),
        ("data.batch_size", 0, r"a batch of 0 samples \(data\.batch_size\)"),
        ("model.network", 3, r"model\.network names no class"),
        ("model.network.class_path", "medkd.networks.resnet1d.ResNet", r"has no 'ResNet'.*Did you mean 'ResNet1d'"),
        ("model.network.init_args.chanels", 1, r"ResNet1d takes no 'chanels'.*Did you mean 'channels'"),
        ("trainer.accelerator", "abacus", r"abacus"),
    ],
)
def test_a_wrong_configuration_is_one_line_that_names_its_file(
    config: Config, tmp_path: Path, key: str, value: Any, line: str
):
    file = written(changed(config, key, value), tmp_path)
    with pytest.raises(InputError, match=line) as caught:
        run_lightning(["fit", "--config", file])
    assert "\n" not in str(caught.value)
    assert caught.value.where in (file, key)
    assert not (tmp_path / "fit").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("a: [1", "not YAML"),
        ("student: {}\ntask: x\n", "a recipe, not the configuration of one fit"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_it_is_parsed(tmp_path: Path, text: str | None, message: str):
    file = tmp_path / "fit.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message):
        run_lightning(["fit", "--config", str(file)])
    with pytest.raises(InputError, match=message):
        run_lightning(["validate", "-c", str(file)])


def test_a_damaged_checkpoint_is_named_by_its_file_and_not_run(config: Config, tmp_path: Path):
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match=r"the checkpoint is damaged.*\(last\.ckpt\)"):
        run_lightning(["test", "--config", written(config, tmp_path), "--ckpt_path", str(checkpoint)])


@pytest.mark.filterwarnings("ignore:LightningCLI's args parameter")
def test_objects_can_be_made_without_a_run(config: Config, tmp_path: Path):
    file = written(config | {"threads": 1}, tmp_path)
    made = StageCLI(["fit", "--config", file, "--model.learning_rate", "0.25"], run=False)
    assert made.model.learning_rate == 0.25
    assert str(made.datamodule.model_inputs["model"].view) == "ecg[I]"
    assert made.trainer.num_sanity_val_steps == 0
    assert torch.get_num_threads() == 1
    assert not (tmp_path / "fit").exists()


def test_a_message_that_nobody_foresaw_is_still_one_line():
    error = explained("first line\n   second   line\n" + "x" * 1000, [], "fit.yaml")
    assert str(error).startswith("first line second line x")
    assert "\n" not in str(error)
    assert len(str(error)) < 360


def test_lightning_is_silent_about_all_but_errors():
    quieten()
    for name in ("lightning.pytorch", "lightning.fabric"):
        assert not logging.getLogger(name).isEnabledFor(logging.WARNING)
        assert logging.getLogger(name).isEnabledFor(logging.ERROR)
    assert logging.getLogger("medkd").isEnabledFor(logging.WARNING)
