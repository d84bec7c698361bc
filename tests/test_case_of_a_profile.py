"""A profile container that an administrator held: the expected values are those of the case's description."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import forensics
from tests.oracles import shared
from tests.paths import CASES

SID = "S-1-5-21-2052111302-1275210071-1644491937-1131"
GUID = "1812015b-5fd1-4efb-99dc-b114951d3686"
SMIME, AUTH = "122283203053BD1F0CA34A3AF4FC099B465470FE", "8ACD63FB8A5E28EED1B5DA8224D569A0C9ED1C8C"


@pytest.mark.parametrize("named", ["E", "E/Profile", ""])
def test_a_user_without_machine(tmp_path: Path, named: str) -> None:
    with zipfile.ZipFile(shared(CASES / "06-profile-container.zip")) as archive:
        archive.extractall(tmp_path)
    password = (tmp_path / "pw.txt").read_text().splitlines()[0]
    case = forensics.examine(tmp_path / named, passwords={SID: password})
    [machine] = case.rows("machine")
    assert (machine.kind, machine.profiles_of, machine.machine_guid) == ("profile", [f"jdoe ({SID})"], GUID)
    columns = ("thumbprint", "key_file", "master_key", "unlocked_by", "private_key", "verdict", "broken_at")
    assert sorted(tuple(getattr(row, name) for name in columns) for row in case.rows("key_chain")) == [
        (SMIME, "present", "present", "password", "proved", "usable", None),
        (AUTH, "absent", "not_examined", "not_tried", "not_examined", "unusable", "key_file"),
    ]
    told = forensics.render(case, "screen").splitlines()
    assert told[1] == f"profile of jdoe ({SID}), without the Windows it belongs to, in {machine.source}"
    page = forensics.render(case, "html")
    assert f"Profile of jdoe ({SID}), without the Windows it belongs to.</bdi>" in page


def test_without_the_password_it_is_locked(tmp_path: Path) -> None:
    case = forensics.examine(shared(CASES / "06-profile-container.zip"))
    row = next(row for row in case.rows("key_chain") if row.thumbprint == SMIME)
    assert (row.private_key, row.unlocked_by, row.verdict, row.broken_at) == ("locked", "not_tried", "unknown", None)


def test_nothing_is_said_of_a_windows_that_is_not_there(tmp_path: Path) -> None:
    with zipfile.ZipFile(shared(CASES / "06-profile-container.zip")) as archive:
        archive.extractall(tmp_path)
    password = (tmp_path / "pw.txt").read_text().splitlines()[0]
    told = forensics.recover(tmp_path / "E", SMIME, form="file", passwords={SID: password})
    assert [key.lack for key in told.keys] == [
        "the Windows of this profile is not on this evidence, so what it looks for is not known; without --as file it "
        "is written into a PFX file"
    ]
