"""Images ``chain``, ``two-windows`` and ``sectors-4096``: one story on unusual disks."""

from __future__ import annotations

from testdata.builder import acl, certs
from testdata.builder.capi import Slot
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine
from testdata.builder.scenario import SOUND, Disk, Scenario, Script
from testdata.builder.scenarios.broken_access import DENIED
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN, REPLACED
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

OLD_GUID = "0dd0dd00-3333-4444-8555-fedcba987654"


def chain() -> Scenario:
    """Three checkpoints: all sound; then one key file deleted; then another container re-created."""
    stages = [_checkpoint(number) for number in range(3)]
    return Scenario(
        "chain",
        "Differencing chain: base, child, grandchild; one key dies in the child, one in the grandchild",
        [Disk([script.machine.volume()]) for script in stages],
        [stages[-1].truth()],
        container="vhdx_chain",
        notes={"checkpoints": {f"stage {number}": [script.truth()] for number, script in enumerate(stages)}},
    )


def _checkpoint(number: int) -> Script:
    script = Script(machine("chain"))
    capi_certificate(script, "stays.contoso.test", "2048-01", SOUND, "sound at every checkpoint")
    if number == 0:
        capi_certificate(script, "dies-first.contoso.test", "2048-02", SOUND, "sound in the base")
    else:
        capi_certificate(
            script,
            "dies-first.contoso.test",
            "2048-02",
            ABSENT,
            "deleted in the child",
            written=False,
            master_key=None,
            exportable="unknown",
        )
    host = "dies-later.contoso.test"
    if number < 2:
        capi_certificate(script, host, "2048-03", SOUND, "sound until the grandchild")
    else:
        path = script.machine.put_capi(container_of(host), exchange=Slot(rsa_key("2048-04")))
        capi_certificate(script, host, "2048-03", REPLACED, "re-created with another key in the grandchild", path=path)
    return script


def two_windows() -> Scenario:
    """Two installations on one disk; each binds a certificate to Remote Desktop, the second without rights for it."""
    left = certs.make_certificate("rdp-left.contoso.test", rsa_key("2048-03"))
    first = Script(machine("two-windows/first", computer_name="LEFT", rdp_certificate=left.thumbprint))
    capi_certificate(first, "left.contoso.test", "2048-01", SOUND, "first Windows, sound")
    host = "rdp-left.contoso.test"
    path = first.machine.put_capi(container_of(host), exchange=Slot(rsa_key("2048-03")), sd=acl.RDP_KEY_SD)
    capi_certificate(first, host, "2048-03", SOUND, "bound to Remote Desktop, NETWORK SERVICE may read", path=path)

    host = "rdp-right.contoso.test"
    right = certs.make_certificate(host, rsa_key("2048-04"))
    second = Script(
        machine(
            "two-windows/second",
            computer_name="RIGHT",
            product_name="Windows 10 Enterprise",
            rdp_certificate=right.thumbprint,
        )
    )
    cng_certificate(second, "right.contoso.test", "right", SOUND, "second Windows, sound")
    capi_certificate(second, host, "2048-04", DENIED, "bound to Remote Desktop, NETWORK SERVICE may not read")
    host = "right-old.contoso.test"
    path = second.machine.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02")), suffix=OLD_GUID)
    capi_certificate(second, host, "2048-02", FOREIGN, "second Windows, key file of an earlier identity", path=path)
    return Scenario(
        "two-windows",
        "Two Windows installations on one disk, each with a certificate bound to Remote Desktop",
        [Disk([first.machine.volume(), second.machine.volume()])],
        [first.truth(), second.truth()],
    )


def sectors_4096() -> Scenario:
    """A disk with 4096-byte sectors."""
    script = Script(machine("sectors-4096", computer_name="FOURK"))
    capi_certificate(script, "fourk.contoso.test", "2048-01", SOUND, "sound, on 4096-byte sectors")
    host = "fourk-denied.contoso.test"
    sd = acl.security_descriptor([acl.Ace(acl.SYSTEM, acl.FULL, acl.DENY), acl.Ace(acl.ADMINISTRATORS)])
    path = script.machine.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02")), sd=sd)
    assert path.startswith(MACHINE.capi_folder)
    capi_certificate(script, host, "2048-02", DENIED, "SYSTEM denied, on 4096-byte sectors", path=path)
    return Scenario(
        "sectors-4096",
        "A disk with 4096-byte sectors",
        [Disk([script.machine.volume()], sector_size=4096)],
        [script.truth()],
    )
