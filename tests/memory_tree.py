"""A file tree held in memory, for tests of what walks trees."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from forensics.disk.tree import Entry, NotFound, NotObtained, Unreadable


class CountingStream(io.BytesIO):
    """A read-only stream that counts the bytes it hands out."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data

    def readinto(self, buffer: object, /) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        self.bytes_read += count
        return count

    def writable(self) -> bool:
        return False

    def write(self, data: object, /) -> int:
        raise io.UnsupportedOperation("evidence is never written")


class MemoryTree:
    """Implements ``forensics.disk.tree.Tree`` over a dictionary.

    Args:
        files: Path (``/``-separated) to content; ``None`` as content, or a path that ends in ``/``, is an empty folder.
        complete: As in Tree: a whole volume, or a collection.
        unreadable: Paths whose opening or listing raises Unreadable.
        not_obtained: Paths whose opening or listing raises NotObtained.
        descriptors: Path to self-relative security descriptor.
        modified: Path to modification time.
        created: Path to birth time.
        cut: Folders of which not all is listed, and what is said of it.

    Attributes:
        opened: Path and stream of each file opened, in order.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | None],
        complete: bool = True,
        unreadable: Sequence[str] = (),
        descriptors: Mapping[str, bytes] | None = None,
        modified: Mapping[str, datetime] | None = None,
        created: Mapping[str, datetime] | None = None,
        not_obtained: Sequence[str] = (),
        cut: Mapping[str, str] | None = None,
    ) -> None:
        self.complete = complete
        self.opened: list[tuple[str, CountingStream]] = []
        self._unreadable = {_key(path) for path in unreadable}
        self._not_obtained = {_key(path) for path in not_obtained}
        self._descriptors = {_key(path): data for path, data in (descriptors or {}).items()}
        self._modified = {_key(path): time for path, time in (modified or {}).items()}
        self._created = {_key(path): time for path, time in (created or {}).items()}
        self.cut = {_key(path): why for path, why in (cut or {}).items()}
        self._content: dict[str, bytes] = {}
        self._entries: dict[str, Entry] = {"": Entry("", "", is_dir=True)}
        self._children: dict[str, list[str]] = {"": []}
        for path, content in files.items():
            self._add(path.strip("/"), None if path.endswith("/") else content)

    def _add(self, path: str, content: bytes | None) -> None:
        key = _key(path)
        if key in self._entries:
            return
        folder, _, name = path.rpartition("/")
        parent = key.rpartition("/")[0]
        if parent not in self._entries:
            self._add(folder, None)
        # Folders keep the spelling in which they were first seen, as a volume would.
        stored = f"{self._entries[parent].path}/{name}" if parent else name
        self._entries[key] = Entry(
            name=name,
            path=stored,
            is_dir=content is None,
            size=len(content or b""),
            created=self._created.get(key),
            modified=self._modified.get(key),
            handle=key,
        )
        self._children[parent].append(key)
        if content is None:
            self._children[key] = []
        else:
            self._content[key] = content

    def entry(self, path: str) -> Entry:
        try:
            return self._entries[_key(path)]
        except KeyError:
            raise NotFound(path) from None

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        entry = self._resolve(folder)
        if not entry.is_dir:
            raise Unreadable(f"{entry.path} is not a folder")
        return [self._entries[key] for key in self._children[_key(entry.path)]]

    def cut_short(self, folder: str) -> str | None:
        return self.cut.get(_key(folder))

    def open(self, file: Entry | str) -> BinaryIO:
        entry = self._resolve(file)
        if entry.is_dir:
            raise Unreadable(f"{entry.path} is a folder")
        stream = CountingStream(self._content[_key(entry.path)])
        self.opened.append((entry.path, stream))
        return stream

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        path = item if isinstance(item, str) else item.path
        return self._descriptors.get(_key(self.entry(path).path))

    def _resolve(self, item: Entry | str) -> Entry:
        entry = self.entry(item if isinstance(item, str) else item.path)
        if _key(entry.path) in self._unreadable:
            raise Unreadable(f"{entry.path} cannot be read")
        if _key(entry.path) in self._not_obtained:
            raise NotObtained(f"{entry.path} was not got")
        return entry


def _key(path: str) -> str:
    return path.replace("\\", "/").strip("/").lower()
