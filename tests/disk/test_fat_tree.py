"""FAT volumes: read as written, refused or bounded where they lie; dissect.fat is the second reader."""

from __future__ import annotations

import io
import random
import struct

import pytest

from forensics.disk.fat.tree import FatTree
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import NotFound, Unreadable
from testdata.builder.fat import SECTOR, FatWriter, build_fat
from tests.oracles import other_reader
from tests.time_bound import within

MIB = 1 << 20
FILES = {
    "EFI/Microsoft/Boot/bootmgfw.efi": bytes(range(256)) * 500,
    "EFI/Microsoft/Boot/BCD": b"regf" + bytes(600),
    "EFI/Boot/bootx64.efi": b"MZ" + bytes(100),
    "A name of more than thirteen letters.txt": b"long",
    "EMPTY.BIN": b"",
    "Grüße.txt": b"umlauts",
}
SIZES = {16: 8 * MIB, 32: 34 * MIB}


def tree(image: bytes | bytearray) -> FatTree:
    return FatTree(VolumeReader(io.BytesIO(bytes(image)), 0, len(image)))


def read(image: bytes | bytearray, path: str) -> bytes:
    return tree(image).open(path).read()


@pytest.mark.parametrize("bits", [16, 32])
def test_what_was_written_is_read(bits: int) -> None:
    volume = tree(build_fat(FILES, SIZES[bits], bits=bits))
    assert {path: volume.open(path).read() for path in FILES} == FILES
    assert volume.open("efi/MICROSOFT/boot/BootMgfw.EFI").read() == FILES["EFI/Microsoft/Boot/bootmgfw.efi"]
    entry = volume.entry("efi/boot/BOOTX64.EFI")
    assert (entry.name, entry.path, entry.is_dir, entry.size) == ("bootx64.efi", "EFI/Boot/bootx64.efi", False, 102)
    assert (entry.created, entry.modified, volume.security_descriptor(entry)) == (None, None, None)
    assert {e.name for e in volume.entries("")} == {path.split("/")[0] for path in FILES}
    assert {e.name for e in volume.entries(volume.entry("EFI/Microsoft/Boot"))} == {"bootmgfw.efi", "BCD"}
    assert volume.complete


@pytest.mark.parametrize("bits", [16, 32])
def test_another_reader_sees_the_same(bits: int) -> None:
    fat = other_reader("dissect.fat.fat", "dissect.fat")
    volume = fat.FATFS(io.BytesIO(bytes(build_fat(FILES, SIZES[bits], bits=bits))))
    assert volume.type.name == f"FAT{bits}"
    assert {path: volume.get(path).open().read() for path in FILES if FILES[path]} == {
        path: data for path, data in FILES.items() if data
    }


