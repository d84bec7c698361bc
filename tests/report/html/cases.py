"""Cases for the HTML report: one with names that mean harm, and one with as many certificates as a busy host has."""

from __future__ import annotations

from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.finding import Block, ConditionValue, EvidenceRow, Finding, Subject
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow
from forensics.tables.source import SourceEntry
from tests.hand_made import AS_OF, KEYS, NOW_GUID, chain, machine, rows, utc

HOSTILE = [
    "CN=<script>document.title='owned'</script>",
    "CN=\"><img src=http://evil.test/x onerror=document.title='owned'>",
    'CN=x" onmouseover="document.title=\'owned\'" y="',
    "CN=' onfocus='document.title=1' autofocus='",
    "CN=</style><style>body{background:url(http://evil.test/y)}</style>",
    "CN=</script><script src=http://evil.test/z></script>",
    "javascript:document.title='owned'",
    "CN={{ 7 * 7 }}{% raw %}",
    "CN=\u202egro.live\u202c\u200f\u2066\u200b\x1b[2J\x00end",
    "CN=--><!--<![CDATA[",
    "CN=&lt;b&gt;&#x3c;i&#x3e;",
]
"""Names that would do something on a page that is not careful."""


def hostile_case() -> CaseTables:
    """Every name in every place that a disk decides."""
    made: list[Row] = rows()
    for number, name in enumerate(HOSTILE):
        thumbprint = f"{number:040X}"
        made += [
            machine(machine_id=number + 10, computer_name=name, product_name=name, domain_name=name, build=name),
            chain(
                machine_id=number + 10,
                thumbprint=thumbprint,
                subject=name,
                store=name,
                container=name,
                provider=name,
                key_file_path=name,
                source_path=name,
                verdict="unusable",
                broken_at="key_file",
                key_file="absent",
                recoverable_from=f"{name}/other",
                owner_sid=name,
                store_scope="user",
            ),
            CertificateRow(
                machine_id=number + 10,
                source_path=name,
                thumbprint=thumbprint,
                store=name,
                store_scope="user",
                owner_sid=name,
                subject=name,
                issuer=name,
                not_after=utc(2027, 1, 1),
                has_key_link=True,
                container=name,
            ),
            KeyFileRow(
                machine_id=number + 10,
                source_path=name,
                path=name,
                file_name=name,
                kind="capi",
                scope="user",
                owner_sid=name,
                container=name,
                acl=name,
                created=utc(2020, 1, 2),
            ),
            MasterKeyRow(machine_id=number + 10, source_path=name, path=name, guid=name, owner_sid=name),
        ]
    findings = [_finding(number, name) for number, name in enumerate(HOSTILE)]
    sources = [SourceEntry(name, name, [number + 10], name) for number, name in enumerate(HOSTILE)]
    return CaseTables(made, sources, AS_OF, findings)


def _finding(number: int, name: str) -> Finding:
    return Finding(
        id=f"{name}:{number}",
        rule=name,
        severity="high",
        title=name,
        verdict="match",
        machine_id=number + 10,
        subject_table="key_chain",
        subjects=(Subject(f"{number:040X}", name),),
        because=(Block("paragraph", name), Block("item", name)),
        remedy=(Block("paragraph", name), Block("command", name)),
        confidence="proved",
        evidence=(EvidenceRow("key_chain", 0, name),),
        conditions=(ConditionValue(name, "yes"),),
        covers=("broken",),
        references=(name, "javascript:document.title='owned'", 'https://learn.microsoft.com/x"><script>'),
    )


def broken_by(title: str, thumbprint: str) -> Finding:
    """Return a finding that says why a key is broken."""
    return Finding(
        id=title,
        rule="some-rule",
        severity="high",
        title=title,
        verdict="match",
        machine_id=1,
        subject_table="key_chain",
        subjects=(Subject(thumbprint, f"CN={title}"),),
        because=(Block("paragraph", "So it is."),),
        remedy=(),
        confidence="proved",
        evidence=(),
        conditions=(),
        covers=("broken",),
    )


def large_case(count: int = 500) -> CaseTables:
    """A disk with as many certificates, each with key file and master key of its own."""
    made: list[Row] = [machine()]
    for n in range(count):
        file = f"{KEYS}/{n:032x}_{NOW_GUID}"
        guid = f"{n:08x}-cf85-4f0a-ab17-88f1d63deafe"
        begin = utc(2016, 1, 1) + timedelta(days=7 * n)
        dead = n % 10 == 0
        place = f"HKLM/SOFTWARE/Microsoft/SystemCertificates/MY/Certificates/{n:040X}"
        name = f"CN=host-{n:03}.branch-office.contoso.test,OU=Web,O=Contoso"
        made += [
            chain(
                thumbprint=f"{n:040X}",
                subject=name,
                container=f"te-WebServer-{n}",
                key_file_path=file,
                not_before=begin,
                not_after=begin + timedelta(days=3650),
                source_path=place,
                master_key_guid=guid,
                key_file="absent" if dead else "present",
                verdict="unusable" if dead else "usable",
                broken_at="key_file" if dead else None,
                recoverable=False if dead else None,
            ),
            CertificateRow(
                machine_id=1,
                source_path=place,
                source_time=begin,
                thumbprint=f"{n:040X}",
                store="MY",
                store_scope="machine",
                owner_sid="S-1-5-18",
                subject=name,
                issuer="CN=Contoso Issuing CA 3,O=Contoso",
                not_before=begin,
                not_after=begin + timedelta(days=3650),
                key_algorithm="RSA",
                key_bits=2048,
                has_key_link=True,
                container=f"te-WebServer-{n}",
                key_flags=0x20,
                key_spec=1,
                public_key_sha256="c" * 64,
            ),
            KeyFileRow(
                machine_id=1,
                source_path=file,
                source_time=begin,
                path=file,
                file_name=file.rsplit("/", 1)[1],
                kind="capi",
                scope="machine",
                owner_sid="S-1-5-18",
                container=f"te-WebServer-{n}",
                algorithm="RSA",
                bits=2048,
                name_guid=NOW_GUID,
                guid_is_current=True,
                master_key_guid=guid,
                blob_flags=4,
                public_key_sha256="c" * 64,
                acl="S-1-5-18:full,S-1-5-32-544:full",
                created=begin,
                exportable="no",
            ),
            MasterKeyRow(
                machine_id=1,
                source_path=f"Windows/System32/Microsoft/Protect/S-1-5-18/{guid}",
                guid=guid,
                path=f"Windows/System32/Microsoft/Protect/S-1-5-18/{guid}",
                owner_sid="S-1-5-18",
                half="machine",
                unlocked_by="current",
                intact="yes",
                created=begin,
                cipher_algorithm="AES-256",
                hash_algorithm="SHA-512",
                rounds=8000,
            ),
        ]
    return CaseTables(made, [SourceEntry("disk.vhdx", "vhdx", [1])], AS_OF)
