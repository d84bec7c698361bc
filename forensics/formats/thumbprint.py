"""Certificate hashes as people and services write them into the registry."""

from __future__ import annotations

import re
import unicodedata

from forensics.language import sentence

SHA1_SIZE = 20
SHA256_SIZE = 32

_SHA1 = re.compile(r"[0-9a-f]{40}", re.IGNORECASE | re.ASCII)
_SHOWN = 60
"""Display: characters of what stands where a hash should."""
_LONGEST = 1_000
"""Format: characters of a text that can be a hash with what was pasted along; the row says that a longer one is none.
"""


def thumbprint_of_text(text: str) -> tuple[str | None, str | None]:
    """Read a SHA-1 in hex, whatever its case and the spaces or invisible characters that were pasted along.

    Returns:
        Thumbprint in upper hex, or None; and what is wrong with the text, or None. Case and spaces are no fault.
    """
    if len(text) > _LONGEST:
        return None, sentence("no SHA-1 hash stands there but {text!r}", text=text[:_SHOWN])
    invisible = sorted({f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cf", "Cc")})
    bare = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") and not c.isspace())
    if not _SHA1.fullmatch(bare):
        return None, sentence("no SHA-1 hash stands there but {text!r}", text=text[:_SHOWN])
    fault = (
        sentence("invisible characters were pasted into the hash: {names}", names=", ".join(invisible[:5]))
        if invisible
        else None
    )
    return bare.upper(), fault
