"""Users' keys on a whole Windows: which of a user's passwords opens them, and what is said of a missing one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from forensics.asked_rules import ask_rules
from forensics.case_tables import CaseTables
from forensics.chain.judge import Judged, judge
from forensics.chain.prekeys import Prekeys
from forensics.collectors.evidence import rows_of
from forensics.dpapi.dpapi import nt_hash
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.engine.loader import load_packs
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import MasterKeyRow
from testdata.builder import certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.credhist import credhist
from testdata.builder.folders import Owner
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from tests.examined import AS_OF
from tests.forged_machine import evidence_of, judged

RID = 1001
OPENED = DpapiSystem(SystemSecret(bytes(20), bytes(20)), None)
OLD, MIDDLE, TODAY = "Winter 2022", "Frühling 2023", "Sommer 2024"


@dataclass
class Computer:
    """A Windows with one user, Maria, whose key was made under one of her passwords.

    Attributes:
        of_key: Her password of then; None: she has none.
        today: Her password in SAM; None: none is set.
    """

    of_key: str = OLD
    today: str | None = TODAY
    forged: ForgedMachine = field(init=False)
    owner: Owner = field(init=False)

    def __post_init__(self) -> None:
        self.forged = machine("users-passwords")
        self.owner = self.forged.add_user(self.sid, "maria", self.of_key)
        hash_ = None if self.today is None else nt_hash(self.today)
        self.forged.hives.add_account(RID, "maria", self.forged.lsa.boot_key, hash_)
        key = rsa_key("2048-09")
        self.forged.put_capi("maria", exchange=Slot(key, True), owner=self.owner)
        link = capi_link("maria", certs.CAPI_ENHANCED, machine_keyset=False)
        self.forged.put_certificate(certs.make_certificate("maria", key), link=link, owner=self.owner)

    @property
    def sid(self) -> str:
        return f"{self.forged.facts.machine_sid}-{RID}"

    @property
    def protect(self) -> str:
        return self.owner.protect_folder.rpartition("/")[0]

    def history(self, *passwords: str, **given: Any) -> None:
        self.forged.write(f"{self.protect}/CREDHIST", credhist("maria", self.sid, passwords, rounds=20, **given))

    def judged(self, password: str | None = None, **given: Any) -> Judged:
        passwords = {} if password is None else {"maria": password}
        return judged(self.forged, UserSecrets(passwords=passwords, **given))

    def seen(self, password: str | None = None, **given: Any) -> tuple[KeyChainRow, MasterKeyRow]:
        found = self.judged(password, **given)
        [chain] = [row for row in found.key_chains if row.owner_sid == self.sid]
        [row] = [row for row in found.master_keys if row.owner_sid == self.sid]
        return chain, row


def told(row: MasterKeyRow) -> tuple[Any, ...]:
    return row.unlocked_by, row.opened_with, row.given_password, row.missing_secret


class TestGiven:
    def test_the_password_of_then_is_found_not_to_be_todays(self) -> None:
        chain, row = Computer().seen(OLD)
        assert told(row) == ("password", "given_password", "another", [])
        assert (chain.unlocked_by, chain.private_key, chain.verdict) == ("password", "proved", "unknown")
        assert chain.reason is not None
        assert "is not today's in SAM: likely it was reset since" in chain.reason
        assert chain.reason.endswith("CREDHIST, which could lead to it, is not on this disk")

    def test_todays_password_that_opens_the_key_leaves_nothing_open(self) -> None:
        chain, row = Computer(of_key=TODAY).seen(TODAY)
        assert told(row) == ("password", "given_password", "todays", [])
        assert (chain.verdict, chain.reason) == ("usable", "")

    def test_todays_password_alone_misses_the_older_one(self) -> None:
        chain, row = Computer().seen(TODAY)
        assert told(row) == ("nothing", None, "todays", ["older_password"])
        assert (row.credhist, row.credhist_passwords, row.credhist_opened) == ("absent", None, None)
        assert (chain.unlocked_by, chain.private_key, chain.verdict) == ("nothing", "locked", "unknown")
        assert chain.reason == (
            "the password given is today's (it fits SAM); likely the master key is from before it was set. Give the "
            "older password; CREDHIST, the history of older passwords, is not on this disk"
        )

    def test_a_password_that_is_neither(self) -> None:
        _, row = Computer().seen("Herbst")
        assert told(row) == ("nothing", None, "another", ["password"])

    def test_the_nt_hash_of_today_opens_no_key_of_a_local_account(self) -> None:
        chain, row = Computer(of_key=TODAY).seen(nt_hashes={"maria": nt_hash(TODAY)})
        assert told(row) == ("nothing", None, "none", ["password"])
        assert (chain.reason or "").startswith("the NT hash given does not open the master key: as that of a local")

    def test_nothing_given_is_told_as_such(self) -> None:
        chain, row = Computer().seen()
        assert told(row) == ("not_tried", None, "none", ["password"])
        assert chain.unlocked_by == "not_tried"
        assert (row.opens_with, row.disk_holds) == (["password"], ["sam"])

    def test_of_a_microsoft_account_the_password_says_little(self) -> None:
        computer = Computer()
        user = f"SAM\\Domains\\Account\\Users\\{RID:08X}"
        computer.forged.hives.sam.key(user).binary("InternetUserName", "maria@example.test".encode("utf-16-le"))
        chain, row = computer.seen(TODAY)
        assert row.opens_with == ["password", "cloudap"]
        assert row.missing_secret == ["older_password", "cloudap"]
        assert "the account signs in as a Microsoft account" in (chain.reason or "")

    def test_a_password_that_opens_a_key_of_a_microsoft_account_is_not_said_to_have_been_reset(self) -> None:
        computer = Computer()
        user = f"SAM\\Domains\\Account\\Users\\{RID:08X}"
        computer.forged.hives.sam.key(user).binary("InternetUserName", "maria@example.test".encode("utf-16-le"))
        chain, row = computer.seen(OLD)
        assert told(row) == ("password", "given_password", "another", [])
        assert (chain.private_key, chain.verdict) == ("proved", "unknown")
        assert (chain.reason or "").endswith("only where Windows saw it: whether it is today's is not known")
        assert "reset" not in (chain.reason or "")
        assert findings(computer, OLD) == []
        chain, _ = computer.seen("Herbst")
        assert (chain.reason or "").startswith(
            "the password given does not open the master key; the account signs in as"
        )


class TestCredHist:
    @pytest.mark.parametrize("suite", [dpapi.AES_SHA512, dpapi.TDES_SHA1], ids=["AES", "3DES"])
    def test_todays_password_leads_to_that_of_then(self, suite: dpapi.Suite) -> None:
        computer = Computer()
        computer.history(OLD, MIDDLE, TODAY, suite=suite)
        chain, row = computer.seen(TODAY)
        assert told(row) == ("password", "credhist", "todays", [])
        assert (row.credhist, row.credhist_passwords, row.credhist_opened) == ("present", 2, 2)
        assert row.disk_holds == ["sam", "credhist"]
        # Windows walks the same way.
        assert (chain.unlocked_by, chain.private_key, chain.verdict) == ("password", "proved", "usable")

    def test_a_password_in_the_middle_opens_what_is_older(self) -> None:
        computer = Computer()
        computer.history(OLD, MIDDLE, TODAY)
        chain, row = computer.seen(MIDDLE)
        assert told(row) == ("password", "credhist", "another", [])
        assert (row.credhist_passwords, row.credhist_opened) == (2, 1)
        assert (chain.private_key, chain.verdict) == ("proved", "unknown")
        assert (chain.reason or "").startswith("a password older than the one given, to which CREDHIST leads, opens")

    def test_after_a_reset_it_leads_nowhere(self) -> None:
        computer = Computer()
        computer.history(OLD, MIDDLE)
        chain, row = computer.seen(TODAY)
        assert told(row) == ("nothing", None, "todays", ["older_password"])
        assert (row.credhist_passwords, row.credhist_opened) == (1, 0)
        assert "the file CREDHIST holds 1 older password, and nothing known here opens it" in (chain.reason or "")

    def test_a_key_of_none_of_the_passwords(self) -> None:
        computer = Computer(of_key="Herbst")
        computer.history(OLD, MIDDLE, TODAY)
        chain, row = computer.seen(TODAY)
        assert told(row) == ("nothing", None, "todays", ["older_password"])
        assert "2 older passwords, which what is known here opens, and none is that of the key" in (chain.reason or "")

    def test_without_anything_given_it_is_seen_and_not_read(self) -> None:
        computer = Computer()
        computer.history(OLD, MIDDLE, TODAY)
        _, row = computer.seen()
        assert (row.credhist, row.credhist_passwords, row.credhist_opened) == ("present", None, None)
        assert told(row) == ("not_tried", None, "none", ["password"])

    def test_a_damaged_file_is_a_problem_and_no_traceback(self) -> None:
        computer = Computer()
        computer.forged.write(f"{computer.protect}/CREDHIST", b"\xff" * 10)
        chain, row = computer.seen(TODAY)
        assert (row.credhist, row.credhist_passwords) == ("unreadable", None)
        assert "CREDHIST, the history of older passwords, is damaged" in (chain.reason or "")

    def test_what_costs_too_much_is_not_tried_and_takes_nothing_from_master_keys(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("forensics.chain.prekeys.MAX_EXTRA_WORK", 8090)
        computer = Computer()
        computer.history(OLD, MIDDLE, TODAY)
        chain, row = computer.seen(TODAY)
        assert told(row) == ("nothing", None, "todays", ["older_password"])
        assert (row.credhist, row.credhist_passwords, row.credhist_opened) == ("present", 2, None)
        assert "2 older passwords, which were not all tried, since that costs too much" in (chain.reason or "")
        assert Computer(of_key=TODAY).seen(TODAY)[0].private_key == "proved"

    def test_stretching_a_hash_for_each_link_costs_work_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The rounds of the links themselves may be one, and each link may name another account."""
        monkeypatch.setattr("forensics.chain.prekeys.MAX_EXTRA_WORK", 3 * 2_500)
        computer = Computer()
        passwords = [f"Winter {year}" for year in range(2000, 2010)]
        computer.forged.write(f"{computer.protect}/CREDHIST", credhist("maria", computer.sid, passwords, rounds=1))
        _, row = computer.seen("Herbst")
        assert (row.credhist, row.credhist_passwords, row.credhist_opened) == ("present", 9, None)


