"""Table package: the patch level."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from forensics.collectors.packages import PACKAGES, collect_packages
from forensics.collectors.registry_view import RegistryView
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from tests.collectors.virtual import installation, problems, software_hive
from tests.memory_tree import MemoryTree

TAIL = "31bf3856ad364e35~amd64~"
SOFTWARE = "Windows/System32/config/SOFTWARE"


def test_whole_updates_only() -> None:
    software = software_hive()
    for name, state in {
        f"Package_for_RollupFix~{TAIL}~17763.6414.1.17": 0x70,
        f"Package_for_KB4012219~{TAIL}~6.3.1.2": 0x50,
        f"Package_for_KB4012219_RTM~{TAIL}~6.3.1.2": 0x70,
        f"Package_1_for_KB4012219~{TAIL}~6.3.1.2": 0x70,
        f"Microsoft-Windows-Foundation-Package~{TAIL}~10.0.17763.1": 0x70,
    }.items():
        software.key(f"{PACKAGES}\\{name}").dword("CurrentState", state).dword("InstallTimeHigh", 30548616).dword(
            "InstallTimeLow", 3568263012
        )
    software.key(f"{PACKAGES}\\Package_for_KB5000001~{TAIL}~10.0.1.0")
    examined = installation({}, {"SOFTWARE": software})
    rows = {row.name: row for row in collect_packages(examined)}
    assert problems(examined) == []
    assert {
        (r.kb, r.version, r.build, r.revision, r.state, r.installed, r.install_time is None) for r in rows.values()
    } == {
        (None, "17763.6414.1.17", 17763, 6414, 0x70, True, False),
        ("KB4012219", "6.3.1.2", None, None, 0x50, False, False),
        ("KB5000001", "10.0.1.0", None, None, None, None, True),
    }
    rollup = rows[f"Package_for_RollupFix~{TAIL}~17763.6414.1.17"]
    # The same two numbers stand in the real hive, in a key that was last written at that moment.
    assert rollup.install_time == datetime(2016, 10, 9, 23, 57, 2, 632534, tzinfo=UTC)
    assert rollup.source_path == f"{SOFTWARE}\\{PACKAGES}\\{rollup.name}!CurrentState"


def test_no_software_no_rows() -> None:
    assert list(collect_packages(installation({"Windows/x": b""}))) == []


def test_real_windows_8_1(realdata: Path) -> None:
    """214 whole updates among 4,399 packages, as dissect.regf lists the keys."""
    with zipfile.ZipFile(realdata / "student-pc8-win81.zip") as archive:
        tree = MemoryTree({SOFTWARE: archive.read(SOFTWARE)})
    rows = list(collect_packages(Installation(1, "pc8", tree, "Windows", "", open_hive)))
    assert len(rows) == 214
    assert Counter(row.state for row in rows) == {0x70: 213, 0x50: 1}
    assert [(r.build, r.revision, r.installed) for r in rows if r.kb is None] == [
        (9600, 18509, False),
        (9600, 18528, True),
    ]
    assert {"KB2894856", "KB2919355"} <= {row.kb for row in rows}
    assert "KB4012219" not in {row.kb for row in rows}


def test_keys_are_found_by_the_start_of_their_names_as_by_reading_all() -> None:
    software = software_hive()
    names = [
        f"{start}{n:04}~x" for start in ("Microsoft-", "PackageX", "Package_1_for_", "Package_fos") for n in range(700)
    ]
    names += [f"package_FOR_KB{n}~{TAIL}~1.2" for n in range(5_000_000, 5_000_900)]
    for name in [*names, "Package_for_", "Package_for", "zz"]:
        software.key(f"{PACKAGES}\\{name}")
    examined = installation({}, {"SOFTWARE": software})
    key = RegistryView.of_machine(examined, "SOFTWARE").key(PACKAGES)
    assert key is not None
    found = [k.name for k in key.subkeys_beginning("Package_for_")]
    assert found == [k.name for k in key.subkeys() if k.name.lower().startswith("package_for_")]
    assert len(found) == 901
    assert [k.name for k in key.subkeys_beginning("PackageX0699")] == ["PackageX0699~x"]
    assert [k.name for k in key.subkeys_beginning("zzz")] == []
    assert [k.name for k in key.subkeys_beginning("zz")] == ["zz"]
    assert problems(examined) == []


def test_a_list_with_a_broken_key_is_searched_in_full() -> None:
    software = software_hive()
    for n in range(64):
        software.key(f"{PACKAGES}\\Package_for_KB{5_000_000 + n}~{TAIL}~1.2")
    data = software.build()
    # The key in the middle is the first that a search would look at.
    at = data.index(f"Package_for_KB5000032~{TAIL}~1.2".encode()) - 76
    broken = data[:at] + b"XX" + data[at + 2 :]
    examined = installation({SOFTWARE: broken})
    assert {row.kb for row in collect_packages(examined)} == {f"KB{5_000_000 + n}" for n in range(64) if n != 32}
    assert [kind for _, kind in problems(examined)].count("bad_magic") == 1
