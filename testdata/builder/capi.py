"""CryptoAPI key files: RSA in either slot or both, with export flags.

References: format notes, "CAPI key file"; lengths as in the real file R1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import lcm

from cryptography.hazmat.primitives.asymmetric import rsa

from testdata.builder.dpapi import AES_SHA512, LOCAL_MACHINE, MasterKey, Suite, make_blob

EXPORT_FLAG_ENTROPY = b"Hj1diQ6kpUx7VC4m\0"


@dataclass(frozen=True, slots=True)
class Slot:
    """One key of a container.

    Attributes:
        key: The RSA key.
        exportable: What the export flag says.
        public_key: Another key to store as public half; None for the key's own.
    """

    key: rsa.RSAPrivateKey = field(repr=False)
    exportable: bool = False
    public_key: rsa.RSAPrivateKey | None = field(default=None, repr=False)


def _little(number: int, value: int, slot: int) -> bytes:
    return number.to_bytes(value, "little").ljust(slot, b"\0")


def public_section(key: rsa.RSAPrivateKey) -> bytes:
    """Public half: ``RSA1``, slot, bits, bytes - 1, exponent, modulus."""
    public = key.public_key().public_numbers()
    size = key.key_size // 8
    head = struct.pack("<4sIIII", b"RSA1", size + 8, key.key_size, size - 1, public.e)
    return head + _little(public.n, size, size + 8)


def private_clear(key: rsa.RSAPrivateKey) -> bytes:
    """Private half as it stands before protection; d is taken modulo lcm(p-1, q-1) as Windows does."""
    numbers = key.private_numbers()
    size, e, n = key.key_size // 8, numbers.public_numbers.e, numbers.public_numbers.n
    d = pow(e, -1, lcm(numbers.p - 1, numbers.q - 1))
    out = struct.pack("<4sIIII", b"RSA2", size + 8, key.key_size, size - 1, e) + _little(n, size, size + 8)
    for number in (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp):
        out += _little(number, size // 2, size // 2 + 4)
    return out + _little(d, size, size + 8) + bytes(size // 2 + 12)


def make_capi_key(
    seed: str,
    container: str,
    master_key: MasterKey,
    *,
    exchange: Slot | None = None,
    signature: Slot | None = None,
    suite: Suite = AES_SHA512,
    flags: int = LOCAL_MACHINE,
    password: bytes = b"",
) -> bytes:
    """Build a key file; both slots may be empty.

    Args:
        seed: Salts follow from it.
        container: Container name, original case.
        master_key: What protects the private halves.
        exchange: AT_KEYEXCHANGE.
        signature: AT_SIGNATURE.
        suite: Cipher and hash of the blobs.
        flags: DPAPI flags of the blobs; 4 for machine keys, 0 for SYSTEM's own and users'.
        password: Strong protection of the private halves.
    """

    def sections(slot: Slot | None, name: str) -> tuple[bytes, bytes, bytes]:
        if slot is None:
            return b"", b"", b""
        private = make_blob(
            f"{seed}/{name}/private",
            master_key,
            private_clear(slot.key),
            suite=suite,
            flags=flags,
            password=password,
            description="CryptoAPI Private Key",
        )
        export = make_blob(
            f"{seed}/{name}/export",
            master_key,
            struct.pack("<I", slot.exportable),
            suite=suite,
            flags=flags,
            entropy=EXPORT_FLAG_ENTROPY,
            description="Export Flag",
        )
        return public_section(slot.public_key or slot.key), private, export

    sig, exch = sections(signature, "signature"), sections(exchange, "exchange")
    name = container.encode("ascii") + b"\0"
    lengths = (len(name), len(sig[0]), len(sig[1]), len(exch[0]), len(exch[1]), 20, len(sig[2]), len(exch[2]))
    return struct.pack("<II8I", 2, 0, *lengths) + name + bytes(20) + b"".join(sig) + b"".join(exch)
