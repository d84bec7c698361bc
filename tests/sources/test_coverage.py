"""Coverage.saw: whether a place was seen whole, from the rows of table coverage alone."""

from __future__ import annotations

import pytest

from forensics.sources.coverage import Coverage, Place, together
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT, Outcome
from tests.counted_calls import calls_of

CONFIG = "Windows/System32/config"
TORN = Outcome("partial", "torn")
STORES = "Microsoft\\SystemCertificates"


def coverage(*told: tuple[CoverageArea, str, Outcome, str], whole_disk: bool = False, drive: str = "") -> Coverage:
    found = Coverage(1, whole_disk=whole_disk, drive=drive)
    for area, name, outcome, path in told:
        found.tell(area, name, outcome, path)
    return found


def test_the_first_word_about_a_path_stands() -> None:
    found = coverage(("folder", "Keys", ABSENT, "K"), ("folder", "Keys", PRESENT, "K"), ("file", "K", PRESENT, "K"))
    assert [(r.area, r.outcome, r.machine_id) for r in found] == [("folder", "absent", 1), ("file", "present", 1)]


@pytest.mark.parametrize(
    ("outcome", "seen"),
    [
        (PRESENT, PRESENT),
        (TORN, TORN),
        (Outcome("unreadable", "bad header"), Outcome("unreadable", "bad header")),
        (ABSENT, Outcome("not_examined", "the hive SOFTWARE, which every Windows has, is missing")),
    ],
)
def test_a_hive_is_found_by_its_name_and_wherever_its_copy_lies(outcome: Outcome, seen: Outcome) -> None:
    found = coverage(("hive", "SOFTWARE", outcome, f"C/{CONFIG}/SOFTWARE"), drive="C")
    assert found.saw(Place.of_hive("SOFTWARE")) == seen
    assert found.saw(Place.at(f"{CONFIG}/SOFTWARE\\Microsoft\\Cryptography!MachineGuid")) == seen


def test_a_users_hive_that_is_not_there_is_absent() -> None:
    path = "Users/anna/NTUSER.DAT"
    found = coverage(("hive", "NTUSER.DAT of anna", ABSENT, path))
    assert found.saw(Place.at(f"{path}\\Software")) == ABSENT
    assert found.saw(Place.at("Users/bert/NTUSER.DAT\\Software")) == NOT_COLLECTED


def test_the_nearest_word_about_a_key_counts() -> None:
    hive = f"{CONFIG}/SOFTWARE"
    found = coverage(
        ("hive", "SOFTWARE", Outcome("partial", "an export"), hive),
        ("hive", STORES, Outcome("partial", "some"), f"{hive}\\{STORES}"),
        ("hive", f"{STORES}\\MY\\Certificates", PRESENT, f"{hive}\\{STORES}\\MY\\Certificates"),
    )
    assert found.saw(Place.of_key("SOFTWARE", "Microsoft\\Cryptography")) == Outcome("partial", "an export")
    assert found.saw(Place.of_key("SOFTWARE", f"{STORES}\\CA\\Certificates")) == Outcome("partial", "some")
    assert found.saw(Place.of_key("SOFTWARE", f"{STORES}\\MY\\Certificates\\AA")) == PRESENT
    assert (found.saw_store("MY"), found.saw_store("CA")) == (PRESENT, Outcome("partial", "some"))
    assert found.saw_store() == Outcome("partial", "some")


def test_what_was_cut_is_partial_whatever_was_said_before() -> None:
    found = coverage(
        ("folder", "Keys", PRESENT, "K"),
        ("folder", "Gone", ABSENT, "G"),
        ("folder", "Bad", Outcome("unreadable", "bad index"), "B"),
    )
    for path in ("K", "G", "B", "N"):
        found.cut("folder", f"name {path}", "only the first 2", path)
    found.tell("folder", "New", PRESENT, "N")
    assert [(r.name, r.outcome, r.detail) for r in found] == [
        ("Keys", "partial", "only the first 2"),
        ("Gone", "partial", "only the first 2"),
        ("Bad", "unreadable", "bad index"),
        ("name N", "partial", "only the first 2"),
    ]


