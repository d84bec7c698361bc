"""ANSI code pages: byte values of published tables."""

from __future__ import annotations

import pytest

from forensics.formats.code_page import decode_ansi, encode_ansi, spellings


@pytest.mark.parametrize(
    ("text", "code_page", "expected"),
    [
        ("証明書キー", 932, b"\x8f\xd8\x96\xbe\x8f\x91\x83\x4c\x81\x5b"),
        ("ключ", 1251, b"\xea\xeb\xfe\xf7"),
        ("Schlüssel", 1252, b"Schl\xfcssel"),
        ("Schlüssel", 65001, b"Schl\xc3\xbcssel"),
        ("证书", 936, b"\xd6\xa4\xca\xe9"),
        ("ключ", 1252, None),
        ("web", 999, None),
        ("\ud800", 65001, None),
    ],
)
def test_a_text_in_a_code_page(text: str, code_page: int, expected: bytes | None) -> None:
    assert encode_ansi(text, code_page) == expected
    if expected is not None:
        assert decode_ansi(expected, code_page) == text


def test_a_code_page_that_is_not_known_is_taken_for_the_western_one() -> None:
    assert decode_ansi(b"Schl\xfcssel", None) == decode_ansi(b"Schl\xfcssel", 77) == "Schlüssel"


def test_without_code_page_a_text_has_the_forms_of_all_that_have_it() -> None:
    assert spellings("ключ", 1251) == {b"\xea\xeb\xfe\xf7"}
    assert {b"\xea\xeb\xfe\xf7", "ключ".encode()} <= spellings("ключ", None)
    assert spellings("ключ", 1252) == frozenset()
