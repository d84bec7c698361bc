"""Image ``web-server``: services bound to certificates that are good, dead, expiring, expired, unreadable, missing."""

from __future__ import annotations

from uuid import UUID

from testdata.builder import acl
from testdata.builder.machine import machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.scenario import Scenario, Script, plain
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.dated import issued, put

IIS = "4dc3e181-e14b-4a21-b022-59fc669b0914"
WINRM = "afebb9ad-9b97-4a91-9ab5-daf4d59122f6"
OWN_PROGRAM = "11111111-2222-4333-8444-555555555555"
MISSING = "00112233445566778899AABBCCDDEEFF00112233"

_SITES = b"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.applicationHost>
    <sites>
      <site name="Default Web Site" id="1">
        <bindings>
          <binding protocol="http" bindingInformation="*:80:" />
          <binding protocol="https" bindingInformation="*:443:" sslFlags="0" />
        </bindings>
      </site>
      <site name="Shop" id="2">
        <bindings>
          <binding protocol="https" bindingInformation="*:443:shop.contoso.test" sslFlags="1" />
        </bindings>
      </site>
    </sites>
  </system.applicationHost>
</configuration>
"""


def web_server() -> Scenario:
    rdp = issued("rdp.contoso.test", "2048-05", "2026-09-01")
    script = Script(machine("web-server", rdp_certificate=rdp.thumbprint))
    www = put(script, issued("www.contoso.test", "2048-01", "2029-01-15"), "bound to 443, sound")
    shop = issued("shop.contoso.test", "2048-02", "2029-01-15")
    put(script, shop, "bound to a host name, key file gone", ABSENT, written=False)
    api = put(script, issued("api.contoso.test", "2048-03", "2026-12-10"), "bound to 8443, ends soon")
    remoting = put(script, issued("remoting.contoso.test", "2048-04", "2026-10-01"), "bound to WinRM, ended")
    put(script, rdp, "bound to Remote Desktop, ended", sd=acl.RDP_KEY_SD)
    sql = put(script, issued("sql.contoso.test", "2048-06", "2029-01-15"), "SQL Server's account may not read it")
    put(script, issued("idle.contoso.test", "2048-07", "2029-01-15"), "used by nothing")

    _bind(script, "SslBindingInfo\\0.0.0.0:443", www.thumbprint, IIS)
    _bind(script, "SslSniBindingInfo\\shop.contoso.test:443", shop.thumbprint, IIS)
    _bind(script, "SslBindingInfo\\0.0.0.0:8443", api.thumbprint, OWN_PROGRAM)
    _bind(script, "SslBindingInfo\\0.0.0.0:5986", remoting.thumbprint, WINRM)
    _bind(script, "SslBindingInfo\\0.0.0.0:9443", MISSING, OWN_PROGRAM)
    script.machine.write("Windows/System32/inetsrv/config/applicationHost.config", _SITES)
    hives = script.machine.hives
    listener = hives.software.key("Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener\\*+HTTPS")
    listener.sz("certThumbprint", remoting.thumbprint).dword("Port", 5986)
    servers = "Microsoft\\Microsoft SQL Server"
    hives.software.key(f"{servers}\\Instance Names\\SQL").sz("MSSQLSERVER", "MSSQL15.MSSQLSERVER")
    network = hives.software.key(f"{servers}\\MSSQL15.MSSQLSERVER\\MSSQLServer\\SuperSocketNetLib")
    network.sz("Certificate", sql.thumbprint.lower())
    service = hives.system.key(f"{CONTROL_SET}\\Services\\MSSQLSERVER")
    service.dword("Start", 2).sz("ObjectName", "NT Service\\MSSQLSERVER")
    hives.system.key(f"{CONTROL_SET}\\Control\\Terminal Server").dword("fDenyTSConnections", 0)
    return plain("web-server", "Services bound to good, dead, expiring, expired and missing certificates", script)


def _bind(script: Script, binding: str, thumbprint: str, application: str) -> None:
    key = script.machine.hives.system.key(f"{CONTROL_SET}\\Services\\HTTP\\Parameters\\{binding}")
    key.binary("SslCertHash", bytes.fromhex(thumbprint)).binary("AppId", UUID(application).bytes_le)
    key.sz("SslCertStoreName", "MY").dword("DefaultFlags", 0)
