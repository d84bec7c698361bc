"""Whether the password that was given for a user is the one that SAM holds today."""

from __future__ import annotations

from typing import Literal

from forensics.collectors.evidence import Evidence
from forensics.dpapi.dpapi import nt_hash
from forensics.dpapi.lsa import DpapiSystem
from forensics.dpapi.sam import is_todays
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.errors import FormatError
from forensics.formats.lsa import boot_key
from forensics.tables.secrets import UnlockedBy

GivenPassword = Literal["none", "todays", "another", "unknown"]

_ENTRA = "S-1-12-1-"
_OLDER = (
    "Give the older password; the file CREDHIST leads from today's password to older ones only where the user changed "
    "it himself, not where it was reset"
)


class Passwords:
    """Compares what the examiner brought with SAM.

    Args:
        evidence: What the collectors found.
        system: DPAPI_SYSTEM; that it opened proves the boot key, which opens SAM too.
        given: What the examiner brought.
    """

    def __init__(self, evidence: Evidence, system: DpapiSystem, given: UserSecrets) -> None:
        self._sam = evidence.sam
        self._machine_sid = evidence.machine.machine_sid
        self._given = given
        self._boot_key: bytes | None = None
        classes = evidence.lsa.boot_key_classes if evidence.lsa else None
        if classes is not None and (system.current or system.previous):
            try:
                self._boot_key = boot_key(classes)
            except FormatError:
                self._boot_key = None

    def given_for(self, sid: str, names: list[str]) -> GivenPassword:
        """Say what was given for a user.

        Args:
            sid: Whose it is.
            names: What the user may be called, lower case.
        """
        hashes = [nt_hash(self._given.passwords[name]) for name in names if name in self._given.passwords]
        hashes += [self._given.nt_hashes[name] for name in names if name in self._given.nt_hashes]
        if not hashes:
            return "none"
        domain, _, number = sid.rpartition("-")
        if self._boot_key is None or self._sam is None or domain != self._machine_sid or not number.isdecimal():
            return "unknown"
        answers = {is_todays(self._sam, self._boot_key, int(number), one) for one in hashes}
        return "todays" if True in answers else "another" if answers == {False} else "unknown"


def doubt_of_entra(owner_sid: str | None, by: UnlockedBy) -> str | None:
    """Say why what an examiner can bring does not open a master key of an Entra account; None for other accounts."""
    if owner_sid is None or not owner_sid.startswith(_ENTRA) or by not in ("nothing", "not_tried"):
        return None
    return (
        "the master key is that of an Entra account: likely it hangs on a secret that Windows has from Entra ID "
        "(CloudAP), and neither a password nor the backup key of a domain opens it"
    )


def doubt_of(by: UnlockedBy, given: GivenPassword) -> str | None:
    """Say what an opening of a user's master key leaves open, as far as the given password shows it."""
    if by == "password" and given == "another":
        return (
            "the password given opens the key, and is not today's in SAM: likely it was reset since, and Windows opens "
            "the key again only when the user has that password again, or where CREDHIST leads to it"
        )
    if by != "nothing":
        return None
    return {
        "todays": f"the password given is today's (it fits SAM); the master key is from before it was set. {_OLDER}",
        "another": "the password given is neither today's in SAM nor that of the master key",
        "unknown": "the password given does not open the master key: it is wrong, or likely it is today's password and "
        f"the master key is from before it was set. {_OLDER}",
    }.get(given)
