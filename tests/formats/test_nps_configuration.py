"""ias.xml of NPS: the certificate of each EAP configuration."""

from __future__ import annotations

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.nps_configuration import EapConfiguration, eap_configurations

HASH = bytes(range(20))


def test_nps() -> None:
    peap = (b"\x19" + bytes(35) + HASH).hex()
    value = f"<msEAPConfiguration>{peap}</msEAPConfiguration>"
    xml = f"<Root><Wifi name='Staff'><Properties>{value}</Properties></Wifi></Root>"
    [found] = eap_configurations(xml.encode())
    assert found == EapConfiguration("Staff", peap)
    assert found.server_certificate() == ("PEAP", HASH.hex().upper())


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x0d" + bytes(39) + HASH, ("EAP-TLS", HASH.hex().upper())),
        (b"\x0d" + bytes(59), None),
        (b"\x1a" + bytes(59), None),
        (b"", None),
    ],
)
def test_methods_of_nps(data: bytes, found: tuple[str, str] | None) -> None:
    assert EapConfiguration("p", data.hex(" ")).server_certificate() == found


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("xx", "bad_hex", "the EAP configuration of policy p is not hexadecimal"),
        ("19" * 55, "truncated", "the PEAP configuration of policy p ends before its hash"),
    ],
)
def test_broken_configurations_of_nps(text: str, kind: str, message: str) -> None:
    with pytest.raises(FormatError) as raised:
        EapConfiguration("p", text).server_certificate()
    assert (raised.value.kind, raised.value.message) == (kind, message)
