"""Which files broken keys need, by the beginnings of their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.key_files import named_hashes
from forensics.late_methods import dataclass
from forensics.tables.history import HistoryOf
from forensics.tables.key_chain import KeyChainRow

MAX_NEEDED = 500
"""Work: files that are looked for in witnesses of the past."""


@dataclass(slots=True)
class NeededFile:
    """A file that broken keys need.

    Attributes:
        begins: How its name begins: the hash of the container's name, or the GUID of a master key.
        what: What kind of file it is.
        thumbprints: Of the certificates whose keys need it, upper hex, each once.
    """

    begins: str
    what: HistoryOf
    thumbprints: list[str]


def needed_files(
    chains: Iterable[KeyChainRow], certificates: Sequence[CertificateEvidence], code_page: int | None
) -> list[NeededFile]:
    """Return the files that the broken ones among some chains need and do not find, at most :data:`MAX_NEEDED`.

    Args:
        chains: Chains of one installation.
        certificates: Its certificates.
        code_page: Its ANSI code page; None where it is not known.
    """
    by_thumbprint = {certificate.row.thumbprint: certificate for certificate in certificates}
    needed: dict[str, NeededFile] = {}
    for chain in chains:
        if chain.verdict != "unusable":
            continue
        certificate = by_thumbprint.get(chain.thumbprint or "")
        if certificate is not None and chain.key_file in ("absent", "other_machine_guid"):
            for begins in sorted(named_hashes([certificate], code_page)):
                _add(needed, begins, "key_file", chain.thumbprint)
        if chain.master_key_guid is not None and chain.master_key in ("absent", "unreadable"):
            _add(needed, chain.master_key_guid.lower(), "master_key", chain.thumbprint)
    return list(needed.values())[:MAX_NEEDED]


def _add(needed: dict[str, NeededFile], begins: str, what: HistoryOf, thumbprint: str | None) -> None:
    file = needed.setdefault(begins, NeededFile(begins, what, []))
    if thumbprint is not None and thumbprint not in file.thumbprints:
        file.thumbprints.append(thumbprint)
