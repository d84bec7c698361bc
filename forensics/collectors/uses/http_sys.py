"""Certificate bindings of http.sys: by address, by host name (SNI), and those of the central certificate store.

References:
    Microsoft Learn, HTTP_SERVICE_CONFIG_SSL_PARAM, HTTP_SERVICE_CONFIG_SSL_SNI_KEY; netsh http show sslcert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from forensics.collectors.uses.consumers import HTTP_SYS
from forensics.collectors.uses.context import MY, Provenance, UseContext, clip
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.tables.use import CertificateUseRow

MAX_BINDINGS = 5_000
"""Evidence: bindings of one kind of http.sys."""

_KINDS = (("address", "SslBindingInfo"), ("sni", "SslSniBindingInfo"))
_CENTRAL = ("SslCcsBindingInfo", "SslScopedCcsBindingInfo")
_APPLICATIONS = {
    "4dc3e181-e14b-4a21-b022-59fc669b0914": "IIS",
    "afebb9ad-9b97-4a91-9ab5-daf4d59122f6": "WinRM",
    "d7d72267-fcf9-4424-9eec-7e1d8dcec9a9": "IIS Web Management Service",
    "ba195980-cd49-458b-9e23-c84ee0adcd75": "SSTP",
    "5d89a20c-beab-4389-9447-324788eb944a": "AD FS",
    "f955c070-e044-456c-ac00-e9e4275b3f04": "Web Application Proxy",
    "5d8e2743-ef20-4d38-8751-7e400f200e65": "likely KDC Proxy or DirectAccess",
    "d673f5ee-a714-454d-8de2-492e4c1bd8f8": "likely BranchCache",
    "1d40ebc7-1983-4ac5-82aa-1e17a7ae9a0e": "likely Reporting Services",
}


@dataclass(frozen=True, slots=True)
class HttpBinding:
    """One binding.

    Attributes:
        kind: ``address`` or ``sni``.
        name: ``IP:port`` or ``host:port``.
        thumbprint: Upper hex; None when the binding has no readable hash.
        store: Store name, always of the computer.
        application: Owner by AppId: its name where known, else the GUID; None without one.
        place: Where it was read.
    """

    kind: str
    name: str
    thumbprint: str | None
    store: str
    application: str | None
    place: Provenance

    @property
    def port(self) -> str:
        """Port number as text."""
        return self.name.rpartition(":")[2]


def read_bindings(context: UseContext) -> list[HttpBinding]:
    """Read every binding that names a certificate; keys without values are normal and none."""
    return [binding for kind, parent in _KINDS for binding in _bindings(context, kind, parent)]


def _bindings(context: UseContext, kind: str, parent: str) -> Iterator[HttpBinding]:
    system = context.system
    for key in system.subkeys(f"{context.services}\\HTTP\\Parameters\\{parent}", MAX_BINDINGS):
        if system.value(key, "SslCertHash") is None and system.value(key, "AppId") is None:
            continue
        yield HttpBinding(
            kind,
            # Some systems name the key by a GUID and the host in a value.
            clip(system.text(key, "HostnamePort")) or key.name,
            context.raw_thumbprint(system, key, "SslCertHash"),
            clip(system.text(key, "SslCertStoreName")) or MY,
            _application(context, key),
            Provenance(system.where(key, "SslCertHash"), key.timestamp),
        )


def _application(context: UseContext, key: Key) -> str | None:
    value = context.system.value(key, "AppId")
    if value is None:
        return None
    text = value.text.strip("{} ").lower() if value.text else None
    if text is None and len(value.data) == 16:
        text = str(UUID(bytes_le=value.data))
    return _APPLICATIONS.get(text, clip(text)) if text else None


def http_sys_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield a row for each binding, and for each that takes its certificate from the central store."""
    for binding in bindings:
        yield context.use(
            HTTP_SYS,
            binding.place,
            binding.thumbprint,
            detail=f"{binding.name} ({binding.application})" if binding.application else binding.name,
            store=binding.store,
            fault=None if binding.thumbprint else "the binding has no certificate hash",
        )
    system = context.system
    for parent in _CENTRAL:
        for key in system.subkeys(f"{context.services}\\HTTP\\Parameters\\{parent}", MAX_BINDINGS):
            detail = f"{key.name} (central certificate store: PFX files on a share)"
            place = Provenance(system.where(key), key.timestamp)
            yield context.use(HTTP_SYS, place, None, detail=detail, store=None)
