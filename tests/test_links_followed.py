"""Keys behind junctions and symbolic links: the same chains as without, and each row says where it was really read."""

from __future__ import annotations

import shutil
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from forensics import compare, examine, render
from forensics.case import Case
from forensics.examining import settings
from forensics.sources.opened_again import opened_again
from forensics.sources.source import Source
from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, CNG_SOFTWARE, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.linked_volumes import gpt_identity, split
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=f"no NTFS can be built: {unavailable()}")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
SEED = "disk"
ALICE = "S-1-5-21-1004336348-1177238915-682003330-1001"
CRYPTO = "ProgramData/Microsoft/Crypto"
MACHINE_KEYS, CNG_KEYS = f"{CRYPTO}/RSA/MachineKeys", f"{CRYPTO}/Keys"
PROTECT = "Windows/System32/Microsoft/Protect"
COLUMNS = (
    *("thumbprint", "container", "key_file", "key_file_path", "public_key", "access", "master_key", "unlocked_by"),
    *("private_key", "verdict", "broken_at", "recoverable", "known_by"),
)
PASSWORD = "only for tests"


def server() -> ForgedMachine:
    """A server with a sound key of each kind, one that SYSTEM may not read, and a user's."""
    made = machine("keys behind links", computer_name="WEB01")
    for number, name in enumerate(("open", "shut"), 1):
        certificate = make_certificate(f"{name}.contoso.test", rsa_key(f"2048-0{number}"))
        made.put_certificate(certificate, link=capi_link(name, CAPI_ENHANCED))
        path = made.put_capi(name, exchange=Slot(certificate.key))  # type: ignore[arg-type]
        if name == "shut":
            made.protect(path, acl.security_descriptor([acl.Ace(acl.USERS)]))
    certificate = make_certificate("cng.contoso.test", rsa_key("2048-03"))
    made.put_certificate(certificate, link=cng_link("cng", CNG_SOFTWARE))
    made.put_cng("cng", CngKey.rsa(rsa_key("2048-03")))
    alice = made.add_user(ALICE, "alice", PASSWORD)
    certificate = make_certificate("alice", rsa_key("2048-04"))
    made.put_certificate(certificate, owner=alice, link=capi_link("alice", CAPI_ENHANCED, machine_keyset=False))
    made.put_capi("alice", exchange=Slot(certificate.key), owner=alice)  # type: ignore[arg-type]
    return made


def build(folder: Path, made: ForgedMachine, extras: NtfsExtras, moved: Mapping[str, str], to: int) -> Path:
    """Build a disk of a volume of Windows and one of data.

    Args:
        folder: Where it is built.
        made: The machine.
        extras: Its links.
        moved: Folders of Windows' volume, and where on volume ``to`` they lie now.
        to: 1, that of Windows, or 2.
    """
    stays, gone = split(made.volume(), moved)
    own = [*stays, *gone] if to == 1 else stays
    build_ntfs(own, folder / "windows.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD, extras=extras)
    data = gone if to == 2 else [FileSpec("other.txt", b"x")]
    build_ntfs(data, folder / "data.ntfs", 16 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(folder / "windows.ntfs"), Volume(folder / "data.ntfs")], folder / "disk.raw", seed=SEED)
    return folder / "disk.raw"


def judged(*sources: Path) -> Case:
    return examine(*sources, as_of=AS_OF, passwords={ALICE: PASSWORD})


