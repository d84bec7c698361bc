"""Whether a private key can be had from this disk although Windows would not open it."""

from __future__ import annotations

from collections.abc import Iterator

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

    def slot_of(self, public: PublicKey | None) -> KeySlot | None:
        """Return the best slot with this public half: one whose key is proved, else any."""
        if public is None:
            return None
        ranks = {"proved": 2, "damaged": 1}
        return max(
            self._slots(public),
            key=lambda s: (self._prover.prove(s).public == public, ranks.get(self._prover.prove(s).private_key, 0)),
            default=None,
        )

    def _slots(self, public: PublicKey) -> Iterator[KeySlot]:
        yield from self._index.with_public(public)
        yield from (s for s in self._index.without_public() if self._prover.prove(s).public == public)

    def of_certificate(self, certificate: CertificateEvidence, links: Links) -> Recoverable:
        """Judge ``recoverable`` of a certificate's row."""
        if links.verdict == "usable":
            return None, None
        if links.proof.recovered and links.public_key != "mismatch":
            return True, None
        undecided = False
        for slot in self._slots(certificate.public_key) if certificate.public_key else ():
            proof = self._prover.prove(slot)
            if proof.recovered and proof.public == certificate.public_key:
                return True, slot.file.row.path
            undecided = undecided or _could_still_open(proof)
        if undecided:
            return None, None
        return self._not_found(links), None

    def _not_found(self, links: Links) -> bool | None:
        if links.verdict == "unknown" or links.kind == "other" or links.key_file == "not_examined":
            return None
        if links.kind == "smart_card" or links.key_file == "unreadable" or links.proof.private_key in _SEALED:
            return False
        if links.file is not None and links.public_key != "mismatch":
            return None if _could_still_open(links.proof) else False
        return False if self._index.all_examined() else None

    @staticmethod
    def of_file(links: Links) -> Recoverable:
        """Judge ``recoverable`` of a key file without certificate."""
        if links.verdict == "usable":
            return None, None
        if links.proof.recovered:
            return True, None
        if links.verdict == "unknown" or _could_still_open(links.proof):
            return None, None
        return False, None


def _could_still_open(proof: Proof) -> bool:
    """A key that was not tried, or that only its owner's password or PIN opens, is undecided."""
    waits = proof.private_key == "locked" and proof.master_key == "present" and proof.unlocked_by == "not_tried"
    return waits or proof.private_key in ("not_examined", "needs_pin")
