"""INI texts of unknown encoding."""

from __future__ import annotations

import pytest

from forensics.formats.ini_text import decode_text, ini_sections


def test_ini() -> None:
    text = "top=1\r\n[A]\r\nName = x = y\r\nNAME=second\r\nno value\r\n[ B ]\r\n"
    assert list(ini_sections(text)) == [("", {"top": "1"}), ("A", {"name": "x = y"}), (" B ", {})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_by_its_byte_order_mark(encoding: str) -> None:
    assert decode_text("[Ä]".encode(encoding)) == "[Ä]"
    assert decode_text(b"a\xff") == "a\ufffd"
