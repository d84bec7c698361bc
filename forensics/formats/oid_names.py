"""Names of extended key usages and signature algorithms, as OpenSSL and Microsoft call them."""

from __future__ import annotations

_EKU_NAMES = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.5": "ipsecEndSystem",
    "1.3.6.1.5.5.7.3.6": "ipsecTunnel",
    "1.3.6.1.5.5.7.3.7": "ipsecUser",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "1.3.6.1.5.5.7.3.17": "ipsecIKE",
    "1.3.6.1.5.5.8.2.2": "ipsecIKEIntermediate",
    "1.3.6.1.5.2.3.4": "pkInitClientAuth",
    "1.3.6.1.5.2.3.5": "pkInitKDC",
    "1.3.6.1.4.1.311.10.3.1": "msCTLSign",
    "1.3.6.1.4.1.311.10.3.4": "msEFS",
    "1.3.6.1.4.1.311.10.3.4.1": "msEFSRecovery",
    "1.3.6.1.4.1.311.10.3.11": "msKeyRecovery",
    "1.3.6.1.4.1.311.10.3.12": "msDocumentSigning",
    "1.3.6.1.4.1.311.20.2.1": "msEnrollmentAgent",
    "1.3.6.1.4.1.311.20.2.2": "msSmartcardLogin",
    "1.3.6.1.4.1.311.21.5": "msKeyExchange",
    "1.3.6.1.4.1.311.21.19": "msDirectoryEmailReplication",
    "1.3.6.1.4.1.311.54.1.2": "msRemoteDesktop",
    "1.3.6.1.4.1.311.67.1.1": "msBitLockerDriveEncryption",
    "1.3.6.1.4.1.311.67.1.2": "msBitLockerDataRecoveryAgent",
    "1.3.6.1.4.1.311.80.1": "msDocumentEncryption",
    "2.23.133.8.1": "tcgEkCertificate",
    "2.23.133.8.3": "tcgAikCertificate",
}

_SIGNATURE_NAMES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-SHA1",
    "2.16.840.1.101.3.4.3.2": "dsa-with-SHA256",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}


def signature_name(oid: str) -> str:
    """Return the name of a signature algorithm, the OID itself when it has none here."""
    return _SIGNATURE_NAMES.get(oid, oid)


def eku_name(oid: str) -> str:
    """Return the name of an extended key usage, the OID itself when it has none here."""
    return _EKU_NAMES.get(oid, oid)
