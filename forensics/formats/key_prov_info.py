"""KEY_PROV_INFO: the claim of a certificate that its private key lies in a certain container.

References:
    https://learn.microsoft.com/openspecs/windows_protocols/ms-gpef/ (2.2.1.1.1.1.1)
"""

from __future__ import annotations

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

CRYPT_MACHINE_KEYSET = 0x20

_HEADER_SIZE = 28


@dataclass(frozen=True, slots=True)
class KeyProvInfo:
    """A parsed KEY_PROV_INFO.

    Attributes:
        container: Container name, or the name of a key file.
        provider: Provider name; empty when not stored.
        provider_type: 0 for a CNG key storage provider, else the CAPI type.
        flags: 0x20 is the machine keyset.
        key_spec: 1 exchange, 2 signature, 0 or 0xFFFFFFFF for CNG.
    """

    container: str
    provider: str
    provider_type: int
    flags: int
    key_spec: int

    @property
    def machine_keyset(self) -> bool:
        """Whether the key is claimed to be one of the machine, not of a user."""
        return bool(self.flags & CRYPT_MACHINE_KEYSET)


def parse_key_prov_info(data: bytes) -> KeyProvInfo:
    """Parse property 2 of a store element.

    Raises:
        FormatError: ``truncated``, ``bad_offset`` or ``bad_text``.
    """
    cursor = Cursor(data)
    container_at, provider_at, provider_type, flags = cursor.u32s(
        "offset of container", "offset of provider", "provider type", "flags"
    )
    cursor.take(8, "parameters")
    key_spec = cursor.u32("key spec")
    return KeyProvInfo(
        container=_text(data, container_at, "container name"),
        provider=_text(data, provider_at, "provider name"),
        provider_type=provider_type,
        flags=flags,
        key_spec=key_spec,
    )


def _text(data: bytes, start: int, what: str) -> str:
    if start == 0:
        return ""
    if not _HEADER_SIZE <= start < len(data):
        raise FormatError(
            "bad_offset",
            0,
            sentence("{what} lies at {start}, outside {count} bytes", what=what, start=start, count=len(data)),
        )
    end = data.find(b"\0\0", start)
    while (end - start) % 2 and end != -1:
        end = data.find(b"\0\0", end + 1)
    if end == -1:
        raise FormatError("bad_text", start, sentence("{what} has no end", what=what))
    return Cursor(data, start).utf16(end - start, what)
