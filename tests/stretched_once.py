"""Remembers what most of an examination is: the test disks share their secrets, each stretched 8,000 times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

from forensics.dpapi.pbkdf2 import dpapi_pbkdf2


@contextmanager
def keys_stretched_once() -> Iterator[None]:
    """Stretch a secret with a salt once, however many disks are examined."""
    with mock.patch("forensics.dpapi.dpapi.dpapi_pbkdf2", cache(dpapi_pbkdf2)):
        yield
