"""The bytes by which containers are told: of those that more than one module asks for."""

from __future__ import annotations

AD1_MAGIC = b"ADSEGMENTEDFILE"
EWF_MAGIC = b"EVF\x09\x0d\x0a\xff\x00"
PARALLELS = b"WithoutFreeSpace"
PARALLELS_EXT = b"WithouFreSpacExt"
QCOW_MAGIC = b"QFI\xfb"
VHD_COOKIE = b"conectix"
VMDK_SPARSE = b"KDMV"
VMDK_COWD = b"COWD"
VMDK_SESPARSE = b"\xbe\xba\xfe\xca\0\0\0\0"
VMDK_DESCRIPTOR = b"# Disk DescriptorFile"
WIM_MAGIC = b"MSWIM\0\0\0"
VMA_MAGIC = b"VMA\0"
XVA_START = b"ova.xml\0"
_VBK_BLOCKS = frozenset(1 << power for power in range(16, 25))


def looks_like_vbk(head: bytes) -> bool:
    """Tell by its header whether a file is a container of Veeam: version, being in use, digest and size of blocks."""
    version, in_use, length = (int.from_bytes(head[at : at + 4], "little") for at in (0, 4, 8))
    block = int.from_bytes(head[0x10B:0x10F], "little")
    return (
        (0 < version < 64 or version == 0x10008)
        and in_use == 1
        and (length, head[0xC:0x107].rstrip(b"\0")) == (3, b"md5")
        and block in _VBK_BLOCKS
    )
