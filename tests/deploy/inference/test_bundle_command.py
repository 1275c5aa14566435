"""``medkd bundle``: what an engineer types."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medkd.cli import main


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_changed_file_fails_the_check_and_no_bundle_is_a_mistake(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "card.json").write_text("{}")
    assert main(["bundle", "check", str(copy)]) == 1
    assert lines(capsys)[0].startswith("FAILED   whole: file 'card.json' was changed")
    assert main(["bundle", "check", str(tmp_path)]) == 2
    assert "is not a bundle" in capsys.readouterr().err


def test_a_bundle_of_one_form_skips_what_it_lacks(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "export", str(copy), "--to", "onnx", "--out", str(tmp_path / "onnx")]) == 0
    capsys.readouterr()
    assert main(["bundle", "check", str(tmp_path / "onnx")]) == 0
    assert [line.split()[0] for line in lines(capsys)] == ["ok", "ok", "skipped", "ok", "skipped"]
    assert main(["bundle", "describe", str(tmp_path / "onnx")]) == 0
    assert "(model.onnx)" in capsys.readouterr().out


def test_a_pair_of_keys_signs_and_is_asked_for(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    public = ["--require-signed", str(keys / "public.pem")]
    assert main(["bundle", "key", "--out", str(keys)]) == 0
    for action in ("check", "describe"):
        assert main(["bundle", action, str(copy), *public]) == 2
        assert "it is not signed" in capsys.readouterr().err
    assert main(["bundle", "sign", str(copy), "--key", str(keys / "private.pem")]) == 0
    assert main(["bundle", "check", str(copy), *public]) == 0
    assert any(line.startswith("ok       signature") for line in lines(capsys))
    assert main(["bundle", "describe", str(copy), *public]) == 0
    (said,) = [line for line in lines(capsys) if line.startswith("model.onnx")]
    assert "opset 20" in said


def test_export_asks_for_the_signature_too(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["bundle", "key", "--out", str(tmp_path / "keys")])
    words = ["bundle", "export", str(copy), "--to", "huggingface", "--out", str(tmp_path / "out")]
    assert main([*words, "--require-signed", str(tmp_path / "keys" / "public.pem")]) == 2
    assert not (tmp_path / "out").exists()
    assert main(words) == 0
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        (["check"], "BUNDLE"),
        (["key"], "--out DIR"),
        (["sign", "x"], "--key PRIVATE.pem"),
        (["export", "x", "--out", "y"], "--to huggingface|onnx"),
    ],
)
def test_what_is_lacking_is_named(words: list[str], lacking: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", *words]) == 2
    said = capsys.readouterr().err
    assert f"medkd bundle {words[0]} needs {lacking}" in said
    assert said.count("\n") == 1
