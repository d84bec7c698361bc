"""Who must be able to read a key file that is put back: one answer for every text that tells how."""

from __future__ import annotations

import re
from collections.abc import Iterable

from forensics.late_methods import dataclass
from forensics.report.outages.services import NOT_NOW
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"
_EVERYBODY = ("S-1-1-0", "S-1-5-2", "S-1-5-4", "S-1-5-7", "S-1-5-11", "S-1-5-32-545", "S-1-5-32-546")
_GUESTS = re.compile(r"S-1-5-21(?:-\d+){3}-(?:501|514)", re.ASCII)
_NOBODY_LATER = ("S-1-3-", "S-1-5-5-", "S-1-15-")
"""Creators and owners, logon sessions and packages."""


@dataclass(frozen=True, slots=True)
class KeyRights:
    """The owner and the access list of a file.

    Attributes:
        owner: SID.
        full: SIDs with full access.
        readers: SIDs that read it.
    """

    owner: str
    full: tuple[str, ...]
    readers: tuple[str, ...] = ()

    @property
    def grants(self) -> str:
        """The access list as icacls takes it."""
        return " ".join((*(f"*{sid}:F" for sid in self.full), *(f"*{sid}:R" for sid in self.readers)))

    @property
    def sddl(self) -> str:
        """Owner and access list in the security descriptor definition language; nothing is inherited."""
        entries = (*(("FA", sid) for sid in self.full), *(("FR", sid) for sid in self.readers))
        return f"O:{self.owner}D:P" + "".join(f"(A;;{right};;;{sid})" for right, sid in entries)


def rights_of(owner: str, readers: Iterable[str] = ()) -> KeyRights:
    """Return the rights of a file whose owner, SYSTEM and Administrators have full access.

    Args:
        owner: SID.
        readers: SIDs of others who read it; who stands for everybody, guests or whoever signs in gets no right.
    """
    full = dict.fromkeys((SYSTEM, ADMINISTRATORS, owner))
    return KeyRights(
        owner, tuple(full), tuple(dict.fromkeys(sid for sid in readers if sid not in full and _is_one(sid)))
    )


def _is_one(sid: str) -> bool:
    """Tell accounts, and groups that somebody chose, from those in which everybody is."""
    is_everybody = sid in _EVERYBODY or sid.startswith(_NOBODY_LATER) or bool(_GUESTS.fullmatch(sid))
    return sid.startswith("S-1-") and not is_everybody


def accounts_of(chain: KeyChainRow, uses: Iterable[CertificateUseRow]) -> list[str]:
    """Return who uses the key of a certificate, or of a key file without one, as far as the disk says."""

    def is_of_it(use: CertificateUseRow) -> bool:
        if chain.thumbprint is None:
            return use.key_file_path is not None and use.key_file_path == chain.key_file_path
        return use.thumbprint == chain.thumbprint

    return [
        use.account
        for use in uses
        if use.machine_id == chain.machine_id
        and is_of_it(use)
        and use.certainty != "candidate"
        and use.consumer not in NOT_NOW
        and use.account is not None
    ]
