"""Registry exports as regedit writes them: ``.reg`` files of version 5 (UTF-16) and REGEDIT4 (ANSI).

References:
    - https://support.microsoft.com/help/310516 (add, modify or delete registry subkeys by using a .reg file)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

VERSION_5 = "Windows Registry Editor Version 5.00"
VERSION_4 = "REGEDIT4"
MAX_VALUE_SIZE = 16 << 20
"""Format: bytes of one value of an export."""

_REG_SZ, _REG_EXPAND_SZ, _REG_BINARY, _REG_DWORD, _REG_MULTI_SZ = 1, 2, 3, 4, 7
_TEXT_TYPES = (_REG_SZ, _REG_EXPAND_SZ, _REG_MULTI_SZ)
_NAME = re.compile(r'\s*(?:@|"((?:[^"\\]++|\\.)*+)")\s*=\s*', re.DOTALL)
_STRING = re.compile(r'((?:[^"\\]++|\\.)*+)"\s*(?:;.*)?$', re.DOTALL)
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:", re.IGNORECASE)
_DWORD = re.compile(r"dword:([0-9a-f]{1,8})\s*(?:;.*)?$", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A section head: the values that follow belong to this key.

    Attributes:
        path: Full path with its root key, ``\\``-separated, such as ``HKEY_LOCAL_MACHINE\\SOFTWARE``.
        line: Line in the file, from 1.
    """

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class ExportedValue:
    """A value.

    Attributes:
        name: Empty for the default value.
        type: Registry type number.
        data: Raw data as a hive holds it: texts are UTF-16LE with their NULs, also where the file is ANSI.
        line: Line in the file, from 1.
    """

    name: str
    type: int
    data: bytes = field(repr=False)
    line: int


def parse_reg_export(lines: Iterable[str]) -> Iterator[ExportedKey | ExportedValue | FormatError]:
    """Parse an export line by line.

    Args:
        lines: Decoded lines with their line ends, without byte order mark.

    Yields:
        Keys and values in order; deletions are passed over; for a line that means nothing a FormatError
        whose offset is the line number, after which the next line is read.

    Raises:
        FormatError: ``bad_magic``: the file does not begin as an export does.
    """
    numbered = enumerate(lines, 1)
    version = next((line.strip() for _, line in numbered if line.strip()), "")
    if version not in (VERSION_5, VERSION_4):
        raise FormatError("bad_magic", 0, sentence("the file does not begin with a version line of regedit"))
    deleted = True  # values ahead of the first key, or of a key to delete, belong nowhere
    for number, line in numbered:
        text = line.strip()
        if not text or text.startswith(";"):
            continue
        if text.startswith("["):
            # A key's name may itself hold brackets, so the last one closes.
            path = text[1 : text.rindex("]")] if "]" in text else ""
            deleted = path.startswith("-")
            if not path:
                deleted = True
                yield FormatError(
                    "bad_line", number, sentence("line {number} opens a key without closing its bracket", number=number)
                )
            elif not deleted:
                yield ExportedKey(path.rstrip("\\"), number)
            continue
        try:
            value = _value(number, line, numbered, ansi=version == VERSION_4)
        except FormatError as error:
            yield error
            continue
        if value and not deleted:
            yield value


def _value(number: int, line: str, rest: Iterator[tuple[int, str]], ansi: bool) -> ExportedValue | None:
    name = _NAME.match(line)
    if not name:
        raise FormatError("bad_line", number, sentence("line {number} is neither key nor value", number=number))
    content = line[name.end() :]
    title = _ESCAPE.sub(r"\1", name[1] or "")
    if content.startswith('"'):
        return ExportedValue(title, _REG_SZ, _string(number, content[1:], rest), number)
    if dword := _DWORD.match(content.strip()):
        return ExportedValue(title, _REG_DWORD, struct.pack("<I", int(dword[1], 16)), number)
    if head := _HEX.match(content):
        kind = int(head[1], 16) if head[1] else _REG_BINARY
        data = _hex(number, content[head.end() :], rest)
        if ansi and kind in _TEXT_TYPES:
            data = data.decode("cp1252", "replace").encode("utf-16-le")
        return ExportedValue(title, kind, data, number)
    if content.strip() == "-":
        return None
    raise FormatError("bad_line", number, sentence("line {number} holds a value of no known kind", number=number))


def _string(number: int, content: str, rest: Iterator[tuple[int, str]]) -> bytes:
    parts, size = [content], len(content)
    # A text may hold line breaks, which regedit writes as they are; each line is looked at once.
    while not _closes(parts[-1]):
        _, line = next(rest, (0, None))
        if line is None or size + len(line) > MAX_VALUE_SIZE // 2:
            raise FormatError(
                "bad_line", number, sentence("the text that begins in line {number} does not end", number=number)
            )
        parts.append(line)
        size += len(line)
    ended = _STRING.match("".join(parts))
    if not ended:
        raise FormatError(
            "bad_line", number, sentence("the text that begins in line {number} is followed by more", number=number)
        )
    return (_ESCAPE.sub(r"\1", ended[1]) + "\0").encode("utf-16-le", "surrogatepass")


def _closes(line: str) -> bool:
    """Tell whether a line of a text holds a quotation mark that no backslash guards."""
    return '"' in re.sub(r"\\.", "", line)


def _hex(number: int, content: str, rest: Iterator[tuple[int, str]]) -> bytes:
    data = bytearray()
    while True:
        content = content.split(";")[0].strip()
        more = content.endswith("\\")
        try:
            data += bytes.fromhex(content.rstrip("\\").replace(",", " "))
        except ValueError as error:
            raise FormatError(
                "bad_line", number, sentence("the bytes that begin in line {number} are not hexadecimal", number=number)
            ) from error
        if len(data) > MAX_VALUE_SIZE:
            raise FormatError(
                "too_large",
                number,
                sentence(
                    "the value in line {number} exceeds {max_value_size} bytes",
                    number=number,
                    max_value_size=MAX_VALUE_SIZE,
                ),
            )
        if not more:
            return bytes(data)
        _, content = next(rest, (0, ""))
