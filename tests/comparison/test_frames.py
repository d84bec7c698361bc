"""The public functions over two cases, as data frames and as text."""

from __future__ import annotations

import pandas as pd
import pytest

import forensics
from forensics.hyperv.migration import MigrationPlan
from tests.examined import examined


@pytest.fixture(scope="module")
def plan() -> MigrationPlan:
    return forensics.plan_migration(examined("hyperv-source"), examined("hyperv-target"))


def test_operations_of_every_machine(plan: MigrationPlan) -> None:
    table = plan.operations
    starts = table[table.operation == "start"].set_index("vm").result
    # hyperv-target has the pair of COPY01 in the wrong store, none of GONE01's, and PRINT01 has no virtual TPM.
    assert (starts["COPY01"], starts["GONE01"], starts["PRINT01"]) == ("likely fails", "fails", "works")
    assert list(table.result.cat.categories) == ["works", "unknown", "likely fails", "fails"]
    assert plan.has_obstacles


def test_certificates_to_carry(plan: MigrationPlan) -> None:
    table = plan.certificates.set_index("thumbprint")
    first = table.loc["AF7D2CEDDA5340F85BD9DB1E6976D985126DDC42"]
    assert (first.role, first.host, first.on_source, first.exportable, first.on_target) == (
        "encryption",
        "HV01",
        "usable",
        "yes",
        "wrong_store",
    )
    assert first.not_after == pd.Timestamp("2036-10-26T14:05:00Z")
    assert "WEB01" in first.needed_by


def test_the_plan_shows_itself_as_the_command_does(plan: MigrationPlan) -> None:
    assert repr(plan).startswith("Moving virtual machines from HV01 to HV02, as of 2026-11-22\n")


def test_without_a_target_there_is_no_plan() -> None:
    with pytest.raises(ValueError, match="no Windows was found"):
        forensics.plan_migration(None, forensics.Case())


def test_a_comparison_is_data_frames_too() -> None:
    before = examined("before-sysprep")
    comparison = forensics.compare(before, examined("sysprepped"))
    died = comparison.keys[comparison.keys.fate == "died"]
    assert sorted(died.subject.dropna().str[3:].str.split(".").str[0]) == ["api", "kept-name", "ldap", "mail", "web"]
    assert died[~died.recoverable].subject.tolist() == ["CN=ldap.contoso.test"]
    changed = comparison.differences
    assert "clone_tag was (nothing), is Fri Nov 07 05:48:31 2025" in set(changed.text)
    assert repr(comparison).startswith("Before: ")
    nothing = forensics.compare(before, before)
    assert (len(nothing.keys), len(nothing.differences)) == (0, 0)
    assert list(nothing.keys.dtypes.items()) == list(comparison.keys.dtypes.items())
