"""Master keys and blobs: the real chain with its published results, and forgeries that other people's code opens."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from Crypto.Hash import MD4

from forensics.dpapi import dpapi
from forensics.formats.cng_key import CngPolicy, parse_cng_key_file, parse_cng_private_properties, parse_cng_properties
from forensics.formats.dpapi_blob import DpapiBlob, parse_dpapi_blob
from forensics.formats.master_key import MasterKeyFile, parse_master_key_file
from forensics.formats.private_key import SymmetricKey, parse_capi_rsa_private, parse_cng_private
from testdata.builder import capi
from testdata.builder import dpapi as forge
from testdata.builder.keys import rsa_key
from testdata.builder.seeded import Seeded

SYSTEM = "S-1-5-18"
USER = "S-1-5-21-1004336348-1177238915-682003330-1104"
SUITES = pytest.mark.parametrize("suite", [forge.AES_SHA512, forge.TDES_SHA1], ids=["AES-SHA512", "3DES-SHA1"])
ENTROPY = b"some entropy\0"


class RealChain:
    """The files of a real machine, and what independent tools say of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth = json.loads((folder / "truth.json").read_text())
        secret = bytes.fromhex((folder / "DPAPI_SYSTEM.hex").read_text())
        self.secret = secret[4:]
        self.halves = {"machine": secret[4:24], "user": secret[24:44]}

    def master_key(self, name: str) -> MasterKeyFile:
        (item,) = (i for i in self.truth["master_keys"] if i["guid"].startswith(name))
        return parse_master_key_file((self.folder / item["file"]).read_bytes())

    def key(self, name: str, half: str) -> bytes | None:
        section = self.master_key(name).master
        assert section is not None
        return dpapi.open_master_section(section, self.halves[half])


@pytest.fixture(scope="module")
def real(realdata: Path) -> RealChain:
    return RealChain(realdata / "cng-chain")


@pytest.mark.parametrize(("name", "opens", "other"), [("dd26f81a", "machine", "user"), ("fb1190c1", "user", "machine")])
def test_each_half_opens_its_own_folder_only(real: RealChain, name: str, opens: str, other: str) -> None:
    (told,) = (i for i in real.truth["master_keys"] if i["guid"].startswith(name))
    key = real.key(name, opens)
    assert key is not None
    assert len(key) == 64
    assert hashlib.sha256(key).hexdigest() == told["decrypted_key_sha256"]
    assert hashlib.sha1(key).hexdigest() == told["decrypted_key_sha1"]
    assert real.key(name, other) is None


def test_the_users_master_key_opens_with_neither_half(real: RealChain) -> None:
    assert real.key("ed93694f", "machine") is None
    assert real.key("ed93694f", "user") is None


def test_backup_sections_prove_file_and_owner_without_any_secret(real: RealChain) -> None:
    owner = "S-1-5-21-3821320868-1508310791-3575676346-1103"
    for name, sid in (("dd26f81a", SYSTEM), ("fb1190c1", SYSTEM), ("ed93694f", owner)):
        file = real.master_key(name)
        assert dpapi.open_backup_section(file, sid)
        assert not dpapi.open_backup_section(file, "S-1-5-19")
        assert file.backup is not None
        damaged = bytearray(file.backup.ciphertext)
        damaged[-1] ^= 1
        assert not dpapi.open_backup_section(replace(file, backup=replace(file.backup, ciphertext=bytes(damaged))), sid)
        assert not dpapi.open_backup_section(replace(file, backup=None), sid)


def test_both_blobs_of_the_real_key_open_with_their_own_entropy_only(real: RealChain) -> None:
    told = real.truth["cng_key"]
    file = parse_cng_key_file((real.folder / told["file"]).read_bytes())
    key, other_key = real.key("fb1190c1", "user"), real.key("dd26f81a", "machine")
    assert key is not None
    assert other_key is not None
    assert file.private_properties is not None
    assert file.private_key is not None
    pairs = [
        (file.private_properties, dpapi.CNG_PROPERTIES_ENTROPY, dpapi.CNG_PRIVATE_KEY_ENTROPY),
        (file.private_key, dpapi.CNG_PRIVATE_KEY_ENTROPY, dpapi.CNG_PROPERTIES_ENTROPY),
    ]
    clear = []
    for (blob, own, other), expected in zip(pairs, told["blobs"], strict=True):
        opened = dpapi.open_blob(blob, key, own)
        assert opened.mac_ok
        assert opened.clear is not None
        assert hashlib.sha256(opened.clear).hexdigest() == expected["plaintext_sha256"]
        clear.append(opened.clear)
        assert not dpapi.open_blob(blob, key, other).mac_ok
        assert not dpapi.open_blob(blob, key).mac_ok
        assert not dpapi.open_blob(blob, other_key, own).mac_ok
        assert dpapi.open_blob(blob, hashlib.sha1(key).digest(), own) == opened
    assert parse_cng_private_properties(parse_cng_properties(clear[0])) == CngPolicy(export_policy=0, bits=256)
    assert parse_cng_private(clear[1], file.algorithm) == SymmetricKey(256)


