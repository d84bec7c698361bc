"""What is said of the secret of a user that opened a master key, or that is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts
from forensics.report.users_secret import OPENED_WITH, missing_of_user, secret_of_user
from forensics.tables.machine import UserRow
from forensics.tables.secrets import MasterKeyRow, OpenedWith

SID, DOMAIN_KEY = "S-1-5-21-1-2-3-1001", "cccccccc-0000-0000-0000-000000000003"
OTHER_KEY = "dddddddd-0000-0000-0000-000000000004"
OF_THEN = "the password that maria had when the master key was last protected"
OF_DOMAIN = f"the DPAPI backup key {DOMAIN_KEY} of the domain (--domain-backup-key)"
CREDHIST = "CREDHIST, the history of older passwords, is not on this disk"


def row(**given: Any) -> MasterKeyRow:
    return MasterKeyRow(machine_id=1, source_path="x", guid="g", path="p", owner_sid=SID, **given)


def facts(name: str | None = "maria") -> Facts:
    return Facts(CaseTables([UserRow(machine_id=1, source_path="x", sid=SID, name=name)]))


@pytest.mark.parametrize("opened_with", list(OPENED_WITH))
def test_what_opened_it(opened_with: OpenedWith) -> None:
    assert secret_of_user(row(opened_with=opened_with, missing_secret=[]), facts()) == OPENED_WITH[opened_with]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"opens_with": ["password"], "missing_secret": ["password"], "credhist": "absent"},
            f"{OF_THEN} (--password); {CREDHIST}",
        ),
        (
            {"missing_secret": ["older_password"], "given_password": "todays", "credhist": "absent"},
            "an older password of maria, of the time when the master key was last protected (--password); the one "
            f"given is today's, tested against SAM, and does not open it; {CREDHIST}",
        ),
        (
            {
                "opens_with": ["password", "nt_hash", "domain_key"],
                "missing_secret": ["password", "domain_key"],
                "given_password": "unknown",
                "domain_key_guid": DOMAIN_KEY,
                "domain_key": "does_not_open",
                "domain_keys_given": [OTHER_KEY],
            },
            f"{OF_THEN} (--password, or its NT hash by --nt-hash), or {OF_DOMAIN}; what was given for maria does "
            f"not open it; the backup key given, named for {OTHER_KEY}, does not open it: likely it is another one",
        ),
        (
            {
                "missing_secret": ["domain_key"],
                "domain_key_guid": DOMAIN_KEY,
                "domain_key": "does_not_open",
                "domain_keys_given": [DOMAIN_KEY],
            },
            f"{OF_DOMAIN}; a backup key whose file is named for that GUID was given, and does not open it",
        ),
        (
            {"missing_secret": ["older_password"], "given_password": "cached"},
            "an older password of maria, of the time when the master key was last protected (--password); the one "
            "given is that of a sign-in here (cached credentials), and does not open it",
        ),
        (
            {"missing_secret": ["cloudap"], "credhist": "absent"},
            "likely a secret that Windows has from the cloud (CloudAP), which cannot be given here",
        ),
    ],
    ids=["nothing given", "today's given", "domain", "misnamed backup key", "sign-in", "cloud"],
)
def test_what_is_missing(given: dict[str, Any], says: str) -> None:
    assert missing_of_user(row(**given), facts()) == says
    assert secret_of_user(row(**given), facts()) == f"missing: {says}"


def test_a_user_without_name_is_called_by_his_sid() -> None:
    assert missing_of_user(row(missing_secret=["password"]), facts(None)).startswith(f"the password that {SID} had")


def test_a_key_that_no_other_key_needs_says_what_may_open_it() -> None:
    assert missing_of_user(row(), facts()) == ""
    assert missing_of_user(None, facts()) == ""
    assert (
        secret_of_user(row(has_domain_backup=False), facts()) == "the owner's password; there is no copy for a domain"
    )


def test_nobody_is_asked_for_the_password_of_a_virtual_account() -> None:
    pool = replace(row(missing_secret=["password"]), owner_sid="S-1-5-82-1-2-3-4-5")
    said = "the secret of S-1-5-82-1-2-3-4-5, a virtual account, which has no password that anybody could give"
    assert missing_of_user(pool, facts()) == said
    assert missing_of_user(replace(pool, missing_secret=[]), facts()) == ""
