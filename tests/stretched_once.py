"""Remembers what most of an examination is: the test disks share their secrets, each stretched thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from unittest import mock

from dissect.fve.bde.key import stretch

from forensics.dpapi.pbkdf2 import dpapi_pbkdf2

_MOST = 10_000
_of_dpapi = lru_cache(_MOST)(dpapi_pbkdf2)
_of_bitlocker = lru_cache(_MOST)(stretch)


@contextmanager
def keys_stretched_once() -> Iterator[None]:
    """Stretch a secret with a salt once, however many disks are examined: those of DPAPI, and those of BitLocker."""
    with (
        mock.patch("forensics.dpapi.dpapi.dpapi_pbkdf2", _of_dpapi),
        mock.patch("dissect.fve.bde.bde.stretch", _of_bitlocker),
    ):
        yield
