"""Archives: read in place, in one pass, and refused where damaged, climbing or a bomb."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from medkd.data.io import archive
from medkd.data.io.archive import is_archive, read_members, refuse_gzip_bomb
from medkd.errors import InputError

FILES = {"a/one.csv": b"1\n", "a/two.txt": b"2\n", "three.CSV": b"3\n"}
KINDS = ["folder", "all.zip", "all.tar", "all.tar.gz", "all.tgz"]


def packed(tmp_path: Path, kind: str, files: dict[str, bytes]) -> Path:
    path = tmp_path / kind
    if kind == "folder":
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    elif kind.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in files.items():
                out.writestr(name, content)
    else:
        with tarfile.open(path, "w" if kind.endswith(".tar") else "w:gz") as out:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_holds_the_same_files(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path, kind, FILES)
    assert is_archive(path) == (kind != "folder")
    assert dict(read_members(path)) == FILES
    assert dict(read_members(path, ".csv")) == {name: FILES[name] for name in ("a/one.csv", "three.CSV")}
    assert [file.name for file in tmp_path.iterdir()] == [kind], "nothing is unpacked beside it"


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_truncated_archive_is_one_line(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path, kind, {f"{number}.csv": bytes(range(256)) * 20 for number in range(9)})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match="is truncated or damaged"):
        list(read_members(path))


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a\\..\\..\\out.csv"])
def test_a_member_that_climbs_out_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match="climbs out of its folder"):
        list(read_members(packed(tmp_path, kind, {name: b""})))


@pytest.mark.parametrize("kind", ["all.zip", "all.tar.gz"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS", 1 << 12)
    files = {f"{number}.csv": bytes(1 << 16) for number in range(4)}
    with pytest.raises(InputError, match="times its size"):
        list(read_members(packed(tmp_path, kind, files)))


def test_a_gzip_bomb_is_told_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS", 1 << 12)
    bomb, table = tmp_path / "bomb.csv.gz", tmp_path / "table.csv.gz"
    bomb.write_bytes(gzip.compress(bytes(1 << 22)))
    table.write_bytes(gzip.compress("".join(f"{number * 7919 % 10007},{number}\n" for number in range(9999)).encode()))
    with pytest.raises(InputError, match="times its size"):
        refuse_gzip_bomb(bomb)
    refuse_gzip_bomb(table)
