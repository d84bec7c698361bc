"""Has every proof repeated by impacket, and records where it disagrees."""

from __future__ import annotations

from importlib.util import find_spec

from forensics.disk.errors import SourceError
from forensics.dpapi.domain_backup import DomainBackupKey
from forensics.dpapi.dpapi import OpenedBlob
from forensics.dpapi.second_opinion import second_blob, second_domain_section, second_master_key
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.master_key import MasterKeyFile
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.outcome import Outcome


def check_witness() -> None:
    """Refuse a second opinion that nobody here can give.

    Raises:
        SourceError: ``no_witness``: impacket is not installed.
    """
    if find_spec("impacket") is None:
        raise SourceError(
            "no_witness",
            sentence(
                "the second opinion is impacket's, which is not installed: pip install 'keymortem[second-opinion]'"
            ),
        )


class Witness:
    """Listens to the proofs of one installation (``--second-opinion``).

    Args:
        installation: Where the raw files are read again and disagreement is recorded.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.asked = 0
        self.agreed = 0

    def master_key(self, path: str, prekey: bytes, key: bytes | None, raw: bytes | None = None) -> None:
        """Repeat the opening of a master key file with one pre-key; its bytes, if not given, are read again."""
        raw = self._installation.read(path).data if raw is None else raw
        self._record(path, sentence("master key"), second_master_key(raw, prekey, key))

    def domain_section(self, path: str, file: MasterKeyFile, domain_key: DomainBackupKey, key: bytes | None) -> None:
        """Repeat the opening of a master key file's domain section with one backup key."""
        self._record(path, sentence("master key"), second_domain_section(file, domain_key, key))

    def blob(self, path: str, blob: DpapiBlob, master_key: bytes, entropy: bytes, opened: OpenedBlob) -> None:
        """Repeat the opening of a DPAPI blob."""
        ours = opened.clear if opened.mac_ok else None
        self._record(path, "DPAPI blob", second_blob(blob, master_key, entropy, ours))

    def _record(self, path: str, what: str, opinion: str) -> None:
        self.asked += 1
        self.agreed += opinion == "agrees"
        if opinion == "disagrees":
            self._installation.problem(
                path, "second_opinion", sentence("impacket disagrees about this {what}", what=what)
            )

    def report(self) -> None:
        """Say in coverage how much of what was asked impacket could confirm."""
        detail = sentence(
            "impacket agrees with {agreed} of {asked} openings; what it cannot judge counts as neither",
            agreed=self.agreed,
            asked=self.asked,
        )
        self._installation.coverage.tell("proof", "second opinion", Outcome("present", detail), "impacket")
