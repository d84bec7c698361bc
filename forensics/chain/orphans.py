"""Key files that no certificate names."""

from __future__ import annotations

from forensics.chain.ground import Ground
from forensics.chain.key_index import slots_of
from forensics.chain.links import UNREADABLE_FILE, Links
from forensics.chain.proof import Prover
from forensics.collectors.evidence import KeyFileEvidence
from forensics.language import sentence

# Of two slots in one container, the row speaks of the one in the worse state.
_WORST_FIRST = ("damaged", "locked", "not_examined", "needs_pin", "sealed_vbs", "sealed_tpm", "proved")


def orphan_links(file: KeyFileEvidence, prover: Prover, machine_guid: str | None, ground: Ground) -> Links:
    """Judge a key file on its own.

    Args:
        file: The key file.
        prover: Proves its slots.
        machine_guid: MachineGuid, lower case; None when it is not known.
        ground: What its chain rests on.
    """
    row = file.row
    links = Links(kind=row.kind, scope=row.scope, ground=ground, file=file, key_file="present")
    by_suffix = row.kind != "tpm" and row.scope != "user"
    links.guid_known = machine_guid is not None or not by_suffix
    if row.outcome == "unreadable" or (file.parsed is None and not links.is_unread):
        links.key_file = "unreadable"
        links.break_at("key_file", UNREADABLE_FILE)
        return links
    if links.is_unread:
        links.key_file = "not_examined"
    if machine_guid is not None and row.kind != "tpm" and row.name_guid not in (None, machine_guid):
        links.key_file = "other_machine_guid"
        if by_suffix:
            links.break_at_suffix(machine_guid)
    elif file.misplaced is not None:
        links.break_at("key_file", file.misplaced)
    elif by_suffix and not links.is_unread and not _can_be_found(file):
        links.break_at("key_file", sentence("no container leads to this file name"))
    proofs = [prover.prove(slot) for slot in slots_of(file)]
    if proofs:
        links.proof = min(proofs, key=lambda p: _WORST_FIRST.index(p.private_key))
    return links


def _can_be_found(file: KeyFileEvidence) -> bool:
    """Windows finds a key file by its container's hash and its own MachineGuid, and by nothing else.

    How CAPI hashes a name beyond ASCII is not known for certain, so that such a name does not fit proves nothing.
    """
    row = file.row
    if row.name_guid is None:
        return False
    return row.name_matches is not False or not (row.container or "").isascii()
