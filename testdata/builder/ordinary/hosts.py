"""What others work on: a session host, a Hyper-V host, a site server of Configuration Manager, a pooled desktop.

References:
    Microsoft Learn: Remote Desktop listener certificate configurations; New-HgsGuardian; Certificates in Configuration
    Manager; KB967902 (certificate of the Virtual Machine Management service); Sysprep.
"""

from __future__ import annotations

from testdata.builder import acl
from testdata.builder.certs import CLIENT_AUTH, REMOTE_DESKTOP
from testdata.builder.hyperv_storage import Value
from testdata.builder.key_protector import guardian_pair, write_key_protector
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.iis import install_iis
from testdata.builder.ordinary.windows import (
    SERVER_2019,
    SERVER_2022,
    SERVER_2025,
    WINDOWS_10_LTSC,
    Ordinary,
    Planted,
    Windows,
    day,
)
from testdata.builder.virtual_machine import HYPER_V, INVENTORY, VIRTUAL_TPM, VirtualMachine, inventory

SHIELDED = "Shielded VM Local Certificates"
UNUSED_TPM: dict[str, Value] = {
    f"configuration/manifest/vdev003/{name}": value
    for name, value in (
        ("device", VIRTUAL_TPM),
        ("instance", VIRTUAL_TPM),
        ("name", "Microsoft Virtual TPM Device"),
        ("flags", 1),
    )
}
"""Every machine of generation 2 lists the device, also if it was never on."""


def session_host(faulty: bool) -> Ordinary:
    """A session host whose listener policy gives a certificate; the fault: NETWORK SERVICE may not read its key."""
    windows = Windows("RDS01", SERVER_2022)
    policy = windows.software.key("Policies\\Microsoft\\Windows NT\\Terminal Services")
    policy.sz("CertTemplateName", "ContosoRemoteDesktop").dword("SecurityLayer", 2)
    listener = windows.enrolled(
        "ContosoRemoteDesktop",
        "2026-03-10",
        "2027-03-10",
        eku=[REMOTE_DESKTOP],
        sd=acl.KEY_FILE_SD if faulty else acl.RDP_KEY_SD,
        container="TSSecKeySet2",
    )
    stations = f"{CONTROL_SET}\\Control\\Terminal Server\\WinStations"
    windows.system.key(f"{stations}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", bytes.fromhex(listener.thumbprint))
    windows.auto_enrolment("Machine")
    windows.enrolled("Machine", "2026-08-09", "2027-08-09")
    planted = Planted(
        "rdp-key-not-readable-by-network-service",
        "critical",
        listener.thumbprint,
        frozenset({"key-access-denied", "rdp-key-unusable"}),
    )
    return Ordinary("RDS session host", windows.machine, planted if faulty else None)


def hyperv_host(faulty: bool) -> Ordinary:
    """A host with a guardian and its own certificates; the fault: the guardian of a machine stayed on another host."""
    windows = Windows("HV01", SERVER_2025)
    windows.service("vmms")
    for since, until in (("2024-03-04", "2034-03-02"), ("2025-01-14", "2035-01-12")):
        own = windows.issue(windows.host, since, until, self_signed=True)
        windows.put(own, cng=True, service="vmms")
    pair = guardian_pair("UntrustedGuardian", "HV01", day("2024-03-05"), day("2034-03-05"))
    for certificate in (pair.signing, pair.encryption):
        windows.put(certificate, cng=True, store=SHIELDED)
    machines = [("APP01", write_key_protector(pair)), ("APP02", None)]
    if faulty:
        old_host = guardian_pair("UntrustedGuardian", "HV00", day("2019-02-11"), day("2029-02-11"), number=4)
        machines.append(("OLD01", write_key_protector(old_host)))
    listed = {}
    for number, (name, protector) in enumerate(machines, 1):
        guid = f"{number:08x}-0a01-4b02-8c03-000000000001"
        further = {} if protector else UNUSED_TPM
        vm = VirtualMachine(name, guid, vtpm=protector is not None, protector=protector, further=further)
        path = f"{HYPER_V}/Virtual Machines/{vm.vm_id.upper()}.vmcx"
        windows.machine.write(path, vm.vmcx(), created=day("2026-11-20"))
        listed[vm.vm_id] = "C:\\" + path.replace("/", "\\")
    windows.machine.write(INVENTORY, inventory(listed), created=day("2026-11-20"))
    planted = Planted("vm-needs-missing-guardian", "critical", "OLD01")
    return Ordinary("Hyper-V host", windows.machine, planted if faulty else None)


def site_server(faulty: bool) -> Ordinary:
    """A site server that is a client too; the fault: the key file of its client's signing certificate is damaged."""
    windows = Windows("CM01", SERVER_2019)
    windows.service("SMS_EXECUTIVE")
    client = windows.config_mgr_client()
    for name in ("Site System Identification Certificate", "Site Server Signing Certificate"):
        system = windows.issue("CM01.contoso.test", "2024-03-05", f"2124-02-{12 + len(name) % 2}", self_signed=True)
        windows.put(system, store="SMS", friendly_name=name)
    install_iis(windows, ("Default Web Site", "*:443:"))
    served = windows.issue(windows.host, "2026-02-01", "2028-02-01", template="ContosoWebServer")
    windows.put(served)
    windows.bind("0.0.0.0:443", served.thumbprint)
    planted = Planted("key-blob-damaged", "critical", client.thumbprint, frozenset({"service-uses-dead-key"}))
    if faulty:
        windows.damage("SMS signing")
    return Ordinary("ConfigMgr site server", windows.machine, planted if faulty else None)


def pool_desktop(faulty: bool) -> Ordinary:
    """A desktop cloned from a generalized image; the fault: a certificate of the image came without its key."""
    windows = Windows(
        "VDI-017",
        WINDOWS_10_LTSC,
        clone_tag="Mon Sep 07 05:48:31 2026",
        installed=day("2026-09-08"),
        secret_set=day("2026-09-08"),
    )
    windows.auto_enrolment("Machine")
    windows.enrolled("Machine", "2026-09-08", "2027-09-08", cng=True)
    windows.config_mgr_client()
    image = "9b2f0c51-7d3e-4f60-a1b2-c3d4e5f60718"
    windows.machine.put_capi("TSSecKeySet1", exchange=windows.slot(), suffix=image, created=day("2026-09-01"))
    signer = windows.issue("agent.contoso.test", "2026-01-10", "2028-01-10", eku=[CLIENT_AUTH])
    if faulty:
        windows.put(signer, container="imported", written=False, created=day("2026-09-01"))
        windows.machine.put_capi("imported", exchange=windows.slot(signer), suffix=image, created=day("2026-09-01"))
    planted = Planted(
        "generalize-orphaned-keys", "critical", signer.thumbprint, frozenset({"key-file-of-another-machine-guid"})
    )
    return Ordinary("VDI clone", windows.machine, planted if faulty else None)
