"""Forged keys, master keys and secrets opened by other people's decryptors.

Every forgery is opened by at least two of dissect.target, dpapick3, dploot and impacket, which share no code with
``testdata/builder``. Where one of them cannot, the test says so: these are known faults of that library.
"""

from __future__ import annotations

import hashlib
import io
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from testdata.builder import capi, certs, cng, dpapi, lsa, lsa_xp, names
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.regf import HiveWriter
from tests.oracles import other_reader

dpapick3_blob = other_reader("dpapick3.blob", "dpapick3")
dpapick3_masterkey = other_reader("dpapick3.masterkey", "dpapick3")
dpapick3_probes = other_reader("dpapick3.probes.certificate", "dpapick3")
dploot_cng = other_reader("dploot.triage.cng", "dploot")
dploot_dpapi = other_reader("dploot.lib.dpapi", "dploot")
dploot_masterkey = other_reader("dploot.lib.masterkey", "dploot")
impacket_dpapi = other_reader("impacket.dpapi", "impacket")
dissect_blob = other_reader("dissect.target.plugins.os.windows.dpapi.blob", "dissect.target")
dissect_lsa = other_reader("dissect.target.plugins.os.windows.lsa", "dissect.target")
dissect_masterkey = other_reader("dissect.target.plugins.os.windows.dpapi.master_key", "dissect.target")

SYSTEM = "S-1-5-18"
USER = "S-1-5-21-1004336348-1177238915-682003330-1104"
PASSWORD = "Correct-Horse-9"
SECRET = dpapi.DpapiSystem.seeded("forgery tests")
MACHINE_KEY = dpapi.make_master_key("machine", SYSTEM, SECRET.machine)
USER_HALF_KEY = dpapi.make_master_key("system as user", SYSTEM, SECRET.user)
SUITES = pytest.mark.parametrize("suite", [dpapi.AES_SHA512, dpapi.TDES_SHA1], ids=["AES-SHA512", "3DES-SHA1"])


def opened_by_dissect(file: bytes, pre: bytes) -> bytes | None:
    parsed = dissect_masterkey.MasterKeyFile(io.BytesIO(file))
    return parsed.key if parsed.decrypt_with_key(pre) else None


def opened_by_dpapick3(file: bytes, pre: bytes) -> bytes | None:
    parsed = dpapick3_masterkey.MasterKeyFile(file)
    parsed.masterkey.decryptWithKey(pre)
    return parsed.masterkey.key if parsed.masterkey.decrypted else None


def opened_by_impacket(file: bytes, pre: bytes) -> bytes | None:
    head = impacket_dpapi.MasterKeyFile(file)
    return impacket_dpapi.MasterKey(file[128 : 128 + head["MasterKeyLen"]]).decrypt(pre)


def blob_by_dissect(data: bytes, key: bytes, entropy: bytes | None = None) -> bytes | None:
    blob = dissect_blob.Blob(data)
    return blob.clear_text if blob.decrypt(key, entropy=entropy) else None


def blob_by_dpapick3(data: bytes, key: bytes, entropy: bytes | None = None) -> bytes | None:
    blob = dpapick3_blob.DPAPIBlob(data)
    return blob.cleartext if blob.decrypt(hashlib.sha1(key).digest(), entropy) else None


def dploot_key(key: dpapi.MasterKey) -> object:
    return dploot_masterkey.Masterkey(key.guid, sha1=hashlib.sha1(key.key).hexdigest())


@SUITES
@pytest.mark.parametrize("open_file", [opened_by_dissect, opened_by_dpapick3, opened_by_impacket])
def test_master_key_opens_with_its_half_only(suite, open_file):
    made = dpapi.make_master_key("half", SYSTEM, SECRET.machine, suite=suite, rounds=600)
    assert open_file(made.file, SECRET.machine) == made.key
    assert open_file(made.file, SECRET.user) is None


