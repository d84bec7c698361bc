"""The reader of buffers: what it returns, and what it says of a buffer that ends too early."""

from __future__ import annotations

import pytest

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError


def test_a_run_of_numbers_is_read_at_once() -> None:
    cursor = Cursor(bytes.fromhex("ff 01000000 00000080 07"), 1)
    assert cursor.u32s("first", "second") == (1, 0x80000000)
    assert (cursor.offset, cursor.remaining) == (9, 1)


def test_of_a_run_that_is_cut_off_the_first_number_that_lacks_bytes_is_told() -> None:
    with pytest.raises(FormatError, match="third needs 4 bytes, 2 are left") as told:
        Cursor(bytes(10)).u32s("first", "second", "third", "fourth")
    assert (told.value.kind, told.value.offset) == ("truncated", 8)


def test_a_field_has_as_many_bytes_as_stands_before_it() -> None:
    cursor = Cursor(bytes.fromhex("02000000 abcd 00000000 ef"))
    assert (cursor.sized("salt"), cursor.sized("text"), cursor.offset) == (b"\xab\xcd", b"", 10)


@pytest.mark.parametrize(
    ("data", "said", "offset"),
    [
        ("020000", "length of salt needs 4 bytes, 3 are left", 0),
        ("02000000 ab", "salt needs 2 bytes, 1 are left", 4),
        ("ffffffff ab", "salt needs 4294967295 bytes, 1 are left", 4),
    ],
)
def test_of_a_field_that_is_cut_off_its_length_or_its_bytes_are_told(data: str, said: str, offset: int) -> None:
    with pytest.raises(FormatError, match=said) as told:
        Cursor(bytes.fromhex(data)).sized("salt")
    assert (told.value.kind, told.value.offset) == ("truncated", offset)
