"""Which files bring a dead key back on this very Windows: its key file and the master key that covers it, as they lie.

A key file is of use there only under the name that Windows looks for, and only if its master key is at home and opens
with a secret that Windows has today. What cannot work is refused in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from forensics.chain.key_index import KeySlot, slots_of
from forensics.chain.links import Links
from forensics.chain.master_key_place import CannotPlaceError, MasterKeyPlaces
from forensics.chain.put_back import NoPlaceError, target_of, target_of_container
from forensics.chain.told_paths import told
from forensics.chain.tried_passwords import doubt_of, doubt_of_entra
from forensics.chain.vault import OfCertificate
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.collectors.key_content import parse_key_file
from forensics.collectors.lying_file import LyingFile, file_as_it_lies
from forensics.disk.tree import NotFound, Unreadable
from forensics.formats.capi_key import CapiKeyFile
from forensics.formats.cng_key import CngKeyFile
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.errors import FormatError
from forensics.formats.public_key import PublicKey
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.secrets import UnlockedBy
from forensics.tables.shadow_path import is_past

if TYPE_CHECKING:
    from forensics.chain.judge import Judge

_LOCAL_MACHINE = 4
_NO_LINK = sentence("the certificate has no link to a key (KEY_PROV_INFO) that says which file Windows looks for")
_IN_PLACE = sentence("it and its master key lie where Windows looks for them, so nothing is to be placed")

NOT_IN_USE = {
    "former": sentence("it is of a Windows that is not in use any more, so nothing is placed there"),
    "profile": sentence("the Windows of this profile is not on this evidence, so what it looks for is not known"),
}
"""Why nothing is placed in an installation that is no Windows of today, by its kind."""


@dataclass(frozen=True, slots=True)
class FileToPlace:
    """A file that Windows misses, as the disk has it.

    Attributes:
        what: Key file or master key file.
        target: Path in the source at which it must lie.
        found: Where it was found, as rows name it.
        lying: It.
        is_at_home: It lay, or lies, in the folder in which it must: its access list and attributes are those it had.
        owner_sid: Whose it must be.
        in_the_way: Path in the source of what is there now and is to be set aside; None where nothing is.
        in_the_way_is: What that is.
        neighbours: FILE_ATTRIBUTE flags that the other files of that folder have; None where they are not told.
    """

    what: Literal["key_file", "master_key"]
    target: str
    found: str
    lying: LyingFile
    is_at_home: bool
    owner_sid: str
    in_the_way: str | None = None
    in_the_way_is: Literal["damaged", "another key", "locked"] | None = None
    neighbours: int | None = None

    @property
    def name(self) -> str:
        """The name it must have."""
        return self.target.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Placing:
    """What brings the key of one certificate back on its Windows.

    Attributes:
        files: What must be placed; empty where nothing can, or need, be.
        refusal: Why nothing is placed, as a part of a sentence; None where something is.
        doubts: What stays open although the files are placed, as sentences without their full stop.
        found: The key file of which that is said, from which the key was had, as rows name it; None where it is said of
            any.
        unlocked_by: What opened its master key.
        exportable: Whether that file lets the key be exported.
    """

    files: tuple[FileToPlace, ...] = ()
    refusal: str | None = None
    doubts: tuple[str, ...] = ()
    found: str | None = None
    unlocked_by: UnlockedBy = "not_tried"
    exportable: Answer = "unknown"


def placings(judges: Sequence[Judge]) -> Iterator[tuple[OfCertificate, Placing]]:
    """Yield of each certificate whose key Windows does not open what brings it back, while the sources are open."""
    for judge in judges:
        places = MasterKeyPlaces(judge.evidence, judge.prover.ring)
        judged: set[str] = set()
        for certificate in judge.evidence.certificates:
            links = judge.certificate_links(certificate)
            if links is not None and links.file is not None:
                judged.add(links.file.row.path)
            if links is not None and links.verdict != "usable":
                row = certificate.row
                of: OfCertificate = (row.machine_id, row.thumbprint, row.store, row.store_scope, row.owner_sid)
                yield of, _Placer(judge, _Claim.of_certificate(certificate, judge), links, places).placing()
        for file in judge.evidence.key_files:
            if file.row.path not in judged and any(judge.prover.prove(slot).recovered for slot in slots_of(file)):
                links = judge.file_links(file)
                if links.verdict != "usable":
                    of = (file.row.machine_id, None, file.row.path, None, file.row.owner_sid)
                    yield of, _Placer(judge, _Claim.of_file(file, judge), links, places).placing()


@dataclass(frozen=True, slots=True)
class _Claim:
    """What leads to a key: the link of a certificate, or the name of the container in a file that none names.

    Attributes:
        publics: The public halves of the key.
        is_of_certificate: A certificate leads to it: another key under its name is of no use to anybody.
        target: Returns where Windows looks for a slot of it; raises NoPlaceError.
        missing: Why nothing leads to it; None where something does.
    """

    publics: tuple[PublicKey, ...]
    is_of_certificate: bool
    target: Callable[[KeySlot], str]
    missing: str | None = None

    @classmethod
    def of_certificate(cls, certificate: CertificateEvidence, judge: Judge) -> _Claim:
        link, publics = certificate.link, (certificate.public_key,) if certificate.public_key is not None else ()
        if link is None:
            return cls(publics, True, _nowhere, _NO_LINK)
        return cls(publics, True, lambda slot: target_of(certificate, link, slot, judge.evidence))

    @classmethod
    def of_file(cls, file: KeyFileEvidence, judge: Judge) -> _Claim:
        proofs = (judge.prover.prove(slot) for slot in slots_of(file))
        publics = tuple(proof.public for proof in proofs if proof.public is not None)
        return cls(publics, False, lambda slot: target_of_container(file, slot, judge.evidence))


def _nowhere(slot: KeySlot) -> str:
    raise NoPlaceError(_NO_LINK)


class _Placer:
    def __init__(self, judge: Judge, claim: _Claim, links: Links, master_keys: MasterKeyPlaces) -> None:
        self._judge = judge
        self._evidence = judge.evidence
        self._claim = claim
        self._links = links
        self._master_keys = master_keys

    def placing(self) -> Placing:
        refusal = self._refusal()
        if refusal is not None:
            return Placing(refusal=refusal)
        first: Placing | None = None
        for slot in self._candidates():
            try:
                return self._of(slot)
            except (CannotPlaceError, NoPlaceError) as reason:
                first = first or self._refused(slot, said_by(reason))
            except (NotFound, Unreadable, OSError, FormatError) as error:
                first = first or self._refused(slot, sentence("it could not be read once more ({error})", error=error))
        return first or Placing(refusal=sentence("no file that holds it was opened with a secret of this Windows"))

    def _refused(self, slot: KeySlot, why: str) -> Placing:
        exportable = self._judge.prover.prove(slot).exportable
        why = told(why, slot.file.row.machine_id, self._judge.paths)
        return Placing((), why, (), slot.file.row.path, self._unlocked_by(slot), exportable)

    def _refusal(self) -> str | None:
        """Say why no file helps, whichever it is."""
        installation = self._evidence.installation
        if installation.kind in NOT_IN_USE:
            return NOT_IN_USE[installation.kind]
        if installation.mixed is not None:
            return sentence(
                "the hives are of two machines ({mixed}), so which secret is today's is not known",
                mixed=installation.mixed,
            )
        if self._claim.missing is not None:
            return self._claim.missing
        broken = self._links.broken
        at = next((broken[link] for link in ("claim", "provider") if link in broken), None)
        return sentence("{at}; no file mends that", at=at) if at is not None else None

    def _candidates(self) -> list[KeySlot]:
        """Return the files that hold the key: the one that Windows opens first, those of the past last."""
        had = [slot for public in self._claim.publics for slot in self._judge.recovery.had(public)]

        def order(slot: KeySlot) -> tuple[bool, bool, bool, str]:
            row = slot.file.row
            return slot.file is not self._links.file, is_past(row.path), row.guid_is_current is not True, row.path

        return sorted(had, key=order)

    def _of(self, slot: KeySlot) -> Placing:
        row, proof = slot.file.row, self._judge.prover.prove(slot)
        if proof.private_key != "proved":
            raise CannotPlaceError(sentence("its DPAPI blob is damaged, and Windows refuses it wherever it lies"))
        doubts: dict[str, None] = {}
        missing: list[FileToPlace] = []
        for guid in _master_keys_of(slot):
            place = self._master_keys.of(guid, row.owner_sid, row.path)
            doubts |= dict.fromkeys(place.doubts)
            if place.item is not None:
                missing.append(
                    FileToPlace(
                        "master_key",
                        place.target,
                        place.item.row.path,
                        place.lying(),
                        self._is_at_home(place.item.row.path, place.target),
                        row.owner_sid or "",
                        place.in_the_way,
                        place.in_the_way_is,
                        self._neighbours(place.target),
                    )
                )
        files = (*self._key_file(slot), *missing)
        if not files:
            reason = self._links.broken.get(self._links.broken_at or "claim", self._links.doubt)
            if not reason:
                raise CannotPlaceError(_IN_PLACE)
            raise CannotPlaceError(
                sentence("{in_place}; what is wrong is that {reason}", in_place=_IN_PLACE, reason=reason)
            )
        doubts |= dict.fromkeys(self._doubts(slot))
        return Placing(files, None, tuple(doubts), row.path, self._unlocked_by(slot), proof.exportable)

    def _unlocked_by(self, slot: KeySlot) -> UnlockedBy:
        guid = self._judge.prover.prove(slot).master_key_guid or ""
        opened = self._judge.prover.ring.unlock(guid, slot.file.row.owner_sid).opened
        return opened.by if opened is not None else "not_tried"

    def _key_file(self, slot: KeySlot) -> Iterator[FileToPlace]:
        """Yield the key file, unless Windows finds it where it lies."""
        row = slot.file.row
        if self._links.file is slot.file and self._links.scope == "user" and not _is_elsewhere(slot.file):
            return  # of a user's keys Windows takes one under another suffix too
        target = self._claim.target(slot)
        if self._is_same(row.path, target):
            return
        opened = self._links.file
        is_open = self._links.key_file in ("present", "unreadable", "not_examined")
        if is_open and opened is not None and not self._is_same(opened.row.path, target):
            raise CannotPlaceError(sentence("Windows opens {path} before it", path=self._path(opened.row.path)))
        in_the_way, what = self._in_the_way(slot, target)
        lying = file_as_it_lies(self._evidence.installation, slot.file)
        if parse_key_file(row.kind, lying.data)[1] != slot.file.parsed:
            raise CannotPlaceError(sentence("read once more it is another file than the one that was proved"))
        at_home, neighbours = self._is_at_home(row.path, target), self._neighbours(target)
        owner = row.owner_sid or ""
        yield FileToPlace("key_file", target, row.path, lying, at_home, owner, in_the_way, what, neighbours)

    def _in_the_way(
        self, slot: KeySlot, target: str
    ) -> tuple[str | None, Literal["damaged", "another key", "locked"] | None]:
        """Return what lies where the key file belongs, and what it is.

        Raises:
            CannotPlaceError: It is of use, or may be.
        """
        try:
            entry = self._evidence.installation.tree.entry(target)
        except NotFound:
            return None, None
        there = next((f for f in self._evidence.key_files if self._is_same(f.row.path, target)), None)
        where = self._path(target)
        if there is None or there.row.outcome == "not_examined":
            raise CannotPlaceError(sentence("what lies in {where} now was not read, and may be of use", where=where))
        slots = slots_of(there)
        publics = {public for s in slots for public in (s.public, self._judge.prover.prove(s).public) if public}
        others = {c.public_key: c.row.subject for c in self._evidence.certificates}
        for public in publics:
            if public in others and public not in self._claim.publics:
                raise CannotPlaceError(
                    sentence(
                        "in {where} lies the key of {others}",
                        where=where,
                        others=others[public] or sentence("another certificate"),
                    )
                )
        if not slots:
            return entry.path, "damaged"
        if publics.intersection(self._claim.publics):
            if any(self._opens_today(s) for s in slots):
                raise CannotPlaceError(sentence("a sound one lies in {where}, where Windows looks for it", where=where))
            if there.row.scope == "user":
                raise CannotPlaceError(
                    sentence("{where} holds the same key, and may open with what its owner has today", where=where)
                )
            return entry.path, "locked"
        if not self._claim.is_of_certificate:
            raise CannotPlaceError(
                sentence("in {where} lies another key of its container, which may be in use", where=where)
            )
        return entry.path, "another key"

    def _opens_today(self, slot: KeySlot) -> bool:
        proof = self._judge.prover.prove(slot)
        return proof.private_key == "proved" and proof.unlocked_by not in ("previous", "nothing", "not_tried")

    def _doubts(self, slot: KeySlot) -> Iterator[str]:
        row, ring, ground = slot.file.row, self._judge.prover.ring, self._judge.ground
        if self._judge.key_iso_fault is not None and row.kind == "cng":
            yield sentence(
                "{key_iso_fault}; until it starts, Windows opens no key of CNG", key_iso_fault=self._judge.key_iso_fault
            )
        if not self._links.ground.claim.is_whole:
            why = self._links.ground.claim.why
            yield sentence(
                "that the certificate's link, which says where it belongs, is today's is likely only: {why}", why=why
            )
        if not ground.identity.is_whole:
            yield sentence(
                "that the name ends in the MachineGuid of today is likely only: {why}", why=ground.identity.why
            )
        if row.scope != "user" and not ground.secret.is_whole:
            yield sentence("that the secret which opens it is today's is likely only: {why}", why=ground.secret.why)
        if row.scope == "user":
            for guid in _master_keys_of(slot):
                unlocked = ring.unlock(guid, row.owner_sid)
                by = unlocked.opened.by if unlocked.opened is not None else "nothing"
                yield from filter(None, (doubt_of_entra(row.owner_sid, by), doubt_of(by, unlocked.tried)))
        is_flag_unread = slot.capi is not None and self._judge.prover.prove(slot).exportable == "unknown"
        if is_flag_unread and len(_blobs_of(slot)) > 1:
            yield sentence("its export flag, a blob of its own, did not open; what Windows makes of that is not known")
        is_the_computers = bool((row.blob_flags or 0) & _LOCAL_MACHINE)
        if row.blob_flags is not None and is_the_computers != (self._links.scope == "machine"):
            made_for = sentence("the computer") if is_the_computers else sentence("an account")
            yield sentence(
                "the file was made in the key set of {made_for}, and Windows looks in another one", made_for=made_for
            )

    def _is_at_home(self, path: str, target: str) -> bool:
        return self._is_same(path.rpartition("/")[0], target.rpartition("/")[0])

    def _is_same(self, path: str, other: str) -> bool:
        really = self._evidence.installation.really
        return really(path).lower() == really(other).lower()

    def _neighbours(self, target: str) -> int | None:
        with suppress(NotFound, Unreadable, OSError):
            return self._master_keys.attributes_in(target.rpartition("/")[0])
        return None

    def _path(self, path: str) -> str:
        return self._judge.paths.of(self._evidence.machine.machine_id, path) or path


def _is_elsewhere(file: KeyFileEvidence) -> bool:
    return file.where is not None or file.misplaced is not None


def _master_keys_of(slot: KeySlot) -> list[str]:
    """Return the master keys that the blobs of a slot name, each once."""
    return list(dict.fromkeys(blob.master_key_guid for blob in _blobs_of(slot)))


def _blobs_of(slot: KeySlot) -> list[DpapiBlob]:
    parsed, blobs = slot.file.parsed, []
    if isinstance(parsed, CapiKeyFile) and slot.capi is not None:
        blobs = [slot.capi.private, slot.capi.export_flag]
    elif isinstance(parsed, CngKeyFile):
        blobs = [parsed.private_key, parsed.private_properties]
    return [blob for blob in blobs if blob is not None]
