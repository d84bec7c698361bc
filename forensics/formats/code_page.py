"""ANSI code pages of Windows: the 8-bit spelling of a name, as CryptoAPI hashes and stores it.

References:
    https://learn.microsoft.com/windows/win32/intl/code-page-identifiers
"""

from __future__ import annotations

_CODECS = {
    874: "cp874",
    932: "cp932",
    936: "gbk",
    949: "cp949",
    950: "cp950",
    **{number: f"cp{number}" for number in range(1250, 1259)},
    54936: "gb18030",
    65001: "utf-8",
}
WESTERN = 1252
ANSI_CODE_PAGES = tuple(_CODECS)
"""Code pages that Windows may have as its ANSI one."""


def encode_ansi(text: str, code_page: int) -> bytes | None:
    """Return a text in a code page; None where it cannot be written in it exactly, or the code page is not known."""
    codec = _CODECS.get(code_page)
    try:
        return text.encode(codec) if codec else None
    except UnicodeEncodeError:
        return None


def decode_ansi(data: bytes, code_page: int | None) -> str:
    """Return a text of a code page, the Western one where it is not known; what it does not have is U+FFFD."""
    return data.decode(_CODECS.get(code_page or WESTERN, _CODECS[WESTERN]), "replace")


def spellings(text: str, code_page: int | None) -> frozenset[bytes]:
    """Return the 8-bit forms of a text: in one code page, or where it is not known in each that has all of it."""
    pages = ANSI_CODE_PAGES if code_page is None else (code_page,)
    return frozenset(raw for page in pages if (raw := encode_ansi(text, page)) is not None)
