"""Every unknown verdict says why, also where nothing on the disk is damaged or missing that usually is there."""

from __future__ import annotations

import pytest

import forensics
from forensics.chain.undecided import ANY_OTHER, why_undecided
from forensics.dpapi.domain_backup import load_pvk
from forensics.dpapi.user_secrets import UserSecrets
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import MasterKeyRow
from testdata.builder import certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import make_certificate
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE
from testdata.builder.keys import pvk, rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from tests.forged_machine import chains
from tests.paths import CASES

KEY = rsa_key("2048-01")
CRYPTOGRAPHY, IN_32 = "Microsoft\\Cryptography", "WOW6432Node\\Microsoft\\Cryptography"
NO_GUIDS = {"empty": "", "braces": "{}", "text": 'x" & calc & "', "short": "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f40516"}
NOT_KNOWN = ": for which machine key files must be named is not known"


def web(forged: ForgedMachine) -> ForgedMachine:
    forged.put_capi("web", exchange=Slot(KEY))
    forged.put_capi("orphan", exchange=Slot(rsa_key("2048-02")))
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", certs.CAPI_ENHANCED))
    return forged


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "SOFTWARE has no MachineGuid"),
        ("empty", "MachineGuid in SOFTWARE is empty"),
        ("braces", "MachineGuid in SOFTWARE is no GUID"),
        ("text", "MachineGuid in SOFTWARE is no GUID"),
        ("short", "MachineGuid in SOFTWARE is no GUID"),
        ("number", "MachineGuid in SOFTWARE is no text (its type is 4)"),
        ("32-bit", "SOFTWARE has MachineGuid in its 32-bit view (WOW6432Node) only"),
    ],
)
def test_a_machine_guid_that_is_none(how: str, reason: str) -> None:
    forged = web(machine("undecided"))
    key = forged.hives.software.key(CRYPTOGRAPHY)
    del key.values["MachineGuid"]
    if how == "32-bit":
        forged.hives.software.key(IN_32).sz("MachineGuid", forged.facts.machine_guid)
    elif how == "number":
        key.dword("MachineGuid", 7)
    elif how != "missing":
        key.sz("MachineGuid", NO_GUIDS[how])
    rows = chains(forged)
    assert {name: (row.verdict, row.private_key) for name, row in rows.items()} == {
        "web.contoso.test": ("unknown", "proved"),
        "orphan": ("unknown", "proved"),
    }
    assert {row.reason for row in rows.values()} == {f"{reason}{NOT_KNOWN}"}


def test_a_key_of_system_that_only_the_key_of_a_domain_opens() -> None:
    """SYSTEM's master keys hang on DPAPI_SYSTEM; that one has a domain section is not seen on real machines."""
    forged = machine("undecided", with_keys=False)
    other = dpapi.DpapiSystem.seeded("another machine")
    for owner in (MACHINE, LOCAL_SYSTEM):
        made = dpapi.make_master_key("undecided/domain", owner.sid, other.machine, domain=True)
        forged.write(f"{owner.protect_folder}/{made.guid}", made.file)
        forged.keys[owner] = made
    web(forged)
    rows = chains(forged, UserSecrets(domain_keys=(load_pvk(pvk(rsa_key("domain-backup"))),)))
    assert {(row.verdict, row.unlocked_by, row.recoverable) for row in rows.values()} == {
        ("unknown", "domain_key", True)
    }
    guid = forged.keys[MACHINE].guid
    assert {row.reason for row in rows.values()} == {
        f"master key {guid} opens with the backup key of the domain; that DPAPI_SYSTEM, with which Windows opens it, "
        "does so too was not shown"
    }


def test_a_key_that_would_take_too_long_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.chain.work.Work.may_check", lambda *_: False)
    (row,) = [row for name, row in chains(web(machine("undecided"))).items() if name != "orphan"]
    assert (row.verdict, row.private_key) == ("unknown", "not_examined")
    assert row.reason == "the key's DPAPI blob opens; what is in it was not checked, since that would take too long"


@pytest.mark.parametrize("path", sorted(CASES.glob("*.zip")) + sorted(CASES.glob("*.xz")), ids=lambda path: path.name)
def test_the_shared_cases(path: object) -> None:
    rows = forensics.examine(str(path)).rows("key_chain")
    assert [row for row in rows if row.verdict == "unknown" and (not row.reason or row.reason == ANY_OTHER)] == []


def test_nobody_is_asked_for_the_password_of_a_virtual_account() -> None:
    chain = KeyChainRow(
        machine_id=1,
        source_path="c",
        verdict="unknown",
        key_file="present",
        unlocked_by="not_tried",
        master_key="present",
    )
    file = KeyFileRow(machine_id=1, source_path="k", path="k", file_name="k", kind="capi", scope="user")
    for sid, asks in {"S-1-5-82-1-2-3-4-5": False, "S-1-5-80-1-2-3-4-5": False, "S-1-5-21-1-2-3-1001": True}.items():
        master_key = MasterKeyRow(machine_id=1, source_path="m", guid="g", path="m", owner_sid=sid)
        assert ("--password" in why_undecided(chain, file, master_key)) == asks
