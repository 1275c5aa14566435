"""Every modality keeps the contract of ``medkd.data.core.modality``; a new one is swept without writing a test."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from medkd import registry
from medkd.app.figures.display_figure import describe_display, display_figure
from medkd.data.core.display import Passage
from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import AUGMENTATION, LengthPolicy, Modality
from medkd.data.core.model_input import ModelInput
from medkd.data.core.target import Target
from medkd.data.core.view import Part, View
from medkd.data.io.document import parse_document
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import prepare, prepare_chunk
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.preprocessing import Preprocessing, PreprocessingDocument
from medkd.deploy.inference.items import items_of
from medkd.deploy.inference.predict_files import predict_items
from medkd.distill.learner import FittedModel
from medkd.errors import InputError, MedkdError, RecordError
from tests.contracts.flat_network import FlatNetwork


def test_the_sweep_finds_the_modalities():
    assert {"ecg", "vitals", "labs", "nursing", "codes", "notes", "cgm", "insulin", "meals"} <= {
        entry.name for entry in registry.entries("modalities")
    }


def prepared(modality: Modality, raw: Any, part: Part) -> np.ndarray:
    return modality.prepare(modality.select(raw, part))


def check_one_line(error: MedkdError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def usable(source) -> Iterator[Any]:
    """Raw signals of samples that can be prepared."""
    for row in source.rows:
        raw = source.modality.read(row, source.root)
        try:
            prepared(source.modality, raw, Part(source.modality.name))
        except RecordError as error:
            check_one_line(error)
            continue
        yield raw


# Fields


def others(modality: Modality, field: dataclasses.Field) -> Iterator[Modality]:
    """The modality with other values of one field, as far as it accepts them."""
    value, hint = getattr(modality, field.name), typing.get_type_hints(type(modality))[field.name]
    candidates: list[Any] = [option for option in typing.get_args(hint) if isinstance(option, str) and option != value]
    if isinstance(value, bool):
        candidates.append(not value)
    elif isinstance(value, int | float):
        candidates += [2 * value, value + 1, value / 2, *([value + 0.5] if isinstance(value, float) else [])]
    elif isinstance(value, str):
        candidates.append("another")
    elif isinstance(value, tuple):
        names = getattr(modality, "names", lambda part: ())(Part(modality.name))
        candidates += [value[:1], tuple(names[:1]), tuple(0.9 * part for part in value if isinstance(part, float))]
    for candidate in candidates:
        if candidate != value:
            try:
                yield dataclasses.replace(modality, **{field.name: candidate})
            except InputError as error:
                check_one_line(error)


def test_it_is_a_frozen_dataclass_under_its_own_name(modality_class, modality_name):
    assert modality_class.name == modality_name
    assert dataclasses.is_dataclass(modality_class)
    assert modality_class.__dataclass_params__.frozen
    assert hash(modality_class()) == hash(modality_class())


def test_digest_changes_with_every_field_that_prepare_depends_on(modality_class):
    modality = modality_class()
    assert modality.digest == modality_class().digest
    for field in dataclasses.fields(modality):
        changed = next(others(modality, field), None)
        assert changed is not None, f"no other value of {field.name} is accepted: it need not be a field"
        if field.name.startswith(AUGMENTATION):
            assert changed.digest == modality.digest, f"{field.name} prepares the arrays anew"
            assert changed != modality
        else:
            assert changed.digest != modality.digest, f"{field.name} does not change the digest"


def test_digest_changes_with_the_revision(modality_class):
    later = type(modality_class.__name__, (modality_class,), {"revision": modality_class.revision + 1})
    later.__module__, later.__qualname__ = modality_class.__module__, modality_class.__qualname__
    assert later().digest != modality_class().digest


def test_yaml_gives_an_equal_one(modality_class, source):
    package = modality_class.__module__.partition(".")[0]
    changed = [other for field in dataclasses.fields(modality_class) for other in others(modality_class(), field)]
    for modality in (modality_class(), source.modality, *changed):
        document = yaml.safe_load(yaml.safe_dump(modality.to_dict()))
        assert instantiate(document, Modality, (package,)) == modality


# Reading


def test_samples_are_read_and_prepared(source):
    modality, part = source.modality, Part(source.modality.name)
    raws = list(usable(source))
    assert raws, f"none of {len(source.rows)} samples of {source.cohort} can be prepared"
    for raw in raws:
        values = prepared(modality, raw, part)
        assert values.dtype == np.float32
        assert values.shape == modality.shape(part)
        if modality.traits.partial:
            assert not np.isinf(values).any()
        else:
            assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, prepared(modality, raw, part))


def test_reading_again_gives_the_same_bits(source):
    part = Part(source.modality.name)
    for first, second in zip(usable(source), usable(source), strict=True):
        np.testing.assert_array_equal(prepared(source.modality, first, part), prepared(source.modality, second, part))


def test_a_missing_or_damaged_file_is_one_line(source, tmp_path):
    row = dict(source.rows[0])
    published = source.root / row[source.modality.name]
    name = f"damaged{published.suffix}"
    (tmp_path / name).write_bytes(b"\x00\x01 not a record")
    for path in (name, f"missing{published.suffix}"):
        with pytest.raises(RecordError) as refused:
            source.modality.read(row | {source.modality.name: path}, tmp_path)
        check_one_line(refused.value)


def test_an_unknown_channel_is_refused_in_one_line(source):
    with pytest.raises(InputError) as refused:
        source.modality.shape(Part(source.modality.name, ("no such channel",)))
    check_one_line(refused.value)


# Selection


def value_fields(modality: Modality, raw: Any, part: Part) -> Iterator[str]:
    """Fields of a raw signal that hold values: arrays of floats, or texts, on which no selection depends."""
    before = modality.select(raw, part)
    for field in dataclasses.fields(raw):
        if not is_values(getattr(raw, field.name)):
            continue
        try:
            after = modality.select(dataclasses.replace(raw, **{field.name: tags(getattr(raw, field.name))}), part)
        except RecordError:
            continue
        same = all(
            equal(getattr(before, other.name), getattr(after, other.name))
            for other in dataclasses.fields(before)
            if other.name != field.name
        )
        if same and len(getattr(before, field.name)) == len(getattr(after, field.name)):
            yield field.name


def is_values(value: Any) -> bool:
    floats = isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating) and value.size > 0
    return floats or (isinstance(value, tuple) and bool(value) and all(isinstance(item, str) for item in value))


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second, equal_nan=np.issubdtype(first.dtype, np.floating))
    return bool(first == second)


def tags(values: Any) -> Any:
    """Each element's own number in its place: beyond every window, so that hours are not taken for values."""
    if isinstance(values, np.ndarray):
        return np.arange(1000, 1000 + values.size, dtype=values.dtype).reshape(values.shape)
    return tuple(f"tag {index}" for index in range(len(values)))


