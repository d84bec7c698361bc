"""X.501 names that stand alone."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from forensics.formats.distinguished_name import MAX_NAME_SIZE, distinguished_name
from forensics.formats.errors import FormatError


def test_distinguished_names() -> None:
    parts = [(NameOID.DOMAIN_COMPONENT, "test"), (NameOID.COMMON_NAME, "vpn, of Köln")]
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
    assert distinguished_name(name.public_bytes()) == "CN=vpn\\, of Köln,DC=test"


@pytest.mark.parametrize(
    ("der", "kind"),
    [
        (b"", "truncated"),
        (b"\x31\x00", "bad_tag"),
        (bytes(MAX_NAME_SIZE + 1), "too_large"),
        (bytes.fromhex("300b3109300706035504030500"), "bad_name"),
    ],
)
def test_distinguished_names_that_are_none(der: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        distinguished_name(der)
    assert raised.value.kind == kind


def test_a_length_that_is_forbidden_is_no_news(recwarn: pytest.WarningsRecorder) -> None:
    """A common name of no letters; the library warned of it on the error output, with a path of this machine."""
    assert distinguished_name(bytes.fromhex("300b3109300706035504030c00")) == "CN="
    assert list(recwarn) == []
