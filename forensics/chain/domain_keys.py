"""Opens users' master keys with the backup keys of domains that were given, that of the right GUID first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from forensics.chain.witness import Witness
from forensics.chain.work import RSA_OPERATION, Work
from forensics.formats.master_key import MasterKeyFile
from forensics.sources.installation import Installation
from forensics.tables.secrets import DomainKeyFound

if TYPE_CHECKING:
    from forensics.dpapi.domain_backup import DomainBackupKey


class DomainKeys:
    """The backup keys of domains that the examiner brought.

    Args:
        installation: Whose master keys they are tried on.
        given: The keys.
        work: What trying them may cost.
        witness: Repeats each opening with another library, where one is wanted.

    Attributes:
        guids: GUIDs of the keys, as far as they are known.
    """

    def __init__(
        self, installation: Installation, given: Sequence[DomainBackupKey], work: Work, witness: Witness | None
    ) -> None:
        self._installation = installation
        self._given = given
        self._work = work
        self._witness = witness
        self.guids = sorted({key.guid for key in given if key.guid is not None})

    def open(self, file: MasterKeyFile, path: str) -> tuple[DomainKeyFound, bytes | None]:
        """Say what the keys did with the domain section of a master key file, and return the master key."""
        if file.domain is None or not self._given:
            return "not_tried", None
        from forensics.dpapi.domain_backup import can_open, open_domain_section

        if not can_open(file):
            message = f"the domain section has version {file.domain.version}; only 2 and 3 are published"
            self._installation.problem(path, "unknown_version", message)
            return "not_tried", None
        wanted = file.domain.key_guid
        for domain_key in sorted(self._given, key=lambda key: key.guid != wanted):
            if not self._work.may(RSA_OPERATION, path):
                return "not_tried", None
            key = open_domain_section(file, domain_key)
            if self._witness:
                self._witness.domain_section(path, file, domain_key, key)
            if key is not None:
                return "opens", key
        return "does_not_open", None
