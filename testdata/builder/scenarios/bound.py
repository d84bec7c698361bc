"""Image ``bound``: keys bound to a TPM, to virtualization-based security, or to a PIN."""

from __future__ import annotations

import struct
from typing import Any

from testdata.builder import certs
from testdata.builder.cng import CngKey, Property, ui_policy, vbs_clear
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import cng_link, machine
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.scenario import SOUND, UNREACHED, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import container_of

TPM_SEALED: Judged = UNREACHED | {
    "key_file": "present",
    "public_key": "match",
    "access": "ok",
    "private_key": "sealed_tpm",
    "verdict": "unknown",
    "broken_at": None,
    "recoverable": None,
    "known_by": "public_key",
}
TPM_SEALED_UNDER_DPAPI: Judged = TPM_SEALED | {"master_key": "present", "unlocked_by": "current"}
TPM_MISMATCH: Judged = TPM_SEALED | {
    "public_key": "mismatch",
    "verdict": "unusable",
    "broken_at": "public_key",
    "recoverable": False,
}
TPM_ABSENT: Judged = UNREACHED | {
    "key_file": "absent",
    "verdict": "unusable",
    "broken_at": "key_file",
    "recoverable": False,
    "known_by": "inference",
}
VBS_SEALED: Judged = SOUND | {"private_key": "sealed_vbs", "verdict": "unknown"}
VBS_PER_BOOT: Judged = VBS_SEALED | {"verdict": "unusable", "broken_at": "private_key", "recoverable": False}
PIN: Judged = SOUND | {"private_key": "needs_pin", "verdict": "unknown"}

YES = struct.pack("<I", 1)


def bound() -> Scenario:
    script = Script(machine("bound", product_name="Windows 11 Enterprise", build="26100", ubr=6584))
    _tpm_keys(script)
    _vbs_keys(script)
    return plain("bound", "Keys bound to a TPM, to VBS or to a PIN", script)


def _tpm_keys(script: Script) -> None:
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    rsa, ecc = rsa_key("2048-01"), ec_key("P-256", "tpm")
    cases: tuple[tuple[str, Any, Any, bool, Judged, str], ...] = (
        ("tpm-rsa", rsa, rsa, False, TPM_SEALED, "TPM key, RSA, blob in clear"),
        ("tpm-ecc", ecc, ecc, False, TPM_SEALED, "TPM key, P-256, blob in clear"),
        ("tpm-dpapi", rsa_key("2048-02"), rsa_key("2048-02"), True, TPM_SEALED_UNDER_DPAPI, "TPM key under DPAPI"),
        ("tpm-other", rsa_key("2048-03"), rsa_key("2048-04"), False, TPM_MISMATCH, "file of another TPM key"),
        ("tpm-gone", rsa_key("2048-05"), None, False, TPM_ABSENT, "no .PCPKEY file"),
    )
    for label, key, stored, sealed, judged, why in cases:
        container, path = container_of(label), None
        if stored is not None:
            blob = pcp_blob(label, stored, pcr_bound=label == "tpm-ecc", header=56 if label == "tpm-ecc" else 54)
            path = forged.put_tpm(container, "RSA" if stored is not ecc else "ECDSA_P256", blob, sealed=sealed)
        script.certificate(
            certs.make_certificate(f"{label}.contoso.test", key),
            judged,
            why,
            link=cng_link(container, certs.CNG_TPM),
            container=container,
            provider=certs.CNG_TPM,
            provider_kind="tpm",
            path=path,
            master_key=guid if sealed else None,
            exportable="unknown",
            unsettled=["exportable"],
        )


def _vbs_keys(script: Script) -> None:
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    salt = [Property(0, "NgcSoftwareKeyPbkdf2Salt", bytes(range(16)))]
    salt.append(Property(0, "NgcSoftwareKeyPbkdf2Round", struct.pack("<I", 10000)))
    isolated = Property(0, "Virtual Iso", YES)
    cases: tuple[tuple[str, str, dict[str, Any], Judged, str, list[str]], ...] = (
        (
            "vbs",
            "2048-06",
            {"private_properties": [isolated], "private_clear": vbs_clear("vbs")},
            VBS_SEALED,
            "sealed by virtualization-based security, survives boots",
            [],
        ),
        (
            "vbs-per-boot",
            "2048-07",
            {
                "private_properties": [isolated, Property(0, "Per Boot Key", YES)],
                "private_clear": vbs_clear("per boot"),
            },
            VBS_PER_BOOT,
            "sealed by VBS for one boot only",
            [],
        ),
        (
            "ui-policy",
            "2048-08",
            {"private_properties": [ui_policy("Signing key")], "password": b"the user's own secret"},
            PIN,
            "UI policy with a password of its own",
            ["known_by", "unlocked_by"],
        ),
        (
            "hello",
            "2048-09",
            {"private_properties": salt, "password": b"secret derived from the PIN"},
            PIN,
            "Windows Hello: the PIN is a further secret",
            ["known_by", "unlocked_by"],
        ),
    )
    for label, key, options, judged, why, unsettled in cases:
        container = container_of(label)
        path = forged.put_cng(container, CngKey.rsa(rsa_key(key)), **options)
        script.certificate(
            certs.make_certificate(f"{label}.contoso.test", rsa_key(key)),
            judged,
            why,
            link=cng_link(container, certs.CNG_SOFTWARE),
            container=container,
            provider=certs.CNG_SOFTWARE,
            provider_kind="cng",
            path=path,
            master_key=guid,
            unsettled=unsettled,
        )
