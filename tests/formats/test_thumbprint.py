"""Hashes as people paste them."""

from __future__ import annotations

import pytest

from forensics.formats.thumbprint import thumbprint_of_text

HASH = "A909502DD82AE41433E6F83886B00D4277A32A7B"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HASH, None),
        (HASH.lower(), None),
        ("a9 09 50 2d d8 2a e4 14 33 e6 f8 38 86 b0 0d 42 77 a3 2a 7b", None),
        ("\u200ea909502dd82ae41433e6f83886b00d4277a32a7b", "invisible characters were pasted into the hash: U+200E"),
        (f"\u200e{HASH}\ufeff", "invisible characters were pasted into the hash: U+200E, U+FEFF"),
    ],
)
def test_hashes_are_read_whatever_was_pasted_along(text: str, fault: str | None) -> None:
    assert thumbprint_of_text(text) == (HASH, fault)


@pytest.mark.parametrize("text", ["", HASH[:-1], HASH + "0", HASH[:-1] + "G", "\uff11" * 40])
def test_what_is_no_hash_is_said(text: str) -> None:
    thumbprint, fault = thumbprint_of_text(text)
    assert thumbprint is None
    assert fault == f"no SHA-1 hash stands there but {text!r}"


def test_a_long_text_is_not_repeated_whole() -> None:
    assert thumbprint_of_text("x" * 100_000) == (None, f"no SHA-1 hash stands there but {'x' * 60!r}")
