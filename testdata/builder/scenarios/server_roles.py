"""Image ``server-roles``: an authority, Exchange, NDES, WSUS and IIS, and their own certificates and keys."""

from __future__ import annotations

from cryptography.x509.oid import ObjectIdentifier

from testdata.builder.certs import CODE_SIGNING, make_certificate
from testdata.builder.keys import ec_key
from testdata.builder.machine import machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.common import cng_certificate
from testdata.builder.scenarios.dated import issued, put

AUTHORITY = "Contoso Issuing CA 9"
DELETED = "0123456789ABCDEF0123456789ABCDEF01234567"
"""First generation of the authority, which somebody deleted from My."""
REQUEST_AGENT = ObjectIdentifier("1.3.6.1.4.1.311.20.2.1")

_POOLS = b"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <configProtectedData>
    <providers>
      <add name="AesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider"
           keyContainerName="iisConfigurationKey" useMachineContainer="true" />
      <add name="IISWASOnlyAesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider"
           keyContainerName="iisWasKey" useMachineContainer="true" />
    </providers>
  </configProtectedData>
  <system.applicationHost>
    <applicationPools>
      <add name="SCEP">
        <processModel identityType="SpecificUser" userName="CONTOSO\\svc-ndes"
                      password="[enc:IISWASOnlyAesProvider:AAECAwQFBgcICQ==:enc]" />
      </add>
    </applicationPools>
  </system.applicationHost>
</configuration>
"""


def server_roles() -> Scenario:
    script = Script(machine("server-roles", computer_name="ROLES1"))
    _authority(script)
    auth = issued("Microsoft Exchange Server Auth Certificate", "2048-03", "2026-11-01", "2021-11-01", self_signed=True)
    put(script, auth, "Exchange's OAuth certificate, ended", container="exchange-auth")
    _enrolment(script)
    for key, since, until, why in (
        ("2048-06", "2019-06-01", "2024-06-01", "the signer of WSUS before, ended"),
        ("2048-07", "2024-05-20", "2029-05-20", "the signer of WSUS"),
    ):
        signer = issued("WSUS Publishers Self-signed", key, until, since, self_signed=True, eku=(CODE_SIGNING,))
        put(script, signer, why, store="WSUS", container=f"WSUS-{since[:4]}")
    _operations_manager(script)
    script.machine.write("Windows/System32/inetsrv/config/applicationHost.config", _POOLS)
    return plain(
        "server-roles", "An authority, Exchange, NDES, WSUS and IIS with good and dead keys of their own", script
    )


def _authority(script: Script) -> None:
    second = issued(AUTHORITY, "2048-01", "2026-06-01", "2016-06-01", self_signed=True, is_ca=True, eku=())
    put(
        script,
        second,
        "second generation of the authority, ended, key file gone",
        ABSENT,
        written=False,
        container="CA(1)",
    )
    third = issued(AUTHORITY, "2048-02", "2036-06-01", "2026-05-01", self_signed=True, is_ca=True, eku=())
    put(script, third, "its present generation", container="CA(2)")
    system, service = script.machine.hives.system, f"{CONTROL_SET}\\Services\\CertSvc"
    system.key(service).dword("Start", 2).sz("ObjectName", "LocalSystem")
    system.key(f"{service}\\Configuration").sz("Active", AUTHORITY)
    listed = [bytes.fromhex(hash).hex(" ") for hash in (DELETED, second.thumbprint, third.thumbprint)]
    authority = system.key(f"{service}\\Configuration\\{AUTHORITY}")
    authority.sz("CommonName", AUTHORITY).multi_sz("CACertHash", listed)


def _enrolment(script: Script) -> None:
    script.machine.hives.software.key("Microsoft\\Cryptography\\MSCEP").sz("EncryptionTemplate", "CEPEncryption")
    encryption = issued("ROLES1-MSCEP-RA", "2048-04", "2028-03-01", template="CEPEncryption", eku=(REQUEST_AGENT,))
    put(script, encryption, "NDES decrypts with it, key file gone", ABSENT, written=False, container="ra-encryption")
    agent = issued("ROLES1-MSCEP-RA", "2048-05", "2028-03-01", template="EnrollmentAgentOffline", eku=(REQUEST_AGENT,))
    put(script, agent, "NDES signs with it", container="ra-agent")


def _operations_manager(script: Script) -> None:
    cng_certificate(script, "scom.contoso.test", "scom", SOUND, "of Operations Manager, in a key storage provider")
    hives = script.machine.hives
    hives.system.key(f"{CONTROL_SET}\\Services\\HealthService").dword("Start", 2).sz("ObjectName", "LocalSystem")
    settings = hives.software.key("Microsoft\\Microsoft Operations Manager\\3.0\\Machine Settings")
    settings.sz("ChannelCertificateHash", make_certificate("scom.contoso.test", ec_key("P-256", "scom")).thumbprint)
