"""DPAPI blobs: the fields of a real one, and every length that can lie."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.errors import FormatError
from testdata.builder import dpapi
from tests.each import each

MASTER_KEY = dpapi.make_master_key("blob parser", "S-1-5-18", bytes(20), rounds=1)
BLOB = dpapi.make_blob("blob parser", MASTER_KEY, b"clear text", flags=4, description="Clé privée")


def test_fields() -> None:
    blob = parse_dpapi_blob(BLOB)
    assert blob.master_key_guid == MASTER_KEY.guid
    assert (blob.flags, blob.description) == (4, "Clé privée")
    assert (blob.cipher_algorithm, blob.key_bits, blob.hash_algorithm, blob.hash_bits) == (0x6610, 256, 0x800E, 512)
    assert [len(part) for part in (blob.salt, blob.strong, blob.hmac_nonce, blob.data, blob.sign)] == [
        32,
        0,
        32,
        16,
        64,
    ]
    assert blob.signed_range == BLOB[20:-68]
    assert blob.raw == BLOB


def test_bytes_after_the_signature_do_not_matter() -> None:
    assert parse_dpapi_blob(BLOB + b"rest") == parse_dpapi_blob(BLOB)


def test_a_damaged_description_is_no_structural_error() -> None:
    damaged = bytearray(BLOB)
    damaged[48:50] = b"\x00\xd8"
    assert parse_dpapi_blob(bytes(damaged)).description == "\ufffdlé privée"


@each("size", range(len(BLOB)))
def test_every_truncation_is_a_format_error(size: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse_dpapi_blob(BLOB[:size])
    assert caught.value.kind == "truncated"


AFTER_DESCRIPTION = 48 + 2 * len("Clé privée") + 2


@pytest.mark.parametrize(
    ("offset", "value", "kind"),
    [
        (0, 2, "bad_magic"),
        (4, 0, "bad_magic"),
        (44, 0xFFFFFFFF, "truncated"),
        (AFTER_DESCRIPTION, 0x6612, "unknown_algorithm"),
        (AFTER_DESCRIPTION + 8, 0x7FFFFFFF, "truncated"),
        (AFTER_DESCRIPTION + 48, 0x8001, "unknown_algorithm"),
        (AFTER_DESCRIPTION + 52, 256, "bad_length"),
    ],
)
def test_fields_that_lie(offset: int, value: int, kind: str) -> None:
    damaged = bytearray(BLOB)
    struct.pack_into("<I", damaged, offset, value)
    with pytest.raises(FormatError) as caught:
        parse_dpapi_blob(bytes(damaged))
    assert caught.value.kind == kind


def test_data_must_be_whole_blocks() -> None:
    at = len(BLOB) - 68 - 16 - 4
    damaged = BLOB[:at] + struct.pack("<I", 15) + BLOB[at + 5 :]
    with pytest.raises(FormatError) as caught:
        parse_dpapi_blob(damaged)
    assert (caught.value.kind, caught.value.offset) == ("bad_length", at)