@pytest.mark.parametrize("path", [f"{CONFIG}/SOFTWARE\\{STORES}", f"{CONFIG}/SOFTWARE"])
def test_what_an_open_hive_shows_is_less_what_was_cut(path: str) -> None:
    found = coverage()
    found.look = lambda hive, key: ABSENT if key.endswith("Gone") else PRESENT
    assert found.saw(Place.of_key("SOFTWARE", f"{STORES}\\MY")) == PRESENT
    found.cut("hive", "some", "only the first 2", path)
    for key in ("MY", "Gone"):
        assert found.saw(Place.of_key("SOFTWARE", f"{STORES}\\{key}")) == Outcome("partial", "only the first 2")
    assert found.saw(Place.of_key("SYSTEM", "Select")) == PRESENT


def test_certificates_that_were_too_many_leave_every_store_in_part() -> None:
    hive = f"{CONFIG}/SOFTWARE"
    rest = Outcome("not_examined", "at most 10000")
    found = coverage(
        ("hive", "SOFTWARE", PRESENT, hive), ("certificate", "further certificates", rest, f"{hive}\\{STORES}\\X")
    )
    assert found.saw_store() == found.saw_store("MY") == Outcome("partial", "at most 10000")


def test_a_users_store_is_not_the_computers() -> None:
    user = "Software\\Microsoft\\SystemCertificates"
    found = coverage(
        ("hive", "SOFTWARE", PRESENT, f"{CONFIG}/SOFTWARE"),
        ("hive", user, Outcome("partial", "damaged"), f"Users/anna/NTUSER.DAT\\{user}"),
    )
    assert (found.saw_store(), found.saw_store("MY")) == (PRESENT, PRESENT)


@pytest.mark.parametrize("whole_disk", [True, False])
def test_a_folder_is_as_its_nearest_ancestor_that_was_told_of(whole_disk: bool) -> None:
    found = coverage(
        ("folder", "Crypto", Outcome("unreadable", "bad index"), "ProgramData/Microsoft/Crypto"),
        whole_disk=whole_disk,
    )
    bad = Outcome("unreadable", "bad index")
    assert found.saw(Place.of_folder("PROGRAMDATA/Microsoft/Crypto/RSA/MachineKeys")) == bad
    assert found.saw(Place.at("ProgramData/Microsoft/Crypto/Keys/a_b")) == bad
    assert found.saw(Place.of_folder("Windows")) == (PRESENT if whole_disk else NOT_COLLECTED)


def test_a_log_is_whole_only_where_each_of_its_name_is() -> None:
    found = coverage(("log", "setupact.log", PRESENT, "a"), ("log", "SETUPACT.LOG", ABSENT, "b"))
    assert found.saw(Place("log", "setupact.log")) == PRESENT
    assert found.saw(Place("log", "System.evtx")) == NOT_COLLECTED


@pytest.mark.parametrize(
    ("outcomes", "seen"),
    [
        ([], NOT_COLLECTED),
        ([ABSENT, ABSENT], ABSENT),
        ([ABSENT, PRESENT], PRESENT),
        ([PRESENT, NOT_COLLECTED], Outcome("partial", "not in this source")),
        ([Outcome("unreadable", "x"), NOT_COLLECTED], Outcome("unreadable", "x")),
        ([ABSENT, Outcome("unreadable", "x")], Outcome("unreadable", "x")),
    ],
)
def test_together(outcomes: list[Outcome], seen: Outcome) -> None:
    assert together(outcomes) == seen


def asked_of_users(count: int) -> int:
    """Count the calls of asking for places of each of so many users, and of what else uses of certificates ask for."""
    found = Coverage(1)
    for number in range(count):
        found.tell("hive", f"NTUSER.DAT of {number}", PRESENT, f"Users/{number}/NTUSER.DAT")
        found.cut("hive", "Software\\Stores", "too many", f"Users/{number}/NTUSER.DAT\\Software\\Stores")
        found.tell("folder", "My", PRESENT, f"Users/{number}/My")
        found.tell("certificate", f"{number:040X}", ABSENT, f"Users/{number}/My/{number:040X}")

    def ask() -> None:
        for number in range(count):
            assert found.saw(Place.at(f"Users/{number}/NTUSER.DAT\\Software")) == PRESENT
            assert found.saw(Place.at(f"Users/{number}/NTUSER.DAT\\Software\\Stores\\My")).state == "partial"
            assert found.saw(Place.at(f"Users/{number}/My/AA")) == PRESENT
            assert found.missed_certificate(f"{number:040X}")
            assert found.saw_store() == found.saw_store("MY") == NOT_COLLECTED

    return calls_of(ask)


def test_asking_for_each_of_many_places_reads_none_of_the_others() -> None:
    few, many = asked_of_users(20), asked_of_users(200)
    assert many <= 10 * few
