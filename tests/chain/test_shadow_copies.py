"""Keys, master keys and secrets that only a shadow copy has: proved by decryption, read only where one is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import pytest

from forensics.chain import older_secrets
from forensics.chain.across import found_elsewhere
from forensics.collectors import past_files, past_volumes
from forensics.collectors.name_search import names_on
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.tree import Entry, NotObtained, Unreadable, WantedNames
from forensics.dpapi.lsa import DpapiSystem, unlock_dpapi_system
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.lsa import LsaMaterial
from forensics.tables.windows_path import windows_path
from testdata.builder import dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, CNG_SOFTWARE, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from tests.forged_machine import tree_of
from tests.memory_tree import MemoryTree
from tests.past_tree import Judgement, Kept, PastTree, State, identifier, judge_of, name_of

KEY = rsa_key("2048-01")
CONFIG = "Windows/System32/config"
EARLIER = dpapi.DpapiSystem.seeded("past/earlier")
ALICE = "S-1-5-21-1-2-3-1001"
MISSING = NotObtained("reading shadow copies needs libvshadow, which is not installed")


def server(*, secret: dpapi.DpapiSystem | None = None) -> ForgedMachine:
    """The machine with all that it needs; with another secret it is as it was before that one was replaced."""
    made = machine("past/web", with_keys=False)
    if secret is not None:
        made.secret = secret
    made.add_master_key(MACHINE, "first" if secret is None else "earlier")
    made.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
    made.put_capi("web", exchange=Slot(KEY))
    return made


def key_file(made: ForgedMachine) -> str:
    return next(path for path in made.files if path.startswith(f"{MACHINE.capi_folder}/"))


def master_key(made: ForgedMachine) -> str:
    return f"{MACHINE.protect_folder}/{made.keys[MACHINE].guid}"


def without(made: ForgedMachine, *paths: str) -> ForgedMachine:
    for path in paths:
        made.remove(path)
    return made


def no_key() -> ForgedMachine:
    return without(server(), key_file(server()))


def no_master_key() -> ForgedMachine:
    return without(server(), master_key(server()))


BACKUP = f"Backup/{key_file(server()).rpartition('/')[2]}"


def _moved(made: ForgedMachine) -> ForgedMachine:
    made.move(key_file(made), BACKUP)
    return made


class TestKeyFiles:
    def test_one_deleted_after_the_copy(self) -> None:
        found = Judgement(no_key(), server())
        row, path = found.of_web, name_of(key_file(server()))
        assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")
        assert (row.recoverable, row.recoverable_from, row.recoverable_shadow_copy) == (True, path, identifier(0))
        assert (row.recoverable_deleted, row.recovery_doubt, row.restore_to) == (False, None, None)
        assert row.reason == (
            "there is no key file where the certificate's link leads; the key lies in C:\\" + path.replace("/", "\\")
        )
        assert found.told == [("present", "it was searched")]

    def test_the_newest_that_has_it_is_enough(self) -> None:
        found = Judgement(no_key(), no_key(), server(), server())
        assert found.of_web.recoverable_from == name_of(key_file(server()), 1)
        assert found.kept.opened == [0, 1]
        assert found.told == [("present", "2 of 3 were searched, which was enough")]

    def test_a_key_newer_than_every_copy_is_lost(self) -> None:
        found = Judgement(no_key(), no_key(), no_key())
        row = found.of_web
        assert (row.recoverable, row.recoverable_from, row.recovery_doubt) == (False, None, None)
        assert found.told == [("present", "all 2 were searched")]

    def test_a_copy_that_opens_with_the_secrets_of_today_only(self) -> None:
        """The hives of the copy are of before the secret was set."""
        then = server()
        then.secret = EARLIER
        assert Judgement(no_key(), then).of_web.recoverable_from == name_of(key_file(server()))

    def test_a_copy_that_nothing_opens_is_named(self) -> None:
        then = server()
        then.put_capi("web", exchange=Slot(KEY), master_key=dpapi.make_master_key("gone", "S-1-5-18", b"z" * 20))
        row = Judgement(no_key(), then).of_web
        assert (row.recoverable, row.key_copy) == (False, name_of(key_file(server())))
        assert (row.key_copy_hangs_on, row.hangs_on) == ("shadow_copy", None)

    def test_a_file_that_is_there_as_it_was_is_no_copy_of_itself(self) -> None:
        made = no_master_key()
        row = Judgement(made, no_master_key(), no_master_key()).of_web
        assert (row.broken_at, row.recoverable, row.key_copy) == ("master_key", False, None)

    def test_one_whose_record_alone_changed_is_no_copy_of_itself(self) -> None:
        """Its times are others, say; what it holds is the same."""
        row = Judgement(no_master_key(), lambda: tree_of(no_master_key())).of_web
        assert (row.broken_at, row.recoverable, row.key_copy) == ("master_key", False, None)

    def test_a_backup_that_was_deleted_from_another_volume(self) -> None:
        """That volume is asked last."""
        made = server()
        backup = {f"Backup/{key_file(made).rpartition('/')[2]}": made.files[key_file(made)].data or b""}
        found = Judgement(no_key(), no_key(), beside=backup)
        (path,) = backup
        assert found.of_web.recoverable_from == name_of(f"partition 2/{path}")
        assert found.told == [("present", "it was searched"), ("present", "it was searched")]
        assert Judgement(no_key(), server(), beside=backup).of_web.recoverable_from == name_of(key_file(made))

    def test_a_user_s_key_opens_with_his_password(self) -> None:
        def windows() -> ForgedMachine:
            made = server()
            owner = made.add_user(ALICE, "alice", "Correct-Horse-9")
            certificate = make_certificate("alice.contoso.test", rsa_key("2048-02"))
            made.put_certificate(certificate, owner=owner, link=capi_link("alice", CAPI_ENHANCED, machine_keyset=False))
            made.put_capi("alice", exchange=Slot(rsa_key("2048-02")), owner=owner)
            return made

        (path,) = (path for path in windows().files if "/alice/" in path and "/RSA/" in path and "_" in path)
        given = UserSecrets(passwords={ALICE.lower(): "Correct-Horse-9"})
        found = Judgement(without(windows(), path), windows(), given=given)
        (row,) = (row for row in found.rows if row.subject == "CN=alice.contoso.test")
        assert (row.recoverable, row.recoverable_from) == (True, name_of(path))


def test_another_windows_of_the_disk_opens_what_a_copy_of_its_volume_has() -> None:
    """The certificate was carried to it without its key; the copy's file hangs on the secret of the first one."""
    other = machine("past/other", computer_name="WEB02")
    other.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
    first = PastTree(tree_of(no_key()), Kept(no_key(), [server()]))
    volumes = [DiskVolume("partition 1", lambda: first), DiskVolume("partition 2")]
    has_it, lacks_it = judge_of(first, None, volumes), judge_of(tree_of(other), None, volumes, "partition 2")
    lacks_it.judged()
    has_it.judged()
    (row,) = (better for _, better in found_elsewhere([lacks_it, has_it]) if better.recoverable_on is not None)
    assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (True, name_of(key_file(server())), 1)
    assert (row.hangs_on, row.key_copy, row.recovery_doubt) == ("shadow_copy", None, None)


