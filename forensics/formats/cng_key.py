"""CNG key files of the Microsoft Software Key Storage Provider (``Crypto\\Keys``, ``Crypto\\SystemKeys``)."""

from __future__ import annotations

import struct
from dataclasses import field
from datetime import datetime

from forensics.formats.bcrypt_blob import parse_bcrypt_public
from forensics.formats.cursor import Cursor
from forensics.formats.dpapi_blob import DpapiBlob, parse_dpapi_blob
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.formats.public_key import PublicKey
from forensics.formats.section import parse_section
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_SIZE = 44
PROPERTY_EXPORT_POLICY = 3
PROPERTY_LENGTH = 7
PROPERTY_PUBLIC_KEY = 10

_MAX_NAME = 4096
"""Format: bytes of a key's name."""
_MAX_PROPERTIES = 256
"""Format: properties of one key."""
_PROPERTY_HEADER = 20
# Class 1 is symmetric, 3 asymmetric; the index is the place in the tables of bcryptprimitives.
_ALGORITHMS = {
    1: ("RC4", "AES", "DES", "DESX", "3DES", "3DES_112", "RC2", "XTS-AES"),
    3: (
        "RSA",
        "DH",
        "DSA",
        "ECDSA_P256",
        "ECDSA_P384",
        "ECDSA_P521",
        "ECDH_P256",
        "ECDH_P384",
        "ECDH_P521",
        "ECDH",
        "ECDSA",
    ),
}


@dataclass(frozen=True, slots=True)
class CngProperty:
    """One property of a key.

    Attributes:
        id: Number that NCrypt stores; 0 for properties that only have a name.
        name: Name, may be empty.
        value: Raw value.
    """

    id: int
    name: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CngKeyFile:
    """One CNG key file.

    Attributes:
        container: Key name in original case.
        algorithm: Name such as ``RSA``, ``ECDSA_P256`` or ``AES``; ``UNKNOWN_<class>_<index>`` for other type words.
        type_class: 1 symmetric, 3 asymmetric.
        type_index: Place in its class, from 1.
        public_properties: Properties in clear.
        public_properties_error: Why they, or the public key among them, could not be read.
        public_key: Public half from property 10.
        modified: Property ``Modified``, UTC.
        creator_process: Property ``CreatorProcessName`` (Windows 11).
        private_properties: DPAPI blob of the private properties.
        private_key: DPAPI blob of the key.
    """

    container: str
    algorithm: str
    type_class: int
    type_index: int
    public_properties: tuple[CngProperty, ...]
    public_properties_error: FormatError | None
    public_key: PublicKey | None
    modified: datetime | None
    creator_process: str | None
    private_properties: DpapiBlob | None
    private_properties_error: FormatError | None
    private_key: DpapiBlob | None
    private_key_error: FormatError | None


@dataclass(frozen=True, slots=True)
class CngPolicy:
    """What the private properties say about the use of a key.

    Attributes:
        export_policy: Bits 1 export, 2 plaintext export, 4 archive once, 8 plaintext archive; None when not stored.
        bits: Key length, None when not stored.
        is_vbs: The key is sealed to the secure kernel (``Virtual Iso``).
        per_boot: The key died with the boot that made it (``Per Boot Key``).
        has_ui_policy: A UI policy is stored.
        has_pin: A Windows Hello PIN protects it.
    """

    export_policy: int | None = None
    bits: int | None = None
    is_vbs: bool = False
    per_boot: bool = False
    has_ui_policy: bool = False
    has_pin: bool = False


