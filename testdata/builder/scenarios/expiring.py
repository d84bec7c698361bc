"""Image ``expiring``: certificates by purpose and by how long they last, and weak ones. All keys are sound."""

from __future__ import annotations

import struct

from testdata.builder import certs
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine
from testdata.builder.scenario import Scenario, Script, plain
from testdata.builder.scenarios.dated import day, issued, put

MISSING = "FFEEDDCCBBAA99887766554433221100FFEEDDCC"
OLD_CA = "Contoso Old CA"
TEMPLATE = "ContosoWebServer"

_AUTO_ENROLLMENT = 0x20
_TICKS_PER_DAY = 864_000_000_000


def expiring() -> Scenario:
    script = Script(machine("expiring", rdp_certificate=MISSING))
    _by_purpose(script)
    put(script, issued("early.contoso.test", "2048-08", "2028-12-24", "2026-12-24"), "not valid yet")
    put(script, issued("long-ago.contoso.test", "2048-09", "2025-06-01", "2023-06-01"), "ended, nothing uses it")
    put(script, issued("renewed.contoso.test", "2048-10", "2026-06-01", "2024-06-01"), "ended, a newer one is there")
    put(
        script,
        issued("renewed.contoso.test", "2048-11", "2029-06-01", "2026-05-01"),
        "the newer one",
        container="te-WebServer-renewed-2",
    )
    _renewal(script)
    _weak(script)
    _old_authority(script)
    return plain("expiring", "Certificates by purpose and by what is left of them; weak ones", script)


def _by_purpose(script: Script) -> None:
    cases = (
        ("server.contoso.test", "2048-01", "2026-12-10", certs.SERVER_AUTH, "server, 18 days left"),
        ("client.contoso.test", "2048-02", "2027-01-31", certs.CLIENT_AUTH, "client authentication, 70 days left"),
        ("vpn.contoso.test", "2048-03", "2027-05-01", certs.IPSEC_IKE, "VPN, 160 days left"),
        ("mail.contoso.test", "2048-04", "2026-12-01", certs.EMAIL, "S/MIME, 9 days left"),
        ("code.contoso.test", "2048-05", "2027-04-01", certs.CODE_SIGNING, "code signing, 130 days left"),
        ("desktop.contoso.test", "2048-06", "2027-01-15", certs.REMOTE_DESKTOP, "Remote Desktop, 54 days left"),
    )
    for host, key, until, usage, why in cases:
        put(script, issued(host, key, until, eku=[usage]), why)
    put(script, issued("ca.contoso.test", "2048-07", "2027-02-10", eku=(), is_ca=True), "CA, 80 days left")
    put(script, issued("lasting.contoso.test", "2048-20", "2027-05-22"), "server, 181 days left")


def _renewal(script: Script) -> None:
    """A template that renews six weeks before the end: due on 2026-10-24, the machine ran until 2026-10-30."""
    put(script, issued("auto.contoso.test", "2048-12", "2026-12-05", template=TEMPLATE), "should have been renewed")
    put(
        script,
        issued("auto-later.contoso.test", "2048-13", "2026-12-15", template="OtherTemplate"),
        "renewal began when the machine was off",
    )
    for name, overlap in ((TEMPLATE, 42), ("OtherTemplate", 42)):
        key = script.machine.hives.software.key(f"Microsoft\\Cryptography\\CertificateTemplateCache\\{name}")
        key.sz("DisplayName", name).dword("msPKI-Template-Schema-Version", 2)
        key.dword("msPKI-Enrollment-Flag", _AUTO_ENROLLMENT)
        key.binary("ValidityPeriod", struct.pack("<q", -730 * _TICKS_PER_DAY))
        key.binary("RenewalOverlap", struct.pack("<q", -overlap * _TICKS_PER_DAY))
    policy = script.machine.hives.software.key("Policies\\Microsoft\\Cryptography\\AutoEnrollment")
    policy.dword("AEPolicy", 7)


def _weak(script: Script) -> None:
    put(script, issued("short.contoso.test", "1024-01", "2029-01-15"), "RSA of 1024 bits")
    sha1 = certs.signed_with_sha1(issued("sha1.contoso.test", "2048-14", "2029-01-15"))
    put(script, sha1, "signed with SHA-1")


def _old_authority(script: Script) -> None:
    """A CA that ends in 71 days, and a certificate of it that lasts longer."""
    authority = certs.make_certificate(
        OLD_CA,
        rsa_key("ca"),
        not_before=day("2017-02-01"),
        not_after=day("2027-02-01"),
        eku=(),
        self_signed=True,
        is_ca=True,
    )
    script.machine.put_certificate(authority, store="CA")
    put(script, issued("outlives.contoso.test", "2048-15", "2028-06-01", issuer=OLD_CA), "outlives its CA")
