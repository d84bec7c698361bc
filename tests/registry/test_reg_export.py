"""Lines of registry exports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.formats.errors import FormatError
from forensics.registry.reg_text import ExportedKey, ExportedValue, parse_reg_export

HEAD = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Test]\r\n"


def _parse(text: str) -> list[ExportedKey | ExportedValue | FormatError]:
    return list(parse_reg_export(text.splitlines(keepends=True)))


def _values(body: str, head: str = HEAD) -> list[tuple[str, int, bytes]]:
    return [(v.name, v.type, v.data) for v in _parse(head + body) if isinstance(v, ExportedValue)]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('"a"="b"', ("a", 1, b"b\0\0\0")),
        ('@="x"', ("", 1, b"x\0\0\0")),
        ('"C:\\\\x \\"q\\""="C:\\\\y\\"z"', ('C:\\x "q"', 1, 'C:\\y"z\0'.encode("utf-16-le"))),
        ('"n"=dword:0000beef', ("n", 4, b"\xef\xbe\0\0")),
        ('"q"=hex(b):01,00,00,00,00,00,00,80', ("q", 11, b"\1\0\0\0\0\0\0\x80")),
        ('"b"=hex:', ("b", 3, b"")),
        ('"odd"=hex(7):61,00,00', ("odd", 7, b"a\0\0")),
        ('"z"=hex(ffff0012):aa', ("z", 0xFFFF0012, b"\xaa")),
        ('"h"=hex:01,\\\r\n  02,\\\r\n  03', ("h", 3, b"\1\2\3")),
        ('"m"="one\r\ntwo"', ("m", 1, "one\r\ntwo\0".encode("utf-16-le"))),
        ('"e"=""', ("e", 1, b"\0\0")),
    ],
)
def test_values(line: str, value: tuple[str, int, bytes]) -> None:
    assert _values(line + '\r\n"after"=dword:1\r\n') == [value, ("after", 4, b"\1\0\0\0")]


def test_ansi_texts_become_what_a_hive_holds() -> None:
    head = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Test]\n"
    body = '"e"=hex(2):25,54,e9,25,00\n"m"=hex(7):61,00,62,00,00\n"b"=hex:e9\n"s"="é"\n'
    assert _values(body, head) == [
        ("e", 2, "%Té%\0".encode("utf-16-le")),
        ("m", 7, "a\0b\0\0".encode("utf-16-le")),
        ("b", 3, b"\xe9"),
        ("s", 1, "é\0".encode("utf-16-le")),
    ]


def test_keys_and_deletions() -> None:
    items = _parse(
        HEAD
        + '"gone"=-\r\n; note\r\n[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Dead]\r\n"x"="y"\r\n'
        + "[HKEY_USERS\\S-1-5-21-1\\a]b]\r\n@=dword:00000005\r\n"
    )
    assert items == [
        ExportedKey("HKEY_LOCAL_MACHINE\\SOFTWARE\\Test", 3),
        ExportedKey("HKEY_USERS\\S-1-5-21-1\\a]b", 8),
        ExportedValue("", 4, b"\5\0\0\0", 9),
    ]


@pytest.mark.parametrize(
    "line", ["nonsense", '"a"=what', '"a"=hex:0g', '"a"=hex:1,2', '"a"="b" c', '"a"=dword:123456789', "[open"]
)
def test_a_bad_line_does_not_stop_the_next(line: str) -> None:
    items = _parse(HEAD + line + "\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Next]\r\n")
    assert isinstance(items[1], FormatError)
    assert (items[1].kind, items[1].offset) == ("bad_line", 4)
    assert items[2] == ExportedKey("HKEY_LOCAL_MACHINE\\SOFTWARE\\Next", 5)


def test_text_that_never_ends() -> None:
    items = _parse(HEAD + '"a"="' + "x\r\n" * 100)
    assert [item.kind for item in items if isinstance(item, FormatError)] == ["bad_line"]


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "MZ\x90", "[HKEY_LOCAL_MACHINE]\r\n", "REGEDIT5\r\n"])
def test_no_export(text: str) -> None:
    with pytest.raises(FormatError) as error:
        _parse(text)
    assert error.value.kind == "bad_magic"


@given(st.text(alphabet='[]"@=\\;-,:()hexdwor0123456789abHKEY_\r\n é\0', max_size=300))
def test_no_line_raises(body: str) -> None:
    for item in _parse(HEAD + body):
        assert isinstance(item, ExportedKey | ExportedValue | FormatError)
