"""Notes as token ids: only what was written in the window, by a hash or by a pretrained tokenizer made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medkd.data.core.view import View
from medkd.data.events.event_cohort import FromEvents
from medkd.errors import InputError, RecordError
from medkd.modalities.notes import Notes
from medkd.modalities.notes.texts import Texts, read_texts
from medkd.modalities.notes.tokenizers import hashed_chunks

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "stable", "over", "##night", "the", "patient", "."]


def events(*rows: tuple[str, float | None, str | None]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), schema={"series": pl.String, "hours": pl.Float64, "text": pl.String}, orient="row")


def prepared(
    notes: Notes, rows: pl.LazyFrame, folder: Path, view: str = "notes[0:24h]", zero_hour: float = 0.0
) -> np.ndarray:
    files, _ = notes.extract(rows, folder)
    part = View.parse(view).parts[0]
    values = notes.prepare(
        notes.select(notes.read({"notes": files["a"], "series": "a", "zero_hour": zero_hour}, folder), part)
    )
    assert values.shape == notes.shape(part)
    return values


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT tokenizer as Bio_ClinicalBERT ships one: a vocabulary, a word a line."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return folder


def test_ids_are_hashes_and_chunks_never_span_two_notes(tmp_path: Path):
    notes = Notes(vocabulary=1000, length=4, chunks=3)
    assert isinstance(notes, FromEvents)
    ids = prepared(
        notes, events(("a", 5.0, "Stable overnight."), ("a", 2.0, "one two three four five"), ("b", 1.0, "x")), tmp_path
    )
    assert np.isfinite(ids).sum(axis=1).tolist() == [4, 1, 3]
    assert ids[2, :3].tolist() == hashed_chunks("stable OVERNIGHT .", 1000, 4)[0]
    assert 1 <= np.nanmin(ids) <= np.nanmax(ids) < 1000


def test_the_latest_chunks_are_kept(tmp_path: Path):
    rows = events(*(("a", float(hour), f"word{hour}") for hour in range(6)))
    kept = prepared(Notes(length=4, chunks=2), rows, tmp_path)
    assert kept[0, :2].tolist() == hashed_chunks("word4", 4096, 4)[0]
    assert kept[1, :2].tolist() == hashed_chunks("word5", 4096, 4)[0]


def test_a_sample_without_a_note_in_its_window_is_empty(tmp_path: Path):
    rows = events(("a", 30.0, "late"))
    assert np.isnan(prepared(Notes(), rows, tmp_path)).all()
    assert np.isfinite(prepared(Notes(), rows, tmp_path, zero_hour=10.0)).sum() == 1
    assert np.isfinite(prepared(Notes(hours=48), rows, tmp_path, view="notes")).sum() == 1


def test_what_is_no_note_is_counted(tmp_path: Path):
    files, aside = Notes().extract(
        events(("a", 1.0, None), ("a", 1.0, "  "), ("a", None, "when?"), ("b", 1.0, "here")), tmp_path
    )
    assert set(files) == {"b"}
    assert {(flaw.reason, flaw.count) for flaw in aside} == {("notes: no text", 2), ("notes: no time", 1)}


def test_many_series_go_to_several_files(tmp_path: Path):
    files, _ = Notes().extract(events(*((f"{place:05d}", 1.0, f"note {place}") for place in range(1500))), tmp_path)
    assert len(set(files.values())) == 2
    for series in ("00000", "01023", "01024", "01499"):
        assert read_texts(tmp_path / files[series], series).texts == (f"note {int(series)}",)


def test_files_that_cannot_be_used_say_so(tmp_path: Path):
    with pytest.raises(RecordError, match="no such file"):
        read_texts(tmp_path / "none.parquet", "a")
    (tmp_path / "bad.csv").write_text("when,what\n1,x\n")
    with pytest.raises(RecordError, match="no columns 'hours' and 'text'"):
        read_texts(tmp_path / "bad.csv", "a")
    (tmp_path / "word.csv").write_text("hours,text\nnoon,x\n")
    with pytest.raises(RecordError, match="a word where an hour belongs"):
        read_texts(tmp_path / "word.csv", "a")
    (tmp_path / "good.csv").write_text("series,hours,text\na,2,x\na,1,y\n")
    assert read_texts(tmp_path / "good.csv", "a", zero_hour=1.0) == Texts((0.0, 1.0), ("y", "x"))
    with pytest.raises(RecordError, match="no text of this series"):
        read_texts(tmp_path / "good.csv", "b")
    (tmp_path / "plain.txt").write_text("seen at the bedside")
    assert read_texts(tmp_path / "plain.txt", "a").texts == ("seen at the bedside",)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="chunks 0"):
        Notes(chunks=0)
    with pytest.raises(InputError, match="no channel 'radiology'"):
        Notes().shape(View.parse("notes[radiology]").parts[0])


def test_a_pretrained_tokenizer_marks_each_chunk(tokenizer: Path, tmp_path: Path):
    pytest.importorskip("transformers")
    notes = Notes(tokenizer=str(tokenizer), length=5, chunks=4)
    ids = prepared(notes, events(("a", 1.0, "The patient stable overnight.")), tmp_path)
    cls, sep = WORDS.index("[CLS]"), WORDS.index("[SEP]")
    assert ids[0].tolist() == [cls, WORDS.index("the"), WORDS.index("patient"), WORDS.index("stable"), sep]
    assert ids[1].tolist() == [cls, WORDS.index("over"), WORDS.index("##night"), WORDS.index("."), sep]
    assert np.isnan(ids[2:]).all()


def test_the_same_tokenizer_elsewhere_is_the_same_and_another_is_not(tokenizer: Path, tmp_path: Path):
    copy, other = tmp_path / "copy", tmp_path / "other"
    for folder in (copy, other):
        folder.mkdir()
        for file in tokenizer.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    (other / "vocab.txt").write_text("\n".join(reversed(WORDS)))
    digests = [Notes(tokenizer=str(folder)).digest for folder in (tokenizer, copy, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="no such folder"):
        Notes(tokenizer=str(tmp_path / "none")).prepare(Texts((1.0,), ("x",)))
    with pytest.raises(InputError, match="no tokenizer can be read"):
        Notes(tokenizer=str(tmp_path)).prepare(Texts((1.0,), ("x",)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(24.0, 1e4), st.text("abc .", min_size=1, max_size=20)), max_size=5))
def test_notes_after_the_prediction_never_reach_the_features(tmp_path: Path, future: list[tuple[float, str]]):
    past = [("a", 3.0, "on low dose pressor"), ("a", 23.9, "improving")]
    notes = Notes(length=4, chunks=3)
    now = prepared(notes, events(*past), tmp_path)
    then = prepared(notes, events(*past, *(("a", hour, text) for hour, text in future)), tmp_path)
    np.testing.assert_array_equal(now, then)