@pytest.mark.parametrize("path", ["EFI/missing.efi", "nothing/here", "EFI/Boot/bootx64.efi/below", "a/" * 40 + "b"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        tree(build_fat(FILES, 8 * MIB, bits=16)).entry(path)


def test_a_short_name_cannot_make_a_path() -> None:
    """A slash in it, or a zero, is shown as what it is: no other file is called as this one."""
    image = bytearray(build_fat({"EFI/BOOT/A.EFI": b"x"}, SIZES[16], bits=16))
    at = image.index(b"BOOT       ")
    image[at : at + 11] = b"BO/\0       "
    assert [entry.path for entry in tree(image).entries("EFI")] == ["EFI/BO\\x2f\\x00"]
    assert read(image, "EFI/BO\\x2f\\x00/A.EFI") == b"x"


def test_a_folder_is_no_file_and_a_file_no_folder() -> None:
    volume = tree(build_fat(FILES, 8 * MIB, bits=16))
    with pytest.raises(Unreadable, match="a folder"):
        volume.open("EFI")
    with pytest.raises(Unreadable, match="not a folder"):
        volume.entries("EMPTY.BIN")


class TestLies:
    """One field of a sound volume is changed."""

    def writer(self, bits: int = 16) -> tuple[FatWriter, bytearray]:
        made = FatWriter(SIZES[bits], bits, "ESP")
        return made, made.write({"A.BIN": b"a" * 3 * SECTOR, "B/C.BIN": b"c"})

    def put(self, made: FatWriter, image: bytearray, cluster: int, value: int) -> None:
        width = made.bits // 8
        at = made.table_at + cluster * width
        image[at : at + width] = value.to_bytes(width, "little")

    @pytest.mark.parametrize("bits", [16, 32])
    def test_chain_that_returns(self, bits: int) -> None:
        made, image = self.writer(bits)
        first = made.first_cluster["A.BIN"]
        self.put(made, image, first + 1, first)
        with pytest.raises(Unreadable, match=f"returns to cluster {first}"):
            read(image, "A.BIN")
        assert read(image, "B/C.BIN") == b"c"

    @pytest.mark.parametrize("bits", [16, 32])
    def test_folder_whose_chain_returns(self, bits: int) -> None:
        made, image = self.writer(bits)
        folder = made.first_cluster["B"]
        self.put(made, image, folder, folder)
        with pytest.raises(Unreadable, match=f"returns to cluster {folder}"):
            read(image, "B/C.BIN")
        assert read(image, "A.BIN") == b"a" * 3 * SECTOR

    @pytest.mark.parametrize(("value", "said"), [(1, "cluster 1 lies outside"), (0xFFF0, "cluster 65520 lies outside")])
    def test_chain_that_leaves_the_volume(self, value: int, said: str) -> None:
        made, image = self.writer()
        self.put(made, image, made.first_cluster["A.BIN"], value)
        with pytest.raises(Unreadable, match=said):
            read(image, "A.BIN")

    def test_chain_shorter_than_the_size(self) -> None:
        made, image = self.writer()
        self.put(made, image, made.first_cluster["A.BIN"], 0xFFFF)
        with pytest.raises(Unreadable, match="hold 512 of its 1536 bytes"):
            read(image, "A.BIN")

    def test_size_beyond_reason(self) -> None:
        _, image = self.writer()
        at = image.index(b"A       BIN") + 28
        image[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
        with pytest.raises(Unreadable, match="4294967295 bytes; at most"):
            read(image, "A.BIN")

    def test_folder_without_cluster(self) -> None:
        _, image = self.writer()
        at = image.index(b"B          ") + 26
        image[at : at + 2] = bytes(2)
        with pytest.raises(Unreadable, match="has no cluster"):
            read(image, "B/C.BIN")

    def test_long_name_of_another_file_is_passed_over(self) -> None:
        image = build_fat({"Long name here.txt": b"x"}, 8 * MIB, bits=16)
        at = image.index(b"LONG N~1TXT")
        image[at - 64 + 13] ^= 1  # the sum in the first part
        assert [e.name for e in tree(image).entries("")] == ["LONG N~1.TXT"]

    @pytest.mark.parametrize(
        ("offset", "value", "said"),
        [
            (11, b"\x01\x00", "sectors of 1 bytes"),
            (13, b"\x03", "clusters of 3 sectors"),
            (13, b"\x00", "clusters of 0 sectors"),
            (14, b"\x00\x00", "0 reserved sectors"),
            (16, b"\xff", "255 allocation tables"),
            (22, b"\xff\xff", "leave no room"),
            (19, b"\x01\x00", "leave no room"),
        ],
    )
    def test_boot_sector_that_describes_no_volume(self, offset: int, value: bytes, said: str) -> None:
        _, image = self.writer()
        image[offset : offset + len(value)] = value
        with pytest.raises(Unreadable, match=said):
            tree(image)

    def test_truncated_volume(self) -> None:
        _, image = self.writer()
        with pytest.raises(Unreadable):
            FatTree(VolumeReader(io.BytesIO(image[:100]), 0, 100))
        with pytest.raises(Unreadable, match="truncated"):
            FatTree(VolumeReader(io.BytesIO(image[:2048]), 0, len(image))).entry("A.BIN")


def test_any_damage_is_answered_and_soon() -> None:
    """Bytes of the boot sector, the table and the folders are thrown at random."""
    made = FatWriter(4 * MIB, 16, "ESP")
    sound = bytes(made.write(FILES))
    chance = random.Random(20261019)
    answers = {"read": 0, "refused": 0}
    with within(2):
        for _ in range(300):
            image = bytearray(sound)
            for _ in range(chance.randrange(1, 12)):
                base = chance.choice([0, made.table_at, made.data_at - 512 * 32, made.data_at])
                image[base + chance.randrange(512)] = chance.randrange(256)
            try:
                read(image, "EFI/Microsoft/Boot/bootmgfw.efi")
                answers["read"] += 1
            except (NotFound, Unreadable):
                answers["refused"] += 1
    assert min(answers.values()) > 20


@pytest.mark.parametrize("bits", [16, 32])
def test_a_folder_that_is_too_large_is_not_read_in_part(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"EFI/{number:03}.txt": b"x" for number in range(200)}
    volume = tree(build_fat(files, SIZES[bits], bits=bits))
    assert len(volume.entries("EFI")) == 200
    monkeypatch.setattr("forensics.disk.fat.tree.MAX_FOLDER", 4096)
    volume = tree(build_fat(files, SIZES[bits], bits=bits))
    with pytest.raises(Unreadable, match="a folder of more than 4096 bytes"):
        volume.entry("EFI/199.txt")


def test_what_lies_too_deep_is_not_called_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.fat.tree.MAX_DEPTH", 2)
    volume = tree(build_fat(FILES, SIZES[16], bits=16))
    with pytest.raises(Unreadable, match="more than 2 deep"):
        volume.entry("EFI/Microsoft/Boot")
    with pytest.raises(NotFound):
        volume.entry("EFI/Other/Boot")
