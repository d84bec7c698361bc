"""CREDHIST: the hashes of a user's earlier passwords, each under the password that came after.

References: format notes, "Neighbours"; how dpapick3 and impacket take the file apart.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Sequence
from itertools import pairwise

from Crypto.Hash import MD4

from testdata.builder.dpapi import AES_SHA512, Suite, encrypt, password_prekey, stretch
from testdata.builder.seeded import Seeded
from testdata.builder.sid import sid_bytes


def link_guids(seed: str, passwords: Sequence[str]) -> list[str]:
    """Return the GUID of each password, oldest first: that of the last stands in the end of the file."""
    return [Seeded(f"{seed}/CREDHIST/{at}").guid() for at in range(len(passwords))]


def credhist(
    seed: str,
    sid: str,
    passwords: Sequence[str],
    *,
    suite: Suite = AES_SHA512,
    rounds: int = 8000,
    told: int | None = None,
) -> bytes:
    """Build the file of a user who had some passwords one after the other.

    Args:
        seed: GUIDs and salts follow from it.
        sid: Whose it is.
        passwords: Oldest first; the last is that of today, of which nothing is stored.
        suite: AES-256 with SHA-512, or 3DES with HMAC-SHA1.
        rounds: Rounds of the key derivation.
        told: Length that is written for the NT hash; by default it takes in the zeros that follow, as Windows has it.
    """
    guids = link_guids(seed, passwords)
    file, before = b"", 0
    for at, (old, new) in enumerate(pairwise(passwords)):
        header = struct.pack("<I", 1) + uuid.UUID(guids[at]).bytes_le + struct.pack("<I", before)
        link = header + _link(f"{seed}/CREDHIST/{at}", sid, old, new, suite, rounds, told)
        file, before = file + link, len(link)
    return file + struct.pack("<I", 1) + uuid.UUID(guids[-1]).bytes_le + struct.pack("<I", before)


def _link(seed: str, sid: str, old: str, new: str, suite: Suite, rounds: int, told: int | None) -> bytes:
    stream = Seeded(f"{seed}/link")
    salt, owner = stream.bytes(16), sid_bytes(sid)
    raw = old.encode("utf-16-le")
    clear = hashlib.sha1(raw).digest() + MD4.new(raw).digest()
    clear += bytes(-len(clear) % suite.block)
    key, iv = stretch(suite, password_prekey(new, sid), salt, rounds)
    sizes = (20, len(clear) - 20 if told is None else told)
    numbers = struct.pack("<IIIIIII", 1, suite.section_hash, rounds, len(owner), suite.cipher, *sizes)
    return numbers + salt + owner + encrypt(suite, key, iv, clear)
