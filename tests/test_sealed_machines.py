"""Machines around a Sysprep, without CNG Key Isolation, and with Remote Desktop by policy or off; half are healthy.

What is wrong with each is written beside it; a healthy one has nothing but information.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from testdata.builder import acl, certs, setup_logs
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, Certificate
from testdata.builder.dpapi import DpapiSystem
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.windows import INSTALLED, SERVER_2022, Windows
from testdata.builder.seeded import Seeded
from tests.ordinary import examined

SEALED = datetime(2026, 9, 7, 5, 48, 31, tzinfo=UTC)
BOOTED = datetime(2026, 9, 8, 6, 30, 2, tzinfo=UTC)
TAG = "Mon Sep 07 05:48:31 2026"
BEFORE, FIRST = "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162", "1111aaaa-0f4d-4e2b-8c77-1d2e3f405162"
"""MachineGuid before the last Sysprep, and before the one before."""
RESEALED = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
Told = dict[str, str]


def image() -> Windows:
    """A sealed image that was not booted since."""
    windows = Windows(
        "IMG01",
        SERVER_2022,
        in_domain=False,
        clone_tag=TAG,
        image_state=RESEALED,
        generalization_state=3,
        last_shutdown=SEALED,
    )
    generalized(windows, RESEALED)
    return windows


def booted(**facts: Any) -> Windows:
    """What a sealed image became: another MachineGuid and DPAPI_SYSTEM, and no key of before."""
    guid = Seeded("SRV01").guid()
    since: dict[str, Any] = {
        "installed": BOOTED,
        "guid_written": BOOTED,
        "secret_set": BOOTED,
        "previous_secret_set": INSTALLED,
    }
    windows = Windows("SRV01", SERVER_2022, clone_tag=TAG, machine_guid=guid, **(since | facts))
    generalized(windows)
    log = setup_logs.log(BOOTED, setup_logs.specialize_lines(guid))
    windows.machine.write(setup_logs.PANTHER_LOG, log, created=BOOTED)
    return windows


def generalized(windows: Windows, state: str = "IMAGE_STATE_COMPLETE") -> None:
    log = setup_logs.log(SEALED, setup_logs.generalize_lines(SEALED))
    windows.machine.write(setup_logs.SYSPREP_LOG, log, created=SEALED)
    windows.machine.write(setup_logs.TAG_FILE, b"", created=SEALED)
    windows.machine.write(setup_logs.STATE_INI, setup_logs.state_ini(state), created=BOOTED)


def left(windows: Windows, container: str, suffix: str, certificate: Certificate | None = None) -> None:
    """Leave a key of an earlier life; of the one before the last no secret is there any more."""
    forged = windows.machine
    secret = forged.previous if suffix == BEFORE else DpapiSystem.seeded("first life")
    master_key = forged.add_master_key(MACHINE, f"{container}/{suffix}", secret=secret, in_use=False)
    key = rsa_key("2048-30") if certificate is None else certificate.key
    forged.put_capi(container, exchange=Slot(key), suffix=suffix, master_key=master_key, created=INSTALLED)  # type: ignore[arg-type]
    if certificate is not None:
        forged.put_certificate(certificate, link=capi_link(container, CAPI_ENHANCED), when=INSTALLED)


def web(windows: Windows, since: str = "2025-11-01", **placed: Any) -> Windows:
    """Have IIS serve a certificate whose key is sound."""
    windows.service("W3SVC")
    made = windows.put(windows.issue("web.contoso.test", since, "2027-11-01"), **placed)
    windows.bind("0.0.0.0:443", made.thumbprint)
    return windows


def image_with_a_key() -> Windows:
    windows = image()
    windows.put(windows.issue("web.contoso.test", "2025-11-01", "2027-11-01"))
    return windows


def enrolled_since() -> Windows:
    windows = web(booted(), "2026-09-10")
    left(windows, "TSSecKeySet1", BEFORE)
    return windows


def with_skip_rearm() -> Windows:
    """SkipRearm is of licences: it says nothing of keys."""
    windows = enrolled_since()
    text = "<unattend xmlns='urn:schemas-microsoft-com:unattend'><settings pass='generalize'><component name="
    text += "'Microsoft-Windows-Security-SPP'><SkipRearm>1</SkipRearm></component></settings></unattend>"
    windows.machine.write("Windows/Panther/unattend.xml", text.encode())
    return windows


def sealed_twice() -> Windows:
    windows = enrolled_since()
    for container in ("TSSecKeySet1", "iisWasKey"):
        left(windows, container, FIRST)
    return windows


def joined_since() -> Windows:
    windows = booted()
    windows.enrolled("Machine", "2026-09-12", "2027-09-12")
    windows.auto_enrolment("Machine")
    return windows


def with_old_key(suffix: str) -> Windows:
    windows = booted()
    made = windows.issue("web.contoso.test", "2025-11-01", "2027-11-01")
    left(windows, "te-web", suffix, made)
    windows.service("W3SVC")
    windows.bind("0.0.0.0:443", made.thumbprint)
    return windows


def without_key_isolation(start: int, **placed: Any) -> Windows:
    return web(Windows("SRV02", SERVER_2022, service_starts={"KeyIso": start}), **placed)


def listener_by_template() -> Windows:
    windows = Windows("SRV03", SERVER_2022)
    policy = windows.software.key("Policies\\Microsoft\\Windows NT\\Terminal Services")
    policy.sz("CertTemplateName", "RemoteDesktopComputer")
    made = windows.issue(
        windows.host, "2026-08-20", "2027-08-20", template="RemoteDesktopComputer", eku=[certs.SERVER_AUTH]
    )
    windows.put(made, sd=acl.RDP_KEY_SD)
    listener = windows.system.key(f"{CONTROL_SET}\\Control\\Terminal Server\\WinStations\\RDP-Tcp")
    listener.binary("SSLCertificateSHA1Hash", bytes.fromhex(made.thumbprint))
    return windows


def listener_switched_off(damaged: bool) -> Windows:
    windows = Windows("SRV04", SERVER_2022, takes_connections=False)
    if damaged:
        windows.damage("TSSecKeySet1")
    return windows


def clone() -> Windows:
    windows = Windows("CLONE01", SERVER_2022)
    return web(windows)


HEALTHY: dict[str, Callable[[], Windows]] = {
    "image before its first boot, without keys": image,
    "enrolled since the first boot": enrolled_since,
    "the same by an answer file with SkipRearm": with_skip_rearm,
    "sealed twice": sealed_twice,
    "joined to the domain since": joined_since,
    "imported since from a PFX file": lambda: web(booted(), created=datetime(2026, 9, 10, 8, 0, tzinfo=UTC)),
    "GeneralizationState 3": lambda: web(booted(generalization_state=3), "2026-09-10"),
    "GeneralizationState 4": lambda: web(booted(generalization_state=4), "2026-09-10"),
    "a clone that was never generalized": clone,
    "CNG Key Isolation by hand": lambda: without_key_isolation(3, cng=True),
    "CNG Key Isolation at each start": lambda: without_key_isolation(2, cng=True),
    "listener by template": listener_by_template,
    "Remote Desktop off": lambda: listener_switched_off(False),
}
FAULTY: dict[str, tuple[Callable[[], Windows], Told]] = {
    "image with a key": (image_with_a_key, {"image-not-yet-specialized": "high"}),
    "key of before": (
        lambda: with_old_key(BEFORE),
        {
            "generalize-orphaned-keys": "critical",
            "key-file-of-another-machine-guid": "critical",
            "service-uses-dead-key": "critical",
            "master-key-opens-only-with-previous-secret": "medium",
            "key-recoverable": "low",
        },
    ),
    "key of the life before that": (
        lambda: with_old_key(FIRST),
        {
            "generalize-orphaned-keys": "critical",
            "key-file-of-another-machine-guid": "critical",
            "service-uses-dead-key": "critical",
            "master-key-does-not-open": "critical",
        },
    ),
    "CNG Key Isolation switched off": (
        lambda: without_key_isolation(4, cng=True),
        {"keyiso-disabled-keys-unusable": "critical", "keyiso-disabled-rdp-will-break": "high"},
    ),
    "the same with keys of CryptoAPI alone": (
        lambda: without_key_isolation(4),
        {"keyiso-disabled-rdp-will-break": "high"},
    ),
    "Remote Desktop off, and its key damaged": (
        lambda: listener_switched_off(True),
        {"key-blob-damaged": "low", "rdp-key-unusable": "low", "key-recoverable": "low"},
    ),
}


def told(windows: Windows) -> Told:
    """Return the rules that say more than information, with their severity."""
    findings = examined(windows.machine).finding_list
    return {f.rule: f.severity for f in findings if f.severity != "info"}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy(name: str) -> None:
    assert told(HEALTHY[name]()) == {}


@pytest.mark.parametrize("name", FAULTY)
def test_faulty(name: str) -> None:
    made, expected = FAULTY[name]
    assert told(made()) == expected
