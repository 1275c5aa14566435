"""Fit stages: one network, which is exactly a Lightning CLI run, or one learner that is not, such as boosted trees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import yaml

from medkd.data.core.instantiate import instantiate
from medkd.data.core.target import Target
from medkd.data.io.atomic import write_text, writing
from medkd.data.io.load import read_table
from medkd.data.loading.datamodule import SampleData
from medkd.data.splits.split import Role
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FittedModel
from medkd.distill.trees import TreeLearner
from medkd.errors import InputError
from medkd.pipeline.nested_values import merged
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage

LOGGERS = [
    {
        "class_path": "lightning.pytorch.loggers.CSVLogger",
        "init_args": {"name": "logs", "version": "", "flush_logs_every_n_steps": 1000},
    },
    {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": {"name": "tensorboard", "version": ""}},
]


class FitStage(Stage):
    """One network's fit.

    Config: ``model_input`` (the role whose view it sees), ``arm`` ("" for a network that no report shows), ``model``,
    ``data``, ``trainer``, ``seed``, ``held_out``, ``label_fraction``, ``unlabelled``, ``threads``, and ``freeze`` where
    it needs ``start``, the fit that it begins with. Needs ``split``, and the bank of each teacher as ``bank:NAME``.
    """

    kind: ClassVar[str] = "fit"

    def learner(self, run: Path) -> Path:
        """Folder of the fitted model."""
        return self.folder(run) / "learner"

    def command(self, run: Path) -> str:
        """The Lightning CLI run that repeats it."""
        return f"medkd fit --config {self.folder(run) / 'fit.yaml'}"

    def data_config(self, run: Path) -> dict[str, Any]:
        """Arguments of ``SampleData``, with paths."""
        cohort, role = PreparedCohort.load(run), self.config["model_input"]
        split = self.needs["split"]
        assert isinstance(split, SplitStage)  # noqa: S101 (narrows the type; the graph builds it so)
        data = {
            "samples": str(PreparedCohort.samples_file(run).resolve()),
            "split": str(split.file(run).resolve()),
            "split_sha256": split.load(run).sha256,
            "held_out": list(self.config["held_out"]),
            "target": cohort.target.to_dict(),
            "model_inputs": {"model": cohort.model_inputs[role]},
            "prepared": {"model": cohort.stores[role]},
            "label_fraction": self.config["label_fraction"],
            "unlabelled": self.config["unlabelled"],
            "seed": self.config["seed"],
        }
        return merged(data, self.config["data"])

    def data(self, run: Path) -> SampleData:
        """The samples that it is fitted on, not yet set up."""
        settings = self.data_config(run)
        settings["target"] = Target.from_dict(settings["target"])
        settings["model_inputs"] = {"model": PreparedCohort.load(run).model_input(self.config["model_input"])}
        return SampleData(**settings)

    def banks(self, run: Path) -> dict[str, str]:
        """Folder of each teacher's bank."""
        return {
            name.partition(":")[2]: str(stage.folder(run).resolve() / "bank")
            for name, stage in self.needs.items()
            if name.startswith("bank:")
        }

    def fit_config(self, run: Path) -> dict[str, Any]:
        """The whole configuration of the Lightning CLI run, with paths."""
        folder, banks = self.folder(run).resolve(), self.banks(run)
        outputs = PreparedCohort.load(run).target.outputs
        network = merged({"init_args": {"outputs": outputs}}, self.config["model"]["network"])
        model = merged(self.config["model"], {"network": network} | ({"banks": banks} if banks else {}))
        if isinstance(start := self.needs.get("start"), FitStage):
            model |= {"start": str(start.learner(run).resolve()), "freeze": self.config["freeze"]}
        trainer = {
            "default_root_dir": str(folder),
            "logger": [merged(logger, {"init_args": {"save_dir": str(folder)}}) for logger in LOGGERS],
            "callbacks": [_checkpoint(folder)],
            "devices": 1,
            "enable_progress_bar": sys.stderr.isatty(),
            "enable_model_summary": False,
            "log_every_n_steps": 10,
        }
        return {
            "seed_everything": self.config["seed"],
            "threads": self.config["threads"],
            "trainer": merged(trainer, self.config["trainer"]),
            "model": model,
            "data": self.data_config(run),
        }

    def run(self, run: Path) -> None:
        """Write ``fit.yaml``, fit (from the last checkpoint of a killed attempt), and predict."""
        folder, settings = self.folder(run), self.fit_config(run)
        config = folder / "fit.yaml"
        text = f"# Repeat this fit by hand: medkd fit --config {config}\n" + yaml.safe_dump(settings, sort_keys=False)
        write_text(config, text)
        last = folder / "checkpoints" / "last.ckpt"
        _fit(
            ["fit", "--config", str(config), *(["--ckpt_path", str(last)] if last.is_file() else [])],
            settings["trainer"],
        )
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        if self.config["arm"]:
            self.predict(run)

    def predict(self, run: Path) -> None:
        """Write the fitted model's logits of validation and test samples: ``predictions.parquet``."""
        cohort, split = PreparedCohort.load(run), self.needs["split"].load(run)  # type: ignore[attr-defined]
        model, arrays = FittedModel.load(self.learner(run)), cohort.arrays(self.config["model_input"])
        samples = read_table(PreparedCohort.samples_file(run))
        parts = []
        roles: tuple[Role, ...] = ("val", "test")
        for role in roles:
            chosen = split.role(role, self.config["held_out"], self.config["label_fraction"] if role == "val" else 1.0)
            if chosen.height:
                logits = model.predict(arrays, chosen["sample_id"].to_list()).logits
                rows = chosen.join(samples, on="sample_id", how="left", maintain_order="left")
                parts.append(self._rows(rows, logits, role, cohort.target))
        with writing(self.folder(run) / "predictions.parquet") as temporary:
            pl.concat(parts).write_parquet(temporary)

    def _rows(self, chosen: pl.DataFrame, logits: Any, role: Role, target: Target) -> pl.DataFrame:
        rows = []
        for index, name in enumerate(target.names):
            column = target.columns[0] if target.kind == "multiclass" else target.columns[index]
            label = pl.col(column).cast(pl.Float64)
            rows.append(
                chosen.select(
                    pl.lit(self.config["label_fraction"]).alias("label_fraction"),
                    pl.lit(self.config["arm"]).alias("arm"),
                    pl.lit(self.config["seed"], dtype=pl.Int64).alias("seed"),
                    pl.lit(next(iter(self.config["held_out"]), -1), dtype=pl.Int64).alias("fold"),
                    pl.lit(role).alias("role"),
                    "sample_id",
                    "subject_id",
                    pl.lit(name).alias("class"),
                    pl.Series("logit", logits[:, index].double().numpy()),
                    (
                        pl.when(label.is_null()).then(None).otherwise((label == index).cast(pl.Float64))
                        if target.kind == "multiclass"
                        else label
                    ).alias("y"),
                )
            )
        return pl.concat(rows)