def perturbed(values: Any, chosen: set[Any]) -> Any:
    """Other values where the tag is one of ``chosen``."""
    if isinstance(values, np.ndarray):
        mask = np.isin(tags(values), list(chosen))
        return np.where(mask, values[::-1] * 1.5 + 1, values).astype(values.dtype)
    return tuple(f"another {text}" if tag in chosen else text for tag, text in zip(tags(values), values, strict=True))


def parts(modality: Modality) -> Iterator[Part]:
    """The whole view, its first channel alone, and its first half of hours, as far as the modality has them."""
    yield Part(modality.name)
    names = getattr(modality, "names", None) or getattr(modality, "leads_of", None)
    channels = names(Part(modality.name)) if names else getattr(modality, "leads", ())
    if channels:
        yield Part(modality.name, tuple(channels[:1]))
    if hasattr(modality, "hours"):
        window = getattr(modality, "window", lambda part: (0.0, modality.hours))(Part(modality.name))
        yield Part(modality.name, window=(window[0], (window[0] + window[1]) / 2))


def test_what_a_part_does_not_name_cannot_reach_its_array(source):
    """Selection comes before preparation: values outside the part are perturbed, and no bit of the array changes."""
    modality, tried = source.modality, 0
    for raw in usable(source):
        if not dataclasses.is_dataclass(raw):
            pytest.skip(f"{modality.name} reads a {type(raw).__name__}, not a dataclass of arrays: test it in its own")
        for part in parts(modality):
            for name in value_fields(modality, raw, part):
                values = getattr(raw, name)
                tagged = getattr(modality.select(dataclasses.replace(raw, **{name: tags(values)}), part), name)
                seen = set(np.asarray(tagged).ravel().tolist())
                unseen = set(np.asarray(tags(values)).ravel().tolist()) - seen
                try:
                    expected = prepared(modality, raw, part)
                except RecordError:
                    continue
                other = dataclasses.replace(raw, **{name: perturbed(values, unseen)})
                np.testing.assert_array_equal(prepared(modality, other, part), expected)
                tried += bool(unseen)
                if modality.traits.measured and seen and np.isfinite(expected).any():
                    visible = dataclasses.replace(raw, **{name: perturbed(values, seen)})
                    assert not np.array_equal(prepared(modality, visible, part), expected, equal_nan=True)
    assert tried, f"no part of {modality.name} leaves any value out"


# Length