class TestCopiesOfToday:
    """A copy of the key file lies on the volume of today, and opens only with what a shadow copy has."""

    def test_its_master_key_is_in_a_shadow_copy(self) -> None:
        row = Judgement(_moved(no_master_key()), server()).of_web
        assert (row.recoverable, row.recoverable_from) == (True, BACKUP)
        assert (row.recoverable_shadow_copy, row.recoverable_master_key) == (None, name_of(master_key(server())))
        assert (row.recoverable_hives, row.hangs_on) == (None, "shadow_copy")

    def test_its_secret_is_in_a_shadow_copy(self) -> None:
        made = _moved(server())
        made.secret = EARLIER
        row = Judgement(made, server()).of_web
        assert (row.recoverable, row.recoverable_from, row.recoverable_master_key) == (True, BACKUP, None)
        assert (row.recoverable_hives, row.hangs_on) == (name_of("Windows/System32/config"), "shadow_copy")

    def test_all_that_it_needs_is_there_today(self) -> None:
        row = Judgement(_moved(server()), server()).of_web
        assert (row.recoverable_from, row.recoverable_master_key, row.hangs_on) == (BACKUP, None, None)


class TestMasterKeys:
    def test_one_deleted_between_two_copies(self) -> None:
        found = Judgement(no_master_key(), no_master_key(), server())
        row, path = found.of_web, name_of(master_key(server()), 1)
        assert (row.verdict, row.broken_at, row.private_key, row.recoverable) == (
            "unusable",
            "master_key",
            "proved",
            True,
        )
        assert (row.master_key_copy, row.master_key_shadow_copy, row.copy_opens) == (path, identifier(1), True)
        assert (row.master_key_copy_deleted, row.recoverable_from, row.shadow_hives) == (False, None, None)
        assert row.reason == (
            f"master key {row.master_key_guid} is not where Windows looks for it; a file of it lies in "
            + windows_path(path, drive="C:")
        )

    def test_key_and_master_key_of_one_copy(self) -> None:
        """Both were deleted; what the key file of the copy names is looked for then."""
        made = without(server(), key_file(server()), master_key(server()))
        row = Judgement(made, server()).of_web
        assert (row.recoverable, row.recoverable_from) == (True, name_of(key_file(server())))

    def test_a_key_that_is_put_back_alone_would_not_open(self) -> None:
        """Its copy has the right name, and its master key only a shadow copy has."""
        made = server()
        made.move(key_file(server()), f"Backup/{key_file(server()).rpartition('/')[2]}")
        row = Judgement(without(made, master_key(server())), server()).of_web
        assert (row.recoverable, row.restore_to) == (True, None)


