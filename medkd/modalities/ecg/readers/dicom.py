"""DICOM waveform objects (12-lead ECG, general ECG), through pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medkd.errors import RecordError
from medkd.modalities.ecg.recording import Recording, millivolts, standard_names


def read_dicom(path: Path) -> Recording:
    """The longest multiplex group of a DICOM waveform: the rhythm, not the median beat that devices add.

    Raises:
        RecordError: it is not a DICOM file, is deflated, or has no waveform in units of voltage.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        _refuse_deflated(path)
        data = dcmread(path)
        groups = list(data.get("WaveformSequence", []))
        if not groups:
            raise RecordError(
                f"DICOM file {path.name} holds no waveform", where=path, remedy="Give a 12-lead ECG object"
            )
        longest = max(range(len(groups)), key=lambda index: int(groups[index].NumberOfWaveformSamples))
        values = np.ascontiguousarray(data.waveform_array(longest).T, dtype=np.float64)
        channels = list(groups[longest].ChannelDefinitionSequence)
        rate = float(groups[longest].SamplingFrequency)
        names = [str(channel.ChannelSourceSequence[0].CodeMeaning) for channel in channels]
        scale = np.array([millivolts(_unit(channel), path.stem) for channel in channels])
    except RecordError:
        raise
    except InvalidDicomError as error:
        raise RecordError(
            f"{path.name} is not a DICOM file", where=path, remedy="Check its suffix, or export it again"
        ) from error
    except Exception as error:  # a damaged file can fail anywhere inside the package
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise RecordError(
            f"DICOM waveform {path.name} cannot be read: {reason}", where=path, remedy="Export it again"
        ) from error
    if rate <= 0:
        raise RecordError(
            f"ECG of record {path.stem} states no sampling rate", where=path, remedy="Export it with SamplingFrequency"
        )
    return Recording(values * scale[:, None], standard_names(names), rate, path.stem)


def _refuse_deflated(path: Path) -> None:
    """Refuse a deflated file: a few kB may unpack to gigabytes, and pydicom unpacks them whole.

    Raises:
        RecordError: it is deflated.
    """
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise RecordError(
            f"DICOM file {path.name} is deflated, which is not read", where=path, remedy="Export it uncompressed"
        )


def _unit(channel: Any) -> str:
    if "ChannelSensitivityUnitsSequence" not in channel:
        return "no unit"
    return str(channel.ChannelSensitivityUnitsSequence[0].CodeValue)
