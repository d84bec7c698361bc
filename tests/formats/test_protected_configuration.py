"""Which provider encrypted values of a configuration, which container it has, and which account a pool runs as."""

from __future__ import annotations

import pytest

from forensics.formats.iis_applications import SiteFolder
from forensics.formats.iis_configuration import parse_iis_configuration
from forensics.formats.protected_configuration import KNOWN, ProtectedProvider, providers_named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'password="[enc:IISWASOnlyCngProvider:AAEC:enc]" p="[enc:AesProvider:AA:enc]"',
            {"IISWASOnlyCngProvider", "AesProvider"},
        ),
        (
            '<connectionStrings configProtectionProvider = "RsaProtectedConfigurationProvider">',
            {"RsaProtectedConfigurationProvider"},
        ),
        (
            "<appSettings configProtectionProvider='DataProtectionConfigurationProvider'>",
            {"DataProtectionConfigurationProvider"},
        ),
        ('password="plain" note="enc:x:y"', set()),
    ],
)
def test_providers_are_named_where_something_is_encrypted(text: str, expected: set[str]) -> None:
    assert providers_named(text) == expected


def test_the_providers_of_windows_have_the_containers_that_microsoft_tells() -> None:
    # IIS Support Blog, as settled in the specification: two of CNG since IIS 10, two of CryptoAPI before.
    assert {name: (p.container, p.is_cng) for name, p in KNOWN.items()} == {
        "iiswasonlycngprovider": ("iisCngWasKey", True),
        "iiscngprovider": ("iisCngConfigurationKey", True),
        "iiswasonlyaesprovider": ("iisWasKey", False),
        "aesprovider": ("iisConfigurationKey", False),
        "iiswasonlyrsaprovider": ("iisWasKey", False),
        "rsaprotectedconfigurationprovider": ("NetFrameworkConfigurationKey", False),
    }


def test_a_configuration_defines_providers_of_its_own() -> None:
    configuration = parse_iis_configuration(
        b"<configuration><configProtectedData><providers>"
        b'<add name="Own" type="Acme.CngThing" keyContainerName="AcmeKey" useMachineContainer="true"/>'
        b'<add name="User" type="Acme.Rsa" keyContainerName="AcmeUser" useMachineContainer="false"/>'
        b'<add name="Dpapi" type="System.Configuration.DpapiProtectedConfigurationProvider"/>'
        b"</providers></configProtectedData></configuration>"
    )
    assert configuration.providers == (
        ProtectedProvider("Own", "AcmeKey", True, True),
        ProtectedProvider("User", "AcmeUser", False, False),
    )


_POOLS = b"""<configuration><system.applicationHost>
  <applicationPools>
    <add name="Own" />
    <add name="Net"><processModel identityType="NetworkService" /></add>
    <add name="Sys"><processModel identityType="LocalSystem" /></add>
    <add name="Named"><processModel identityType="SpecificUser" userName="CONTOSO\\svc-web" /></add>
    <applicationPoolDefaults><processModel identityType="ApplicationPoolIdentity" /></applicationPoolDefaults>
  </applicationPools>
  <sites>
    <site name="Main" id="1">
      <application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" /></application>
      <application path="/api" applicationPool="Named"><virtualDirectory path="/" physicalPath="C:\\api" />
        <virtualDirectory path="/files" physicalPath="D:\\files" /></application>
      <application path="/net" applicationPool="Net"><virtualDirectory path="/" physicalPath="C:\\net" /></application>
      <application path="/sys" applicationPool="Sys"><virtualDirectory path="/" physicalPath="C:\\sys" /></application>
      <application path="/own" applicationPool="own"><virtualDirectory path="/" physicalPath="C:\\own" /></application>
      <application path="/gone" applicationPool="Gone"><virtualDirectory physicalPath="C:\\gone" /></application>
      <application path="/none"><virtualDirectory path="/" /></application>
    </site>
    <applicationDefaults applicationPool="Own" />
  </sites>
</system.applicationHost></configuration>"""


def test_folders_of_sites_and_the_accounts_of_their_pools() -> None:
    folders = parse_iis_configuration(_POOLS).folders
    assert folders == (
        SiteFolder("Main", "/", "%SystemDrive%\\inetpub\\wwwroot", "IIS APPPOOL\\Own"),
        SiteFolder("Main", "/api", "C:\\api", "CONTOSO\\svc-web"),
        SiteFolder("Main", "/api", "D:\\files", "CONTOSO\\svc-web"),
        SiteFolder("Main", "/net", "C:\\net", "NT AUTHORITY\\NetworkService"),
        SiteFolder("Main", "/sys", "C:\\sys", "LocalSystem"),
        SiteFolder("Main", "/own", "C:\\own", "IIS APPPOOL\\Own"),
        SiteFolder("Main", "/gone", "C:\\gone", "IIS APPPOOL\\Gone"),
    )
    assert [folder.name for folder in folders[:2]] == ["Main", "Main/api"]


def test_the_default_of_pools_is_their_own_identity_unless_the_defaults_say_otherwise() -> None:
    text = _POOLS.replace(b'identityType="ApplicationPoolIdentity"', b'identityType="NetworkService"')
    assert parse_iis_configuration(text).folders[0].account == "NT AUTHORITY\\NetworkService"
