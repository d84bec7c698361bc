"""Clear private keys: every form gives the numbers that the cryptography package has, and damage is noticed."""

from __future__ import annotations

import struct
from math import lcm

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa

from forensics.formats.errors import FormatError
from forensics.formats.private_key import (
    DsaPrivateKey,
    EcPrivateKey,
    RsaPrivateKey,
    SymmetricKey,
    UnmodelledKey,
    is_vbs_blob,
    parse_capi_private,
    parse_capi_rsa_private,
    parse_cng_private,
)
from forensics.formats.public_key import DsaPublicKey, EcPublicKey, RsaPublicKey
from testdata.builder import capi, cng
from testdata.builder.keys import ec_key, rsa_key

KEY = rsa_key("2048-01")
NUMBERS = KEY.private_numbers()
PUBLIC = RsaPublicKey(NUMBERS.public_numbers.n, NUMBERS.public_numbers.e)


def test_capi_rsa_numbers() -> None:
    key = parse_capi_rsa_private(capi.private_clear(KEY))
    d = pow(PUBLIC.e, -1, lcm(NUMBERS.p - 1, NUMBERS.q - 1))
    assert (key.n, key.e, key.p, key.q) == (PUBLIC.n, PUBLIC.e, NUMBERS.p, NUMBERS.q)
    assert (key.d, key.dp, key.dq, key.qi) == (d, NUMBERS.dmp1, NUMBERS.dmq1, NUMBERS.iqmp)
    assert key.public == PUBLIC
    assert key.is_consistent()


def test_capi_rsa_needs_none_of_its_filler() -> None:
    clear = capi.private_clear(KEY)
    assert len(clear) == 1348
    assert parse_capi_private(clear[:-140], PUBLIC).is_consistent()
    with pytest.raises(FormatError):
        parse_capi_private(clear[:-141], PUBLIC)


@pytest.mark.parametrize("offset", [20, 284, 416, 548, 680, 812, 944], ids=["n", "p", "q", "dp", "dq", "qi", "d"])
def test_a_flipped_bit_in_any_number_is_noticed(offset: int) -> None:
    clear = bytearray(capi.private_clear(KEY))
    clear[offset + 3] ^= 1
    assert not parse_capi_rsa_private(bytes(clear)).is_consistent()


def test_cng_rsa_short_and_full() -> None:
    short = parse_cng_private(cng.rsa_private_blob(KEY), "RSA")
    full = parse_cng_private(cng.rsa_full_blob(KEY), "RSA")
    assert isinstance(short, RsaPrivateKey)
    assert isinstance(full, RsaPrivateKey)
    assert (short.p, short.q, short.d, short.dp, short.dq, short.qi) == (NUMBERS.p, NUMBERS.q, None, None, None, None)
    assert (full.d, full.dp, full.dq, full.qi) == (NUMBERS.d, NUMBERS.dmp1, NUMBERS.dmq1, NUMBERS.iqmp)
    for key in (short, full):
        assert key.public == PUBLIC
        assert key.is_consistent()


def test_primes_of_one_are_no_key() -> None:
    assert not RsaPrivateKey(n=15, e=3, p=15, q=1).is_consistent()
    assert not RsaPrivateKey(n=0, e=3, p=0, q=5).is_consistent()


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
@pytest.mark.parametrize("algorithm", ["ECDSA", "ECDH"])
def test_cng_ec(curve: str, algorithm: str) -> None:
    key = ec_key(curve, "private key test")
    numbers = key.private_numbers()
    blob = cng.ec_blob(key, algorithm, private=True)
    parsed = parse_cng_private(blob, None)
    assert isinstance(parsed, EcPrivateKey)
    assert parsed.d == numbers.private_value
    assert parsed.public == EcPublicKey(curve, numbers.public_numbers.x, numbers.public_numbers.y)
    assert parsed.is_consistent()
    generic = parse_cng_private(b"ECDV" + blob[4:], f"{algorithm}_{curve.replace('-', '')}")
    assert generic == parsed
    damaged = parse_cng_private(blob[:-1] + bytes([blob[-1] ^ 1]), None)
    assert not damaged.is_consistent()


@pytest.mark.parametrize("d", [0, 2**256])
def test_a_private_value_outside_the_curve_is_inconsistent(d: int) -> None:
    assert not EcPrivateKey("P-256", 1, 1, d).is_consistent()


def test_symmetric() -> None:
    key = parse_cng_private(cng.symmetric_blob(bytes(range(32))), "AES")
    assert key == SymmetricKey(256)
    assert key.public is None
    assert key.is_consistent()


def test_dss_private_value() -> None:
    numbers = dsa.generate_private_key(1024).private_numbers()
    group = numbers.public_numbers.parameter_numbers
    public = DsaPublicKey(group.p, group.q, group.g, numbers.public_numbers.y)
    clear = numbers.x.to_bytes(20, "little")
    key = parse_capi_private(clear + b"\4\4\4\4", public)
    assert key == DsaPrivateKey(numbers.x, public)
    assert key.public == public
    assert key.is_consistent()
    assert not DsaPrivateKey(numbers.x ^ 1, public).is_consistent()
    assert not DsaPrivateKey(numbers.x).is_consistent()
    with pytest.raises(FormatError):
        parse_capi_private(clear[:19], public)


