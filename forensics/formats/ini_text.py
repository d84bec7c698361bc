"""INI texts of unknown encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode_text(data: bytes) -> str:
    """Decode by byte order mark, else as UTF-8; bytes that do not fit are replaced."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, "replace")


def ini_sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each section with its values, names in lower case; the first of equal names counts."""
    section, values = "", dict[str, str]()
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            yield section, values
            section, values = stripped[1:-1], {}
        elif "=" in stripped:
            name, _, value = stripped.partition("=")
            values.setdefault(name.strip().lower(), value.strip())
    yield section, values
