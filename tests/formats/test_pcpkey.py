"""Keys wrapped by a TPM: laid out after two public parsers, since no real file was at hand."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.pcpkey import PcpBlob, parse_pcp_blob, parse_pcpkey
from forensics.formats.public_key import EcPublicKey, RsaPublicKey
from testdata.builder import dpapi, pcpkey
from testdata.builder.keys import ec_key, rsa_key

MASTER_KEY = dpapi.make_master_key("pcp parser", "S-1-5-18", bytes(20), rounds=1)
RSA, EC = rsa_key("2048-01"), ec_key("P-384", "pcp parser")
RSA_NUMBERS, EC_NUMBERS = RSA.public_key().public_numbers(), EC.public_key().public_numbers()
RSA_PUBLIC = RsaPublicKey(RSA_NUMBERS.n, RSA_NUMBERS.e)
EC_PUBLIC = EcPublicKey("P-384", EC_NUMBERS.x, EC_NUMBERS.y)
CLEAR = pcpkey.make_pcpkey("clear", "te-WebServer-1", "RSA", pcpkey.pcp_blob("clear", RSA))

BLOB_AT = 4 + (8 + 2 * len("te-WebServer-1\0")) + (8 + 2 * len("RSA\0")) + 8
"""Behind the mark, two texts and the head of the third tag."""
HEADER = b"PCPM" + struct.pack("<I", 54)


def test_clear_file() -> None:
    file = parse_pcpkey(CLEAR)
    assert (file.container, file.key_type, file.other_tags) == ("te-WebServer-1", "RSA", ())
    assert file.blob == PcpBlob(
        2,
        0,
        auth_required=False,
        public=RSA_PUBLIC,
        has_pcr_binding=False,
        parts=(("public", 280), ("private", 192)),
        pcr_algorithm=0x000B,
    )
    assert file.trailing == 0
    assert file.sealed_blob is None


def test_sealed_file() -> None:
    blob = pcpkey.pcp_blob("sealed", EC)
    file = parse_pcpkey(pcpkey.make_pcpkey("sealed", "Key", "ECDSA_P384", blob, master_key=MASTER_KEY))
    assert file.blob is None
    assert file.sealed_blob is not None
    assert file.sealed_blob.master_key_guid == MASTER_KEY.guid


@pytest.mark.parametrize("header", [52, 54, 56])
def test_the_header_is_as_long_as_it_says(header: int) -> None:
    blob = pcpkey.pcp_blob("header", EC, header=header, auth_required=True, pcr_bound=True)
    assert parse_pcp_blob(blob) == PcpBlob(
        2,
        1,
        auth_required=True,
        public=EC_PUBLIC,
        has_pcr_binding=True,
        parts=(("public", 120), ("private", 192), ("pcr_binding", 3), ("pcr_digest", 32)),
        pcr_binding=b"\x80\x00\x00",
        pcr_algorithm=None if header == 52 else 0x000B,
    )


def test_all_nine_parts_are_told_and_what_follows_them() -> None:
    public = pcpkey.tpm2b_public(RSA)
    parts = [public, *(bytes([n]) * n for n in range(1, 9))]
    blob = b"PCPM" + struct.pack("<III9I", 60, 2, 0, *map(len, parts)) + struct.pack("<H", 0x000C)
    parsed = parse_pcp_blob(blob.ljust(60, b"\0") + b"".join(parts) + b"rest")
    assert parsed.parts == (
        ("public", 280),
        ("private", 1),
        ("migration_public", 2),
        ("migration_private", 3),
        ("policy_digests", 4),
        ("pcr_binding", 5),
        ("pcr_digest", 6),
        ("encrypted_secret", 7),
        ("tpm12_hostage", 8),
    )
    assert (parsed.public, parsed.pcr_algorithm, parsed.trailing) == (RSA_PUBLIC, 0x000C, 4)


def test_bytes_behind_the_closing_mark_are_counted() -> None:
    assert parse_pcpkey(CLEAR + b"\0\0\0").trailing == 3


def test_tpm_1_2_has_no_public_half_that_we_read() -> None:
    blob = struct.pack("<4sIIII", b"PCPM", 20, 1, 1, 0) + bytes(64)
    assert parse_pcp_blob(blob) == PcpBlob(1, 1, auth_required=True, public=None, has_pcr_binding=False)


def test_unknown_tags_are_kept_by_number() -> None:
    extra = struct.pack("<II", 0x02000009, 3) + b"abc"
    assert parse_pcpkey(CLEAR[:4] + extra + CLEAR[4:]).other_tags == (0x02000009,)


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        (b"", "empty", 0),
        (b"PKSQ" + CLEAR[4:], "bad_magic", 0),
        (CLEAR[:-4], "truncated", len(CLEAR) - 4),
        (CLEAR[:-8] + b"PKSP", "truncated", len(CLEAR) - 4),
        (CLEAR.replace(b"PCPM", b"PCPX"), "bad_magic", BLOB_AT),
        (b"PKSP" + struct.pack("<II", 9, 0) * 64 + b"PKSP", "too_many", 4 + 64 * 8),
        (CLEAR.replace(HEADER, b"PCPM" + struct.pack("<I", 40000)), "bad_length", BLOB_AT + 4),
        (CLEAR.replace(HEADER, b"PCPM" + struct.pack("<I", 51)), "bad_length", BLOB_AT + 4),
        (CLEAR.replace(HEADER, b"PCPM" + struct.pack("<I", 15)), "bad_length", BLOB_AT + 4),
        (CLEAR.replace(struct.pack("<I", 192), struct.pack("<I", 0xFFFFFFF0)), "truncated", BLOB_AT + 54),
        (CLEAR.replace(struct.pack("<I", 192), struct.pack("<I", 193)), "truncated", BLOB_AT + 54),
    ],
)
def test_damage(data: bytes, kind: str, offset: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse_pcpkey(data)
    assert (caught.value.kind, caught.value.offset) == (kind, offset)


def test_damage_in_the_public_half() -> None:
    with pytest.raises(FormatError) as caught:
        parse_pcpkey(CLEAR.replace(struct.pack("<I", 280), struct.pack("<I", 279)))
    assert caught.value.kind == "bad_length"


def test_sixty_three_tags_and_a_closing_mark() -> None:
    file = parse_pcpkey(b"PKSP" + struct.pack("<II", 9, 0) * 63 + b"PKSP")
    assert (file.container, file.key_type, file.blob, file.other_tags) == (None, None, None, (9,) * 63)


@pytest.mark.parametrize(("kind", "flags", "auth"), [(1, 0, False), (1, 3, True), (3, 2, False)])
def test_the_shortest_header_there_can_be(kind: int, flags: int, auth: bool) -> None:
    blob = struct.pack("<4sIII", b"PCPM", 16, kind, flags)
    assert parse_pcp_blob(blob) == PcpBlob(kind, flags, auth_required=auth, public=None, has_pcr_binding=False)