class TestOnDisk:
    def test_the_empty_password_needs_nobody_to_give_it(self) -> None:
        chain, row = Computer(of_key="", today=None).seen()
        assert told(row) == ("password", "empty_password", "todays", [])
        assert (chain.unlocked_by, chain.private_key, chain.verdict) == ("password", "proved", "usable")

    def test_an_empty_password_of_before_is_not_todays(self) -> None:
        assert told(Computer(of_key="").seen()[1]) == ("not_tried", None, "none", ["password"])
        chain, row = Computer(of_key="").seen(TODAY)
        assert told(row) == ("password", "empty_password", "another", [])
        assert (chain.private_key, chain.verdict) == ("proved", "unknown")

    def test_an_account_without_password_today_leads_by_credhist_to_the_one_of_before(self) -> None:
        computer = Computer(today=None)
        computer.history(OLD, "")
        _, row = computer.seen()
        assert told(row) == ("password", "credhist", "todays", [])

    def test_what_windows_kept_for_a_restart_opens_a_local_users_key(self) -> None:
        computer = Computer(of_key=TODAY)
        computer.forged.hives.add_tbal(computer.forged.lsa.tbal(TODAY))
        chain, row = computer.seen()
        assert told(row) == ("password", "tbal", "todays", [])
        assert row.disk_holds == ["sam", "tbal"]
        assert (chain.private_key, chain.verdict) == ("proved", "usable")

    def test_it_leads_by_credhist_to_an_older_one(self) -> None:
        computer = Computer()
        computer.history(OLD, TODAY)
        computer.forged.hives.add_tbal(computer.forged.lsa.tbal(TODAY))
        _, row = computer.seen()
        assert told(row) == ("password", "credhist", "todays", [])


