"""Error codes of Windows about private keys, and their messages in English and Japanese: data."""

from __future__ import annotations

from forensics.report.symptoms import references as at
from forensics.report.symptoms.symptom import Symptom, documented, likely

TLS_KEY = (
    *documented(at.RDP_EVENTS, "key-file-gone", "key-file-damaged", "access-list", "folder-access-list"),
    *documented(at.ASK_CORE, "key-isolation"),
    *likely(at.MACHINE_GUID, "other-machine-guid"),
    *likely(at.KEY_INFO, "another-key-set"),
    *likely(at.UNPROTECT, "master-key", "master-key-locked"),
)
"""What keeps Schannel from a key: shared with its event 36870."""

CODES = (
    Symptom(
        "NTE_BAD_KEYSET",
        "Keyset does not exist",
        at.WINERROR,
        code=0x80090016,
        texts=("キー セットがありません",),
        causes=(
            *documented(at.CONTEXT, "key-file-gone"),
            *documented(at.MACHINE_GUID, "other-machine-guid"),
            *documented(at.CONTEXT, "access-list"),
            *documented(at.KEY_INFO, "another-key-set"),
            *documented(at.TPM, "tpm"),
            *documented(at.USER_KEYS, "user-master-key"),
            *documented(at.CONTEXT, "protected-storage"),
            *likely(at.CERTUTIL, "wrong-link"),
            *likely(at.IIS, "configuration-key"),
            *likely(at.NAMES, "key-file-damaged"),
            *documented(at.ACQUIRE, "unnamed-container"),
        ),
    ),
    Symptom(
        "NTE_BAD_KEY_STATE",
        "Key not valid for use in specified state",
        at.WINERROR,
        code=0x8009000B,
        causes=(
            *likely(at.UNPROTECT, "master-key", "master-key-locked", "user-master-key"),
            *documented(at.EXPORT, "not-exportable"),
        ),
    ),
    Symptom(
        "NTE_BAD_DATA",
        "Bad Data",
        at.WINERROR,
        code=0x80090005,
        causes=(
            *documented(at.IIS, "configuration-key"),
            *likely(at.UNPROTECT, "key-file-damaged", "master-key"),
        ),
    ),
    Symptom(
        "NTE_BAD_SIGNATURE",
        "Invalid Signature",
        at.WINERROR,
        code=0x80090006,
        causes=documented(at.MACHINE_GUID, "another-key"),
    ),
    Symptom(
        "NTE_NO_KEY",
        "Key does not exist",
        at.WINERROR,
        code=0x8009000D,
        causes=documented(at.USER_KEY, "wrong-link"),
    ),
    Symptom(
        "NTE_EXISTS",
        "Object already exists",
        at.WINERROR,
        code=0x8009000F,
        texts=("オブジェクトは既に存在します",),
        causes=(*documented(at.CONTEXT, "access-list"), *likely(at.FOLDERS, "folder-access-list")),
    ),
    Symptom(
        "NTE_PERM",
        "Access denied",
        at.WINERROR,
        code=0x80090010,
        causes=likely(at.FOLDERS, "access-list", "folder-access-list"),
    ),
    Symptom(
        "E_ACCESSDENIED",
        "Access is denied",
        at.WIN32,
        code=0x80070005,
        texts=("アクセスが拒否されました", "General access denied error"),
        causes=documented(at.RDP_EVENTS, "access-list", "folder-access-list"),
    ),
    Symptom(
        "NTE_BAD_PROV_TYPE",
        "Invalid provider type specified",
        at.WINERROR,
        code=0x80090014,
        causes=(*documented(at.KEY_INFO, "storage-provider-key"), *documented(at.SMART_CARD, "smart-card")),
    ),
    Symptom(
        "NTE_BAD_PUBLIC_KEY",
        "Provider's public key is invalid",
        at.WINERROR,
        code=0x80090015,
        causes=documented(at.ACQUIRE_KEY, "another-key"),
    ),
    Symptom(
        "NTE_KEYSET_NOT_DEF",
        "The keyset is not defined",
        at.WINERROR,
        code=0x80090019,
        causes=documented(at.CONTEXT, "provider"),
    ),
    Symptom(
        "NTE_KEYSET_ENTRY_BAD",
        "Keyset as registered is invalid",
        at.WINERROR,
        code=0x8009001A,
        causes=likely(at.ACQUIRE, "provider"),
    ),
    Symptom(
        "NTE_PROV_TYPE_NO_MATCH",
        "Provider type does not match registered value",
        at.WINERROR,
        code=0x8009001B,
        causes=documented(at.ACQUIRE, "provider"),
    ),
    Symptom("NTE_NOT_SUPPORTED", "The requested operation is not supported", at.WINERROR, code=0x80090029),
    Symptom("NTE_VBS_UNAVAILABLE", "VBS is unavailable", at.NCRYPT, causes=documented(at.NCRYPT, "vbs")),
    Symptom(
        "NTE_VBS_CANNOT_DECRYPT_KEY", "VBS failed decryption operation", at.NCRYPT, causes=documented(at.NCRYPT, "vbs")
    ),
    Symptom(
        "CRYPT_E_NOT_FOUND",
        "Cannot find object or property",
        at.WINERROR,
        code=0x80092004,
        causes=documented(at.FIND, "certificate-gone"),
    ),
    Symptom(
        "CRYPT_E_NO_KEY_PROPERTY",
        "Cannot find the certificate and private key for decryption",
        at.WINERROR,
        code=0x8009200B,
        causes=documented(at.CERTUTIL, "no-link"),
    ),
    Symptom(
        "CRYPT_E_NO_DECRYPT_CERT",
        "Cannot find the certificate and private key to use for decryption",
        at.WINERROR,
        code=0x8009200C,
        causes=documented(at.CERTUTIL, "no-link"),
    ),
    Symptom(
        "SEC_E_UNKNOWN_CREDENTIALS",
        "The credentials supplied to the package were not recognized",
        at.WINERROR,
        code=0x8009030D,
        texts=("パッケージに提供された資格情報が認識されません",),
        causes=TLS_KEY,
    ),
    Symptom(
        "SEC_E_NO_CREDENTIALS",
        "No credentials are available in the security package",
        at.WINERROR,
        code=0x8009030E,
        causes=documented(at.IDENTITY, "machine-identity"),
    ),
    Symptom(
        "SEC_E_DELEGATION_REQUIRED",
        "The requested operation cannot be completed. The computer must be trusted for delegation",
        at.WINERROR,
        code=0x80090345,
        causes=documented(at.DOMAIN, "domain-backup"),
    ),
    Symptom(
        "ERROR_NO_SUCH_LOGON_SESSION",
        "A specified logon session does not exist. It may already have been terminated",
        at.WIN32,
        code=0x80070520,
        texts=("指定されたログオン セッションは存在しません",),
        causes=(
            *documented(at.PACKER, "key-file-gone", "other-machine-guid"),
            *likely(at.ACQUIRE_KEY, "no-link", "wrong-link", "another-key", "access-list"),
        ),
    ),
    Symptom(
        "EPT_S_NOT_REGISTERED",
        "There are no more endpoints available from the endpoint mapper",
        at.WIN32,
        code=0x800706D9,
        texts=("エンドポイント マッパーから使用できるエンドポイントはこれ以上ありません",),
        causes=documented(at.ASK_CORE, "key-isolation"),
    ),
    Symptom(
        "E_INVALIDARG",
        "One or more arguments are invalid, as Hyper-V says of a key protector that could not be unwrapped",
        at.SHIELDED,
        code=0x80070057,
        texts=("One or more arguments are invalid", "The parameter is incorrect"),
        causes=documented(at.SHIELDED, "guardian"),
    ),
    Symptom(
        "STATUS_AUTH_TAG_MISMATCH",
        "The computed authentication tag did not match the input authentication tag",
        at.STATUS,
        code=0xC000A002,
        causes=likely(at.SHIELDED, "guest-state"),
    ),
    Symptom(
        "TPM_20_E_INTEGRITY",
        "The at.TPM says that a key fails its integrity check",
        at.TPM_CODES,
        code=0x8028009F,
        causes=likely(at.TPM, "tpm"),
    ),
    Symptom(
        "TBS_E_TPM_NOT_FOUND",
        "A compatible Trusted Platform Module (at.TPM) Security Device cannot be found on this computer",
        at.TPM_CODES,
        code=0x8028400F,
        causes=likely(at.TPM, "tpm"),
    ),
)
"""Error codes."""
