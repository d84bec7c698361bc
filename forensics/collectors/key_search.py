"""The key files, among very many, that hold the public key of a certificate which no name leads to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from heapq import nsmallest

from forensics.collectors.certificate_stores import PERSONAL_STORES
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.collectors.key_census import made_at
from forensics.collectors.key_content import peek_public, public_halves
from forensics.disk.tree import Entry
from forensics.formats.public_key import PublicKey
from forensics.sources.installation import Installation
from forensics.tables.key_folder import KeyFolderRow

MAX_SEARCHED = 40_000
"""Work: key files without row that are searched for the public keys of certificates, those made nearest to them first;
about a quarter of a millisecond each.
"""
_MOST_OF_ONE = 3
"""Evidence: key files with the same public key that are read for one certificate: a PFX file that was imported again
and again leaves many.
"""
_LONG_AGO = timedelta.max


class KeySearch:
    """What is still searched for on one installation, and how many files it may still take.

    Args:
        certificates: All certificates of the installation.
        found: The key files that were read; what they hold need not be searched for.
    """

    def __init__(self, certificates: Iterable[CertificateEvidence], found: Iterable[KeyFileEvidence]) -> None:
        held = {public for file in found if file.parsed is not None for public in public_halves(file.parsed)}
        dates: list[datetime | None] = []
        self._wanted: set[PublicKey] = set()
        for certificate in certificates:
            public = certificate.public_key
            if public is not None and public not in held and _may_have_a_key(certificate):
                self._wanted.add(public)
                dates += (certificate.row.not_before, certificate.row.source_time)
        self._dates = sorted(date for date in dates if date is not None)
        self._times_found: Counter[PublicKey] = Counter()
        self._missing = len(self._wanted)
        self._left = MAX_SEARCHED

    @property
    def is_over(self) -> bool:
        """Every public key was found, or no more files may be read."""
        return self._left <= 0 or self._missing <= 0

    @property
    def not_found(self) -> frozenset[PublicKey]:
        """Of what is searched for, the public keys that no file holds which was only searched."""
        return frozenset(public for public in self._wanted if self._times_found[public] < _MOST_OF_ONE)

    def among(self, installation: Installation, row: KeyFolderRow, files: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the files of a folder that hold a public key that is searched for.

        Args:
            installation: Whose they are.
            row: The folder; its column ``searched`` counts the files.
            files: All its files that were not read.
        """
        for entry in nsmallest(self._left, files, key=self._distance):
            if self.is_over:
                return
            self._left -= 1
            publics = peek_public(installation, row.kind, entry)
            if not publics:
                continue
            searched = next((p for p in publics if p in self._wanted and self._times_found[p] < _MOST_OF_ONE), None)
            if searched is None:
                row.searched += 1
            else:
                self._missing -= not self._times_found[searched]
                self._times_found[searched] += 1
                yield entry

    def _distance(self, entry: Entry) -> timedelta:
        """Return how far from a certificate's first day, or its entry in the store, a file was made."""
        made = made_at(entry)
        if made is None or not self._dates:
            return _LONG_AGO
        at = bisect_left(self._dates, made)
        return min([abs(made - date) for date in self._dates[max(0, at - 1) : at + 1]])


def _may_have_a_key(certificate: CertificateEvidence) -> bool:
    """A certificate of an authority, which names no key and lies in no personal store, has none here."""
    named = certificate.link is not None or certificate.link_error is not None
    return named or certificate.row.store.lower() in PERSONAL_STORES
