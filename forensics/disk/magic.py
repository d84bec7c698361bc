"""The bytes by which containers are told: of those that more than one module asks for."""

from __future__ import annotations

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
