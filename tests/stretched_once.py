"""Remembers what most of an examination is: the test disks share their secrets, each stretched thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from unittest import mock

from dissect.fve.bde.key import stretch

from forensics.dpapi.pbkdf2 import dpapi_pbkdf2
from testdata.builder import dpapi as builder

_MOST = 10_000
_FEW_ROUNDS = 2_000
_of_bitlocker = lru_cache(_MOST)(stretch)
_forged: dict[tuple[str, bytes, bytes, int], bytes] = {}
_stretch = builder.stretch


@contextmanager
def keys_stretched_once() -> Iterator[None]:
    """Stretch a secret with a salt once, however many disks are examined: those of DPAPI, and those of BitLocker.

    What was stretched to forge a disk is not stretched again to examine it. Files with recovered keys are written with
    fewer rounds.
    """
    with (
        mock.patch("testdata.builder.dpapi.stretch", _to_forge),
        mock.patch("forensics.dpapi.dpapi.dpapi_pbkdf2", _of_dpapi),
        mock.patch("dissect.fve.bde.bde.stretch", _of_bitlocker),
        mock.patch("forensics.recovery.pkcs12.ROUNDS", _FEW_ROUNDS),
    ):
        yield


def _to_forge(suite: builder.Suite, secret: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    key, iv = _stretch(suite, secret, salt, rounds)
    _forged[suite.hash_name, secret, salt, rounds] = key + iv
    return key, iv


@lru_cache(_MOST)
def _of_dpapi(hash_name: str, secret: bytes, salt: bytes, rounds: int, size: int) -> bytes:
    made = _forged.get((hash_name, secret, salt, rounds), b"")
    return made if len(made) == size else dpapi_pbkdf2(hash_name, secret, salt, rounds, size)
