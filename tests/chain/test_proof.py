"""What a key file's own blobs prove, one state after another.

Key files come from the builder, which writes them as sections 1 (CAPI), 2 (CNG) and 7 (TPM) of the format notes lay
them out, and are damaged here byte by byte.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest

from forensics.chain.key_index import KeySlot, slots_of
from forensics.chain.master_keys import MasterKeyRing
from forensics.chain.proof import Proof, Prover
from forensics.collectors.evidence import Evidence, KeyFileEvidence, MasterKeyEvidence, ParsedKey
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.capi_key import parse_capi_key_file
from forensics.formats.cng_key import parse_cng_key_file
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.pcpkey import parse_pcpkey
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey
from forensics.tables.answer import Answer
from forensics.tables.certificate import KeyFileRow, KeyFileScope
from forensics.tables.key_chain import PrivateKeyFound
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import PRESENT
from forensics.tables.secrets import MasterKeyRow
from testdata.builder.capi import EXPORT_FLAG_ENTROPY, Slot, make_capi_key, private_clear
from testdata.builder.cng import CngKey, Property, make_cng_key, ui_policy, vbs_clear
from testdata.builder.dpapi import MasterKey, make_blob, make_master_key
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.pcpkey import make_pcpkey, pcp_blob
from tests.collectors.virtual import installation, problems

SYSTEM, USER = "S-1-5-18", "S-1-5-21-1-2-3-1001"
HALF = b"m" * 20
OURS = make_master_key("proof", SYSTEM, HALF, rounds=1)
FOREIGN = make_master_key("foreign", SYSTEM, b"z" * 20, rounds=1)
USERS = make_master_key("user", USER, b"p" * 20, rounds=1, flags=5)
LOST = make_master_key("lost", SYSTEM, HALF, rounds=1)
RSA = rsa_key("2048-01")
OTHER_RSA = rsa_key("2048-02")
EC = ec_key("P-256", "proof")


def public(key: object = RSA) -> PublicKey:
    numbers = key.public_key().public_numbers()  # type: ignore[attr-defined]
    return RsaPublicKey(numbers.n, numbers.e) if hasattr(numbers, "n") else EcPublicKey("P-256", numbers.x, numbers.y)


def prover() -> Prover:
    """Return a prover whose folder of SYSTEM was seen whole and holds all of the master keys but one."""
    evidence = Evidence(installation({}), MachineRow(machine_id=1, source_path="x"))
    evidence.master_key_folders[SYSTEM, "machine"] = PRESENT
    for made, owner in ((OURS, SYSTEM), (FOREIGN, SYSTEM), (USERS, USER)):
        row = MasterKeyRow(
            machine_id=1,
            guid=made.guid,
            path=f"Protect/{made.guid}",
            owner_sid=owner,
            half="machine",
            outcome="present",
            source_path="x",
        )
        evidence.master_keys.append(MasterKeyEvidence(row, parse_master_key_file(made.file)))
    return Prover(MasterKeyRing(evidence, DpapiSystem(SystemSecret(HALF, b"u" * 20)), UserSecrets()))


def slot(parsed: ParsedKey, scope: KeyFileScope = "machine", owner: str = SYSTEM) -> KeySlot:
    row = KeyFileRow(machine_id=1, path="f", file_name="f", kind="capi", scope=scope, owner_sid=owner, source_path="f")
    (only,) = slots_of(KeyFileEvidence(row, parsed))
    return only


def capi(
    private: bytes | None = None,
    export: bytes | None = None,
    master_key: MasterKey = OURS,
    exportable: bool = True,
    password: bytes = b"",
) -> KeySlot:
    """Return the exchange slot of a container, with other bytes for its two blobs where they are given.

    Format notes, section 1: ten 32-bit numbers (6 is exchPrivateLen, 9 exchExportFlagLen), the name, the hash, then the
    parts, of which those two of the exchange key come last.
    """
    data = make_capi_key("proof", "c", master_key, exchange=Slot(RSA, exportable), password=password)
    head = list(struct.unpack_from("<10I", data))
    end = len(data)
    own_export = data[end - head[9] :]
    own_private = data[end - head[9] - head[6] : end - head[9]]
    private = own_private if private is None else private
    export = own_export if export is None else export
    rest = data[40 : end - head[9] - head[6]]
    head[6], head[9] = len(private), len(export)
    return slot(parse_capi_key_file(struct.pack("<10I", *head) + rest + private + export))


def export_blob(clear: bytes, entropy: bytes = EXPORT_FLAG_ENTROPY) -> bytes:
    return make_blob("export", OURS, clear, entropy=entropy)


SOUND = Proof(
    private_key="proved",
    master_key="present",
    master_key_guid=OURS.guid,
    unlocked_by="current",
    exportable="yes",
    public=public(),
    recovered=True,
)
UNPARSABLE = b"\2" + bytes(99)  # a DPAPI blob has version 1


class TestCapi:
    def test_a_sound_slot(self) -> None:
        assert prover().prove(capi()) == SOUND

    def test_a_slot_without_a_private_half_is_damaged_and_names_no_master_key(self) -> None:
        """The export flag would open; it is not looked at, for there is no key that could be exported."""
        assert prover().prove(capi(private=b"")) == Proof(private_key="damaged")

    def test_a_private_half_that_does_not_parse_is_damaged_though_its_export_flag_opens(self) -> None:
        expected = replace(SOUND, private_key="damaged", public=None, recovered=False)
        assert prover().prove(capi(private=UNPARSABLE)) == expected
        not_exportable = replace(expected, exportable="no")
        assert prover().prove(capi(private=UNPARSABLE, exportable=False)) == not_exportable

    def test_a_private_half_that_does_not_parse_beside_no_export_flag(self) -> None:
        assert prover().prove(capi(private=UNPARSABLE, export=b"")) == Proof(private_key="damaged")

    def test_a_private_half_that_does_not_parse_under_a_master_key_that_is_missing_stays_locked(self) -> None:
        expected = Proof(private_key="locked", master_key="absent", master_key_guid=LOST.guid)
        assert prover().prove(capi(private=UNPARSABLE, master_key=LOST)) == expected

    def test_a_private_half_that_does_not_parse_under_a_master_key_that_does_not_open_stays_locked(self) -> None:
        expected = Proof("locked", "present", FOREIGN.guid, "nothing")
        assert prover().prove(capi(private=UNPARSABLE, master_key=FOREIGN)) == expected

    def test_a_sound_private_half_under_those_master_keys(self) -> None:
        assert prover().prove(capi(master_key=LOST)) == Proof("locked", "absent", LOST.guid)
        assert prover().prove(capi(master_key=FOREIGN)) == Proof("locked", "present", FOREIGN.guid, "nothing")

    def test_a_users_key_without_password_is_locked_by_nothing_that_was_tried(self) -> None:
        users = slot(capi(master_key=USERS).file.parsed or pytest.fail("not parsed"), "user", USER)
        proof = prover().prove(users)
        assert proof == Proof("locked", "present", USERS.guid, "not_tried", is_users=True, tried=proof.tried)
        assert (proof.tried.given, proof.tried.opened_with) == ("none", None)
        # A key of the machine would not wait for a password: then nothing is said about it.
        machines = slot(users.file.parsed or pytest.fail("not parsed"), "machine", USER)
        assert prover().prove(machines) == Proof("not_examined", "present", USERS.guid, "not_tried", tried=proof.tried)

    @pytest.mark.parametrize(
        ("export", "exportable"),
        [
            (b"", "unknown"),
            (UNPARSABLE, "unknown"),
            (export_blob(struct.pack("<I", 1)), "yes"),
            (export_blob(struct.pack("<I", 0)), "no"),
            (export_blob(struct.pack("<I", 2)), "no"),
            (export_blob(struct.pack("<I", 3)), "yes"),
            (export_blob(struct.pack("<II", 1, 0)), "yes"),
            (export_blob(b"\1\0\0"), "unknown"),
            (export_blob(struct.pack("<I", 1), b"another entropy"), "unknown"),
        ],
        ids=["none", "unparsable", "1", "0", "2", "3", "longer", "shorter", "other entropy"],
    )
    def test_the_export_flag_is_the_lowest_bit_of_its_number(self, export: bytes, exportable: Answer) -> None:
        assert prover().prove(capi(export=export)) == replace(SOUND, exportable=exportable)

    def test_a_wrong_mac_over_sound_numbers_is_damaged_but_recovered(self) -> None:
        private = bytearray(make_blob("private", OURS, private_clear(RSA)))
        assert prover().prove(capi(private=bytes(private))) == SOUND
        private[-1] ^= 1  # the MAC ends a blob
        assert prover().prove(capi(private=bytes(private))) == replace(SOUND, private_key="damaged")

    @pytest.mark.parametrize(
        ("clear", "form"),
        [
            (b"no key", "form"),
            (b"DHK2" + bytes(200), "form (DHK2)"),
            (b"?", "form"),
            # The file says RSA, and that is modelled: it is the form that is not.
            (b"RSA1" + bytes(200), "form (RSA1)"),
            (b"RSA4" + bytes(200), "form (RSA4)"),
            # What is no magic may be the key itself, which is nowhere shown.
            (b"a1B2" + bytes(200), "form"),
            (b"\x07\2\0\0" + bytes(200), "form"),
        ],
    )
    def test_what_a_right_mac_covers_is_of_a_form_not_modelled(self, clear: bytes, form: str) -> None:
        """Only a wrong MAC or broken arithmetic of a known kind is damage."""
        nothing = make_blob("private", OURS, clear)
        expected = replace(SOUND, private_key="not_examined", public=None, recovered=False, not_modelled=form)
        assert prover().prove(capi(private=nothing)) == expected

    def test_a_known_kind_whose_lengths_are_wrong_is_damaged(self) -> None:
        """The MAC is right, and the numbers are those of no RSA key."""
        torn = make_blob("private", OURS, b"RSA2" + bytes(200))
        expected = replace(SOUND, private_key="damaged", public=None, recovered=False)
        assert prover().prove(capi(private=torn)) == expected

    def test_strong_protection_waits_for_its_password(self) -> None:
        """A blob without a filled strong field (format notes, 4.1) that does not open is damaged."""
        file = capi(password=b"typed by the owner")
        assert file.capi is not None
        assert file.capi.private is not None
        needs = replace(SOUND, private_key="needs_pin", public=None, recovered=False)
        strong = replace(file, capi=replace(file.capi, private=replace(file.capi.private, strong=b"s")))
        assert prover().prove(strong) == needs
        assert prover().prove(file) == replace(needs, private_key="damaged")

    def test_each_slot_is_opened_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        proves, file = prover(), capi()
        first = proves.prove(file)
        monkeypatch.setattr("forensics.dpapi.dpapi.open_blob", lambda *_: pytest.fail("opened again"))
        assert proves.prove(file) is first


def cng(key: CngKey | None = None, properties: Sequence[Property] = (), policy: int = 0, **given: object) -> KeySlot:
    made = make_cng_key(
        "proof",
        "k",
        OURS,
        key or CngKey.rsa(RSA),
        export_policy=policy,
        private_properties=properties,
        **given,  # type: ignore[arg-type]
    )
    return slot(parse_cng_key_file(made))


def cng_with_blobs(private_properties: bytes | None, private_key: bytes | None) -> KeySlot:
    """Format notes, section 2: at byte 20 the lengths of the private properties and of the key, which end the file."""
    data = make_cng_key("proof", "k", OURS, CngKey.rsa(RSA), export_policy=1)
    properties_size, key_size = struct.unpack_from("<II", data, 20)
    rest = data[: len(data) - properties_size - key_size]
    properties = data[len(rest) : len(rest) + properties_size] if private_properties is None else private_properties
    key = data[-key_size:] if private_key is None else private_key
    head = rest[:20] + struct.pack("<II", len(properties), len(key)) + rest[28:]
    return slot(parse_cng_key_file(head + properties + key))


class TestCng:
    def test_the_parts_are_where_the_helper_takes_them_from(self) -> None:
        assert prover().prove(cng_with_blobs(None, None)) == SOUND

    def test_a_file_without_a_private_half_is_damaged(self) -> None:
        assert prover().prove(cng_with_blobs(None, b"")) == Proof(private_key="damaged")

    def test_a_private_half_that_does_not_parse_is_damaged_though_its_properties_open(self) -> None:
        expected = replace(SOUND, private_key="damaged", public=None, recovered=False)
        assert prover().prove(cng_with_blobs(None, UNPARSABLE)) == expected

    def test_a_private_half_that_does_not_parse_beside_no_properties(self) -> None:
        assert prover().prove(cng_with_blobs(b"", UNPARSABLE)) == Proof(private_key="damaged")

    @pytest.mark.parametrize("properties", [b"", UNPARSABLE, make_blob("p", OURS, b"\1\0\0\0")])
    def test_a_sound_key_beside_properties_that_cannot_be_read(self, properties: bytes) -> None:
        assert prover().prove(cng_with_blobs(properties, None)) == replace(SOUND, exportable="unknown")

    @pytest.mark.parametrize(
        ("policy", "exportable"), [(0, "no"), (1, "yes"), (2, "yes"), (3, "yes"), (4, "no"), (8, "no"), (9, "yes")]
    )
    def test_the_export_policy_allows_by_its_two_lowest_bits(self, policy: int, exportable: Answer) -> None:
        """Bits 4 and 8 allow archiving once, at the key's making: no export from a disk."""
        assert prover().prove(cng(policy=policy)) == replace(SOUND, exportable=exportable)

    def test_an_elliptic_curve_key(self) -> None:
        assert prover().prove(cng(CngKey.ec(EC))) == replace(SOUND, exportable="no", public=public(EC))

    def test_a_key_that_was_swapped_is_proved_as_the_one_it_is(self) -> None:
        """Equality with the public half in the file, or with a certificate, is judged elsewhere."""
        swapped = replace(CngKey.rsa(RSA), private=CngKey.rsa(OTHER_RSA).private)
        assert prover().prove(cng(swapped)) == replace(SOUND, exportable="no", public=public(OTHER_RSA))

    @pytest.mark.parametrize(
        ("property_", "status"),
        [
            (ui_policy("Signature"), "needs_pin"),
            (Property(0, "NgcSoftwareKeyPbkdf2Round", b"\1\0\0\0"), "needs_pin"),
            (Property(0, "UI Policy", bytes(20)), "damaged"),
        ],
    )
    def test_a_blob_that_waits_for_a_secret_of_its_owner(self, property_: Property, status: PrivateKeyFound) -> None:
        expected = replace(SOUND, private_key=status, exportable="no", public=None, recovered=False)
        assert prover().prove(cng(properties=[property_], password=b"1234")) == expected

    def test_a_key_that_opens_needs_no_pin_whatever_its_policy_says(self) -> None:
        assert prover().prove(cng(properties=[ui_policy("Signature")])) == replace(SOUND, exportable="no")

    def test_a_key_sealed_to_the_secure_kernel(self) -> None:
        sealed = replace(SOUND, private_key="sealed_vbs", exportable="no", public=None, recovered=False)
        clear, iso = vbs_clear("proof"), Property(0, "Virtual Iso", b"\1\0\0\0")
        boot = Property(0, "Per Boot Key", b"\1\0\0\0")
        assert prover().prove(cng(private_clear=clear)) == sealed
        assert prover().prove(cng(private_clear=clear, properties=[iso])) == sealed
        assert prover().prove(cng(private_clear=clear, properties=[iso, boot])) == replace(sealed, per_boot=True)
        # The property alone says so too; without either, they are a key of a kind that is not modelled.
        assert prover().prove(cng(private_clear=b"no key", properties=[iso])) == sealed
        unknown = replace(sealed, private_key="not_examined", not_modelled="form")
        assert prover().prove(cng(private_clear=b"no key")) == unknown

    @pytest.mark.parametrize(
        ("clear", "kind"),
        [
            # Magic, bytes of the parameter set's name, bytes of the key, the name, the key (BCRYPT_PQDSA_KEY_BLOB).
            (b"DSSS" + struct.pack("<II", 6, 32) + "44\0".encode("utf-16-le") + bytes(32), "kind (ML-DSA)"),
            (b"DSSK" + struct.pack("<II", 6, 2560) + "87\0".encode("utf-16-le") + bytes(2560), "kind (ML-DSA)"),
            # The next one, whose header could pass for the sizes of a key sealed to the secure kernel.
            (b"SLHS" + struct.pack("<II", 60, 64) + bytes(128), "form (SLHS)"),
            (b"DHPV" + bytes(100), "kind (DH)"),
            (b"RSA1" + bytes(100), "form (RSA1)"),
        ],
    )
    def test_kinds_of_key_that_are_not_modelled(self, clear: bytes, kind: str) -> None:
        expected = Proof("not_examined", "present", OURS.guid, "current", "no", not_modelled=kind)
        assert prover().prove(cng(private_clear=clear)) == expected

    @pytest.mark.parametrize("magic", [b"DSSS", b"SLHS"])
    def test_a_wrong_mac_is_damage_whatever_the_kind(self, magic: bytes) -> None:
        expected = Proof("damaged", "present", OURS.guid, "current", "no")
        assert prover().prove(cng(private_clear=magic + bytes(60), password=b"never typed")) == expected