def test_lengths_are_those_of_real_files():
    domain = dpapi.make_master_key(
        "domain", USER, b"n" * 20, suite=dpapi.TDES_SHA1, flags=0, credhist=None, domain=True
    )
    assert len(MACHINE_KEY.file) == 468
    assert len(domain.file) == 740
    assert len(capi.public_section(rsa_key("2048-01"))) == 284
    assert len(capi.private_clear(rsa_key("2048-01"))) == 1348
    store = lsa.LsaStore.seeded("lengths")
    assert len(store.pol_ek_list()) == 172
    assert len(store.dpapi_system(SECRET, "CurrVal")) == 124


def test_user_master_key_opens_with_the_password():
    made = dpapi.make_master_key("user", USER, dpapi.password_prekey(PASSWORD, USER), flags=5, system=SECRET)
    by_dissect = dissect_masterkey.MasterKeyFile(io.BytesIO(made.file))
    assert by_dissect.decrypt_with_password(USER, PASSWORD)
    assert by_dissect.key == made.key
    by_dploot = dploot_masterkey.Masterkey(made.guid, blob=made.file, sid=USER)
    assert by_dploot.decrypt(password=PASSWORD)
    assert by_dploot.key == made.key


def test_domain_user_master_key_opens_with_the_nt_hash():
    nt_hash = bytes.fromhex("8846f7eaee8fb117ad06bdd830b7586c")
    pre = dpapi.nt_hash_prekey(nt_hash, USER)
    made = dpapi.make_master_key("domain user", USER, pre, flags=0, credhist=None, domain=True)
    by_dissect = dissect_masterkey.MasterKeyFile(io.BytesIO(made.file))
    assert by_dissect.decrypt_with_hash(USER, nt_hash)
    assert by_dissect.key == made.key
    by_impacket = impacket_dpapi.deriveKeysFromUserkey(USER, nt_hash)
    assert pre in by_impacket
    by_dpapick3 = dpapick3_masterkey.MasterKeyFile(made.file)
    by_dpapick3.masterkey.decryptWithHash10(USER, nt_hash)
    assert not by_dpapick3.masterkey.decrypted, "dpapick3 0.7.1 leaves out the step of 10,000 rounds"


def test_domain_section_opens_with_the_backup_key():
    made = dpapi.make_master_key("domain part", USER, b"n" * 20, flags=0, credhist=None, domain=True)
    head = impacket_dpapi.MasterKeyFile(made.file)
    assert (head["MasterKeyLen"], head["BackupKeyLen"], head["CredHistLen"], head["DomainKeyLen"]) == (176, 144, 0, 372)
    section = impacket_dpapi.DomainKey(made.file[-372:])
    private = rsa_key("domain-backup").private_numbers()
    clear = pow(int.from_bytes(section["SecretData"], "little"), private.d, private.public_numbers.n).to_bytes(
        256, "big"
    )
    assert clear[:2] == b"\0\2"
    body = clear[clear.index(b"\0", 2) + 1 :]
    assert struct.unpack_from("<II", body) == (64, 32)
    assert body[8:72] == made.key


@SUITES
@pytest.mark.parametrize("open_blob", [blob_by_dissect, blob_by_dpapick3])
@pytest.mark.parametrize("entropy", [b"", b"some entropy\0"])
def test_blob_opens_with_its_entropy_only(suite, open_blob, entropy):
    data = dpapi.make_blob("blob", MACHINE_KEY, b"clear text", suite=suite, entropy=entropy, flags=4)
    assert open_blob(data, MACHINE_KEY.key, entropy or None) == b"clear text"
    assert open_blob(data, MACHINE_KEY.key, b"other") is None
    assert open_blob(data, USER_HALF_KEY.key, entropy or None) is None


@pytest.mark.parametrize(
    ("suite", "entropy", "opens"),
    [
        (dpapi.AES_SHA512, b"", True),
        (dpapi.AES_SHA512, b"entropy", True),
        (dpapi.TDES_SHA1, b"", True),
        (dpapi.TDES_SHA1, b"entropy", False),
    ],
)
def test_impacket_opens_all_but_sha1_with_entropy(suite, entropy, opens):
    data = dpapi.make_blob("impacket", MACHINE_KEY, b"clear text", suite=suite, entropy=entropy)
    blob = impacket_dpapi.DPAPI_BLOB(data)
    if opens:
        assert blob.decrypt(MACHINE_KEY.key, entropy or None) == b"clear text"
    else:
        with pytest.raises(ValueError, match="Padding is incorrect"):
            blob.decrypt(MACHINE_KEY.key, entropy)


