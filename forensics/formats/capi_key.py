"""CAPI key containers (``Crypto\\RSA\\…``, ``Crypto\\DSS\\…``): one file with up to two keys."""

from __future__ import annotations

from forensics.formats.capi_public import parse_capi_public
from forensics.formats.cursor import Cursor
from forensics.formats.dpapi_blob import DpapiBlob, parse_dpapi_blob
from forensics.formats.errors import FormatError
from forensics.formats.public_key import PublicKey
from forensics.formats.section import parse_section
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_SIZE = 40
_MAX_NAME = 4096
"""Format: bytes of a container's name."""


@dataclass(frozen=True, slots=True)
class CapiSlot:
    """The exchange or the signature key of a container; a part is None when it is empty or damaged.

    Attributes:
        public: Public half, in clear.
        public_error: Why the public half could not be read.
        private: DPAPI blob of the private half, without entropy.
        private_error: Why the blob could not be read.
        export_flag: DPAPI blob that says whether the key may be exported.
        export_error: Why that blob could not be read.
    """

    public: PublicKey | None = None
    public_error: FormatError | None = None
    private: DpapiBlob | None = None
    private_error: FormatError | None = None
    export_flag: DpapiBlob | None = None
    export_error: FormatError | None = None


@dataclass(frozen=True, slots=True)
class CapiKeyFile:
    """One CAPI key container.

    Attributes:
        container: Its name in original case.
        container_bytes: The name as stored, without NUL: the file name's hash is over these bytes in lower case.
        exchange: AT_KEYEXCHANGE, None when empty.
        signature: AT_SIGNATURE, None when empty.
    """

    container: str
    container_bytes: bytes
    exchange: CapiSlot | None
    signature: CapiSlot | None


def parse_capi_key_file(data: bytes) -> CapiKeyFile:
    """Parse a CAPI key container.

    A damaged part is an error of its slot; only the frame of the file raises.

    Raises:
        FormatError: ``empty``, ``bad_magic`` (version), ``bad_length`` (the sections do not add up to the file) or
            ``bad_text`` (the name).
    """
    if not data:
        raise FormatError("empty", 0, sentence("the key file is empty"))
    cursor = Cursor(data)
    version = cursor.u32("version")
    if version != 2:
        raise FormatError("bad_magic", 0, sentence("CAPI key files have version 2, not {version}", version=version))
    _, name_size, sig_public, sig_private, exch_public, exch_private, hash_size, sig_flag, exch_flag = cursor.u32s(
        "reserved",
        "length of name",
        "sigPublicLen",
        "sigPrivateLen",
        "exchPublicLen",
        "exchPrivateLen",
        "hashLen",
        "sigExportFlagLen",
        "exchExportFlagLen",
    )
    sections = (name_size, hash_size, sig_public, sig_private, sig_flag, exch_public, exch_private, exch_flag)
    total = HEADER_SIZE + sum(sections)
    if total != len(data):
        raise FormatError(
            "bad_length",
            8,
            sentence("the sections add up to {total} bytes, the file has {count}", total=total, count=len(data)),
        )
    if not 1 <= name_size <= _MAX_NAME:
        raise FormatError(
            "bad_length", 8, sentence("a container name does not have {name_size} bytes", name_size=name_size)
        )
    name = cursor.take(name_size, "container name")
    if name[-1] or 0 in name[:-1]:
        raise FormatError("bad_text", HEADER_SIZE, sentence("the container name does not end where its NUL is"))
    cursor.take(hash_size, "hash")
    signature = _slot(cursor, sig_public, sig_private, sig_flag)
    exchange = _slot(cursor, exch_public, exch_private, exch_flag)
    return CapiKeyFile(name[:-1].decode("cp1252", "replace"), name[:-1], exchange, signature)


def parse_capi_public_halves(data: bytes) -> list[PublicKey]:
    """Parse only the public halves of a container: a fifth of the work, for a search among very many.

    Raises:
        FormatError: As :func:`parse_capi_key_file`, of the frame or of a public half.
    """
    cursor = Cursor(data)
    version, _, name_size, sig_public, sig_private, exch_public, exch_private, hash_size, sig_flag, exch_flag = (
        cursor.u32s(*["header"] * 10)
    )
    sections = (name_size, hash_size, sig_public, sig_private, sig_flag, exch_public, exch_private, exch_flag)
    if version != 2 or HEADER_SIZE + sum(sections) != len(data):
        raise FormatError("bad_length", 8, sentence("the sections do not add up to the file"))
    signature = HEADER_SIZE + name_size + hash_size
    exchange = signature + sig_public + sig_private + sig_flag
    starts = ((signature, sig_public), (exchange, exch_public))
    return [parse_capi_public(data[start : start + size]) for start, size in starts if size]


def _slot(cursor: Cursor, public_size: int, private_size: int, flag_size: int) -> CapiSlot | None:
    if not public_size and not private_size:
        cursor.take(flag_size)
        return None
    public, public_error = parse_section(cursor, public_size, parse_capi_public)
    private, private_error = parse_section(cursor, private_size, parse_dpapi_blob)
    export_flag, export_error = parse_section(cursor, flag_size, parse_dpapi_blob)
    return CapiSlot(public, public_error, private, private_error, export_flag, export_error)
