"""Key files of the Microsoft Platform Crypto Provider (``Crypto\\PCPKSP\\…\\*.PCPKEY``): keys wrapped by a TPM.

References:
    https://github.com/gentilkiwi/mimikatz (kull_m_key.h, kuhl_m_dpapi_keys.c)
    https://github.com/ElMostafaIdrassi/pcpcrypto
"""

from __future__ import annotations

from forensics.formats.cursor import Cursor
from forensics.formats.dpapi_blob import DpapiBlob, parse_dpapi_blob
from forensics.formats.errors import FormatError
from forensics.formats.public_key import PublicKey
from forensics.formats.tpm_public import parse_tpm2b_public
from forensics.language import sentence
from forensics.late_methods import dataclass

TAG_CONTAINER = 0x02000000
TAG_KEY_TYPE = 0x02000004
TAG_CLEAR_BLOB = 0x01000002
TAG_SEALED_BLOB = 0x01000003

PARTS = (
    "public",
    "private",
    "migration_public",
    "migration_private",
    "policy_digests",
    "pcr_binding",
    "pcr_digest",
    "encrypted_secret",
    "tpm12_hostage",
)
"""The parts of a TPM 2.0 blob, in the order in which their sizes and they themselves stand in it."""

_FRAME = b"PKSP"
_MAX_TAGS = 64
"""Format: parts of one TPM key file."""
_FLAG_AUTH_REQUIRED = 1
_TPM_2_0 = 2
# Magic, size, type and flags, then nine part sizes; later versions of Windows append pcrAlgId.
_HEADER_BEFORE_SIZES = 16
_HEADER_BEFORE_ALGORITHM = _HEADER_BEFORE_SIZES + 4 * len(PARTS)


@dataclass(frozen=True, slots=True)
class PcpBlob:
    """A key wrapped by a TPM: its private part is of no use without that TPM.

    Attributes:
        pcp_type: 1 is TPM 1.2, 2 is TPM 2.0.
        flags: As stored; bit 0 says that the key needs authorisation.
        public: Public half; None for TPM 1.2, and for key types that certificates do not hold.
        has_pcr_binding: The key works only with certain PCR values.
        parts: Name (of :data:`PARTS`) and size in bytes of each part that is not empty; none for TPM 1.2.
        pcr_binding: Which PCRs, as stored: how they are written is not documented.
        pcr_algorithm: TPM_ALG_ID of the PCR bank; None where the header ends before it.
        trailing: Bytes after the last part.
    """

    pcp_type: int
    flags: int
    auth_required: bool
    public: PublicKey | None
    has_pcr_binding: bool
    parts: tuple[tuple[str, int], ...] = ()
    pcr_binding: bytes = b""
    pcr_algorithm: int | None = None
    trailing: int = 0


@dataclass(frozen=True, slots=True)
class PcpKeyFile:
    """One .PCPKEY file.

    Attributes:
        container: Key name; None when the file does not tell.
        key_type: Algorithm as text, such as ``RSA``.
        blob: The wrapped key, when it is stored in clear.
        sealed_blob: The wrapped key inside a DPAPI blob without entropy.
        other_tags: Tags whose meaning is not known.
        trailing: Bytes after the closing mark.
    """

    container: str | None
    key_type: str | None
    blob: PcpBlob | None
    sealed_blob: DpapiBlob | None
    other_tags: tuple[int, ...]
    trailing: int = 0


def parse_pcpkey(data: bytes) -> PcpKeyFile:
    """Parse a .PCPKEY file.

    Raises:
        FormatError: ``empty``, ``bad_magic``, ``truncated`` (no closing mark), ``too_many`` or any error of its blobs.
    """
    if not data:
        raise FormatError("empty", 0, sentence("the key file is empty"))
    cursor = Cursor(data)
    if cursor.take(4, "magic") != _FRAME:
        raise FormatError("bad_magic", 0, sentence("no PKSP magic"))
    container = key_type = blob = sealed = None
    others: list[int] = []
    for _ in range(_MAX_TAGS):
        if data[cursor.offset : cursor.offset + 4] == _FRAME:
            trailing = cursor.remaining - len(_FRAME)
            return PcpKeyFile(container, key_type, blob, sealed, tuple(others), trailing)
        tag, size = cursor.u32s("tag", "size")
        start = cursor.offset
        value = cursor.take(size, f"value of tag 0x{tag:08x}")
        if tag == TAG_CONTAINER:
            container = Cursor(value).utf16(size, "container name")
        elif tag == TAG_KEY_TYPE:
            key_type = Cursor(value).utf16(size, "key type")
        elif tag in (TAG_CLEAR_BLOB, TAG_SEALED_BLOB):
            try:
                if tag == TAG_CLEAR_BLOB:
                    blob = parse_pcp_blob(value)
                else:
                    sealed = parse_dpapi_blob(value)
            except FormatError as error:
                raise FormatError(error.kind, start + error.offset, error.message) from error
        else:
            others.append(tag)
    raise FormatError(
        "too_many", cursor.offset, sentence("a key file does not have more than {max_tags} tags", max_tags=_MAX_TAGS)
    )


def parse_pcp_blob(data: bytes) -> PcpBlob:
    """Parse a PCP key blob, whether stored in clear or decrypted.

    Its header grew over the years, so the parts start where its own size says.

    Raises:
        FormatError: ``bad_magic``, ``truncated`` or ``bad_length``.
    """
    cursor = Cursor(data)
    if cursor.take(4, "magic") != b"PCPM":
        raise FormatError("bad_magic", 0, sentence("no PCPM magic"))
    header_size, pcp_type, flags = cursor.u32s("cbHeader", "pcpType", "flags")
    if header_size > len(data) or header_size < _HEADER_BEFORE_SIZES:
        raise FormatError(
            "bad_length",
            4,
            sentence(
                "a header of {header_size} bytes does not fit {count} bytes", header_size=header_size, count=len(data)
            ),
        )
    if pcp_type != _TPM_2_0:
        return PcpBlob(pcp_type, flags, bool(flags & _FLAG_AUTH_REQUIRED), None, has_pcr_binding=False)
    if header_size < _HEADER_BEFORE_ALGORITHM:
        raise FormatError(
            "bad_length", 4, sentence("a TPM 2.0 header does not have {header_size} bytes", header_size=header_size)
        )
    sizes = [cursor.u32("part size") for _ in PARTS]
    end = header_size + sum(sizes)
    if end > len(data):
        raise FormatError("truncated", header_size, sentence("the parts need more bytes than there are"))
    algorithm = cursor.u16("pcrAlgId") if header_size >= _HEADER_BEFORE_ALGORITHM + 2 else None
    body = Cursor(data, header_size)
    parts = {name: body.take(size, name) for name, size in zip(PARTS, sizes, strict=True)}
    return PcpBlob(
        pcp_type,
        flags,
        bool(flags & _FLAG_AUTH_REQUIRED),
        _public(parts["public"], header_size),
        has_pcr_binding=bool(parts["pcr_binding"]),
        parts=tuple((name, len(part)) for name, part in parts.items() if part),
        pcr_binding=parts["pcr_binding"],
        pcr_algorithm=algorithm,
        trailing=len(data) - end,
    )


def _public(part: bytes, offset: int) -> PublicKey | None:
    if not part:
        return None
    try:
        return parse_tpm2b_public(part)
    except FormatError as error:
        raise FormatError(
            error.kind, offset + error.offset, sentence("TPM2B_PUBLIC: {message}", message=error.message)
        ) from error
