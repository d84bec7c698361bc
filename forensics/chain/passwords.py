"""Whether the password that was given for a user is the one that SAM holds today."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.collectors.evidence import Evidence
from forensics.dpapi.dpapi import nt_hash
from forensics.dpapi.lsa import DpapiSystem
from forensics.dpapi.sam import is_todays
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.errors import FormatError
from forensics.formats.lsa import boot_key
from forensics.tables.secrets import GivenPassword


class Passwords:
    """Compares what the examiner brought with SAM.

    Args:
        evidence: What the collectors found.
        system: DPAPI_SYSTEM; that it opened proves the boot key, which opens SAM too.
        given: What the examiner brought.

    Attributes:
        online: SIDs of accounts that sign in as a Microsoft account.
    """

    def __init__(self, evidence: Evidence, system: DpapiSystem, given: UserSecrets) -> None:
        self._sam = evidence.sam
        self._machine_sid = evidence.machine.machine_sid
        self.online = frozenset(f"{self._machine_sid}-{rid}" for rid in (self._sam.linked if self._sam else ()))
        self._given = given
        self._boot_key: bytes | None = None
        classes = evidence.lsa.boot_key_classes if evidence.lsa else None
        if classes is not None and (system.current or system.previous):
            try:
                self._boot_key = boot_key(classes)
            except FormatError:
                self._boot_key = None

    def given_for(self, sid: str, names: Sequence[str], hashes_count: bool = True) -> GivenPassword:
        """Say what was given for a user.

        Args:
            sid: Whose it is.
            names: What the user may be called, lower case.
            hashes_count: NT hashes that were given count, as they do not for a key that hangs on SHA-1 of the password.
        """
        hashes = [nt_hash(self._given.passwords[name]) for name in names if name in self._given.passwords]
        if hashes_count:
            hashes += [self._given.nt_hashes[name] for name in names if name in self._given.nt_hashes]
        return self.compared(sid, hashes) if hashes else "none"

    def compared(self, sid: str, hashes: Sequence[bytes]) -> GivenPassword:
        """Say whether one of some NT hashes is the one that SAM holds for an account."""
        domain, _, number = sid.rpartition("-")
        if self._boot_key is None or self._sam is None or domain != self._machine_sid or not number.isdecimal():
            return "unknown"
        answers = {is_todays(self._sam, self._boot_key, int(number), one) for one in hashes}
        return "todays" if True in answers else "another" if answers == {False} else "unknown"
