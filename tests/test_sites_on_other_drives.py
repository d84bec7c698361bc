"""Sites of IIS on another drive: searched where the evidence holds that; where it does not, nothing is concluded."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics import examine
from forensics.case import Case
from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.fat import build_fat
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.linked_volumes import gpt_identity
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.ntfs import build_ntfs, unavailable

needs_ntfs = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
USED = make_certificate("sts.contoso.test", rsa_key("2048-01"))
LEFT = make_certificate("left.contoso.test", rsa_key("2048-02"))
RULE = "certificate-used-by-nothing"
IIS = "Windows/System32/inetsrv/config/applicationHost.config"
SETTINGS = f'<appSettings><add key="SigningThumbprint" value="{USED.thumbprint.lower()}" /></appSettings>'.encode()
DATA = {"shop/bin/Shop.dll.config": SETTINGS}
SEED = "disk"


def server(path: str = "D:\\shop") -> ForgedMachine:
    """A web server whose only site lies at a path, with two certificates."""
    made = machine("sites on other drives", computer_name="WEB01")
    for name, certificate in (("used", USED), ("left", LEFT)):
        made.put_certificate(certificate, link=capi_link(name, CAPI_ENHANCED))
        made.put_capi(name, exchange=Slot(certificate.key))  # type: ignore[arg-type]
    directory = f'<virtualDirectory path="/" physicalPath="{path}" />'
    site = f'<site name="Shop" id="1"><application path="/" applicationPool="Shop">{directory}</application></site>'
    root = f"<configuration><system.applicationHost><sites>{site}</sites></system.applicationHost></configuration>"
    made.write(IIS, root.encode())
    return made


def mount(made: ForgedMachine, letter: str, identity: bytes) -> None:
    made.hives.system.key("MountedDevices").binary(f"\\DosDevices\\{letter}", identity)


def data_volume(folder: Path, files: dict[str, bytes]) -> Volume:
    build_ntfs([FileSpec(path, data) for path, data in files.items()], folder / "data.ntfs", 16 << 20)
    return Volume(folder / "data.ntfs")


def disk(folder: Path, made: ForgedMachine, *others: Volume, scheme: str = "gpt") -> Path:
    build_ntfs(made.volume(), folder / "windows.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD)
    volumes = [Volume(folder / "windows.ntfs"), *others]
    build_disk(volumes, folder / "disk.raw", scheme=scheme, seed=SEED)  # type: ignore[arg-type]
    return folder / "disk.raw"


def collection(folder: Path, drives: dict[str, Sequence[FileSpec]]) -> Path:
    for drive, files in drives.items():
        for file in files:
            if file.data is not None:
                path = folder / drive / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.data)
    return folder


def uses(case: Case) -> list[tuple[str, str | None, str | None, str]]:
    return [(u.consumer, u.thumbprint, u.detail, u.source_path) for u in case.rows("certificate_use")]


def unused(case: Case) -> set[str]:
    """Return the certificates of which it is said that nothing uses them."""
    return {s.id for f in case.finding_list if f.rule == RULE and f.verdict == "match" for s in f.subjects}


def unseen(case: Case) -> list[tuple[str, str, str | None]]:
    return [(c.name, c.outcome, c.detail) for c in case.rows("coverage") if c.area == "uses"]


FOUND = ("application", USED.thumbprint, "Shop, D:\\shop\\bin\\Shop.dll.config")


@needs_ntfs
@pytest.mark.parametrize("scheme", ["gpt", "mbr"])
def test_a_site_on_another_volume_of_the_disk(tmp_path: Path, scheme: str) -> None:
    made = server()
    # The volume of Windows begins at 1 MiB and has 32: the second one begins at 33.
    signature = (uuid.uuid5(uuid.NAMESPACE_OID, f"{SEED}/disk").int & 0xFFFFFFFF).to_bytes(4, "little")
    mount(made, "D:", gpt_identity(2, SEED) if scheme == "gpt" else signature + (33 << 20).to_bytes(8, "little"))
    case = examine(disk(tmp_path, made, data_volume(tmp_path, DATA), scheme=scheme), as_of=AS_OF)
    assert uses(case) == [(*FOUND, "partition 2/shop/bin/Shop.dll.config")]
    assert unseen(case) == []
    assert unused(case) == {LEFT.thumbprint}
    assert case.rows("problem") == []


@needs_ntfs
def test_a_site_on_another_disk_that_is_named_too(tmp_path: Path) -> None:
    made = server()
    mount(made, "D:", b"DMIO:ID:" + uuid.uuid5(uuid.NAMESPACE_OID, "data/0").bytes_le)
    build_disk([data_volume(tmp_path, DATA)], tmp_path / "data.raw", seed="data")
    case = examine(disk(tmp_path, made), tmp_path / "data.raw", as_of=AS_OF)
    assert uses(case) == [(*FOUND, f"{tmp_path / 'data.raw'}#partition 1/shop/bin/Shop.dll.config")]
    assert unused(case) == {LEFT.thumbprint}


@needs_ntfs
def test_a_site_on_a_fat_volume(tmp_path: Path) -> None:
    made = server("\\\\?\\d:\\SHOP\\")
    mount(made, "D:", gpt_identity(2, SEED))
    (tmp_path / "data.fat").write_bytes(build_fat(DATA, 8 << 20, bits=16))
    case = examine(disk(tmp_path, made, Volume(tmp_path / "data.fat")), as_of=AS_OF)
    assert [(consumer, thumbprint) for consumer, thumbprint, *_ in uses(case)] == [FOUND[:2]]
    assert (unused(case), unseen(case)) == ({LEFT.thumbprint}, [])


@needs_ntfs
def test_the_letter_decides_and_not_which_volume_has_such_a_folder(tmp_path: Path) -> None:
    """The site lies on D, which is on another disk; partition 2 is E."""
    made = server()
    mount(made, "E:", gpt_identity(2, SEED))
    mount(made, "D:", b"DMIO:ID:" + bytes(range(16)))
    case = examine(disk(tmp_path, made, data_volume(tmp_path, DATA)), as_of=AS_OF)
    assert uses(case) == []
    why = "D:\\shop of Shop lies on drive D:, and no volume that is examined is known to be that"
    assert unseen(case) == [("configuration files", "partial", f"{why}: files of settings there were not searched")]
    assert unused(case) == set()
    assert {c.used_by is None for c in case.rows("certificate")} == {True}


@needs_ntfs
def test_a_volume_that_cannot_be_read(tmp_path: Path) -> None:
    made = server()
    mount(made, "D:", gpt_identity(2, SEED))
    (tmp_path / "locked").write_bytes(b"\xeb\x76\x90EXFAT   ".ljust(4 << 20, b"\x01"))
    case = examine(disk(tmp_path, made, Volume(tmp_path / "locked")), as_of=AS_OF)
    ((_, _, why),) = unseen(case)
    assert (why or "").startswith("D:\\shop of Shop lies on drive D:, partition 2, which was not searched: exFAT")
    assert unused(case) == set()


@needs_ntfs
def test_a_folder_that_is_not_on_its_volume_names_nothing(tmp_path: Path) -> None:
    made = server("D:\\gone")
    mount(made, "D:", gpt_identity(2, SEED))
    case = examine(disk(tmp_path, made, data_volume(tmp_path, DATA)), as_of=AS_OF)
    assert (uses(case), unseen(case)) == ([], [])
    assert unused(case) == {USED.thumbprint, LEFT.thumbprint}


@needs_ntfs
def test_a_drive_whose_root_is_the_site(tmp_path: Path) -> None:
    made = server("D:\\")
    mount(made, "D:", gpt_identity(2, SEED))
    case = examine(disk(tmp_path, made, data_volume(tmp_path, DATA)), as_of=AS_OF)
    assert uses(case) == [(*FOUND, "partition 2/shop/bin/Shop.dll.config")]


@needs_ntfs
def test_a_file_there_that_cannot_be_read_is_a_problem_of_this_windows(tmp_path: Path) -> None:
    """A web.config whose bytes lie beyond the end of the image."""
    made = server()
    mount(made, "D:", gpt_identity(2, SEED))
    volume = data_volume(tmp_path, {"shop/web.config": SETTINGS + b" " * (600 << 10)})
    image = disk(tmp_path, made, volume)
    whole = image.read_bytes()
    at = whole.index(SETTINGS)
    image.write_bytes(whole[: at + 1000])
    case = examine(image, as_of=AS_OF)
    assert uses(case) == []
    assert [p.machine_id for p in case.rows("problem") if p.source_path == "partition 2/shop/web.config"] == [1]
    assert unused(case) == set()


@pytest.mark.parametrize("folder", ["D", "d%3A", "D_"])
def test_a_collection_that_holds_the_drive(tmp_path: Path, folder: str) -> None:
    files = [FileSpec(path, data) for path, data in DATA.items()]
    case = examine(collection(tmp_path, {"C": server().volume(), folder: files}), as_of=AS_OF)
    assert [use[:3] for use in uses(case)] == [FOUND]
    assert (unused(case), unseen(case)) == ({LEFT.thumbprint}, [])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("D:\\shop", "lies on drive D:, which was not collected: files of settings there were not searched"),
        ("\\\\files\\shop", "lies on a share: files of settings there were not searched"),
        ("%SITES%\\shop", "is a path that cannot be followed here: files of settings there were not searched"),
    ],
)
def test_what_lies_elsewhere_may_name_them(tmp_path: Path, path: str, why: str) -> None:
    case = examine(collection(tmp_path, {"C": server(path).volume()}), as_of=AS_OF)
    assert unseen(case) == [("configuration files", "partial", f"{path} of Shop {why}")]
    assert (uses(case), unused(case)) == ([], set())


@pytest.mark.parametrize("path", ["C:\\sites\\shop", "D:\\shop"])
def test_a_site_s_folder_that_was_not_collected_may_name_them(tmp_path: Path, path: str) -> None:
    files = [FileSpec("other.txt", b"x")]
    case = examine(collection(tmp_path, {"C": server(path).volume(), "D": files}), as_of=AS_OF)
    why = f"{path} was not searched whole for files of settings: not in this source"
    assert unseen(case) == [("configuration files", "partial", why)]
    assert (uses(case), unused(case)) == ([], set())
