"""CNG key files: the real one, forged ones of every kind, and damage."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.formats.cng_key import (
    CngPolicy,
    CngProperty,
    parse_cng_key_file,
    parse_cng_private_properties,
    parse_cng_properties,
)
from forensics.formats.errors import FormatError
from forensics.formats.public_key import EcPublicKey, RsaPublicKey
from testdata.builder import cng, dpapi
from testdata.builder.keys import ec_key, rsa_key

MASTER_KEY = dpapi.make_master_key("cng parser", "S-1-5-18", bytes(20), rounds=1)
RSA = cng.make_cng_key("rsa", "tp-Test", MASTER_KEY, cng.CngKey.rsa(rsa_key("2048-01")))
PROPERTIES_AT = 44 + 2 * len("tp-Test")


def test_the_real_file(realdata: Path) -> None:
    folder = realdata / "cng-chain"
    truth = json.loads((folder / "truth.json").read_text())["cng_key"]
    file = parse_cng_key_file((folder / truth["file"]).read_bytes())
    assert file.container == "Google Chromekey1"
    assert (file.algorithm, file.type_class, file.type_index) == ("AES", 1, 2)
    assert [(p.name, p.id, len(p.value)) for p in file.public_properties] == [
        (p["name"], p["type"], p["length"]) for p in truth["public_properties"]
    ]
    # 134049545282293571 ticks; a datetime holds microseconds.
    assert file.modified == datetime(2025, 10, 14, 22, 28, 48, 229357, tzinfo=UTC)
    assert file.creator_process == truth["public_properties"][1]["text"]
    assert file.public_key is None
    for blob, expected in zip((file.private_properties, file.private_key), truth["blobs"], strict=True):
        assert blob is not None
        assert (blob.master_key_guid, blob.description) == (expected["master_key_guid"], expected["description"])
        assert (blob.flags, blob.hash_algorithm, blob.cipher_algorithm) == (0, 0x800E, 0x6610)
        assert len(blob.raw) == expected["length"]
    assert file.public_properties_error is file.private_properties_error is file.private_key_error is None


def test_rsa() -> None:
    file = parse_cng_key_file(RSA)
    numbers = rsa_key("2048-01").public_key().public_numbers()
    assert (file.container, file.algorithm) == ("tp-Test", "RSA")
    assert file.public_key == RsaPublicKey(numbers.n, numbers.e)
    assert file.modified == datetime(2024, 3, 4, 9, 15, tzinfo=UTC)
    assert file.creator_process is None


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
@pytest.mark.parametrize("algorithm", ["ECDSA", "ECDH"])
def test_ec(curve: str, algorithm: str) -> None:
    key = ec_key(curve, "cng parser")
    numbers = key.public_key().public_numbers()
    file = parse_cng_key_file(cng.make_cng_key("ec", "Key", MASTER_KEY, cng.CngKey.ec(key, algorithm)))
    assert file.algorithm == f"{algorithm}_{curve.replace('-', '')}"
    assert file.public_key == EcPublicKey(curve, numbers.x, numbers.y)


@pytest.mark.parametrize(
    ("index", "type_class", "name"),
    [(8, 1, "XTS-AES"), (11, 3, "ECDSA"), (17, 3, "UNKNOWN_3_17"), (0, 0, "UNKNOWN_0_0")],
)
def test_type_words(index: int, type_class: int, name: str) -> None:
    file = parse_cng_key_file(RSA[:12] + struct.pack("<HH", index, type_class) + RSA[16:])
    assert (file.algorithm, file.type_class, file.type_index) == (name, type_class, index)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (RSA[:43], "truncated"),
        (RSA[:-1], "bad_length"),
        (RSA + b"\0", "bad_length"),
        (b"\2" + RSA[1:], "bad_magic"),
        (RSA[:24] + b"\xff\xff\xff\xff" + RSA[28:], "bad_length"),
        (RSA[:44] + b"\x00\xd8" + RSA[46:], "bad_text"),
    ],
)
def test_damaged_frame(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_cng_key_file(data)
    assert caught.value.kind == kind


def test_a_broken_public_property_list_leaves_the_rest() -> None:
    file = parse_cng_key_file(RSA[:PROPERTIES_AT] + b"\xff\xff\xff\xff" + RSA[PROPERTIES_AT + 4 :])
    assert file.public_properties_error is not None
    assert (file.public_properties_error.kind, file.public_properties_error.offset) == ("bad_length", PROPERTIES_AT)
    assert (file.public_key, file.modified) == (None, None)
    assert file.private_key is not None
    assert file.private_properties is not None


def test_a_broken_public_key_among_sound_properties_is_an_error() -> None:
    at = RSA.index(b"RSA1")
    file = parse_cng_key_file(RSA[: at + 12] + b"\xff\xff\xff\xff" + RSA[at + 16 :])
    assert file.public_key is None
    assert file.public_properties_error is not None
    assert file.public_properties_error.kind == "bad_length"
    assert file.modified is not None


def test_broken_blobs_are_errors_of_their_own() -> None:
    at = RSA.index(b"\1\0\0\0" + dpapi.PROVIDER)
    file = parse_cng_key_file(RSA[:at] + b"\7" + RSA[at + 1 :])
    assert file.private_properties is None
    assert file.private_properties_error is not None
    assert (file.private_properties_error.kind, file.private_properties_error.offset) == ("bad_magic", at)
    assert file.private_key is not None


def test_policy() -> None:
    listed = cng.property_list(
        [
            cng.Property(3, "Export Policy", struct.pack("<I", 3)),
            cng.Property(7, "", struct.pack("<I", 2048)),
            cng.Property(0, "Virtual Iso", struct.pack("<I", 1)),
            cng.Property(0, "Per Boot Key", struct.pack("<I", 1)),
            cng.Property(0, "NgcSoftwareKeyPbkdf2Round", struct.pack("<I", 10000)),
            cng.ui_policy("Key"),
        ]
    )
    expected = CngPolicy(export_policy=3, bits=2048, is_vbs=True, per_boot=True, has_ui_policy=True, has_pin=True)
    assert parse_cng_private_properties(parse_cng_properties(listed)) == expected
    assert parse_cng_private_properties(()) == CngPolicy()
    false = CngProperty(0, "Virtual Iso", bytes(4))
    assert parse_cng_private_properties((false, CngProperty(3, "Export Policy", b"\1"))) == CngPolicy()


def test_property_lists_are_bounded() -> None:
    with pytest.raises(FormatError) as caught:
        parse_cng_properties(cng.property_list([cng.Property(0, "", b"")] * 257))
    assert caught.value.kind == "too_many"