def forged(pre: bytes, sid: str = USER, **options: object) -> tuple[forge.MasterKey, MasterKeyFile]:
    made = forge.make_master_key("dpapi tests", sid, pre, rounds=20, **options)  # type: ignore[arg-type]
    return made, parse_master_key_file(made.file)


def opened(file: MasterKeyFile, pre: bytes) -> bytes | None:
    assert file.master is not None
    return dpapi.open_master_section(file.master, pre)


@SUITES
def test_forged_master_sections(suite: forge.Suite) -> None:
    made, file = forged(b"p" * 20, suite=suite)
    assert opened(file, b"p" * 20) == made.key
    assert opened(file, b"q" * 20) is None


@pytest.mark.parametrize("place", [0, 16, 80, -1], ids=["inner salt", "HMAC", "key", "last byte"])
@SUITES
def test_a_flipped_bit_in_the_master_section_keeps_it_shut(suite: forge.Suite, place: int) -> None:
    _, file = forged(b"p" * 20, suite=suite)
    assert file.master is not None
    damaged = bytearray(file.master.ciphertext)
    damaged[place] ^= 0x10
    assert dpapi.open_master_section(replace(file.master, ciphertext=bytes(damaged)), b"p" * 20) is None


@SUITES
def test_the_backup_section_needs_dpapi_system_when_bit_0_says_so(suite: forge.Suite) -> None:
    secret = forge.DpapiSystem.seeded("backup")
    _, file = forged(b"p" * 20, SYSTEM, suite=suite, flags=7, system=secret)
    assert dpapi.open_backup_section(file, SYSTEM, secret.both)
    assert not dpapi.open_backup_section(file, SYSTEM)
    assert not dpapi.open_backup_section(file, SYSTEM, secret.user + secret.machine)
    owner = hashlib.new(suite.hash_name, (SYSTEM + "\0").encode("utf-16-le")).digest()
    other_order = forge._section(suite, owner + secret.both, bytes(32), 20, Seeded("other order"))
    assert file.backup is not None
    section = replace(file.backup, salt=other_order[4:20], ciphertext=other_order[32:])
    assert dpapi.open_backup_section(replace(file, backup=section), SYSTEM, secret.both)


def nt_hash(password: str) -> bytes:
    return MD4.new(password.encode("utf-16-le")).digest()


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: forge.password_prekey("Pässword 1", USER), 0),
        (lambda: forge.service_prekey(nt_hash("Pässword 1"), USER), 1),
        (lambda: forge.nt_hash_prekey(nt_hash("Pässword 1"), USER), 2),
    ],
    ids=["local", "domain", "protected"],
)
def test_every_way_a_password_protects_a_master_key(make: Callable[[], bytes], place: int) -> None:
    made, file = forged(make())
    keys = [opened(file, pre) for pre in dpapi.user_prekeys_from_password("Pässword 1", USER)]
    assert [key is not None for key in keys] == [i == place for i in range(3)]
    assert keys[place] == made.key
    assert (
        dpapi.user_prekeys_from_nt_hash(nt_hash("Pässword 1"), USER)
        == dpapi.user_prekeys_from_password("Pässword 1", USER)[1:]
    )
    assert all(opened(file, pre) is None for pre in dpapi.user_prekeys_from_password("Password 1", USER))


def test_the_empty_password_has_the_known_hashes() -> None:
    # NT hash of the empty password, and of "password", as published everywhere.
    assert dpapi._md4(b"").hex() == "31d6cfe0d16ae931b73c59d7e0c089c0"
    assert dpapi._md4("password".encode("utf-16-le")).hex() == "8846f7eaee8fb117ad06bdd830b7586c"


def test_service_accounts() -> None:
    half, sid = b"h" * 20, "S-1-5-19"
    for pre in (half, forge.service_prekey(half, sid)):
        made, file = forged(pre, sid)
        assert made.key in [opened(file, candidate) for candidate in dpapi.service_prekeys(half, sid)]


def make_blob(suite: forge.Suite, clear: bytes, entropy: bytes = ENTROPY, **options: object) -> tuple[DpapiBlob, bytes]:
    made = forge.make_master_key("blob tests", SYSTEM, bytes(20), rounds=1)
    data = forge.make_blob("blob tests", made, clear, suite=suite, entropy=entropy, **options)  # type: ignore[arg-type]
    return parse_dpapi_blob(data), made.key