@SUITES
def test_capi_key_opens_in_both_slots(suite):
    exchange, signature = rsa_key("2048-01"), rsa_key("2048-02")
    data = capi.make_capi_key(
        "both", "Both", MACHINE_KEY, exchange=capi.Slot(exchange, True), signature=capi.Slot(signature), suite=suite
    )
    parsed = dpapick3_probes.PrivateKeyBlob(data)
    assert parsed.description == b"Both"
    key_hash = hashlib.sha1(MACHINE_KEY.key).digest()
    found = []
    for part, flags in ((parsed.sigPrivateKey, parsed.sigFlags), (parsed.privateKey, parsed.flags)):
        assert part.dpapiblob.decrypt(key_hash)
        assert flags.dpapiblob.decrypt(key_hash, b"Hj1diQ6kpUx7VC4m\0")
        numbers = dpapick3_probes.PrivateKeyBlob.RSAKey(part.dpapiblob.cleartext)
        found.append((int.from_bytes(numbers.modulus, "little"), flags.dpapiblob.cleartext))
    assert found == [
        (signature.private_numbers().public_numbers.n, b"\0\0\0\0"),
        (exchange.private_numbers().public_numbers.n, b"\1\0\0\0"),
    ]


@SUITES
@pytest.mark.parametrize("name", ["2048-01", "3072-01", "4096-01"])
def test_capi_key_is_the_rsa_key_for_dploot(suite, name):
    key = rsa_key(name)
    data = capi.make_capi_key("one", "One", MACHINE_KEY, exchange=capi.Slot(key), suite=suite)
    opened = dploot_dpapi.decrypt_privatekey(data, dploot_key(MACHINE_KEY))
    numbers = key.private_numbers()
    assert (opened.n, opened.e, {opened.p, opened.q}) == (numbers.public_numbers.n, 65537, {numbers.p, numbers.q})


@SUITES
@pytest.mark.parametrize("full", [False, True], ids=["RSA2", "RSA3"])
def test_cng_rsa_key(suite, full):
    key = rsa_key("2048-03")
    data = cng.make_cng_key("rsa", "Rsa", MACHINE_KEY, cng.CngKey.rsa(key, full=full), export_policy=3, suite=suite)
    opened = dploot_cng.CngFile("SYSTEM", data)
    assert opened.decrypt_cng_file([dploot_key(MACHINE_KEY)])
    clear = opened.decrypted_private_key
    private = key.private_numbers()
    magic, bits, e_size, n_size, p_size, q_size = struct.unpack_from("<4s5I", clear)
    assert (magic, bits, e_size, n_size, p_size, q_size) == (b"RSA3" if full else b"RSA2", 2048, 3, 256, 128, 128)
    assert int.from_bytes(clear[24:27], "big") == 65537
    assert int.from_bytes(clear[27:283], "big") == private.public_numbers.n
    assert int.from_bytes(clear[283:411], "big") == private.p
    assert len(clear) == (24 + 3 + 256 + 5 * 128 + 256 if full else 24 + 3 + 256 + 256)
    if not full:
        by_dpapick3 = dpapick3_probes.BcryptPrivateKeyBlob.RSAKey(clear)
        assert int.from_bytes(by_dpapick3.prime2, "big") == private.q


