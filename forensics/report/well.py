"""What of the keys that Windows opens is well, and what is sound and still serves nobody who asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.case_tables import CaseTables
from forensics.language import _, joined, message
from forensics.report.profiles import windows_of
from forensics.report.uses import is_use_of
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

_BUT = message(
    "SOUND, BUT: Windows would open these keys too; their certificates have ended, or a service cannot use them"
)


def proved(case: CaseTables, chains: Iterable[KeyChainRow]) -> Iterator[tuple[str, list[tuple[KeyChainRow, str]]]]:
    """Yield a heading and what is under it: first those in force that whoever names them can open, then the others.

    Those whose access lists were read stand apart.

    Args:
        case: The case.
        chains: Chains of it whose keys were opened and proved.

    Yields:
        Headings are in the spoken language. Of each chain also what is to be added: for which services it is none.
    """
    shut_out: dict[tuple[int, str | None], list[CertificateUseRow]] = {}
    for use in case.rows("certificate_use"):
        if use.opens == "unusable" and use.certainty != "candidate":
            shut_out.setdefault((use.machine_id, use.thumbprint), []).append(use)
    well: list[tuple[KeyChainRow, str]] = []
    unless: list[tuple[KeyChainRow, str]] = []
    others: list[tuple[KeyChainRow, str]] = []
    for chain in chains:
        uses = [use for use in shut_out.get((chain.machine_id, chain.thumbprint), ()) if is_use_of(use, chain)]
        if uses:
            names = joined(dict.fromkeys(use.label or use.consumer for use in uses), ", ")
            others.append((chain, _("; not for {names}", names=names)))
        elif chain.is_in_force(case.as_of):
            (unless if chain.access == "not_examined" else well).append((chain, ""))
        else:
            others.append((chain, ""))
    if well:
        yield _("WELL: opened and proved, {windows} would open these keys", windows=windows_of(case)), well
    if unless:
        yield (
            _(
                "WELL: opened and proved, {windows} would open these keys, "
                "unless access lists that were not read forbid it",
                windows=windows_of(case),
            ),
            unless,
        )
    if others:
        yield _(_BUT), others
