"""Cases of user accounts that administrators reported: the expected values are those of the cases' descriptions."""

from __future__ import annotations

import zipfile
from typing import Any

import pytest

import forensics
from forensics.case_tables import CaseTables
from tests.oracles import needs_shared
from tests.paths import CASES

NEEDED = needs_shared(CASES)


def examined(name: str, **given: Any) -> CaseTables:
    return forensics.examine(CASES / f"{name}.zip", **given)


def password(case: str, name: str) -> str:
    with zipfile.ZipFile(CASES / f"{case}.zip") as archive:
        return archive.read(name).decode().splitlines()[0]


def rules_of(case: Any) -> set[str]:
    return {finding["rule"] if isinstance(finding, dict) else finding.rule for finding in case.finding_list}


@NEEDED
@pytest.mark.parametrize("name", ["jdoe", "TEMP", "S-1-5-21-2052111302-1275210071-1644491937-1160"])
def test_a_user_with_a_temporary_profile_is_named_by_his_own_folder(name: str) -> None:
    case = examined("31-temp-profile", passwords={name: "Pw-31"})
    [user] = [row for row in case.rows("user") if row.sid.endswith("-1160")]
    assert (user.name, user.profile_path.rpartition("/")[2]) == ("jdoe", "jdoe")
    assert user.temporary_profile.rpartition("/")[2] == "TEMP"
    [chain] = case.rows("key_chain")
    assert (chain.unlocked_by, chain.private_key) == ("password", "proved")
    assert "temporary-profile" in rules_of(case)
    assert not [row for row in case.rows("problem") if row.kind == "unknown_user"]


@NEEDED
def test_todays_password_is_not_that_of_a_master_key_from_before_the_reset() -> None:
    """The SAM of this case names no accounts, so that today's password is likely only."""
    case = examined("16-password-reset", passwords={"maria": password("16-password-reset", "new.txt")})
    [chain] = case.rows("key_chain")
    assert (chain.verdict, chain.unlocked_by, chain.private_key, chain.recoverable) == (
        "unknown",
        "nothing",
        "locked",
        None,
    )
    assert "likely it is today's password and the master key is from before it was set" in chain.reason
    assert "older password" in chain.reason
    assert "CREDHIST" in chain.reason
    [row] = [row for row in case.rows("master_key") if row.guid == chain.master_key_guid]
    # SAM names no accounts, and the archive holds no CREDHIST, which says nothing of the disk.
    assert (row.given_password, row.missing_secret, row.credhist) == ("unknown", ["password"], "not_examined")


@NEEDED
def test_the_older_password_opens_it() -> None:
    case = examined("16-password-reset", passwords={"maria": password("16-password-reset", "old.txt")})
    [chain] = case.rows("key_chain")
    assert (chain.unlocked_by, chain.private_key) == ("password", "proved")
