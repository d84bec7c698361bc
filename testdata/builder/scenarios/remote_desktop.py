"""Images ``rdp-2012-r2`` and ``rdp-2019``: CNG Key Isolation disabled, after and before the end of the certificate.

No published log holds the events 1057 and 36870 of this case; they are forged by their description.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from testdata.builder import acl, evtx
from testdata.builder.machine import machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.scenario import Scenario, Script, plain
from testdata.builder.scenarios.dated import issued, put

_PACKAGES = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages"


def rdp_2012_r2() -> Scenario:
    """The update is installed, the certificate ended, and no new one can be made."""
    own = issued("APP12.contoso.test", "2048-01", "2026-09-14", "2026-03-14", self_signed=True)
    script = Script(
        machine(
            "rdp-2012-r2",
            computer_name="APP12",
            product_name="Windows Server 2012 R2 Standard",
            build="9600",
            ubr=18589,
            service_starts={"KeyIso": 4},
            rdp_self_signed=own.thumbprint,
        )
    )
    _listener(script)
    put(
        script,
        own,
        "self-signed certificate of Remote Desktop, ended; its CryptoAPI key does not need CNG Key Isolation",
        container="TSSecKeySet1",
        sd=acl.RDP_KEY_SD,
        store="Remote Desktop",
    )
    software = script.machine.hives.software
    for name in (
        "Package_for_KB4012219~31bf3856ad364e35~amd64~~6.3.1.2",
        "Package_for_KB2919355~31bf3856ad364e35~amd64~~6.3.1.14",
    ):
        software.key(f"{_PACKAGES}\\{name}").dword("CurrentState", 0x70)
    disabled = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
    events = [evtx.service_start_changed("APP12.contoso.test", disabled, "KeyIso", "CNG Key Isolation")]
    for hour in (8, 9, 17):
        when = datetime(2026, 10, 29, hour, 30, tzinfo=UTC)
        events += [
            evtx.rdp_certificate_not_created("APP12.contoso.test", when),
            evtx.schannel_key_unusable("APP12.contoso.test", when),
        ]
    _log(script, events)
    return plain("rdp-2012-r2", "Server 2012 R2: CNG Key Isolation disabled, Remote Desktop has no certificate", script)


def rdp_2019() -> Scenario:
    """The service is disabled, and the certificate still lives: a forecast."""
    own = issued("APP19.contoso.test", "2048-02", "2027-01-20", "2026-07-21", self_signed=True)
    script = Script(
        machine("rdp-2019", computer_name="APP19", service_starts={"KeyIso": 4}, rdp_self_signed=own.thumbprint)
    )
    _listener(script)
    put(
        script,
        own,
        "self-signed certificate of Remote Desktop, valid; its CryptoAPI key does not need CNG Key Isolation",
        container="TSSecKeySet1",
        sd=acl.RDP_KEY_SD,
        store="Remote Desktop",
    )
    disabled = datetime(2026, 10, 2, 6, 0, tzinfo=UTC)
    created = datetime(2026, 7, 21, 0, 0, 5, tzinfo=UTC)
    _log(
        script,
        [
            evtx.rdp_certificate_created("APP19.contoso.test", bytes.fromhex(own.thumbprint), created),
            evtx.service_start_changed("APP19.contoso.test", disabled, "KeyIso", "CNG Key Isolation"),
        ],
    )
    return plain("rdp-2019", "Server 2019: CNG Key Isolation disabled, the Remote Desktop certificate lives", script)


def _listener(script: Script) -> None:
    script.machine.hives.system.key(f"{CONTROL_SET}\\Control\\Terminal Server").dword("fDenyTSConnections", 0)


def _log(script: Script, events: Sequence[evtx.Event]) -> None:
    script.machine.write("Windows/System32/winevt/Logs/System.evtx", evtx.event_log(events))
