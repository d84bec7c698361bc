"""applicationHost.config of IIS: https bindings, and hashes of the old metabase."""

from __future__ import annotations

import base64

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.iis_configuration import HttpsBinding, OldHash, parse_iis_configuration

HASH = bytes(range(20))
SITES = f"""<configuration><system.applicationHost><sites>
  <site name="Shop" id="2"><bindings>
    <binding protocol="http" bindingInformation="*:80:" />
    <binding protocol="HTTPS" bindingInformation="*:443:shop.test" sslFlags="1" />
    <binding protocol="https" bindingInformation="10.0.0.1:8443:" sslFlags="x" />
    <binding protocol="https" bindingInformation="*:444:" sslFlags="3" />
  </bindings></site></sites></system.applicationHost>
  <customMetadata>
    <key path="LM/W3SVC/2"><property id="5506" value="{base64.b64encode(HASH).decode()}" /><property id="1" /></key>
    <key path="LM/W3SVC/nine"><property id="5506" value="AA==" /></key>
  </customMetadata></configuration>"""


def test_iis() -> None:
    found = parse_iis_configuration(SITES.encode())
    assert found.bindings == (
        HttpsBinding("2", "Shop", "*:443:shop.test", 1),
        HttpsBinding("2", "Shop", "10.0.0.1:8443:", 0),
        HttpsBinding("2", "Shop", "*:444:", 3),
    )
    assert [binding.takes_central_store for binding in found.bindings] == [False, False, True]
    assert [binding.http_sys_names() for binding in found.bindings[:2]] == [
        [("sni", "shop.test:443")],
        [("address", "10.0.0.1:8443")],
    ]
    assert HttpsBinding("1", "", "*:443:", 0).http_sys_names() == [("address", "0.0.0.0:443"), ("address", "[::]:443")]
    assert [(old.site, old.thumbprint()) for old in found.old_hashes] == [("2", HASH.hex().upper())]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("!", "bad_base64", "property 5506 of site 2 is no base64"),
        ("AAA=", "bad_length", "property 5506 of site 2 has 2 bytes, not 20"),
    ],
)
def test_old_hashes_of_iis_that_are_none(value: str, kind: str, message: str) -> None:
    with pytest.raises(FormatError) as raised:
        OldHash("2", value).thumbprint()
    assert (raised.value.kind, raised.value.message) == (kind, message)
