"""Short ways to give a certificate a sound key, for scenarios that break one link of it."""

from __future__ import annotations

from typing import Any

from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, CNG_SOFTWARE, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE, Owner
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, cng_link
from testdata.builder.scenario import Judged, Script


def capi_certificate(
    script: Script,
    host: str,
    key: str,
    judged: Judged,
    why: str,
    *,
    path: str | None = None,
    written: bool = True,
    master_key: str | None = "",
    **row: Any,
) -> str | None:
    """Put a machine certificate with CryptoAPI key ``key`` in a container named like the host; returns the file's path.

    Args:
        script: The machine.
        host: Common name.
        key: Name of the RSA key.
        judged: The judged columns.
        why: The case in one line.
        path: Path of the key file that was put by hand; None puts a sound one.
        written: False leaves the key file out.
        master_key: GUID in the row; empty takes the machine's.
        row: Further arguments of :meth:`Script.certificate`.
    """
    container = row.pop("container", container_of(host))
    if path is None and written:
        path = script.machine.put_capi(container, exchange=Slot(rsa_key(key)))
    script.certificate(
        make_certificate(host, rsa_key(key)),
        judged,
        why,
        link=row.pop("link") if "link" in row else capi_link(container, CAPI_ENHANCED),
        container=container,
        provider=row.pop("provider", CAPI_ENHANCED),
        provider_kind=row.pop("provider_kind", "capi"),
        path=path,
        master_key=script.machine.keys[MACHINE].guid if master_key == "" else master_key,
        **row,
    )
    return path


def cng_certificate(
    script: Script,
    host: str,
    seed: str,
    judged: Judged,
    why: str,
    *,
    path: str | None = None,
    written: bool = True,
    curve: str = "P-256",
    master_key: str | None = "",
    owner: Owner = MACHINE,
    **row: Any,
) -> str | None:
    """Put a machine certificate with an ECDSA key in the software key storage provider; returns the file's path.

    Arguments as for :func:`capi_certificate`; the key follows from ``seed``.
    """
    container = row.pop("container", container_of(host))
    key = ec_key(curve, seed)
    if path is None and written:
        path = script.machine.put_cng(container, CngKey.ec(key), owner=owner)
    script.certificate(
        make_certificate(host, key),
        judged,
        why,
        link=row.pop("link") if "link" in row else cng_link(container, CNG_SOFTWARE, machine_keyset=owner.shared),
        container=container,
        provider=row.pop("provider", CNG_SOFTWARE),
        provider_kind=row.pop("provider_kind", "cng"),
        path=path,
        master_key=script.machine.keys[owner].guid if master_key == "" else master_key,
        **row,
    )
    return path


def container_of(host: str) -> str:
    """Return a container name as certificate enrolment makes them."""
    return f"te-WebServer-{host.split('.')[0]}"
