"""A disk made to waste time: what its keys may cost is bounded, and what was not tried is never called broken."""

from __future__ import annotations

import itertools

import pytest

from forensics.chain.key_index import KeyIndex
from forensics.chain.master_keys import MasterKeyRing
from forensics.chain.work import Work
from forensics.collectors.evidence import Evidence, KeyFileEvidence, MasterKeyEvidence
from forensics.dpapi.dpapi import section_rounds
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.pbkdf2 import dpapi_pbkdf2
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.private_key import DsaPrivateKey, RsaPrivateKey, SymmetricKey
from forensics.formats.public_key import DsaPublicKey
from forensics.tables.certificate import KeyFileRow
from forensics.tables.machine import MachineRow
from forensics.tables.secrets import MasterKeyRow
from testdata.builder import dpapi
from testdata.builder.dpapi import make_master_key
from tests.collectors.virtual import installation, problems

MACHINE_HALF = b"m" * 20


def ring(*files: bytes) -> tuple[MasterKeyRing, Evidence, list[str]]:
    """Return a ring of SYSTEM's master keys, what it was made of, and their GUIDs."""
    evidence = Evidence(installation({}), MachineRow(machine_id=1, source_path="x"))
    for number, file in enumerate(files):
        parsed = parse_master_key_file(file)
        row = MasterKeyRow(
            machine_id=1,
            guid=parsed.guid,
            path=f"Protect/{number}",
            owner_sid="S-1-5-18",
            half="machine",
            outcome="present",
            source_path="x",
        )
        evidence.master_keys.append(MasterKeyEvidence(row, parsed))
    system = DpapiSystem(current=SystemSecret(MACHINE_HALF, b"u" * 20))
    return MasterKeyRing(evidence, system, UserSecrets()), evidence, [m.row.guid for m in evidence.master_keys]


def test_rounds_of_a_section_count_every_block() -> None:
    for suite, blocks in ((dpapi.AES_SHA512, 1), (dpapi.TDES_SHA1, 2)):
        parsed = parse_master_key_file(make_master_key("w", "S-1-5-18", bytes(20), suite=suite, rounds=300).file)
        assert parsed.master is not None
        assert section_rounds(parsed.master) == 300 * blocks


def test_costly_master_keys_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.chain.work.MAX_WORK", 5_000)
    derived: list[int] = []

    def counted(name: str, pre: bytes, salt: bytes, rounds: int, size: int) -> bytes:
        derived.append(rounds)
        return dpapi_pbkdf2(name, pre, salt, rounds, size)

    monkeypatch.setattr("forensics.dpapi.dpapi.dpapi_pbkdf2", counted)
    foreign = [make_master_key(f"w{n}", "S-1-5-18", b"z" * 20, rounds=1000).file for n in range(20)]
    keys, evidence, guids = ring(*foreign)
    states = [keys.unlock(guid, "S-1-5-18") for guid in guids]
    assert sum(derived) <= 5_000
    # Two halves of one secret and the backup section for the first; then the budget ends in the second.
    assert [s.by for s in states] == ["nothing"] + ["not_tried"] * 19
    assert {s.outcome for s in states} == {"present"}
    assert [row.unlocked_by for row in keys.rows()] == ["nothing"] + ["not_tried"] * 19
    assert {m.row.unlocked_by for m in evidence.master_keys} == {"not_tried"}
    assert problems(evidence.installation) == [("Protect/1", "too_much_work")]


def test_a_cheap_key_is_still_opened_when_a_costly_one_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.chain.work.MAX_WORK", 1_000)
    costly = make_master_key("costly", "S-1-5-18", MACHINE_HALF, rounds=1_000).file
    cheap = make_master_key("cheap", "S-1-5-18", MACHINE_HALF, rounds=100)
    keys, _, (first, second) = ring(costly, cheap.file)
    assert keys.unlock(first, "S-1-5-18").by == "not_tried"
    assert keys.unlock(second, "S-1-5-18").key == cheap.key


def test_a_backup_section_that_was_not_tried_proves_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray(make_master_key("w", "S-1-5-18", b"z" * 20, rounds=1000).file)
    # In the cipher text of the backup section, behind a header of 128 and a master section of 176 bytes.
    damaged[128 + 176 + 40] ^= 1
    sound = make_master_key("sound", "S-1-5-18", MACHINE_HALF, rounds=1000).file
    keys, _, (guid, _) = ring(bytes(damaged), sound)
    assert keys.unlock(guid, "S-1-5-18").outcome == "unreadable"
    # Enough for both halves, too little for the backup sections of this key and its sibling.
    monkeypatch.setattr("forensics.chain.work.MAX_WORK", 3_500)
    keys, _, (guid, _) = ring(bytes(damaged), sound)
    assert keys.unlock(guid, "S-1-5-18").outcome == "present"
    assert keys.rows()[0].intact == "unknown"


def test_arithmetic_costs_what_its_numbers_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.chain.work.MAX_WORK", 1_000_000)
    huge = DsaPrivateKey(5, DsaPublicKey(1 << 16383, 1 << 500, 2, 3))
    small = RsaPrivateKey(1 << 2047, 65537, 3, 5)
    work = Work(installation({}))
    assert sum(1 for _ in itertools.takewhile(lambda _: work.may_check(huge, "x"), range(100))) == 9
    work = Work(installation({}))
    assert all(work.may_check(small, "x") for _ in range(10_000))
    assert all(work.may_check(SymmetricKey(256), "x") for _ in range(10_000))


def test_few_files_of_one_container_are_looked_at_and_the_current_one_is_among_them() -> None:
    examined = installation({})
    evidence = Evidence(examined, MachineRow(machine_id=1, source_path="x"))
    for number in range(1000):
        evidence.key_files.append(
            KeyFileEvidence(
                KeyFileRow(
                    machine_id=1,
                    path=f"Keys/{number}",
                    file_name=f"{number}",
                    kind="capi",
                    scope="user" if number == 0 else "machine",
                    name_hash="a" * 32,
                    guid_is_current=number == 999,
                    source_path="x",
                )
            )
        )
    named = KeyIndex(evidence).named("capi", "a" * 32)
    # One of another home is not crowded out by those of the first.
    assert (len(named), named[0].row.path, {f.row.scope for f in named}) == (21, "Keys/999", {"machine", "user"})
    message = f"only 20 files of the container with hash {'a' * 32} are looked at"
    assert [(p.source_path, p.kind, p.message) for p in examined.problems] == [("Keys", "too_many", message)]
    assert [(c.area, c.name, c.outcome) for c in examined.coverage] == [("folder", "Keys", "partial")]
