"""Encrypted values of configuration files: which provider encrypted them, and in which key container its key lies.

References:
    Microsoft Learn, IIS "Using encryption to protect passwords" (configProtectedData, ``[enc:PROVIDER:...:enc]``);
    .NET Framework, RsaProtectedConfigurationProvider (machine.config's own container).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.xml_text import at_path, named
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MARKS = ("[enc:", "configProtectionProvider")
# Of IIS a value, of ASP.NET a whole section.
_NAMED = re.compile(r"\[enc:([^:\]\r\n]{1,200}):|\bconfigProtectionProvider\s*=\s*[\"']([^\"'\r\n]{1,200})[\"']")


@dataclass(frozen=True, slots=True)
class ProtectedProvider:
    """A provider that encrypts parts of configuration files.

    Attributes:
        name: Its name.
        container: Key container with its key.
        is_cng: The key is one of CNG, else of CAPI.
        is_machine: The container is in the computer's key set.
    """

    name: str
    container: str
    is_cng: bool
    is_machine: bool = True


# Those that Windows brings; a configuration may say otherwise.
KNOWN = {
    provider.name.lower(): provider
    for provider in (
        ProtectedProvider("IISWASOnlyCngProvider", "iisCngWasKey", True),
        ProtectedProvider("IISCngProvider", "iisCngConfigurationKey", True),
        ProtectedProvider("IISWASOnlyAesProvider", "iisWasKey", False),
        ProtectedProvider("AesProvider", "iisConfigurationKey", False),
        ProtectedProvider("IISWASOnlyRsaProvider", "iisWasKey", False),
        ProtectedProvider("RsaProtectedConfigurationProvider", "NetFrameworkConfigurationKey", False),
    )
}


def providers_named(text: str) -> set[str]:
    """Return the names of the providers that encrypted something in a configuration file."""
    if not any(mark in text for mark in _MARKS):
        return set()
    return {found[1] or found[2] for found in _NAMED.finditer(text)}


def protected_providers(root: Element) -> Iterator[ProtectedProvider]:
    """Yield the providers with a key container that a configuration defines.

    Args:
        root: The document.
    """
    for element in named(root, "configProtectedData"):
        for provider in at_path(element, "providers", "add"):
            name, container = provider.get("name"), provider.get("keyContainerName")
            if name and container:
                yield ProtectedProvider(
                    name,
                    container,
                    "cng" in provider.get("type", "").lower(),
                    provider.get("useMachineContainer", "true").lower() != "false",
                )
