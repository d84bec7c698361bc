"""Whether a private key can be had from this disk although Windows would not open it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from forensics.chain.key_index import KeyIndex, KeySlot
from forensics.chain.links import Links
from forensics.chain.proof import Proof, Prover
from forensics.collectors.evidence import CertificateEvidence
from forensics.formats.public_key import PublicKey

Recoverable = tuple[bool | None, str | None]
"""The ``recoverable`` column, and the file that holds the key when it is another than the one judged."""

_SEALED = ("sealed_tpm", "sealed_vbs")


class Recovery:
    """Looks for a certificate's key by its public half, wherever on the disk it lies.

    Args:
        index: The key files of the installation.
        prover: Proves what is found.
    """

    def __init__(self, index: KeyIndex, prover: Prover) -> None:
        self._index = index
        self._prover = prover
        self._best: dict[PublicKey, KeySlot | None] = {}
        self._had: dict[PublicKey, tuple[str | None, bool]] = {}

    def slot_of(self, public: PublicKey | None) -> KeySlot | None:
        """Return the best slot with this public half: one whose key is proved, else any."""
        if public is None:
            return None
        if public not in self._best:
            ranks = {"proved": 2, "damaged": 1}
            self._best[public] = max(
                self._slots(public),
                key=lambda s: (self._prover.prove(s).public == public, ranks.get(self._prover.prove(s).private_key, 0)),
                default=None,
            )
        return self._best[public]

    def _slots(self, public: PublicKey) -> Iterator[KeySlot]:
        yield from self._index.with_public(public)
        yield from self._opened_without_public.get(public, [])

    @cached_property
    def _opened_without_public(self) -> dict[PublicKey, list[KeySlot]]:
        found: dict[PublicKey, list[KeySlot]] = defaultdict(list)
        for slot in self._index.without_public():
            public = self._prover.prove(slot).public
            if public is not None:
                found[public].append(slot)
        return found

    def of_certificate(self, certificate: CertificateEvidence, links: Links) -> Recoverable:
        """Judge ``recoverable`` of a certificate's row."""
        if links.verdict == "usable":
            return None, None
        if links.proof.recovered and _is_key_of(links.proof, certificate, links):
            return True, None
        path, undecided = self.search(certificate.public_key) if certificate.public_key else (None, False)
        if path is not None:
            return True, path
        if undecided:
            return None, None
        return self._not_found(links, certificate.public_key), None

    def search(self, public: PublicKey) -> tuple[str | None, bool]:
        """Return a file from which the key was had, and whether one that was not read or opened may hold it."""
        if public not in self._had:
            proofs = [(slot, self._prover.prove(slot)) for slot in self._slots(public)]
            had = (slot.file.row.path for slot, proof in proofs if proof.recovered and proof.public == public)
            undecided = self._index.has_unread or any(_could_still_open(proof) for _, proof in proofs)
            self._had[public] = next(had, None), undecided
        return self._had[public]

    def _not_found(self, links: Links, public: PublicKey | None) -> bool | None:
        if links.verdict == "unknown" or links.kind == "other" or links.key_file == "not_examined":
            return None
        if links.kind == "smart_card" or links.proof.private_key in _SEALED:
            return False
        if self._index.left_unread(public):
            return None
        if _is_unreadable(links):
            return False
        if links.file is not None and links.public_key != "mismatch" and links.proof.master_key_guid:
            return None if _could_still_open(links.proof) else False
        return False if self._index.searched_for(public) else None

    @staticmethod
    def of_file(links: Links) -> Recoverable:
        """Judge ``recoverable`` of a key file without certificate."""
        if links.verdict == "usable":
            return None, None
        if links.proof.recovered:
            return True, None
        if not _is_unreadable(links) and (links.verdict == "unknown" or links.is_unread or _waits(links.proof)):
            return None, None
        return False, None


def _is_unreadable(links: Links) -> bool:
    return links.file is not None and links.file.parsed is None and not links.is_unread


def _is_key_of(proof: Proof, certificate: CertificateEvidence, links: Links) -> bool:
    """The opened key has the last word; one of a kind that is not modelled rests on the public half in the file."""
    if proof.public is None or certificate.public_key is None:
        return links.public_key == "match"
    return proof.public == certificate.public_key


def _waits(proof: Proof) -> bool:
    """A blob that was not tried, or that only its owner's password or PIN opens, is undecided."""
    return proof.master_key_guid is not None and _could_still_open(proof)


def _could_still_open(proof: Proof) -> bool:
    waits = proof.private_key == "locked" and proof.master_key == "present" and proof.unlocked_by == "not_tried"
    return waits or proof.private_key in ("not_examined", "needs_pin")
