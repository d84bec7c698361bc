"""Configurations of virtual machines that name disks, opened as a source is: no name leads out of their folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from forensics.disk.errors import SourceError
from forensics.sources.open import open_source
from tests.fuzz import given_files
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.disks import raw
from tests.fuzz.targets.formats import valid

_FILES = ("vm.vmx", "vm.vmsd", "vm.vbox", "vm.ovf", "vm.xml", "config.plist", "vm.pvs", "DiskDescriptor.xml", "vm.vmdk")
_DISK = "disk.raw"
_WORDS = (
    *(
        b"../",
        b"/etc/passwd",
        b"C:\\Windows\\win.ini",
        b"file:///etc/passwd",
        b"\\\\server\\share\\a.vmdk",
        b"http://a/b",
    ),
    *(b"disk.raw", b"/dev/zero", b"..\\..\\", b"%2e%2e/", b"\x00", b"a.vmdk"),
)


@cache
def _beside(folder: Path) -> Path:
    """Make a folder in which a disk lies that the configurations may name."""
    made = folder / "machine"
    with given_files.unwatched():
        made.mkdir()
        (made / _DISK).write_bytes(raw())
    return made


def _configuration(data: bytes) -> None:
    """Open the configuration that an input is behind its first byte, which says of what kind it is."""
    folder = _beside(given_files.folder())
    name = _FILES[(data[0] if data else 0) % len(_FILES)]
    path = folder / name
    with given_files.unwatched():
        path.write_bytes(data[1:])
    try:
        for named in (path, folder):
            try:
                with open_source(named) as source:
                    assert all(problem.kind and problem.message for problem in source.problems)
            except SourceError as error:
                hold(error.message, "a refusal without a message")
    finally:
        with given_files.unwatched():
            path.unlink()


def _seeds() -> list[bytes]:
    from testdata.builder import bundles

    names = ("vmx", "vmsd", "vbox", "ovf", "libvirt", "utm", "pvs", "parallels")
    texts = [valid(name)[0] for name in names]
    texts[0] = bundles.vmx_text(_DISK).encode()
    texts.append(f'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\nRW 192 FLAT "{_DISK}" 0\n'.encode())
    return [bytes([number]) + text for number, text in enumerate(texts)]


TARGETS = (Target("configuration", _configuration, _seeds, words=_WORDS, reads_files=True, seconds=3),)
