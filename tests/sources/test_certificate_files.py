"""A folder of exported certificates is refused by what it holds, and what is to be named instead is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.disk.errors import SourceError
from forensics.sources.open import open_source


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as error:
        open_source(folder)
    return str(error.value)


def test_its_files_are_named_and_counted(tmp_path: Path) -> None:
    for name in ("web.PFX", "old/mail.cer", "old/root.p7b", "old/notes.txt", "vpn.pem"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x30\x82\x01\x00")
    said = refusal(tmp_path)
    assert said.startswith(f"{tmp_path} holds 4 files of certificates (old/mail.cer, old/root.p7b, vpn.pem and 1 more)")
    assert "the disk or the collection of the computer that uses it" in said


def test_without_any_the_folder_is_said_to_hold_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    assert "holds no Windows folder" in refusal(tmp_path)
