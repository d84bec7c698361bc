"""The configuration of a VMware machine (.vmx) and its list of snapshots (.vmsd): lines of ``name = "value"``.

References:
    - VMware, .vmx (``scsi0:0.fileName``) and .vmsd (``snapshot0.disk0.fileName``)
    - VMware Workstation, Encrypting Virtual Machines (``encryption.keySafe``; where only a TPM needed encryption the
      disks stay named in the clear)
"""

from __future__ import annotations

import re

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks

_SETTING = re.compile(r'^[ \t]*([\w.:]+)[ \t]*=[ \t]*"([^"\n]*)"', re.MULTILINE)
_ENCODING = re.compile(
    rb'^[ \t]*\.encoding[ \t]*=[ \t]*"(utf-8|windows-\d+|iso-8859-\d+|shift_jis|gbk|gb18030|big5|euc-\w\w)"',
    re.MULTILINE | re.I,
)
_CONTROLLED = re.compile(r"((?:scsi|sata|ide|nvme)\d+:\d+)\.filename", re.IGNORECASE)
_FROZEN = re.compile(r"snapshot\d+\.disk\d+\.filename", re.IGNORECASE)
_ENCRYPTED = (
    "it is encrypted, and names its disks only in what is: remove the encryption in VMware (settings of the machine, "
    "Options, Access Control) and name it again"
)


def parse_vmx(data: bytes) -> NamedDisks:
    """Return the disks of a .vmx."""
    settings = _settings(data)
    disks = []
    for name, value in settings.items():
        match = _CONTROLLED.fullmatch(name)
        is_there = match is not None and settings.get(f"{match[1].lower()}.present", "TRUE").upper() != "FALSE"
        if is_there and value.lower().endswith(".vmdk"):
            disks.append(NamedDisk(value))
    is_closed = not disks and any(name.startswith("encryption.") for name in settings)
    return NamedDisks(tuple(disks), hidden=_ENCRYPTED if is_closed else "")


def parse_vmsd(data: bytes) -> NamedDisks:
    """Return the disks that the snapshots of a .vmsd have frozen."""
    settings = _settings(data)
    if settings.get("snapshot.numsnapshots", "0") == "0":
        return NamedDisks()
    return NamedDisks(frozen=tuple(value for name, value in settings.items() if _FROZEN.fullmatch(name)))


def _settings(data: bytes) -> dict[str, str]:
    encoding = _ENCODING.search(data)
    try:
        text = data.decode(encoding[1].decode() if encoding else "utf-8", "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return {name.lower(): value for name, value in _SETTING.findall(text)}
