"""No bytes make a parser raise anything but FormatError, be they noise or a valid file with damage."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.formats.acl import parse_security_descriptor
from forensics.formats.action_file import parse_action_file
from forensics.formats.bcrypt_blob import parse_bcrypt_public
from forensics.formats.bundles.libvirt import parse_libvirt
from forensics.formats.bundles.ovf import parse_manifest, parse_ovf
from forensics.formats.bundles.parallels import parse_disk_descriptor, parse_pvs
from forensics.formats.bundles.utm import parse_utm
from forensics.formats.bundles.virtualbox import parse_vbox
from forensics.formats.bundles.vmware import parse_vmsd, parse_vmx
from forensics.formats.bundles.windows_backup import parse_backup_specs
from forensics.formats.cached_logon import parse_cached_logon
from forensics.formats.capi_key import parse_capi_key_file
from forensics.formats.capi_public import parse_capi_public
from forensics.formats.cert_element import parse_cert_element
from forensics.formats.certificate import CertificateParser
from forensics.formats.certificate_der import certificate_parts, der_of
from forensics.formats.certificate_template import period_seconds
from forensics.formats.cng_key import parse_cng_key_file, parse_cng_private_properties, parse_cng_properties
from forensics.formats.credhist import parse_credhist
from forensics.formats.distinguished_name import distinguished_name
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.eap_profile import parse_eap_profile
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.vm_disks import parse_vm_disks
from forensics.formats.iis_configuration import parse_iis_configuration
from forensics.formats.key_prov_info import parse_key_prov_info
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.nps_configuration import eap_configurations
from forensics.formats.pcpkey import parse_pcp_blob, parse_pcpkey
from forensics.formats.policy_name import parse_policy_name
from forensics.formats.preferred import parse_preferred
from forensics.formats.private_key import is_vbs_blob, parse_capi_private, parse_cng_private
from forensics.formats.sid import parse_sid, sid_of_account_domain
from forensics.formats.tpm_public import parse_tpm2b_public
from testdata.builder import acl, bundles, capi, certs, cng, dpapi, pcpkey
from testdata.builder.credhist import credhist
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.lsa import LsaStore
from testdata.builder.parallels import TOP, descriptor, storage

RSA, EC = rsa_key("2048-01"), ec_key("P-256", "hostile")
MASTER_KEY = dpapi.make_master_key("hostile", "S-1-5-18", bytes(20), rounds=1, domain=True)
DSS = struct.pack("<BBHI4s4I", 7, 3, 0, 0x2200, b"DSS4", 512, 160, 0, 160) + bytes(24 + 64 + 20 + 64 + 64)
PROPERTIES = cng.property_list([cng.Property(3, "Export Policy", bytes(4)), cng.ui_policy("Key")])
DER = certs.make_certificate("hostile.test", RSA).der
PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(DER) + b"\n-----END CERTIFICATE-----\n"

VMX = bundles.vmx_text("vm.vmdk", more='encryption.keySafe = "x"\n').encode()
PLIST = bundles.PLIST.format(drives="Drive", name="ImageName", image="a", kind="Disk")
SPECS = bundles.SPECS.format(volume=bundles.VOLUME)
HDD = descriptor(storage(0, 8, [(TOP, "Compressed", "a.hds")]), [TOP], top=True)

Parser = Callable[[bytes], object]
PARSERS: list[tuple[str, Parser, list[bytes]]] = [
    ("descriptor", parse_security_descriptor, [acl.DEFAULT_SD, acl.RDP_KEY_SD]),
    ("bcrypt", parse_bcrypt_public, [cng.rsa_public_blob(RSA), cng.ec_blob(EC)]),
    ("capi file", parse_capi_key_file, [capi.make_capi_key("h", "Name", MASTER_KEY, exchange=capi.Slot(RSA))]),
    ("capi public", parse_capi_public, [capi.public_section(RSA), DSS]),
    ("element", parse_cert_element, [certs.store_element(certs.make_certificate("hostile.test", RSA))]),
    ("cng file", parse_cng_key_file, [cng.make_cng_key("h", "Name", MASTER_KEY, cng.CngKey.ec(EC))]),
    ("properties", lambda data: parse_cng_private_properties(parse_cng_properties(data)), [PROPERTIES]),
    ("blob", parse_dpapi_blob, [dpapi.make_blob("h", MASTER_KEY, b"clear", description="text")]),
    ("link", parse_key_prov_info, [certs.key_prov_info("Key", "Provider", type_=1, flags=0, key_spec=1)]),
    ("master key", parse_master_key_file, [MASTER_KEY.file]),
    ("CREDHIST", parse_credhist, [credhist("hostile", "S-1-5-21-1-2-3-1001", ["a", "b", "c"], rounds=1)]),
    ("cached sign-in", parse_cached_logon, [LsaStore.seeded("hostile").cached_logon(1120, "a", "b", "c")[1]]),
    ("pcp file", parse_pcpkey, [pcpkey.make_pcpkey("h", "Key", "RSA", pcpkey.pcp_blob("h", RSA))]),
    ("pcp blob", parse_pcp_blob, [pcpkey.pcp_blob("h", EC)]),
    ("preferred", parse_preferred, [bytes(24)]),
    ("capi private", parse_capi_private, [capi.private_clear(RSA)]),
    (
        "cng private",
        parse_cng_private,
        [cng.rsa_full_blob(RSA), cng.ec_blob(EC, private=True), cng.symmetric_blob(bytes(16))],
    ),
    ("vbs", is_vbs_blob, [cng.vbs_clear("h")]),
    ("vmx", parse_vmx, [VMX]),
    ("vmsd", parse_vmsd, [b'snapshot.numSnapshots = "1"\nsnapshot0.disk0.fileName = "vm.vmdk"\n']),
    ("vbox", parse_vbox, [bundles.vbox_text("Snapshots/{1}.vdi").encode()]),
    ("ovf", parse_ovf, [bundles.OVF.format(href="a.vmdk", more="", size=1).encode()]),
    ("manifest", parse_manifest, [b"SHA256(a.vmdk)= " + b"0" * 64]),
    ("libvirt", parse_libvirt, [bundles.LIBVIRT.format(path="/a.qcow2").encode()]),
    ("utm", parse_utm, [PLIST.encode()]),
    ("pvs", parse_pvs, [bundles.PVS.format(path="a.hdd").encode()]),
    ("parallels", parse_disk_descriptor, [HDD.encode()]),
    ("backup", parse_backup_specs, [SPECS.encode(), SPECS.encode("utf-16-le")]),
    (
        "hyper-v disks",
        parse_vm_disks,
        [bundles.HYPER_V_XML.format(name="a", vm="b").encode("utf-16")],
    ),
    ("action file", parse_action_file, [b"<a><sysprepModule methodName='m'/></a>"]),
    ("eap profile", parse_eap_profile, [b"<a><name>n</name><Type>13</Type></a>"]),
    ("iis", parse_iis_configuration, [b"<a><site><bindings><binding protocol='https'/></bindings></site></a>"]),
    ("nps", lambda data: list(eap_configurations(data)), [b"<a><b><Properties><x>y</x></Properties></b></a>"]),
    ("certificate", CertificateParser().parse, [DER]),
    ("certificate der", lambda data: certificate_parts(der_of(data)), [DER, PEM]),
    ("name", distinguished_name, [bytes.fromhex("300f310d300b06035504030c0477656231")]),
    ("period", period_seconds, [bytes(8)]),
    ("policy name", parse_policy_name, [struct.pack("<HHI", 2, 4, 8) + b"A\0"]),
    ("account domain", sid_of_account_domain, [bytes(12)]),
    ("sid", parse_sid, [bytes.fromhex("010100000000000512000000")]),
    ("tpm public", parse_tpm2b_public, [pcpkey.tpm2b_public(RSA), pcpkey.tpm2b_public(EC)]),
]
EACH = pytest.mark.parametrize(("parse", "valid"), [p[1:] for p in PARSERS], ids=[p[0] for p in PARSERS])


def only_format_errors(parse: Parser, data: bytes) -> None:
    caught: FormatError | None = None
    try:
        parse(data)
    except FormatError as error:
        caught = error
    assert caught is None or (caught.kind and caught.message and 0 <= caught.offset <= len(data)), caught


def test_what_is_valid_parses() -> None:
    """Damage is done to what is understood: each parser says what it has before."""
    assert {name: [type(parse(data)).__name__ for data in valid] for name, parse, valid in PARSERS} == {
        "descriptor": ["SecurityDescriptor", "SecurityDescriptor"],
        "bcrypt": ["RsaPublicKey", "EcPublicKey"],
        "capi file": ["CapiKeyFile"],
        "capi public": ["RsaPublicKey", "DsaPublicKey"],
        "element": ["CertElement"],
        "cng file": ["CngKeyFile"],
        "properties": ["CngPolicy"],
        "blob": ["DpapiBlob"],
        "CREDHIST": ["CredHist"],
        "cached sign-in": ["CachedLogon"],
        "link": ["KeyProvInfo"],
        "master key": ["MasterKeyFile"],
        "pcp file": ["PcpKeyFile"],
        "pcp blob": ["PcpBlob"],
        "preferred": ["Preferred"],
        "capi private": ["RsaPrivateKey"],
        "cng private": ["RsaPrivateKey", "EcPrivateKey", "SymmetricKey"],
        "vbs": ["bool"],
        "vmx": ["NamedDisks"],
        "vmsd": ["NamedDisks"],
        "vbox": ["NamedDisks"],
        "ovf": ["NamedDisks"],
        "manifest": ["tuple"],
        "libvirt": ["NamedDisks"],
        "utm": ["NamedDisks"],
        "pvs": ["NamedDisks"],
        "parallels": ["HddDescriptor"],
        "backup": ["dict", "dict"],
        "hyper-v disks": ["NamedDisks"],
        "action file": ["frozenset"],
        "eap profile": ["EapProfile"],
        "iis": ["IisConfiguration"],
        "nps": ["list"],
        "certificate": ["Certificate"],
        "certificate der": ["CertificateParts", "CertificateParts"],
        "name": ["str"],
        "period": ["int"],
        "policy name": ["str"],
        "account domain": ["str"],
        "sid": ["str"],
        "tpm public": ["RsaPublicKey", "EcPublicKey"],
    }
    assert is_vbs_blob(cng.vbs_clear("h"))


@EACH
@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=400))
def test_noise(parse: Parser, valid: list[bytes], noise: bytes) -> None:
    only_format_errors(parse, noise)
    for data in valid:
        only_format_errors(parse, data[:8] + noise)


@EACH
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_valid_bytes(parse: Parser, valid: list[bytes], data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from(valid)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(changed), 256) - 1))
        word = data.draw(
            st.sampled_from([b"\0", b"\xff", bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\xd8", b"\1"])
        )
        changed[at : at + len(word)] = word
    end = data.draw(st.one_of(st.just(len(changed)), st.integers(0, len(changed))))
    only_format_errors(parse, bytes(changed[:end]))
