"""A signature over the sums: whose bundle it is, and that it is as its maker left it."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.deploy.bundle.signature import make_keys, sign
from medkd.errors import InputError


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_a_signed_bundle_opens_with_its_key_and_without(copy: Path, keys: Path) -> None:
    mark = sign(copy, keys / "private.pem")
    assert Bundle.load(copy, key=keys / "public.pem").bundle_sha256 == Bundle.load(copy).bundle_sha256
    assert mark in (copy / "SHA256SUMS.sig").read_text()
    first = (copy / "SHA256SUMS.sig").read_bytes()
    sign(copy, keys / "private.pem")
    assert (copy / "SHA256SUMS.sig").read_bytes() == first


def test_openssl_agrees(copy: Path, keys: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    sign(copy, keys / "private.pem")
    subprocess.run(f"tail -n 1 {copy}/SHA256SUMS.sig | base64 -d > {tmp_path}/raw", shell=True, check=True)  # noqa: S602
    words = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        str(keys / "public.pem"),
        "-rawin",
        "-in",
        str(copy / "SHA256SUMS"),
    ]
    done = subprocess.run([*words, "-sigfile", str(tmp_path / "raw")], capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def _unsigned(copy: Path, keys: Path) -> None:
    (copy / "SHA256SUMS.sig").unlink()


def _by_another(copy: Path, keys: Path) -> None:
    make_keys(copy.parent / "other")
    sign(copy, copy.parent / "other" / "private.pem")


def _edited(copy: Path, keys: Path) -> None:
    card = copy / "CARD.md"
    card.write_text(card.read_text() + "\nApproved.\n")
    write_sums(copy)


def _another_name(copy: Path, keys: Path) -> None:
    """Signed by another, under the name of the right key."""
    mark = (copy / "SHA256SUMS.sig").read_text().splitlines()[1]
    _by_another(copy, keys)
    lines = (copy / "SHA256SUMS.sig").read_text().splitlines()
    (copy / "SHA256SUMS.sig").write_text("\n".join([lines[0], mark, lines[2]]) + "\n")


def _damaged(copy: Path, keys: Path) -> None:
    (copy / "SHA256SUMS.sig").write_bytes(b"\xff\x00 not a signature")


def _empty(copy: Path, keys: Path) -> None:
    lines = (copy / "SHA256SUMS.sig").read_text().splitlines()
    (copy / "SHA256SUMS.sig").write_text("\n".join([*lines[:2], ""]) + "\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_unsigned, "it is not signed"),
        (_by_another, "it is signed with another key"),
        (_edited, "its signature does not belong to it"),
        (_another_name, "its signature does not belong to it"),
        (_damaged, "SHA256SUMS.sig cannot be read"),
        (_empty, "its signature does not belong to it"),
    ],
)
def test_what_is_not_signed_by_the_key_is_refused(
    copy: Path, keys: Path, spoil: Callable[[Path, Path], None], message: str
) -> None:
    sign(copy, keys / "private.pem")
    spoil(copy, keys)
    with pytest.raises(InputError) as caught:
        Bundle.load(copy, key=keys / "public.pem")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    Bundle.load(copy)


def test_a_damaged_bundle_is_not_signed(copy: Path, keys: Path) -> None:
    (copy / "CARD.md").write_text("another card")
    with pytest.raises(InputError, match=r"file 'CARD\.md' was changed"):
        sign(copy, keys / "private.pem")
    assert not (copy / "SHA256SUMS.sig").exists()


def test_the_private_key_is_its_owners_alone_and_never_written_over(keys: Path) -> None:
    assert stat.S_IMODE((keys / "private.pem").stat().st_mode) == 0o600
    kept = (keys / "private.pem").read_bytes()
    with pytest.raises(InputError, match="a key that was used is not written over"):
        make_keys(keys)
    assert (keys / "private.pem").read_bytes() == kept


def test_a_key_with_a_passphrase(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDKD_KEY_PASSPHRASE", "correct horse")
    make_keys(tmp_path / "locked")
    assert b"ENCRYPTED" in (tmp_path / "locked" / "private.pem").read_bytes()
    sign(copy, tmp_path / "locked" / "private.pem")
    Bundle.load(copy, key=tmp_path / "locked" / "public.pem")
    monkeypatch.setenv("MEDKD_KEY_PASSPHRASE", "battery staple")
    with pytest.raises(InputError, match="no private key that can be read"):
        sign(copy, tmp_path / "locked" / "private.pem")
    monkeypatch.delenv("MEDKD_KEY_PASSPHRASE")
    with pytest.raises(InputError, match="Set MEDKD_KEY_PASSPHRASE"):
        sign(copy, tmp_path / "locked" / "private.pem")


def test_what_is_no_key_is_refused(copy: Path, keys: Path, tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    (tmp_path / "rsa.pem").write_bytes(
        rsa.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "rsa.pub").write_bytes(
        rsa.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for private, message in (
        (tmp_path / "rsa.pem", "another kind"),
        (tmp_path / "no", "cannot be read"),
        (keys / "public.pem", "no private"),
    ):
        with pytest.raises(InputError, match=message):
            sign(copy, private)
    sign(copy, keys / "private.pem")
    for public, message in (
        (tmp_path / "rsa.pub", "another kind"),
        (tmp_path, "cannot be read"),
        (keys / "private.pem", "no public key"),
    ):
        with pytest.raises(InputError, match=message):
            Bundle.load(copy, key=public)
