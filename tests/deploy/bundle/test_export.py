"""Other forms of a bundle: a hub's tools read them, and so do we."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import read_checked
from medkd.deploy.bundle.export import export_bundle
from medkd.errors import InputError


@pytest.fixture(scope="module")
def hub(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hub") / "model"
    export_bundle(bundle_folder, "huggingface", out)
    return out


def test_the_card_is_read_by_the_hubs_own_library(hub: Path, bundle_folder: Path) -> None:
    card = ModelCard((hub / "README.md").read_text(), ignore_metadata_errors=False)
    assert (card.data.library_name, card.data.license) == ("medkd", "cc-by-sa-4.0")
    assert card.data.pipeline_tag is None
    assert {"ecg", "onnx", "safetensors"} <= set(card.data.tags)
    (result,) = card.data.eval_results
    report = json.loads((bundle_folder / "report.json").read_text())
    assert result.metric_value == report["arms"]["student"]["value"] == 0.77
    assert (result.dataset_name, result.metric_type) == ("brugada_huca", "auroc")
    assert result.metric_args["low"] == report["arms"]["student"]["low"]
    assert card.text.strip() == (bundle_folder / "CARD.md").read_text().split("---\n", 2)[2].strip()


def test_config_names_architecture_and_labels(hub: Path) -> None:
    config = json.loads((hub / "config.json").read_text())
    assert config["architectures"] == ["ResNet1d"]
    assert config["id2label"] == {"0": "brugada"}
    assert config["label2id"] == {"brugada": 0}


def test_tables_have_a_word_for_what_they_do(trees_folder: Path, tmp_path: Path) -> None:
    export_bundle(trees_folder, "huggingface", tmp_path / "out")
    data = ModelCard((tmp_path / "out" / "README.md").read_text()).data
    assert data.pipeline_tag == "tabular-classification"
    assert "lightgbm" in data.tags
    assert data.license is None
    assert (tmp_path / "out" / "model.txt").is_file()


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_it_opens_as_a_bundle_and_scores_as_before(
    hub: Path, bundle_folder: Path, runtime: str, tmp_path: Path
) -> None:
    fetched = Path(shutil.copytree(hub, tmp_path / "fetched"))
    # What a hub and its tools add to a copy.
    (fetched / ".gitattributes").write_text("*.onnx filter=lfs\n")
    (fetched / ".cache" / "huggingface").mkdir(parents=True)
    prepared = [{"ecg": np.linspace(-1, 1, 1000, dtype=np.float32).reshape(1, 1, 1000)}]
    before, after = (Bundle.load(folder, runtime=runtime) for folder in (bundle_folder, fetched))
    assert before.logits(prepared).tolist() == after.logits(prepared).tolist()
    assert before.calibration == after.calibration
    (fetched / "extra.py").write_text("")
    with pytest.raises(InputError, match=r"extra file 'extra\.py'"):
        Bundle.load(fetched)


def test_the_form_for_onnx_alone_has_no_weights_but_the_graph(bundle_folder: Path, tmp_path: Path) -> None:
    export_bundle(bundle_folder, "onnx", tmp_path / "out")
    assert "model.safetensors" not in read_checked(tmp_path / "out")
    Bundle.load(tmp_path / "out", runtime="onnx")
    with pytest.raises(InputError, match="Use --runtime onnx"):
        Bundle.load(tmp_path / "out")


def test_it_is_whole_or_not_there(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis").write_text("all my work")
    for form, out, message in (
        ("huggingface", copy / "inside", "lies in the bundle"),
        ("huggingface", copy, "holds something"),
        ("huggingface", tmp_path / "full", "holds something"),
        ("hugingface", tmp_path / "out", "Did you mean 'huggingface'"),
    ):
        with pytest.raises(InputError, match=message):
            export_bundle(copy, form, out)
    (copy / "CARD.md").write_text("another")
    with pytest.raises(InputError, match="was changed"):
        export_bundle(copy, "onnx", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "full"]
