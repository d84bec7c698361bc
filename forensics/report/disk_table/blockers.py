"""What breaks when a disk is moved to another host, or cloned, as rules and rows say it: proved, or likely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from forensics.case_tables import CaseTables
from forensics.language import joined, sentence, sentence_n
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


_OF_RULES: dict[str, tuple[BlockerKind, Callable[[int], str]]] = {
    "tpm-key-will-not-survive-move": (
        "tpm_key",
        lambda count: sentence_n("{count} key sealed by the TPM", "{count} keys sealed by the TPM", count),
    ),
    "vbs-key-bound-to-device": (
        "vbs_key",
        lambda count: sentence_n(
            "{count} key bound to the device by VBS", "{count} keys bound to the device by VBS", count
        ),
    ),
    "bitlocker-tpm-only-no-recovery": (
        "bitlocker",
        lambda count: sentence_n(
            "{count} BitLocker volume with the TPM alone, without a recovery password",
            "{count} BitLocker volumes with the TPM alone, without a recovery password",
            count,
        ),
    ),
    "image-not-yet-specialized": (
        "new_identity",
        lambda _: sentence("the next boot gives it a new identity (Sysprep)"),
    ),
    "golden-image-carries-keys": (
        "sysprep",
        lambda count: sentence_n(
            "{count} key that a generalize would end", "{count} keys that a generalize would end", count
        ),
    ),
    "specialize-skips-crypto": ("sysprep", lambda _: sentence("clones keep its identity (Specialize.xml)")),
    "hgs-mode-host": ("guardian", lambda _: sentence("virtual machines need a Host Guardian Service")),
    "vm-guest-state-mismatch": (
        "vtpm_state",
        lambda count: sentence_n(
            "{count} state of virtual TPMs missing, or of another time",
            "{count} states of virtual TPMs missing, or of another time",
            count,
        ),
    ),
}
"""What findings of a rule block, by the rule: what about, and in words for so many subjects."""
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
                sure = min((f.confidence for f in findings), key=_SURE.index)
                yield machine_id, Blocker(kind, _with_certainty(words(count), sure))


def _with_certainty(told: str, sure: str) -> str:
    if sure == "likely":
        return sentence("{told}, likely", told=told)
    return sentence("{told}, possible", told=told) if sure == "possible" else told


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
        told = sentence_n(
            "BitLocker asks for its recovery password without this TPM",
            "{count} BitLocker volumes ask for their recovery passwords without this TPM",
            len(rows),
        )
        yield machine_id, Blocker("bitlocker", told)


def _guardians(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    machines: dict[int, set[str]] = defaultdict(set)
    rows: list[VmRow] = case.rows("vm")
    for vm in rows:
        if vm.vtpm == "present" and not vm.is_checkpoint:
            machines[vm.machine_id].add(vm.vm_id or vm.source_path)
    for machine_id, names in machines.items():
        told = sentence_n(
            "{count} virtual machine needs guardian keys on the new host (virtual TPM)",
            "{count} virtual machines need guardian keys on the new host (virtual TPM)",
            len(names),
        )
        yield machine_id, Blocker("guardian", told)


def _identities(case: CaseTables) -> Iterator[tuple[int, Blocker]]:
    rows: list[SharedIdentityRow] = case.rows("shared_identity")
    for row in rows:
        if row.relation in ("clone", "unknown") and row.with_members:
            names = joined(row.with_members[:MOST_OTHERS], ", ")
            if len(row.with_members) > MOST_OTHERS:
                names = sentence("{names} and {count} more", names=names, count=len(row.with_members) - MOST_OTHERS)
            told = sentence("may share its identity with {names}", names=names)
            if row.relation == "clone":
                told = sentence("shares its identity with {names}", names=names)
            yield row.member, Blocker("identity", told)
