"""What a runbook looks at, or asks, before it touches what may be sound."""

from __future__ import annotations

import pytest

from tests.examined import examined
from tests.report.runbook.rows import SITE, case_of, certificate, dead, use
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
