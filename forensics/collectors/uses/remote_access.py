"""The certificates of a VPN server: SSTP by hash, IKEv2 by subject name or by what the certificate is for.

References:
    Microsoft TechNet, RasSstp event 18; R. Hicks, "Always On VPN IKEv2 and multiple certificates".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.uses.consumers import IKEV2, SSTP
from forensics.collectors.uses.context import MY, Provenance, UseContext, may_authenticate
from forensics.collectors.uses.http_sys import HttpBinding
from forensics.formats.distinguished_name import distinguished_name
from forensics.formats.errors import FormatError
from forensics.formats.thumbprint import SHA256_SIZE
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

_SHA256, _SHA1 = "SHA256CertificateHash", "SHA1CertificateHash"
_NAME = "MachineCertificateName"
_HTTPS_PORT = "443"
_AUTOMATIC = 2


def sstp_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield the certificate SSTP is configured with; it must be the one http.sys has on port 443."""
    system = context.system
    key = system.key(f"{context.services}\\SstpSvc\\Parameters")
    if key is None:
        return
    sha256 = system.data(key, _SHA256)
    if sha256 is not None and len(sha256) != SHA256_SIZE:
        message = sentence("{count} bytes; a SHA-256 has {sha256_size}", count=len(sha256), sha256_size=SHA256_SIZE)
        context.installation.problem(system.where(key, _SHA256), "bad_length", message)
        sha256 = None
    sha1 = context.raw_thumbprint(system, key, _SHA1)
    if sha256 is None and sha1 is None:
        return
    digest = sha256.hex() if sha256 else None
    same = next((c.thumbprint for c in context.certificates if digest and c.sha256 == digest), None)
    served = sorted({b.thumbprint for b in bindings if b.port == _HTTPS_PORT and b.thumbprint})
    thumbprint = same or sha1
    fault = None
    if same and sha1 and same != sha1:
        fault = sentence("{sha1} names {sha12}, {sha256} another certificate", sha1=_SHA1, sha12=sha1, sha256=_SHA256)
    elif thumbprint and served and thumbprint not in served:
        fault = sentence("http.sys has {names} on port {https_port}", names=", ".join(served), https_port=_HTTPS_PORT)
    row = context.use(
        SSTP,
        Provenance(system.where(key, _SHA256 if sha256 else _SHA1), key.timestamp),
        thumbprint,
        detail=sentence("chosen by an administrator") if system.number(key, "IsHashConfiguredByAdmin") else None,
        certainty="proved" if sha256 else "likely",
        fault=fault,
        sha256=digest,
    )
    row.set_with = "set-sstp-certificate"
    if sha256 and sha1 and sha1 == same:
        row.also_set_at = [system.where(key, _SHA1)]
    if thumbprint is None and context.examined(MY, SYSTEM_SID):
        row.present = False
    yield row


def ikev2_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificates with the configured subject name, else those a running VPN server may choose."""
    system = context.system
    key = system.key(f"{context.services}\\RemoteAccess\\Parameters\\IKEV2")
    if key is None:
        return
    data = system.data(key, _NAME)
    if data is not None:
        place = Provenance(system.where(key, _NAME), key.timestamp)
        yield from _by_subject(context, data, place)
        return
    start = system.number(f"{context.services}\\RemoteAccess", "Start")
    if start == _AUTOMATIC:
        able = [
            c
            for c in context.my_certificates()
            if "ipsecIKEIntermediate" in c.eku and may_authenticate(c, "serverAuth")
        ]
        place = Provenance(system.where(key), key.timestamp)
        yield from context.candidates(IKEV2, place, able, sentence("serverAuth with IP security IKE intermediate"))


def _by_subject(context: UseContext, data: bytes, place: Provenance) -> Iterator[CertificateUseRow]:
    try:
        subject = distinguished_name(data)
    except FormatError as error:
        fault = sentence("the subject name cannot be read: {message}", message=error.message)
        yield context.use(IKEV2, place, None, certainty="likely", fault=fault)
        return
    named = [c for c in context.my_certificates() if c.subject == subject]
    for row in context.candidates(IKEV2, place, named, sentence("subject {subject}", subject=subject)):
        row.certainty = "likely" if len(named) == 1 else row.certainty
        yield row
