"""Tokenizers: from a text to chunks of token ids, by hashing words or by a pretrained tokenizer."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from medkd.data.io.digest import digest_file, digest_of
from medkd.errors import InputError
from medkd.extras import remedy_for

_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?|[^\s\w]")
_FILES = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
"""Files of a tokenizer's folder that decide its ids."""


def hashed_chunks(text: str, vocabulary: int, length: int) -> list[list[int]]:
    """Words, numbers and marks of a text as ids from 1 to ``vocabulary`` - 1 by their CRC-32, ``length`` per chunk.

    No vocabulary is learnt or stored: the same word has the same id everywhere; some ids are shared by two words.

    >>> [len(chunk) for chunk in hashed_chunks("Pt. stable, no SOB.", 64, 4)]
    [4, 3]
    >>> hashed_chunks("", 64, 4)
    []
    """
    ids = [1 + zlib.crc32(word.encode()) % (vocabulary - 1) for word in _WORD.findall(text.lower())]
    return [ids[start : start + length] for start in range(0, len(ids), length)]


def pretrained_chunks(text: str, folder: str, length: int) -> list[list[int]]:
    """Ids by the pretrained tokenizer in ``folder``, in chunks with its marks of beginning and end in each.

    Args:
        text: as written.
        folder: on this machine; nothing is downloaded.
        length: tokens per chunk, including the marks.

    Raises:
        InputError: transformers is not installed, or the folder has no tokenizer.
    """
    encoded = _tokenizer(folder)(
        text, truncation=True, max_length=length, return_overflowing_tokens=True, add_special_tokens=True
    )
    return [list(chunk) for chunk in encoded["input_ids"]] if text.strip() else []


def tokenizer_digest(folder: str) -> str:
    """Digest of the files that decide a pretrained tokenizer's ids, the same in any folder."""
    return digest_of({name: digest_file(Path(folder) / name) for name in _FILES if (Path(folder) / name).is_file()})


@lru_cache(maxsize=4)
def _tokenizer(folder: str) -> Any:
    if not Path(folder).is_dir():
        raise InputError(
            f"no such folder: {folder}",
            where="notes.tokenizer",
            remedy="Give a folder with tokenizer.json or vocab.txt",
        )
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise InputError(
            "transformers is not installed", where="notes.tokenizer", remedy=remedy_for("transformers")
        ) from error
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, use_fast=True)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"no tokenizer can be read: {first[:200]}", where=folder, remedy="Give its published folder"
        ) from error
