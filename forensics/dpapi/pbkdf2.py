"""DPAPI's key stretching: PBKDF2 but for one quirk, which is why hashlib's cannot be used.

Where PBKDF2 feeds each round with the last HMAC, DPAPI feeds it with the XOR of all HMACs so far.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import import_module
from typing import Protocol


class _Hash(Protocol):
    """A hash whose state can be copied."""

    block_size: int

    def copy(self) -> _Hash: ...

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def _constructors() -> dict[str, Callable[[bytes], _Hash]]:
    """Return hash constructors, CPython's own where they exist: OpenSSL's states cost far more to copy."""
    found: dict[str, Callable[[bytes], _Hash]] = {
        name: getattr(hashlib, name) for name in ("sha1", "sha256", "sha384", "sha512")
    }
    # _sha512 became _sha2 in Python 3.12.
    for module_name in ("_sha1", "_sha512", "_sha2"):
        try:
            module = import_module(module_name)
        except ImportError:
            continue
        found.update({name: getattr(module, name) for name in found if hasattr(module, name)})
    return found


_NEW = _constructors()


def dpapi_pbkdf2(hash_name: str, secret: bytes, salt: bytes, rounds: int, size: int) -> bytes:
    """Stretch a secret the way DPAPI does.

    Args:
        hash_name: ``sha1``, ``sha256``, ``sha384`` or ``sha512``.
        secret: Pre-key.
        salt: Salt of the section.
        rounds: At least 1.
        size: Bytes wanted; more than one digest takes several blocks.
    """
    new = _NEW[hash_name]
    block_size = new(b"").block_size
    key = hashlib.new(hash_name, secret).digest() if len(secret) > block_size else secret
    key = key.ljust(block_size, b"\0")
    copy_inner = new(bytes(b ^ 0x36 for b in key)).copy
    copy_outer = new(bytes(b ^ 0x5C for b in key)).copy
    derived, index = b"", 0
    while len(derived) < size:
        index += 1
        derived += _block(copy_inner, copy_outer, salt + index.to_bytes(4, "big"), rounds)
    return derived[:size]


def _block(copy_inner: Callable[[], _Hash], copy_outer: Callable[[], _Hash], message: bytes, rounds: int) -> bytes:
    inner, outer = copy_inner(), copy_outer()
    inner.update(message)
    outer.update(inner.digest())
    data = outer.digest()
    size = len(data)
    # Either byte order would do; naming one costs in every round.
    total, from_bytes = int.from_bytes(data), int.from_bytes
    for _ in range(rounds - 1):
        inner, outer = copy_inner(), copy_outer()
        inner.update(data)
        outer.update(inner.digest())
        total ^= from_bytes(outer.digest())
        data = total.to_bytes(size)
    return data
