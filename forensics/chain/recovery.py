"""Whether a private key can be had from this disk although Windows would not open it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from forensics.chain.key_copies import KeyCopies
from forensics.chain.key_index import KeyIndex, KeySlot, slots_of
from forensics.chain.links import Links
from forensics.chain.proof import Proof, Prover
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.formats.public_key import PublicKey

Recoverable = tuple[bool | None, str | None]
"""The ``recoverable`` column, and the file that holds the key when it is another than the one judged."""

_SEALED = ("sealed_tpm", "sealed_vbs")


class Recovery:
    """Looks for a certificate's key by its public half, wherever on the disk it lies.

    Args:
        index: The key files of the installation.
        prover: Proves what is found.
        copies: Key files outside the folders of keys.
    """

    def __init__(self, index: KeyIndex, prover: Prover, copies: KeyCopies) -> None:
        self._index = index
        self._prover = prover
        self._best: dict[PublicKey, KeySlot | None] = {}
        self._copies = copies
        self._had: dict[PublicKey, tuple[str | None, bool]] = {}
        self._had_of_copies: dict[PublicKey, tuple[str | None, bool]] = {}
        self._recovered: dict[str, KeySlot] = {}

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
        public = certificate.public_key
        broken = links.verdict == "unusable"
        path, undecided = self.search(public, beyond=broken) if public else (None, False)
        if path is not None:
            return True, path
        if undecided:
            return None, None
        return self._not_found(links, public), None

    def search(self, public: PublicKey, *, beyond: bool = True) -> tuple[str | None, bool]:
        """Return a file from which the key was had, and whether one that was not read or opened may hold it.

        Args:
            public: The public half.
            beyond: Look for copies outside the folders of keys too, where none of those has it.
        """
        if public not in self._had:
            self._had[public] = self._searched(self._slots(public), [public])
        path, undecided = self._had[public]
        if path is None and beyond:
            if public not in self._had_of_copies:
                self._had_of_copies[public] = self._searched(self._copies.with_public(public), [public])
            path, waits = self._had_of_copies[public]
            undecided |= waits
        return path, undecided or (path is None and self._index.has_unread)

    def _searched(self, slots: Iterable[KeySlot], publics: Collection[PublicKey]) -> tuple[str | None, bool]:
        """Look for one of some public keys among slots, for any where none is known."""
        proofs = [(slot, self._prover.prove(slot)) for slot in slots]
        recovered = [(slot, proof) for slot, proof in proofs if proof.recovered]
        self._recovered |= {slot.file.row.path: slot for slot, _ in recovered}
        # One that is named for this machine may only have to be put back.
        recovered.sort(key=lambda found: found[0].file.row.guid_is_current is not True)
        had = (slot.file.row.path for slot, proof in recovered if not publics or proof.public in publics)
        return next(had, None), any(_could_still_open(proof) for _, proof in proofs)

    def found_in(self, path: str) -> KeySlot | None:
        """Return the slot that held the key in a file from which one was had; None for other files."""
        return self._recovered.get(path)

    def _not_found(self, links: Links, public: PublicKey | None) -> bool | None:
        if links.verdict == "unknown" or links.kind == "other" or links.key_file == "not_examined":
            return None
        if links.kind == "smart_card" or links.proof.private_key in _SEALED:
            return False
        waits = links.file is not None and links.public_key != "mismatch" and _waits(links.proof)
        return None if waits or not self.searched_everywhere(public) else False

    def searched_everywhere(self, public: PublicKey | None) -> bool:
        """Tell whether a public key that was not found is in no key file that this installation's disk holds."""
        return self._index.searched_for(public) and self._copies.is_whole

    def of_file(self, file: KeyFileEvidence, links: Links) -> Recoverable:
        """Judge ``recoverable`` of a key file without certificate."""
        if links.verdict == "usable":
            return None, None
        if links.proof.recovered:
            return True, None
        if links.verdict == "unknown" or links.is_unread or _waits(links.proof):
            return None, None
        if links.kind == "tpm":
            return False, None
        publics = [slot.public for slot in slots_of(file) if slot.public is not None]
        copies = {id(s): s for public in publics for s in (*self._slots(public), *self._copies.with_public(public))}
        path, undecided = self._searched([*copies.values(), *self._copies.of_name(file)], publics)
        if path is not None:
            return True, path
        if undecided:
            return None, None
        everywhere = all(self.searched_everywhere(p) for p in publics) if publics else self.searched_everywhere(None)
        return False if everywhere else None, None


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
