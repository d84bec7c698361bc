"""Links as the tree of an installation follows them: names, loops, what lies behind, and that nothing is merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

import pytest

from forensics.disk.disk_volume import DiskVolume
from forensics.disk.links import Link
from forensics.disk.tree import Entry, NotFollowed, NotFound, NotObtained, Tree
from forensics.registry.hives import open_hive
from forensics.sources import following_tree
from forensics.sources.following_tree import MAX_LINKS
from forensics.sources.installation import Installation
from forensics.sources.mapping_tree import UnionTree
from forensics.tables.outcome import ABSENT, PRESENT, Outcome
from tests.collectors.virtual import CONFIG, software_hive, system_hive
from tests.memory_tree import MemoryTree

D = b"DMIO:ID:" + bytes(range(16))


class LinkedTree(MemoryTree):
    """A tree in memory with links, which it refuses to follow as a volume does."""

    def __init__(self, files: Mapping[str, bytes | None], links: Mapping[str, Link], is_lazy: bool = False) -> None:
        super().__init__({**files, **dict.fromkeys(links, b"")})
        self._links = {path.lower(): link for path, link in links.items()}
        self._is_lazy = is_lazy

    def entry(self, path: str) -> Entry:
        parts = path.split("/") if path else []
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if above.lower() in self._links:
                raise NotFollowed(super().entry(above).path, self._links[above.lower()])
        return self._linked(super().entry(path))

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at = self.entry(folder) if isinstance(folder, str) else self.entry(folder.path)
        if at.link is not None:
            raise NotFollowed(at.path, at.link)
        listed = super().entries(at)
        if self._is_lazy:
            return Lazy(listed)
        return [self._linked(entry) for entry in listed]

    def open(self, file: Entry | str) -> BinaryIO:
        at = self.entry(file if isinstance(file, str) else file.path)
        if at.link is not None:
            raise NotFollowed(at.path, at.link)
        return super().open(at)

    def _linked(self, entry: Entry) -> Entry:
        link = self._links.get(entry.path.lower())
        return entry if link is None else replace(entry, link=link)


class Lazy(Sequence[Entry]):
    """Entries of a folder of very many, which do not tell of links."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return Lazy(self._entries[at]) if isinstance(at, slice) else self._entries[at]


def to(target: str) -> Link:
    return Link("junction", target, is_windows=True)


def relative(target: str) -> Link:
    return Link("symbolic link", target, is_windows=True, is_relative=True)


def installation(
    files: Mapping[str, bytes | None], links: Mapping[str, Link], data: Tree | None = None, is_lazy: bool = False
) -> Installation:
    system = system_hive()
    system.key("MountedDevices").binary("\\DosDevices\\D:", D)
    hives = {f"{CONFIG}/SYSTEM": system.build(), f"{CONFIG}/SOFTWARE": software_hive().build()}
    tree = LinkedTree({**files, **hives}, links, is_lazy)
    made = Installation(1, "memory", tree, "Windows", "", open_hive, volume="partition 1")
    made.disk_volumes = [DiskVolume("partition 1", lambda: tree)]
    if data is not None:
        made.disk_volumes = [*made.disk_volumes, DiskVolume("partition 2", lambda: data, mounted_as=D)]
    return made


def names(examined: Installation, path: str) -> list[str]:
    return [entry.name for entry in examined.listing(path).entries]


def test_what_lies_behind_bears_the_path_of_windows_and_tells_its_own() -> None:
    examined = installation({"keys/A": b"a", "keys/sub/b": b"b"}, {"Links/here": to("C:\\KEYS")})
    entry = examined.tree.entry("Links/here/A")
    assert (entry.path, entry.name, entry.size) == ("Links/here/A", "A", 1)
    assert examined.read(entry).data == examined.read("Links/here/A").data == b"a"
    assert [e.path for e in examined.listing("Links/here").entries] == ["Links/here/A", "Links/here/sub"]
    assert examined.really("Links/here/sub/b") == "keys/sub/b"
    assert examined.really("Links/here/sub/b\\Key!value") == "keys/sub/b\\Key!value"
    assert examined.really("keys/A") == "keys/A"
    way = Outcome("present", "read in keys: Links\\here is a junction to C:\\KEYS")
    assert examined.listing("Links/here").outcome == way
    assert examined.listing("keys").outcome == PRESENT


def test_an_entry_of_another_volume_is_opened_there() -> None:
    """Each tree has handles of its own: those of one never go to the other."""
    data = LinkedTree({"x/key": b"on D", "y/key": b"y"}, {"x/up": relative("..\\y"), "x/gone": to("E:\\x")})
    examined = installation({"x/key": b"on C"}, {"l": to("D:\\x")}, data)
    assert {e.name: (e.is_dir, e.link is None) for e in examined.listing("l").entries} == {
        "gone": (False, False),
        "key": (False, True),
        "up": (True, True),
    }
    assert [examined.read(f"l/{name}").data for name in ("key", "up/key")] == [b"on D", b"y"]
    assert examined.really("l/up/key") == "partition 2/y/key"
    (gone,) = (e for e in examined.listing("l").entries if e.name == "gone")
    assert examined.read(gone).outcome.state == "not_examined"
    assert examined.listing("l").outcome.state == "partial"
    told = [(p.source_path, p.kind) for p in examined.problems]
    assert ("l/gone", "link_not_followed") in told