@pytest.mark.parametrize(
    ("curve", "magic", "size"), [("P-256", b"ECS2", 32), ("P-384", b"ECS4", 48), ("P-521", b"ECS6", 66)]
)
@SUITES
def test_cng_ecdsa_key(suite, curve, magic, size):
    key = ec_key(curve, "forgery")
    data = cng.make_cng_key("ec", "Ec", MACHINE_KEY, cng.CngKey.ec(key), suite=suite)
    opened = dploot_cng.CngFile("SYSTEM", data)
    clear = opened.decrypt_cng_private_key([dploot_key(MACHINE_KEY)])
    assert clear[:8] == magic + struct.pack("<I", size)
    x, y, d = (int.from_bytes(clear[8 + i * size : 8 + (i + 1) * size], "big") for i in range(3))
    derived = ec.derive_private_key(d, key.curve).public_key().public_numbers()
    assert (derived.x, derived.y) == (x, y)
    by_dissect = blob_by_dissect(data[-_private_length(data) :], MACHINE_KEY.key, b"xT5rZW5qVVbrvpuA\0")
    assert by_dissect == clear


def _private_length(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 24)[0])


def test_cng_symmetric_key_has_class_1_and_three_sections():
    data = cng.make_cng_key("aes", "Google Chromekey1", USER_HALF_KEY, cng.CngKey.aes(bytes(range(32))), flags=0)
    assert struct.unpack_from("<HH", data, 12) == (2, 1)
    clear = blob_by_dissect(data[-_private_length(data) :], USER_HALF_KEY.key, b"xT5rZW5qVVbrvpuA\0")
    assert clear == b"KDBM" + struct.pack("<II", 1, 32) + bytes(range(32))
    assert blob_by_dpapick3(data[-_private_length(data) :], USER_HALF_KEY.key, b"xT5rZW5qVVbrvpuA\0") == clear


def test_a_pin_shuts_the_private_key_but_not_its_properties():
    key = cng.CngKey.rsa(rsa_key("2048-04"))
    data = cng.make_cng_key("pin", "Pin", MACHINE_KEY, key, password=b"1234")
    opened = dploot_cng.CngFile("SYSTEM", data)
    assert opened.decrypt_cng_private_properties([dploot_key(MACHINE_KEY)]) is not None
    private = data[-_private_length(data) :]
    assert blob_by_dissect(private, MACHINE_KEY.key, b"xT5rZW5qVVbrvpuA\0") is None
    assert blob_by_dpapick3(private, MACHINE_KEY.key, b"xT5rZW5qVVbrvpuA\0") is None
    assert blob_by_dissect(private, MACHINE_KEY.key, b"xT5rZW5qVVbrvpuA\x001234") is not None


def test_lsa_secrets_open_from_the_boot_key():
    store = lsa.LsaStore.seeded("lsa test")
    classes = lsa.boot_key_classes(store.boot_key)
    raw = bytes.fromhex("".join(classes[name] for name in ("JD", "Skew1", "GBG", "Data")))
    order = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7]
    assert bytes(raw[i] for i in order) == store.boot_key
    keys = dissect_lsa._decrypt_aes(store.pol_ek_list(), store.boot_key)
    assert keys[68:100] == store.lsa_key
    clear = dissect_lsa._decrypt_aes(store.dpapi_system(SECRET, "CurrVal"), store.lsa_key)
    assert clear[:4] == struct.pack("<I", 44)
    assert clear[16:60] == b"\1\0\0\0" + SECRET.machine + SECRET.user
    crypto = other_reader("dpapick3.crypto", "dpapick3")
    _, by_guid = crypto.decrypt_lsa_key_nt6(store.pol_ek_list(), store.boot_key)
    assert crypto.decrypt_lsa_secret(store.dpapi_system(SECRET, "OldVal"), by_guid) == clear[16:60]


def test_lsa_secrets_of_xp_open_from_the_boot_key():
    boot_key, lsa_key = bytes(range(16)), bytes(range(100, 116))
    value = lsa_xp.pol_secret_encryption_key("xp", boot_key, lsa_key)
    assert len(value) == 76
    assert dissect_lsa._decrypt_rc4(value, boot_key)[16:32] == lsa_key
    clear = dissect_lsa._decrypt_des(lsa_xp.dpapi_system(lsa_key, SECRET), lsa_key)
    assert clear[:52] == struct.pack("<III", 44, 1, 1) + SECRET.machine + SECRET.user


