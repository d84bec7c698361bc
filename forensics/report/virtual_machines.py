"""The report's part about virtual machines: which would start on this host, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.language import joined, sentence
from forensics.report.facts import day
from forensics.tables.hyperv import VmGuardianRow, VmRow

_STARTS = {
    "yes": sentence("starts on this host"),
    "no": sentence("would not start on this host"),
    "likely_no": sentence("likely would not start on this host"),
    "unknown": sentence("undecided"),
    "not_applicable": sentence("no virtual TPM"),
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
    if row.is_checkpoint:
        name = sentence("{name} (checkpoint)", name=name)
    return sentence("{name}: {starts}; {why}", name=name, starts=_STARTS[row.starts_here], why=row.starts_because)


def vm_needs(row: VmRow, case: CaseTables) -> Iterator[str]:
    """Say which certificates a virtual machine needs, from which host, and until when they are valid."""
    wrappings: list[VmGuardianRow] = [
        w for w in case.rows("vm_guardian") if (w.machine_id, w.configuration) == (row.machine_id, row.source_path)
    ]
    alone = len(wrappings) == 1
    for wrapping in wrappings:
        need = sentence("needs") if alone else sentence("needs this guardian or another")
        yield joined([need, _guardian(wrapping, alone), _certificates(wrapping)], ": ")


def _guardian(wrapping: VmGuardianRow, alone: bool) -> str:
    name = wrapping.guardian or sentence("(guardian not named)")
    if wrapping.host:
        name = sentence("{guardian} of host {host}", guardian=name, host=wrapping.host)
    return sentence("{guardian}, the owner", guardian=name) if wrapping.is_owner and not alone else name


def _certificates(wrapping: VmGuardianRow) -> str:
    unreadable = sentence("(unreadable)")
    values = {
        "encryption": wrapping.encryption_thumbprint or unreadable,
        "signing": wrapping.signing_thumbprint or unreadable,
        "date": day(wrapping.encryption_not_after),
    }
    if wrapping.is_owner:
        return sentence(
            "certificate SHA-1 {encryption} (encryption, to start) and {signing} (the owner's signing, to change the "
            "key protector), valid until {date}",
            **values,
        )
    return sentence(
        "certificate SHA-1 {encryption} (encryption, to start) and {signing} (signing, to change the key protector), "
        "valid until {date}",
        **values,
    )
