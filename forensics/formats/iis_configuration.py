"""applicationHost.config of IIS: the https bindings and folders of its sites, old certificate hashes, encryption.

References:
    Microsoft Learn, IIS <binding> (sslFlags); IIS Support Blog, "SSL binding lost" (customMetadata, property 5506).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.errors import FormatError
from forensics.formats.iis_applications import SiteFolder, site_folders
from forensics.formats.protected_configuration import ProtectedProvider, protected_providers
from forensics.formats.thumbprint import SHA1_SIZE
from forensics.formats.xml_text import at_path, named, parse_xml
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HASH_PROPERTY = "5506"

_SNI, _CENTRAL_STORE = 1, 2
_SITE_PATH = re.compile(r"/?LM/W3SVC/(\d{1,10})(?:/.*)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpsBinding:
    """An https binding of a site.

    Attributes:
        site: Number of the site.
        site_name: Its name.
        information: ``IP:port:host``.
        flags: sslFlags, 0 where they are not there or no number.
    """

    site: str
    site_name: str
    information: str
    flags: int

    @property
    def takes_central_store(self) -> bool:
        """Its certificate is a PFX file on a share."""
        return bool(self.flags & _CENTRAL_STORE)

    def http_sys_names(self) -> list[tuple[str, str]]:
        """Return kind (``sni`` or ``address``) and name under which http.sys may keep its certificate."""
        address_port, _, host = self.information.rpartition(":")
        address, _, port = address_port.rpartition(":")
        if self.flags & _SNI:
            return [("sni", f"{host}:{port}".lower())]
        addresses = ["0.0.0.0", "[::]"] if address in ("*", "") else [address.lower()]
        return [("address", f"{a}:{port}") for a in addresses]


@dataclass(frozen=True, slots=True)
class OldHash:
    """A certificate hash that the old metabase kept of a site.

    Attributes:
        site: Number of the site.
        value: base64, as it stands.
    """

    site: str
    value: str

    def thumbprint(self) -> str:
        """Return the SHA-1 in upper hex.

        Raises:
            FormatError: The value is no base64, or no hash.
        """
        try:
            data = base64.b64decode(self.value.strip(), validate=True)
        except (binascii.Error, ValueError):
            message = sentence(
                "property {hash_property} of site {site} is no base64", hash_property=HASH_PROPERTY, site=self.site
            )
            raise FormatError("bad_base64", 0, message) from None
        if len(data) != SHA1_SIZE:
            message = sentence(
                "property {hash_property} of site {site} has {count} bytes, not 20",
                hash_property=HASH_PROPERTY,
                site=self.site,
                count=len(data),
            )
            raise FormatError("bad_length", 0, message)
        return data.hex().upper()


@dataclass(frozen=True, slots=True)
class IisConfiguration:
    """What the file says of certificates.

    Attributes:
        bindings: The https bindings, site by site.
        old_hashes: Hashes that can undo them.
        folders: The folders of the sites' applications.
        providers: What encrypts values of configurations, with its key containers.
    """

    bindings: tuple[HttpsBinding, ...]
    old_hashes: tuple[OldHash, ...]
    folders: tuple[SiteFolder, ...] = ()
    providers: tuple[ProtectedProvider, ...] = ()


def parse_iis_configuration(data: bytes) -> IisConfiguration:
    """Parse applicationHost.config.

    Raises:
        FormatError: As :func:`~forensics.formats.xml_text.parse_xml`.
    """
    root = parse_xml(data)
    return IisConfiguration(
        tuple(_bindings(root)), tuple(_old_hashes(root)), tuple(site_folders(root)), tuple(protected_providers(root))
    )


def _bindings(root: Element) -> Iterator[HttpsBinding]:
    for site in named(root, "site"):
        for element in at_path(site, "bindings", "binding"):
            if element.get("protocol", "").lower() == "https":
                flags = _number(element.get("sslFlags"))
                information = element.get("bindingInformation", "")
                yield HttpsBinding(site.get("id", ""), site.get("name", ""), information, flags)


def _old_hashes(root: Element) -> Iterator[OldHash]:
    for metadata in named(root, "customMetadata"):
        for key in at_path(metadata, "key"):
            number = _SITE_PATH.fullmatch(key.get("path", ""))
            for element in at_path(key, "property") if number else ():
                if number and element.get("id") == HASH_PROPERTY:
                    yield OldHash(number[1], element.get("value", ""))


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
