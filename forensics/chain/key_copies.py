"""Copies of key files where Windows does not look, searched for once, and only when a key is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from forensics.chain.key_index import KeySlot, slots_of
from forensics.chain.proof import Prover
from forensics.collectors.evidence import Evidence, KeyFileEvidence
from forensics.collectors.key_content import master_keys_named
from forensics.collectors.key_copies import FoundCopies, find_key_copies
from forensics.formats.public_key import PublicKey


class KeyCopies:
    """The copies on the volume or in the collection of one installation.

    Args:
        evidence: What the collectors found on it.
        prover: Opens the copies.
    """

    def __init__(self, evidence: Evidence, prover: Prover) -> None:
        self._evidence = evidence
        self._prover = prover

    @cached_property
    def _found(self) -> FoundCopies:
        evidence = self._evidence
        found = find_key_copies(evidence.installation, evidence.key_folders, evidence.machine.ansi_code_page)
        owners = {item.row.guid: item.row.owner_sid for item in evidence.master_keys}
        for file in found.files:
            # Whose key it is, the master key tells that its blob names.
            file.row.guid_is_current = file.row.name_guid == evidence.machine.key_suffix
            owner = next((owners[guid] for guid in sorted(master_keys_named([file])) if guid in owners), None)
            if owner not in (None, "S-1-5-18"):
                file.row = replace(file.row, scope="user", owner_sid=owner)
        return found

    @property
    def is_whole(self) -> bool:
        """All names of the tree were searched."""
        return self._found.is_whole

    def with_public(self, public: PublicKey) -> Iterator[KeySlot]:
        """Yield the slots of copies that hold a public half, in clear or once opened."""
        for slot in self._slots:
            if slot.public == public or (slot.public is None and self._prover.prove(slot).public == public):
                yield slot

    def of_name(self, file: KeyFileEvidence) -> Iterator[KeySlot]:
        """Yield the slots of copies that have the same name as a key file."""
        name = file.row.file_name.lower()
        yield from (slot for slot in self._slots if slot.file.row.file_name.lower() == name)

    @cached_property
    def _slots(self) -> list[KeySlot]:
        return [slot for file in self._found.files for slot in slots_of(file)]
