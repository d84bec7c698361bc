"""Providers: what they keep, and when one counts as not registered."""

from __future__ import annotations

import pytest

from forensics.chain.providers import is_registered, provider_kind, wrong_type
from forensics.collectors.evidence import Providers
from forensics.formats.key_prov_info import KeyProvInfo

STRONG = "Microsoft Strong Cryptographic Provider"
SOFTWARE = "Microsoft Software Key Storage Provider"
HSM = "Acme HSM Provider"


def link(provider: str, provider_type: int) -> KeyProvInfo:
    return KeyProvInfo("container", provider, provider_type, 0x20, 1)


@pytest.mark.parametrize(
    ("provider", "provider_type", "kind"),
    [
        (STRONG, 1, "capi"),
        ("microsoft rsa schannel cryptographic provider", 12, "capi"),
        (SOFTWARE, 0, "cng"),
        ("Microsoft Platform Crypto Provider", 0, "tpm"),
        ("Microsoft Smart Card Key Storage Provider", 0, "smart_card"),
        ("Microsoft Base Smart Card Crypto Provider", 1, "smart_card"),
        (HSM, 0, "other"),
        (HSM, 1, "other"),
        ("", 0, "cng"),
        ("", 24, "capi"),
        # The name tells, whatever type stands beside it: CNG answers to the names of CryptoAPI's providers.
        (SOFTWARE, 1, "cng"),
        ("Microsoft Platform Crypto Provider", 1, "tpm"),
        (STRONG, 0, "capi"),
        ("Microsoft Base Smart Card Crypto Provider", 0, "smart_card"),
    ],
)
def test_kind_of_a_provider(provider: str, provider_type: int, kind: str) -> None:
    assert provider_kind(link(provider, provider_type)) == kind


@pytest.mark.parametrize(
    ("provider", "provider_type", "capi", "cng", "expected"),
    [
        (HSM, 1, {"acme hsm provider"}, None, True),
        (HSM, 1, set(), None, False),
        (HSM, 1, None, None, None),
        (HSM, 0, {"acme hsm provider"}, set(), True),
        (HSM, 0, {STRONG.lower()}, None, None),
        (HSM, 0, None, {SOFTWARE.lower()}, None),
        (HSM, 0, {STRONG.lower()}, {SOFTWARE.lower()}, False),
        (STRONG, 0, None, {SOFTWARE.lower()}, None),
        (STRONG, 0, {STRONG.lower()}, {SOFTWARE.lower()}, True),
        (STRONG, 1, {STRONG.lower()}, None, True),
        (STRONG, 1, {"acme hsm provider"}, None, None),
        (STRONG, 1, {"microsoft base cryptographic provider v1.0"}, None, False),
        (SOFTWARE, 0, {STRONG.lower()}, set(), None),
        (SOFTWARE, 0, None, {"microsoft smart card key storage provider"}, False),
        ("", 1, {STRONG.lower()}, None, None),
    ],
)
def test_registration_is_denied_only_by_a_list_that_can_know(
    provider: str, provider_type: int, capi: set[str] | None, cng: set[str] | None, expected: bool | None
) -> None:
    providers = Providers(capi=None if capi is None else frozenset(capi), cng=None if cng is None else frozenset(cng))
    assert is_registered(link(provider, provider_type), providers) is expected


@pytest.mark.parametrize(
    ("provider", "provider_type", "expected"),
    [
        (STRONG, 1, None),
        (STRONG, 24, f"the provider {STRONG!r} is of type 1, and the link names it with 24"),
        (STRONG.upper(), 12, f"the provider {STRONG.upper()!r} is of type 1, and the link names it with 12"),
        # By way of CNG, and the default provider of a type.
        (STRONG, 0, None),
        ("", 12, None),
        (SOFTWARE, 0, None),
        (SOFTWARE, 12, f"{SOFTWARE!r} is a key storage provider, and its type is 0; the link says 12"),
        (HSM, 1, None),
    ],
)
def test_a_provider_and_its_type(provider: str, provider_type: int, expected: str | None) -> None:
    providers = Providers(frozenset({STRONG.lower()}), frozenset(), {STRONG.lower(): 1})
    assert wrong_type(link(provider, provider_type), providers) == expected


def test_a_type_that_was_not_read_proves_nothing() -> None:
    assert wrong_type(link(STRONG, 12), Providers(frozenset({STRONG.lower()}))) is None