def test_the_letter_of_another_drive_leads_to_it() -> None:
    examined = installation({"a": b"a"}, {}, LinkedTree({"x/key": b"on D", "up": None}, {"x/l": relative("..\\up")}))
    assert examined.read("D:/x/key").data == b"on D"
    assert examined.listing("D:/x").outcome == Outcome("present", "read in partition 2/x: D: is a volume of its own")
    assert examined.really("D:/x/l") == "partition 2/up"
    assert sorted(names(examined, "D:")) == ["up", "x"]
    assert (examined.listing("E:/x").outcome.state, examined.read("E:/x/key").outcome.state) == ("not_examined",) * 2
    assert examined.listing("D:/y").outcome == ABSENT


def test_a_link_back_to_the_drive_of_windows() -> None:
    data = LinkedTree({}, {"back": to("c:\\keys")})
    examined = installation({"keys/a": b"a"}, {"l": to("D:\\back")}, data)
    assert (names(examined, "l"), examined.really("l/a")) == (["a"], "keys/a")


@pytest.mark.parametrize(
    "links",
    [
        {"a": to("C:\\a")},
        {"a": to("C:\\b"), "b": to("C:\\a")},
        {"a": relative(".\\b\\x"), "b": relative("a\\x")},
        {f"{n}": to(f"C:\\{n + 1}") for n in range(MAX_LINKS + 1)} | {"a": to("C:\\0")},
    ],
    ids=["itself", "each other", "ever longer", "too many"],
)
def test_circles_end_and_are_told(links: dict[str, Link]) -> None:
    examined = installation({str(MAX_LINKS + 1): None}, links)
    why = f"it leads in a circle, or over more than {MAX_LINKS} links"
    outcome = examined.listing("a/b").outcome
    assert (outcome.state, (outcome.why or "").endswith(f"which is not followed: {why}")) == ("not_examined", True)
    assert examined.listing("").outcome.state == "partial"


def test_as_many_links_as_windows_goes_over() -> None:
    links = {f"{n}": to(f"C:\\{n + 1}") for n in range(MAX_LINKS)}
    examined = installation({f"{MAX_LINKS}/key": b"x"}, links)
    assert names(examined, "0") == ["key"]
    assert examined.listing("0").outcome.is_whole


def test_a_link_to_a_folder_above_it_shows_nothing_new() -> None:
    examined = installation({"a/b/key": b"x"}, {"a/b/up": to("C:\\a"), "a/self": relative("..\\a"), "top": to("C:\\")})
    assert (names(examined, "a/b"), names(examined, "a")) == (["key"], ["b"])
    assert "top" not in names(examined, "")
    assert [examined.listing(path).outcome for path in ("a/b", "a", "")] == [PRESENT] * 3
    # By name Windows goes there all the same.
    assert names(examined, "a/b/up/b") == ["key"]


def test_a_link_to_nothing_on_a_volume_that_was_seen() -> None:
    examined = installation({}, {"keys": to("C:\\gone"), "share": to("UNC")})
    assert examined.listing("keys").outcome == ABSENT
    assert "keys" not in names(examined, "")
    with pytest.raises(NotFound):
        examined.tree.open("keys/a")


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (Link("symbolic link", "C:\\keys"), "examine what lies there too"),
        (to("\\\\server\\share"), "examine what lies there too"),
        (to("GLOBALROOT\\Device\\HarddiskVolume2\\keys"), "examine what lies there too"),
        (to("Volume{nonsense}\\"), "examine what lies there too"),
        (to("E:\\keys"), "examine what lies there too"),
        (relative("..\\..\\keys"), "it leads above the root of its volume"),
        (to("C:\\x\\..\\..\\keys"), "it leads above the root of its volume"),
    ],
)
def test_what_leads_out_is_refused(link: Link, why: str) -> None:
    examined = installation({"keys/a": b"x"}, {"x/l": link})
    with pytest.raises(NotFollowed) as caught:
        examined.tree.entries("x/l")
    assert str(caught.value).endswith(f"which is not followed: {why}")
    assert examined.listing("x/l").outcome.state == "not_examined"