@SUITES
@pytest.mark.parametrize("entropy", [b"", ENTROPY], ids=["no entropy", "entropy"])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 1000])
def test_forged_blobs(suite: forge.Suite, entropy: bytes, size: int) -> None:
    blob, key = make_blob(suite, b"x" * size, entropy)
    result = dpapi.open_blob(blob, key, entropy)
    assert (result.mac_ok, result.clear) == (True, b"x" * size)
    assert result.raw[:size] == b"x" * size
    assert len(result.raw) == len(blob.data)
    assert not dpapi.open_blob(blob, key, entropy + b"x").mac_ok
    assert not dpapi.open_blob(blob, bytes(64), entropy).mac_ok


def test_strong_protection_is_a_further_secret() -> None:
    blob, key = make_blob(forge.AES_SHA512, b"secret", password=b"PIN")
    assert not dpapi.open_blob(blob, key, ENTROPY).mac_ok


@SUITES
@pytest.mark.parametrize(
    ("damage", "is_recovered"),
    [("sign", True), ("nonce", True), ("flags", True), ("first block", False), ("prime", False), ("tail", True)],
)
def test_what_damage_leaves_of_a_capi_key(suite: forge.Suite, damage: str, is_recovered: bool) -> None:
    """formats.md 4.4: a wrong MAC never, sound arithmetic always means that the key can be had."""
    made = forge.make_master_key("damage", SYSTEM, bytes(20), rounds=1)
    data = bytearray(forge.make_blob("damage", made, capi.private_clear(rsa_key("2048-01")), suite=suite))
    blob = parse_dpapi_blob(bytes(data))
    start = bytes(data).index(blob.data)
    places = {
        "sign": len(data) - 1,
        "nonce": bytes(data).index(blob.hmac_nonce),
        "flags": 40,
        "first block": start,
        "prime": start + 300,
        "tail": start + len(blob.data) - 1,
    }
    data[places[damage]] ^= 0x40
    result = dpapi.open_blob(parse_dpapi_blob(bytes(data)), made.key)
    assert not result.mac_ok
    assert (result.clear is None) == (damage == "tail")
    recovered = result.raw[:4] == b"RSA2" and parse_capi_rsa_private(result.raw).is_consistent()
    assert recovered is is_recovered


@pytest.mark.parametrize(
    ("cipher", "key_bits", "hash_algorithm"),
    [(0x6611, 100, 0x800E), (0x6699, 256, 0x800E), (0x6610, 256, 0x8001)],
)
def test_an_algorithm_that_is_unknown_opens_nothing(cipher: int, key_bits: int, hash_algorithm: int) -> None:
    blob, key = make_blob(forge.AES_SHA512, b"secret")
    odd = replace(blob, cipher_algorithm=cipher, key_bits=key_bits, hash_algorithm=hash_algorithm)
    assert dpapi.open_blob(odd, key, ENTROPY) == dpapi.OpenedBlob(mac_ok=False, clear=None, raw=b"")


def test_no_clear_text_is_in_a_repr() -> None:
    blob, key = make_blob(forge.AES_SHA512, b"secret")
    assert repr(dpapi.open_blob(blob, key, ENTROPY)) == "OpenedBlob(mac_ok=True)"


@pytest.mark.parametrize(
    ("cipher", "key_bits", "key_bytes"), [(0x660E, 128, 16), (0x660F, 192, 24), (0x6611, 192, 24), (0x6611, 256, 32)]
)
@pytest.mark.parametrize(("name", "hash_algorithm", "bits"), [("sha256", 0x800C, 256), ("sha384", 0x800D, 384)])
def test_the_rarer_algorithms(
    cipher: int, key_bits: int, key_bytes: int, name: str, hash_algorithm: int, bits: int
) -> None:
    suite = forge.Suite(
        name, hash_algorithm, hash_algorithm, bits, forge.AES_SHA512.cipher, key_bits, key_bytes, 16, 32
    )
    made = forge.make_master_key("rare", SYSTEM, bytes(20), rounds=1)
    data = bytearray(forge.make_blob("rare", made, b"secret", suite=suite, entropy=ENTROPY))
    at = 48 + 2
    assert struct.unpack_from("<I", data, at) == (forge.AES_SHA512.cipher,)
    struct.pack_into("<I", data, at, cipher)
    result = dpapi.open_blob(parse_dpapi_blob(bytes(data)), made.key, ENTROPY)
    # The ALG_ID is inside the signed range and was changed after signing, so only the clear text counts here.
    assert result.clear == b"secret"