def stretched(raw: Any, factor: float) -> Any:
    """A record of another length: every array of two axes is repeated, or cut, along its last."""
    changed = {}
    for field in dataclasses.fields(raw):
        value = getattr(raw, field.name)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            length = round(value.shape[1] * factor)
            changed[field.name] = np.tile(value, math.ceil(factor))[:, :length]
    assert changed, "a record with a length policy is a dataclass of arrays 'channel time'"
    return dataclasses.replace(raw, **changed)


def test_records_of_another_length_are_treated_as_declared(source):
    modality, part = source.modality, Part(source.modality.name)
    policy = modality.length_policy
    raw = next(usable(source))
    whole = modality.windows(modality.select(raw, part))
    assert whole.dtype == np.float32
    assert whole.shape[1:] == modality.shape(part)
    if policy == LengthPolicy():
        np.testing.assert_array_equal(whole, prepared(modality, raw, part)[None])
        return
    hints = typing.get_type_hints(type(modality))
    for name, factor in (("longer", 2.5), ("shorter", 0.3)):
        if getattr(policy, name) is None:
            continue
        assert getattr(modality, name) == getattr(policy, name), f"{name} is not a field of {modality.name}"
        for answer in typing.get_args(hints[name]):
            other = dataclasses.replace(modality, **{name: answer})
            assert getattr(other.length_policy, name) == answer
            selected = other.select(stretched(raw, factor), part)
            if answer == "refuse":
                with pytest.raises(RecordError) as refused:
                    other.windows(selected)
                check_one_line(refused.value)
                continue
            windows = other.windows(selected)
            assert windows.shape[1:] == modality.shape(part)
            assert np.isfinite(windows).all() or modality.traits.partial
            assert (len(windows) > 1) == (answer == "windows")


# Absence


def test_an_absent_signal_is_absent_and_never_a_value(source, tmp_path):
    modality, part = source.modality, Part(source.modality.name)
    rows = [dict(row) for row in source.rows]
    rows[0][modality.name] = None
    ((values, status, _), *_) = prepare_chunk(modality, [part], rows, source.root)[0]
    assert (values, status) == (None, "absent")
    columns = [name for name in ("sample_id", "subject_id", "series", "zero_hour", modality.name) if name in rows[0]]
    samples = pl.DataFrame(rows, infer_schema_length=None).select(columns)
    stored = prepare(tmp_path / "prepared", modality, [part], samples, source.root)[str(part)]
    assert not stored.present[stored.rows([rows[0]["sample_id"]])].any()
    assert stored.present.any()


# Display and finding


def test_display_can_be_drawn(source):
    modality = source.modality
    for raw in usable(source):
        for part in parts(modality):
            display = modality.display(raw, part)
            if display is None:
                continue
            assert display.modality == modality.name
            assert describe_display(display)
            figure = display_figure(display)
            assert isinstance(display, Passage) if figure is None else json.loads(figure.to_json())["data"]


def test_files_are_found_or_refused_in_one_line(source, tmp_path):
    modality = source.modality
    (tmp_path / "readme.txt").write_text("nothing here")
    for folder in (tmp_path, source.root):
        try:
            paths = modality.find(folder)
        except InputError as error:
            check_one_line(error)
            return
        assert paths == sorted(set(paths))
        assert all(not Path(path).is_absolute() and "\\" not in path for path in paths)
    assert {row[modality.name] for row in source.rows} <= set(paths)


# Augmentation


def strengthened(modality: Modality) -> Modality:
    """With every augmentation switched on."""
    fields = [field.name for field in dataclasses.fields(modality) if field.name.startswith(AUGMENTATION)]
    return dataclasses.replace(modality, **{name: getattr(modality, name) or 0.2 for name in fields})