class TestSecrets:
    """Sysprep ran between two copies: MachineGuid and DPAPI_SYSTEM are others, the files of before are there."""

    def test_a_file_of_today_opens_with_the_secret_of_then(self) -> None:
        then = server(secret=EARLIER)
        today = server(secret=EARLIER)
        today.secret = dpapi.DpapiSystem.seeded("past/today")
        row = Judgement(today, server(), then).of_web
        assert (row.verdict, row.broken_at, row.unlocked_by) == ("unusable", "secret", "nothing")
        assert (row.private_key, row.recoverable, row.recoverable_from) == ("proved", True, None)
        assert (row.shadow_hives, row.backup_hives, row.master_key_copy) == (name_of(CONFIG, 1), None, None)
        hives = windows_path(name_of(CONFIG, 1), drive="C:")
        assert row.reason == (
            f"only the DPAPI_SYSTEM of the hives in {hives} opens master key {row.master_key_guid}; "
            "Windows no longer has that secret"
        )

    def test_key_master_key_and_secret_of_a_copy(self) -> None:
        today = machine("past/web", machine_guid="11111111-2222-3333-4444-555555555555")
        today.secret = dpapi.DpapiSystem.seeded("past/today")
        today.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
        then = server(secret=EARLIER)
        row = Judgement(today, then).of_web
        assert (row.recoverable, row.recoverable_from) == (True, name_of(key_file(then)))

    def test_a_secret_that_several_copies_have_is_opened_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[LsaMaterial] = []

        def unlock(material: LsaMaterial) -> DpapiSystem:
            opened.append(material)
            return unlock_dpapi_system(material)

        monkeypatch.setattr(older_secrets, "unlock_dpapi_system", unlock)
        today = server()
        today.put_capi("web", exchange=Slot(KEY), master_key=today.add_master_key(MACHINE, "x", secret=EARLIER))
        assert Judgement(today, no_key(), no_key()).of_web.recoverable is False
        assert len(opened) == 0
        other = dpapi.DpapiSystem.seeded("past/other")
        then = (without(server(secret=other), key_file(server())) for _ in range(3))
        assert Judgement(today, *then).kept.opened == [0, 1, 2]
        assert len(opened) == 1

    def test_hives_that_cannot_be_read_leave_it_open(self) -> None:
        today, then = server(secret=EARLIER), server(secret=EARLIER)
        today.secret = dpapi.DpapiSystem.seeded("past/today")
        then.write(f"{CONFIG}/SECURITY", b"no hive")
        found = Judgement(today, then)
        row = found.of_web
        assert (row.private_key, row.recoverable) == ("locked", None)
        assert row.recovery_doubt is not None
        assert row.recovery_doubt.startswith(
            "shadow copies of partition 1: a shadow copy was not searched whole: its "
            "C:\\Windows\\System32\\config\\SECURITY could not be read whole: "
        )
        assert [outcome for outcome, _ in found.told] == ["partial"]

    def test_former_windows_of_a_copy(self) -> None:
        today, then = server(secret=EARLIER), server()
        today.secret = dpapi.DpapiSystem.seeded("past/today")
        for spec in server(secret=EARLIER).volume():
            then.files[f"Windows.old/{spec.path}"] = type(spec)(f"Windows.old/{spec.path}", spec.data)
        row = Judgement(today, then).of_web
        assert (row.recoverable, row.shadow_hives) == (True, name_of(f"Windows.old/{CONFIG}"))


