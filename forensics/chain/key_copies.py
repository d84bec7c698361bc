"""Copies of key files where Windows does not look, searched for once, and only when a key is broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from forensics.chain.claim import home_of
from forensics.chain.key_index import KeySlot, slots_of
from forensics.chain.proof import Prover
from forensics.collectors.evidence import Evidence, KeyFileEvidence, KeyFolder
from forensics.collectors.key_content import master_keys_named
from forensics.formats.public_key import PublicKey

if TYPE_CHECKING:
    from forensics.collectors.key_copies import FoundCopies
    from forensics.collectors.past_volumes import PastVolume

_Told = TypeVar("_Told")


class KeyCopies:
    """The copies that one search finds.

    Args:
        evidence: What the collectors found on the installation that misses keys.
        prover: Opens the copies.
        search: Finds them.
    """

    def __init__(self, evidence: Evidence, prover: Prover, search: Callable[[], FoundCopies]) -> None:
        self._evidence = evidence
        self._prover = prover
        self._search = search

    @cached_property
    def _found(self) -> FoundCopies:
        found = self._search()
        owners = {item.row.guid: item.row.owner_sid for item in self._evidence.master_keys}
        for file in found.files:
            file.row.guid_is_current = file.row.name_guid == self._evidence.machine.key_suffix
            # A file that was in a folder of keys, and is deleted or in a shadow copy, was of that one's owner.
            home = self._folders.get((file.row.kind, file.row.path.rpartition("/")[0].lower()))
            if home is not None:
                file.row = replace(file.row, scope=home.scope, owner_sid=home.owner_sid)
            # Else the master key tells that its blob names.
            owner = next((owners[guid] for guid in sorted(master_keys_named([file])) if guid in owners), None)
            if owner is None:
                owner = next((self._homes[s.public] for s in slots_of(file) if s.public in self._homes), None)
            if owner and owner != "S-1-5-18":
                file.row = replace(file.row, scope="user", owner_sid=owner)
        return found

    @cached_property
    def _folders(self) -> Mapping[tuple[str, str], KeyFolder]:
        return {(folder.kind, folder.path.lower()): folder for folder in self._evidence.key_folders}

    @cached_property
    def _homes(self) -> dict[PublicKey | None, str | None]:
        """Who opens the key of each certificate: it tells whose a copy is whose master key is not at home either."""
        linked = ((c, c.link) for c in self._evidence.certificates if c.public_key is not None and c.link is not None)
        return {certificate.public_key: home_of(certificate, link).owner_sid for certificate, link in linked}

    @property
    def not_searched(self) -> str | None:
        """Why there may be more; None where all names were searched."""
        return self._found.not_searched

    def with_public(self, public: PublicKey) -> Sequence[KeySlot]:
        """Return the slots of copies that hold a public half, first in clear, then once opened."""
        return self._by_public.get(public, ())

    def of_name(self, file: KeyFileEvidence) -> Sequence[KeySlot]:
        """Return the slots of copies that have the same name as a key file, whatever somebody added to it."""
        name = (file.row.name_hash, file.row.name_guid)
        return self._by_name.get(name, ()) if all(name) else ()

    @cached_property
    def _slots(self) -> list[KeySlot]:
        return [slot for file in self._found.files for slot in slots_of(file)]

    @cached_property
    def _by_public(self) -> Mapping[PublicKey, Sequence[KeySlot]]:
        in_clear = ((slot.public, slot) for slot in self._slots)
        opened = ((self._prover.prove(slot).public, slot) for slot in self._slots if slot.public is None)
        return _grouped((public, slot) for public, slot in chain(in_clear, opened) if public is not None)

    @cached_property
    def _by_name(self) -> Mapping[tuple[str | None, str | None], Sequence[KeySlot]]:
        return _grouped(((slot.file.row.name_hash, slot.file.row.name_guid), slot) for slot in self._slots)


def _grouped(slots: Iterable[tuple[_Told, KeySlot]]) -> Mapping[_Told, Sequence[KeySlot]]:
    """Return slots by what tells them, in their order."""
    found: dict[_Told, list[KeySlot]] = defaultdict(list)
    for told, slot in slots:
        found[told].append(slot)
    return found


def copies_on_own_volume(evidence: Evidence, prover: Prover) -> KeyCopies:
    """Return the copies on the volume or in the collection of an installation."""

    def search() -> FoundCopies:
        from forensics.collectors.key_copies import find_key_copies

        return find_key_copies(evidence.installation, evidence.key_folders, evidence.machine.ansi_code_page)

    return KeyCopies(evidence, prover, search)


def copies_on_other_volumes(evidence: Evidence, prover: Prover) -> KeyCopies:
    """Return the copies on the other volumes of the disk of an installation."""

    def search() -> FoundCopies:
        from forensics.collectors.key_copies import find_key_copies_beside

        return find_key_copies_beside(evidence.installation, evidence.key_folders, evidence.machine.ansi_code_page)

    return KeyCopies(evidence, prover, search)


class PastCopies:
    """The key files in the shadow copies of an installation's disk, one :class:`KeyCopies` for each, the newest first.

    Args:
        evidence: What the collectors found on the installation that misses keys.
        prover: Opens them, and knows the shadow copies.
    """

    def __init__(self, evidence: Evidence, prover: Prover) -> None:
        self._evidence = evidence
        self._prover = prover
        self._in: dict[int, KeyCopies] = {}

    def __iter__(self) -> Iterator[KeyCopies]:
        for volume in self._prover.ring.past.volumes:
            if id(volume) not in self._in:
                self._in[id(volume)] = KeyCopies(self._evidence, self._prover, partial(self._search, volume))
            yield self._in[id(volume)]

    @property
    def not_searched(self) -> str | None:
        """Why what none of them has may be in one all the same; None where it is not."""
        return self._prover.ring.past.volumes.not_searched

    def _search(self, volume: PastVolume) -> FoundCopies:
        from forensics.collectors.key_copies import read_key_files

        evidence = self._evidence
        named = self._prover.ring.past.key_files(volume)
        found = read_key_files(evidence.installation, named, evidence.machine.ansi_code_page)
        if found.not_searched is not None:
            volume.fail(found.not_searched)
        today = {volume.label(file.row.path).lower(): file.parsed for file in evidence.key_files}
        found.files = [file for file in found.files if file.parsed != today.get(file.row.path.lower())]
        self._prover.ring.past.need(master_keys_named(found.files))
        return found
