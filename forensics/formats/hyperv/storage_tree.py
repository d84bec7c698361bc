"""The paths of the keys of a HyperVStorage file.

A key whose parent is damaged, missing, no node, or below itself is not lost: it stands below a name such as
``?1:4711``, the index of the parent's table and its offset there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forensics.formats.hyperv.storage_limits import MAX_DEPTH, MAX_PATH, MAX_PATH_CHARACTERS, Budget, ErrorRows
from forensics.formats.hyperv.storage_tables import NODE, KeyEntry, Ref
from forensics.language import sentence


class KeyTree:
    """Finds the path of a key.

    Args:
        keys: Every key, nodes among them.
        errors: Gets the parents that are none, each once.
    """

    def __init__(self, keys: Mapping[Ref, KeyEntry], errors: ErrorRows) -> None:
        self._keys = keys
        self._errors = errors
        self._known: dict[Ref, tuple[str, int]] = {}
        self._characters = Budget(MAX_PATH_CHARACTERS)

    def path(self, entry: KeyEntry) -> str | None:
        """Return the path of a key, or None when the paths of the file have become too long."""
        above, _ = self._place(entry)
        path = f"{above}/{entry.name}" if above else entry.name
        return path if self._characters.spend(len(path)) else None

    def _place(self, child: KeyEntry) -> tuple[str, int]:
        """Return path and depth of the node that is the parent of ``child``."""
        ref = child.parent
        chain: list[KeyEntry] = []
        while True:
            if ref[0] == 0:
                place = ("", 0)
                break
            known = self._known.get(ref)
            if known is not None:
                place = known
                break
            entry = self._keys.get(ref)
            wrong = self._wrong(entry, chain)
            if wrong is not None or entry is None:
                place = self._lost(ref, wrong or "", (chain or [child])[-1].offset)
                break
            chain.append(entry)
            ref = entry.parent
        for entry in reversed(chain):
            path, depth = place
            path = f"{path}/{entry.name}" if path else entry.name
            place = (path, depth + 1)
            if depth + 1 > MAX_DEPTH or len(path) > MAX_PATH or not self._characters.spend(len(path)):
                place = self._lost(entry.ref, "too_deep", entry.offset)
            self._known[entry.ref] = place
        return place

    @staticmethod
    def _wrong(entry: KeyEntry | None, chain: list[KeyEntry]) -> str | None:
        if entry is None or entry.kind != NODE:
            return "bad_parent"
        if len(chain) >= MAX_DEPTH:
            return "too_deep"
        return "cycle" if entry in chain else None

    def _lost(self, ref: Ref, kind: str, offset: int) -> tuple[str, int]:
        texts = {
            "bad_parent": sentence("a key's parent is damaged, missing, or not a node"),
            "cycle": sentence("a key is above itself"),
            "too_deep": sentence(
                "keys are more than {max_depth} deep, or their path longer than {max_path} characters",
                max_depth=MAX_DEPTH,
                max_path=MAX_PATH,
            ),
        }
        self._errors.add(kind, offset, texts[kind])
        place = self._known[ref] = (f"?{ref[0]}:{ref[1]}", 1)
        return place


def names_by_node(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the names right below each path, the empty one included, in the order of ``paths``."""
    names: dict[str, dict[str, None]] = {}
    for path in paths:
        above, _, name = path.rpartition("/")
        while name not in names.setdefault(above, {}):
            names[above][name] = None
            if not above:
                break
            above, _, name = above.rpartition("/")
    return {path: tuple(below) for path, below in names.items()}