class TestNotSearched:
    @pytest.mark.parametrize(
        ("state", "outcome", "why"),
        [
            (MISSING, "not_examined", str(MISSING)),
            (Unreadable("its store is damaged"), "unreadable", "its store is damaged"),
            (ValueError("secret text"), "unreadable", "opening it failed with ValueError"),
        ],
    )
    def test_a_copy_that_does_not_open(self, state: State, outcome: str, why: str) -> None:
        found = Judgement(no_key(), state)
        row = found.of_web
        assert (row.recoverable, row.recoverable_from) == (None, None)
        assert row.recovery_doubt == f"shadow copies of partition 1: a shadow copy was not searched: {why}"
        assert found.told == [(outcome, f"a shadow copy was not searched: {why}")]
        assert found.kept.opened == [0]

    def test_the_others_are_searched_all_the_same(self) -> None:
        found = Judgement(no_key(), MISSING, server())
        assert found.of_web.recoverable_from == name_of(key_file(server()), 1)
        assert found.told == [("partial", f"a shadow copy was not searched whole: {MISSING}")]

    def test_more_than_are_searched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(past_volumes, "MOST_COPIES", 2)
        found = Judgement(no_key(), no_key(), no_key(), server())
        assert (found.of_web.recoverable, found.kept.opened) == (None, [0, 1])
        assert found.told == [("partial", "only the newest 2 of 3 shadow copies are searched")]

    def test_a_sound_machine_opens_none(self) -> None:
        found = Judgement(server(), no_key())
        assert (found.of_web.verdict, found.kept.opened, found.told) == ("usable", [], [])

    def test_what_lies_elsewhere_today_is_enough(self) -> None:
        made = server()
        made.move(key_file(server()), "Backup/" + key_file(server()).rpartition("/")[2])
        found = Judgement(made, server())
        assert (found.of_web.recoverable, found.kept.opened, found.told) == (True, [], [])


class Hostile(MemoryTree):
    """A copy whose reader fails where no reader should."""

    def __init__(self, where: str) -> None:
        files = server().volume()
        super().__init__({file.path: file.data for file in files})
        self._where = where

    def is_unchanged(self, file: Entry | str) -> bool:
        if self._where == "compared":
            raise ValueError("secret text")
        return False

    def changed_paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        if self._where == "searched":
            raise ValueError("secret text")
        return names_on(self, wanted)

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        if self._where == "listed":
            raise ValueError("secret text")
        return super().entries(folder)


@pytest.mark.parametrize(
    ("where", "lost", "why"),
    [
        ("compared", "key", f"reading {key_file(server())} failed with ValueError"),
        ("compared", "master key", f"reading {master_key(server())} failed with ValueError"),
        ("searched", "key", "searching it failed with ValueError"),
        ("searched", "master key", "searching it failed with ValueError"),
        ("listed", "key", "searching it failed with ValueError"),
        ("listed", "secret", "reading its hives failed with ValueError"),
    ],
)
def test_whatever_a_reader_throws_is_told(where: str, lost: str, why: str) -> None:
    broken: dict[str, Callable[[], ForgedMachine]] = {
        "key": no_key,
        "master key": no_master_key,
        "secret": partial(server, secret=EARLIER),
    }
    today = broken[lost]()
    if lost == "secret":
        today.secret = dpapi.DpapiSystem.seeded("past/today")
    found = Judgement(today, lambda: Hostile(where))
    assert found.of_web.recoverable is None
    assert found.told == [("partial", f"a shadow copy was not searched whole: {why}")]


