"""Settings of applications: where they are looked for, what they name, the keys that encrypt them, and what is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from forensics.collectors.evidence import KeyFolder
from forensics.collectors.machine import collect_machine
from forensics.collectors.service_identities import collect_service_identities
from forensics.collectors.users import collect_users
from forensics.collectors.uses import configuration_files as files
from forensics.collectors.uses.applications import application_uses
from forensics.collectors.uses.context import UseContext
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.tree import NotObtained
from forensics.formats.key_file_name import cng_name_hashes
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.outcome import NOT_COLLECTED, PRESENT
from forensics.tables.use import CertificateUseRow
from testdata.builder.names import capi_file_name
from tests.collectors.uses.forged import ONE, SERVICES, SYSTEM_SID, THREE, TWO, certificate, context, context_of
from tests.collectors.virtual import CNG_KEYS, MACHINE_KEYS, installation, problems, software_hive, system_hive
from tests.memory_tree import MemoryTree

IIS = "Windows/System32/inetsrv/config/applicationHost.config"
SITES = """<configuration><system.applicationHost><sites><site name="Shop" id="1">
<application path="/" applicationPool="Shop"><virtualDirectory path="/" physicalPath="{path}" /></application>
</site></sites></system.applicationHost>{more}</configuration>"""


def setting(thumbprint: str, key: str = "Thumbprint", more: str = "") -> bytes:
    return f'<appSettings><add key="{key}" value="{thumbprint.lower()}" {more}/></appSettings>'.encode()


def given(written: Mapping[str, bytes | None], *stored: CertificateRow) -> UseContext:
    return context({"SYSTEM": system_hive(), "SOFTWARE": software_hive()}, written, stored)


def uses(written: Mapping[str, bytes | None], *stored: CertificateRow) -> list[CertificateUseRow]:
    return list(application_uses(given(written, *stored)))


def site(path: str = "C:\\sites\\shop", more: str = "") -> dict[str, bytes]:
    return {IIS: SITES.format(path=path, more=more).encode()}


def test_a_site_names_its_certificate_and_runs_as_its_pool() -> None:
    rows = uses({**site(), "sites/shop/bin/app.dll.config": setting(ONE)}, certificate(ONE))
    assert [(r.consumer, r.thumbprint, r.detail, r.account_name, r.certainty, r.present) for r in rows] == [
        ("application", ONE, "Shop, C:\\sites\\shop\\bin\\app.dll.config", "IIS APPPOOL\\Shop", "likely", True)
    ]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("inetpub/wwwroot/web.config", True),
        ("inetpub/wwwroot/a/b/c/appsettings.json", True),
        ("Program Files/Acme/conf/server.properties", True),
        ("Program Files (x86)/Acme/acme.ini", True),
        ("inetpub/history/CFGHISTORY_0000000001/web.config", False),
        ("inetpub/temp/appPools/Shop/Shop.config", False),
        ("inetpub/wwwroot/web.config.bak", False),
        ("inetpub/wwwroot/package-lock.json", False),
        ("Users/alice/web.config", False),
        ("Windows/web.config", False),
    ],
)
def test_where_settings_are_looked_for(path: str, found: bool) -> None:
    rows = uses({"inetpub/wwwroot/index.htm": b"", path: setting(ONE)}, certificate(ONE))
    assert [r.source_path for r in rows] == ([path] if found else [])


def test_a_disk_without_web_server_pays_for_nothing() -> None:
    examined = given({"Program Files/Acme/acme.ini": setting(ONE)}, certificate(ONE))
    assert list(application_uses(examined)) == []
    assert "program files" not in {path.lower() for path in examined.installation._listings}


PROGRAM = "Program Files/Contoso/Api"


def beside_a_service(image: str, path: str, *more: str) -> list[CertificateUseRow]:
    """Return the uses on a disk without web server, where a file lies beside the program of a service, or of more."""
    system = system_hive()
    for number, program in enumerate((image, *more)):
        key = system.key(f"{SERVICES}\\ContosoApi{number or ''}")
        key.sz("ObjectName", "NT AUTHORITY\\NetworkService").expand_sz("ImagePath", program)
    hives = {"SYSTEM": system, "SOFTWARE": software_hive()}
    examined = installation({path: setting(ONE)}, hives)
    machine, stored = collect_machine(examined), [certificate(ONE)]
    users = collect_users(examined, machine, [])
    services = collect_service_identities(examined, machine, users)
    return list(application_uses(UseContext(examined, machine, stored, [], users, service_identities=services)))


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ('"C:\\Program Files\\Contoso\\Api\\api.exe" --service', f"{PROGRAM}/appsettings.json"),
        ("%ProgramFiles%\\Contoso\\Api\\api.exe", f"{PROGRAM}/api.exe.config"),
        ("C:\\Apps\\api\\api.exe -k", "Apps/api/api.ini"),
    ],
)
def test_settings_beside_the_program_of_a_service_are_read_as_its_account_where_there_is_no_web_server(
    image: str, path: str
) -> None:
    rows = beside_a_service(image, path)
    assert [(r.thumbprint, r.detail, r.service, r.account) for r in rows] == [
        (ONE, f"ContosoApi, C:\\{path}".replace("/", "\\"), "ContosoApi", "S-1-5-20")
    ]


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("%SystemRoot%\\System32\\svchost.exe -k a", "Windows/System32/a.config"),
        ("\\SystemRoot\\System32\\drivers\\a.sys", "Windows/System32/drivers/a.config"),
        ('"C:\\Program Files\\Contoso\\Api\\api.exe"', f"{PROGRAM}/data/appsettings.json"),
    ],
)
def test_what_windows_brings_and_what_lies_deeper_is_not_read(image: str, path: str) -> None:
    assert beside_a_service(image, path) == []


def test_of_two_services_in_one_folder_nobody_knows_whose_the_settings_are() -> None:
    (row,) = beside_a_service(f"C:\\{PROGRAM}\\a.exe", f"{PROGRAM}/a.config", f"C:\\{PROGRAM}\\b.exe")
    assert (row.service, row.account) == (None, None)


def test_a_missing_one_is_told_where_a_setting_expects_one_and_not_elsewhere() -> None:
    rows = uses({"inetpub/a/web.config": setting(ONE), "inetpub/b/web.config": setting(TWO, "commit")})
    assert [(r.thumbprint, r.store, r.owner_sid, r.present, r.certainty) for r in rows] == [
        (ONE, "MY", SYSTEM_SID, False, "likely")
    ]


def test_a_partner_that_is_trusted_is_nobody_s_own() -> None:
    trusted = b"<trustedIssuers>" + setting(ONE) + setting(TWO) + b"</trustedIssuers>"
    rows = uses({"inetpub/a/web.config": trusted}, certificate(ONE, has_key_link=False))
    assert [(r.thumbprint, r.certainty) for r in rows] == [(ONE, "candidate")]
    rows = uses({"inetpub/a/web.config": setting(ONE)}, certificate(ONE, has_key_link=False))
    assert [(r.thumbprint, r.certainty) for r in rows] == [(ONE, "candidate")], "it may be a partner's all the same"


def test_kestrel_takes_the_certificate_of_a_subject_that_lasts_longest() -> None:
    text = b'{"Certificate": {"Subject": "wac.contoso.test", "Store": "My", "Location": "LocalMachine"}}'
    system, software = system_hive(), software_hive()
    system.key(f"{SERVICES}\\WindowsAdminCenter").sz("ObjectName", "NT AUTHORITY\\NetworkService")
    stored = [
        certificate(ONE, subject="CN=wac.contoso.test", not_after=datetime(2027, 1, 1, tzinfo=UTC)),
        certificate(TWO, subject="CN=wac.contoso.test", not_after=datetime(2028, 1, 1, tzinfo=UTC)),
        certificate(THREE, subject="CN=web.contoso.test", not_after=datetime(2029, 1, 1, tzinfo=UTC)),
    ]
    path = "Program Files/WindowsAdminCenter/Service/appsettings.json"
    (row,) = application_uses(context({"SYSTEM": system, "SOFTWARE": software}, {path: text}, stored))
    assert (row.consumer, row.thumbprint, row.service, row.account) == (
        "Windows Admin Center",
        TWO,
        "WindowsAdminCenter",
        "S-1-5-20",
    )


# --- bounds


@pytest.mark.parametrize(
    ("bound", "value", "message"),
    [
        ("MAX_FOLDERS", 2, "only the first 2 folders were searched for configuration files of applications"),
        ("MAX_FILES", 1, "only the first 1 configuration files of applications were read"),
        ("MAX_READ", 10, "only the first 10 bytes of configuration files of applications were read"),
        ("MAX_DEPTH", 0, "folders more than 0 below a site or program were not searched for configuration files"),
    ],
)
def test_a_bound_that_is_reached_is_told(monkeypatch: pytest.MonkeyPatch, bound: str, value: int, message: str) -> None:
    monkeypatch.setattr(files, bound, value)
    examined = given({f"inetpub/{n}/web.config": setting(ONE) for n in range(3)}, certificate(ONE))
    assert len(list(application_uses(examined))) < 3
    told = [(row.name, row.outcome, row.detail) for row in examined.installation.coverage if row.area == "uses"]
    assert told == [("configuration files", "partial", message)]
    assert [kind for _, kind in problems(examined.installation)] == ["too_many"]


def test_large_files_are_counted_and_a_site_on_another_drive_is_told() -> None:
    large = b"x" * (files.MAX_FILE + 1)
    examined = given({**site("D:\\shop"), "inetpub/a.json": large, "inetpub/b.json": large})
    assert list(application_uses(examined)) == []
    assert [(row.name, row.detail) for row in examined.installation.coverage if row.area == "uses"] == [
        (
            "configuration files",
            "D:\\shop of Shop lies on drive D:, and no volume that is examined is known to be that: "
            "files of settings there were not searched",
        )
    ]
    assert [(p.kind, p.message) for p in examined.installation.problems] == [
        ("too_large", "2 configuration files of applications are larger than 1048576 bytes: not read")
    ]


def on_another_volume(tree: MemoryTree | Exception) -> UseContext:
    """A site on D:, which MountedDevices says is partition 2."""

    def opened() -> MemoryTree:
        if isinstance(tree, Exception):
            raise tree
        return tree

    system = system_hive()
    system.key("MountedDevices").binary("\\DosDevices\\D:", b"DMIO:ID:" + bytes(16))
    examined = installation(site("D:\\shop"), {"SYSTEM": system, "SOFTWARE": software_hive()})
    examined.disk_volumes = [DiskVolume("partition 2", opened, mounted_as=b"DMIO:ID:" + bytes(16))]
    return context_of(examined, [certificate(ONE)])


SHOP = {"shop/web.config": setting(ONE), "shop/bin/a.config": setting(TWO)}


@pytest.mark.parametrize(
    ("tree", "found", "detail"),
    [
        (MemoryTree(SHOP), 2, None),
        (MemoryTree(SHOP, cut={"shop/bin": "a part"}), 2, "D:\\shop\\bin was not searched whole"),
        (MemoryTree(SHOP, unreadable=["shop/bin"]), 1, "D:\\shop\\bin was not searched whole"),
        (MemoryTree(SHOP, not_obtained=["shop"]), 0, "D:\\shop was not searched whole"),
        (NotObtained("a bad sector"), 0, "D:\\shop of Shop lies on drive D:, partition 2, which was not searched"),
        (
            ValueError("x"),
            0,
            "D:\\shop of Shop lies on drive D:, partition 2, which was not searched: opening it failed with ValueError",
        ),
    ],
    ids=["whole", "cut", "a folder unreadable", "the site not got", "the volume not got", "a fault of a library"],
)
def test_what_of_another_volume_is_not_seen_is_told(
    tree: MemoryTree | Exception, found: int, detail: str | None
) -> None:
    examined = on_another_volume(tree)
    assert len(list(application_uses(examined))) == found
    told = [row.detail or "" for row in examined.installation.coverage if row.area == "uses"]
    assert [text.startswith(detail or "-") for text in told] == [True] * (detail is not None)
    assert {p.source_path for p in examined.installation.problems} <= {"partition 2/shop", "partition 2/shop/bin"}


# --- keys that encrypt


def key_uses(
    text: str, key_files: Sequence[KeyFileRow] = (), folders: Sequence[KeyFolder] = ()
) -> list[tuple[str | None, str | None, str | None, bool | None]]:
    examined = installation(
        {IIS: text.encode(), "inetpub/index.htm": b""}, {"SYSTEM": system_hive(), "SOFTWARE": software_hive()}
    )
    of = context_of(examined)
    of.key_files, of.key_folders = key_files, folders
    rows = list(application_uses(of))
    assert {r.consumer for r in rows} <= {"IIS configuration key"}
    assert {(r.thumbprint, r.store, r.owner_sid, r.source_path) for r in rows} <= {(None, None, SYSTEM_SID, IIS)}
    return [(r.container, r.detail, r.account, r.present) for r in rows]


def key_file(container: str, kind: str = "capi", current: bool = True) -> KeyFileRow:
    name_hash = min(cng_name_hashes(container)) if kind == "cng" else capi_file_name(container, "x").partition("_")[0]
    return KeyFileRow(
        machine_id=1,
        source_path="k",
        path="k",
        file_name="k",
        kind=kind,  # type: ignore[arg-type]
        scope="machine",
        name_hash=name_hash,
        guid_is_current=current,
    )


CAPI = KeyFolder("capi", "machine", SYSTEM_SID, MACHINE_KEYS, PRESENT)
CNG = KeyFolder("cng", "machine", SYSTEM_SID, CNG_KEYS, PRESENT)
DEFINED = """<configProtectedData><providers>
<add name="AesProvider" keyContainerName="{container}" /></providers></configProtectedData>"""
WAS = '<processModel password="[enc:IISWASOnlyCngProvider:AA:enc]" />'


@pytest.mark.parametrize(
    ("key_files", "folders", "present"),
    [
        ([key_file("iisCngWasKey", "cng")], [CNG], True),
        ([key_file("iisCngWasKey", "cng", current=False)], [CNG], False),
        ([key_file("iisCngWasKey", "capi")], [CNG], False),
        ([key_file("another", "cng")], [CNG], False),
        ([], [CNG], False),
        ([], [CAPI], None),
        ([], [KeyFolder("cng", "machine", SYSTEM_SID, CNG_KEYS, NOT_COLLECTED)], None),
    ],
    ids=["there", "another MachineGuid", "of CAPI", "another name", "gone", "folder not told", "folder not collected"],
)
def test_the_key_that_encrypts_passwords_of_pools(
    key_files: list[KeyFileRow], folders: list[KeyFolder], present: bool | None
) -> None:
    detail = "iisCngWasKey, for values that IISWASOnlyCngProvider encrypted"
    assert key_uses(f"<c>{WAS}</c>", key_files, folders) == [("iisCngWasKey", detail, SYSTEM_SID, present)]


def test_a_key_that_nothing_needs_and_one_of_dpapi_are_no_uses() -> None:
    assert key_uses(f"<c>{DEFINED.format(container='iisConfigurationKey')}</c>", (), [CAPI]) == []
    assert key_uses('<c><a configProtectionProvider="DataProtectionConfigurationProvider"/></c>', (), [CAPI]) == []


def test_what_the_configuration_defines_goes_before_what_windows_brings() -> None:
    defined = DEFINED.format(container="Own")
    value = '<x p="[enc:AesProvider:AA:enc]" q="[enc:AesProvider:BB:enc]"/>'
    assert key_uses(f"<c>{defined}{value}</c>", [key_file("OWN")], [CAPI]) == [
        ("Own", "Own, for values that AesProvider encrypted", None, True)
    ]


def test_a_section_that_asp_net_encrypted_names_its_file() -> None:
    text = b'<connectionStrings configProtectionProvider="RsaProtectedConfigurationProvider"/>'
    examined = given({"inetpub/shop/web.config": text})
    (row,) = application_uses(examined)
    assert (row.container, row.source_path, row.account) == (
        "NetFrameworkConfigurationKey",
        "inetpub/shop/web.config",
        None,
    )
