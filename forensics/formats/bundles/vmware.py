"""The configuration of a VMware machine (.vmx) and its list of snapshots (.vmsd): lines of ``name = "value"``.

References:
    - VMware, .vmx (``scsi0:0.fileName``) and .vmsd (``snapshot0.disk0.fileName``)
    - VMware, open-vm-tools, lib/dict (values with and without quotes; ``|22`` for a character that has a meaning)
    - VMware Workstation, Encrypting Virtual Machines (``encryption.keySafe``; where only a TPM needed encryption the
      disks stay named in the clear)
"""

from __future__ import annotations

import re

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.language import sentence

_SETTING = re.compile(r"^[ \t]*([\w.:]+)[ \t]*=[ \t]*(.*)$", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]*)"[ \t]*(?:#.*)?')
_ESCAPED = re.compile(r"\|([0-9A-Fa-f]{2})")
_ENCODING = re.compile(
    rb'^[ \t]*\.encoding[ \t]*=[ \t]*"(utf-8|windows-\d+|iso-8859-\d+|shift_jis|gbk|gb18030|big5|euc-\w\w)"',
    re.MULTILINE | re.I,
)
_CONTROLLED = re.compile(r"((?:scsi|sata|ide|nvme)\d+:\d+)\.filename", re.IGNORECASE)
_NO_DISKS = ("", "auto detect", "none")
_FROZEN = re.compile(r"snapshot\d+\.disk\d+\.filename", re.IGNORECASE)
_ENCRYPTED = sentence(
    "it is encrypted, and names its disks only in what is: remove the encryption in VMware "
    "(settings of the machine, Options, Access Control) and name it again"
)


def parse_vmx(data: bytes) -> NamedDisks:
    """Return the disks of a .vmx."""
    settings = _settings(data)
    disks = []
    for name, value in settings.items():
        match = _CONTROLLED.fullmatch(name)
        is_there = match is not None and settings.get(f"{match[1].lower()}.present", "TRUE").upper() != "FALSE"
        if match is not None and is_there and _is_disk(value, settings.get(f"{match[1].lower()}.devicetype", "")):
            disks.append(NamedDisk(value))
    is_closed = not disks and any(name.startswith("encryption.") for name in settings)
    return NamedDisks(tuple(disks), hidden=_ENCRYPTED if is_closed else "")


def _is_disk(path: str, kind: str) -> bool:
    """Tell a disk from a drive for media or a device that is passed through; without a kind it is a disk."""
    if path.lower().endswith(".vmdk"):
        return True
    return path.lower() not in _NO_DISKS and not path.lower().endswith(".iso") and "disk" in (kind.lower() or "disk")


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
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return {name.lower(): _value(written) for name, written in _SETTING.findall(lines)}


def _value(written: str) -> str:
    """Return a value without its quotes, of which some or one may be missing."""
    quoted = _QUOTED.fullmatch(written.strip())
    value = quoted[1] if quoted is not None else written.strip(' \t"')
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
