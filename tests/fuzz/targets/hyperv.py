"""Hyper-V: configurations and guest states of virtual machines, key protectors and guardians."""

from __future__ import annotations

import struct
import zlib

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import parse_guardian_certificate
from forensics.formats.hyperv.guardian_metadata import parse_guardian_metadata
from forensics.formats.hyperv.key_protector import find_key_protectors, is_empty_key_protector, parse_key_protector
from forensics.formats.hyperv.storage import parse_hyperv_storage
from forensics.formats.hyperv.vm_configuration import is_torn, is_virtual_machine, parse_vm_configuration
from forensics.formats.hyperv.vm_xml import parse_vm_xml
from forensics.formats.hyperv.vmgs import parse_vmgs
from testdata.builder.hyperv_storage import Value
from tests.fuzz.reseal import put_crc32
from tests.fuzz.target import Target
from tests.fuzz.targets.formats import DER_WORDS, told_inside
from tests.fuzz.targets.texts import XML_WORDS

_PAGE = 4096
_LOG = 0x01110003
_KEY, _TABLE = 21, 10
_TREE: dict[str, Value] = {
    "configuration/properties/name": "machine",
    "configuration/properties/version": 2304,
    "configuration/properties/ratio": 0.5,
    "configuration/properties/on": True,
    "configuration/settings/security/protector": bytes(range(256)) * 3,
    "configuration/manifest/vdev001/device": "{2497f4de-e9fa-4204-80e4-4b75c46419c0}",
    "configuration/global_settings/logical_id": "c0ffee00-0000-4000-8000-000000000001",
}


def _storage(data: bytes) -> None:
    found = parse_hyperv_storage(lambda at, size: data[at : at + size], len(data))
    for path, value in found.values.items():
        assert isinstance(path, str), value.path
    is_torn(found)
    if is_virtual_machine(found):
        parse_vm_configuration(found)


def sealed_storage(data: bytes) -> bytes:
    """Make the sums of headers, log, object tables and keys right, as far as they can be found."""
    made = bytearray(data)
    for copy in (0, _PAGE):
        put_crc32(made, copy, 46, 4)
    for page in range(2 * _PAGE, len(made) - _PAGE + 1, _PAGE):
        (signature,) = struct.unpack_from("<I", made, page)
        kind = signature & 0xFFFF
        if signature == _LOG:
            _seal_log(made, page)
        elif kind == 1:
            for at in range(page + 8, page + _PAGE - 17, 18):
                if any(made[at : at + 18]):
                    put_crc32(made, at, 18, 1)
        elif kind == 2:
            put_crc32(made, page, _TABLE, 6)
            _seal_keys(made, page)
    return bytes(made)


def _seal_log(made: bytearray, page: int) -> None:
    put_crc32(made, page, 34, 4)
    for at in range(page + 34, min(page + _PAGE, len(made)) - 27, 28):
        offset, size, inside = struct.unpack_from("<QIQ", made, at)
        if offset or size:
            struct.pack_into("<I", made, at + 24, zlib.crc32(made[page + inside : page + inside + min(size, 1 << 16)]))
            put_crc32(made, at, 28, 20)


def _seal_keys(made: bytearray, page: int) -> None:
    at, end = page + _TABLE, page + _PAGE
    while at + _KEY < end:
        kind, flags, size, *_, name = struct.unpack_from("<BBIHIIIB", made, at)
        if size < _KEY or at + size > end:
            return
        start = at + _KEY + name
        length = {3: 8, 4: 8, 5: 8, 8: 4, 9: 12}.get(kind, 0)
        if flags & 1 and kind != 9:
            length = 12
        elif not length and start + 4 <= len(made):
            length = 4 + min(int(struct.unpack_from("<I", made, start)[0]), _PAGE)
        if kind != 1:
            put_crc32(made, at, start - at + length, 12)
        at += size


def _storage_seeds() -> list[bytes]:
    from testdata.builder.hyperv_storage import Finished, Layout, Pending, write_hyperv_storage

    layout = Layout(log_size=2 * _PAGE, threshold=200, grain=512)
    older = _TREE | {"configuration/properties/name": "older"}
    return [
        write_hyperv_storage(_TREE, layout=layout),
        write_hyperv_storage(_TREE, log=Pending(older), layout=layout),
        write_hyperv_storage(_TREE, log=Finished(older), layout=layout),
    ]


def _vmgs_seeds() -> list[bytes]:
    from testdata.builder.vmgs import AES_GCM, GuestFile, write_vmgs

    files = {1: GuestFile(b"nvram" * 9), 3: GuestFile(bytes(64), encrypted=True, authenticated=True)}
    return [write_vmgs(files, version, encryption=AES_GCM, capacity=0) for version in (0x00020000, 0x00030000)]


def _sealed_vmgs(data: bytes) -> bytes:
    made = bytearray(data)
    for copy in (0, _PAGE):
        put_crc32(made, copy, 168, 12)
    return bytes(made)


def _protector_seeds() -> list[bytes]:
    from testdata.builder import key_protector as forge

    owner, other = forge.guardian_pair(), forge.guardian_pair("Fabric", "HV02", number=2)
    return [forge.write_key_protector(owner, [other])]


def _metadata_seeds() -> list[bytes]:
    from testdata.builder import key_protector as forge

    owner, other = forge.guardian_pair(), forge.guardian_pair("Fabric", "HV02", number=2)
    return [forge.write_guardian_metadata(owner, other_signing=[other.signing])]


def _guardian_seeds() -> list[bytes]:
    from testdata.builder import key_protector as forge

    return [forge.guardian_pair().signing.der]


def _protector(data: bytes) -> None:
    is_empty_key_protector(data)
    for found in find_key_protectors(data):
        assert found in data
    told_inside(parse_key_protector)(data)


def _vm_xml_seeds() -> list[bytes]:
    text = (
        "<?xml version='1.0' encoding='utf-16'?><configuration><properties><name type='string'>a</name><version "
        "type='integer'>1280</version><on type='bool'>True</on><k type='bytes'>AAEC</k><r type='double'>0.5</r>"
        "</properties></configuration>"
    )
    return [text.encode("utf-16"), text.replace("utf-16", "utf-8").encode()]


def _vm_xml(data: bytes) -> None:
    found = parse_vm_xml(data)
    if is_virtual_machine(found):
        parse_vm_configuration(found)


TARGETS = (
    # The places that both tell are those of a file, which may end before them.
    Target("hyperv-storage", _storage, _storage_seeds, sealed_storage, errors=(FormatError,)),
    Target("hyperv-vm-xml", told_inside(_vm_xml), _vm_xml_seeds, words=XML_WORDS),
    Target(
        "vmgs",
        lambda data: parse_vmgs(lambda at, size: data[at : at + size], len(data)),
        _vmgs_seeds,
        _sealed_vmgs,
        errors=(FormatError,),
    ),
    Target("key-protector", _protector, _protector_seeds, words=XML_WORDS),
    Target("guardian-metadata", told_inside(parse_guardian_metadata), _metadata_seeds, words=XML_WORDS),
    Target("guardian-certificate", told_inside(parse_guardian_certificate), _guardian_seeds, words=DER_WORDS),
)
