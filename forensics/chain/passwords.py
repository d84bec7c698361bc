"""Whether the password that was given for a user is the one that SAM holds today, or that of the last sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from forensics.collectors.cached_logons import collect_cached_logons
from forensics.collectors.evidence import Evidence
from forensics.dpapi.dpapi import nt_hash
from forensics.dpapi.lsa import DpapiSystem
from forensics.dpapi.sam import is_todays
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.cached_logon import CachedLogons
from forensics.formats.errors import FormatError
from forensics.formats.lsa import boot_key
from forensics.tables.secrets import GivenPassword, HeldSecret


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
        self._evidence = evidence
        self.online = frozenset(f"{self._machine_sid}-{rid}" for rid in (self._sam.linked if self._sam else ()))
        self._given = given
        self._compared: dict[tuple[str, tuple[bytes, ...]], GivenPassword] = {}
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
        """Say whether one of some NT hashes is what SAM holds for an account, or what is kept of its sign-ins."""
        asked = (sid, tuple(hashes))
        if asked not in self._compared:  # once, however many master keys an account has
            self._compared[asked] = self._compare(sid, hashes)
        return self._compared[asked]

    def _compare(self, sid: str, hashes: Sequence[bytes]) -> GivenPassword:
        domain, _, number = sid.rpartition("-")
        if self._boot_key is None or not number.isdecimal():
            return "unknown"
        # SAM of a domain controller holds other accounts than its domain, of whose SID they may be.
        if domain == self._evidence.machine.domain_sid:
            return "cached" if self._is_of_last_logon(int(number), hashes) else "unknown"
        if self._sam is None or domain != self._machine_sid:
            return "unknown"
        answers = {is_todays(self._sam, self._boot_key, int(number), one) for one in hashes}
        if True in answers:
            return "todays"
        # The boot key of another machine opens SAM to noise, which fits no password at all.
        return "another" if answers == {False} and self._evidence.installation.mixed is None else "unknown"

    def held(self, sid: str) -> list[HeldSecret]:
        """Return what SAM and the cached sign-ins hold of an account's password."""
        domain, _, number = sid.rpartition("-")
        if not number.isdecimal():
            return []
        if domain == self._evidence.machine.domain_sid:
            return ["cached"] if any(logon.rid == int(number) for logon in self._cached_logons.logons) else []
        has_account = self._sam is not None and int(number) in self._sam.users
        return ["sam"] if has_account and domain == self._machine_sid else []

    def _is_of_last_logon(self, rid: int, hashes: Sequence[bytes]) -> bool:
        """Ask the cached sign-ins; that none fits says little, for the domain may have another password by now."""
        if self._evidence.lsa is None:
            return False
        from forensics.dpapi.cached_logon import is_of_last_logon

        return any(is_of_last_logon(self._evidence.lsa, self._cached_logons, rid, one) for one in hashes)

    @cached_property
    def _cached_logons(self) -> CachedLogons:
        return collect_cached_logons(self._evidence.installation)
