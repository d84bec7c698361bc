"""Where not all of a hive could be read: what is missing there is not absent."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.language import joined, sentence
from forensics.registry.names import fold_name

SUBKEYS_LOST = sentence("a list of its sub-keys is damaged")
VALUE_LOST = sentence("a value of it, or its list of values, cannot be read")


class LostPlaces:
    """Keys of one hive whose sub-keys or values were not all read."""

    def __init__(self) -> None:
        self._subkeys: dict[str, str] = {}
        self._values: dict[str, str] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each such key as it was met, and the reason."""
        for folded, path in self._subkeys.items():
            yield path, SUBKEYS_LOST if folded not in self._values else joined([SUBKEYS_LOST, VALUE_LOST], "; ")
        for folded, path in self._values.items():
            if folded not in self._subkeys:
                yield path, VALUE_LOST

    def lose_subkeys(self, path: str) -> None:
        """Remember that not every sub-key of the key at ``path`` could be read."""
        self._subkeys.setdefault(fold_name(path), path)

    def lose_values(self, path: str) -> None:
        """Remember that not every value of the key at ``path`` could be read."""
        self._values.setdefault(fold_name(path.strip("\\")), path)

    def covers(self, path: str) -> bool:
        """Tell whether a key missing at ``path`` is really absent."""
        parts = fold_name(path.strip("\\")).split("\\")
        return not any("\\".join(parts[:depth]) in self._subkeys for depth in range(len(parts)))

    def covers_values(self, path: str) -> bool:
        """Tell whether a value missing in the key at ``path`` is really absent."""
        return fold_name(path.strip("\\")) not in self._values
