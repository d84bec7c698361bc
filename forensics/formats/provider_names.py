"""Names and types of Microsoft's key providers, which are a closed list.

References:
    https://learn.microsoft.com/windows/win32/seccrypto/microsoft-cryptographic-service-providers
    https://learn.microsoft.com/windows/win32/seccrypto/cryptographic-provider-types
    https://learn.microsoft.com/windows/win32/seccertenroll/cng-key-storage-providers
"""

from __future__ import annotations

PROVIDER_TYPES = frozenset({0, *range(1, 7), *range(12, 19), *range(20, 25)})
"""0 for a key storage provider, and those that wincrypt.h names (PROV_RSA_FULL 1 to PROV_RSA_AES 24)."""

CNG_SOFTWARE = "microsoft software key storage provider"
CNG_TPM = "microsoft platform crypto provider"
CNG_SMART_CARD = "microsoft smart card key storage provider"
CAPI_SMART_CARD = "microsoft base smart card crypto provider"
CAPI_SOFTWARE = frozenset(
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
BUILT_IN = CAPI_SOFTWARE | {CNG_SOFTWARE, CNG_TPM, CNG_SMART_CARD, CAPI_SMART_CARD}
"""All of them, lower case."""
