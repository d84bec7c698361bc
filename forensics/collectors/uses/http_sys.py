"""Certificate bindings of http.sys: by address, by host name (SNI), and those of the central certificate store.

References:
    Microsoft Learn, HTTP_SERVICE_CONFIG_SSL_PARAM, HTTP_SERVICE_CONFIG_SSL_SNI_KEY; netsh http show sslcert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from forensics.collectors.uses.binding_owners import UPDATED, Owner, owner_of
from forensics.collectors.uses.consumers import HTTP_SYS
from forensics.collectors.uses.context import MY, Provenance, UseContext, clip
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.tables.use import CertificateUseRow

MAX_BINDINGS = 5_000
"""Evidence: bindings of one kind of http.sys."""

_KINDS = (("address", "SslBindingInfo"), ("sni", "SslSniBindingInfo"))
_TAGS = {"address": "ipport", "sni": "hostnameport"}
_CENTRAL = (("SslCcsBindingInfo", "ccs"), ("SslScopedCcsBindingInfo", "scopedccs"))
_IIS_EXPRESS = "214124cd-d05b-4309-9af9-9caa44b2b74a"


@dataclass(frozen=True, slots=True)
class HttpBinding:
    """One binding.

    Attributes:
        kind: ``address`` or ``sni``.
        name: ``IP:port`` or ``host:port``.
        thumbprint: Upper hex; None when the binding has no readable hash.
        store: Store name, always of the computer.
        app_id: Whose it is, a GUID in lower case; None without one.
        place: Where it was read.
    """

    kind: str
    name: str
    thumbprint: str | None
    store: str
    app_id: str | None
    place: Provenance

    @property
    def port(self) -> str:
        """Port number as text."""
        return self.name.rpartition(":")[2]

    @property
    def owner(self) -> Owner | None:
        """What wrote it."""
        return owner_of(self.app_id)

    @property
    def label(self) -> str:
        """Its name with that of its owner, or with its AppId."""
        if self.owner is None:
            return self.name
        name = self.app_id if self.owner.name == "other" else self.owner.name
        return (
            f"{self.name} ({name})"
            if self.owner.is_certain
            else sentence("{name} (likely {name2})", name=self.name, name2=name)
        )

    def told_in(self, row: CertificateUseRow) -> CertificateUseRow:
        """Fill in which binding a use stands in, and how that is given another certificate."""
        row.endpoint = f"{_TAGS[self.kind]}={self.name}"
        row.app_id = clip(f"{{{self.app_id}}}") if self.app_id else None
        row.set_with = UPDATED
        if self.owner is not None:
            row.binding_owner = self.owner.name
            row.set_with = self.owner.set_with
        return row


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
            _app_id(context, key),
            Provenance(system.where(key, "SslCertHash"), key.timestamp),
        )


def _app_id(context: UseContext, key: Key) -> str | None:
    value = context.system.value(key, "AppId")
    if value is None:
        return None
    text = value.text.strip("{} ").lower() if value.text else None
    if text is None and len(value.data) == 16:
        text = str(UUID(bytes_le=value.data))
    return clip(text) or None


def http_sys_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield a row for each binding, and for each that takes its certificate from the central store."""
    for binding in bindings:
        row = context.use(
            HTTP_SYS,
            binding.place,
            binding.thumbprint,
            detail=binding.label,
            store=binding.store,
            # Its setup binds ports 44300 to 44399 for developers; whether anybody debugs there no disk tells.
            certainty="candidate" if binding.app_id == _IIS_EXPRESS else "proved",
            fault=None if binding.thumbprint else sentence("the binding has no certificate hash"),
        )
        if binding.owner is not None and binding.owner.repair is not None:
            row.repair = binding.owner.repair
        yield binding.told_in(row)
    system = context.system
    for parent, tag in _CENTRAL:
        for key in system.subkeys(f"{context.services}\\HTTP\\Parameters\\{parent}", MAX_BINDINGS):
            detail = sentence("{name} (central certificate store: PFX files on a share)", name=key.name)
            place = Provenance(system.where(key), key.timestamp)
            row = context.use(HTTP_SYS, place, None, detail=detail, store=None)
            row.endpoint = clip(f"{tag}={key.name.removeprefix('*:')}" if tag == "ccs" else f"{tag}={key.name}")
            row.repair = sentence(
                "put the new PFX file under the host's name into the folder of the central certificate store"
            )
            yield row
