"""Who uses a certificate: from which store, how surely, and whether all places were seen in which a use is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts.tables import Tables
from forensics.facts.used_by import Used, Users
from forensics.tables.certificate import CertificateRow
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.outcome import State
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import CertificateUseRow

SYSTEM = "S-1-5-18"
ALICE = "S-1-5-21-1-2-3-1001"


def certificate(thumbprint: str = "AA", store: str = "MY", **values: Any) -> CertificateRow:
    return CertificateRow(
        **{
            "machine_id": 1,
            "source_path": f"SOFTWARE\\{store}\\{thumbprint}",
            "thumbprint": thumbprint,
            "store": store,
            "store_scope": "machine",
            "owner_sid": SYSTEM,
            **values,
        }
    )


def use(consumer: str, thumbprint: str | None = "AA", **values: Any) -> CertificateUseRow:
    place = {"store": "MY", "owner_sid": SYSTEM, "certainty": "proved"}
    row = {"machine_id": 1, "source_path": "SYSTEM\\x", "consumer": consumer, "thumbprint": thumbprint}
    return CertificateUseRow(**{**row, **place, **values})


def covered(name: str, outcome: State = "present", area: CoverageArea = "hive") -> CoverageRow:
    return CoverageRow(machine_id=1, source_path=name, area=area, name=name, outcome=outcome)


HIVES = (covered("SYSTEM"), covered("SOFTWARE"))


def used(row: CertificateRow, *rows: Row) -> Used:
    return Users(Tables([row, *rows])).of(row)


def test_a_use_that_is_proved_or_likely_is_told_from_a_candidate() -> None:
    found = used(
        certificate(),
        use("IIS", detail="Default Web Site"),
        use("other", certainty="likely"),
        use("LDAPS", certainty="candidate"),
        *HIVES,
    )
    assert found == Used(
        used_by=["IIS", "other"],
        uses=["IIS Default Web Site", "other"],
        end_stops=["IIS", "other"],
        may_be_used_by=["LDAPS"],
        superseded="no",
    )


def test_two_uses_by_one_consumer_name_it_once() -> None:
    found = used(certificate(), use("http.sys", detail="0.0.0.0:443"), use("http.sys", detail="[::]:443"), *HIVES)
    assert (found.used_by, found.uses) == (["http.sys"], ["http.sys 0.0.0.0:443", "http.sys [::]:443"])


def test_an_old_hash_in_the_metabase_of_iis_is_no_use_and_may_become_one() -> None:
    found = used(certificate(), use("IIS metabase"), *HIVES)
    assert (found.used_by, found.may_be_used_by) == ([], ["IIS metabase"])


@pytest.mark.parametrize("consumer", ["EFS", "Hyper-V"])
def test_files_and_virtual_machines_go_on_when_their_certificate_has_ended(consumer: str) -> None:
    found = used(certificate(), use(consumer), *HIVES)
    assert (found.used_by, found.end_stops) == ([consumer], [])


def test_a_consumer_uses_the_copy_in_the_store_in_which_it_looks() -> None:
    iis = use("IIS", store="WebHosting")
    copies = [certificate(store="webhosting"), certificate(store="MY")]
    users = Users(Tables([*copies, iis, *HIVES]))
    assert [users.of(copy).used_by for copy in copies] == [["IIS"], []]


def test_a_consumer_uses_the_copy_of_the_account_whose_store_it_looks_into() -> None:
    copies = [certificate(), certificate(store="My", store_scope="user", owner_sid=ALICE)]
    users = Users(Tables([*copies, use("IIS"), *HIVES, covered(f"NTUSER.DAT of {ALICE}")]))
    assert [users.of(copy).used_by for copy in copies] == [["IIS"], []]


def test_where_store_or_account_of_a_use_are_not_told_any_will_do() -> None:
    found = used(certificate(store="WebHosting"), use("SCOM agent", store=None, owner_sid=None), *HIVES)
    assert found.used_by == ["SCOM agent"]


def test_a_use_may_name_a_certificate_by_its_sha256() -> None:
    row = certificate(sha256="ab" * 32)
    assert used(row, use("SSTP", None, sha256="ab" * 32), *HIVES).used_by == ["SSTP"]


def test_a_use_that_names_both_hashes_is_one_use() -> None:
    row = certificate(sha256="ab" * 32)
    assert used(row, use("SSTP", "AA", sha256="ab" * 32), *HIVES).uses == ["SSTP"]


@pytest.mark.parametrize(
    "coverage",
    [
        (),
        (covered("SYSTEM"),),
        (covered("SYSTEM"), covered("SOFTWARE", "absent")),
        (covered("SYSTEM"), covered("SOFTWARE", "unreadable")),
        (covered("SYSTEM"), covered("SOFTWARE", "partial")),
        (*HIVES, covered("other references", "partial", "uses")),
        (*HIVES, covered("W3SVC", "not_examined", "uses")),
    ],
    ids=["nothing", "one hive", "no SOFTWARE", "unreadable", "torn", "bound reached", "file not read"],
)
def test_no_use_is_unknown_where_not_every_place_was_seen(coverage: tuple[CoverageRow, ...]) -> None:
    found = used(certificate(), *coverage)
    assert found == Used(used_by=None, uses=None, end_stops=None, may_be_used_by=None, superseded="no")


def test_what_was_found_is_told_where_not_every_place_was_seen() -> None:
    found = used(certificate(), use("WinRM"))
    assert (found.used_by, found.end_stops, found.may_be_used_by) == (["WinRM"], ["WinRM"], None)


def test_whether_efs_is_the_only_user_is_unknown_where_not_every_place_was_seen() -> None:
    found = used(certificate(), use("EFS"))
    assert (found.used_by, found.end_stops) == (["EFS"], None)


def test_a_users_certificate_needs_that_users_hive() -> None:
    row = certificate(store="My", store_scope="user", owner_sid=ALICE)
    assert used(row, *HIVES).used_by is None
    assert used(row, *HIVES, covered(f"NTUSER.DAT of {ALICE}")).used_by == []
    assert used(row, *HIVES, covered(f"NTUSER.DAT of {ALICE}", "unreadable")).used_by is None


def test_uses_of_another_machine_do_not_count() -> None:
    assert used(certificate(), use("IIS", machine_id=2), *HIVES).used_by == []


@pytest.mark.parametrize(
    ("row", "superseded"),
    [
        (certificate(store="Remote Desktop"), "remote_desktop"),
        (certificate(store="MY"), "no"),
        (certificate(store="Root"), "trusted"),
        (certificate(store="Remote Desktop", archived=True), "archived"),
        (certificate("BB", "Remote Desktop", archived=True), "no"),
    ],
)
def test_nobody_misses_an_archived_certificate_a_trusted_one_or_an_old_one_of_remote_desktop(
    row: CertificateRow, superseded: str
) -> None:
    assert used(row, use("RDP", "BB", store="Remote Desktop"), *HIVES).superseded == superseded


def test_the_only_certificate_of_remote_desktop_is_not_superseded() -> None:
    assert used(certificate(store="Remote Desktop"), *HIVES).superseded == "no"


def test_the_last_certificate_of_remote_desktop_is_the_listeners_where_no_setting_was_seen() -> None:
    earlier = certificate(store="Remote Desktop", not_after=datetime(2026, 8, 20, tzinfo=UTC))
    last = certificate("BB", "Remote Desktop", not_after=datetime(2027, 2, 19, tzinfo=UTC))
    assert (used(earlier, last).superseded, used(last, earlier).superseded) == ("remote_desktop", "no")


def test_of_very_many_uses_the_first_are_told() -> None:
    found = used(certificate(), *(use("http.sys", detail=str(n)) for n in range(51)), *HIVES)
    assert (found.used_by, found.uses) == (["http.sys"], [f"http.sys {n}" for n in range(50)])


def test_uses_are_told_in_their_order_wherever_they_look() -> None:
    rows = [use("SCOM agent", store=None, owner_sid=None), use("IIS"), use("DSC", store=None)]
    assert used(certificate(), *rows, *HIVES).used_by == ["SCOM agent", "IIS", "DSC"]


def test_a_certificate_whose_account_is_not_told_may_be_anyones() -> None:
    row = certificate(owner_sid=None)
    assert used(row, use("IIS"), use("EFS", owner_sid=ALICE), use("DSC", store="Other"), *HIVES).used_by == [
        "IIS",
        "EFS",
    ]
