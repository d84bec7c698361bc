"""Roles whose certificate is that of a binding of http.sys: AD FS, WSUS, and Windows Admin Center of the first version.

References:
    Microsoft Learn, Managing SSL certificates in AD FS and WAP (AppId of the bindings; read for the account of
    adfssrv); Configure WSUS to use TLS (PortNumber, wsusutil configuressl); Windows Admin Center, service
    ServerManagementGateway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.uses.consumers import SYSTEM, Consumer
from forensics.collectors.uses.context import UseContext
from forensics.collectors.uses.http_sys import HttpBinding
from forensics.collectors.uses.roles import AD_FS, ADMIN_CENTER, WSUS
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

_FEDERATION_SERVICE, _FEDERATION = "adfssrv", "AD FS"
_UPDATE_SETUP = "Microsoft\\Update Services\\Server\\Setup"
_GATEWAY, _GATEWAY_SERVICE = "Microsoft\\ServerManagementGateway", "ServerManagementGateway"
_HTTP, _HTTPS = 80, 443


def federation_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield each certificate that is bound for AD FS; the service reads its key as its own account.

    Certificates of tokens normally lie in the database of AD FS: none in My is no fault.
    """
    if _is_installed(context, _FEDERATION_SERVICE):
        served = [binding for binding in bindings if binding.owner and binding.owner.name == _FEDERATION]
        for row in _of_bindings(context, AD_FS, served):
            yield context.service_account(row, _FEDERATION_SERVICE)


def wsus_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield the certificate of the port on which WSUS serves TLS, where it was told to."""
    software = context.software
    setup = software.key(_UPDATE_SETUP)
    if setup is None or not software.number(setup, "UsingSSL"):
        return
    port = software.number(setup, "PortNumber") or 0
    # The port for TLS is 443 beside 80, else the next one; the value may hold either of the two.
    ports = {str(port), str(_HTTPS if port == _HTTP else port + 1)}
    yield from _of_bindings(context, WSUS, [binding for binding in bindings if binding.port in ports])


def gateway_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield the certificate of the port of a Windows Admin Center that stands behind http.sys."""
    if _is_installed(context, _GATEWAY_SERVICE):
        port = context.software.value(_GATEWAY, "SmePort")
        wanted = str(port.number or port.text or _HTTPS) if port is not None else str(_HTTPS)
        for row in _of_bindings(context, ADMIN_CENTER, [b for b in bindings if b.port == wanted], SYSTEM):
            row.set_with = ""
            yield row


def _is_installed(context: UseContext, service: str) -> bool:
    return context.system.key(f"{context.services}\\{service}") is not None


def _of_bindings(
    context: UseContext, consumer: Consumer, bindings: Sequence[HttpBinding], account: str | None = None
) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate, with the first of its bindings."""
    first: dict[str, HttpBinding] = {}
    for binding in bindings:
        if binding.thumbprint is not None:
            first.setdefault(binding.thumbprint, binding)
    for thumbprint, binding in first.items():
        detail = sentence("binding {name}", name=binding.name)
        row = context.use(
            consumer, binding.place, thumbprint, detail=detail, store=binding.store, certainty="likely", account=account
        )
        yield binding.told_in(row)
