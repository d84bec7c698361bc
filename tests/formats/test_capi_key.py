"""CAPI key containers: both slots, empty ones, and damage in the frame and in one section."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.capi_key import CapiKeyFile, parse_capi_key_file
from forensics.formats.errors import FormatError
from forensics.formats.public_key import RsaPublicKey
from testdata.builder import capi, dpapi
from testdata.builder.keys import rsa_key

MASTER_KEY = dpapi.make_master_key("capi parser", "S-1-5-18", bytes(20), rounds=1)
EXCHANGE, SIGNATURE = rsa_key("2048-01"), rsa_key("2048-02")
BOTH = capi.make_capi_key(
    "both", "TSSecKeySet1", MASTER_KEY, exchange=capi.Slot(EXCHANGE), signature=capi.Slot(SIGNATURE)
)
NAME_SIZE = len("TSSecKeySet1") + 1


def public(name: str) -> RsaPublicKey:
    numbers = rsa_key(name).public_key().public_numbers()
    return RsaPublicKey(numbers.n, numbers.e)


def test_both_slots() -> None:
    file = parse_capi_key_file(BOTH)
    assert (file.container, file.container_bytes) == ("TSSecKeySet1", b"TSSecKeySet1")
    for slot, name in ((file.exchange, "2048-01"), (file.signature, "2048-02")):
        assert slot is not None
        assert slot.public == public(name)
        assert slot.private is not None
        assert slot.export_flag is not None
        assert slot.private.description == "CryptoAPI Private Key"
        assert slot.export_flag.description == "Export Flag"
        assert slot.private.master_key_guid == slot.export_flag.master_key_guid == MASTER_KEY.guid
        assert slot.public_error is slot.private_error is slot.export_error is None


def test_one_slot_and_none() -> None:
    only = parse_capi_key_file(capi.make_capi_key("one", "One", MASTER_KEY, signature=capi.Slot(SIGNATURE)))
    assert only.exchange is None
    assert only.signature is not None
    empty = capi.make_capi_key("none", "No key", MASTER_KEY)
    assert len(empty) == 40 + 7 + 20
    assert parse_capi_key_file(empty) == CapiKeyFile("No key", b"No key", None, None)


def test_a_name_outside_ascii_is_kept_as_bytes() -> None:
    data = capi.make_capi_key("x", "Schluessel", MASTER_KEY).replace(b"ue", b"\xfc\x81")
    file = parse_capi_key_file(data)
    assert file.container_bytes == b"Schl\xfc\x81ssel"
    assert file.container == "Schlü\ufffdssel"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (bytes(39), "bad_magic"),
        (BOTH[:39], "truncated"),
        (BOTH[:-1], "bad_length"),
        (BOTH + b"\0", "bad_length"),
        (BOTH[:8] + b"\xff\xff\xff\xff" + BOTH[12:], "bad_length"),
        (b"\1" + BOTH[1:], "bad_magic"),
        (BOTH[: 40 + NAME_SIZE - 1] + b"x" + BOTH[40 + NAME_SIZE :], "bad_text"),
        (BOTH[:42] + b"\0" + BOTH[43:], "bad_text"),
    ],
)
def test_damaged_frame(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_capi_key_file(data)
    assert caught.value.kind == kind


def test_damage_in_one_section_is_an_error_of_that_section() -> None:
    at = 40 + NAME_SIZE + 20
    damaged = bytearray(BOTH)
    damaged[at : at + 4] = b"XXXX"
    private_at = at + struct.unpack_from("<I", BOTH, 12)[0]
    damaged[private_at] = 9
    slot = parse_capi_key_file(bytes(damaged)).signature
    assert slot is not None
    assert (slot.public, slot.private) == (None, None)
    assert slot.public_error is not None
    assert (slot.public_error.kind, slot.public_error.offset) == ("unknown_magic", at)
    assert slot.private_error is not None
    assert (slot.private_error.kind, slot.private_error.offset) == ("bad_magic", private_at)
    assert slot.export_flag is not None
