"""Texts: settings, XML, exports of the registry, names of files, rules."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from forensics.collectors.setup_lines import SetupLines
from forensics.disk.configurations import configuration_kind
from forensics.disk.part_names import following, is_part_of, lettered, numbered
from forensics.disk.vmdk_descriptor import read_descriptor
from forensics.engine.calls import parse_call, problem_of
from forensics.engine.compiler import check_rule
from forensics.engine.database import RuleDatabase
from forensics.engine.fence import RuleSqlError, RuleStoppedError
from forensics.engine.rule_reader import RuleReader
from forensics.engine.rule_source import RuleYamlError
from forensics.engine.sql_text import SqlTextError, check_expression, looks_only_at, quoted_texts, used_values
from forensics.engine.templates import check_template, columns_in, commands_in
from forensics.engine.yaml_source import read_yaml
from forensics.formats.action_file import parse_action_file
from forensics.formats.bundles.libvirt import parse_libvirt
from forensics.formats.bundles.ovf import parse_manifest, parse_ovf
from forensics.formats.bundles.parallels import parse_disk_descriptor, parse_pvs
from forensics.formats.bundles.utm import parse_utm
from forensics.formats.bundles.virtualbox import parse_vbox
from forensics.formats.bundles.vmware import parse_vmsd, parse_vmx
from forensics.formats.bundles.windows_backup import parse_backup_specs
from forensics.formats.certificate_mention import mentions
from forensics.formats.eap_profile import parse_eap_profile
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_name import parse_guardian_name
from forensics.formats.hyperv.vm_disks import parse_vm_disks
from forensics.formats.iis_configuration import parse_iis_configuration
from forensics.formats.ini_text import decode_text, ini_sections
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes, find_key_file_name
from forensics.formats.nps_configuration import eap_configurations
from forensics.formats.orc_samples import parse_orc_samples
from forensics.formats.package_name import parse_package_name
from forensics.formats.protected_configuration import providers_named
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.formats.xml_text import parse_xml
from forensics.registry.reg_hive import hives_from_reg
from forensics.registry.reg_text import parse_reg_export
from forensics.report.symptoms.recognise import read_symptom
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.formats import Parser, told_inside, valid

XML_WORDS = (
    *(
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"<?xml version='1.0' encoding='utf-7'?>",
    ),
    *(b" xmlns='", b" xmlns:a='a'", b"</", b"/>", b"&#0;", b"&#x10ffff;", b"\xef\xbb\xbf", b"\xff\xfe", b"<a>" * 64),
    b"<?xml version='1.0' encoding='utf-7'?>",
)
_YAML = (b"&a ", b"*a", b"!!python/name:os.system ", b"? ", b"- ", b": ", b"|+9\n", b">-\n", b"[[[[", b"{{{{", b"---\n")
_SQL = (
    *(b"this.", b"SELECT ", b"(", b")", b"'", b'"', b"--", b"/*", b";", b"WITH RECURSIVE ", b"zeroblob(1e9)", b"?1"),
    *(
        b"randomblob(9)",
        b"instr(",
        b"replace(",
        b"group_concat(",
        b"NULL",
        b" LIKE ",
        b" GLOB ",
        b"x'00'",
        b"||",
        b"->>",
    ),
)
_REG = (b"[HKEY_LOCAL_MACHINE\\", b'"="', b"hex(7):", b"dword:", b"\\\r\n  ", b"[-", b"=-", b"@=", b'\\"', b"hex(b):00")


def _known(name: str, parse: Parser, seeds: str, words: tuple[bytes, ...] = XML_WORDS) -> Target:
    return Target(name, told_inside(parse), lambda: valid(seeds), words=words)


def _own(name: str, parse: Parser, seeds: Callable[[], Sequence[bytes]], words: tuple[bytes, ...] = ()) -> Target:
    return Target(name, told_inside(parse), seeds, words=words)


def _text(data: bytes) -> str:
    """Return any text; surrogates are what evidence has in names, too."""
    return data.decode("utf-8", "surrogateescape")


def _registry(data: bytes) -> None:
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace", newline="")
    for found in parse_reg_export(lines):
        assert not isinstance(found, FormatError) or found.kind
    for hive in hives_from_reg([("export.reg", io.BytesIO(data))]).values():
        root = hive.key("")
        assert root is None or list(root.subkeys()) is not None


def _registry_seeds() -> list[bytes]:
    head = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Test]\r\n"
    body = '"a"="b"\r\n@="x"\r\n"n"=dword:0000beef\r\n"h"=hex:01,\\\r\n  02\r\n"m"="one\r\ntwo"\r\n"q"=hex(b):01,00\r\n'
    whole = f'{head}{body}[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\r\n"Current"=dword:1\r\n[-HKEY_USERS\\a]\r\n'
    return [whole.encode(), b"\xff\xfe" + whole.encode("utf-16-le"), b"REGEDIT4\r\n\r\n" + body.encode()]


def _ini(data: bytes) -> None:
    for _, settings in ini_sections(decode_text(data)):
        assert settings is not None


def _mentions(data: bytes) -> None:
    text = _text(data)
    assert list(mentions(text)) is not None
    thumbprint_of_text(text)
    providers_named(text)


def _mention_seeds() -> list[bytes]:
    from tests.formats.test_certificate_mention import HASH

    return [
        f'<trustedIssuers><a findValue="{HASH}" storeName="My" x509FindType="FindByThumbprint" />'.encode(),
        f'{{"Certificate":{{"Thumbprint":"{HASH}","Store":"My"}}}}\n[tls]\ncertHash = {HASH}\n'.encode(),
        b'<a configProtectionProvider = "RsaProtectedConfigurationProvider"> [enc:AesProvider:AAEC:enc]',
    ]


def _names(data: bytes) -> None:
    text = _text(data)
    parse_guardian_name(text)
    parse_package_name(text)
    find_key_file_name(text)
    name = text.replace("/", "").replace("\0", "")
    for parts in (numbered, lettered, following):
        parts(name)
    is_part_of(name, "disk.001")
    configuration_kind(name, data)
    container = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    capi_name_hashes(container, 1252)
    cng_name_hashes(container)


def _name_seeds() -> list[bytes]:
    return [
        b"Shielded VM Signing Certificate (Fabric (East)) (HV01)",
        b"Package_for_KB5012170~31bf3856ad364e35~amd64~~1.0.1.3",
        bytes(b"0123456789abcdef" * 2) + b"_0d1c2b3a-0000-4000-8000-000000000001",
        b"disk.raw.001",
        b"image.E01",
        b"image.aa",
        b"machine.vmcx",
    ]


def _descriptor(data: bytes) -> None:
    found = read_descriptor(io.BytesIO(data))
    assert found is None or found.offset >= 0


def _descriptor_seeds() -> list[bytes]:
    text = (
        b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicSparse"\n'
        b'RW 8192 SPARSE "disk.vmdk"\nRW 8192 FLAT "web-flat.vmdk" 0\nRW 10 ZERO\nparentFileNameHint="base.vmdk"\n'
    )
    header = b"KDMV" + (1).to_bytes(4, "little") + bytes(20) + (1).to_bytes(8, "little") + (20).to_bytes(8, "little")
    return [text, header.ljust(512, b"\0") + text]


@cache
def _database() -> RuleDatabase:
    return RuleDatabase({}, datetime(2026, 11, 22, tzinfo=UTC), 0.2)


def _rule(data: bytes) -> None:
    try:
        root = read_yaml(data.decode("utf-8", "replace"))
    except RuleYamlError as error:
        hold(error.line >= 0, f"refused in line {error.line}")
        return
    reader = RuleReader(Path("pack/fuzz.yaml"), root)
    rule = reader.rule()
    assert rule is not None or reader.problems
    if rule is not None:
        assert check_rule(rule, _database()) is not None


def _rule_seeds() -> list[bytes]:
    from tests.engine.rule_files import RULE, lines_of
    from tests.engine.test_rule_reader import WHOLE

    return [lines_of(RULE).encode(), WHOLE.encode()]


def _sql(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    quoted_texts(text)
    used_values(text)
    looks_only_at("key_chain", text)
    try:
        check_expression(text)
        for _ in _database().query(f"SELECT {text} FROM key_chain AS this LIMIT 10"):
            pass
    except (SqlTextError, RuleSqlError, RuleStoppedError):
        pass


def _sql_seeds() -> list[bytes]:
    return [
        b"this.store = 'MY' AND this.verdict IN ('usable', 'unknown')",
        b"EXISTS (SELECT 1 FROM certificate WHERE certificate.thumbprint = this.thumbprint)",
        b"coalesce(instr(lower(this.subject), 'contoso') > 0, this.subject ->> '$.a') IS NOT NULL",
    ]


def _template(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    check_template(text, ["subject", "store"])
    columns_in(text)
    for name in commands_in(text):
        assert parse_call(name) is None or problem_of(name) is None or problem_of(name)


def _template_seeds() -> list[bytes]:
    return [
        b"{{ count }} of {{ subjects }}: {{ subject }}.\n\n    {{ command: test-key-opens thumbprint=this.store }}\n",
        b"{% repeat %} {{ store | list }} text {{ store }}",
    ]


def _setup_log(data: bytes) -> None:
    for of_sysprep in (True, False):
        lines = SetupLines(of_sysprep)
        for line in decode_text(data).splitlines():
            found = lines.read(line)
            assert found is None or (found.kind and found.phase)


def _setup_seeds() -> list[bytes]:
    from testdata.builder import setup_logs

    when = datetime(2026, 11, 22)
    return [setup_logs.log(when, setup_logs.generalize_lines(when), encoding) for encoding in ("utf-8", "utf-16")]


def _symptom(data: bytes) -> None:
    read_symptom(data.decode("utf-8", "replace"))


def _xml_seeds() -> list[bytes]:
    return [
        b"<?xml version='1.0' encoding='utf-8'?><a xmlns:b='c'><b:d e='f'>g</b:d><!-- h --></a>",
        "<?xml version='1.0' encoding='utf-16'?><a>\u00e9</a>".encode("utf-16"),
    ]


def _orc_seeds() -> list[bytes]:
    from tests.formats.test_orc_samples import HEADER, LINE

    return [(HEADER + LINE).encode(), (HEADER + LINE).encode("utf-16")]


def _iis_seeds() -> list[bytes]:
    from testdata.builder.ordinary import iis

    made = [value for value in vars(iis).values() if isinstance(value, str) and value.lstrip().startswith("<")]
    return [*valid("iis"), *(text.encode() for text in made[:1])]


TARGETS = (
    _known("vmx", parse_vmx, "vmx"),
    _known("vmsd", parse_vmsd, "vmsd"),
    _known("vbox", parse_vbox, "vbox"),
    _known("ovf", parse_ovf, "ovf"),
    _known("ovf-manifest", parse_manifest, "manifest"),
    _known("libvirt", parse_libvirt, "libvirt"),
    _known("utm", parse_utm, "utm"),
    _known("pvs", parse_pvs, "pvs"),
    _known("parallels-descriptor", parse_disk_descriptor, "parallels"),
    _known("windows-backup", parse_backup_specs, "backup"),
    _known("hyperv-disks", parse_vm_disks, "hyper-v disks"),
    _known("action-file", parse_action_file, "action file"),
    _known("eap-profile", parse_eap_profile, "eap profile"),
    _own("iis-configuration", parse_iis_configuration, _iis_seeds, XML_WORDS),
    _known("nps-configuration", lambda data: list(eap_configurations(data)), "nps"),
    _own("xml", lambda data: (parse_xml(data), parse_xml(data, document_type="a")), _xml_seeds, XML_WORDS),
    _own("registry-export", _registry, _registry_seeds, _REG),
    _own("ini", _ini, lambda: [b'[a]\r\nb=c\r\n;d\r\n[e f]\r\ng = "h"\r\n', "[a]\nb=c".encode("utf-16")]),
    _own("certificate-mention", _mentions, _mention_seeds, (b"thumbprint", b"findValue=", b"storeName=", b"[enc:")),
    _own("orc-samples", parse_orc_samples, _orc_seeds, (b'"', b",,", b"..\\", b"{0}")),
    _own("names", _names, _name_seeds, (b" (", b")", b"~", b"_", b".001", b".E01", b"\xed\xa0\x80")),
    _own("vmdk-descriptor", _descriptor, _descriptor_seeds, (b"RW 1 FLAT ", b'"', b"parentCID=", b" = ", b"CID=")),
    _own("setup-log", _setup_log, _setup_seeds, (b"generalize", b"_specialize", b"capisp.dll::", b", Error ")),
    _own(
        "symptom",
        _symptom,
        lambda: [b"0x80090016", b"Schannel 36870", b"NTE_BAD_KEYSET", b"-2146893802"],
        (b"9" * 5000,),
    ),
    _own("rule-yaml", _rule, _rule_seeds, _YAML + _SQL),
    _own("rule-sql", _sql, _sql_seeds, _SQL),
    _own(
        "rule-template", _template, _template_seeds, (b"{{ ", b" }}", b" | ", b"command:", b"{%", b"\n    ", b"this.")
    ),
)
