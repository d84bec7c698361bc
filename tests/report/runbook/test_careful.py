"""What a runbook looks at, or asks, before it touches what may be sound."""

from __future__ import annotations

import pytest

from tests.examined import examined
from tests.report.runbook.rows import SITE, SYSTEM, case_of, certificate, dead, key_file, use
from tests.runbooks import runbook


def test_a_binding_that_has_the_new_certificate_is_left_alone() -> None:
    text = runbook(case_of(use(), dead(), certificate()))
    goal = text[text.index("certhash=$new", text.index("    Invoke-Tool { netsh http update")) :]
    assert "ipport=0.0.0.0:443 | Select-String -SimpleMatch $new)) -and\n        (Test-Key " in goal


@pytest.mark.parametrize(("broken_at", "told"), [("key_file", True), ("access", False)])
def test_a_key_that_opens_is_not_imported_over_unless_an_account_is_shut_out_of_it(broken_at: str, told: bool) -> None:
    """Administrators may open a key that the account of a service may not."""
    text = runbook(case_of(use(opens_broken_at=broken_at), dead(broken_at=broken_at), certificate()))
    assert "certutil -f -importPFX" in text
    assert (f'(Test-Key "Cert:\\LocalMachine\\MY\\{SITE}")' in text) is told


def test_a_guardian_in_another_store_of_the_same_host_is_moved_not_sought_elsewhere() -> None:
    text = runbook(examined("hyperv-target"))
    step = text[text.index("Stop-At 'virtual machine MY01'") :].split("\n)\n")[0]
    assert "'Move both certificates of the guardian from the store MY of this computer into its store" in step
    assert "from the host that has them" not in step


def test_remote_desktop_is_given_a_key_only_when_somebody_saw_that_it_reads_it() -> None:
    """Else nobody can connect any more, whoever runs the script over Remote Desktop least of all."""
    text = runbook(examined("web-server"))
    step = text[text.index("Step 'RDP RDP-Tcp: set the other certificate'") :]
    assert step.index("Confirm-That 'NETWORK SERVICE (S-1-5-20) must be able") < step.index(
        "Invoke-Tool { Get-CimInstance"
    )
    assert text.count("Confirm-That '") == 1


@pytest.mark.parametrize(("master_key", "copy_opens", "told"), [("present", None, True), ("absent", True, False)])
def test_a_key_file_gets_its_name_only_where_its_master_key_is_at_home(
    master_key: str, copy_opens: bool | None, told: bool
) -> None:
    """Else Windows would find the file and not open it: the master key lies in a shadow copy, or in a backup."""
    path = f"ProgramData/Microsoft/Crypto/RSA/MachineKeys/{'4' * 32}_{'0' * 8}-0000-0000-0000-{'0' * 12}"
    file = key_file(path=path, name_hash="4" * 32, scope="machine", guid_is_current=False, owner_sid=SYSTEM)
    chain = dead(
        key_file="other_machine_guid",
        key_file_path=path,
        unlocked_by="current",
        master_key=master_key,
        copy_opens=copy_opens,
        recoverable=True,
    )
    assert ("Put the key file of" in runbook(case_of(use(), chain, certificate(), file))) is told


def test_a_key_that_hangs_on_a_shadow_copy_is_told() -> None:
    copy = "0b2e4a5c-1111-2222-3333-444444444444"
    chain = dead(recoverable=True, recoverable_from=f"k (shadow copy {copy})", hangs_on="shadow_copy")
    text = " ".join(runbook(case_of(use(), chain, certificate())).replace("#", " ").split())
    assert "Its key can still be had by way of a shadow copy, as long as Windows keeps that" in text
    assert (
        "1 key hangs on deleted files or shadow copies of this disk, which a Windows that runs overwrites or deletes: "
        "before it is started, have them with keymortem recover"
    ) in text
