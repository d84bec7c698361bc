"""Which secret opens a master key, and what is said of one that nothing opens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from Crypto.Hash import MD4

from forensics.chain.master_key_found import Unlocked
from forensics.chain.master_keys import MasterKeyRing
from forensics.collectors.evidence import Evidence, MasterKeyEvidence
from forensics.dpapi.domain_backup import load_pvk
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.master_key import parse_master_key_file
from forensics.tables.machine import MachineRow, UserRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT, Outcome
from forensics.tables.secrets import Half, MasterKeyRow, SecretRow
from testdata.builder import dpapi
from testdata.builder.dpapi import MasterKey, make_master_key, nt_hash_prekey, password_prekey, service_prekey
from testdata.builder.keys import pvk, rsa_key
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import installation

SYSTEM, SERVICE, USER = "S-1-5-18", "S-1-5-19", "S-1-5-21-1-2-3-1001"
CURRENT = dpapi.DpapiSystem(b"m" * 20, b"u" * 20)
PREVIOUS = dpapi.DpapiSystem(b"n" * 20, b"v" * 20)
BOTH = DpapiSystem(SystemSecret(CURRENT.machine, CURRENT.user), SystemSecret(PREVIOUS.machine, PREVIOUS.user))
FOREIGN = b"z" * 20
PASSWORD = "Sommer 2024"
NT_HASH = MD4.new(PASSWORD.encode("utf-16-le")).digest()


@dataclass
class Disk:
    """Master keys of one installation, and the secrets that are known."""

    system: DpapiSystem = BOTH
    secrets: UserSecrets = field(default_factory=UserSecrets)
    security: bool = False
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        hives = {"SECURITY": HiveWriter("SECURITY")} if self.security else {}
        self.evidence = Evidence(installation({}, hives), MachineRow(machine_id=1, source_path="x"))

    def put(
        self, made: MasterKey, owner: str = SYSTEM, half: Half | None = "machine", damage: int | None = None
    ) -> str:
        """Put a master key on the disk, with one byte of it changed; return its GUID."""
        data = bytearray(made.file)
        if damage is not None:
            data[damage] ^= 1
        row = MasterKeyRow(
            machine_id=1,
            guid=made.guid,
            path=f"Protect/{owner}/{half}/{made.guid}",
            owner_sid=owner,
            half=half,
            outcome="present",
            source_path="x",
        )
        self.evidence.master_keys.append(MasterKeyEvidence(row, parse_master_key_file(bytes(data))))
        return made.guid

    def unlock(self, guid: str, owner: str | None = SYSTEM) -> Unlocked:
        return MasterKeyRing(self.evidence, self.system, self.secrets).unlock(guid, owner)

    def said(self, guid: str, owner: str | None = SYSTEM) -> tuple[str, str, bytes | None]:
        found = self.unlock(guid, owner)
        return found.outcome, found.by, found.key


def made(pre: bytes, sid: str = SYSTEM, flags: int = 6, **given: object) -> MasterKey:
    return make_master_key("ring", sid, pre, rounds=1, flags=flags, **given)  # type: ignore[arg-type]


class TestSystem:
    @pytest.mark.parametrize("half", ["machine", "user", None])
    @pytest.mark.parametrize(
        ("pre", "by"),
        [
            (CURRENT.machine, "current"),
            (CURRENT.user, "current"),
            (PREVIOUS.machine, "previous"),
            (PREVIOUS.user, "previous"),
        ],
        ids=["current machine", "current user", "previous machine", "previous user"],
    )
    def test_either_half_of_either_generation(self, pre: bytes, by: str, half: Half | None) -> None:
        """Format notes, 4.2: the folder tells the half, yet the other is tried too."""
        disk = Disk()
        key = made(pre)
        assert disk.said(disk.put(key, half=half)) == ("present", by, key.key)

    @pytest.mark.parametrize(
        ("pre", "half", "odd"),
        [
            (CURRENT.machine, "machine", False),
            (CURRENT.user, "user", False),
            (CURRENT.machine, "user", True),
            (CURRENT.user, "machine", True),
            (CURRENT.machine, None, True),
            (PREVIOUS.user, "machine", True),
        ],
    )
    def test_one_in_the_folder_of_the_other_half_is_doubted(self, pre: bytes, half: Half | None, odd: bool) -> None:
        """settled.md: whether DPAPI looks in one of the two folders only is not published; the place is named."""
        disk = Disk()
        guid = disk.put(made(pre), half=half)
        doubt = disk.unlock(guid).doubt
        assert (doubt is not None) == odd
        if doubt is not None:
            assert f"lies in Protect/{SYSTEM}/{half}/{guid}" in doubt
            assert doubt.endswith("whether Windows looks there is not published")

    def test_a_copy_in_the_right_folder_is_the_one_that_counts(self) -> None:
        disk = Disk()
        key = made(CURRENT.machine)
        disk.put(key, half="user")
        assert disk.unlock(disk.put(key, half="machine")).doubt is None

    def test_a_service_account_has_one_folder(self) -> None:
        disk = Disk()
        guid = disk.put(made(service_prekey(CURRENT.user, SERVICE), SERVICE), owner=SERVICE, half=None)
        assert (disk.unlock(guid, SERVICE).by, disk.unlock(guid, SERVICE).doubt) == ("current", None)

    def test_nothing_opens_it(self) -> None:
        disk = Disk()
        assert disk.said(disk.put(made(FOREIGN))) == ("present", "nothing", None)

    def test_without_any_secret_nothing_was_tried(self) -> None:
        disk = Disk(DpapiSystem())
        assert disk.said(disk.put(made(CURRENT.machine))) == ("present", "not_tried", None)

    def test_a_machine_that_has_no_secret_is_a_machine_on_which_nothing_opens(self) -> None:
        disk = Disk(DpapiSystem(), security=True)
        guid = disk.put(made(CURRENT.machine))
        assert disk.said(guid) == ("present", "not_tried", None)
        for generation in ("current", "previous"):
            row = SecretRow(machine_id=1, source_path="x", name="DPAPI_SYSTEM", generation=generation, outcome="absent")
            disk.evidence.secrets.append(row)
        assert disk.said(guid) == ("present", "nothing", None)
        disk.evidence.secrets[1].outcome = "unreadable"
        assert disk.said(guid) == ("present", "not_tried", None)

    @pytest.mark.parametrize("half", [CURRENT.machine, CURRENT.user])
    @pytest.mark.parametrize("sid", ["S-1-5-19", "S-1-5-20"])
    def test_service_accounts_key_a_half_with_their_sid_or_use_it_raw(self, sid: str, half: bytes) -> None:
        for pre in (half, service_prekey(half, sid)):
            disk = Disk()
            key = made(pre, sid)
            assert disk.said(disk.put(key, sid), sid) == ("present", "current", key.key)
        disk = Disk()
        assert disk.said(disk.put(made(service_prekey(half, SYSTEM), sid), sid), sid) == ("present", "nothing", None)


class TestMissing:
    def test_absent_only_where_all_folders_of_the_owner_were_seen(self) -> None:
        disk = Disk()
        folders = disk.evidence.master_key_folders
        assert disk.said("g") == ("not_examined", "not_tried", None)
        folders[SYSTEM, "machine"] = PRESENT
        folders[SYSTEM, "user"] = ABSENT
        folders[USER, None] = NOT_COLLECTED
        assert disk.said("g") == ("absent", "not_tried", None)
        assert disk.said("g", USER) == ("not_examined", "not_tried", None)
        assert disk.said("g", "S-1-5-20") == ("not_examined", "not_tried", None)
        folders[SYSTEM, "user"] = Outcome("unreadable", "damaged")
        assert disk.said("g") == ("not_examined", "not_tried", None)

    def test_a_key_of_another_owner_is_not_the_one(self) -> None:
        disk = Disk()
        disk.evidence.master_key_folders[USER, None] = PRESENT
        guid = disk.put(made(CURRENT.machine))
        assert disk.said(guid, USER) == ("absent", "not_tried", None)

    def test_an_unreadable_file(self) -> None:
        disk = Disk()
        guid = disk.put(made(CURRENT.machine))
        disk.evidence.master_keys[0].parsed = None
        assert disk.said(guid) == ("unreadable", "not_tried", None)

    def test_of_two_files_of_one_guid_the_one_that_opens(self) -> None:
        disk = Disk()
        key = made(CURRENT.user)
        disk.put(key, half="machine", damage=200)
        guid = disk.put(key, half="user")
        assert disk.said(guid) == ("present", "current", key.key)


class TestUsers:
    @pytest.mark.parametrize("name", [USER.lower(), "ann"])
    @pytest.mark.parametrize(
        ("pre", "given"),
        [
            (password_prekey(PASSWORD, USER), "password"),
            (nt_hash_prekey(NT_HASH, USER), "password"),
            (nt_hash_prekey(NT_HASH, USER), "hash"),
            (service_prekey(NT_HASH, USER), "hash"),
        ],
        ids=["local", "protected by password", "protected", "domain"],
    )
    def test_by_sid_or_by_name(self, name: str, pre: bytes, given: str) -> None:
        known = UserSecrets({name: PASSWORD}) if given == "password" else UserSecrets({}, {name: NT_HASH})
        disk = Disk(secrets=known)
        disk.evidence.users.append(UserRow(machine_id=1, source_path="x", sid=USER, name="Ann"))
        key = made(pre, USER, flags=0)
        assert disk.said(disk.put(key, USER, None), USER) == ("present", "password", key.key)

    def test_the_password_of_somebody_else_is_not_tried(self) -> None:
        disk = Disk(secrets=UserSecrets({"bob": PASSWORD}))
        disk.evidence.users.append(UserRow(machine_id=1, source_path="x", sid=USER, name="Ann"))
        guid = disk.put(made(password_prekey(PASSWORD, USER), USER, flags=0), USER, None)
        assert disk.said(guid, USER) == ("present", "not_tried", None)

    def test_a_wrong_password(self) -> None:
        disk = Disk(secrets=UserSecrets({USER.lower(): "other"}))
        guid = disk.put(made(password_prekey(PASSWORD, USER), USER, flags=0), USER, None)
        assert disk.said(guid, USER) == ("present", "nothing", None)

    def test_the_secret_of_the_machine_is_not_tried_on_users(self) -> None:
        disk = Disk()
        guid = disk.put(made(CURRENT.user, USER, flags=0), USER, None)
        assert disk.said(guid, USER) == ("present", "not_tried", None)

    def test_the_domains_key(self) -> None:
        right, wrong = load_pvk(pvk(rsa_key("domain-backup"))), load_pvk(pvk(rsa_key("2048-01")))
        key = made(FOREIGN, USER, flags=0, domain=True)
        disk = Disk(secrets=UserSecrets(domain_keys=(wrong, right)))
        assert disk.said(disk.put(key, USER, None), USER) == ("present", "domain_key", key.key)
        disk = Disk(secrets=UserSecrets(domain_keys=(wrong,)))
        assert disk.said(disk.put(key, USER, None), USER) == ("present", "nothing", None)
        # A file without domain section was not tried with it.
        disk = Disk(secrets=UserSecrets(domain_keys=(right,)))
        guid = disk.put(made(FOREIGN, USER, flags=0), USER, None)
        assert disk.said(guid, USER) == ("present", "not_tried", None)


MASTER, BACKUP = 128 + 100, 128 + 176 + 100
"""Bytes in the cipher text of the two sections: a header of 128 bytes, then a master section of 176."""


class TestDamage:
    """Format notes, 4.4: the backup section tells a damaged file from a wrong secret."""

    @pytest.mark.parametrize(
        ("version", "given", "said"),
        [
            (2, ["domain-backup"], ("domain_key", "opens")),
            (3, ["domain-backup"], ("domain_key", "opens")),
            (3, ["2048-01", "domain-backup"], ("domain_key", "opens")),
            (3, ["2048-01"], ("nothing", "does_not_open")),
            (3, [], ("not_tried", "not_tried")),
            # A layout that nobody published says nothing about the key.
            (4, ["domain-backup"], ("not_tried", "not_tried")),
        ],
    )
    def test_the_row_says_what_the_given_domain_keys_did(
        self, version: int, given: list[str], said: tuple[str, str]
    ) -> None:
        disk = Disk(secrets=UserSecrets(domain_keys=tuple(load_pvk(pvk(rsa_key(name))) for name in given)))
        two = made(FOREIGN, USER, flags=0, domain=True)
        section = dpapi.domain_section_v3(two.key, USER, "ring")
        file = two.file if version == 2 else dpapi.with_domain_section(two.file, bytes([version]) + section[1:])
        guid = disk.put(MasterKey(two.guid, two.key, file), USER, None)
        ring = MasterKeyRing(disk.evidence, disk.system, disk.secrets)
        ring.unlock(guid, USER)
        [row] = ring.rows()
        assert (row.unlocked_by, row.domain_key) == said
        problems = [problem.kind for problem in disk.evidence.installation.problems]
        assert problems == (["unknown_version"] if version == 4 else [])

    def test_a_domain_key_is_not_tried_where_the_password_opens(self) -> None:
        key = made(password_prekey(PASSWORD, USER), USER, domain=True)
        wrong = load_pvk(pvk(rsa_key("2048-01")))
        disk = Disk(secrets=UserSecrets(passwords={USER.lower(): PASSWORD}, domain_keys=(wrong,)))
        guid = disk.put(key, USER, None)
        ring = MasterKeyRing(disk.evidence, disk.system, disk.secrets)
        ring.unlock(guid, USER)
        [row] = ring.rows()
        assert (row.unlocked_by, row.domain_key) == ("password", "not_tried")

    def test_where_the_backup_opens_the_file_is_whole(self) -> None:
        disk = Disk()
        assert disk.said(disk.put(made(CURRENT.machine), damage=MASTER))[0] == "present"

    def test_where_neither_section_opens_the_file_is_damaged(self) -> None:
        disk = Disk()
        assert disk.said(disk.put(made(FOREIGN), damage=BACKUP)) == ("unreadable", "not_tried", None)

    def test_a_damaged_backup_does_not_matter_where_the_master_section_opens(self) -> None:
        disk = Disk()
        key = made(CURRENT.machine)
        assert disk.said(disk.put(key, damage=BACKUP)) == ("present", "current", key.key)

    def test_of_a_user_a_backup_that_does_not_open_proves_nothing(self) -> None:
        disk = Disk(secrets=UserSecrets({USER.lower(): "other"}))
        guid = disk.put(made(FOREIGN, USER, flags=0), USER, None, damage=BACKUP)
        assert disk.said(guid, USER) == ("present", "nothing", None)

    def test_where_no_backup_of_the_disk_opens_the_rule_does_not_hold(self) -> None:
        """Somebody else's keys, copied here: their SID is another, so that no backup section can open."""
        disk = Disk()
        strangers = [make_master_key(f"s{n}", "S-1-5-21-9", FOREIGN, rounds=1) for n in range(3)]
        guids = [disk.put(key) for key in strangers]
        assert [disk.said(guid) for guid in guids] == [("present", "nothing", None)] * 3
        disk.put(make_master_key("sound", SYSTEM, CURRENT.machine, rounds=1))
        assert disk.said(guids[0]) == ("unreadable", "not_tried", None)

    def test_a_backup_under_the_secret_of_the_machine(self) -> None:
        """Bit 0 of the flags: both halves key the backup; where they do, SYSTEM's master section had to open too."""
        wrong = made(FOREIGN, flags=7, system=CURRENT)
        disk = Disk()
        assert disk.said(disk.put(wrong)) == ("unreadable", "not_tried", None)
        disk = Disk()
        assert disk.said(disk.put(wrong, damage=BACKUP)) == ("present", "nothing", None)
        disk = Disk(secrets=UserSecrets({USER.lower(): "other"}))
        guid = disk.put(made(FOREIGN, USER, flags=5, system=CURRENT), USER, None)
        assert disk.said(guid, USER) == ("present", "nothing", None)


