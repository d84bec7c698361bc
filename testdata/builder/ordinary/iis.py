"""IIS on an ordinary machine: its configuration, its own keys, its remote administration.

References:
    Microsoft Learn: applicationHost.config; Configure the Web Management Service; aspnet_regiis.
"""

from __future__ import annotations

from uuid import UUID

from testdata.builder.certs import Certificate
from testdata.builder.ordinary.windows import Windows

WEB_MANAGEMENT = UUID("d7d72267-fcf9-4424-9eec-7e1d8dcec9a9")
_OWN_KEYS = ("iisConfigurationKey", "iisWasKey", "Microsoft Internet Information Server", "MS IIS DCOM Server")
_PROVIDER = (
    '<add name="{name}" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider" '
    'keyContainerName="{container}" useMachineContainer="true" />'
)
_POOLS = (
    '<applicationPools><add name="DefaultAppPool" /><add name="Shop"><processModel identityType="SpecificUser" '
    'userName="CONTOSO\\svc-shop" password="[enc:IISWASOnlyAesProvider:AAECAwQFBgcICQ==:enc]" /></add>'
    "</applicationPools>"
)
_SITE = (
    '<site name="{name}" id="{number}" serverAutoStart="true"><application path="/" applicationPool="DefaultAppPool">'
    '<virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\{number}" /></application><bindings>'
    '<binding protocol="https" bindingInformation="{information}" sslFlags="{flags}" /></bindings></site>'
)


def install_iis(windows: Windows, *sites: tuple[str, str]) -> None:
    """Install IIS with its keys, and a site for each name and binding ``IP:port:host``."""
    listed = "".join(
        _SITE.format(name=name, number=number, information=information, flags=int(not information.endswith(":")))
        for number, (name, information) in enumerate(sites, 1)
    )
    providers = "".join(
        _PROVIDER.format(name=name, container=container)
        for name, container in (("AesProvider", _OWN_KEYS[0]), ("IISWASOnlyAesProvider", _OWN_KEYS[1]))
    )
    windows.machine.write(
        "Windows/System32/inetsrv/config/applicationHost.config",
        f"<configuration><configProtectedData><providers>{providers}</providers></configProtectedData>"
        f"<system.applicationHost>{_POOLS}<sites>{listed}</sites></system.applicationHost></configuration>".encode(),
    )
    for name in _OWN_KEYS:
        windows.container_of_windows(name)
    windows.service("W3SVC")
    windows.service("WAS")


def administer_remotely(windows: Windows, since: str, until: str) -> Certificate:
    """Install remote administration with the certificate that its setup makes; returns that."""
    made = windows.issue(f"WMSvc-SHA2-{windows.name}", since, until, self_signed=True)
    windows.put(made, friendly_name="WMSVC-SHA2")
    windows.bind("0.0.0.0:8172", made.thumbprint, application=WEB_MANAGEMENT)
    server = windows.software.key("Microsoft\\WebManagement\\Server")
    server.binary("SslCertificateHash", bytes.fromhex(made.thumbprint)).dword("Port", 8172)
    windows.service("WMSVC", "NT AUTHORITY\\LocalService")
    return made
