"""PFX files: read back by two libraries that we did not write, with the attributes by which Windows places a key."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from asn1crypto import pkcs12 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from forensics.recovery.pkcs12 import ROUNDS, Destination, derive, pfx

KSP = Destination("Microsoft Software Key Storage Provider", True, None)
CSP = Destination("Microsoft Enhanced Cryptographic Provider v1.0", False, 1)


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Größe")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2030, 1, 1))
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize("password", ["pw", "Pässwörd 日本"])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_file_is_read_back_whole(password: str, is_legacy: bool) -> None:
    key, above = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    own, root = certificate_of(key), certificate_of(above)
    der = [certificate.public_bytes(Encoding.DER) for certificate in (own, root)]
    written = pfx(key, der[0], der[1:], "Web ü", KSP, password.encode(), is_legacy=is_legacy)
    read = pkcs12.load_pkcs12(written, password.encode())
    assert isinstance(read.key, ec.EllipticCurvePrivateKey)
    assert read.key.private_numbers() == key.private_numbers()
    assert read.cert is not None
    assert (read.cert.certificate, read.cert.friendly_name) == (own, "Web ü".encode())
    assert [each.certificate for each in read.additional_certs] == [root]
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(written, b"other")


@pytest.mark.parametrize(
    ("destination", "attributes"),
    [
        (KSP, {"1.3.6.1.4.1.311.17.1": "Microsoft Software Key Storage Provider", "1.3.6.1.4.1.311.17.2": None}),
        (CSP, {"1.3.6.1.4.1.311.17.1": "Microsoft Enhanced Cryptographic Provider v1.0", "2.5.29.15": b"\x10"}),
        (Destination(None, False, 2), {"2.5.29.15": b"\x80"}),
    ],
)
def test_the_attributes_of_the_key_say_where_it_goes(destination: Destination, attributes: dict[str, object]) -> None:
    key = rsa.generate_private_key(65537, 2048)
    written = pfx(key, certificate_of(key).public_bytes(Encoding.DER), [], None, destination, b"pw")
    safes = [s for s in asn1.Pfx.load(written).authenticated_safe if s["content_type"].native == "data"]
    (bag,) = asn1.SafeContents.load(safes[0]["content"].native)
    found: dict[str, object] = {}
    for attribute in bag["bag_attributes"]:
        oid, values = attribute["type"].dotted, attribute["values"]
        if oid == "2.5.29.15":
            found[oid] = values[0].contents[1:]
        elif oid.startswith("1.3.6.1.4.1.311"):
            found[oid] = values[0].native if len(values) else None
    assert found == attributes


def test_openssl_reads_it_and_names_the_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.recovery.pkcs12.ROUNDS", ROUNDS)  # other tests write with fewer
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this computer")
    key = rsa.generate_private_key(65537, 2048)
    file, password = tmp_path / "key.pfx", tmp_path / "pw.txt"
    file.write_bytes(pfx(key, certificate_of(key).public_bytes(Encoding.DER), [], None, KSP, b"pw"))
    password.write_text("pw\n")
    command = [openssl, "pkcs12", "-info", "-nodes", "-in", str(file), "-passin", f"file:{password}"]
    told = subprocess.run(command, capture_output=True, encoding="latin-1", check=True)
    said = told.stdout + told.stderr
    assert "Microsoft CSP Name: Microsoft Software Key Storage Provider" in said
    assert "Microsoft Local Key set: <No Values>" in said
    assert said.count(f"Iteration {ROUNDS}") == 3
    assert "AES-256-CBC" in said


def test_derivation_gives_the_value_of_the_library_that_reads_it() -> None:
    # cryptography derives the MAC of its own files by the same steps: its MAC fits only if ours does.
    key = ec.generate_private_key(ec.SECP256R1())
    own = certificate_of(key)
    file = asn1.Pfx.load(pkcs12.serialize_key_and_certificates(None, key, own, None, BestAvailableEncryption(b"pw")))
    mac = file["mac_data"]
    digest = mac["mac"]["digest_algorithm"]["algorithm"].native
    salt, rounds = mac["mac_salt"].native, mac["iterations"].native
    made = derive(digest, 3, "pw", salt, rounds, hashlib.new(digest).digest_size)
    assert hmac.digest(made, file["auth_safe"]["content"].contents, digest) == mac["mac"]["digest"].native
