"""Whether a private key can be had from this disk although Windows would not open it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from forensics.chain.key_copies import KeyCopies, PastCopies
from forensics.chain.key_index import KeyIndex, KeySlot, slots_of
from forensics.chain.links import Links
from forensics.chain.proof import Proof, Prover
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer

_SEALED = ("sealed_tpm", "sealed_vbs")


@dataclass(frozen=True, slots=True)
class LockedCopy:
    """A key file with the right public half that nothing on this disk opens.

    Attributes:
        path: Its path.
        master_key_guid: The master key that its blob names.
    """

    path: str
    master_key_guid: str | None


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """What opened a key file and does not lie where Windows would use it.

    Attributes:
        master_key: File of its master key outside of where Windows looks for it; None where none had to be asked.
        hives: Folder of the hives of an older state whose DPAPI_SYSTEM opened that; None where none had to be asked.
    """

    master_key: str | None = None
    hives: str | None = None


AS_TODAY = OpenedBy()
"""What Windows has today opened it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search for one public half came to.

    Attributes:
        path: File from which the key was had; None where it was had from none.
        locked: Files with the public half that did not open.
        undecided: Why one that was found, and not read or not opened, may hold it; None where none may.
        exportable: Whether that file lets its key be exported.
        opened_by: What else that file hangs on.
    """

    path: str | None = None
    locked: tuple[LockedCopy, ...] = ()
    undecided: str | None = None
    exportable: Answer = "unknown"
    opened_by: OpenedBy = AS_TODAY

    def and_then(self, other: Found) -> Found:
        """Return this joined with what a search elsewhere found."""
        had = self if self.path is not None else other
        undecided = self.undecided or other.undecided
        return Found(had.path, self.locked + other.locked, undecided, had.exportable, had.opened_by)


@dataclass(frozen=True, slots=True)
class Recoverable:
    """What is to be said of having a key from this disk.

    Attributes:
        answer: The ``recoverable`` column.
        path: File that holds the key when it is another than the one judged.
        locked: Another file with its public half, which did not open.
        doubt: Why the answer is not known, where that is for want of a place that was searched, or of a secret.
        exportable: Whether that other file lets the key be exported.
        opened_by: What else that other file hangs on.
    """

    answer: bool | None
    path: str | None = None
    locked: LockedCopy | None = None
    doubt: str | None = None
    exportable: Answer = "unknown"
    opened_by: OpenedBy = AS_TODAY


class Recovery:
    """Looks for a certificate's key by its public half, wherever on the disk it lies.

    Args:
        index: The key files of the installation.
        prover: Proves what is found.
        copies: Key files outside the folders of keys, on the same volume.
        beside: Key files on the other volumes of the disk.
        past: Key files in the shadow copies of the disk.
    """

    def __init__(self, index: KeyIndex, prover: Prover, copies: KeyCopies, beside: KeyCopies, past: PastCopies) -> None:
        self._index = index
        self._prover = prover
        self._best: dict[PublicKey, KeySlot | None] = {}
        self._copies = copies
        self._beside = beside
        self._past = past
        self._had: dict[PublicKey, Found] = {}
        self._had_of_copies: dict[PublicKey, Found] = {}
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
            return Recoverable(None)
        if links.proof.recovered and _is_key_of(links.proof, certificate, links):
            return Recoverable(True)
        public = certificate.public_key
        found = self.search(public, beyond=links.verdict == "unusable") if public else Found()
        if found.path is not None:
            return Recoverable(True, found.path, exportable=found.exportable, opened_by=found.opened_by)
        return self._not_found(links, public, found)

    def search(self, public: PublicKey, *, beyond: bool = True) -> Found:
        """Look for a public half.

        Args:
            public: The public half.
            beyond: Look for copies outside the folders of keys too, where none of those has it.
        """
        if public not in self._had:
            self._had[public] = self._searched(self._slots(public), [public])
        found = self._had[public]
        if found.path is None and beyond:
            if public not in self._had_of_copies:
                self._had_of_copies[public] = self._searched(self._copies.with_public(public), [public])
            found = found.and_then(self._had_of_copies[public])
        if found.path is None and self._index.has_unread:
            return found.and_then(Found(undecided=sentence("not every key file could be read")))
        return found

    def _searched(self, slots: Iterable[KeySlot], publics: Collection[PublicKey]) -> Found:
        """Look for one of some public keys among slots, for any where none is known."""
        proofs = [(slot, self._prover.prove(slot)) for slot in slots]
        recovered = [(slot, proof) for slot, proof in proofs if proof.recovered]
        self._recovered |= {slot.file.row.path: slot for slot, _ in recovered}
        # One that is named for this machine may only have to be put back.
        recovered.sort(key=lambda found: found[0].file.row.guid_is_current is not True)
        had = (
            Found(slot.file.row.path, exportable=proof.exportable, opened_by=_opened_by(proof))
            for slot, proof in recovered
            if not publics or proof.public in publics
        )
        locked = (
            LockedCopy(slot.file.row.path, proof.master_key_guid)
            for slot, proof in proofs
            if slot.public in publics and proof.private_key in ("locked", "needs_pin", "not_examined")
        )
        open_ = (_why_open(slot.file.row.path, proof) for slot, proof in proofs if _could_still_open(proof))
        return next(had, Found()).and_then(Found(locked=tuple(locked), undecided=next(open_, None)))

    def had(self, public: PublicKey) -> list[KeySlot]:
        """Return the slots, wherever they lie, from which a private key was had so far; each once."""
        slots = {(slot.file.row.path, slot.name): slot for slot in (*self._slots(public), *self._recovered.values())}
        proofs = [(slot, self._prover.prove(slot)) for slot in slots.values()]
        return [slot for slot, proof in proofs if proof.recovered and proof.public == public]

    def found_in(self, path: str) -> KeySlot | None:
        """Return the slot that held the key in a file from which one was had; None for other files."""
        return self._recovered.get(path)

    def _not_found(self, links: Links, public: PublicKey | None, found: Found) -> Recoverable:
        judged = links.file.row.path if links.file is not None else None
        locked = next((copy for copy in found.locked if copy.path != judged), None)
        if found.undecided is not None:
            return Recoverable(None, locked=locked, doubt=found.undecided)
        if links.verdict == "unknown" or links.kind == "other" or links.key_file == "not_examined":
            return Recoverable(None, locked=locked)
        if is_sealed(links):
            return Recoverable(False)
        if links.file is not None and links.public_key != "mismatch" and _waits(links.proof):
            return Recoverable(None, locked=locked, doubt=_why_open(links.file.row.path, links.proof))
        doubt = self.not_searched(public)
        return Recoverable(None if doubt else False, locked=locked, doubt=doubt)

    def not_searched(self, public: PublicKey | None) -> str | None:
        """Say why a public key that was not found may still lie on this volume; None where it does not."""
        if not self._index.searched_for(public):
            return sentence("not every folder of key files was seen whole")
        return self._copies.not_searched

    def of_file(self, file: KeyFileEvidence, links: Links) -> Recoverable:
        """Judge ``recoverable`` of a key file without certificate."""
        if links.verdict == "usable":
            return Recoverable(None)
        if links.proof.recovered:
            return Recoverable(True)
        if links.verdict == "unknown" or links.is_unread:
            return Recoverable(None)
        if _waits(links.proof):
            return Recoverable(None, doubt=_why_open(file.row.path, links.proof))
        if links.kind == "tpm":
            return Recoverable(False)
        publics = publics_of(file)
        slots = {id(s): s for public in publics for s in (*self._slots(public), *self._copies.with_public(public))}
        found = self._searched([*slots.values(), *self._copies.of_name(file)], publics)
        if found.path is not None:
            return Recoverable(True, found.path, exportable=found.exportable, opened_by=found.opened_by)
        locked = next((copy for copy in found.locked if copy.path != file.row.path), None)
        unsearched = (self.not_searched(public) for public in (publics or (None,)))
        doubt = found.undecided or next((why for why in unsearched if why is not None), None)
        return Recoverable(None if doubt else False, locked=locked, doubt=doubt)

    def beside(self, publics: Collection[PublicKey], file: KeyFileEvidence | None) -> Found:
        """Look on the other volumes of the disk for one of some public halves, or a copy of a file that has none.

        Args:
            publics: The public halves.
            file: The key file, where that is what was judged.
        """
        found = self._among(self._beside, publics, file)
        return found.and_then(Found(undecided=self._beside.not_searched))

    def past(self, publics: Collection[PublicKey], file: KeyFileEvidence | None) -> Found:
        """Look in shadow copies, from the newest to the one that has it; the arguments are those of :meth:`beside`."""
        found = Found()
        for copies in self._past:
            found = found.and_then(self._among(copies, publics, file))
            if found.path is not None:
                return found
        return found.and_then(Found(undecided=self._past.not_searched))

    def _among(self, copies: KeyCopies, publics: Collection[PublicKey], file: KeyFileEvidence | None) -> Found:
        named = copies.of_name(file) if file is not None else ()
        slots = {id(s): s for s in (*(s for p in publics for s in copies.with_public(p)), *named)}
        return self._searched(slots.values(), publics)


def publics_of(file: KeyFileEvidence) -> list[PublicKey]:
    """Return the public halves that lie in clear in a key file."""
    return [slot.public for slot in slots_of(file) if slot.public is not None]


def is_sealed(links: Links) -> bool:
    """Tell whether a key lies in a TPM, in VBS or on a smart card, so that no file holds it."""
    return links.kind == "smart_card" or links.proof.private_key in _SEALED


def _opened_by(proof: Proof) -> OpenedBy:
    return OpenedBy(proof.master_key_elsewhere if proof.opened_elsewhere else None, proof.older_hives)


def _is_key_of(proof: Proof, certificate: CertificateEvidence, links: Links) -> bool:
    """The opened key has the last word; one of a kind that is not modelled rests on the public half in the file."""
    if proof.public is None or certificate.public_key is None:
        return links.public_key == "match"
    return proof.public == certificate.public_key


def _waits(proof: Proof) -> bool:
    """A blob that was not tried, or that only its owner's password or PIN opens, is undecided."""
    return proof.master_key_guid is not None and _could_still_open(proof)


def _could_still_open(proof: Proof) -> bool:
    """A secret that was given and does not fit proves nothing: a user may have had others."""
    if proof.private_key in ("not_examined", "needs_pin"):
        return True
    if proof.private_key != "locked":
        return False
    hangs_on_user = proof.master_key == "present" and (proof.unlocked_by == "not_tried" or proof.is_users)
    return hangs_on_user or proof.master_key_waits is not None


def _why_open(path: str, proof: Proof) -> str:
    if proof.master_key_waits is not None:
        return proof.master_key_waits
    if proof.private_key == "needs_pin":
        return sentence("{path} wants a PIN or password of its own", path=path)
    if proof.is_users and proof.master_key == "present":
        return sentence("{path} hangs on a secret of its owner, which no disk holds", path=path)
    return sentence("{path} was not opened: what opens it was not read", path=path)