def test_augmentation_is_a_function_of_its_parameters_and_keeps_the_shape(source):
    plain, part = source.modality, Part(source.modality.name)
    raws = list(usable(source))
    values = torch.from_numpy(np.stack([prepared(plain, raw, part) for raw in raws]))
    for modality in (plain, strengthened(plain)):
        params = modality.sample_augmentation(np.random.default_rng(3), len(values))
        again = modality.sample_augmentation(np.random.default_rng(3), len(values))
        assert params.keys() == again.keys()
        for name in params:
            np.testing.assert_array_equal(params[name], again[name])
            assert len(params[name]) == len(values), f"{name} has not one entry per sample"
        before = values.clone()
        augmented = modality.augment(values, params)
        torch.testing.assert_close(values, before, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(augmented, modality.augment(values, params), rtol=0, atol=0, equal_nan=True)
        assert augmented.shape == values.shape
        assert augmented.dtype == values.dtype
        assert torch.isfinite(augmented).equal(torch.isfinite(values))
    if params:
        assert not augmented.equal(values), f"strengths of {modality.name} change nothing"


# Use


def test_a_bundle_prepares_what_training_prepared(source, tmp_path, monkeypatch):
    """Fitted statistics, ``preprocess.yaml``, and the numbers that every model can take."""
    modality, part = source.modality, Part(source.modality.name)
    samples = pl.DataFrame(source.rows, infer_schema_length=None)
    stored = prepare(tmp_path / "prepared", modality, [part], samples, source.root)[str(part)]
    present = [row["sample_id"] for row in source.rows if stored.present[stored.rows([row["sample_id"]])].all()]
    traits = modality.traits
    statistics = Statistics.fit(
        stored.values, stored.rows(present), "", (), aligned=traits.aligned, measured=traits.measured
    )
    document = Preprocessing(View((part,)), {modality.name: modality}, {modality.name: statistics}).to_document()
    content = yaml.safe_load(yaml.safe_dump(document.model_dump(mode="json")))
    package = type(modality).__module__.partition(".")[0]
    bundle = Preprocessing.from_document(
        parse_document(PreprocessingDocument, content, "preprocess.yaml", ""), (package,), "preprocess.yaml"
    )
    for row in source.rows:
        if row["sample_id"] in present:
            (window, *_) = bundle.prepare(row, source.root)[modality.name]
            values = torch.from_numpy(np.array(stored.values[stored.rows([row["sample_id"]])]))
            np.testing.assert_array_equal(window, statistics.apply(values)[0].numpy())


def test_a_bundle_scores_files_as_the_fitted_model_scores_what_training_prepared(source, tmp_path, monkeypatch):
    """The whole way, with a network that sees every cell: written, loaded, and given the files of the samples."""
    modality, part = source.modality, Part(source.modality.name)
    samples = pl.DataFrame(source.rows, infer_schema_length=None)
    stored = prepare(tmp_path / "prepared", modality, [part], samples, source.root)[str(part)]
    ids = samples["sample_id"].to_list()
    present = [name for name in ids if stored.present[stored.rows([name])].all()]
    traits = modality.traits
    statistics = Statistics.fit(
        stored.values, stored.rows(present), "", (), aligned=traits.aligned, measured=traits.measured
    )
    torch.manual_seed(0)
    network = FlatNetwork(math.prod(modality.shape(part))).eval()
    spec = {
        "class_path": f"{FlatNetwork.__module__}.FlatNetwork",
        "init_args": {"cells": math.prod(modality.shape(part))},
    }
    target = Target("outcome", "binary", ("outcome",))
    model_input = ModelInput(str(part), {modality.name: modality})
    fitted = FittedModel(network, spec, model_input, target, {modality.name: statistics})
    fitted.save(tmp_path / "learner")
    trust = [FlatNetwork.__module__.partition(".")[0], type(modality).__module__.partition(".")[0]]
    calibration = {"temperature": 2.0, "threshold": 0.5}
    # The graph is the network's matter, not the modality's, and takes seconds.
    monkeypatch.setattr("medkd.deploy.bundle.writer.export", lambda network, preprocessing: (None, "not asked for"))
    Bundle.write(tmp_path / "bundle", tmp_path / "learner", calibration, {"schema_version": 1}, trust=trust)
    bundle = Bundle.load(tmp_path / "bundle", trust)
    first = np.array(stored.values[stored.rows(present[:1])])
    others = [name for name in present if not np.array_equal(stored.values[stored.rows([name])], first, equal_nan=True)]
    # Two that differ; the first samples of a small cohort may all be alike, such as hours without a meal.
    chosen = [present[0], *(others or present[1:])[:1]]
    expected = fitted.predict({modality.name: stored}, chosen).logits.double()

    rows = [row for name in chosen for row in source.rows if row["sample_id"] == name]
    logits = bundle.logits([bundle.prepare(row, source.root) for row in rows])
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-5)

    scored = predict_items(bundle, items_of(samples, source.root, "files", (modality.name,)))
    status = dict(scored.select("sample_id", "status").iter_rows())
    assert {name for name in ids if status[name] == "ok"} == set(present), "set aside in use as in training"
    found = pl.DataFrame({"sample_id": chosen}).join(scored, on="sample_id", maintain_order="left")
    np.testing.assert_allclose(found["p_outcome"], torch.sigmoid(expected[:, 0]), atol=1e-5)
    np.testing.assert_allclose(found["p_cal_outcome"], torch.sigmoid(expected[:, 0] / 2), atol=1e-5)
    assert found["p_outcome"].n_unique() == 1 + bool(others), "the network tells records apart"
