"""Private keys that were opened, kept in memory for ``keymortem recover`` alone, the one door by which they leave.

No other command keeps any: without a vault a key is forgotten as soon as it is proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import TYPE_CHECKING

from forensics.formats.private_key import PrivateKey
from forensics.formats.public_key import PublicKey
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.secrets import OpenedWith, UnlockedBy

if TYPE_CHECKING:
    from forensics.chain.placing import Placing
    from forensics.collectors.evidence import CertificateEvidence
    from forensics.formats.hyperv.guardian_certificate import GuardianCertificate


OfCertificate = tuple[int, str | None, str | None, str | None, str | None]
"""A certificate in a store: its installation and thumbprint, and name, scope and owner of the store."""


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A private key that was opened.

    Attributes:
        path: Its key file.
        unlocked_by: What opened its master key.
        exportable: Whether its own file lets it be exported.
        key: It.
        opened_with: Of a user's: which of his secrets that was.
        master_key_file: The file of its master key, where that is not the one that Windows looks for; else None.
        older_hives: Folder of the hives of an older state whose DPAPI_SYSTEM opened its master key; None: none had to.
    """

    path: str
    unlocked_by: UnlockedBy
    exportable: Answer
    key: PrivateKey = field(repr=False)
    opened_with: OpenedWith | None = None
    master_key_file: str | None = None
    older_hives: str | None = None


@dataclass(slots=True)
class Vault:
    """What an examination opened; its repr shows nothing of it.

    Attributes:
        keys: Private keys by their public half.
        certificates: Certificates, DER, by thumbprint (upper hex).
        publics: Public key of each certificate that is modelled, by thumbprint.
        placings: Which files bring a dead key back, as the disk has them.
    """

    keys: dict[PublicKey, list[OpenedKey]] = field(default_factory=dict, repr=False)
    certificates: dict[str, bytes] = field(default_factory=dict, repr=False)
    publics: dict[str, PublicKey] = field(default_factory=dict, repr=False)
    placings: dict[OfCertificate, Placing] = field(default_factory=dict, repr=False)

    def keep(self, opened: OpenedKey) -> None:
        """Keep an opened key; one without public half is of no certificate, and is not kept."""
        if opened.key.public is not None:
            self.keys.setdefault(opened.key.public, []).append(opened)

    def forget(self) -> None:
        """Let go of everything; what else refers to it has it still."""
        for kept in (self.keys, self.certificates, self.publics, self.placings):
            kept.clear()

    def take_guardians(self, certificates: Iterable[GuardianCertificate]) -> None:
        """Keep the certificates that key protectors name: a host may have lost its own, not their keys."""
        for certificate in certificates:
            self.certificates.setdefault(certificate.thumbprint, certificate.der)
            if certificate.public_key is not None:
                self.publics.setdefault(certificate.thumbprint, certificate.public_key)

    def take(self, certificates: Iterable[CertificateEvidence]) -> None:
        """Keep the certificates of an installation."""
        for certificate in certificates:
            self.certificates[certificate.row.thumbprint] = certificate.der
            if certificate.public_key is not None:
                self.publics[certificate.row.thumbprint] = certificate.public_key


_vault: ContextVar[Vault | None] = ContextVar("_vault", default=None)


@contextmanager
def keeping(vault: Vault) -> Iterator[None]:
    """Keep in a vault what is opened from here on."""
    token = _vault.set(vault)
    try:
        yield
    finally:
        _vault.reset(token)


def open_vault() -> Vault | None:
    """Return the vault of the examination that is running; None where nothing is kept."""
    return _vault.get()
