"""Opens users' master keys with the backup keys of domains, that of the right GUID first.

A key that somebody brought is tried whatever its GUID, which a file may not tell; one from the disk of a domain
controller only where the master key asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from forensics.chain.witness import Witness
from forensics.chain.work import RSA_OPERATION, Work
from forensics.formats.master_key import MasterKeyFile
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.secrets import DomainKeyFound

if TYPE_CHECKING:
    from forensics.dpapi.domain_backup import DomainBackupKey


class DomainKeys:
    """The backup keys of domains that the examiner brought, or that the disk of a domain controller gave.

    Args:
        installation: Whose master keys they are tried on.
        given: The keys.
        work: What trying them may cost.
        witness: Repeats each opening with another library, where one is wanted.

    Attributes:
        guids: GUIDs of the keys that were brought, as far as they are known.
        sources: Disk of the domain controller whose key was tried on a master key, by the path of that.
    """

    def __init__(
        self, installation: Installation, given: Sequence[DomainBackupKey], work: Work, witness: Witness | None
    ) -> None:
        self._installation = installation
        self._given = given
        self._work = work
        self._witness = witness
        self.guids = sorted({key.guid for key in given if key.guid is not None and key.source is None})
        self.sources: dict[str, str] = {}

    def open(self, file: MasterKeyFile, path: str) -> tuple[DomainKeyFound, bytes | None]:
        """Say what the keys did with the domain section of a master key file, and return the master key."""
        wanted = file.domain.key_guid if file.domain is not None else None
        given = [key for key in self._given if key.source is None or key.guid == wanted]
        if file.domain is None or not given:
            return "not_tried", None
        from forensics.dpapi.domain_backup import can_open, open_domain_section

        if not can_open(file):
            message = sentence(
                "the domain section has version {version}; only 2 and 3 are published", version=file.domain.version
            )
            self._installation.problem(path, "unknown_version", message)
            return "not_tried", None
        for domain_key in sorted(given, key=lambda key: key.guid != wanted):
            if not self._work.may(RSA_OPERATION, path):
                return "not_tried", None
            key = open_domain_section(file, domain_key)
            if domain_key.source is not None:
                self.sources[path] = domain_key.source
            if self._witness:
                self._witness.domain_section(path, file, domain_key, key)
            if key is not None:
                return "opens", key
        return "does_not_open", None