def test_no_key_is_in_a_repr() -> None:
    text = repr(Unlocked("present", "current", b"secret" * 10))
    assert text.startswith("Unlocked(outcome='present', by='current'")
    assert "secret" not in text


def test_passwords_are_in_no_repr() -> None:
    assert (
        repr(UserSecrets({"a": PASSWORD}, {"b": NT_HASH}, (load_pvk(pvk(rsa_key("domain-backup"))),)))
        == "UserSecrets()"
    )


class TestNames:
    @pytest.mark.parametrize("name", ["alice", "ALICE.PC", "temp", "old alice", USER])
    def test_a_password_is_given_by_account_folder_or_sid(self, name: str) -> None:
        disk = Disk(secrets=UserSecrets(passwords={name.lower(): PASSWORD}))
        disk.evidence.users.append(
            UserRow(
                machine_id=1,
                source_path="x",
                sid=USER,
                name="Alice",
                profile_path="C/Users/alice.PC",
                temporary_profile="C/Users/TEMP",
                other_profiles=["D:\\Profiles\\old alice"],
            )
        )
        key = made(password_prekey(PASSWORD, USER), USER, flags=5)
        assert disk.said(disk.put(key, USER, None), USER) == ("present", "password", key.key)

    def test_another_users_password_is_not_tried(self) -> None:
        disk = Disk(secrets=UserSecrets(passwords={"users": PASSWORD, "c": PASSWORD}))
        disk.evidence.users.append(
            UserRow(machine_id=1, source_path="x", sid=USER, name="alice", profile_path="C/Users/alice")
        )
        key = made(password_prekey(PASSWORD, USER), USER, flags=5)
        assert disk.said(disk.put(key, USER, None), USER) == ("present", "not_tried", None)

    @pytest.mark.parametrize(
        ("owner", "folder", "opens"),
        [
            ("S-1-5-21-7-8-9-1105", "C/Users/alice", True),
            ("S-1-12-1-1-2-3-4", "C/Users/Alice", True),
            ("S-1-5-21-1-2-3-1001", "D/Old/alice", True),
            # Of another user, whose folder begins alike, and of nobody's profile.
            ("S-1-5-21-7-8-9-1105", "C/Users/alice.old", False),
            ("S-1-5-21-7-8-9-1105", "C/Backup", False),
        ],
    )
    def test_the_password_of_a_user_who_was_moved_is_tried_on_the_keys_of_his_earlier_sid(
        self, owner: str, folder: str, opens: bool
    ) -> None:
        now = "S-1-5-21-4-5-6-1001"
        disk = Disk(secrets=UserSecrets(passwords={"alice": PASSWORD}))
        disk.evidence.users += [
            UserRow(
                machine_id=1,
                source_path="x",
                sid=now,
                name="alice",
                profile_path="C/Users/alice",
                other_profiles=["D/Old/alice"],
            ),
            UserRow(machine_id=1, source_path="x", sid=owner),
        ]
        guid = disk.put(made(password_prekey(PASSWORD, owner), owner, flags=5), owner, None)
        item = disk.evidence.master_keys[-1]
        path = f"{folder}/AppData/Roaming/Microsoft/Protect/{owner}/{guid}"
        item.row = replace(item.row, path=path)
        assert disk.unlock(guid, owner).by == ("password" if opens else "not_tried")
        # A key of today that names the master key of the SID before.
        moved = disk.unlock(guid, now)
        assert (moved.by, moved.under_sid) == ("password" if opens else "not_tried", owner)
