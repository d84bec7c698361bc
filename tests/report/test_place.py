"""Every output says of which source and volume a Windows is, and as little of it as is enough."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

import forensics
from forensics.report.facts import Facts
from forensics.tables.machine import MachineRow
from forensics.tables.source import SourceEntry
from tests.hand_made import ALIVE, AS_OF, chain, machine
from tests.paths import IMAGES

OTHER = "D" * 40


def two(before: dict[str, Any], after: dict[str, Any]) -> forensics.Case:
    """Two Windows, which have a certificate each, on the sources and volumes that are named."""
    rows: list[MachineRow] = [machine(machine_id=1, **before), machine(machine_id=2, **after)]
    sources = dict.fromkeys(str(row.source) for row in rows)
    entries = [SourceEntry(path, "disk", [r.machine_id for r in rows if r.source == path]) for path in sources]
    chains = [chain(), chain(machine_id=2, thumbprint=OTHER, subject="CN=other.contoso.test")]
    return forensics.Case([*rows, *chains], entries, AS_OF)


def dual_boot() -> forensics.Case:
    return two({"source": "disk.vhdx", "volume": "partition 2"}, {"source": "disk.vhdx", "volume": "partition 4"})


def test_the_only_windows_of_a_disk_is_told_with_its_source_alone() -> None:
    entries = [SourceEntry("disk.vhdx", "disk", [1])]
    case = forensics.Case([machine(source="disk.vhdx", volume="partition 2"), chain()], entries, AS_OF)
    lines = forensics.render(case).splitlines()
    assert lines[1] == "WEB01: Windows Server 2019 Standard build 17763.5, domain contoso.test, in disk.vhdx"
    assert "partition" not in forensics.render(case)
    assert "\n  on WEB01, store MY, thumbprint" in forensics.render(forensics.explain(case, ALIVE))
    assert " on WEB01, key usable" in forensics.render(forensics.expiring(case, timedelta(days=30)))


def test_the_volume_tells_two_windows_of_one_disk_apart() -> None:
    case = dual_boot()
    text = forensics.render(case)
    lines = text.splitlines()
    for line, volume in ((lines[1], "partition 2"), (lines[2], "partition 4")):
        assert line == (
            f"WEB01: Windows Server 2019 Standard build 17763.5, domain contoso.test, in disk.vhdx, {volume}"
        )
    assert "On WEB01 (partition 2): CN=alive.contoso.test" in text
    assert "On WEB01 (partition 4): CN=other.contoso.test" in text
    assert "on WEB01 in disk.vhdx, partition 4, store MY" in forensics.render(forensics.explain(case, OTHER))
    expiring = forensics.render(forensics.expiring(case, timedelta(days=30))).splitlines()
    assert [line.split(", on ")[1].split(", key")[0] for line in expiring] == [
        "WEB01 in disk.vhdx, partition 2",
        "WEB01 in disk.vhdx, partition 4",
    ]
    page = forensics.render(case, "html")
    assert "<code>disk.vhdx, partition 2</code>" in page
    assert "<code>disk.vhdx, partition 4</code>" in page
    assert "WEB01 (partition 4)" in page


def test_metrics_of_two_machines_of_one_name_are_two_series() -> None:
    families = text_string_to_metric_families(forensics.render(dual_boot(), "prom"))
    places = {
        family.name: [tuple(s.labels[name] for name in ("machine", "disk", "volume")) for s in family.samples]
        for family in families
        if "machine" in family.samples[0].labels
    }
    both = [("WEB01", "disk.vhdx", f"partition {number}") for number in (2, 4)]
    assert places["keymortem_certificate_not_after"] == both
    assert sorted(set(places["keymortem_findings"])) == both
    assert len(places["keymortem_findings"]) == 10


def names(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    facts = Facts(two(before, after))
    return [facts.machine_name(1), facts.machine_name(2)]


def test_names_that_are_not_unique_get_as_much_as_tells_them_apart() -> None:
    old, new = {"source": "a/old.vhdx", "volume": "partition 1"}, {"source": "b/new.vhdx", "volume": "partition 1"}
    assert names(old, new) == ["WEB01 (old.vhdx)", "WEB01 (new.vhdx)"]
    assert names(old, new | {"computer_name": "web02"}) == ["WEB01", "web02"]
    assert names(old, new | {"computer_name": "web01"}) == ["WEB01 (old.vhdx)", "web01 (new.vhdx)"]
    same_file = {"source": "a/disk.vhdx"}, {"source": "b/disk.vhdx"}
    assert names(*same_file) == ["WEB01 (a/disk.vhdx)", "WEB01 (b/disk.vhdx)"]
    one_volume = old | {"system_root": "Windows"}, old | {"system_root": "Windows.old"}
    assert names(*one_volume) == ["WEB01 (Windows)", "WEB01 (Windows.old)"]
    assert names(old, old) == ["WEB01 (installation 1)", "WEB01 (installation 2)"]
    assert names(old | {"computer_name": None}, old | {"computer_name": None}) == ["installation 1", "installation 2"]


def test_a_comparison_of_several_machines_says_where_each_was(tmp_path: Path) -> None:
    before = two({"source": "a.vhdx", "volume": "partition 2"}, {"source": "b.vhdx", "computer_name": "DB02"})
    after = forensics.Case([machine(source="c.vhdx", volume="partition 1"), chain()], [], AS_OF)
    comparison = forensics.compare(before, after)
    text = forensics.render(comparison)
    assert "Before: a.vhdx, partition 2; after: c.vhdx, partition 1." in text
    assert "DB02 is only in the source before (b.vhdx): not compared." in text
    page = forensics.render(comparison, "html").replace("<wbr>", "")
    assert "Before: a.vhdx, partition 2; after: c.vhdx, partition 1." in page
    assert "DB02 is only in the source before (b.vhdx): not compared." in page
    alone = forensics.render(forensics.compare(after, after))
    assert "partition 1" not in alone


def test_source_and_volume_of_a_real_disk_stand_in_the_tables(tmp_path: Path) -> None:
    disk = IMAGES / "healthy.vhdx.xz"
    lost = tmp_path / "lost.vhdx"
    case = forensics.examine(disk, lost, as_of=AS_OF)
    forensics.write(case, "csv", tmp_path / "tables")

    def table(name: str) -> list[dict[str, str]]:
        with (tmp_path / "tables" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    [row] = table("machine")
    assert (row["source"], row["volume"]) == (str(disk), "partition 1")
    [found, failed] = table("source")
    assert (found["path"], found["kind"], found["machine_ids"], found["error"]) == (str(disk), "disk", "1", "")
    assert (found["size"], len(found["sha256"])) == (str(disk.stat().st_size), 64)
    assert (failed["path"], failed["machine_ids"]) == (str(lost), "")
    assert failed["error"] == f"{lost} does not exist: check its name"
    assert (found["found_in"], found["older_state_of"]) == ("", "")