class TestWork:
    def test_the_names_of_a_copy_are_searched_once_for_keys_and_master_keys(self) -> None:
        """One certificate misses its key file, another one's key file its master key."""
        made = no_key()
        made.put_certificate(
            make_certificate("api.contoso.test", rsa_key("2048-02")), link=capi_link("api", CAPI_ENHANCED)
        )
        api = made.add_master_key(MACHINE, "api")
        made.put_capi("api", exchange=Slot(rsa_key("2048-02")), master_key=api)
        found = Judgement(without(made, f"{MACHINE.protect_folder}/{api.guid}"), no_key())
        assert [row.recoverable for row in found.rows if row.thumbprint] == [False, False]
        assert len(found.kept.searched) == 1

    def test_master_keys_that_key_files_of_copies_name_are_searched_for_together(self) -> None:
        then, names = no_key(), [f"c{number}" for number in range(6)]
        for name in names:
            made = then.add_master_key(MACHINE, name, secret=EARLIER, in_use=False)
            then.put_capi(name, exchange=Slot(KEY), master_key=made)
        found = Judgement(no_key(), then)
        assert (found.of_web.recoverable, len(found.kept.searched)) == (None, 2)
        assert (found.of_web.recovery_doubt or "").startswith("a file of master key ")

    @pytest.mark.parametrize(
        ("bound", "most", "why"),
        [
            ("MAX_NAMED", 2, "only 2 key files of it are looked at"),
            ("_MOST_OF_ONE", 0, "only 0 of its files named for one master key are looked at"),
            ("_MOST_SEARCHES", 1, "it is not searched for master keys again and again"),
        ],
    )
    def test_what_is_left_out_is_told(self, bound: str, most: int, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(past_files, bound, most)
        then = no_key()
        for number in range(3):
            master = then.add_master_key(MACHINE, f"c{number}", secret=EARLIER, in_use=False)
            then.put_capi(f"c{number}", exchange=Slot(KEY), master_key=master)
        found = Judgement(no_key(), then)
        assert found.of_web.recoverable is None
        assert found.told == [("partial", f"a shadow copy was not searched whole: {why}")]

    def test_key_files_of_containers_that_certificates_name_come_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("forensics.collectors.key_copies.MAX_COPIES", 1)
        then = server()
        for number in range(3):
            then.put_capi(f"aaa{number}", exchange=Slot(rsa_key("2048-02")))
        assert Judgement(no_key(), then).of_web.recoverable_from == name_of(key_file(server()))
        lost = Judgement(no_key(), without(then, key_file(server()))).of_web
        assert (lost.recoverable, lost.recovery_doubt) == (
            None,
            "shadow copies of partition 1: a shadow copy was not searched whole: only 1 copies of key files are looked "
            "at",
        )


class TestUsers:
    """What a user's profile had: it opens with his password, as he has it today or had it then."""

    PASSWORD = "Correct-Horse-9"

    def windows(self) -> ForgedMachine:
        made = server()
        owner = made.add_user(ALICE, "alice", self.PASSWORD)
        key = rsa_key("2048-02")
        certificate = make_certificate("alice.contoso.test", key)
        made.put_certificate(certificate, owner=owner, link=cng_link("alice", CNG_SOFTWARE, machine_keyset=False))
        made.put_cng("alice", CngKey.rsa(key), owner=owner)
        return made

    def lost(self, *parts: str) -> ForgedMachine:
        """Return the machine without the files of the profile whose paths have one of some parts."""
        made = self.windows()
        files = [p for p, file in made.files.items() if file.data is not None and p.startswith("Users/alice/AppData")]
        return without(made, *(path for path in files if any(part in path for part in parts)))

    @pytest.mark.parametrize(
        ("parts", "recoverable"),
        [(("Crypto/Keys/",), True), (("Protect/S-1-5-21",), True), (("Crypto/Keys/", "Protect/S-1-5-21"), True)],
        ids=["key file", "master key", "both"],
    )
    @pytest.mark.parametrize("password", [PASSWORD, None])
    def test_with_and_without_it(self, parts: tuple[str, ...], recoverable: bool, password: str | None) -> None:
        given = UserSecrets(passwords={ALICE.lower(): password} if password else {})
        found = Judgement(self.lost(*parts), self.windows(), given=given)
        (row,) = (row for row in found.rows if row.subject == "CN=alice.contoso.test")
        assert row.verdict == "unusable"
        assert row.recoverable is (recoverable if password else None)
        if not password:
            assert row.recovery_doubt is not None
