"""Access lists and links of a folder that is a mounted NTFS volume, and of one that only looks like it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from forensics.disk.links import Link
from forensics.disk.tree import NotObtained
from forensics.sources.folder_tree import FolderTree
from forensics.sources.ntfs_mount import ACCESS_LIST, REPARSE_DATA
from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.linked_volumes import split
from testdata.builder.ntfs import NtfsExtras, junction_data, unavailable
from tests import test_links_followed as links

KEY = f"{links.MACHINE_KEYS}/key"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in (KEY, "Windows/System32/config/SYSTEM"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(b"x")
    return tmp_path


def mounted(monkeypatch: pytest.MonkeyPatch, root: Path, shown: Mapping[tuple[str, str], bytes | int]) -> list[str]:
    """Have a folder be a mounted volume that shows attributes, or fails with a number, by path and name."""
    asked: list[str] = []

    def getxattr(path: str, name: str, *, follow_symlinks: bool) -> bytes:
        assert not follow_symlinks
        asked.append(name)
        found = shown.get((os.path.relpath(path, root), name), errno.ENODATA)
        if isinstance(found, int):
            raise OSError(found, os.strerror(found))
        return found

    monkeypatch.setattr(os, "getxattr", getxattr, raising=False)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(root))
    return asked


def test_the_access_list_of_a_mounted_windows(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    mounted(monkeypatch, folder, {(KEY, ACCESS_LIST): acl.KEY_FILE_SD})
    tree = FolderTree(folder)
    assert tree.security_descriptor(KEY) == acl.KEY_FILE_SD
    assert tree.security_descriptor(tree.entry(KEY)) == acl.KEY_FILE_SD
    assert tree.security_descriptor("Windows") is None


def test_a_folder_of_an_ordinary_file_system_is_not_asked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked = mounted(monkeypatch, folder / "elsewhere", {})
    assert FolderTree(folder).security_descriptor(KEY) is None
    assert asked == []


def test_a_volume_without_windows_at_its_root_is_not_the_machine_s(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """What a collector wrote to it has the access lists of that volume."""
    (folder / "C").mkdir()
    for path in ("Windows", "ProgramData"):
        (folder / path).rename(folder / "C" / path)
    asked = mounted(monkeypatch, folder, {(f"C/{KEY}", ACCESS_LIST): acl.KEY_FILE_SD})
    assert FolderTree(folder).security_descriptor(f"C/{KEY}") is None
    assert asked == []


def test_one_that_could_not_be_got_is_not_none(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    mounted(monkeypatch, folder, {(KEY, ACCESS_LIST): errno.EIO})
    with pytest.raises(NotObtained, match=r"system\.ntfs_acl: Input/output error"):
        FolderTree(folder).security_descriptor(KEY)


def test_a_system_without_extended_attributes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    mounted(monkeypatch, folder, {})
    monkeypatch.delattr(os, "getxattr")
    assert FolderTree(folder).security_descriptor(KEY) is None


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="only Linux has extended attributes of this name space")
def test_a_copy_elsewhere_cannot_carry_them(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x")
    for name in (ACCESS_LIST, REPARSE_DATA):
        with pytest.raises(OSError, match=r"Errno (95|1|22)"):
            os.setxattr(tmp_path / "key", name, acl.KEY_FILE_SD)


def test_a_link_leads_where_windows_has_it(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """ntfs-3g shows a junction to D:\\Keys as the folder Keys of the same volume where there is one."""
    for name in ("known", "untold", "damaged"):
        (folder / name).symlink_to(folder / "ProgramData")
    shown: dict[tuple[str, str], bytes | int] = {
        ("known", REPARSE_DATA): junction_data("D:\\Keys"),
        ("untold", REPARSE_DATA): errno.EIO,
        ("damaged", REPARSE_DATA): b"\3\0\0\xa0",
    }
    mounted(monkeypatch, folder, shown)
    found = {entry.name: entry.link for entry in FolderTree(folder).entries("") if entry.link}
    rendered = Link("symbolic link", str(folder / "ProgramData"))
    assert found == {
        "known": Link("junction", "D:\\Keys", is_windows=True),
        "untold": rendered,
        "damaged": rendered,
    }


def unmountable() -> str | None:
    if unavailable() is not None:
        return unavailable()
    if shutil.which("ntfs-3g") is None or shutil.which("fusermount") is None:
        return "ntfs-3g or fusermount is not installed (Debian packages ntfs-3g, fuse3)"
    return None if os.access("/dev/fuse", os.W_OK) else "/dev/fuse cannot be used"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A Windows whose keys lie behind junctions, mounted by ntfs-3g."""
    if (reason := unmountable()) is not None:
        pytest.skip(reason)
    junctions = {links.MACHINE_KEYS: "C:\\Keys", "Users": "D:\\Users"}
    moved = {links.MACHINE_KEYS: "Keys", "Users": "Users.other"}
    links.build(tmp_path, links.server(), NtfsExtras(junctions=junctions), moved, 1)
    at = tmp_path / "mount"
    at.mkdir()
    done = subprocess.run(
        ["ntfs-3g", "-o", "ro", str(tmp_path / "windows.ntfs"), str(at)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"ntfs-3g does not mount here: {done.stderr.strip()}")
    yield at
    subprocess.run(["fusermount", "-u", "-z", str(at)], check=True)


def test_a_mounted_volume_says_what_its_image_says(mount: Path) -> None:
    case, of_image = links.judged(mount), links.judged(mount.parent / "windows.ntfs")
    assert links.chains(case) == links.chains(of_image)
    assert {row.container: row.access for row in case.rows("key_chain")} == {
        "open": "ok",
        "shut": "denied",
        "cng": "ok",
    }
    assert links.source_paths(case, "key_file") == {"Keys", links.CNG_KEYS}
    told = {p.message for p in case.rows("problem") if p.kind == "link_not_followed"}
    assert told == {"Users is a junction to D:\\Users, which is not followed: examine what lies there too"}


def test_a_mount_inside_the_folder_that_is_named(mount: Path) -> None:
    tree = FolderTree(mount.parent)
    assert tree.security_descriptor("mount/ProgramData") == acl.DEFAULT_SD
    assert tree.security_descriptor("windows.ntfs") is None


@pytest.mark.skipif(unavailable() is not None, reason=f"no NTFS can be built: {unavailable()}")
def test_keys_behind_links_of_a_collected_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reparse data lead to folders of the collection: on the drive of Windows, and on one that lies beside it."""
    root = tmp_path / "case"
    stays, gone = split(links.server().volume(), {links.CRYPTO: "C/x", "Users": "D/Users"})
    for spec in [*(FileSpec(f"C/{spec.path}", spec.data) for spec in stays), *gone]:
        if spec.data is not None:
            (root / spec.path).parent.mkdir(parents=True, exist_ok=True)
            (root / spec.path).write_bytes(spec.data)
    for path in (links.CRYPTO, "Users"):
        (root / "C" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "C" / path).symlink_to("/nowhere", target_is_directory=True)
    mounted(monkeypatch, root / "none", {})
    without = links.judged(root)
    assert {row.verdict for row in without.rows("key_chain")} == {"unknown"}
    shown = {("C/" + links.CRYPTO): junction_data("C:\\x"), "C/Users": junction_data("D:\\Users")}
    mounted(monkeypatch, root, {(path, REPARSE_DATA): data for path, data in shown.items()})
    case = links.judged(root)
    assert {row.container: row.verdict for row in case.rows("key_chain")} == dict.fromkeys(
        ("open", "shut", "cng", "alice"), "usable"
    )
    read = links.source_paths(case, "key_file")
    assert {path.partition("/Microsoft")[0] for path in read} == {
        "C/x/RSA/MachineKeys",
        "C/x/Keys",
        "D/Users/alice/AppData/Roaming",
    }
