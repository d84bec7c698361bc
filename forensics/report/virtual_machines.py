"""The report's part about virtual machines: which would start on this host, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.report.facts import day
from forensics.tables.hyperv import VmGuardianRow, VmRow

_STARTS = {
    "yes": "starts on this host",
    "no": "would not start on this host",
    "likely_no": "likely would not start on this host",
    "unknown": "undecided",
    "not_applicable": "no virtual TPM",
}
_ORDER = ("no", "likely_no", "unknown", "yes", "not_applicable")


def virtual_machines(case: CaseTables) -> list[VmRow]:
    """Return the virtual machines that have a virtual TPM or could not be read, the worst first."""
    rows: list[VmRow] = [row for row in case.rows("vm") if row.starts_here != "not_applicable"]
    return sorted(rows, key=lambda row: (_ORDER.index(row.starts_here), (row.name or "").lower(), row.is_checkpoint))


def without_tpm(case: CaseTables) -> int:
    """Return how many virtual machines need no guardian."""
    return sum(row.starts_here == "not_applicable" for row in case.rows("vm"))


def vm_head(row: VmRow) -> str:
    """Say of one virtual machine whether it starts, and why."""
    name = row.name or row.vm_id or row.source_path
    kind = " (checkpoint)" if row.is_checkpoint else ""
    return f"{name}{kind}: {_STARTS[row.starts_here]}; {row.starts_because}"


def vm_needs(row: VmRow, case: CaseTables) -> Iterator[str]:
    """Say which certificates a virtual machine needs, from which host, and until when they are valid."""
    wrappings: list[VmGuardianRow] = [
        w for w in case.rows("vm_guardian") if (w.machine_id, w.configuration) == (row.machine_id, row.source_path)
    ]
    alone = len(wrappings) == 1
    for wrapping in wrappings:
        host = f" of host {wrapping.host}" if wrapping.host else ""
        owner = ", the owner" if wrapping.is_owner and not alone else ""
        guardian = wrapping.guardian or "(guardian not named)"
        need = "needs" if alone else "needs this guardian or another"
        signing = "the owner's signing" if wrapping.is_owner else "signing"
        yield (
            f"{need}: {guardian}{host}{owner}: certificate SHA-1 {wrapping.encryption_thumbprint or '(unreadable)'} "
            f"(encryption, to start) and {wrapping.signing_thumbprint or '(unreadable)'} ({signing}, to change the key "
            f"protector), valid until {day(wrapping.encryption_not_after)}"
        )
