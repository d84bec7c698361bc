"""Who must be able to read a key file, so that its key is of use."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.chain.caller import Caller
from forensics.chain.tokens import Tokens
from forensics.collectors.evidence import CertificateEvidence, Evidence, KeyFileEvidence
from forensics.collectors.rdp import SERVICE, account_of_listener
from forensics.formats.access_check import SYSTEM
from forensics.formats.shut_out import Reader

_RDP_CONTAINER = "tsseckeyset1"


class Readers:
    """Names the readers of the key files of one installation.

    Args:
        evidence: What the collectors found.
        tokens: Makes the tokens of its accounts.
    """

    def __init__(self, evidence: Evidence, tokens: Tokens) -> None:
        self._evidence = evidence
        self._tokens = tokens

    def of(self, file: KeyFileEvidence, certificate: CertificateEvidence | None, caller: Caller | None) -> list[Reader]:
        """Return who must read a key file: the caller, else its owner, and Remote Desktop where the key is its own.

        Args:
            file: The key file.
            certificate: The certificate whose key it holds; None: it is judged by itself.
            caller: Who opens the key; None: the computer, its service or its user.
        """
        if caller is not None:
            return [(caller.sid, self._tokens.of(caller.sid, caller.service))]
        row = file.row
        reader = SYSTEM if row.scope in ("machine", "system") else row.owner_sid
        owned = certificate.row if certificate is not None and certificate.row.store_scope == "user" else None
        if owned is not None and (owned.has_key_link or row.scope == "user"):
            # The key may be one of the computer's, or lie in the folder of an earlier account.
            reader = owned.owner_sid or reader
        service = certificate.service.name if certificate is not None and certificate.service is not None else None
        readers: list[Reader] = [(reader, self._tokens.of(reader, service))] if reader else []
        rdp_certificate = certificate is not None and certificate.row.thumbprint in self._evidence.rdp_thumbprints
        named_for_rdp = (row.container or "").lower() == _RDP_CONTAINER and certificate is None
        if row.scope == "machine" and (rdp_certificate or (named_for_rdp and not self._evidence.rdp_thumbprints)):
            readers += self._remote_desktop()
        return readers

    def _remote_desktop(self) -> Iterator[Reader]:
        """Yield the account of Remote Desktop; none where only a domain controller could tell its SID."""
        identity = (self._evidence.service_identities or {}).get(SERVICE.lower())
        if identity is None or identity.account_sid is not None:
            runs_as = identity.account_sid if identity is not None else None
            account = account_of_listener(runs_as, self._evidence.machine.build)
            yield account, self._tokens.of(account, SERVICE)
