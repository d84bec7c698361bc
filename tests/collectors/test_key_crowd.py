"""Folders of very many key files: names prove absence, the search by public key is bounded, what fills them is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forensics import examine
from forensics.chain.judge import judge
from forensics.collectors.collect import collect
from forensics.collectors.evidence import Evidence
from forensics.collectors.key_census import pattern_of
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.finding import as_text
from forensics.tables.key_folder import KeyFolderRow
from testdata.builder import acl
from testdata.builder.acl import SYSTEM, Ace, security_descriptor
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.disk import build_disk
from testdata.builder.dpapi import make_master_key
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.names import capi_file_name
from testdata.builder.ntfs import build_ntfs, unavailable
from tests.collectors.virtual import CNG_KEYS, MACHINE_KEYS, OTHER_GUID
from tests.memory_tree import MemoryTree

FIRST = datetime(2021, 1, 1, tzinfo=UTC)
MARCH = datetime(2021, 3, 1, 12, tzinfo=UTC)
A_DAY = 100


def forged() -> ForgedMachine:
    """A machine with one certificate of each kind that a full folder could be wrong about."""
    made = machine("crowd")
    keys = [rsa_key(f"2048-0{number}") for number in range(1, 6)]
    for name, container, key in (("linked", "linked", keys[0]), ("gone", "gone", keys[1]), ("foreign", "fo", keys[2])):
        link = capi_link(container, CAPI_ENHANCED)
        made.put_certificate(make_certificate(name, key, not_before=FIRST), link=link)
    made.put_capi("linked", exchange=Slot(keys[0]), created=FIRST)
    made.put_capi("fo", exchange=Slot(keys[2]), suffix=OTHER_GUID, created=FIRST)
    made.put_certificate(make_certificate("unlinked", keys[3], not_before=MARCH))
    made.put_capi("any", exchange=Slot(keys[3]), created=MARCH + timedelta(hours=1))
    made.put_certificate(make_certificate("nowhere", keys[4], not_before=MARCH))
    return made


def crowded(made: ForgedMachine, count: int, complete: bool = True) -> tuple[Installation, MemoryTree]:
    """Put so many files beside the keys of a machine, a hundred a day, all with one key."""
    data = make_capi_key("x", "Agent-00000000", made.keys[MACHINE], exchange=Slot(rsa_key("2048-06")))
    files: dict[str, bytes | None] = {}
    created: dict[str, datetime] = {}
    for number in range(count):
        path = f"{MACHINE_KEYS}/{number:032x}_{made.suffix}"
        files[path] = data
        created[path] = FIRST + timedelta(days=number // A_DAY, seconds=number % A_DAY)
    for spec in made.volume():
        files[spec.path] = spec.data
        created[spec.path] = spec.created
    tree = MemoryTree(files, complete, created=created)
    return Installation(1, "memory", tree, "Windows", "", open_hive), tree


def judged(evidence: Evidence) -> dict[str, tuple[str, str, str | None, bool | None]]:
    """Key file, verdict, broken link and recoverable of each certificate, by its common name."""
    rows = judge(evidence).key_chains
    return {
        (row.subject or row.key_file_path or "").removeprefix("CN="): (
            row.key_file,
            row.verdict,
            row.broken_at,
            row.recoverable,
        )
        for row in rows
    }


def folder(evidence: Evidence, path: str = MACHINE_KEYS) -> KeyFolderRow:
    (row,) = [row for row in evidence.key_folder_rows if row.path == path]
    return row


@pytest.mark.parametrize(
    ("count", "searched", "sample", "newest", "days", "last_30_days", "per_day", "nowhere"),
    [
        # Day 300 is 2021-10-28 and has one file; every file is searched, so that a key is known to be in none.
        (30_001, 30_001, 235, "2021-10-28T00:00:00", 301, 29 * 100 + 1, 97, ("absent", False)),
        # Day 1999 is 2026-06-23; of the 40,000 that are searched one is read, the rest is open.
        (200_000, 39_999, 391, "2026-06-23T00:01:39", 2000, 3000, 100, ("not_examined", None)),
    ],
)
def test_names_prove_absence_among_very_many_files(
    count: int,
    searched: int,
    sample: int,
    newest: str,
    days: int,
    last_30_days: int,
    per_day: int,
    nowhere: tuple[str, bool | None],
) -> None:
    examined, tree = crowded(forged(), count)
    evidence = collect(examined)
    assert judged(evidence) == {
        "linked": ("present", "usable", None, None),
        "gone": ("absent", "unusable", "key_file", nowhere[1]),
        "foreign": ("other_machine_guid", "unusable", "key_file", True),
        "unlinked": ("present", "unusable", "claim", True),
    }
    row = folder(evidence)
    assert (row.outcome, row.files, row.read, row.searched, row.named) == ("present", count + 3, 3, searched, 2)
    assert row.present_guid == count + 2
    assert (row.oldest, row.newest) == (FIRST, datetime.fromisoformat(newest).replace(tzinfo=UTC))
    assert (row.days, row.last_30_days, row.per_day) == (days, last_30_days, per_day)
    # Two of the three others were made on the first day, too.
    assert (row.busiest_day, row.busiest_day_files) == (FIRST, 102)
    assert (row.sample, row.container_pattern, row.container_pattern_files) == (sample, "Agent-*", sample)
    assert row.same_public_key_files == sample
    assert row.same_public_key_sha256 is not None
    message = f"3 of its {count + 3} key files are read, those that certificates name first; "
    message += f"of {searched} more only the public key"
    told = [(p.source_path, p.kind, p.message) for p in examined.problems]
    assert told == [(MACHINE_KEYS, "too_many", message)]
    assert [(c.name, c.detail) for c in examined.coverage if c.outcome == "partial"] == [
        ("RSA/MachineKeys (capi, machine)", message)
    ]
    opened = sum(path.startswith(MACHINE_KEYS) for path, _ in tree.opened)
    assert opened <= 40_000 + sample + 3


def test_a_key_that_does_not_open_may_lie_once_more_among_what_was_not_read() -> None:
    made = machine("crowd")
    link = capi_link("linked", CAPI_ENHANCED)
    made.put_certificate(make_certificate("linked", rsa_key("2048-01")), link=link)
    lost = make_master_key("lost", "S-1-5-18", bytes(20))
    made.put_capi("linked", exchange=Slot(rsa_key("2048-01")), master_key=lost)
    broken = ("present", "unusable", "master_key")
    assert judged(collect(crowded(made, 1999)[0]))["linked"] == (*broken, False)
    assert judged(collect(crowded(made, 2000)[0]))["linked"] == (*broken, None)


def test_the_same_key_is_read_three_times_and_no_more() -> None:
    made = machine("crowd")
    made.put_certificate(make_certificate("leaked", rsa_key("2048-06"), not_before=FIRST))
    made.put_certificate(make_certificate("nowhere", rsa_key("2048-05"), not_before=FIRST))
    evidence = collect(crowded(made, 2001)[0])
    row = folder(evidence)
    assert (row.files, row.read, row.searched) == (2001, 3, 1998)
    # Of another's name, and its key in no file: a certificate of others.
    assert "nowhere" not in judged(evidence)


def test_nothing_is_searched_where_every_certificate_leads_to_its_key() -> None:
    made = machine("crowd")
    link = capi_link("linked", CAPI_ENHANCED)
    made.put_certificate(make_certificate("linked", rsa_key("2048-01")), link=link)
    made.put_capi("linked", exchange=Slot(rsa_key("2048-01")))
    examined, tree = crowded(made, 2001)
    evidence = collect(examined)
    row = folder(evidence)
    assert (row.files, row.read, row.searched) == (2002, 1, 0)
    assert sum(path.startswith(MACHINE_KEYS) for path, _ in tree.opened) == 1 + row.sample


def test_a_folder_of_two_thousand_files_is_read_whole() -> None:
    made = machine("crowd")
    examined, _ = crowded(made, 2000)
    evidence = collect(examined)
    row = folder(evidence)
    assert (row.files, row.read, row.sample, row.container_pattern) == (2000, 2000, 0, None)
    assert examined.problems == []


def test_the_keys_of_windows_itself_are_read_among_very_many() -> None:
    made = machine("crowd")
    path = made.put_capi("iisConfigurationKey", exchange=Slot(rsa_key("2048-01")))
    assert path.endswith(f"6de9cb26d2b98c01ec4e9e8b34824aa2_{made.suffix}")  # as published
    evidence = collect(crowded(made, 2001)[0])
    assert [(row.key_file_path, row.verdict) for row in judge(evidence).key_chains] == [(path, "usable")]


def test_a_collection_with_very_many_files_proves_absence_by_names_too() -> None:
    evidence = collect(crowded(forged(), 2001, complete=False)[0])
    assert judged(evidence)["gone"][:3] == ("absent", "unusable", "key_file")


def test_a_folder_whose_names_were_not_all_listed_proves_nothing() -> None:
    made = forged()
    examined, tree = crowded(made, 2001)
    tree.cut = {MACHINE_KEYS.lower(): "only 2004 of its names are listed"}
    evidence = collect(examined)
    assert judged(evidence)["gone"] == ("not_examined", "unknown", None, None)
    assert folder(evidence).outcome == "partial"


def test_cng_keys_of_very_many_and_their_owner() -> None:
    made = machine("crowd")
    files: dict[str, bytes | None] = {spec.path: spec.data for spec in made.volume()}
    path = made.put_cng("app", CngKey.ec(ec_key("P-256", "crowd")))
    data = made.files[path].data
    crowd = [f"{CNG_KEYS}/{number:032x}_{made.suffix}" for number in range(2001)]
    files |= dict.fromkeys(crowd, data)
    descriptor = security_descriptor([Ace(SYSTEM)], owner="S-1-5-20")
    tree = MemoryTree(files, descriptors=dict.fromkeys(crowd, descriptor))
    evidence = collect(Installation(1, "memory", tree, "Windows", "", open_hive))
    row = folder(evidence, CNG_KEYS)
    assert (row.kind, row.files, row.read, row.sample) == ("cng", 2001, 0, 251)
    assert (row.file_owner, row.file_owner_files, row.container_pattern) == ("S-1-5-20", 251, "app")
    assert row.newest is None


@pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")
def test_a_disk_with_a_full_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On NTFS the index alone is read: what a certificate names is opened all the same, and absence is proved."""
    monkeypatch.setattr("forensics.disk.ntfs.tree._MOST_EXACT", 1000)
    made = forged()
    sd = security_descriptor([Ace(SYSTEM)], owner="S-1-5-20")
    for number in range(2500):
        name = f"Agent-{number:08x}"
        data = make_capi_key("x", name, made.keys[MACHINE], exchange=Slot(rsa_key("2048-06")))
        path = f"{MACHINE_KEYS}/{capi_file_name(name, made.suffix)}"
        made.write(path, data, sd=sd, created=FIRST + timedelta(days=number // A_DAY))
    volume, disk = tmp_path / "volume.ntfs", tmp_path / "disk.raw"
    build_ntfs(made.volume(), volume, 64 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([volume], disk)
    case = examine(disk, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    chains = {row.subject: (row.key_file, row.verdict, row.recoverable) for row in case.rows("key_chain")}
    assert chains == {
        "CN=linked": ("present", "usable", None),
        "CN=gone": ("absent", "unusable", False),
        "CN=foreign": ("other_machine_guid", "unusable", True),
        "CN=unlinked": ("present", "unusable", True),
    }
    (finding,) = [finding for finding in case.finding_list if finding.rule == "key-folder-overfull"]
    assert [subject.id for subject in finding.subjects] == [MACHINE_KEYS]
    # Fillers are of 25 days from 2021-01-01; the key that no certificate names is of 2021-03-01.
    told = (
        "MachineKeys: 2503 files, the first of 2021-01-01, the last of 2021-03-01; of the last 30 days up to then 1, "
    )
    told += "about 1 a day; most on 2021-01-01, 102. Of 313 that were looked into, "
    assert told in as_text(finding.because)


@pytest.mark.parametrize(
    ("container", "pattern"),
    [
        ("{0D1C2B3A-0000-4000-8000-000000000001}", "*"),
        ("Agent-0d1c2b3a-0000-4000-8000-000000000001", "Agent-*"),
        ("job 17 of 20", "job * of *"),
        ("v1", "v1"),
        ("deadbeef01-0042", "*"),
        ("Z" * 300, "Z" * 100),
    ],
)
def test_pattern_of_containers(container: str, pattern: str) -> None:
    assert pattern_of(container) == pattern
