"""The runbook of a case, and why there is none of some.

References:
    Microsoft Learn, Windows PowerShell system requirements; Install and configure WMF 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.language import _, _n, listed, told
from forensics.report.accounted import doubts
from forensics.report.facts import Facts, day, product
from forensics.report.profiles import is_profile
from forensics.report.result import UnsuitableCaseError
from forensics.report.runbook.script import script
from forensics.report.runbook.steps import parts
from forensics.tables.machine import MachineRow

_POWERSHELL_5_CAN_BE_HAD = 7600
"""Windows 7 and Server 2008 R2: the first for which Windows Management Framework 5.1 was made."""
_HAS_POWERSHELL_5_1 = 14393
"""Windows 10 1607 and Server 2016: the first that came with it."""


class NothingToRepairError(UnsuitableCaseError):
    """Nothing that a runbook would repair is down or broken."""


def render_runbook(case: CaseTables) -> str:
    """Write the repair of the services of one computer as a PowerShell script.

    Args:
        case: The case.

    Raises:
        NothingToRepairError: Nothing is down.
        UnsuitableCaseError: It is not the case of one computer, or of one that cannot run the script.
    """
    case = case.present
    facts = Facts(case)
    machine = _machine(case, facts)
    steps = parts(case, facts)
    if not steps:
        raise NothingToRepairError("case", _("nothing that a runbook would repair is known to be down"))
    return script(_about(case, machine, facts), machine.machine_guid, steps, machine.computer_name)


def _machine(case: CaseTables, facts: Facts) -> MachineRow:
    machines: list[MachineRow] = case.rows("machine")
    if len(machines) != 1:
        names = listed(told(facts.machine_name(row.machine_id)) for row in machines[:5]) or _("none")
        raise UnsuitableCaseError(
            "case",
            _("a runbook is for one computer; {count} are in this case: {names}", count=len(machines), names=names),
        )
    (machine,) = machines
    if is_profile(machine):
        raise UnsuitableCaseError(
            "case",
            _(
                "a runbook is for a computer; this is the {profile}: what its user can do in a session of his own "
                "stands in keymortem examine SOURCE -v",
                profile=facts.introduced(machine),
            ),
        )
    build = _build(machine)
    if build is not None and build < _POWERSHELL_5_CAN_BE_HAD:
        raise UnsuitableCaseError(
            "case",
            _("a runbook needs PowerShell 5.1, which there is none of for this Windows (build {build})", build=build),
        )
    return machine


def _build(machine: MachineRow) -> int | None:
    return int(machine.build) if machine.build is not None and machine.build.isdecimal() else None


def _about(case: CaseTables, machine: MachineRow, facts: Facts) -> Iterator[str]:
    name = facts.computer(machine.machine_id)
    source = facts.place(machine.machine_id, with_volume=False).replace("\\", "/").rsplit("/", 1)[-1]
    yield _("Repair of {name}: {windows}, in {source}", name=name, windows=product(machine), source=source)
    yield _(
        "Written by keymortem {version} of what was on that disk, as of {date}.",
        version=case.tool_version,
        date=day(case.as_of),
    )
    yield from doubts(case.sources)
    yield _("No certificate, key or binding is deleted, and no password is in it.")
    chains = (
        chain for chain in case.rows("key_chain") if machine.machine_id in (chain.machine_id, chain.recoverable_on)
    )
    if hanging := len({chain.thumbprint or chain.key_file_path for chain in chains if chain.hangs_on is not None}):
        yield _n(
            "{count} key hangs on deleted files or shadow copies of this disk, which a Windows that runs overwrites or "
            "deletes: before it is started, have them with keymortem recover, as the finding key-recoverable says.",
            "{count} keys hang on deleted files or shadow copies of this disk, which a Windows that runs overwrites or "
            "deletes: before it is started, have them with keymortem recover, as the finding key-recoverable says.",
            hanging,
        )
    number = _build(machine)
    if number is not None and number < _HAS_POWERSHELL_5_1:
        yield _(
            "It needs PowerShell 5.1, which Windows of build {number} did not come with: Windows Management Framework "
            "5.1 brings it, where it is made for this Windows. Where a step looks whether a key opens, it needs .NET "
            "Framework 4.6.1 as well.",
            number=number,
        )
