"""The chain of a use's certificate, and whether its private key can still be had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from forensics.case_tables import CaseTables
from forensics.language import sentence
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

SAVABLE = sentence("key can be saved")
SOUND = sentence("key is sound")
LOST = sentence("key cannot be saved")
NOT_KNOWN = sentence("not known if key can be saved")


class Keys:
    """The chains of a case by certificate and by key file.

    Args:
        case: The case.
    """

    def __init__(self, case: CaseTables) -> None:
        self._by_certificate: dict[tuple[int, str], list[KeyChainRow]] = defaultdict(list)
        self._by_file: dict[tuple[int, str], KeyChainRow] = {}
        for chain in case.rows("key_chain"):
            if chain.thumbprint:
                self._by_certificate[chain.machine_id, chain.thumbprint].append(chain)
            elif chain.key_file_path:
                self._by_file[chain.machine_id, chain.key_file_path.lower()] = chain
        self._left: dict[tuple[int, str], list[KeyChainRow]] = defaultdict(list)
        for row in case.rows("vm_guardian"):
            left = self._by_file.get((row.machine_id, (row.encryption_key_file or "").lower()))
            if left is not None and row.encryption_thumbprint:
                self._left[row.machine_id, row.encryption_thumbprint].append(left)

    def best(self, machine_id: int, thumbprints: Iterable[str | None]) -> KeyChainRow | None:
        """Return the chain of some certificates whose key is the most likely to be had."""
        return _best(self._by_certificate, machine_id, thumbprints)

    def left_behind(self, machine_id: int, thumbprints: Iterable[str | None]) -> KeyChainRow | None:
        """Return the same of the key files of guardians whose certificates were deleted."""
        return _best(self._left, machine_id, thumbprints)

    def of_use(self, use: CertificateUseRow) -> KeyChainRow | None:
        """Return the chain of what a use names: of its store, else of another one, else of the key file alone."""
        chains = self._by_certificate.get((use.machine_id, use.thumbprint or ""), [])
        store = (use.store or "").lower()
        mine = [
            chain
            for chain in chains
            if store in ("", (chain.store or "").lower()) and use.owner_sid in (None, chain.owner_sid or use.owner_sid)
        ]
        if mine:
            return mine[0]
        if use.thumbprint is None and use.key_file_path is not None:
            return self._by_file.get((use.machine_id, use.key_file_path.lower()))
        return self.best(use.machine_id, (use.thumbprint,))


def _best(
    chains: Mapping[tuple[int, str], list[KeyChainRow]], machine_id: int, thumbprints: Iterable[str | None]
) -> KeyChainRow | None:
    found = [chain for name in thumbprints for chain in chains.get((machine_id, name or ""), ())]
    return min(found, key=lambda chain: _FATES.index(fate(chain)), default=None)


def fate(chain: KeyChainRow | None) -> str:
    """Say whether a private key can still be had from the disk; of one that opens, that it is sound."""
    if chain is None:
        return NOT_KNOWN
    if chain.verdict == "usable":
        return SOUND
    if chain.recoverable is None:
        return NOT_KNOWN
    return SAVABLE if chain.recoverable else LOST


_FATES = (SOUND, SAVABLE, NOT_KNOWN, LOST)
"""The best first."""
