"""Secrets the examiner brings: passwords, NT hashes and domain backup keys of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.dpapi.domain_backup import DomainBackupKey


@dataclass(frozen=True, slots=True)
class UserSecrets:
    """What may open user master keys; nothing here is ever printed.

    Attributes:
        passwords: Password by user name or SID, lower case.
        nt_hashes: 16-byte NT hash by user name or SID, lower case.
        domain_keys: DPAPI backup private keys of domains.
    """

    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    nt_hashes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    domain_keys: tuple[DomainBackupKey, ...] = field(default=(), repr=False)