@pytest.mark.parametrize("blob", [b"RSA1" + bytes(100), b"ECS1" + bytes(100), bytes(100), b"KDBN" + bytes(100)])
def test_no_private_key_blob(blob: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_cng_private(blob, "RSA")
    assert caught.value.kind == "not_a_key_blob"


@pytest.mark.parametrize("magic", ["DSPV", "DHPV", "ECDV", "ECKV"])
def test_keys_that_are_named_but_not_modelled(magic: str) -> None:
    key = parse_cng_private(magic.encode() + bytes(100), "DH")
    assert key == UnmodelledKey(magic)
    assert key.public is None
    assert not is_vbs_blob(magic.encode() + bytes(100))


def test_the_two_rsa2_forms_do_not_pass_for_each_other() -> None:
    with pytest.raises(FormatError):
        parse_capi_rsa_private(cng.rsa_private_blob(KEY))
    with pytest.raises(FormatError):
        parse_cng_private(capi.private_clear(KEY), "RSA")


def test_vbs_shape() -> None:
    sealed = cng.vbs_clear("vbs test")
    assert is_vbs_blob(sealed)
    with pytest.raises(FormatError) as caught:
        parse_cng_private(sealed, "RSA")
    assert caught.value.kind == "not_a_key_blob"
    assert not is_vbs_blob(cng.rsa_private_blob(KEY))
    assert not is_vbs_blob(sealed[:40])
    assert not is_vbs_blob(struct.pack("<II", 1, 0xFFFFFFFF) + bytes(100))


def test_no_number_is_in_a_repr() -> None:
    for key in (parse_capi_rsa_private(capi.private_clear(KEY)), parse_cng_private(cng.rsa_full_blob(KEY))):
        assert repr(key) == "RsaPrivateKey()"
    assert repr(EcPrivateKey("P-256", 11, 22, 33)) == "EcPrivateKey(curve='P-256')"
    assert repr(DsaPrivateKey(12345)) == "DsaPrivateKey()"


@pytest.mark.parametrize(
    ("bits", "last", "slot", "is_key"),
    [
        (2048, 255, 256, True),
        (2048, 255, 264, True),
        (2048, 255, 320, True),
        (16, 1, 2, True),
        (16384, 2047, 2048, True),
        (2048, 255, 254, False),
        (2048, 255, 257, False),
        (2048, 255, 321, False),
        (2048, 255, 322, False),
        (2048, 256, 264, False),
        (2048, 254, 264, False),
        (2056, 256, 264, False),
        (0, 0xFFFFFFFF, 8, False),
        (16400, 2049, 2058, False),
    ],
)
def test_sizes_that_a_capi_key_may_have(bits: int, last: int, slot: int, is_key: bool) -> None:
    """Slots are what the modulus needs and some padding; p and q have half of it."""
    clear = struct.pack("<4s4I", b"RSA2", slot, bits, last, 65537) + b"\1" * (5 * slot)
    if is_key:
        key = parse_capi_rsa_private(clear)
        assert (key.n.bit_length(), key.p.bit_length(), key.e) == (bits - 7, bits // 2 - 7, 65537)
    else:
        with pytest.raises(FormatError) as caught:
            parse_capi_rsa_private(clear)
        assert (caught.value.kind, caught.value.offset) == ("bad_length", 4)


@pytest.mark.parametrize(
    ("sizes", "is_key"),
    [
        ((3, 256, 128, 128), True),
        ((1, 2048, 1, 2048), True),
        ((0, 256, 128, 128), False),
        ((3, 0, 128, 128), False),
        ((3, 256, 0, 128), False),
        ((3, 256, 128, 0), False),
        ((3, 2049, 128, 128), False),
        ((2049, 256, 128, 128), False),
    ],
)
def test_sizes_that_a_cng_key_may_have(sizes: tuple[int, int, int, int], is_key: bool) -> None:
    blob = b"RSA2" + struct.pack("<5I", 2048, *sizes) + b"".join(bytes([n]) * size for n, size in enumerate(sizes, 1))
    if is_key:
        key = parse_cng_private(blob)
        assert isinstance(key, RsaPrivateKey)
        numbers = [int.from_bytes(bytes([n]) * size, "big") for n, size in enumerate(sizes, 1)]
        assert [key.e, key.n, key.p, key.q] == numbers
    else:
        with pytest.raises(FormatError) as caught:
            parse_cng_private(blob)
        assert (caught.value.kind, caught.value.offset) == ("bad_length", 8)


@pytest.mark.parametrize(
    ("version", "size", "bits"), [(1, 1, 8), (1, 4096, 32768), (1, 4097, None), (1, 0, None), (2, 16, None)]
)
def test_sizes_that_a_symmetric_key_may_have(version: int, size: int, bits: int | None) -> None:
    blob = struct.pack("<4sII", b"KDBM", version, size) + bytes(size)
    if bits is not None:
        assert parse_cng_private(blob) == SymmetricKey(bits)
    else:
        with pytest.raises(FormatError) as caught:
            parse_cng_private(blob)
        assert (caught.value.kind, caught.value.offset) == ("bad_length", 4)


@pytest.mark.parametrize(
    ("size", "more", "is_vbs"), [(52, 0, True), (51, 1, False), (53, 0, False), (53, 1, True), (60, 8, True)]
)
def test_the_size_word_of_a_sealed_key_fits_it(size: int, more: int, is_vbs: bool) -> None:
    """Format notes, section 2: a number, then an LSAISO blob of at least 52 bytes whose first number is its size."""
    assert is_vbs_blob(struct.pack("<II", 1, size) + bytes(48 + more)) is is_vbs
    assert not is_vbs_blob(b"RSA2" + struct.pack("<I", size) + bytes(48 + more))
