"""Files in shadow copies that broken keys may need, by their names; what today's volume still has is passed over.

$MFT of a volume is searched once for all that may be needed: it is a large file, and each shadow copy has its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator
from dataclasses import field

from forensics.collectors.evidence import Evidence
from forensics.collectors.key_content import master_keys_named
from forensics.collectors.key_copies import KEY_NAMES
from forensics.collectors.key_files import named_hashes
from forensics.collectors.master_key_copies import master_key_names
from forensics.collectors.name_search import FoundFile, in_part, names_on
from forensics.collectors.past_volumes import PastVolume, PastVolumes
from forensics.disk.shadow_copy import KnowsPresent
from forensics.disk.tree import Entry, NotFound, Tree, Unreadable, WantedNames
from forensics.formats.key_file_name import find_key_file_name
from forensics.lack_of_memory import how
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_NAMED = 10_000
"""Work: files of one shadow copy that are named for key files, and as many for containers that certificates name, which
come first.
"""
_MOST_SEARCHES = 4
"""Work: searches of all names of one shadow copy; its key files may name master keys that no key file of today did."""
_MOST_OF_ONE = 100
"""Evidence: files of one shadow copy that are named for one master key."""
_GUID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which of the names of key files and master keys are wanted: all of key files, some of master keys."""

    guids: Container[str]
    with_keys: bool

    def __contains__(self, name: object) -> bool:
        is_master_key = isinstance(name, str) and len(name) == _GUID_LENGTH
        return name in self.guids if is_master_key else self.with_keys


@dataclass(slots=True)
class _FoundIn:
    """What one shadow copy has: paths of key files, and of master keys by their GUID, lower case."""

    keys: tuple[str, ...] = ()
    master_keys: dict[str, list[str]] = field(default_factory=dict)
    searched_for: frozenset[str] = frozenset()
    searches: int = 0


class PastFiles:
    """What the shadow copies of one installation's disk hold of its keys.

    Args:
        evidence: What the collectors found on the installation.

    Attributes:
        volumes: Its volumes as they were.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.volumes = PastVolumes(evidence.installation)
        self._needed = master_keys_named(evidence.key_files)
        self._named = named_hashes(evidence.certificates, evidence.machine.ansi_code_page)
        self._in: dict[int, _FoundIn] = {}
        self._seen: set[tuple[object, ...]] = set()

    def key_files(self, volume: PastVolume) -> Iterator[FoundFile]:
        """Yield the key files of a shadow copy that are not those of today.

        Those that no certificate names are passed over where a newer copy has the same, by size and times.
        """
        found = self._searched(volume, ())
        tree = volume.tree()
        if found is None or tree is None:
            return
        for path in found.keys:
            entry = _changed(tree, path, volume)
            if entry is None:
                continue
            state = (volume.volume, path.lower(), entry.size, entry.created, entry.modified)
            if self._is_named(path) or state not in self._seen:
                self._seen.add(state)
                yield FoundFile(tree, path, volume.label(path))

    def master_keys(self, volume: PastVolume, guids: Collection[str]) -> Iterator[FoundFile]:
        """Yield the files of some master keys, by their GUIDs in lower case, in a shadow copy that are not of today."""
        found = self._searched(volume, guids)
        tree = volume.tree()
        if found is None or tree is None:
            return
        for guid in guids:
            for path in found.master_keys.get(guid, ()):
                if _changed(tree, path, volume) is not None:
                    yield FoundFile(tree, path, volume.label(path))

    def need(self, guids: Collection[str]) -> None:
        """Look for some master keys too, by their GUIDs in lower case, when names are searched the next time."""
        self._needed = self._needed.union(guids)

    def _is_named(self, path: str) -> bool:
        """Tell whether a file is named for a container that a certificate names."""
        name = find_key_file_name(path.rpartition("/")[2])
        return name is not None and name[0] in self._named

    def _searched(self, volume: PastVolume, guids: Collection[str]) -> _FoundIn | None:
        """Search the names of a shadow copy, as often as there is something new to look for."""
        tree = volume.tree()
        if tree is None:
            return None
        found = self._in.setdefault(id(volume), _FoundIn())
        if found.searches == 0 or not found.searched_for.issuperset(guids):
            new = self._needed.union(guids) - found.searched_for
            if found.searches == _MOST_SEARCHES:
                volume.fail(sentence("it is not searched for master keys again and again"))
                return found
            try:
                self._search(tree, volume, found, new)
            except (NotFound, Unreadable) as error:
                volume.fail(sentence("its files could not be searched: {error}", error=error))
            except Exception as error:  # as below
                volume.fail(sentence("searching it failed {how}", how=how(error)))
            found.searched_for |= new
            found.searches += 1
        return found

    def _search(self, tree: Tree, volume: PastVolume, found: _FoundIn, guids: frozenset[str]) -> None:
        with_keys = found.searches == 0
        master_keys = master_key_names(guids)
        text = re.compile(f"{KEY_NAMES.text.pattern}|{master_keys.text.pattern}", re.IGNORECASE | re.ASCII)
        marks = (*(KEY_NAMES.marks if with_keys else ()), *(master_keys.marks if guids else ()))
        first: list[str] = []
        others: list[str] = []
        wanted = WantedNames(text, marks, _Wanted(guids, with_keys))
        paths = tree.changed_paths_named(wanted, ()) if isinstance(tree, KnowsPresent) else names_on(tree, wanted)
        for path in paths:
            if path is None:
                volume.fail(in_part(None))
                continue
            name = path.rpartition("/")[2]
            if with_keys and find_key_file_name(name) is not None:
                place = first if self._is_named(path) else others
                if len(place) < MAX_NAMED:
                    place.append(path)
                else:
                    volume.fail(sentence("only {max_named} key files of it are looked at", max_named=MAX_NAMED))
                continue
            for guid in guids.intersection(match[0].lower() for match in master_keys.text.finditer(name)):
                of = found.master_keys.setdefault(guid, [])
                if len(of) < _MOST_OF_ONE:
                    of.append(path)
                else:
                    volume.fail(
                        sentence(
                            "only {most_of_one} of its files named for one master key are looked at",
                            most_of_one=_MOST_OF_ONE,
                        )
                    )
        if with_keys:
            found.keys = (*first, *others)


def _changed(tree: Tree, path: str, volume: PastVolume) -> Entry | None:
    """Return a file of a shadow copy; None where it has none, or the volume of today has this very file."""
    try:
        entry = tree.entry(path)
        return None if isinstance(tree, KnowsPresent) and tree.is_unchanged(entry) else entry
    except NotFound:
        return None
    except Unreadable as error:
        volume.fail(sentence("{path} could not be read: {error}", path=path, error=error))
    except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
        volume.fail(sentence("reading {path} failed {how}", path=path, how=how(error)))
    return None
