"""Machine certificates with dates and usages of their own, for scenarios in which the key is not the point."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, Certificate, make_certificate
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link
from testdata.builder.scenario import SOUND, Judged, Script
from testdata.builder.scenarios.common import container_of


def day(text: str) -> datetime:
    """Return midnight UTC of ``2026-11-22``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def issued(host: str, key: str, until: str, since: str = "2025-01-15", **options: Any) -> Certificate:
    """Return a certificate for RSA key ``key``; ``options`` are those of :func:`make_certificate`."""
    return make_certificate(host, rsa_key(key), not_before=day(since), not_after=day(until), **options)


def put(
    script: Script,
    certificate: Certificate,
    why: str,
    judged: Judged = SOUND,
    *,
    written: bool = True,
    container: str | None = None,
    sd: bytes | None = None,
    store: str = "MY",
    **properties: Any,
) -> Certificate:
    """Put a certificate with a CryptoAPI key of the machine into a machine store; returns the certificate.

    Args:
        script: The machine.
        certificate: What to put.
        why: The case in one line.
        judged: The judged columns.
        written: False leaves the key file out.
        container: Key container; named like the host if not given.
        sd: Security descriptor of the key file.
        store: Store.
        properties: Further properties of the store element.
    """
    name = container or container_of(certificate.subject.removeprefix("CN="))
    path = script.machine.put_capi(name, exchange=Slot(certificate.key), sd=sd) if written else None  # type: ignore[arg-type]
    script.certificate(
        certificate,
        judged,
        why,
        link=capi_link(name, CAPI_ENHANCED),
        container=name,
        provider=CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=script.machine.keys[MACHINE].guid if written else None,
        exportable="no" if written else "unknown",
        store=store,
        **properties,
    )
    return certificate
