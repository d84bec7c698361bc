"""Which kind of key a provider keeps, and whether it is registered on this disk."""

from __future__ import annotations

from forensics.collectors.evidence import Providers
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.formats.provider_names import (
    BUILT_IN,
    CAPI_SMART_CARD,
    CAPI_SOFTWARE,
    CNG_SMART_CARD,
    CNG_SOFTWARE,
    CNG_TPM,
)
from forensics.language import sentence
from forensics.tables.key_chain import ProviderKind

_CNG_KINDS: dict[str, ProviderKind] = {CNG_SOFTWARE: "cng", CNG_TPM: "tpm", CNG_SMART_CARD: "smart_card"}


def provider_kind(link: KeyProvInfo) -> ProviderKind:
    """Return what kind of provider a certificate names: its name tells, whatever type stands beside it.

    References:
        https://learn.microsoft.com/windows/win32/seccng/key-storage-and-retrieval
        https://github.com/dotnet/runtime (CopyWithPrivateKey writes the name of a legacy provider with type 0)

    No name stands for the default provider of the type, which is Microsoft's software provider.
    """
    name = link.provider.strip().lower()
    if not name:
        return "capi" if link.provider_type else "cng"
    if name in _CNG_KINDS:
        return _CNG_KINDS[name]
    if name in CAPI_SOFTWARE:
        return "capi"
    return "smart_card" if name == CAPI_SMART_CARD else "other"


def wrong_type(link: KeyProvInfo, providers: Providers) -> str | None:
    """Say why the provider and its type do not belong together; None where they do, or the disk does not say.

    Type 0 goes by way of CNG, which answers to the names of CryptoAPI's providers too.

    References:
        https://learn.microsoft.com/windows/win32/api/wincrypt/nf-wincrypt-cryptacquirecontextw (NTE_PROV_TYPE_NO_MATCH)
    """
    name = link.provider.strip().lower()
    if not name or link.provider_type == 0:
        return None
    if name in _CNG_KINDS and name not in (providers.capi or ()):
        return sentence(
            "{provider!r} is a key storage provider, and its type is 0; the link says {provider_type}",
            provider=link.provider,
            provider_type=link.provider_type,
        )
    registered = providers.capi_types.get(name)
    if registered is None or registered == link.provider_type:
        return None
    return sentence(
        "the provider {provider!r} is of type {registered}, and the link names it with {provider_type}",
        provider=link.provider,
        registered=registered,
        provider_type=link.provider_type,
    )


def is_registered(link: KeyProvInfo, providers: Providers) -> bool | None:
    """Tell whether the provider is registered; None when the disk does not say.

    A list without a single built-in provider is a partial copy: it proves nothing about a built-in one.
    """
    name = link.provider.strip().lower()
    if not name:
        return None
    either = (providers.cng or frozenset()) | (providers.capi or frozenset())
    if name in either:
        return True
    if name in BUILT_IN:
        listed = providers.cng if name in _CNG_KINDS else providers.capi
        return False if listed and listed & BUILT_IN else None
    if link.provider_type == 0:
        return None if providers.cng is None or providers.capi is None else False
    return None if providers.capi is None else False
