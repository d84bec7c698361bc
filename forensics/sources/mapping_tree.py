"""Trees made of parts of others: loose hives put where Windows keeps them, and halves of a collection put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable, damage_of
from forensics.sources.collected_tree import CollectedTree, Node


class _Folder:
    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}


class MappingTree(CollectedTree):
    """Tree in which files of another tree lie at other paths.

    Args:
        tree: Where the files are; None where there are none.
        files: Their entries in ``tree`` by the path they get.
    """

    def __init__(self, tree: Tree | None, files: Mapping[str, Entry]) -> None:
        self._tree = tree
        top = _Folder()
        for path, entry in files.items():
            *folders, name = path.split("/")
            at = top
            for part in folders:
                node = at.children.setdefault(part, Node(part, True, _Folder()))
                assert isinstance(node.handle, _Folder)
                at = node.handle
            at.children[name] = Node(name, False, entry, entry.size, entry.created, entry.modified)
        super().__init__(top)

    def _children(self, handle: object) -> Iterable[Node]:
        assert isinstance(handle, _Folder)
        return handle.children.values()

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, Entry)
        assert self._tree is not None
        return self._tree.open(handle)


class UnionTree:
    """Several folders of one tree seen as one; where both hold a file the first one's is taken.

    Args:
        tree: The tree.
        roots: Folders in it, the more trusted first.
    """

    complete = False

    def __init__(self, tree: Tree, roots: Sequence[str]) -> None:
        self._tree = tree
        self.roots = tuple(roots)

    def entry(self, path: str) -> Entry:
        problem: Unreadable | None = None
        for root in self.roots:
            try:
                return self._moved(self._tree.entry(f"{root}/{path}"), path)
            except NotFound:
                continue
            except Unreadable as error:
                problem = problem or error
        raise problem or NotFound(path)

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        path = folder if isinstance(folder, str) else folder.path
        found: dict[str, Entry] = {}
        problem: Exception = NotFound(path)
        seen = False
        for root in self.roots:
            try:
                for entry in self._tree.entries(f"{root}/{path}"):
                    shown = f"{path}/{entry.name}" if path else entry.name
                    found.setdefault(entry.name.casefold(), self._moved(entry, shown))
                seen = True
            except (NotFound, Unreadable) as error:
                problem = error
        if not seen:
            raise problem
        return [found[name] for name in sorted(found)]

    def cut_short(self, folder: str) -> str | None:
        for root in self.roots:
            with suppress(NotFound, Unreadable):
                if cut := self._tree.cut_short(f"{root}/{folder}"):
                    return cut
        return None

    def damage(self, folder: Entry | str) -> str | None:
        path = folder if isinstance(folder, str) else folder.path
        for root in self.roots:
            with suppress(NotFound, Unreadable):
                if (damage := damage_of(self._tree, f"{root}/{path}")) is not None:
                    return damage
        return None

    def open(self, file: Entry | str) -> BinaryIO:
        entry = self.entry(file) if isinstance(file, str) else file
        assert isinstance(entry.handle, Entry)
        return self._tree.open(entry.handle)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        entry = self.entry(item) if isinstance(item, str) else item
        assert isinstance(entry.handle, Entry)
        return self._tree.security_descriptor(entry.handle)

    @staticmethod
    def _moved(entry: Entry, path: str) -> Entry:
        return Entry(entry.name, path, entry.is_dir, entry.size, entry.created, entry.modified, entry, entry.link)
