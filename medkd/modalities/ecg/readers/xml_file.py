"""XML of several makers: which one a file is, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from medkd.errors import RecordError
from medkd.modalities.ecg.readers.aecg import read_aecg
from medkd.modalities.ecg.readers.muse import read_muse
from medkd.modalities.ecg.readers.philips import read_philips
from medkd.modalities.ecg.recording import Recording

_READERS: dict[str, Callable[[Any, Path], Recording]] = {
    "AnnotatedECG": read_aecg,
    "RestingECG": read_muse,
    "restingecgdata": read_philips,
}
"""By the name of the root element: HL7 annotated ECG, GE MUSE, Philips Sierra."""


def read_xml(path: Path) -> Recording:
    """The ECG of an XML file.

    Raises:
        RecordError: it is not well-formed, of another kind, or lacks what its kind prescribes.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    try:
        # MUSE names its document type, which is never fetched; entities are refused.
        root: Any = parse(path, forbid_dtd=False, forbid_entities=True, forbid_external=True).getroot()
    except ParseError as error:
        line, column = error.position
        raise RecordError(
            f"{path.name} is not readable XML: it breaks off or is damaged in line {line}, column {column}",
            where=path,
            remedy="Export it again",
        ) from error
    except (DefusedXmlException, ValueError, LookupError) as error:
        raise RecordError(
            f"{path.name} is not readable XML: it declares entities, or an encoding that is not known",
            where=path,
            remedy="Export it again",
        ) from error
    kind = root.tag.rpartition("}")[2]
    if kind not in _READERS:
        raise RecordError(
            f"{path.name} is XML of kind '{kind}', which is not an ECG that is read",
            where=path,
            remedy="Export it as HL7 aECG, GE MUSE XML, Philips Sierra XML, DICOM or WFDB",
        )
    return _READERS[kind](root, path)
