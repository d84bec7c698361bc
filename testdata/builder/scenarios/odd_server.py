"""Image ``odd-server``: folders that refuse, a provider of Windows gone, and a certificate that two services share."""

from __future__ import annotations

from testdata.builder import acl, certs
from testdata.builder.acl import DENY, Ace, security_descriptor
from testdata.builder.capi import Slot
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_access import DENIED
from testdata.builder.scenarios.broken_files import REPLACED
from testdata.builder.scenarios.common import capi_certificate
from testdata.builder.scenarios.dated import day, issued, put
from testdata.builder.scenarios.golden_image import bind_http_sys

_ADD_FILE = 0x2
HARDENED = security_descriptor([Ace(acl.SYSTEM), Ace(acl.ADMINISTRATORS)])
"""MachineKeys without Everyone, as hardening templates leave it."""
NO_NEW_FILES = security_descriptor([Ace(acl.SYSTEM, _ADD_FILE, DENY), Ace(acl.SYSTEM), Ace(acl.ADMINISTRATORS)])


def odd_server() -> Scenario:
    shared = issued("shared.contoso.test", "2048-01", "2029-01-15")
    script = Script(machine("odd-server", computer_name="SRV-07", rdp_certificate=shared.thumbprint))
    forged = script.machine
    forged.protect(MACHINE.capi_folder, HARDENED)
    forged.protect(MACHINE.cng_folder, NO_NEW_FILES)
    put(script, shared, "Remote Desktop and IIS share it: NETWORK SERVICE is shut out, SYSTEM is not", DENIED)
    bind_http_sys(forged, "0.0.0.0:443", shared.thumbprint)
    forged.hives.system.key(f"{CONTROL_SET}\\Control\\Terminal Server").dword("fDenyTSConnections", 0)
    _left_over(script)
    providers = forged.hives.software.key("Microsoft\\Cryptography\\Defaults\\Provider")
    del providers.children[certs.CAPI_STRONG.lower()]
    capi_certificate(
        script,
        "strong.contoso.test",
        "2048-04",
        SOUND | {"verdict": "unusable", "broken_at": "provider", "recoverable": True, "known_by": "inference"},
        "one of Windows' own providers is not registered any more; the key itself is sound",
        link=capi_link("te-WebServer-strong", certs.CAPI_STRONG),
        provider=certs.CAPI_STRONG,
    )
    return plain("odd-server", "Folders that refuse, a provider gone, a certificate that two services share", script)


def _left_over(script: Script) -> None:
    """What the listener used before one was bound to it: no longer its own, so NETWORK SERVICE need not read."""
    path = script.machine.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-02")), created=day("2026-08-01"))
    for key, since, until, judged, why in (
        ("2048-02", "2026-08-01", "2027-02-01", SOUND, "in the listener's store, and not the listener's"),
        ("2048-03", "2026-01-28", "2026-07-30", REPLACED, "the one before: its container was made anew since"),
    ):
        script.certificate(
            issued("SRV-07.contoso.test", key, until, since, self_signed=True),
            judged,
            why,
            link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
            container="TSSecKeySet1",
            provider=certs.CAPI_ENHANCED,
            provider_kind="capi",
            path=path,
            master_key=script.machine.keys[MACHINE].guid,
            store="Remote Desktop",
        )
