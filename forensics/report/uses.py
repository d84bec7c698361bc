"""Who uses a key, as which account, and whether that would open it: in words."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.language import standing
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

_ANSWERS = {"usable": "opens it", "unusable": "does not open it", "unknown": "may or may not open it"}


def uses_of(case: CaseTables, chain: KeyChainRow) -> Iterator[CertificateUseRow]:
    """Yield the uses of the certificate of a chain from its store, or of the key file that no certificate names.

    Args:
        case: The case.
        chain: A chain of it.
    """
    yield from (use for use in case.rows("certificate_use") if is_use_of(use, chain))


def is_use_of(use: CertificateUseRow, chain: KeyChainRow) -> bool:
    """Tell whether a use is of the certificate of a chain from its store, or of its key file without certificate."""
    if use.machine_id != chain.machine_id or use.thumbprint != chain.thumbprint:
        return False
    if chain.thumbprint is None and (use.key_file_path is None or use.key_file_path != chain.key_file_path):
        return False
    same_store = use.store is None or chain.store is None or use.store.lower() == chain.store.lower()
    return same_store and (use.owner_sid is None or chain.owner_sid in (None, use.owner_sid))


def account_of(use: CertificateUseRow) -> str:
    """Return the account of a use by name and SID; empty where neither is known."""
    if use.account_name and use.account:
        return f"{use.account_name} ({use.account})"
    return use.account_name or use.account or ""


def sentence_of(reason: str) -> str:
    """Return a reason as a sentence of its own; empty where there is none."""
    return standing(reason)


def told_use(use: CertificateUseRow) -> str:
    """Say of one use who opens the key, and what comes of it."""
    who = f", as {account_of(use)}" if account_of(use) else ""
    why = f": {use.opens_reason}" if use.opens_reason else ""
    places = f"; also named in {', '.join(use.also_set_at)}" if use.also_set_at else ""
    return f"{use.label or use.consumer} ({use.certainty}){who}: {_ANSWERS[use.opens]}{why}{places}"
