"""Bytes that look random and are the same in every build."""

from __future__ import annotations

import builtins
import hashlib
import uuid


class Seeded:
    """A stream of bytes that follows from a seed alone (SHA-256 in counter mode)."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0
        self._buffer = b""

    def bytes(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        while len(self._buffer) < count:
            self._buffer += hashlib.sha256(self._seed + self._count.to_bytes(8, "little")).digest()
            self._count += 1
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def nonzero_bytes(self, count: int) -> builtins.bytes:
        """Return the next ``count`` bytes that are not zero (PKCS#1 padding)."""
        return bytes(b or 1 for b in self.bytes(count))

    def guid(self) -> str:
        """Return a version-4 GUID, lower case."""
        return str(uuid.UUID(bytes=self.bytes(16), version=4))
