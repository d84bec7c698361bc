"""What breaks when a disk is moved to another host, or cloned, as rules and rows say it: proved, or likely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from forensics.case_tables import CaseTables
from forensics.tables.finding import Finding
from forensics.tables.hyperv import BitLockerRow, VmRow
from forensics.tables.identity import SharedIdentityRow

BlockerKind = Literal[
    "tpm_key", "vbs_key", "bitlocker", "new_identity", "sysprep", "guardian", "vtpm_state", "newer_state", "identity"
]
BLOCKER_KINDS: dict[str, str] = {
    "tpm_key": "Keys that only their own TPM opens",
    "vbs_key": "Keys that are bound to the device by virtualization-based security",
    "bitlocker": "BitLocker volumes that ask for the TPM or a recovery password",
    "new_identity": "Images to which the next boot gives a new identity",
    "sysprep": "Images that are not fit to be cloned",
    "guardian": "Hosts whose virtual machines need guardian keys (virtual TPM)",
    "vtpm_state": "Virtual TPMs whose state is missing, or of another time",
    "newer_state": "Disks on which a newer state builds",
    "identity": "Machines that share an identity",
}
"""What a blocker is about, and the heading of a list of machines that have it."""


class Blocker(NamedTuple):
    """One thing that breaks.

    Attributes:
        kind: What it is about.
        text: What breaks, in few words.
    """

    kind: BlockerKind
    text: str


_OF_RULES = {
    "tpm-key-will-not-survive-move": Blocker("tpm_key", "{count} key{s} sealed by the TPM"),
    "vbs-key-bound-to-device": Blocker("vbs_key", "{count} key{s} bound to the device by VBS"),
    "bitlocker-tpm-only-no-recovery": Blocker(
        "bitlocker", "{count} BitLocker volume{s} with the TPM alone, without a recovery password"
    ),
    "image-not-yet-specialized": Blocker("new_identity", "the next boot gives it a new identity (Sysprep)"),
    "golden-image-carries-keys": Blocker("sysprep", "{count} key{s} that a generalize would end"),
    "specialize-skips-crypto": Blocker("sysprep", "clones keep its identity (Specialize.xml)"),
    "hgs-mode-host": Blocker("guardian", "virtual machines need a Host Guardian Service"),
    "vm-guest-state-mismatch": Blocker("vtpm_state", "{count} state{s} of virtual TPMs missing, or of another time"),
}
"""What findings of a rule block, by the rule."""
_OF_RELATIONS = {"clone": "shares its identity with {names}", "unknown": "may share its identity with {names}"}
MOST_OTHERS = 2
"""Display: machines that a blocker names; the others it counts."""


def blockers_of(case: CaseTables) -> dict[int, list[Blocker]]:
    """Return the blockers of each machine, those that rules speak of first."""
    found: dict[int, list[Blocker]] = defaultdict(list)
    for machine_id, blocker in (*_findings(case), *_bitlocker(case), *_guardians(case), *_identities(case)):
        if blocker not in found[machine_id]:
            found[machine_id].append(blocker)
    return found


def _findings(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    groups: dict[tuple[int, str], list[Finding]] = defaultdict(list)
    for finding in case.finding_list:
        if finding.rule in _OF_RULES and finding.verdict == "match" and finding.machine_id:
            groups[finding.machine_id, finding.rule].append(finding)
    for rule, (kind, words) in _OF_RULES.items():
        for (machine_id, name), findings in groups.items():
            if name == rule:
                count = sum(len(finding.subjects) for finding in findings)
                told = words.format(count=count, s="" if count == 1 else "s")
                sure = min((f.confidence for f in findings), key=_SURE.index)
                yield machine_id, Blocker(kind, told if sure == "proved" else f"{told}, {sure}")


_SURE = ("possible", "likely", "proved")
"""The weakest first."""


_WITHOUT_TPM = {"password", "external_key", "clear_key"}
"""Protectors of BitLocker that open a volume on any computer."""


def _bitlocker(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    """Yield volumes that ask for their recovery password where their TPM is not: of a moved disk it is likely not."""
    volumes: dict[int, list[BitLockerRow]] = defaultdict(list)
    for row in case.rows("bitlocker"):
        asks = row.has_tpm and row.has_recovery_password and row.suspended is False
        if asks and not _WITHOUT_TPM.intersection(row.protectors):
            volumes[row.machine_id].append(row)
    for machine_id, rows in volumes.items():
        one = "BitLocker asks for its recovery password without this TPM"
        several = f"{len(rows)} BitLocker volumes ask for their recovery passwords without this TPM"
        yield machine_id, Blocker("bitlocker", one if len(rows) == 1 else several)


def _guardians(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    machines: dict[int, set[str]] = defaultdict(set)
    rows: list[VmRow] = case.rows("vm")
    for vm in rows:
        if vm.vtpm == "present" and not vm.is_checkpoint:
            machines[vm.machine_id].add(vm.vm_id or vm.source_path)
    for machine_id, names in machines.items():
        needs = "virtual machine needs" if len(names) == 1 else "virtual machines need"
        yield machine_id, Blocker("guardian", f"{len(names)} {needs} guardian keys on the new host (virtual TPM)")


def _identities(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    rows: list[SharedIdentityRow] = case.rows("shared_identity")
    for row in rows:
        if row.relation in _OF_RELATIONS and row.with_members:
            more = f" and {len(row.with_members) - MOST_OTHERS} more" if len(row.with_members) > MOST_OTHERS else ""
            names = f"{', '.join(row.with_members[:MOST_OTHERS])}{more}"
            yield row.member, Blocker("identity", _OF_RELATIONS[row.relation].format(names=names))
