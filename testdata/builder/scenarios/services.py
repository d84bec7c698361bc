"""Images ``keyiso-disabled`` and ``no-security``: a service or a whole hive that keys need is missing."""

from __future__ import annotations

from testdata.builder.certs import CNG_SOFTWARE
from testdata.builder.folders import LOCAL_SYSTEM
from testdata.builder.machine import cng_link, machine
from testdata.builder.scenario import SOUND, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

NO_SERVICE: Judged = SOUND | {
    "verdict": "unusable",
    "broken_at": "service",
    "recoverable": True,
    "known_by": "inference",
}
NO_SECRET: Judged = SOUND | {
    "unlocked_by": "not_tried",
    "private_key": "not_examined",
    "verdict": "unknown",
    "known_by": "public_key",
}
"""A Windows without SECURITY cannot have run: the hive is missing evidence, not a fact about the key."""


def keyiso_disabled() -> Scenario:
    script = Script(machine("keyiso-disabled", service_starts={"KeyIso": 4, "SCardSvr": 4}))
    capi_certificate(script, "capi.contoso.test", "2048-01", SOUND, "CryptoAPI does not need CNG Key Isolation")
    cng_certificate(script, "cng.contoso.test", "keyiso", NO_SERVICE, "CNG key, Key Isolation disabled")
    host = "cng-system.contoso.test"
    cng_certificate(
        script,
        host,
        "keyiso system",
        NO_SERVICE,
        "SYSTEM's own CNG key, Key Isolation disabled",
        owner=LOCAL_SYSTEM,
        link=cng_link(container_of(host), CNG_SOFTWARE, machine_keyset=False),
    )
    return plain("keyiso-disabled", "The service CNG Key Isolation is disabled", script)


def no_security() -> Scenario:
    script = Script(machine("no-security"))
    script.machine.missing_hives.add("SECURITY")
    capi_certificate(
        script,
        "capi.contoso.test",
        "2048-01",
        NO_SECRET,
        "the hive SECURITY is not on the disk: no secret to try",
        exportable="unknown",
    )
    cng_certificate(
        script,
        "cng.contoso.test",
        "no security",
        NO_SECRET,
        "the same for a CNG key",
        exportable="unknown",
    )
    return plain("no-security", "The hive SECURITY is missing", script)