class LearnerStage(FitStage):
    """The fit of what ``model.learner`` names, such as boosted trees. Config and needs are those of ``FitStage``."""

    kind: ClassVar[str] = "fit"

    def command(self, run: Path) -> str:
        """The command that repeats it by hand."""
        return Stage.command(self, run)

    def run(self, run: Path) -> None:
        """Fit, and predict the validation and test samples."""
        spec = self.config["model"]["learner"]
        learner = instantiate(spec, TreeLearner, ("medkd", str(spec["class_path"]).split(".")[0]))
        data = self.data(run)
        data.setup("fit")
        banks = {name: TeacherBank.open(Path(folder)) for name, folder in self.banks(run).items()}
        learner.fit(data, banks, self.config["seed"], self.config["threads"]).save(self.learner(run))
        if self.config["arm"]:
            self.predict(run)


def _fit(words: list[str], trainer: dict[str, Any]) -> None:
    """Run the Lightning CLI in this process; where several processes share the fit, in one of its own.

    Lightning starts the others with the words that it was given.
    """
    from medkd.pipeline.lightning_cli import run_lightning

    if trainer["devices"] == 1 and trainer.get("num_nodes", 1) == 1:
        run_lightning(words)
    elif status := subprocess.run([sys.executable, "-m", "medkd.cli", *words], check=False).returncode:
        raise InputError(
            f"a fit over several processes ended with exit code {status}",
            where=words[2],
            remedy="Its own message is above",
        )


def _checkpoint(folder: Path) -> dict[str, Any]:
    """A checkpoint every twenty seconds, from which a killed fit resumes; a shorter fit begins again."""
    settings = {
        "dirpath": str(folder / "checkpoints"),
        "filename": "last",
        "save_top_k": 1,
        "train_time_interval": "0:00:20",
    }
    return {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": settings}
