"""What Windows keeps of its TPM and of a certification authority's trust in TPMs, in hives under construction.

How EKPub is encoded is not documented: the forms here are guesses, each a form in which public keys are usual.

References: notes on internals, section 7.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from testdata.builder.certs import Certificate, store_element
from testdata.builder.filetime import filetime_bytes
from testdata.builder.machine import ForgedMachine
from testdata.builder.machine_hives import CONTROL_SET

WMI = f"{CONTROL_SET}\\Services\\TPM\\WMI"
CONFIGURATION = f"{CONTROL_SET}\\Services\\CertSvc\\Configuration"
TEMPLATES = "Microsoft\\Cryptography\\CertificateTemplateCache"
REG_QWORD = 11


def spki(key: rsa.RSAPrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo of a key, DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pkcs1(key: rsa.RSAPrivateKey) -> bytes:
    """Return the RSAPublicKey of a key, DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def bcrypt_blob(key: rsa.RSAPrivateKey) -> bytes:
    """Return a BCRYPT_RSAPUBLIC_BLOB."""
    n = key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")
    return struct.pack("<4s5I", b"RSA1", key.key_size, 3, len(n), 0, 0) + b"\1\0\1" + n


def add_tpm(
    forged: ForgedMachine,
    *,
    ek_pub: bytes,
    last_ek_pub: bytes | None,
    provisioned: datetime,
    maker: str,
    model: str,
    ek_certificate: Certificate | None = None,
    instance: str = "1",
) -> None:
    """Write what SYSTEM says of a TPM 2.0.

    Args:
        forged: The machine.
        ek_pub: EKPub as stored.
        last_ek_pub: LastEkPub as stored.
        provisioned: LastTPMProvisionedTime, and the time of its key.
        maker: SystemManufacturer.
        model: SystemProductName.
        ek_certificate: Certificate in EKCertStore.
        instance: Name under Enum\\ACPI\\MSFT0101.
    """
    hive = forged.hives.system
    hive.key(f"{CONTROL_SET}\\Enum\\ACPI\\PNP0C0C\\2").sz("DeviceDesc", "Power Button")
    hive.key(f"{CONTROL_SET}\\Enum\\ACPI\\MSFT0101\\{instance}").sz("DeviceDesc", "Trusted Platform Module 2.0")
    information = hive.key(f"{CONTROL_SET}\\Control\\SystemInformation")
    information.sz("SystemManufacturer", maker).sz("SystemProductName", model)
    hive.key(WMI).binary("WindowsAIKHash", hashlib.sha256(b"aik" + ek_pub).digest()).dword(
        "TaskManufacturerId", 0x494E5443
    )
    hive.key(f"{WMI}\\Endorsement", provisioned).binary("EKPub", ek_pub).dword("EkNoFetch", 0)
    hive.key(f"{WMI}\\Admin").binary("SRKPub", hashlib.sha512(ek_pub).digest() * 4)
    hive.key(f"{WMI}\\TaskStates").dword("EkCertificatePresent", int(ek_certificate is not None))
    info = hive.key(f"{WMI}\\ProvisionInfo", provisioned)
    info.set("LastTPMProvisionedTime", REG_QWORD, filetime_bytes(provisioned)).dword("LastTPMProvisionedBootId", 7)
    if last_ek_pub is not None:
        info.binary("LastEkPub", last_ek_pub)
    if ek_certificate is not None:
        info.sz("LastRsaEkCertThumbprint", ek_certificate.thumbprint)
        path = f"{WMI}\\Endorsement\\EKCertStore\\Certificates\\{ek_certificate.thumbprint}"
        hive.key(path).binary("Blob", store_element(ek_certificate))


def add_authority(
    forged: ForgedMachine, name: str, *, ca_type: int, lists: Sequence[str] = (), account: str = "LocalSystem"
) -> None:
    """Write the configuration of Active Directory Certificate Services.

    Args:
        forged: The machine.
        name: Common and sanitized name.
        ca_type: 0 enterprise root, 1 enterprise subordinate, 3 and 4 the same standalone.
        lists: EndorsementKeyListDirectories.
        account: Account of the service.
    """
    hive = forged.hives.system
    hive.key(f"{CONTROL_SET}\\Services\\CertSvc").dword("Start", 2).sz("ObjectName", account)
    hive.key(CONFIGURATION).sz("Active", name)
    key = hive.key(f"{CONFIGURATION}\\{name}").sz("CommonName", name).dword("CAType", ca_type)
    if lists:
        key.multi_sz("EndorsementKeyListDirectories", lists)


def add_template(
    forged: ForgedMachine, name: str, flags: int, *, providers: Sequence[str] = (), algorithm: str | None = None
) -> None:
    """Write a cached certificate template.

    Args:
        forged: The machine.
        name: Its name.
        flags: msPKI-Private-Key-Flag.
        providers: SupportedCSPs.
        algorithm: Algorithm of its key, as templates for key storage providers name it.
    """
    key = forged.hives.software.key(f"{TEMPLATES}\\{name}").sz("DisplayName", name)
    key.dword("msPKI-Private-Key-Flag", flags).dword("msPKI-Template-Schema-Version", 4)
    if providers:
        key.multi_sz("SupportedCSPs", [f"{number},{text}" for number, text in enumerate(providers, 1)])
    if algorithm:
        text = f"msPKI-Asymmetric-Algorithm`PZPWSTR`{algorithm}`msPKI-Hash-Algorithm`PZPWSTR`SHA256`"
        key.multi_sz("msPKI-RA-Application-Policies", [text])
