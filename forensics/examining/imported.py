"""Imports what examinations need, so that children have it before they are forked.

What nearly every disk needs is imported with this. What only disks with broken keys need is left to the child of one
source, and imported by :func:`be_ready` where several children are forked.
"""

from __future__ import annotations

import encodings.cp1252  # noqa: F401
import xml.parsers.expat  # noqa: F401
from collections.abc import Iterable

import cryptography.hazmat.primitives.serialization
import cryptography.x509  # noqa: F401
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

import forensics.chain.judge
import forensics.collectors.collect
import forensics.collectors.hyperv.collect
import forensics.collectors.provenance
import forensics.collectors.uses.collect
import forensics.disk.containers
import forensics.disk.file_systems
import forensics.disk.ntfs.tree
import forensics.disk.vhdx.reader
import forensics.formats.xml_text
import forensics.registry.hives
import forensics.sources.disks
import forensics.sources.holdings
import forensics.sources.open
import forensics.sources.volumes  # noqa: F401
from forensics.late_methods import compile_classes


def wake_openssl() -> None:
    """Have OpenSSL look up what nearly every disk needs of it, which it does once in a process and those it forks."""
    Cipher(AES(bytes(32)), CBC(bytes(16))).decryptor()
    RSAPublicNumbers(65537, (1 << 2047) + 1).public_key()


def be_ready(made: Iterable[str]) -> None:
    """Do what each child would do anew.

    Args:
        made: Names of the classes of which earlier children made the first objects.
    """
    import evtx  # noqa: F401

    import forensics.chain.across
    import forensics.chain.recovery
    import forensics.collectors.past_files
    import forensics.collectors.setup_lines
    import forensics.disk.ntfs.deleted
    import forensics.formats.event_fields
    import forensics.history.key_history  # noqa: F401

    wake_openssl()
    compile_classes(made)
