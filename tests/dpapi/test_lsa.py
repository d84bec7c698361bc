"""DPAPI_SYSTEM: the real Windows 8.1 hives, forged stores of Vista and of XP, and wrong boot keys."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from Crypto.Cipher import ARC4, DES
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.dpapi.lsa import DpapiSystem, unlock_dpapi_system
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.formats.lsa import LsaMaterial, boot_key
from testdata.builder import dpapi as forge
from testdata.builder import lsa
from tests import student_pc8
from tests.oracles import other_reader

NAMES = ("JD", "Skew1", "GBG", "Data")


@pytest.fixture(scope="module")
def material(realdata: Path) -> LsaMaterial:
    system, security = (student_pc8.hive(realdata, name) for name in ("SYSTEM", "SECURITY"))

    def value(path: str) -> bytes:
        return bytes(security.open(f"Policy\\{path}").value("(Default)").value)

    jd, skew1, gbg, data = (system.open(f"ControlSet001\\Control\\Lsa\\{name}").class_name for name in NAMES)
    return LsaMaterial(
        boot_key_classes=(jd, skew1, gbg, data),
        pol_ek_list=value("PolEKList"),
        current=value("Secrets\\DPAPI_SYSTEM\\CurrVal"),
        previous=value("Secrets\\DPAPI_SYSTEM\\OldVal"),
        current_time=filetime(struct.unpack("<Q", value("Secrets\\DPAPI_SYSTEM\\CupdTime"))[0]),
        previous_time=filetime(struct.unpack("<Q", value("Secrets\\DPAPI_SYSTEM\\OupdTime"))[0]),
    )


def test_the_real_boot_key(material: LsaMaterial, realdata: Path) -> None:
    assert material.boot_key_classes is not None
    digest = hashlib.sha256(boot_key(material.boot_key_classes)).hexdigest()
    assert digest == student_pc8.truth(realdata)["machine"]["bootkey_sha256"]


def test_both_real_generations(material: LsaMaterial, realdata: Path) -> None:
    told = student_pc8.truth(realdata)["dpapi_system"]
    system = unlock_dpapi_system(material)
    assert (system.problems, system.reason) == ([], None)
    for secret, expected in ((system.current, told["current"]), (system.previous, told["old"])):
        assert secret is not None
        assert secret.fingerprint == expected["sha256_of_40_bytes"]
        assert secret.machine_fingerprint == expected["sha256_of_machine_half"]
        assert secret.user_fingerprint == expected["sha256_of_user_half"]
        assert repr(secret) == "SystemSecret()"
    assert material.current_time is not None
    assert material.previous_time is not None
    assert material.current_time.replace(microsecond=0) == datetime(2015, 11, 23, 2, 23, 30, tzinfo=UTC)
    assert material.previous_time.replace(microsecond=0) == datetime(2014, 3, 18, 9, 54, 5, tzinfo=UTC)


@settings(max_examples=40, deadline=None)
@given(key=st.binary(min_size=16, max_size=16))
def test_wrong_boot_keys_are_rejected(material: LsaMaterial, key: bytes) -> None:
    a, b, c, d = (key[i : i + 4].hex() for i in range(0, 16, 4))
    wrong = replace(material, boot_key_classes=(a, b, c, d))
    system = unlock_dpapi_system(wrong)
    assert (system.current, system.previous) == (None, None)
    assert [p.kind for p in system.problems] == ["wrong_boot_key"]


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (3, 2, 1, 0)])
def test_swapped_classes_are_a_wrong_boot_key(material: LsaMaterial, order: tuple[int, int, int, int]) -> None:
    assert material.boot_key_classes is not None
    a, b, c, d = (material.boot_key_classes[i] for i in order)
    assert unlock_dpapi_system(replace(material, boot_key_classes=(a, b, c, d))).current is None


@pytest.mark.parametrize("text", ["", "1234567", "123456789", "1234567g", "１2345678", " 1234567"])
def test_class_names_that_are_no_hex(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        boot_key(("00000000", text, "00000000", "00000000"))
    assert caught.value.kind == "bad_text"
    assert not text or text not in str(caught.value)


def vista(*, older_keys: int = 0) -> tuple[LsaMaterial, forge.DpapiSystem]:
    store, secret = lsa.LsaStore.seeded("lsa tests"), forge.DpapiSystem.seeded("lsa tests")
    classes = lsa.boot_key_classes(store.boot_key)
    material = LsaMaterial(
        boot_key_classes=(classes["JD"], classes["Skew1"], classes["GBG"], classes["Data"]),
        pol_ek_list=store.pol_ek_list(older_keys=older_keys),
        current=store.dpapi_system(secret, "CurrVal"),
    )
    return material, secret


@pytest.mark.parametrize("older_keys", [0, 1, 3])
def test_the_lsa_key_is_looked_up_by_its_id(older_keys: int) -> None:
    material, secret = vista(older_keys=older_keys)
    system = unlock_dpapi_system(material)
    assert system.current is not None
    assert (system.current.machine, system.current.user) == (secret.machine, secret.user)
    assert (system.previous, system.problems, system.reason) == (None, [], None)


def test_a_secret_under_an_lsa_key_that_is_not_there() -> None:
    material, _ = vista()
    assert material.current is not None
    stranger = material.current[:4] + bytes(16) + material.current[20:]
    system = unlock_dpapi_system(replace(material, current=stranger, previous=material.current))
    assert system.current is None
    assert system.previous is not None
    assert [p.kind for p in system.problems] == ["unknown_key"]
    assert system.reason is None


@pytest.mark.parametrize("payload", [struct.pack("<I", 2) + bytes(40), struct.pack("<I", 1) + bytes(36), b""])
def test_a_secret_that_is_no_dpapi_system(payload: bytes) -> None:
    material, _ = vista()
    store = lsa.LsaStore.seeded("lsa tests")
    value = lsa.encrypt_secret("odd", store.lsa_key_guid, store.lsa_key, payload)
    system = unlock_dpapi_system(replace(material, current=value))
    assert system.current is None
    assert [p.kind for p in system.problems] == ["bad_secret"]
    assert system.reason


def test_an_earlier_secret_of_no_bytes() -> None:
    material, _ = vista()
    store = lsa.LsaStore.seeded("lsa tests")
    value = lsa.encrypt_secret("never changed", store.lsa_key_guid, store.lsa_key, b"")
    system = unlock_dpapi_system(replace(material, previous=value))
    assert system.current is not None
    assert (system.previous, system.problems, system.never_changed) == (None, [], True)
    assert not unlock_dpapi_system(material).never_changed


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=200), cut=st.integers(0, 124))
def test_noise_opens_nothing_and_raises_nothing(noise: bytes, cut: int) -> None:
    material, _ = vista()
    assert material.current is not None
    first_block = material.current[:76]
    for odd in (
        replace(material, current=noise),
        replace(material, pol_ek_list=noise),
        replace(material, current=material.current[:cut] + noise),
        replace(material, pol_ek_list=None, pol_secret_encryption_key=noise.ljust(76, b"\0")[:76], current=noise),
    ):
        system = unlock_dpapi_system(odd)
        # Nothing signs an LSA secret, so damage behind its first block of data cannot be told.
        first_block_is_whole = odd.pol_ek_list == material.pol_ek_list and (odd.current or b"")[:76] == first_block
        assert first_block_is_whole or system.current is None
        assert (system.current is None) == (system.reason is not None)


def test_what_is_missing_is_told() -> None:
    material, _ = vista()
    assert unlock_dpapi_system(LsaMaterial()).reason == "the SECURITY hive holds no DPAPI_SYSTEM"
    assert unlock_dpapi_system(replace(material, boot_key_classes=None)).reason == "the SYSTEM hive gave no boot key"
    nothing = unlock_dpapi_system(replace(material, pol_ek_list=None))
    assert nothing.reason == "the SECURITY hive holds neither PolEKList nor PolSecretEncryptionKey"
    assert DpapiSystem() == DpapiSystem(None, None, [], None)


def des_key(seven: bytes) -> bytes:
    bits = "".join(f"{byte:08b}" for byte in seven)
    return bytes(int(bits[i : i + 7] + "0", 2) for i in range(0, 56, 7))


def xp_secret(lsa_key: bytes, payload: bytes) -> bytes:
    """Encrypt as XP does: seven key bytes a block, wrapping around a key of sixteen (MS-LSAD 5.1.2)."""
    clear = struct.pack("<II", len(payload), 1) + payload
    clear += bytes(-len(clear) % 8)
    out, rest = b"", lsa_key
    for at in range(0, len(clear), 8):
        out += DES.new(des_key(rest[:7]), DES.MODE_ECB).encrypt(clear[at : at + 8])
        rest = rest[7:] if len(rest) >= 14 else lsa_key[len(rest) - 7 :]
    return struct.pack("<III", len(out), len(out), 0) + out


def xp() -> tuple[LsaMaterial, bytes, bytes]:
    store, payload = lsa.LsaStore.seeded("xp"), struct.pack("<I", 1) + bytes(range(40))
    lsa_key, salt = store.lsa_key[:16], b"s" * 16
    digest = hashlib.md5(store.boot_key + salt * 1000).digest()
    value = struct.pack("<III", 1, 0, 0) + ARC4.new(digest).encrypt(b"r" * 16 + lsa_key + b"t" * 16) + salt
    classes = lsa.boot_key_classes(store.boot_key)
    material = LsaMaterial(
        boot_key_classes=(classes["JD"], classes["Skew1"], classes["GBG"], classes["Data"]),
        pol_secret_encryption_key=value,
        current=xp_secret(lsa_key, payload),
    )
    return material, store.boot_key, payload


@pytest.mark.parametrize("cut", [0, 1, 75, 77])
def test_an_xp_key_of_another_size(cut: int) -> None:
    material, _, _ = xp()
    key = (material.pol_secret_encryption_key or b"").ljust(77, b"\0")
    assert len(key) == 77
    system = unlock_dpapi_system(replace(material, pol_secret_encryption_key=key[:cut]))
    [problem] = system.problems
    assert (problem.kind, problem.offset) == ("bad_length", 0)
    assert system.reason == problem.message == f"PolSecretEncryptionKey has 76 bytes, not {cut}"


@pytest.mark.parametrize(
    ("field", "value", "kind", "offset"),
    [
        ("pol_ek_list", b"\0\0\0\2" + bytes(200), "bad_magic", 0),
        ("pol_ek_list", b"\0\0\0\1" + bytes(16) + struct.pack("<II", 2, 0) + bytes(96), "bad_magic", 0),
        ("pol_ek_list", b"\0\0\0\1" + bytes(16) + struct.pack("<II", 3, 0) + bytes(32), "bad_length", 28),
        ("pol_ek_list", b"\0\0\0\1" + bytes(16) + struct.pack("<II", 3, 0) + bytes(49), "bad_length", 28),
        ("pol_ek_list", b"\0\0\0\1" + bytes(16) + struct.pack("<II", 3, 0) + bytes(48), "wrong_boot_key", 0),
        ("current", b"\0\0\0\1" + bytes(16) + struct.pack("<II", 3, 0) + bytes(48), "unknown_key", 4),
        ("current", b"\0\0\0\1" + bytes(8), "truncated", 4),
        ("boot_key_classes", ("zz345678", "12345678", "12345678", "12345678"), "bad_text", 0),
    ],
)
def test_where_what_is_stored_breaks(field: str, value: object, kind: str, offset: int) -> None:
    """LSA record: version 1 (big-endian), key id, algorithm 3 (AES-256), flags, then salt and blocks from byte 28."""
    material, _ = vista()
    system = unlock_dpapi_system(replace(material, previous=None, **{field: value}))  # type: ignore[arg-type]
    [problem] = system.problems
    assert (problem.kind, problem.offset, system.reason) == (kind, offset, problem.message)


def test_neither_the_boot_key_nor_a_secret_is_told() -> None:
    material, _ = vista()
    opened = unlock_dpapi_system(material)
    assert opened.current is not None
    text = repr(opened) + repr(material) + repr(unlock_dpapi_system(replace(material, pol_ek_list=b"x" * 100)))
    for secret in (opened.current.machine, opened.current.user, material.current or b"", material.pol_ek_list or b""):
        assert secret
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text
    assert all(name not in text for name in material.boot_key_classes or ())


def test_xp_store() -> None:
    material, _, payload = xp()
    system = unlock_dpapi_system(material)
    assert system.current is not None
    assert system.current.machine + system.current.user == payload[4:]


def test_the_xp_forgery_opens_in_impacket() -> None:
    """The layout of XP was not seen on real bytes, so at least two implementations must agree on it."""
    secretsdump: Any = other_reader("impacket.examples.secretsdump", "impacket")
    material, key, payload = xp()
    theirs = SimpleNamespace(_LSASecrets__vistaStyle=False, _LSASecrets__bootKey=key)
    secretsdump.LSASecrets._LSASecrets__decryptLSA(theirs, material.pol_secret_encryption_key)
    lsa_key = theirs._LSASecrets__LSAKey
    assert secretsdump.LSASecrets._LSASecrets__decryptSecret(theirs, lsa_key, material.current)[:44] == payload


@pytest.mark.parametrize("wrong", ["00000000", "ffffffff", "12345678"])
def test_xp_with_a_wrong_boot_key(wrong: str) -> None:
    material, _, _ = xp()
    assert material.boot_key_classes is not None
    system = unlock_dpapi_system(replace(material, boot_key_classes=(wrong, *material.boot_key_classes[1:])))
    assert system.current is None
    assert [p.kind for p in system.problems] == ["bad_secret"]
