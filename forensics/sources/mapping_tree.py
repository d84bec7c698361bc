"""Trees made of parts of others: loose hives put where Windows keeps them, and halves of a collection put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from forensics.disk.tree import Entry, NotFollowed, NotFound, Tree, Unreadable, damage_of
from forensics.sources.collected_tree import CollectedTree, Node


class _Folder:
    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}


class MappingTree(CollectedTree):
    """Tree in which files and folders of another tree lie at other paths.

    Args:
        tree: Where they are; None where there are none.
        files: Their entries in ``tree`` by the path they get; a folder brings what it holds.
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
            at.children[name] = _node(name, entry)
        super().__init__(top)

    def cut_short(self, folder: str) -> str | None:
        at = self.entry(folder).handle
        of_tree = self._tree.cut_short(at.path) if isinstance(at, Entry) and self._tree is not None else None
        return of_tree or super().cut_short(folder)

    def damage(self, folder: Entry | str) -> str | None:
        """Say why a folder may have held more: what its own tree says of it."""
        try:
            at = (self.entry(folder) if isinstance(folder, str) else folder).handle
        except NotFound:
            return None
        return damage_of(self._tree, at) if isinstance(at, Entry) and self._tree is not None else None

    def _children(self, handle: object) -> Iterable[Node]:
        if isinstance(handle, _Folder):
            return handle.children.values()
        assert isinstance(handle, Entry)
        assert self._tree is not None
        return (_node(entry.name, entry) for entry in self._tree.entries(handle))

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, Entry)
        assert self._tree is not None
        return self._tree.open(handle)


def _node(name: str, entry: Entry) -> Node:
    return Node(name, entry.is_dir, entry, entry.size, entry.created, entry.modified, entry.link)


class UnionTree:
    """Several folders, of one tree or more, seen as one; where both hold a file the first one's is taken.

    Args:
        tree: The tree.
        roots: Folders in it, the more trusted first.
        before: A tree of more trust, as a whole.
    """

    complete = False

    def __init__(self, tree: Tree, roots: Sequence[str], before: Tree | None = None) -> None:
        self.roots = tuple(roots)
        self._parts = [*([(before, "")] if before is not None else []), *((tree, root) for root in roots)]

    def add(self, other: UnionTree) -> None:
        """Show what another one holds, too, behind all that is there."""
        self._parts += other._parts

    def entry(self, path: str) -> Entry:
        problem: Unreadable | None = None
        for tree, root in self._parts:
            try:
                return self._moved(tree, tree.entry(_below(root, path)), path)
            except NotFound:
                continue
            except NotFollowed as stop:
                problem = problem or NotFollowed(_without(root, stop.path), stop.link)
            except Unreadable as error:
                problem = problem or error
        raise problem or NotFound(path)

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        path = folder if isinstance(folder, str) else folder.path
        found: dict[str, Entry] = {}
        problem: Exception = NotFound(path)
        seen = False
        for tree, root in self._parts:
            try:
                for entry in tree.entries(_below(root, path)):
                    found.setdefault(entry.name.casefold(), self._moved(tree, entry, _below(path, entry.name)))
                seen = True
            except (NotFound, Unreadable) as error:
                problem = error
        if not seen:
            raise problem
        return [found[name] for name in sorted(found)]

    def cut_short(self, folder: str) -> str | None:
        for tree, root in self._parts:
            with suppress(NotFound, Unreadable):
                if cut := tree.cut_short(_below(root, folder)):
                    return cut
        return None

    def damage(self, folder: Entry | str) -> str | None:
        path = folder if isinstance(folder, str) else folder.path
        for tree, root in self._parts:
            with suppress(NotFound, Unreadable):
                if (damage := damage_of(tree, _below(root, path))) is not None:
                    return damage
        return None

    def open(self, file: Entry | str) -> BinaryIO:
        entry = self.entry(file) if isinstance(file, str) else file
        tree, own = _of_part(entry)
        return tree.open(own)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        tree, own = _of_part(self.entry(item) if isinstance(item, str) else item)
        return tree.security_descriptor(own)

    @staticmethod
    def _moved(tree: Tree, entry: Entry, path: str) -> Entry:
        own = (tree, entry)
        return Entry(entry.name, path, entry.is_dir, entry.size, entry.created, entry.modified, own, entry.link)


def _of_part(entry: Entry) -> tuple[Tree, Entry]:
    assert isinstance(entry.handle, tuple)
    tree, own = entry.handle
    return tree, own


def _without(root: str, path: str) -> str:
    """Return the path below a folder in which it lies."""
    return "/".join(path.split("/")[len(root.split("/")) if root else 0 :])


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path