def chains(case: Case) -> list[tuple[str, ...]]:
    return sorted(tuple(str(getattr(row, column)) for column in COLUMNS) for row in case.rows("key_chain"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    found = chains(judged(build(tmp_path_factory.mktemp("plain"), server(), NtfsExtras(), {}, 1)))
    assert sorted((row[5], row[9]) for row in found) == [
        ("denied", "unusable"),
        ("ok", "usable"),
        ("ok", "usable"),
        ("ok", "usable"),
    ]
    return found


def source_paths(case: Case, table: str) -> set[str]:
    return {row.source_path.rpartition("/")[0] for row in case.rows(table)}


OWN = {
    "MachineKeys": ("junctions", MACHINE_KEYS, "Keys", "C:\\Keys"),
    "CNG keys": ("junctions", CNG_KEYS, "Data/Keys", "c:\\DATA\\keys\\"),
    "Crypto": ("junctions", CRYPTO, "Crypto", "C:\\Crypto"),
    "ProgramData": ("junctions", "ProgramData", "PD", "C:\\PD"),
    "Protect": ("symlinks", PROTECT, "Protect", "C:\\Protect"),
    "Users": ("symlinks", "Users", "Profiles", "\\Profiles"),
    "a profile": ("symlinks", "Users/alice", "Users2/alice.x", "..\\Users2\\alice.x"),
}


@pytest.mark.parametrize("case", OWN)
def test_on_the_same_volume(tmp_path: Path, plain: list[tuple[str, ...]], case: str) -> None:
    kind, folder, to, target = OWN[case]
    links = {folder: target}
    extras = NtfsExtras(junctions=links) if kind == "junctions" else NtfsExtras(symlinks=links)
    found = judged(build(tmp_path, server(), extras, {folder: to}, 1))
    assert chains(found) == plain
    assert found.rows("problem") == []
    read = source_paths(found, "key_file") | source_paths(found, "master_key")
    assert any(f"{path}/".startswith(f"{to}/") for path in read)
    assert not any(f"{path}/".lower().startswith(f"{folder.lower()}/") for path in read)
    assert {row.path for row in found.rows("key_file")} == {row[3] for row in plain}


@pytest.mark.parametrize("case", ["MachineKeys", "Crypto", "ProgramData", "Users", "a profile", "Protect"])
def test_on_another_volume_of_the_disk(tmp_path: Path, plain: list[tuple[str, ...]], case: str) -> None:
    _, folder, to, _ = OWN[case]
    made = server()
    made.hives.system.key("MountedDevices").binary("\\DosDevices\\D:", gpt_identity(2, SEED))
    extras = NtfsExtras(junctions={folder: "D:\\" + to.replace("/", "\\")})
    found = judged(build(tmp_path, made, extras, {folder: to}, 2))
    assert chains(found) == plain
    assert found.rows("problem") == []
    read = source_paths(found, "key_file") | source_paths(found, "master_key")
    assert any(f"{path}/".startswith(f"partition 2/{to}/") for path in read)
    assert not any(f"{path}/".lower().startswith(f"{folder.lower()}/") for path in read)
    assert {row.path for row in found.rows("key_file")} == {row[3] for row in plain}


def test_a_volume_that_is_mounted_in_a_folder(tmp_path: Path, plain: list[tuple[str, ...]]) -> None:
    """It has no letter: MountedDevices knows it by its name alone."""
    made = server()
    name = "Volume{f0a2e1c4-0000-0000-0000-100000000000}"
    made.hives.system.key("MountedDevices").binary(f"\\??\\{name}", gpt_identity(2, SEED))
    found = judged(build(tmp_path, made, NtfsExtras(junctions={CRYPTO: f"{name}\\"}), {CRYPTO: ""}, 2))
    assert chains(found) == plain
    assert "partition 2/RSA/MachineKeys" in source_paths(found, "key_file")
    details = {c.detail for c in found.rows("coverage") if c.source_path == MACHINE_KEYS}
    way = "ProgramData\\Microsoft\\Crypto is the mount point of"
    assert details == {f"read in partition 2/RSA/MachineKeys: {way} {name}\\"}


NOT_FOLLOWED = {
    "a letter that Windows does not know": ("D:\\Keys", {}, "examine what lies there too"),
    "a letter of another disk": ("D:\\Keys", {"\\DosDevices\\D:": bytes(24)}, "examine what lies there too"),
    "a volume that Windows does not know": (
        "Volume{f0a2e1c4-0000-0000-0000-100000000000}\\",
        {},
        "examine that volume too",
    ),
    "a share": ("UNC\\server\\share", {}, "examine what lies there too"),
    "itself": (f"C:\\{CRYPTO}".replace("/", "\\"), {}, "it leads in a circle, or over more than 63 links"),
    "below itself": (f"C:\\{CRYPTO}\\x".replace("/", "\\"), {}, "it leads in a circle, or over more than 63 links"),
}


@pytest.mark.parametrize("case", NOT_FOLLOWED)
def test_what_is_not_followed_is_not_absent(tmp_path: Path, case: str) -> None:
    target, devices, why = NOT_FOLLOWED[case]
    made = server()
    for name, identity in devices.items():
        made.hives.system.key("MountedDevices").binary(name, identity)
    found = judged(build(tmp_path, made, NtfsExtras(junctions={CRYPTO: target}), {CRYPTO: "Keys"}, 2))
    shared = [row for row in found.rows("key_chain") if row.thumbprint and row.store_scope == "machine"]
    assert {(row.key_file, row.verdict, row.recoverable) for row in shared} == {("not_examined", "unknown", None)}
    told = [(p.source_path, p.message) for p in found.rows("problem") if p.kind == "link_not_followed"]
    shown = target.replace("UNC\\", "\\\\")
    what = "the mount point of" if shown.startswith("Volume") else "a junction to"
    windows = CRYPTO.replace("/", "\\")
    assert told == [(CRYPTO, f"{windows} is {what} {shown}, which is not followed: {why}")]


def test_where_it_leads_nothing_lies(tmp_path: Path) -> None:
    """The volume was seen whole: Windows finds no keys, and neither does this."""
    found = judged(
        build(tmp_path, server(), NtfsExtras(junctions={MACHINE_KEYS: "C:\\Gone"}), {MACHINE_KEYS: "Old"}, 1)
    )
    shared = {row.container: row for row in found.rows("key_chain") if row.store_scope == "machine"}
    assert (shared["open"].key_file, shared["open"].verdict, shared["open"].broken_at) == (
        "absent",
        "unusable",
        "key_file",
    )
    assert (shared["open"].recoverable, shared["cng"].verdict) == (True, "usable")
    windows = MACHINE_KEYS.replace("/", "\\")
    said = f"{windows} is a junction to C:\\Gone, where nothing lies: Windows finds nothing behind it either"
    told = [(row.source_path, row.message) for row in found.rows("problem") if row.kind == "link_to_nothing"]
    assert told == [(MACHINE_KEYS, said)]
    assert f"  {said}\n" in render(found, "screen")


def test_a_link_that_was_not_followed_stands_on_the_first_screen(tmp_path: Path) -> None:
    """However much lies behind it: as one problem of many it would not be seen."""
    extras = NtfsExtras(junctions={"Users": "D:\\Users"})
    screen = render(judged(build(tmp_path, server(), extras, {"Users": "Users"}, 2)), "screen")
    assert "  Users is a junction to D:\\Users, which is not followed: examine what lies there too\n" in screen
    assert "while reading" not in screen


def test_links_to_links(tmp_path: Path, plain: list[tuple[str, ...]]) -> None:
    made = server()
    made.hives.system.key("MountedDevices").binary("\\DosDevices\\D:", gpt_identity(2, SEED))
    junctions = {MACHINE_KEYS: "C:\\A", "A": "C:\\B\\keys", "B": "D:\\deep"}
    found = judged(build(tmp_path, made, NtfsExtras(junctions=junctions), {MACHINE_KEYS: "deep/keys"}, 2))
    assert chains(found) == plain
    assert "partition 2/deep/keys" in source_paths(found, "key_file")


def test_a_link_for_each_key_file(tmp_path: Path, plain: list[tuple[str, ...]]) -> None:
    made = server()
    keys = [spec for spec in made.volume() if spec.path.startswith(f"{MACHINE_KEYS}/")]
    symlinks = {spec.path: f"..\\..\\..\\..\\..\\Keys\\{spec.path.rpartition('/')[2]}" for spec in keys}
    specs = [spec for spec in made.volume() if spec not in keys]
    specs += [replace(spec, path=f"Keys/{spec.path.rpartition('/')[2]}") for spec in keys]
    specs += [FileSpec(path, b"") for path in symlinks]
    image = tmp_path / "windows.ntfs"
    build_ntfs(specs, image, 32 << 20, default_sd=acl.DEFAULT_SD, extras=NtfsExtras(symlinks=symlinks))
    found = judged(image)
    assert chains(found) == plain
    assert {"Keys"} <= source_paths(found, "key_file")


def test_two_ways_to_one_folder_are_one(tmp_path: Path, plain: list[tuple[str, ...]]) -> None:
    """What Windows itself puts beside the folders of today, and a second profile that is the first one."""
    junctions = {
        "Documents and Settings": "C:\\Users",
        "Users/All Users": "C:\\ProgramData",
        "Users/alice.old": "C:\\Users\\alice",
        "ProgramData/Application Data": "C:\\ProgramData",
        "Users/alice/AppData/Local/Application Data": "C:\\Users\\alice\\AppData\\Local",
    }
    found = judged(build(tmp_path, server(), NtfsExtras(junctions=junctions), {}, 1))
    assert chains(found) == plain
    assert found.rows("problem") == []
    paths = [row.source_path for row in found.rows("key_file")]
    assert len(paths) == len(set(paths)) == 4


def two_disks(
    folder: Path,
    made: ForgedMachine,
    extras: NtfsExtras,
    moved: Mapping[str, str],
    scheme: Literal["gpt", "mbr"] = "gpt",
) -> tuple[Path, Path]:
    """Build a disk of Windows and one of data, to which folders of the first were moved."""
    stays, gone = split(made.volume(), moved)
    folder.mkdir(exist_ok=True)
    paths = folder / "web01.raw", folder / "web01_1.raw"
    for path, specs, own in zip(paths, (stays, gone), (extras, None), strict=True):
        build_ntfs(specs, folder / "volume", 32 << 20, default_sd=acl.DEFAULT_SD, extras=own)
        build_disk([Volume(folder / "volume")], path, scheme=scheme, seed=path.name)
    (folder / "volume").unlink()
    return paths


def with_data_disk(identity: bytes, *, letter: str = "D:") -> ForgedMachine:
    made = server()
    made.hives.system.key("MountedDevices").binary(f"\\DosDevices\\{letter}", identity)
    return made


ON_D = {CRYPTO: "Keys", "Users": "Users"}
TO_D = NtfsExtras(junctions={CRYPTO: "D:\\Keys", "Users": "D:\\Users"})
DATA_GPT = gpt_identity(1, "web01_1.raw")
DATA_MBR = (uuid.uuid5(uuid.NAMESPACE_OID, "web01_1.raw/disk").int & 0xFFFFFFFF).to_bytes(4, "little")
DATA_MBR += (1 << 20).to_bytes(8, "little")


def unfollowed(case: Case) -> set[str]:
    return {p.message for p in case.rows("problem") if p.kind == "link_not_followed"}


@pytest.mark.parametrize("form", ["folder", "zip", "both", "both, data first"])
@pytest.mark.parametrize("scheme", ["gpt", "mbr"])
def test_on_another_disk(
    tmp_path: Path, plain: list[tuple[str, ...]], scheme: Literal["gpt", "mbr"], form: str
) -> None:
    made = with_data_disk(DATA_GPT if scheme == "gpt" else DATA_MBR)
    disks = two_disks(tmp_path / "vm", made, TO_D, ON_D, scheme)
    shown = str(disks[1])
    if form == "folder":
        case = judged(tmp_path / "vm")
    elif form == "zip":
        packed = tmp_path / "vm.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for disk in disks:
                archive.write(disk, disk.name)
        case, shown = judged(packed), f"{packed}/{disks[1].name}"
    else:
        case = judged(*(disks if form == "both" else reversed(disks)))
    assert chains(case) == plain
    assert unfollowed(case) == set()
    read = source_paths(case, "key_file")
    assert f"{shown}#partition 1/Keys/RSA/MachineKeys" in read
    assert {path.partition("#")[0] for path in read} == {shown}
    assert all(entry.error is None for entry in case.sources)


def test_the_disk_alone_leaves_it_unknown(tmp_path: Path) -> None:
    disk, _ = two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    case = judged(disk)
    assert {row.verdict for row in case.rows("key_chain") if row.thumbprint} == {"unknown"}
    assert len(unfollowed(case)) == 2


def test_users_on_a_data_disk_are_no_machine_beside_a_windows(tmp_path: Path) -> None:
    disk, data = two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    for case in (judged(disk, data), judged(data, disk)):
        assert [(row.kind, row.source) for row in case.rows("machine")] == [("windows", str(disk))]
        (row,) = (row for row in case.rows("coverage") if row.name == "profiles of users")
        assert (row.outcome, row.source_path) == ("not_examined", f"{data}/Users")
        assert "name this disk by itself to examine them alone" in (row.detail or "")
        assert [entry.error for entry in case.sources] == [None, None]
    assert [row.kind for row in judged(data).rows("machine")] == ["profile"]


def test_users_to_which_no_link_leads_are_not_examined_beside_a_windows(tmp_path: Path) -> None:
    disk, data = two_disks(tmp_path / "vm", with_data_disk(gpt_identity(1, "another disk")), TO_D, ON_D)
    (entry,) = (entry for entry in judged(disk, data).sources if entry.path == str(data))
    assert entry.error is not None
    assert entry.error.endswith("name this disk by itself to examine them alone")


def test_a_letter_alone_leads_nowhere(tmp_path: Path) -> None:
    two_disks(tmp_path / "vm", with_data_disk(gpt_identity(1, "another disk")), TO_D, ON_D)
    case = judged(tmp_path / "vm")
    assert {row.verdict for row in case.rows("key_chain") if row.thumbprint} == {"unknown"}
    assert len(unfollowed(case)) == 2


@pytest.mark.parametrize("form", ["folder", "named"])
def test_two_disks_that_it_may_be(tmp_path: Path, form: str) -> None:
    disk, data = two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    clone = data.with_name("clone.raw")
    shutil.copyfile(data, clone)
    case = judged(tmp_path / "vm") if form == "folder" else judged(disk, data, clone)
    assert {row.verdict for row in case.rows("key_chain") if row.thumbprint} == {"unknown"}
    both = sorted((f"{data}#partition 1", f"{clone}#partition 1"))
    told = {message.partition("not followed: ")[2] for message in unfollowed(case)}
    assert len(told) == 1
    (why,) = told
    assert sorted(why.removesuffix(" are both known to Windows as that volume").split(" and ")) == both


def test_a_volume_of_another_windows_is_not_this_one_s(tmp_path: Path) -> None:
    """Clones of one template: the data disk of the first is not there, and that of the second has its GUID."""
    disk, data = two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    other = tmp_path / "vm" / "web02.raw"
    build_ntfs(with_data_disk(DATA_GPT, letter="E:").volume(), tmp_path / "volume", 32 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(tmp_path / "volume")], other, seed="web02")
    case = judged(disk, data, other)
    told = {message.partition("not followed: ")[2] for message in unfollowed(case)}
    assert told == {f"{data}#partition 1 is also a volume of the Windows on {other}"}
    assert {row.verdict for row in case.rows("key_chain") if row.machine_id == 1 and row.thumbprint} == {"unknown"}


def test_a_locked_volume_is_named(tmp_path: Path) -> None:
    two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    (tmp_path / "locked").write_bytes(b"\xeb\x76\x90EXFAT   ".ljust(4 << 20, b"\x01"))
    build_disk([Volume(tmp_path / "locked")], tmp_path / "vm" / "web01_1.raw", seed="web01_1.raw")
    case = judged(tmp_path / "vm")
    told = {message.partition("not followed: ")[2] for message in unfollowed(case)}
    assert {message[: message.index("exFAT")] for message in told} == {
        f"it leads to {tmp_path}/vm/web01_1.raw#partition 1, which is not read: "
    }


def test_other_sources_are_opened_again_only_where_one_may_hold_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of which the second and third name a disk that is not there: the others are known by then."""
    opened: list[str] = []

    def counted(*given: Any) -> list[Source]:
        opened.extend(given[-1])
        return opened_again(*given)

    monkeypatch.setattr(settings, "opened_again", counted)
    specs = split(with_data_disk(gpt_identity(1, "another disk")).volume(), ON_D)[0]
    build_ntfs(specs, tmp_path / "volume", 32 << 20, default_sd=acl.DEFAULT_SD, extras=TO_D)
    paths = [tmp_path / f"{number}.raw" for number in range(3)]
    for path in paths:
        build_disk([Volume(tmp_path / "volume")], path, seed=path.name)
    case = judged(*paths)
    assert len(unfollowed(case)) == 2
    assert opened == [str(path) for path in paths[1:]]


def test_keys_are_not_gone_where_the_other_disk_was_not_given(tmp_path: Path) -> None:
    disk, data = two_disks(tmp_path / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)
    (machine_compared,) = compare(judged(disk, data), judged(disk)).machines
    files = [d for d in machine_compared.differences if d.table in ("key_file", "key_folder", "master_key")]
    assert files == []
    assert {"key_file", "master_key"} <= set(machine_compared.unexamined)
