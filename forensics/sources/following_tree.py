"""A tree whose links are followed: what lies behind one is found under the path by which Windows finds it.

On a volume the letter of another drive is such a link too: ``D:/Users``.

References:
    Microsoft Learn, Reparse Points and File Operations: at most 63 of them on one path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, overload

from forensics.disk.links import Link
from forensics.disk.tree import Entry, NotFollowed, NotFound, TellsAttributes, Tree, Unreadable, damage_of
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.link_targets import Ground, LinkTargets, NoTarget

MAX_LINKS = 63
"""Format: links on the way to one file, links to links among them: Windows goes over no more."""
MAX_OF_FOLDER = 2_000
"""Work: links of one folder that are followed when it is listed."""
_LETTER = re.compile(r"[A-Z]:", re.ASCII)
_TOO_MANY = sentence("it leads in a circle, or over more than {max_links} links", max_links=MAX_LINKS)


@dataclass(frozen=True, slots=True)
class _Behind:
    """What an entry behind a link is where it really lies; stands as its handle.

    Attributes:
        ground: Where it lies.
        entry: Its entry there.
    """

    ground: Ground
    entry: Entry


class FollowingTree:
    """Tree over the volume or collection of an installation.

    Paths are those of the tree below, and go on behind its links. A link that leads nowhere in what is examined stays
    one, with the reason.

    Args:
        tree: The files.
        targets: Tells where links lead.
    """

    def __init__(self, tree: Tree, targets: LinkTargets) -> None:
        self.complete = tree.complete
        self._tree = tree
        self._targets = targets
        self._followed: dict[str, str] = {}
        self._really: dict[str, str] = {}

    def entry(self, path: str) -> Entry:
        try:
            entry = self._entry(self._targets.own, path)
        except NotFollowed:
            parts = [part for part in path.split("/") if part]
        else:
            if entry.link is None:
                return entry
            parts = entry.path.split("/")
        found = self._reach(self._targets.own, path)
        stored = found.entry.name
        name = stored if stored.lower() == parts[-1].lower() else parts[-1]
        return _seen_as(found, "/".join([*parts[:-1], name]), name)

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        behind = at.handle if isinstance(at.handle, _Behind) else None
        if behind is None:
            listed = self._tree.entries(at if at.path else "")
            if not isinstance(listed, list | tuple) or not any(entry.link is not None for entry in listed):
                return listed
            return list(self._followed_all(self._targets.own, at, listed))
        listed = behind.ground.tree.entries(behind.entry if behind.entry.path else "")
        if not isinstance(listed, list | tuple):
            return _EntriesBehind(at.path, behind.ground, listed)
        return list(self._followed_all(behind.ground, at, listed))

    def cut_short(self, folder: str) -> str | None:
        ground, at = self._place(folder)
        return ground.tree.cut_short(at if isinstance(at, str) else at.path)

    def damage(self, folder: Entry | str) -> str | None:
        """Say what was found broken in a folder that was listed; None where nothing was."""
        ground, at = self._place(folder)
        return damage_of(ground.tree, at)

    def open(self, file: Entry | str) -> BinaryIO:
        ground, at = self._place(file)
        try:
            return ground.tree.open(at)
        except NotFollowed:
            # Of a folder of very many names the listing does not tell which of them are links.
            found = self._reach(ground, at if isinstance(at, str) else at.path)
        return found.ground.tree.open(found.entry)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        ground, at = self._place(self.entry(item) if isinstance(item, str) else item)
        return ground.tree.security_descriptor(at)

    def attributes(self, item: Entry | str) -> int | None:
        ground, at = self._place(self.entry(item) if isinstance(item, str) else item)
        return ground.tree.attributes(at) if isinstance(ground.tree, TellsAttributes) else None

    @property
    def has_followed(self) -> bool:
        """A link was followed."""
        return bool(self._followed)

    def really(self, path: str) -> str:
        """Return where what is found under a path lies, as rows name it; the path itself where no link led there."""
        if self._first_link(path) is None:
            return path
        if path not in self._really:
            self._really[path] = path
            with suppress(NotFound, Unreadable):
                found = self._reach(self._targets.own, path)
                self._really[path] = found.ground.label(found.entry.path)
        return self._really[path]

    def way(self, path: str) -> str | None:
        """Say by which link a path leads to where it lies, as a remark; None where it leads over none."""
        link = self._first_link(path)
        return None if link is None else sentence("read in {really}: {link}", really=self.really(path), link=link)

    def dead_end(self, path: str) -> tuple[str, str] | None:
        """Return a link on the way to a path that leads to nothing, and a sentence about it; None where none does."""
        if self._first_link(path) is None:
            return None
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        at = next(folder for folder in above if folder.lower() in self._followed)
        try:
            self.entry(at)
        except NotFound:
            return at, sentence(
                "{followed}, where nothing lies: Windows finds nothing behind it either",
                followed=self._followed[at.lower()],
            )
        except Unreadable:
            return None
        return None

    def _first_link(self, path: str) -> str | None:
        """Return what the first of the links is to which a path leads; None where it leads over none."""
        if not self._followed:
            return None
        parts = path.lower().split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return next((self._followed[folder] for folder in above if folder in self._followed), None)

    def _place(self, item: Entry | str) -> tuple[Ground, Entry | str]:
        """Return where an entry, or a path on which links were followed, is to be looked for."""
        if isinstance(item, str):
            if self._first_link(item) is None:
                return self._targets.own, item
            item = self.entry(item)
        if isinstance(item.handle, _Behind):
            return item.handle.ground, item.handle.entry
        return self._targets.own, item if item.path else ""

    def _entry(self, ground: Ground, path: str) -> Entry:
        letter = path.partition("/")[0]
        if ground is self._targets.own and self.complete and _LETTER.fullmatch(letter):
            raise NotFollowed(letter, Link("drive", f"{letter}\\", is_windows=True))
        return ground.tree.entry(path)

    def _reach(self, ground: Ground, path: str) -> _Behind:
        """Go to a path over whatever links lie on the way.

        Raises:
            NotFollowed: One of them does not lead to what is examined.
            NotFound: There is nothing where they lead.
            Unreadable: It cannot be read there.
        """
        first: tuple[str, Link] | None = None
        for _ in range(MAX_LINKS + 1):
            try:
                entry = self._entry(ground, path)
            except NotFollowed as stop:
                link, at = stop.link, stop.path
            else:
                if entry.link is None:
                    return _Behind(ground, entry)
                link, at = entry.link, entry.path
            label = ground.label(at)
            first = first or (label, link)
            parts = [part for part in path.split("/") if part]
            above, rest = parts[: at.count("/") + 1], parts[at.count("/") + 1 :]
            if "/".join(above).casefold() != at.casefold():  # by a short name, or it speaks of another tree
                raise NotFollowed(label, link)
            try:
                target, start = self._targets.of(link, ground, at.rpartition("/")[0])
            except NoTarget as reason:
                raise NotFollowed(label, replace(link, why_not=said_by(reason) or None)) from reason
            if ground is self._targets.own:
                where = at.replace("/", "\\")
                self._followed.setdefault(at.lower(), sentence("{where} is {named}", where=where, named=link.named()))
            ground, path = target, "/".join(filter(None, (start, *rest)))
        assert first is not None
        raise NotFollowed(first[0], replace(first[1], why_not=_TOO_MANY))

    def _followed_all(self, ground: Ground, folder: Entry, listed: Sequence[Entry]) -> Iterator[Entry]:
        """Yield the entries of a folder as they are found under its path, with what its links lead to."""
        links = 0
        for entry in listed:
            path = f"{folder.path}/{entry.name}" if folder.path else entry.name
            here = (
                entry
                if ground is self._targets.own and path == entry.path
                else _seen_as(_Behind(ground, entry), path, entry.name)
            )
            if entry.link is None:
                yield here
                continue
            links += 1
            if links > MAX_OF_FOLDER:
                why_not = sentence(
                    "only the first {max_of_folder} links of a folder are followed", max_of_folder=MAX_OF_FOLDER
                )
                yield replace(here, link=replace(entry.link, why_not=why_not))
                continue
            try:
                found = self._reach(ground, entry.path)
            except NotFollowed as stop:
                yield replace(here, link=replace(entry.link, why_not=stop.link.why_not))
            except NotFound:
                # Where it leads on a whole volume was seen, and nothing is there: the name leads Windows nowhere too.
                if not self.complete:
                    yield here
            except Unreadable as reason:
                yield replace(
                    here,
                    link=replace(
                        entry.link, why_not=sentence("it leads to what cannot be read: {reason}", reason=reason)
                    ),
                )
            else:
                if not _leads_up(ground, entry, found):
                    yield _seen_as(found, path, entry.name)


class _EntriesBehind(Sequence[Entry]):
    """Entries of a folder of very many names behind a link, each made when it is asked for."""

    def __init__(self, folder: str, ground: Ground, listed: Sequence[Entry]) -> None:
        self._folder = folder
        self._ground = ground
        self._listed = listed

    def __len__(self) -> int:
        return len(self._listed)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return _EntriesBehind(self._folder, self._ground, self._listed[at])
        return self._seen(self._listed[at])

    def __iter__(self) -> Iterator[Entry]:
        return map(self._seen, self._listed)

    def _seen(self, entry: Entry) -> Entry:
        return _seen_as(_Behind(self._ground, entry), f"{self._folder}/{entry.name}", entry.name)


def _seen_as(found: _Behind, path: str, name: str) -> Entry:
    return replace(found.entry, name=name, path=path, handle=found)


def _leads_up(ground: Ground, link: Entry, found: _Behind) -> bool:
    """Tell whether a link leads to a folder in which it lies: what it shows is listed there already."""
    above = f"{found.entry.path.lower()}/" if found.entry.path else ""
    return found.ground.tree is ground.tree and link.path.lower().startswith(above)
