"""Whether each user of a certificate may read its key file, as the account that it runs as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from forensics.chain.access import may_read
from forensics.chain.tokens import Tokens
from forensics.collectors.evidence import KeyFileEvidence
from forensics.formats.shut_out import what_shuts_out
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow, KeyAccess

Judged = tuple[KeyChainRow, KeyFileEvidence | None]
"""A chain, and the key file that was judged for it."""

_ANSWERS: dict[bool | None, KeyAccess] = {True: "ok", False: "denied", None: "not_examined"}


def with_key_access(
    uses: Iterable[CertificateUseRow], chains: Iterable[Judged], tokens: Tokens
) -> Iterator[CertificateUseRow]:
    """Yield the uses with column ``key_access``; null where the account is not known, or no key file was found.

    Args:
        uses: Rows of table certificate_use.
        chains: Chains of the same installation.
        tokens: Makes the tokens of its accounts.
    """
    by_thumbprint: dict[str, list[Judged]] = defaultdict(list)
    for chain, file in chains:
        if chain.thumbprint is not None and file is not None:
            by_thumbprint[chain.thumbprint].append((chain, file))
    for use in uses:
        file = next((f for chain, f in by_thumbprint.get(use.thumbprint or "", ()) if _is_of(use, chain)), None)
        if file is None or use.account is None:
            yield use
        elif file.security is None:
            yield replace(use, key_access="not_examined")
        else:
            its_tokens = tokens.of(use.account, use.service)
            answer = may_read(file.security, its_tokens)
            if answer is not False:
                yield replace(use, key_access=_ANSWERS[answer])
                continue
            shut_out = what_shuts_out(file.security, [(use.account, its_tokens)])
            yield replace(
                use,
                key_access="denied",
                denied_by=shut_out.denied_by,
                denial_inherited=shut_out.denial_inherited,
                not_granted=bool(shut_out.not_granted),
            )


def _is_of(use: CertificateUseRow, chain: KeyChainRow) -> bool:
    """Tell whether a use is of the certificate in the store that a chain is of."""
    same_store = use.store is None or (chain.store or "").lower() == use.store.lower()
    return same_store and (use.owner_sid is None or chain.owner_sid in (None, use.owner_sid))
