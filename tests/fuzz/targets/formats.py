"""Artefacts of keys, secrets and certificates: bytes in, a dataclass or FormatError out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from forensics.collectors.key_content import parse_key_file
from forensics.disk.ntfs.reparse import parse_link
from forensics.dpapi.domain_backup import load_pvk, parse_key_pair
from forensics.dpapi.sam import is_todays
from forensics.formats.acl import parse_security_descriptor
from forensics.formats.authenticode import parse_authenticode
from forensics.formats.bcrypt_blob import parse_bcrypt_public
from forensics.formats.cached_logon import parse_cached_logon
from forensics.formats.capi_key import parse_capi_key_file, parse_capi_public_halves
from forensics.formats.capi_public import parse_capi_public
from forensics.formats.cert_element import parse_cert_element
from forensics.formats.certificate import CertificateParser
from forensics.formats.certificate_der import certificate_parts, der_of, lax_rsa_key
from forensics.formats.certificate_signature import is_signed_by
from forensics.formats.certificate_template import period_seconds
from forensics.formats.cng_key import parse_cng_key_file, parse_cng_private_properties, parse_cng_properties
from forensics.formats.credhist import parse_credhist
from forensics.formats.distinguished_name import common_name, distinguished_name
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.endorsement_key import read_endorsement_key
from forensics.formats.errors import FormatError
from forensics.formats.key_prov_info import parse_key_prov_info
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.pcpkey import parse_pcp_blob, parse_pcpkey
from forensics.formats.pkcs12 import HEAD_SIZE, is_pkcs12
from forensics.formats.policy_name import parse_policy_name
from forensics.formats.preferred import parse_preferred
from forensics.formats.private_key import is_vbs_blob, parse_capi_private, parse_cng_private
from forensics.formats.sam import SamMaterial, parse_account_key, parse_nt_hash
from forensics.formats.sam_alias import parse_alias_members
from forensics.formats.shadow_catalog import BLOCK, CatalogCopy, parse_catalog, parse_shadow_header, saved_blocks
from forensics.formats.sid import parse_sid, sid_of_account_domain
from forensics.formats.tpm_public import parse_tpm2b_public
from forensics.formats.usn_record import parse_usn_record
from forensics.formats.velociraptor_upload import parse_chunk_index, parse_sparse_index
from forensics.formats.zip_names import zip_names
from tests.fuzz.target import Target, hold

Parser = Callable[[bytes], object]
_VOLUME = 1 << 30
DER_WORDS = (
    bytes.fromhex("06035504 03"),
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x02\x01\x00",
    b"\x1e\x02\xd8\x00",
)


def valid(name: str) -> Sequence[bytes]:
    """Return what the test of hostile bytes knows of a parser."""
    from tests.formats.test_hostile import PARSERS

    return next(seeds for known, _, seeds in PARSERS if known == name)


def told_inside(parse: Parser) -> Parser:
    """Return a parser whose refusals must have a kind, a message and a place in the input."""

    def run(data: bytes) -> None:
        try:
            parse(data)
        except FormatError as error:
            hold(error.kind, "a refusal without a kind")
            hold(error.message, "a refusal without a message")
            hold(0 <= error.offset <= len(data), f"refused at byte {error.offset} of {len(data)}")

    return run


def _known(name: str, parse: Parser, seeds: str, **more: object) -> Target:
    return Target(name, told_inside(parse), lambda: valid(seeds), **more)  # type: ignore[arg-type]


def _own(name: str, parse: Parser, seeds: Callable[[], Sequence[bytes]], **more: object) -> Target:
    return Target(name, told_inside(parse), seeds, **more)  # type: ignore[arg-type]


def _journal(data: bytes) -> None:
    at = 0
    while at < len(data):
        record = parse_usn_record(data, at)
        assert record.size > 0
        at += record.size


def _journal_seeds() -> list[bytes]:
    from datetime import UTC, datetime

    from testdata.builder.change_journal import Change, creation, deletion, journal

    when = datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
    changes = [*creation(when, "k/a key", 50), *deletion(when, "k/a key", 50), Change(when, "k/b", 0x200, 7, version=3)]
    return [journal(changes, {"k": 42}, 0).rstrip(b"\0")]


def _catalog(data: bytes) -> None:
    def read(at: int, size: int) -> bytes:
        return data[at : at + size].ljust(size, b"\0")

    parse_shadow_header(data[:512])
    found = parse_catalog(read, 0, _VOLUME)
    assert isinstance(found.is_in_order, bool)
    for copy in found.copies:
        assert isinstance(copy, CatalogCopy)
        for blocks in saved_blocks(read, copy, _VOLUME):
            assert len(blocks) <= _VOLUME // BLOCK


def _catalog_seeds() -> list[bytes]:
    import struct

    from forensics.formats.shadow_catalog import STORE_ID
    from tests.formats import test_shadow_catalog as made

    listed = [made.described(n, made.WHEN[n]) + made.stored(n, BLOCK * 2) for n in range(3)]
    first = made.block(made.CATALOG, listed, BLOCK, here=0)
    listed = [made.UNUSED, made.described(7, made.WHEN[3]), made.stored(7)]
    second = made.block(made.CATALOG + BLOCK, listed, here=BLOCK)
    saved = STORE_ID.bytes_le + struct.pack("<IIQQQ", 1, 3, 0, BLOCK * 2, 0)
    return [made.header(), first + second + saved.ljust(128, b"\0") + struct.pack("<QQQII", BLOCK, 0, BLOCK, 0, 0) * 9]


def _sam(data: bytes) -> None:
    """What SAM holds of the domain, and of one user: the first two bytes say where one ends."""
    cut = int.from_bytes(data[:2], "little")
    account, user = data[2 : 2 + cut], data[2 + cut :]
    for parse, part in ((parse_account_key, account), (parse_nt_hash, user)):
        told_inside(parse)(part)
    is_todays(SamMaterial(account, {1001: user}), bytes(range(16)), 1001, bytes(16))


def _sam_seeds() -> list[bytes]:
    from testdata.builder import sam

    found = []
    for aes in (True, False):
        account, users = sam.values(bytes(range(16)), {1001: bytes(range(16))}, aes)
        found.append(len(account).to_bytes(2, "little") + account + users[1001])
    return found


def _velociraptor(data: bytes) -> None:
    for parse in (parse_chunk_index, parse_sparse_index):
        told_inside(lambda part, parse=parse: parse(part, 15))(data)  # type: ignore[misc]


def _velociraptor_seeds() -> list[bytes]:
    from tests.formats.test_velociraptor_upload import chunks, ranges

    row = {"original_offset": "512", "file_offset": "512", "file_length": "7", "length": "7"}
    return [
        chunks((0, 0, 10, 100, 0), (100, 10, 5, 50, 0)),
        ranges({"file_length": 8, "length": 8}, row | {"original_offset": 8, "file_offset": 8}),
    ]


def _authenticode_seeds() -> list[bytes]:
    from testdata.builder.pe import PCA_2011, UEFI_CA_2023, make_pe, sign_pe, signed_pe

    return [signed_pe(PCA_2011, b"code"), sign_pe(make_pe(b"code"), (PCA_2011, UEFI_CA_2023)), make_pe(b"code")]


def _pvk_seeds() -> list[bytes]:
    from tests.dpapi.test_domain_backup import BACKUP_KEY

    return [BACKUP_KEY]


def _key_pair_seeds() -> list[bytes]:
    import struct

    from tests.dpapi.test_domain_backup import BACKUP_KEY

    blob = BACKUP_KEY[24:]
    return [struct.pack("<III", 2, len(blob), 4) + blob + b"cert", blob]


def _endorsement_seeds() -> list[bytes]:
    from tests.formats.test_endorsement_key import EC_SPKI, FORMS

    return [*FORMS.values(), EC_SPKI]


def _alias_seeds() -> list[bytes]:
    from tests.formats.test_sam_alias import sid, value

    return [value(sid(4) + sid(11), 2), value(b"", 0)]


def _link_seeds() -> list[bytes]:
    import struct

    target = "\\??\\C:\\Users".encode("utf-16-le")
    shown = "C:\\Users".encode("utf-16-le")
    names = struct.pack("<HHHH", 0, len(target), len(target) + 2, len(shown)) + target + b"\0\0" + shown + b"\0\0"
    link = struct.pack("<HHHHI", 0, len(target), len(target) + 2, len(shown), 1) + target + b"\0\0" + shown
    return [
        struct.pack("<IHH", 0xA0000003, len(names), 0) + names,
        struct.pack("<IHH", 0xA000000C, len(link), 0) + link,
    ]


def _zip_seeds() -> list[bytes]:
    from tests.formats.test_zip_names import packed

    return [packed(), packed(("SYSTEM",), b"comment")]


def _key_file(data: bytes) -> None:
    for kind in ("capi", "cng", "tpm"):
        told_inside(lambda part, kind=kind: parse_key_file(kind, part))(data)  # type: ignore[misc]


def _key_file_seeds() -> list[bytes]:
    return [valid(name)[0] for name in ("capi file", "cng file", "pcp file")]


def _certificate_seeds() -> list[bytes]:
    from testdata.builder import certs
    from testdata.builder.keys import ec_key

    made = certs.make_certificate("fuzz.test", ec_key("P-256", "hostile"))
    return [*valid("certificate der"), made.der]


TARGETS = (
    _known("access-list", parse_security_descriptor, "descriptor"),
    _known("bcrypt-public", parse_bcrypt_public, "bcrypt"),
    _known("capi-key-file", parse_capi_key_file, "capi file"),
    _known("capi-public-halves", parse_capi_public_halves, "capi file"),
    _known("capi-public", parse_capi_public, "capi public"),
    _known("certificate-element", parse_cert_element, "element"),
    _known("cng-key-file", parse_cng_key_file, "cng file"),
    _known("cng-properties", lambda data: parse_cng_private_properties(parse_cng_properties(data)), "properties"),
    _known("dpapi-blob", parse_dpapi_blob, "blob"),
    _known("key-prov-info", parse_key_prov_info, "link"),
    _known("master-key-file", parse_master_key_file, "master key"),
    _known("credhist", parse_credhist, "CREDHIST"),
    _known("cached-logon", parse_cached_logon, "cached sign-in"),
    _known("pcpkey", parse_pcpkey, "pcp file"),
    _known("pcp-blob", parse_pcp_blob, "pcp blob"),
    _known("preferred", parse_preferred, "preferred"),
    _known("capi-private", parse_capi_private, "capi private"),
    _known("cng-private", parse_cng_private, "cng private"),
    _known("vbs-blob", is_vbs_blob, "vbs"),
    _known("certificate", CertificateParser().parse, "certificate", words=DER_WORDS),
    _own(
        "certificate-der",
        lambda data: lax_rsa_key(certificate_parts(der_of(data)).public_key_info),
        _certificate_seeds,
        words=DER_WORDS,
    ),
    _own("certificate-signature", lambda data: is_signed_by(data, data), _certificate_seeds, words=DER_WORDS),
    _known("distinguished-name", lambda data: (distinguished_name(data), common_name(data)), "name", words=DER_WORDS),
    _known("template-period", period_seconds, "period"),
    _known("policy-name", parse_policy_name, "policy name"),
    _known("account-domain", sid_of_account_domain, "account domain"),
    _known("sid", parse_sid, "sid"),
    _known("tpm-public", parse_tpm2b_public, "tpm public"),
    _own("authenticode", parse_authenticode, _authenticode_seeds, words=DER_WORDS),
    _own("pvk", load_pvk, _pvk_seeds),
    _own("domain-key-pair", parse_key_pair, _key_pair_seeds),
    _own(
        "pkcs12",
        lambda data: is_pkcs12(data[:HEAD_SIZE], len(data)),
        lambda: [b"\x30\x82\x01\x00\x02\x01\x03\x30" + bytes(260)],
    ),
    _own("endorsement-key", read_endorsement_key, _endorsement_seeds, words=DER_WORDS),
    _own("sam", _sam, _sam_seeds),
    _own("sam-alias", parse_alias_members, _alias_seeds),
    _own("usn-record", _journal, _journal_seeds),
    Target("shadow-catalog", _catalog, _catalog_seeds, errors=(FormatError,)),  # its places are those of a volume
    _own("velociraptor-index", _velociraptor, _velociraptor_seeds),
    _own("reparse-point", parse_link, _link_seeds),
    _own("zip-names", lambda data: zip_names(io.BytesIO(data)), _zip_seeds),
    _own("key-file", _key_file, _key_file_seeds),
)
