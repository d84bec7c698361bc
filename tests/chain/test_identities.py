"""Which installations are clones, and which only look like it: every expectation is stated by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.chain import identities
from forensics.chain.identities import MAX_LISTED, READS, shared_identities
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.event import EventRow
from forensics.tables.identity import Shared, SharedIdentityRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.secrets import SecretRow
from forensics.tables.tpm import TpmRow
from tests.narrow_rows import narrow
from tests.time_bound import within

SID, OTHER_SID, DOMAIN = "S-1-5-21-1-2-3", "S-1-5-21-4-5-6", "S-1-5-21-7-8-9"
GUID, OTHER_GUID = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"


def machine(number: int, name: str | None, **values: Any) -> MachineRow:
    known: dict[str, Any] = {"machine_sid": SID, "machine_sid_policy": SID, "domain_sid": DOMAIN, "build": "26100"}
    row = known | {"ubr": 7000, "drive": "C:"} | values
    return MachineRow(machine_id=number, source_path="Windows", computer_name=name, **row)


def secret(number: int, fingerprint: str, **values: Any) -> SecretRow:
    known: dict[str, Any] = {"generation": "current", "outcome": "present", "validated": True}
    return SecretRow(
        machine_id=number, source_path="SECURITY", name="DPAPI_SYSTEM", fingerprint=fingerprint, **(known | values)
    )


def refused(number: int, day: int, provider: str = "LsaSrv") -> EventRow:
    when = datetime(2026, 3, day, tzinfo=UTC)
    return EventRow(
        machine_id=number, source_path="System.evtx", channel="System", provider=provider, event_id=6167, time=when
    )


def rows_of(*rows: Row) -> list[SharedIdentityRow]:
    return shared_identities(rows, {1: "one.vhdx", 2: "two.vhdx", 3: "three.vhdx"})


def told(*rows: Row) -> list[tuple[int, int, str, list[Shared]]]:
    return [(r.shared_group, r.member, r.relation, r.shares) for r in rows_of(*rows)]


def test_two_names_and_one_identity_are_clones() -> None:
    found = rows_of(
        machine(1, "PC-1", machine_guid=GUID),
        machine(2, "PC-2", machine_guid=GUID.upper()),
        secret(1, "aa"),
        secret(2, "aa"),
    )
    assert [(r.relation, r.shares) for r in found] == [("clone", ["machine_sid", "machine_guid", "dpapi_system"])] * 2
    assert [r.with_members for r in found] == [["PC-2 on two.vhdx"], ["PC-1 on one.vhdx"]]
    assert found[0].reason == "PC-1 and PC-2 differ in their names"
    assert {r.machine_id for r in found} == {0}


def test_strangers_share_nothing() -> None:
    assert told(machine(1, "PC-1", machine_guid=GUID), machine(2, "PC-2", machine_sid=OTHER_SID)) == []


def test_controllers_of_one_domain_are_no_clones() -> None:
    """The account domain of a controller is the domain itself, whatever its SAM says."""
    dc = {"machine_sid_policy": DOMAIN, "domain_sid": DOMAIN}
    assert told(machine(1, "DC-1", **dc), machine(2, "DC-2", **dc)) == []
    by_domain = {"machine_sid": DOMAIN, "machine_sid_policy": DOMAIN, "domain_sid": DOMAIN}
    assert told(machine(1, "DC-1", **by_domain), machine(2, "DC-2", **by_domain)) == []


def test_cloned_controllers_are_told_by_what_is_not_the_domains() -> None:
    dc = {"machine_sid_policy": DOMAIN, "domain_sid": DOMAIN, "machine_guid": GUID}
    assert [r[2:] for r in told(machine(1, "DC-1", **dc), machine(2, "DC-2", **dc))] == [
        ("clone", ["machine_guid"])
    ] * 2


@pytest.mark.parametrize(
    ("first", "second", "relation", "reason"),
    [
        (("PC", "{a}"), ("pc", "{A}"), "same_computer", "states of one computer"),
        (("PC", "{a}"), ("PC", "{b}"), "unknown", "their hardware differs: moved, or cloned"),
        (("PC", None), ("PC", None), "unknown", "their hardware is not known"),
        (("PC", "{a}"), ("NEW", "{a}"), "unknown", "renamed, or cloned there"),
        (("PC", "{a}"), ("NEW", "{b}"), "clone", "differ in their names and hardware"),
        (("PC", "{a}"), ("NEW", None), "clone", "differ in their names"),
        ((None, "{a}"), ("NEW", "{b}"), "unknown", "could not be read"),
    ],
)
def test_name_and_hardware_decide(
    first: tuple[str | None, str | None], second: tuple[str | None, str | None], relation: str, reason: str
) -> None:
    found = rows_of(
        machine(1, first[0], hardware_id=first[1]),
        machine(2, second[0], hardware_id=second[1]),
    )
    assert [r.relation for r in found] == [relation] * 2
    assert all(reason in r.reason for r in found)


def test_checkpoint_beside_a_clone_stays_one_of_the_clones() -> None:
    found = told(
        machine(1, "PC-1", hardware_id="{a}"),
        machine(2, "PC-1", hardware_id="{a}"),
        machine(3, "PC-2", hardware_id="{b}"),
    )
    assert found == [
        (1, 1, "clone", ["machine_sid"]),
        (1, 2, "clone", ["machine_sid"]),
        (1, 3, "clone", ["machine_sid"]),
    ]


def test_generalized_image_is_no_clone() -> None:
    state = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    found = told(machine(1, "GOLD", machine_guid=GUID, image_state=state), machine(2, "PC-2", machine_guid=GUID))
    assert [r[2] for r in found] == ["generalized"] * 2


def test_chain_of_different_traits_is_one_group() -> None:
    found = told(
        machine(1, "A", machine_guid=GUID, machine_sid="S-1-5-21-1-1-1"),
        machine(2, "B", machine_guid=GUID, machine_sid="S-1-5-21-2-2-2"),
        machine(3, "C", machine_guid=OTHER_GUID, machine_sid="S-1-5-21-2-2-2"),
    )
    assert found == [
        (1, 1, "clone", ["machine_guid"]),
        (1, 2, "clone", ["machine_sid", "machine_guid"]),
        (1, 3, "clone", ["machine_sid"]),
    ]


def test_endorsement_key_of_a_cloned_virtual_tpm() -> None:
    tpms = [TpmRow(machine_id=n, source_path="SYSTEM", ek_pub_sha256="e" * 64) for n in (1, 2)]
    found = told(machine(1, "A", machine_sid="S-1-5-21-1-1-1"), machine(2, "B", machine_sid="S-1-5-21-2-2-2"), *tpms)
    assert [r[3] for r in found] == [["ek_pub"]] * 2


@pytest.mark.parametrize(
    "values", [{"validated": False}, {"generation": "previous"}], ids=["not validated", "previous"]
)
def test_only_a_sound_current_secret_counts(values: dict[str, Any]) -> None:
    others = {"machine_sid": OTHER_SID}
    assert told(machine(1, "A"), machine(2, "B", **others), secret(1, "aa"), secret(2, "aa", **values)) == []


def test_zeros_are_no_identity() -> None:
    nothing = {"machine_guid": "00000000-0000-0000-0000-000000000000", "machine_sid": "S-1-5-21-0-0-0"}
    assert told(machine(1, "A", **nothing), machine(2, "B", **nothing)) == []


def test_keys_that_they_share() -> None:
    def file(number: int, path: str, public: str, second: str | None = None) -> KeyFileRow:
        keys: dict[str, Any] = {"public_key_sha256": public, "second_public_key_sha256": second}
        return KeyFileRow(
            machine_id=number, source_path=path, path=path, file_name=path, kind="capi", scope="machine", **keys
        )

    def certificate(number: int, thumbprint: str, link: bool = True) -> CertificateRow:
        return CertificateRow(
            machine_id=number,
            source_path="SOFTWARE",
            thumbprint=thumbprint,
            store="MY",
            store_scope="machine",
            has_key_link=link,
        )

    one, two = rows_of(
        machine(1, "A"),
        machine(2, "B"),
        file(1, "k/shared", "p1"),
        file(2, "k/elsewhere", "p0", "p1"),
        file(1, "k/own", "p2"),
        certificate(1, "AA"),
        certificate(2, "AA"),
        certificate(1, "BB"),
        certificate(1, "CC", link=False),
        certificate(2, "CC", link=False),
    )
    assert (one.shared_key_files, one.shared_certificates, one.shared_keys) == (["C:\\k\\shared"], ["AA"], 2)
    assert (two.shared_key_files, two.shared_certificates, two.shared_keys) == (["C:\\k\\elsewhere"], ["AA"], 2)


@pytest.mark.parametrize(
    ("build", "ubr", "enforces"),
    [
        ("26100", 6584, "yes"),
        ("26100", 5074, "yes"),
        ("26100", 5073, "no"),
        ("26200", 5074, "yes"),
        ("22631", 9999, "no"),
        ("26100", None, "unknown"),
        (None, None, "unknown"),
        ("9999999999", 1, "unknown"),
    ],
)
def test_builds_with_the_check(build: str | None, ubr: int | None, enforces: str) -> None:
    found = rows_of(machine(1, "A", build=build, ubr=ubr), machine(2, "B", build="19045", ubr=1))
    assert [r.enforces for r in found] == [enforces, "no"]
    assert [r.group_enforces for r in found] == [enforces] * 2


def test_refusals_of_one_disk_alone() -> None:
    (row,) = rows_of(
        machine(1, "A"), refused(1, 3), refused(1, 9), refused(1, 4, "LSA (LsaSrv)"), refused(1, 5, "Other")
    )
    assert (row.relation, row.shares, row.refused) == ("alone", [], 3)
    assert row.refused_last == datetime(2026, 3, 9, tzinfo=UTC)


def key_file(number: int, path: str, **public: Any) -> KeyFileRow:
    name = path.rpartition("/")[2]
    return KeyFileRow(
        machine_id=number, source_path=path, path=path, file_name=name, kind="cng", scope="machine", **public
    )


def certificate(number: int, thumbprint: str, has_key_link: bool) -> CertificateRow:
    return CertificateRow(
        machine_id=number,
        source_path="x",
        thumbprint=thumbprint,
        store="MY",
        store_scope="machine",
        has_key_link=has_key_link,
    )


def test_a_whole_row() -> None:
    when = datetime(2026, 3, 2, tzinfo=UTC)
    one = machine(1, "PC-1", machine_guid=GUID, hardware_id="h1", ubr=5000, source_time=when)
    rows = rows_of(
        one,
        machine(2, "PC-2", machine_guid=GUID, hardware_id="h2"),
        refused(1, 3),
        refused(1, 5),
        refused(1, 4),
        key_file(1, "keys/b", public_key_sha256="shared"),
        key_file(1, "keys/a", public_key_sha256="x", second_public_key_sha256="twice"),
        key_file(2, "other/b", public_key_sha256="shared"),
        key_file(2, "other/c", public_key_sha256="twice"),
        certificate(1, "BB", True),
        certificate(1, "AA", True),
        certificate(2, "AA", True),
        certificate(2, "BB", False),
    )
    assert rows[0] == SharedIdentityRow(
        machine_id=0,
        shared_group=1,
        member=1,
        computer_name="PC-1",
        disk="one.vhdx",
        relation="clone",
        reason="PC-1 and PC-2 differ in their names and hardware",
        shares=["machine_sid", "machine_guid"],
        with_members=["PC-2 on two.vhdx"],
        machine_sid=SID,
        machine_guid=GUID,
        hardware_id="h1",
        build="26100",
        ubr=5000,
        enforces="no",
        group_enforces="yes",
        refused=3,
        refused_last=datetime(2026, 3, 5, tzinfo=UTC),
        shared_keys=3,
        shared_key_files=["C:\\keys\\a", "C:\\keys\\b"],
        shared_certificates=["AA"],
        source_path="Windows",
        source_time=when,
    )
    assert [row.shared_key_files for row in rows] == [["C:\\keys\\a", "C:\\keys\\b"], ["C:\\other\\b", "C:\\other\\c"]]


@pytest.mark.parametrize(
    ("build", "ubr", "enforces"),
    [
        ("26100", 6584, "yes"),
        ("26100", 5074, "yes"),
        ("26100", 5073, "no"),
        ("26100", None, "unknown"),
        ("26099", 9999, "no"),
        ("26099", None, "no"),
        ("26200", 1, "yes"),
        ("999999999", 1, "yes"),
        ("1000000000", 1, "unknown"),
        ("26100.1", 1, "unknown"),
        ("", 1, "unknown"),
        (None, 1, "unknown"),
    ],
)
def test_from_which_build_on_a_shared_identity_is_refused(build: str | None, ubr: int | None, enforces: str) -> None:
    """KB5068222: updates from the preview of August 2025 on (KB5064081, 26100.5074)."""
    rows = rows_of(machine(1, "PC-1", build=build, ubr=ubr), machine(2, "PC-2", build=build, ubr=ubr))
    assert [(row.enforces, row.group_enforces) for row in rows] == [(enforces, enforces)] * 2


@pytest.mark.parametrize(
    ("builds", "strongest"),
    [
        ((("26100", 7000), ("26100", 5074)), "yes"),
        ((("26100", 5074), (None, None)), "yes"),
        ((("19045", 1), (None, None)), "unknown"),
    ],
)
def test_the_strictest_member_speaks_for_its_group(builds: tuple[tuple[str, int], ...], strongest: str) -> None:
    members = [machine(at, f"PC-{at}", build=build, ubr=ubr) for at, (build, ubr) in enumerate(builds, 1)]
    assert {row.group_enforces for row in rows_of(*members)} == {strongest}
    assert {row.group_enforces for row in rows_of(*reversed(members))} == {strongest}


def compared_in_pairs(rows: list[SharedIdentityRow], machines: dict[int, MachineRow]) -> list[tuple[str, str]]:
    """Return what each member is by comparing it with every other one, as no two loops should for thousands."""
    order = ("clone", "unknown", "generalized", "same_computer")
    told: list[tuple[str, str]] = []
    for row in rows:
        one = machines[row.member]
        others = (
            machines[other.member] for other in rows if other.shared_group == row.shared_group and other is not row
        )
        common = [o for o in others if o.machine_sid == one.machine_sid or o.machine_guid == one.machine_guid]
        pairs = [identities._pair(*(identities._Member(m, "", 0, {}, [], {}, set()) for m in (one, o))) for o in common]
        told.append(min(pairs, key=lambda pair: order.index(pair[0])))
    return told


@pytest.mark.parametrize("seed", range(60))
def test_few_of_a_group_decide_as_all_would(seed: int) -> None:
    chance = random.Random(seed)
    names = [None, *"ABCDEFGHIJKLMN"[: chance.randrange(1, 14)]]
    hardware = [None, *"abcdefghijklmn"[: chance.randrange(1, 14)]]
    sealed = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    machines = {
        number: machine(
            number,
            chance.choice(names[chance.random() < 0.8 :] or names),
            hardware_id=chance.choice(hardware),
            machine_sid=f"S-1-5-21-1-1-{chance.randrange(1, 3)}",
            machine_guid=chance.choice((GUID, OTHER_GUID)),
            image_state=sealed if chance.random() < 0.05 else None,
        )
        for number in range(1, chance.randrange(3, 30))
    }
    found = rows_of(*machines.values())
    assert [(row.relation, row.reason) for row in found] == compared_in_pairs(found, machines)


def many(count: int, names: int, hardware: int) -> list[Row]:
    return [
        row
        for number in range(1, count + 1)
        for row in (
            machine(number, f"PC-{number % names}", hardware_id=f"{number % hardware}", machine_guid=GUID),
            secret(number, "aa"),
            *(key_file(number, f"k/{at}", public_key_sha256=f"{at:064}") for at in range(10)),
            *(certificate(number, f"{at:040}", True) for at in range(3)),
        )
    ]


@pytest.mark.parametrize(
    ("names", "hardware", "relation"),
    [(10_000, 10_000, "clone"), (1, 10_000, "unknown"), (10_000, 1, "unknown"), (1, 1, "same_computer")],
)
def test_ten_thousand_are_compared_in_seconds(names: int, hardware: int, relation: str) -> None:
    rows = many(10_000, names, hardware)
    with within(10):
        found = shared_identities(rows, {})
    assert len(found) == 10_000
    assert {row.relation for row in found} == {relation}
    assert [len(row.with_members) for row in found] == [MAX_LISTED] * 10_000
    assert {row.shared_keys for row in found} == {13}


def test_narrow_rows_are_enough() -> None:
    whole = [
        machine(1, "PC-1", machine_guid=GUID, hardware_id="h1", system_root="Windows"),
        machine(2, "PC-2", machine_guid=GUID, hardware_id="h2", system_root="Windows"),
        secret(1, "aa"),
        secret(2, "aa"),
        refused(1, 3),
        key_file(1, "keys/b", public_key_sha256="shared", second_public_key_sha256="x"),
        key_file(2, "other/b", public_key_sha256="shared"),
        certificate(1, "AA", True),
        certificate(2, "AA", True),
        TpmRow(machine_id=1, source_path="SYSTEM", ek_pub_sha256="e" * 64),
    ]
    assert shared_identities(narrow(whole, READS), {}) == shared_identities(whole, {}) != []