@pytest.mark.parametrize("xp", [False, True], ids=["Vista", "XP"])
def test_impacket_reads_both_generations_from_the_hive(tmp_path, xp):
    secretsdump = other_reader("impacket.examples.secretsdump", "impacket")
    store, older = lsa.LsaStore.seeded("hive"), dpapi.DpapiSystem.seeded("an earlier one")
    hive = HiveWriter("SECURITY")
    if xp:
        key = store.lsa_key[:16]
        value = lsa_xp.pol_secret_encryption_key("hive", store.boot_key, key)
        hive.key("Policy\\PolSecretEncryptionKey").set("", 0, value)
        secrets = {"CurrVal": lsa_xp.dpapi_system(key, SECRET), "OldVal": lsa_xp.dpapi_system(key, older)}
    else:
        hive.key("Policy\\PolEKList").set("", 0, store.pol_ek_list())
        secrets = {"CurrVal": store.dpapi_system(SECRET, "CurrVal"), "OldVal": store.dpapi_system(older, "OldVal")}
    for name, data in secrets.items():
        hive.key(f"Policy\\Secrets\\DPAPI_SYSTEM\\{name}").set("", 0, data)
    (tmp_path / "SECURITY").write_bytes(hive.build())
    found: list[str] = []
    reader = secretsdump.LSASecrets(
        str(tmp_path / "SECURITY"),
        store.boot_key,
        None,
        history=True,
        perSecretCallback=lambda _, text: found.append(text),
    )
    reader.dumpSecrets()
    reader.finish()
    halves = [
        f"dpapi_{half}key:0x{value.hex()}"
        for s in (SECRET, older)
        for half, value in (("machine", s.machine), ("user", s.user))
    ]
    assert [line for text in found for line in text.split("\n") if line] == halves


def test_lsa_key_is_found_by_its_id_when_an_older_one_stands_before_it():
    store = lsa.LsaStore.seeded("two keys")
    keys = dissect_lsa._decrypt_aes(store.pol_ek_list(older_keys=1), store.boot_key)
    assert struct.unpack_from("<I", keys)[0] == 28 + 2 * 56
    assert keys[68:100] != store.lsa_key, "dissect takes the first key whatever its id"
    assert keys[124:156] == store.lsa_key


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("TSSecKeySet1", "f686aace6942fb7f7ceb231212eef4a4"),
        ("iisWasKey", "76944fb33636aeddb9590521c2e8815a"),
        ("Microsoft Internet Information Server", "c2319c42033a5ca7f44e731bfd3fa2b5"),
    ],
)
def test_capi_names_are_those_of_real_files(container, expected):
    assert names.capi_name_hash(container) == expected


def test_cng_names_are_those_of_real_files():
    assert names.cng_name_hash("Google Chromekey1") == "7096db7aeb75c0d3497ecd56d355a695"
    assert names.cng_name_hash("31685cae-af6f-48fb-ac37-845c69b4c097") == "bf4097e20d4480b8d6ebc139c9360f02"


def test_store_element_holds_the_certificate_last():
    made = certs.make_certificate("web.contoso.test", rsa_key("2048-05"))
    link = certs.key_prov_info("c", certs.CNG_SOFTWARE, type_=0, flags=certs.MACHINE_KEYSET, key_spec=0)
    data = certs.store_element(made, link=link)
    found, at = {}, 0
    while at < len(data):
        number, encoding, size = struct.unpack_from("<III", data, at)
        assert encoding == 1
        found[number] = data[at + 12 : at + 12 + size]
        at += 12 + size
    assert at == len(data)
    assert list(found)[-1] == 32
    assert found[32] == made.der
    assert found[3].hex().upper() == made.thumbprint
    assert found[2] == link


def test_certificates_are_the_same_in_every_build():
    made = certs.make_certificate("ec.contoso.test", ec_key("P-384", "2"))
    assert made.thumbprint == certs.make_certificate("ec.contoso.test", ec_key("P-384", "2")).thumbprint
    assert isinstance(made.x509.public_key(), ec.EllipticCurvePublicKey)
    authority = certs.ca_certificate().x509
    authority.verify_directly_issued_by(authority)
    made.x509.verify_directly_issued_by(authority)
    assert isinstance(authority.public_key(), rsa.RSAPublicKey)