class TestOfADomain:
    """A user of the domain, whose key hangs on the NT hash, and who signed in here with a password that is kept."""

    def computer(self, of_key: str, signed_in_with: str) -> tuple[ForgedMachine, str]:
        forged = machine("users-passwords-domain")
        sid = f"{forged.facts.domain_sid}-1120"
        owner = forged.add_user(sid, "dave", None, nt_hash(of_key))
        forged.hives.add_cached_logon(1, *forged.lsa.cached_logon(1120, "dave", "contoso.test", signed_in_with))
        key = rsa_key("2048-09")
        forged.put_capi("dave", exchange=Slot(key, True), owner=owner)
        link = capi_link("dave", certs.CAPI_ENHANCED, machine_keyset=False)
        forged.put_certificate(certs.make_certificate("dave", key), link=link, owner=owner)
        return forged, sid

    def seen(self, of_key: str, signed_in_with: str, **given: Any) -> tuple[KeyChainRow, MasterKeyRow]:
        forged, sid = self.computer(of_key, signed_in_with)
        found = judged(forged, UserSecrets(**given))
        [chain] = [row for row in found.key_chains if row.owner_sid == sid]
        [row] = [row for row in found.master_keys if row.owner_sid == sid]
        return chain, row

    def test_the_password_of_the_last_sign_in_that_opens_the_key(self) -> None:
        chain, row = self.seen(TODAY, TODAY, passwords={"dave": TODAY})
        assert told(row) == ("password", "given_password", "cached", [])
        assert (row.opens_with, chain.verdict) == (["password", "nt_hash", "domain_key"], "usable")
        assert (row.disk_holds, row.domain_key_version) == (["cached"], 2)
        assert told(self.seen(TODAY, TODAY, nt_hashes={"dave": nt_hash(TODAY)})[1])[1:3] == ("given_nt_hash", "cached")

    def test_the_password_of_the_last_sign_in_that_does_not(self) -> None:
        chain, row = self.seen(OLD, TODAY, passwords={"dave": TODAY})
        assert told(row) == ("nothing", None, "cached", ["older_password", "domain_key"])
        assert (chain.reason or "").startswith(
            "the password given is that of a sign-in here (it fits the cached credentials); likely the master key is "
        )

    def test_a_password_is_compared_once_however_many_master_keys_it_is_tried_on(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def is_of_last_logon(_: object, __: object, rid: int, ___: object) -> bool:
            asked.append(rid)
            return False

        monkeypatch.setattr("forensics.dpapi.cached_logon.is_of_last_logon", is_of_last_logon)
        forged, sid = self.computer(OLD, TODAY)
        prekeys = Prekeys(evidence_of(forged), OPENED, UserSecrets(passwords={"dave": TODAY}))
        for _ in range(3):
            assert prekeys.compared(sid, nt_hash(TODAY)) == "unknown"
        assert asked == [1120]

    def test_one_that_is_not_kept_may_be_newer(self) -> None:
        _, row = self.seen(OLD, OLD, passwords={"dave": TODAY})
        assert told(row) == ("nothing", None, "unknown", ["password", "domain_key"])


def test_the_forged_account_is_one_to_impacket(tmp_path: Any) -> None:
    secretsdump = pytest.importorskip("impacket.examples.secretsdump")
    computer = Computer()
    (tmp_path / "SAM").write_bytes(computer.forged.hives.sam.build())
    found: list[str] = []
    dump = secretsdump.SAMHashes(str(tmp_path / "SAM"), computer.forged.lsa.boot_key, isRemote=False)
    dump._SAMHashes__itemsFound = {}
    dump.dump()
    dump.finish()
    found = list(dump._SAMHashes__itemsFound.values())
    assert [line.split(":")[1:4:2] for line in found] == [[str(RID), nt_hash(TODAY).hex()]]


def findings(computer: Computer, password: str) -> list[Finding]:
    evidence = evidence_of(computer.forged)
    rows = judge(evidence, UserSecrets(passwords={"maria": password})).rows
    replaced = {row.table for row in rows}
    case = CaseTables([*(row for row in rows_of(evidence) if row.table not in replaced), *rows], as_of=AS_OF)
    ask_rules(case, load_packs())
    return [finding for finding in case.finding_list if finding.rule == "user-key-under-another-password"]


def test_a_finding_says_that_the_password_was_another_then() -> None:
    [finding] = findings(Computer(), TODAY)
    assert (finding.severity, finding.confidence) == ("medium", "likely")
    said = " ".join(block.text for block in finding.because)
    assert "The password given is today's (it fits SAM), and does not open it" in said
    assert said.endswith("by which Windows gets from today's password to older ones, is not on this disk.")
    [finding] = findings(Computer(), OLD)
    assert (finding.severity, finding.confidence) == ("medium", "proved")
    said = " ".join(block.text for block in finding.because)
    assert "The password given opens it, and is not today's (it does not fit SAM)" in said


def test_no_finding_speaks_of_a_key_that_todays_password_or_credhist_opens() -> None:
    assert findings(Computer(of_key=TODAY), TODAY) == []
    computer = Computer()
    computer.history(OLD, MIDDLE, TODAY)
    assert findings(computer, TODAY) == []
    assert findings(Computer(), "Herbst") == []


def test_no_secret_stands_in_a_row_or_a_problem() -> None:
    computer = Computer()
    computer.history(OLD, MIDDLE, TODAY)
    found = computer.judged(TODAY)
    said = repr(found.rows)
    for password in (OLD, MIDDLE, TODAY):
        assert password not in said
        assert nt_hash(password).hex() not in said
        assert repr(nt_hash(password))[2:-1] not in said
