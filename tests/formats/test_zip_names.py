"""Names in the directory of a zip archive, against the library."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from forensics.formats import zip_names as module
from forensics.formats.zip_names import zip_names

NAMES = ("a/b/SYSTEM", "c.txt", "x\\y\\SAM", "folder/")


def packed(names: tuple[str, ...] = NAMES, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, name)
        archive.comment = comment
    return file.getvalue()


@pytest.mark.parametrize("before", [b"", b"MZ" + bytes(1000)])
@pytest.mark.parametrize("comment", [b"", b"c" * 65_535])
def test_last_parts_of_all_names(before: bytes, comment: bytes) -> None:
    assert zip_names(io.BytesIO(before + packed(comment=comment))) == ["SYSTEM", "c.txt", "SAM", ""]


def test_an_empty_archive() -> None:
    assert zip_names(io.BytesIO(packed(()))) == []


def changed(offset: int, pattern: str, value: int) -> bytes:
    data = bytearray(packed())
    struct.pack_into(pattern, data, data.rindex(b"PK\5\6") + offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4",
        b"PK\5\6",
        packed()[:-30],
        changed(10, "<H", 0xFFFF),
        changed(16, "<I", 0xFFFFFFFF),
        changed(10, "<H", 5),
        changed(12, "<I", 0xFFFFFF),
        changed(12, "<I", 100),
        packed().replace(b"PK\1\2", b"PK\1\3"),
    ],
)
def test_what_has_to_be_read_in_full(data: bytes) -> None:
    assert zip_names(io.BytesIO(data)) is None


def test_a_directory_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DIRECTORY", 100)
    assert zip_names(io.BytesIO(packed())) is None