class TestTpm:
    BLOB = pcp_blob("proof", EC)

    def test_a_wrapped_key_in_clear(self) -> None:
        assert prover().prove(slot(parse_pcpkey(make_pcpkey("p", "k", "ECDSA", self.BLOB)))) == Proof(
            private_key="sealed_tpm", public=public(EC)
        )

    @pytest.mark.parametrize(
        ("master_key", "expected"),
        [
            (OURS, Proof("sealed_tpm", "present", OURS.guid, "current", public=public(EC))),
            (LOST, Proof("locked", "absent", LOST.guid)),
            (FOREIGN, Proof("locked", "present", FOREIGN.guid, "nothing")),
            (
                USERS,
                Proof(
                    "locked",
                    "absent",
                    USERS.guid,
                    master_key_elsewhere=f"Protect/{USERS.guid}",
                    master_key_waits=(
                        f"a file of master key {USERS.guid} lies in Protect/{USERS.guid}, "
                        "and nothing known here opens it"
                    ),
                ),
            ),
        ],
        ids=["ours", "lost", "foreign", "of another owner"],
    )
    def test_a_wrapped_key_under_dpapi(self, master_key: MasterKey, expected: Proof) -> None:
        made = make_pcpkey("p", "k", "ECDSA", self.BLOB, master_key=master_key)
        assert prover().prove(slot(parse_pcpkey(made))) == expected

    def test_a_wrapped_key_whose_mac_is_wrong(self) -> None:
        made = bytearray(make_pcpkey("p", "k", "ECDSA", self.BLOB, master_key=OURS))
        made[-5] ^= 1  # the last byte of the blob's MAC: the closing mark PKSP follows it
        expected = Proof("damaged", "present", OURS.guid, "current")
        assert prover().prove(slot(parse_pcpkey(bytes(made)))) == expected

    def test_a_wrapped_key_that_is_laid_out_otherwise_is_not_damaged(self) -> None:
        made = make_pcpkey("p", "k", "ECDSA", b"PCPX" + self.BLOB[4:], master_key=OURS)
        proves = prover()
        assert proves.prove(slot(parse_pcpkey(made))) == Proof("sealed_tpm", "present", OURS.guid, "current")
        assert problems(proves.ring.installation) == [("f", "bad_magic")]
        assert proves.ring.installation.problems[0].offset == 0
