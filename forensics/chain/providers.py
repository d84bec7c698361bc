"""Which kind of key a provider keeps, and whether it is registered on this disk."""

from __future__ import annotations

from forensics.collectors.evidence import Providers
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.tables.key_chain import ProviderKind

_CNG_KINDS: dict[str, ProviderKind] = {
    "microsoft software key storage provider": "cng",
    "microsoft platform crypto provider": "tpm",
    "microsoft smart card key storage provider": "smart_card",
}

_CAPI_SOFTWARE = frozenset(
    {
        "microsoft base cryptographic provider v1.0",
        "microsoft enhanced cryptographic provider v1.0",
        "microsoft strong cryptographic provider",
        "microsoft rsa schannel cryptographic provider",
        "microsoft rsa signature cryptographic provider",
        "microsoft enhanced rsa and aes cryptographic provider",
        "microsoft enhanced rsa and aes cryptographic provider (prototype)",
        "microsoft base dss cryptographic provider",
        "microsoft base dss and diffie-hellman cryptographic provider",
        "microsoft enhanced dss and diffie-hellman cryptographic provider",
        "microsoft dh schannel cryptographic provider",
    }
)

_BUILT_IN = _CAPI_SOFTWARE | frozenset(_CNG_KINDS) | {"microsoft base smart card crypto provider"}


def provider_kind(link: KeyProvInfo) -> ProviderKind:
    """Return what kind of provider a certificate names.

    No name stands for the default provider of the type, which is Microsoft's software provider.
    """
    name = link.provider.strip().lower()
    if not name:
        return "capi" if link.provider_type else "cng"
    if link.provider_type == 0:
        return _CNG_KINDS.get(name, "other")
    if name in _CAPI_SOFTWARE:
        return "capi"
    return "smart_card" if name == "microsoft base smart card crypto provider" else "other"


def is_registered(link: KeyProvInfo, providers: Providers) -> bool | None:
    """Tell whether the provider is registered; None when the disk does not say.

    A list without a single built-in provider is a partial copy: it proves nothing about a built-in one.
    """
    name = link.provider.strip().lower()
    if not name:
        return None
    listed = providers.cng if link.provider_type == 0 else providers.capi
    either = (providers.cng or frozenset()) | (providers.capi or frozenset())
    if name in either:
        return True
    if name in _BUILT_IN:
        return False if listed and listed & _BUILT_IN else None
    return None if listed is None else False
