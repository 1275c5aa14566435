"""Electrocardiograms as a modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from medkd.data.core.display import Stretch, Strip
from medkd.data.core.modality import AUGMENTATION, LengthPolicy, Modality, Params, Traits
from medkd.data.core.view import Part
from medkd.errors import InputError, RecordError, nearest
from medkd.modalities.ecg.agreement import contradictions
from medkd.modalities.ecg.augmentation import Strengths, apply, draw
from medkd.modalities.ecg.beats import beat_starts, median_beat
from medkd.modalities.ecg.filters import filtered, resampled
from medkd.modalities.ecg.length import cut, middle_start, window_starts, windows
from medkd.modalities.ecg.readers.record_files import files_of_recordings
from medkd.modalities.ecg.readers.recording_file import find_recordings, read_recording
from medkd.modalities.ecg.recording import STANDARD, Recording, canonical
from medkd.modalities.ecg.usable import middle_section, require_usable, samples_at


@dataclass(frozen=True)
class ECG(Modality):
    """An ECG of one to twelve leads, in mV: filtered, resampled, cut to one length or reduced to its median beat.

    Args:
        rate: of the prepared signal, Hz.
        seconds: length of the prepared rhythm, s.
        representation: "rhythm" is "lead time" over ``seconds``; "median_beat" the median of all beats of the record,
            whose QRS complexes are detected in the selected leads alone.
        beat: seconds of a median beat before and after the QRS complex.
        bandpass: corners, Hz; 0 for none on that side.
        notch: mains frequency to filter out, Hz; 0 for none.
        standardise: training statistics of each lead ("channel") or, for median beats, of each of its samples
            ("position").
        longer: of a longer record the middle is used ("crop"), or in prediction all its windows ("windows"; training
            uses the middle).
        shorter: a shorter record is followed by zeros ("pad") or refused ("refuse").
        leads: those of a view without a selector.
        augment_amplitude, augment_lead_amplitude, augment_noise, augment_wander, augment_shift, augment_stretch,
            augment_mask, augment_lead_dropout: strengths, 0 for none; see
            ``medkd.modalities.ecg.augmentation.Strengths``.

    Raises:
        InputError: a field cannot be used.

    Shapes: prepared "lead time", float32, mV.

    >>> ECG(seconds=5.0).shape(Part("ecg", ("I", "II")))
    (2, 500)
    """

    rate: float = 100.0
    seconds: float = 10.0
    representation: Literal["rhythm", "median_beat"] = "rhythm"
    beat: tuple[float, float] = (0.3, 0.5)
    bandpass: tuple[float, float] = (0.5, 40.0)
    notch: float = 0.0
    standardise: Literal["channel", "position"] = "channel"
    longer: Literal["crop", "windows"] = "crop"
    shorter: Literal["pad", "refuse"] = "pad"
    leads: tuple[str, ...] = STANDARD
    augment_amplitude: float = 0.0
    augment_lead_amplitude: float = 0.0
    augment_noise: float = 0.0
    augment_wander: float = 0.0
    augment_shift: float = 0.0
    augment_stretch: float = 0.0
    augment_mask: float = 0.0
    augment_lead_dropout: float = 0.0

    name: ClassVar[str] = "ecg"
    revision: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for field in ("beat", "bandpass", "leads"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        object.__setattr__(self, "leads", tuple(_standard(lead, "modality ecg, leads") for lead in self.leads))
        _check(self)

    def read(self, row: Mapping[str, Any], root: Path) -> Recording:
        """The record at ``row["ecg"]``, with or without suffix: WFDB, DICOM waveform, HL7 aECG, MUSE or Sierra XML.

        What is wrong with one lead (its unit, its name, its agreement with the others) is noted in ``faults``, and
        refuses the views that see this lead.

        Raises:
            RecordError: the file is missing, truncated or damaged, states no sampling rate, or holds no lead.
        """
        recording = read_recording(Path(root) / str(row[self.name]))
        faults = dict(recording.faults)
        for part in (recording, *recording.others):
            for lead, fault in contradictions(part).items():
                faults.setdefault(lead, fault)
        return replace(recording, faults=faults) if faults else recording

    def select(self, raw: Recording, part: Part) -> Recording:
        """The leads that ``part`` names, in its order; all of ``leads`` where it names none.

        Raises:
            InputError: the part names an unknown lead, or hours.
            RecordError: the record lacks one of them, or has a fault in one of them.
        """
        wanted = self._wanted(part)
        for lead in wanted:
            if lead in raw.faults:
                what, _, remedy = raw.faults[lead].partition(". ")
                raise RecordError(f"ECG of record {raw.name}: {what}", remedy=remedy)
        if wanted == raw.leads:
            return raw
        source = _source(raw, wanted)
        if source is None:
            raise self._lacking(raw, wanted)
        return Recording(source.values[[source.leads.index(lead) for lead in wanted]], wanted, source.rate, raw.name)

    def prepare(self, raw: Recording) -> NDArray[np.float32]:
        """Filtered, resampled, then cut to ``seconds`` or reduced to the median beat: "lead time" in mV.

        Raises:
            RecordError: samples are missing, a lead is flat or not plausible, the record is too short, or has fewer
                than three beats.
        """
        if self.representation == "rhythm":
            section, start = self._middle(raw)
            return np.ascontiguousarray(cut(self._clean(section), start, self._length), dtype=np.float32)
        clean = self._whole(raw)
        beat = median_beat(clean, self.rate, *self.beat)
        if beat is None:
            raise RecordError(
                f"ECG of record {raw.name} has fewer than 3 beats that can be detected in {', '.join(raw.leads)}",
                remedy="Use representation rhythm, or leave the record out",
            )
        return np.ascontiguousarray(beat, dtype=np.float32)

    def display(self, raw: Recording, part: Part) -> Strip:
        """All leads of the recording; those of ``part`` and the seconds of the prepared signal are marked.

        Of leads that were recorded at several rates or lengths, those that go with the view's.
        """
        shown = _source(raw, self._wanted(part)) or raw
        seen = tuple(lead for lead in self._wanted(part) if lead in shown.leads)
        return Strip(
            self.name,
            shown.leads,
            shown.values,
            shown.rate,
            seen,
            self._stretches(raw, part),
            self.representation == "median_beat",
        )

    @property
    def traits(self) -> Traits:
        """Median beats are aligned at the QRS complex, and may be standardised position by position."""
        return Traits(aligned=self.standardise == "position")

    @property
    def length_policy(self) -> LengthPolicy:
        """The fields ``longer`` and ``shorter``."""
        return LengthPolicy(self.longer, self.shorter)

    def windows(self, raw: Recording) -> NDArray[np.float32]:
        """Windows of a prediction, "window lead time": all of a longer record if ``longer`` is "windows", else one.

        Raises:
            RecordError: as ``prepare``.
        """
        if self.longer == "crop" or self.representation == "median_beat":
            return self.prepare(raw)[None]
        return np.ascontiguousarray(windows(self._whole(raw), self._length), dtype=np.float32)

    def shape(self, part: Part) -> tuple[int, ...]:
        """Leads of ``part``, time steps.

        Raises:
            InputError: the part names an unknown lead, or hours.
        """
        return (len(self._wanted(part)), self._length)

    def find(self, folder: Path) -> list[str]:
        """All ECG records below ``folder``: POSIX paths relative to it, without suffix where that is clear, sorted."""
        return find_recordings(folder)

    def files_of(self, records: Collection[str], files: Collection[str], folder: Path) -> set[str]:
        """The files themselves; of a WFDB header also the signals and segments that it names."""
        return files_of_recordings(records, files, folder)

    def sample_augmentation(self, rng: np.random.Generator, n: int) -> Params:
        """Parameters for ``n`` samples, see ``medkd.modalities.ecg.augmentation.draw``."""
        fields = {key: value for key, value in vars(self).items() if key.startswith(AUGMENTATION)}
        strengths = Strengths(**{key.removeprefix(AUGMENTATION): value for key, value in fields.items()})
        return draw(strengths, rng, n, self._length, self.rate)

    def augment(self, values: Tensor, params: Params) -> Tensor:
        """``values`` "batch lead time" under ``params``; a rhythm wraps round when shifted, a beat repeats its edge."""
        return apply(values, params, wraps=self.representation == "rhythm") if params else values

    @property
    def _length(self) -> int:
        return round(self.rate * (self.seconds if self.representation == "rhythm" else sum(self.beat)))

    def _stretches(self, raw: Recording, part: Part) -> tuple[Stretch, ...]:
        """Seconds of the recording in each prepared window, or each beat; none where it cannot be prepared."""
        starts: list[int] | NDArray[np.int64] | None
        try:
            selected = self.select(raw, part)
            if self.representation == "rhythm" and self.longer == "crop":
                self._middle(selected)
                starts = [middle_start(samples_at(selected, self.rate), self._length)]
            else:
                clean = self._whole(selected)
                if self.representation == "rhythm":
                    starts = window_starts(clean.shape[1], self._length)
                else:
                    starts = beat_starts(clean, self.rate, *self.beat)
        except RecordError:
            return ()
        return tuple(
            (start / self.rate, (start + self._length) / self.rate)
            for start in (() if starts is None else map(int, starts))
        )

    def _wanted(self, part: Part) -> tuple[str, ...]:
        if part.window is not None:
            raise InputError(
                f"an ECG has no hours, the view names {part.window[0]:g}:{part.window[1]:g}h",
                where=part,
                remedy="Leave them out",
            )
        wanted = tuple(_standard(lead, part) for lead in part.selector) or self.leads
        if len(set(wanted)) != len(wanted):
            raise InputError("view names a lead twice", where=part, remedy="Name each lead once")
        return wanted

    @property
    def _least_seconds(self) -> float:
        return self.seconds if self.shorter == "refuse" and self.representation == "rhythm" else 1.0

    def _whole(self, raw: Recording) -> NDArray[np.float64]:
        """All of ``raw``, clean."""
        require_usable(raw, raw.values, self._least_seconds)
        return self._clean(raw)

    def _middle(self, raw: Recording) -> tuple[Recording, int]:
        return middle_section(raw, self.rate, self._length, self._least_seconds)

    def _clean(self, raw: Recording) -> NDArray[np.float64]:
        return resampled(filtered(raw.values, raw.rate, *self.bandpass, notch=self.notch), raw.rate, self.rate)

    def _lacking(self, raw: Recording, wanted: tuple[str, ...]) -> RecordError:
        """Refusal of a record that lacks leads, or has them in parts that do not go together."""
        every = [lead for part in (raw, *raw.others) for lead in part.leads]
        missing = [lead for lead in wanted if lead not in every]
        if not missing:
            return RecordError(
                f"leads {', '.join(wanted)} of ECG {raw.name} were recorded at different rates, lengths or times",
                remedy="Name leads that were recorded together",
            )
        known = [lead for lead in STANDARD if lead in every]
        unknown = [lead for lead in dict.fromkeys(every) if lead and lead not in STANDARD]
        usable = [lead for lead in wanted if lead in every] or known
        return RecordError(
            f"ECG of record {raw.name} has {len(known)} leads, {len(wanted)} expected (missing {', '.join(missing)}"
            + (f"; unknown {', '.join(unknown)})" if unknown else ")"),
            remedy=f"To train on {len(usable)}, name them: {self.name}[{','.join(usable)}]"
            if usable
            else f"Name leads {', '.join(STANDARD)}",
        )


def _source(raw: Recording, wanted: tuple[str, ...]) -> Recording | None:
    """The part of ``raw`` that has all the leads: the longest; None where none has."""
    return next((part for part in (raw, *raw.others) if set(wanted) <= set(part.leads)), None)


def _standard(lead: str, where: object) -> str:
    name = canonical(lead)
    if name is None:
        raise InputError(f"'{lead}' is not a lead of an ECG", where=where, remedy=nearest(lead, STANDARD))
    return name


def _check(ecg: ECG) -> None:
    """Refuse a mistake in the fields when they are set, not at the first record."""
    for field in ("rate", "seconds"):
        if getattr(ecg, field) <= 0:
            raise InputError(
                f"{field} is {getattr(ecg, field):g}", where="modality ecg", remedy="Give a number above 0"
            )
    for field, choices in (
        ("representation", ("rhythm", "median_beat")),
        ("standardise", ("channel", "position")),
        ("longer", ("crop", "windows")),
        ("shorter", ("pad", "refuse")),
    ):
        if getattr(ecg, field) not in choices:
            raise InputError(
                f"{field} is '{getattr(ecg, field)}'",
                where="modality ecg",
                remedy=nearest(getattr(ecg, field), choices),
            )
    if len(ecg.bandpass) != 2 or len(ecg.beat) != 2:
        raise InputError(
            f"bandpass {ecg.bandpass}, beat {ecg.beat}", where="modality ecg", remedy="Give two numbers for each"
        )
    low, high = ecg.bandpass
    if low < 0 or high < 0 or (high and low >= high) or min(ecg.beat) <= 0 or ecg.notch < 0 or not ecg.leads:
        raise InputError(
            f"bandpass {low:g} to {high:g} Hz, notch {ecg.notch:g} Hz, "
            f"beat {ecg.beat[0]:g} s before and {ecg.beat[1]:g} s after, {len(ecg.leads)} leads",
            where="modality ecg",
            remedy="Give corners 0 <= low < high, a beat above 0 s on both sides, and at least one lead",
        )
    for field, strength in vars(ecg).items():
        if field.startswith(AUGMENTATION) and (strength < 0 or (field in _SHARES and strength >= 1)):
            raise InputError(
                f"{field} is {strength:g}",
                where="modality ecg",
                remedy="0 is off; shares and probabilities stay below 1",
            )


_SHARES = ("augment_stretch", "augment_mask", "augment_lead_dropout")