def parse_cng_key_file(data: bytes) -> CngKeyFile:
    """Parse a CNG key file.

    A damaged section is an error of its own field; only the frame of the file raises.

    Raises:
        FormatError: ``empty``, ``bad_magic`` (version), ``bad_length`` (the sections do not add up to the file) or
            ``bad_text`` (the name).
    """
    if not data:
        raise FormatError("empty", 0, sentence("the key file is empty"))
    cursor = Cursor(data)
    version = cursor.u32("version")
    if version != 1:
        raise FormatError("bad_magic", 0, sentence("CNG key files have version 1, not {version}", version=version))
    _, name_size = cursor.u32s("reserved", "length of name")
    index, type_class = cursor.u16("algorithm"), cursor.u16("algorithm class")
    sizes = cursor.u32s("length of public properties", "length of private properties", "length of private key")
    cursor.take(16, "reserved")
    total = HEADER_SIZE + name_size + sum(sizes)
    if total != len(data):
        raise FormatError(
            "bad_length",
            8,
            sentence("the sections add up to {total} bytes, the file has {count}", total=total, count=len(data)),
        )
    if name_size % 2 or name_size > _MAX_NAME:
        raise FormatError("bad_length", 8, sentence("a key name does not have {name_size} bytes", name_size=name_size))
    container = cursor.utf16(name_size, "key name")
    properties, properties_error = parse_section(cursor, sizes[0], parse_cng_properties)
    public_key: PublicKey | None = None
    try:
        public_key = _public_key(properties or ())
    except FormatError as error:
        properties_error = error
    private_properties, private_properties_error = parse_section(cursor, sizes[1], parse_dpapi_blob)
    private_key, private_key_error = parse_section(cursor, sizes[2], parse_dpapi_blob)
    return CngKeyFile(
        container=container,
        algorithm=_algorithm(type_class, index),
        type_class=type_class,
        type_index=index,
        public_properties=properties or (),
        public_properties_error=properties_error,
        public_key=public_key,
        modified=_modified(properties or ()),
        creator_process=_creator(properties or ()),
        private_properties=private_properties,
        private_properties_error=private_properties_error,
        private_key=private_key,
        private_key_error=private_key_error,
    )


def parse_cng_properties(data: bytes) -> tuple[CngProperty, ...]:
    """Parse a property list: the public section, or the private one after decryption.

    Raises:
        FormatError: ``bad_length`` or ``truncated`` when a record lies about its lengths, ``too_many`` beyond 256.
    """
    cursor = Cursor(data)
    found: list[CngProperty] = []
    while cursor.remaining:
        start = cursor.offset
        if len(found) == _MAX_PROPERTIES:
            raise FormatError(
                "too_many",
                start,
                sentence("a key does not have more than {max_properties} properties", max_properties=_MAX_PROPERTIES),
            )
        size, number, _, name_size, value_size = cursor.u32s(
            "property size", "property id", "reserved", "length of name", "length of value"
        )
        if size != _PROPERTY_HEADER + name_size + value_size or name_size % 2:
            message = sentence(
                "a property of {size} bytes cannot hold a name of {name_size} and a value of {value_size} bytes",
                size=size,
                name_size=name_size,
                value_size=value_size,
            )
            raise FormatError("bad_length", start, message)
        name = cursor.utf16(name_size, "property name")
        found.append(CngProperty(number, name, cursor.take(value_size, "property value")))
    return tuple(found)


def parse_cng_private_properties(properties: tuple[CngProperty, ...]) -> CngPolicy:
    """Read what matters from the decrypted private properties; values of a wrong size count as not stored."""
    export_policy = bits = None
    flags = dict.fromkeys(("is_vbs", "per_boot", "has_ui_policy", "has_pin"), False)
    for item in properties:
        if item.id == PROPERTY_EXPORT_POLICY or item.name == "Export Policy":
            export_policy = _u32(item.value)
        elif item.id == PROPERTY_LENGTH and not item.name:
            bits = _u32(item.value)
        elif item.name == "Virtual Iso":
            flags["is_vbs"] = any(item.value)
        elif item.name == "Per Boot Key":
            flags["per_boot"] = any(item.value)
        elif item.name == "UI Policy":
            flags["has_ui_policy"] = any(item.value)
        elif item.name.startswith("NgcSoftwareKeyPbkdf2"):
            flags["has_pin"] = True
    return CngPolicy(export_policy, bits, **flags)


def _algorithm(type_class: int, index: int) -> str:
    names = _ALGORITHMS.get(type_class, ())
    return names[index - 1] if 1 <= index <= len(names) else f"UNKNOWN_{type_class}_{index}"


def _public_key(properties: tuple[CngProperty, ...]) -> PublicKey | None:
    for item in properties:
        if item.id == PROPERTY_PUBLIC_KEY:
            try:
                return parse_bcrypt_public(item.value)
            except FormatError as error:
                if error.kind == "unknown_magic":
                    # DH, DSA and generic curves are whole keys that this project does not compare.
                    return None
                raise
    return None


def _modified(properties: tuple[CngProperty, ...]) -> datetime | None:
    for item in properties:
        if item.name == "Modified" and len(item.value) == 8:
            return filetime(struct.unpack("<Q", item.value)[0])
    return None


def _creator(properties: tuple[CngProperty, ...]) -> str | None:
    for item in properties:
        if item.name == "CreatorProcessName":
            return item.value[: len(item.value) & ~1].decode("utf-16-le", "replace").rstrip("\0") or None
    return None


def _u32(value: bytes) -> int | None:
    return int(struct.unpack("<I", value)[0]) if len(value) == 4 else None
