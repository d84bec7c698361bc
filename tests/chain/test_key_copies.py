"""Copies of key files outside the folders of keys: found when a key is broken, and not looked for otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from forensics.chain.judge import judge
from forensics.collectors import key_copies, name_search
from forensics.collectors.evidence import KeyFolder
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.sources.installation import Installation
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.cng import CngKey, make_cng_key
from testdata.builder.dpapi import MasterKey, make_master_key
from testdata.builder.keys import rsa_key
from tests.chain.evidence import CNG, MASTER_KEY, SECRET, Windows, name_hash
from tests.collectors.virtual import MACHINE_GUID, OTHER_GUID, installation, software_hive, system_hive

KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")
FOREIGN = make_master_key("foreign", "S-1-5-18", b"z" * 20, rounds=1)
NAME = f"{name_hash('capi', 'web')}_{MACHINE_GUID}"


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def copy(key: object = KEY, master_key: MasterKey = MASTER_KEY) -> bytes:
    return make_capi_key("copy", "web", master_key, exchange=Slot(KEY if key is KEY else OTHER))


def windows(files: Mapping[str, bytes], *, complete: bool = True, unreadable: Sequence[str] = ()) -> Windows:
    """Return a Windows whose disk holds these files beside what its tables are told."""
    made = Windows()
    made.evidence.installation = put(files, complete=complete, unreadable=unreadable)
    return made


def put(files: Mapping[str, bytes], *, complete: bool = True, unreadable: Sequence[str] = ()) -> Installation:
    hives = {"SYSTEM": system_hive(), "SOFTWARE": software_hive()}
    return installation(files, hives, complete=complete, unreadable=unreadable)


def of_certificate(made: Windows) -> KeyChainRow:
    if not made.evidence.certificates:
        made.certificate("AA", KEY, "web")
    return judge(made.evidence).key_chains[0]


@pytest.mark.parametrize(
    "path",
    [
        f"Backup/MachineKeys/{NAME}",
        f"Backup/MachineKeys/{NAME.upper()}",
        f"Windows.old/ProgramData/Microsoft/Crypto/RSA/MachineKeys/{NAME}",
        # Made before the machine got its present MachineGuid.
        f"Users/admin/Desktop/{name_hash('capi', 'web')}_{OTHER_GUID}",
        NAME,
    ],
)
def test_a_copy_is_found_and_named(path: str) -> None:
    row = of_certificate(windows({path: copy()}))
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")
    assert (row.recoverable, row.recoverable_from) == (True, path)
    assert row.reason.endswith(path.replace("/", "\\"))


def test_a_copy_of_a_cng_key_under_any_name_of_its_form() -> None:
    path = f"Backup/{name_hash('cng', 'else')}_{OTHER_GUID}"
    row = of_certificate(windows({path: make_cng_key("copy", "else", MASTER_KEY, CngKey.rsa(KEY))}))
    assert (row.recoverable, row.recoverable_from) == (True, path)


@pytest.mark.parametrize(
    ("files", "recoverable"),
    [
        ({}, False),
        ({f"Backup/{NAME}": copy(OTHER)}, False),
        ({f"Backup/{NAME}": b"no key file"}, False),
        # The name says nothing: nobody would find it among all files.
        ({"Backup/web.key": copy()}, False),
        # Its master key is not on this disk, of which every folder was seen.
        ({f"Backup/{NAME}": copy(KEY, FOREIGN)}, False),
    ],
    ids=["none", "another key", "no key", "another name", "locked"],
)
def test_a_key_is_lost_where_no_copy_has_it(files: Mapping[str, bytes], recoverable: bool | None) -> None:
    row = of_certificate(windows(files))
    assert (row.key_file, row.recoverable, row.recoverable_from) == ("absent", recoverable, None)


def test_a_torn_file_in_its_place_and_a_sound_copy() -> None:
    made = windows({f"Backup/{NAME}": copy()})
    made.file("capi", "web", None)
    row = of_certificate(made)
    assert (row.broken_at, row.key_file, row.recoverable) == ("key_file", "unreadable", True)
    assert row.recoverable_from == f"Backup/{NAME}"


def test_a_torn_file_that_no_certificate_names_and_its_copy() -> None:
    made = windows({f"Backup/{NAME}": copy()})
    made.file("capi", "web", None)
    (row,) = judge(made.evidence).key_chains
    assert (row.thumbprint, row.recoverable, row.recoverable_from) == (None, True, f"Backup/{NAME}")


def test_a_key_under_a_lost_master_key_and_a_copy_that_opens() -> None:
    made = windows({f"Backup/{NAME}": copy()})
    made.capi("web", KEY, master_key=FOREIGN)
    row = of_certificate(made)
    assert (row.broken_at, row.recoverable, row.recoverable_from) == ("master_key", True, f"Backup/{NAME}")


def test_a_folder_that_could_not_be_listed_may_hold_one() -> None:
    row = of_certificate(windows({"Backup/more/x": b""}, unreadable=["Backup/more"]))
    assert (row.key_file, row.recoverable) == ("absent", None)


def test_more_folders_than_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_search, "_MAX_FOLDERS", 3)
    row = of_certificate(windows({f"{n}/{n}/{n}": b"" for n in range(9)}))
    assert row.recoverable is None


def test_more_copies_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_copies, "MAX_COPIES", 2)
    others = {f"{n}/{name_hash('capi', str(n))}_{MACHINE_GUID}": copy(OTHER) for n in range(3)}
    made = windows(others)
    assert of_certificate(made).recoverable is None
    assert [problem.kind for problem in made.evidence.installation.problems] == ["too_many"]


def test_folders_of_keys_are_not_read_again() -> None:
    made = windows({f"keys/{NAME}": copy()})
    made.evidence.key_folders.append(
        KeyFolder("capi", "machine", "S-1-5-18", "KEYS", made.evidence.key_folders[0].outcome)
    )
    assert of_certificate(made).recoverable is False


@pytest.mark.parametrize(
    ("path", "is_found"),
    [("host1/C/Backup", True), ("host1/D/Keys", True), ("host2/C/Backup", False), ("host1/Crypto/Backup", False)],
)
def test_only_the_drives_of_the_machine_are_searched(path: str, *, is_found: bool) -> None:
    """Another machine of the same collection is asked for its keys as such, and named so."""
    made = windows({f"{path}/{NAME}": copy()}, complete=False)
    made.evidence.installation.drive = "host1/C"
    assert (of_certificate(made).recoverable_from is not None) is is_found


def test_a_sound_machine_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("forensics.collectors.key_copies.find_key_copies", searched)
    made = Windows()
    made.capi("web", KEY)
    assert of_certificate(made).verdict == "usable"


class TestPutBack:
    """A copy that has the very name that Windows looks for needs no import."""

    def test_a_copy_with_the_name_of_today(self) -> None:
        row = of_certificate(windows({f"Backup/MachineKeys/{NAME}": copy()}))
        assert (row.recoverable_from, row.restore_to) == (f"Backup/MachineKeys/{NAME}", f"capi/machine/{NAME}")

    def test_of_several_it_is_named(self) -> None:
        old = f"A/{name_hash('capi', 'web')}_{OTHER_GUID}"
        row = of_certificate(windows({old: copy(), f"B/{NAME}": copy()}))
        assert (row.recoverable_from, row.restore_to) == (f"B/{NAME}", f"capi/machine/{NAME}")

    @pytest.mark.parametrize(
        "name",
        [
            f"{name_hash('capi', 'web')}_{OTHER_GUID}",
            f"{name_hash('capi', 'other')}_{MACHINE_GUID}",
            f"{name_hash('cng', 'other')}_{MACHINE_GUID}",
        ],
    )
    def test_under_another_name_windows_does_not_look_for_it(self, name: str) -> None:
        row = of_certificate(windows({f"Backup/{name}": copy()}))
        assert (row.recoverable, row.restore_to) == (True, None)

    def test_a_copy_of_a_cng_key(self) -> None:
        name = f"{name_hash('cng', 'web')}_{MACHINE_GUID}"
        made = windows({f"Backup/{name}": make_cng_key("copy", "web", MASTER_KEY, CngKey.rsa(KEY))})
        made.certificate("AA", KEY, "web", provider=CNG, key_spec=0)
        assert of_certificate(made).restore_to == f"cng/machine/{name}"

    def test_system_keeps_its_own_in_a_folder_of_its_own(self) -> None:
        made = windows({f"Backup/{NAME}": copy()})
        made.certificate("AA", KEY, "web", flags=0)
        assert of_certificate(made).restore_to == f"capi/system/{NAME}"

    def test_one_that_only_the_previous_secret_opens_is_not_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = DpapiSystem(SystemSecret(b"n" * 20, b"n" * 20), SECRET.current)
        monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: secret)
        row = of_certificate(windows({f"Backup/{NAME}": copy()}))
        assert (row.recoverable, row.recoverable_from, row.restore_to) == (True, f"Backup/{NAME}", None)

    def test_a_key_that_is_there_and_is_another_is_not_replaced(self) -> None:
        made = windows({f"Backup/{NAME}": copy()})
        made.capi("web", OTHER)
        row = of_certificate(made)
        assert (row.broken_at, row.recoverable_from, row.restore_to) == ("public_key", f"Backup/{NAME}", None)

    def test_without_machine_guid_nobody_knows_the_name(self) -> None:
        made = windows({f"Backup/{NAME}": copy()})
        made.evidence.machine.machine_guid = None
        assert of_certificate(made).restore_to is None
