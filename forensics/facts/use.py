"""What a use of a certificate is called, whether it ends with the certificate, and how well its place was seen."""

from __future__ import annotations

from forensics.facts.tables import Tables
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow
from forensics.tables.record import CoverageRow
from forensics.tables.use import CertificateUseRow, PlaceSeen

METABASE = "IIS metabase"
"""Old hashes of IIS: not in use, but it may write them back into a binding."""
EARLIER = "earlier certificate"
"""Certificates of a role that has a newer one: nothing uses them, and nobody misses them."""
# What EFS and DSC encrypted is opened, virtual machines started, and an authority's ended generations wanted all the
# same; Azure gives its agent another one whenever it asks.
_UNDATED = frozenset(
    {
        *("EFS", "DSC", "Hyper-V", METABASE, EARLIER),
        *("AD CS (earlier generation)", "Azure guest agent", "IIS configuration key"),
    }
)
_ELEMENTS = "\\Certificates\\"
_OF_HIVES, _WHOLE = ("hive", "certificate"), ("present", "absent")
# Only its own procedure replaces such a certificate, and deleting one ends what the others of its kind still do.
_KEPT = frozenset({"AD CS", "AD CS (earlier generation)", "Exchange Auth", "Exchange federation", "NDES"})


def label(use: CertificateUseRow) -> str:
    """Return what to call a use: its consumer, and which binding, instance, site, profile or user it is for."""
    if not use.detail:
        return use.consumer
    return sentence("{consumer} {detail}", consumer=use.consumer, detail=use.detail)


def needs_valid(use: CertificateUseRow) -> bool:
    """Tell whether a use stops when its certificate has ended."""
    return use.consumer not in _UNDATED


def keeps(use: CertificateUseRow) -> bool:
    """Tell whether a use is one for which a certificate is replaced by the role's own procedure, and never deleted."""
    return use.consumer in _KEPT


class Places:
    """Whether the hives that name certificates were read whole.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._partial: dict[int, tuple[str, ...]] = {}

    def of(self, use: CertificateUseRow) -> PlaceSeen:
        """Return how the hive, or the key of it, was seen in which a use is set."""
        if use.machine_id not in self._partial:
            coverage = self._tables.of(CoverageRow, use.machine_id)
            paths = {row.source_path for row in coverage if row.area in _OF_HIVES and row.outcome not in _WHOLE}
            self._partial[use.machine_id] = tuple(f"{path}{end}" for path in paths for end in "\\!")
        partial = self._partial[use.machine_id]
        store, element, _ = use.source_path.partition(_ELEMENTS)
        # The listener takes the last of its store: one that cannot be read may be it.
        is_chosen = use.consumer == "RDP" and element and any(path.startswith(f"{store}\\") for path in partial)
        return "partial" if is_chosen or use.source_path.startswith(partial) else "present"


class RenewedFrom:
    """Which certificate says that it was renewed from which.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._machines: dict[int, dict[str, str]] = {}

    def of(self, use: CertificateUseRow) -> str | None:
        """Return the thumbprint of the certificate that was renewed from the one that a use names."""
        if use.thumbprint is None:
            return None
        if use.machine_id not in self._machines:
            renewed: dict[str, str] = {}
            for row in self._tables.of(CertificateRow, use.machine_id):
                if row.renewal_of is not None:
                    renewed[row.renewal_of] = max(row.thumbprint, renewed.get(row.renewal_of, ""))
            self._machines[use.machine_id] = renewed
        return self._machines[use.machine_id].get(use.thumbprint)
