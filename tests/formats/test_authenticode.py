"""Authenticode signatures of forged boot managers: what lief and osslsigncode say of them, we say too."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from pathlib import Path

import pytest

from forensics.formats.authenticode import PeSignature, parse_authenticode
from forensics.formats.errors import FormatError
from testdata.builder.pe import CHECKSUM_AT, PCA_2011, SECURITY_AT, UEFI_CA_2023, make_pe, sign_pe, signed_pe, signer
from tests.oracles import other_reader, tool
from tests.time_bound import within

CODE = b"boot manager" * 200


def table_of(data: bytes) -> tuple[int, int]:
    start, size = struct.unpack_from("<II", data, SECURITY_AT)
    return start, size


@pytest.mark.parametrize("authority", [PCA_2011, UEFI_CA_2023])
def test_who_signed(authority: str) -> None:
    thumbprint = signer(authority)[1].thumbprint
    assert parse_authenticode(signed_pe(authority, CODE)) == (
        PeSignature("Microsoft Windows", authority, "verified", thumbprint),
    )


def test_unsigned() -> None:
    assert parse_authenticode(make_pe(CODE)) == ()


def test_two_signatures_side_by_side() -> None:
    found = parse_authenticode(sign_pe(make_pe(CODE), (PCA_2011, UEFI_CA_2023)))
    assert [(s.issuer, s.check) for s in found] == [(PCA_2011, "verified"), (UEFI_CA_2023, "verified")]


@pytest.mark.parametrize("authority", [PCA_2011, UEFI_CA_2023])
def test_lief_reads_the_same(authority: str) -> None:
    lief = other_reader("lief", "lief")
    binary = lief.PE.parse(list(signed_pe(authority, CODE)))
    assert binary.verify_signature() == lief.PE.Signature.VERIFICATION_FLAGS.OK
    assert binary.signatures[0].signers[0].issuer == f"CN={authority}"


def test_lief_refuses_the_same() -> None:
    lief = other_reader("lief", "lief")
    data = bytearray(signed_pe(PCA_2011, CODE))
    data[0x210] ^= 1
    binary = lief.PE.parse(list(data))
    assert binary.verify_signature() != lief.PE.Signature.VERIFICATION_FLAGS.OK
    assert [s.check for s in parse_authenticode(bytes(data))] == ["mismatch"]


def test_osslsigncode_reads_the_same(tmp_path: Path) -> None:
    checker = tool("osslsigncode", "osslsigncode")
    file, root = tmp_path / "bootmgfw.efi", tmp_path / "ca.pem"
    file.write_bytes(signed_pe(UEFI_CA_2023, CODE))
    from cryptography.hazmat.primitives.serialization import Encoding

    root.write_bytes(signer(UEFI_CA_2023)[1].x509.public_bytes(Encoding.PEM))
    said = subprocess.run([checker, "verify", "-CAfile", root, file], capture_output=True, text=True).stdout
    digests = re.findall(r"(?m)^(?:Current|Calculated) message digest +: (\w+)", said)
    assert len(digests) == 2
    assert digests[0] == digests[1]
    assert f"Issuer : /CN={UEFI_CA_2023}" in said


def test_the_checksum_is_not_signed() -> None:
    data = bytearray(signed_pe(PCA_2011, CODE))
    data[CHECKSUM_AT : CHECKSUM_AT + 4] = b"\x12\x34\x56\x78"
    assert [s.check for s in parse_authenticode(bytes(data))] == ["verified"]


def test_what_is_appended_is() -> None:
    data = signed_pe(PCA_2011, CODE) + b"more"
    assert [s.check for s in parse_authenticode(data)] == ["mismatch"]


def test_signature_by_another_key_than_the_certificates() -> None:
    data = bytearray(signed_pe(PCA_2011, CODE))
    start, size = table_of(bytes(data))
    # The last 256 bytes before the padding are the signature's value.
    end = len(bytes(data[start : start + size]).rstrip(b"\0"))
    data[start + end - 100] ^= 0x55
    (found,) = parse_authenticode(bytes(data))
    assert (found.issuer, found.check) == (PCA_2011, "mismatch")


def test_an_authority_by_name_only_has_no_thumbprint() -> None:
    """Its certificate is that of the other authority, by the same key under another name."""
    data = signed_pe(PCA_2011, CODE)
    other = PCA_2011.replace("2011", "2010").encode()
    issuer = signer(PCA_2011)[1].der
    assert data.count(issuer) == 1
    (found,) = parse_authenticode(data.replace(issuer, issuer.replace(PCA_2011.encode(), other)))
    assert (found.issuer, found.check, found.issuer_thumbprint) == (PCA_2011, "verified", None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "bad_pe"),
        (b"MZ", "bad_pe"),
        (b"MZ" + bytes(58) + b"\xff\xff\xff\x7f", "bad_pe"),
        (bytes(4096), "bad_pe"),
        (make_pe()[:300], "bad_pe"),
    ],
)
def test_no_pe(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_authenticode(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("start", "size"), [(0x400, 0xFFFFFFFF), (0xFFFFFFFF, 8), (0, 16), (0x400, 2 << 20), (SECURITY_AT, 64)]
)
def test_certificate_table_that_lies(start: int, size: int) -> None:
    data = bytearray(signed_pe(PCA_2011, CODE))
    struct.pack_into("<II", data, SECURITY_AT, start, size)
    with pytest.raises(FormatError) as caught:
        parse_authenticode(bytes(data))
    assert caught.value.kind == "bad_length"


@pytest.mark.parametrize("start", [SECURITY_AT - 1, SECURITY_AT, SECURITY_AT + 1, SECURITY_AT + 7])
def test_a_certificate_table_over_the_headers_is_refused_where_it_is_named(start: int) -> None:
    """The bytes from its own entry on would be left out of the digest twice, and those before it not at all."""
    data = bytearray(signed_pe(PCA_2011, CODE))
    struct.pack_into("<II", data, SECURITY_AT, start, 64)
    with pytest.raises(FormatError) as caught:
        parse_authenticode(bytes(data))
    assert (caught.value.kind, caught.value.offset) == ("bad_length", SECURITY_AT)
    assert caught.value.message == f"a certificate table of 64 bytes at byte {start}"


def test_a_certificate_table_may_begin_right_behind_its_entry() -> None:
    """Then what stands there is judged: the next entry of the directory, which says that there is no such table."""
    data = bytearray(signed_pe(PCA_2011, CODE))
    struct.pack_into("<II", data, SECURITY_AT, SECURITY_AT + 8, 8)
    with pytest.raises(FormatError) as caught:
        parse_authenticode(bytes(data))
    assert (caught.value.offset, caught.value.message) == (SECURITY_AT + 8, "a signature of 0 bytes")


def test_a_certificate_table_may_have_a_mebibyte_and_end_with_the_file() -> None:
    signed = signed_pe(PCA_2011, CODE)
    start, size = table_of(signed)
    largest = bytearray(signed.ljust(start + (1 << 20), b"\0"))
    struct.pack_into("<I", largest, SECURITY_AT + 4, 1 << 20)
    # After the signature comes a length of zero.
    with pytest.raises(FormatError) as caught:
        parse_authenticode(bytes(largest))
    assert (caught.value.offset, caught.value.message) == (start + size, "a signature of 0 bytes")
    for beyond, data in ((1, largest + b"\0"), (1, largest), (0, largest[:-1])):
        struct.pack_into("<I", data, SECURITY_AT + 4, (1 << 20) + beyond)
        with pytest.raises(FormatError) as caught:
            parse_authenticode(bytes(data))
        assert (caught.value.kind, caught.value.offset) == ("bad_length", SECURITY_AT)


def test_signature_cut_off() -> None:
    data = signed_pe(PCA_2011, CODE)
    start, size = table_of(data)
    short = bytearray(data[: start + 512])
    struct.pack_into("<II", short, SECURITY_AT, start, 512)
    with pytest.raises(FormatError, match="a signature of"):
        parse_authenticode(bytes(short))
    struct.pack_into("<I", short, start, 512)
    with pytest.raises(FormatError, match="damaged"):
        parse_authenticode(bytes(short))
    assert size > 512


def test_deep_nesting_is_refused() -> None:
    body = make_pe(CODE)
    deep = b"\x30\x80" * 60_000
    table = struct.pack("<IHH", 8 + len(deep), 0x0200, 2) + deep
    data = bytearray(body + table)
    struct.pack_into("<II", data, SECURITY_AT, len(body), len(table))
    with within(0.5), pytest.raises(FormatError):
        parse_authenticode(bytes(data))


def test_any_damage_is_answered_and_soon() -> None:
    sound = signed_pe(PCA_2011, CODE)
    start, size = table_of(sound)
    chance = random.Random(19102026)
    answers: dict[str, int] = {}
    with within(3):
        for _ in range(400):
            data = bytearray(sound)
            for _ in range(chance.randrange(1, 6)):
                at = chance.choice([chance.randrange(512), start + chance.randrange(size)])
                data[at] = chance.randrange(256)
            try:
                found = parse_authenticode(bytes(data))
                answer: str = found[0].check if found else "unsigned"
            except FormatError as error:
                answer = error.kind
            answers[answer] = answers.get(answer, 0) + 1
    assert answers["mismatch"] > 50
    assert answers["bad_signature"] > 50


def test_a_file_signed_nine_times_is_refused() -> None:
    assert len(parse_authenticode(sign_pe(make_pe(CODE), (PCA_2011,) * 8))) == 8
    with pytest.raises(FormatError, match="not signed more than 8 times") as caught:
        parse_authenticode(sign_pe(make_pe(CODE), (PCA_2011,) * 9))
    assert caught.value.kind == "too_many"