@pytest.mark.parametrize(
    ("opened", "why"),
    [
        (NotObtained("a bad sector"), "it leads to partition 2, which cannot be read: a bad sector"),
        (
            ValueError("a text of a library"),
            "it leads to partition 2, which was not opened: that failed with ValueError",
        ),
    ],
)
def test_a_volume_that_cannot_be_opened(opened: Exception, why: str) -> None:
    def fails() -> Tree:
        raise opened

    examined = installation({}, {"l": to("D:\\")})
    examined.disk_volumes = [DiskVolume("partition 2", fails, mounted_as=D)]
    assert (examined.listing("l").outcome.why or "").endswith(why)


def test_two_volumes_with_one_identity_are_neither() -> None:
    data = LinkedTree({"a": b""}, {})
    examined = installation({}, {"l": to("D:\\")}, data)
    examined.disk_volumes = [DiskVolume(f"partition {n}", lambda: data, mounted_as=D) for n in (2, 3)]
    why = "partition 2 and partition 3 are both known to Windows as that volume"
    assert (examined.listing("l").outcome.why or "").endswith(why)


def test_a_registry_behind_a_link_that_it_alone_could_resolve() -> None:
    tree = LinkedTree({"x": None}, {"Windows/System32/config": to("D:\\config")})
    examined = Installation(1, "memory", tree, "Windows", "", open_hive)
    assert [examined.hive(name) for name in ("SYSTEM", "SOFTWARE")] == [None, None]
    assert {examined.hive_outcome(name).state for name in ("SYSTEM", "SOFTWARE")} == {"not_examined"}


def test_links_among_very_many_names_are_followed_when_opened() -> None:
    data = LinkedTree({"many/a": b"a", "many/b": b"b", "real": b"r"}, {"many/l": relative("..\\real")}, is_lazy=True)
    examined = installation({}, {"l": to("D:\\many")}, data)
    listed = examined.listing("l").entries
    assert [e.path for e in listed] == ["l/a", "l/b", "l/l"]
    assert [e.path for e in listed[1:]] == ["l/b", "l/l"]
    assert [examined.read(entry).data for entry in listed] == [b"a", b"b", b"r"]


def test_the_access_list_is_that_of_the_target() -> None:
    examined = installation({"keys/a": b"x"}, {"l": to("C:\\keys"), "f": to("C:\\keys\\a")})
    tree = examined.own_tree
    assert isinstance(tree, MemoryTree)
    tree._descriptors.update({"keys": b"folder", "keys/a": b"file", "l": b"link", "f": b"link"})
    descriptor = examined.tree.security_descriptor
    assert [descriptor(path) for path in ("l", "l/a", "f")] == [b"folder", b"file", b"file"]
    assert [descriptor(e) for e in examined.listing("l").entries] == [b"file"]


def test_a_windows_that_setup_moved_aside_has_what_was_moved_with_it() -> None:
    """Users were moved with it, Keys were not."""
    software = software_hive().build()
    files = {"Windows.old/Users/a": b"old", "Users/a": b"new", "Keys/k": b"k"}
    files |= {"Windows.old/Windows/System32/config/SOFTWARE": software}
    tree = LinkedTree(files, {"Windows.old/U": to("C:\\Users"), "Windows.old/K": to("C:\\Keys")})
    examined = Installation(1, "memory", tree, "Windows.old/Windows", "Windows.old", open_hive)
    assert [examined.read(f"Windows.old/{path}").data for path in ("U/a", "K/k")] == [b"old", b"k"]


def test_parts_of_a_collection_put_together() -> None:
    """The link lies in the second part, whose paths are others than those of the whole."""
    software = software_hive().build()
    files = {"x/ntfs/C/ProgramData/a": b"", "x/auto/C/Keys/k": b"k", f"x/ntfs/C/{CONFIG}/SOFTWARE": software}
    tree = LinkedTree(files, {"x/auto/C/ProgramData/Crypto": to("C:\\Keys"), "x/auto/C/up": relative("..\\k")})
    tree.complete = False
    whole = UnionTree(tree, ["x/ntfs/C", "x/auto/C"])
    examined = Installation(1, "memory", whole, "Windows", "", open_hive)
    assert names(examined, "ProgramData/Crypto") == ["k"]
    assert (examined.read("ProgramData/Crypto/k").data, examined.really("ProgramData/Crypto/k")) == (b"k", "Keys/k")
    with pytest.raises(NotFollowed, match=r"up is a symbolic link to \.\.\\k, which is not followed: it leads above"):
        examined.tree.entries("up/x")


def test_links_of_one_folder_are_bounded_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_tree, "MAX_OF_FOLDER", 2)
    links = {f"l/{n}": to("C:\\keys") for n in range(3)}
    examined = installation({"keys/a": b""}, links)
    listing = examined.listing("l")
    assert [entry.is_dir for entry in listing.entries] == [True, True, False]
    why = "l\\2 is a junction to C:\\keys, which is not followed: only the first 2 links of a folder are followed"
    assert listing.outcome == Outcome("partial", why)
    assert names(examined, "l/2") == ["a"]
