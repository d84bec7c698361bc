"""What is not read is named with what it is and the next step, word for word, alone and in a folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.disk.recognise import image_kind, kind_of, refusal
from forensics.sources.open import open_source
from forensics.tables.source import leaves
from testdata.forms.refused import ENCRYPTED, EVIDENCE, OTHERS, REFUSED, Refused
from tests.sources.folder_of_everything import hives

pytestmark = pytest.mark.usefixtures("rows_alone")


def named(refused: Refused) -> str:
    return refused.name


@pytest.mark.parametrize("refused", REFUSED, ids=named)
def test_it_says_what_it_is_and_what_to_do(tmp_path: Path, refused: Refused) -> None:
    path = refused.write(tmp_path)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == ("unsupported", f"{path} is {refused.says}")
    assert image_kind(path) is None


@pytest.mark.parametrize("refused", EVIDENCE, ids=named)
def test_in_a_folder_it_is_evidence_that_is_not_examined(tmp_path: Path, refused: Refused) -> None:
    path = refused.write(tmp_path)
    assert refusal(path) == f"{path.name} is {refused.says}"
    if refused.name != "Clonezilla":
        with pytest.raises(SourceError) as caught:
            kind_of(f"x/{path.name}", io.BytesIO(path.read_bytes()))
        assert caught.value.message == f"x/{path.name} is {refused.says}"


@pytest.mark.parametrize("refused", OTHERS, ids=named)
def test_in_a_folder_it_is_no_evidence(tmp_path: Path, refused: Refused) -> None:
    path = refused.write(tmp_path)
    assert refusal(path) is None
    assert kind_of(path.name, io.BytesIO(path.read_bytes())) == "raw"


def test_an_examination_of_a_folder_accounts_for_all_of_them(tmp_path: Path) -> None:
    hives(tmp_path)
    said: dict[str, str | None] = {}
    for number, refused in enumerate(REFUSED):
        (tmp_path / str(number)).mkdir()
        path = refused.write(tmp_path / str(number))
        if refused in (*EVIDENCE, *ENCRYPTED) and refused.name != "Clonezilla":
            said[str(path)] = f"{path} is {refused.says}"
    case = forensics.examine(tmp_path)
    assert {entry.path: entry.error for entry in leaves(case.sources) if entry.error} == said
    assert [row.computer_name for row in case.rows("machine")] == ["WEB01"]


@pytest.mark.parametrize("name", ["disk.vhdx", "disk.raw", "WEB01.zip"])
@pytest.mark.parametrize("what", ["pointer of Git LFS", "web page"])
def test_what_should_be_a_disk_and_is_a_text_is_evidence(tmp_path: Path, name: str, what: str) -> None:
    (refused,) = [each for each in REFUSED if each.name == what]
    path = tmp_path / name
    path.write_bytes(refused.content)
    assert refusal(path) == f"{name} is {refused.says}"


def test_a_web_page_that_is_named_as_one_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text("<html></html>\n")
    with pytest.raises(SourceError, match=r"index\.html is a text file, no disk and no collection"):
        open_source(path)


@pytest.mark.parametrize("name", ["a.pbf", "a.adi", "a.rdr"])
def test_a_small_file_of_such_a_name_is_no_backup_in_a_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\1" * 4000)
    assert refusal(path) is None


def test_a_map_of_streets_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "europe.osm.pbf"
    path.write_bytes(b"\0\0\0\x0d\x0a\x09OSMHeader\x18".ljust(50_000, b"\1"))
    assert refusal(path) is None
    with pytest.raises(SourceError, match="holds neither a partition table nor a file system that is known"):
        open_source(path)


def test_what_is_compressed_and_no_disk_is_no_evidence(tmp_path: Path) -> None:
    path = tmp_path / "trace.log.lz4"
    path.write_bytes(b"\x04\x22\x4d\x18".ljust(5000, b"\1"))
    assert refusal(path) is None


def test_the_names_are_unique() -> None:
    assert len({refused.name for refused in REFUSED}) == len(REFUSED)
