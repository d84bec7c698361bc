"""What the compared programs read, as one digest, so that equal work can be proved and not only claimed."""

from __future__ import annotations

import hashlib
import struct
import time
from typing import ClassVar

KEY_FOLDERS = ("ProgramData/Microsoft/Crypto/RSA/MachineKeys", "ProgramData/Microsoft/Crypto/Keys")
PROTECT_FOLDER = "Windows/System32/Microsoft/Protect/S-1-5-18"
HIVE_FOLDER = "Windows/System32/config"
STORE = "Microsoft\\SystemCertificates\\MY\\Certificates"
LSA = "ControlSet001\\Control\\Lsa"


class Reads:
    """Collects what was read: key files with content and rights, master keys, certificates, boot key, LSA values."""

    LSA_VALUES: ClassVar = ("Policy\\PolEKList", "Policy\\Secrets\\DPAPI_SYSTEM\\CurrVal")

    def __init__(self) -> None:
        self._items: list[tuple[str, str, bytes]] = []
        self._stages: dict[str, float] = {}
        self._last = time.perf_counter()

    def key_file(self, name: str, content: bytes, rights: str) -> None:
        """Note one key file; ``rights`` as :func:`describe_descriptor` words them."""
        self._items.append(("key_file", name, content + rights.encode()))

    def master_key(self, name: str, content: bytes) -> None:
        """Note one master key file."""
        self._items.append(("master_key", name, content))

    def certificate(self, thumbprint: str, element: bytes) -> None:
        """Note one certificate of the machine's personal store."""
        self._items.append(("certificate", thumbprint, element))

    def boot_key_class(self, name: str, text: str) -> None:
        """Note one of the four class names that hold the boot key."""
        self._items.append(("boot_key_class", name, text.encode()))

    def lsa_value(self, path: str, data: bytes) -> None:
        """Note one encrypted value of SECURITY."""
        self._items.append(("lsa_value", path, data))

    def stage(self, name: str) -> None:
        """Note the time since the last stage."""
        now = time.perf_counter()
        self._stages[name], self._last = now - self._last, now

    def summary(self) -> dict[str, object]:
        """Return counts, the digest over everything, and the stages' seconds."""
        digest = hashlib.sha256()
        counts: dict[str, int] = {}
        for kind, name, data in sorted(self._items):
            counts[kind] = counts.get(kind, 0) + 1
            digest.update(f"{kind}/{name}/{len(data)}/".encode() + data)
        return {"counts": counts, "sha256": digest.hexdigest(), "stages": self._stages}


def describe_descriptor(data: bytes) -> str:
    """Word owner and access list of a self-relative security descriptor."""
    owner, _, _, dacl = struct.unpack_from("<IIII", data, 4)
    (count,) = struct.unpack_from("<H", data, dacl + 4)
    position, entries = dacl + 8, []
    for _ in range(count):
        kind, flags, size, mask = struct.unpack_from("<BBHI", data, position)
        entries.append(describe_entry(kind, flags, mask, _sid(data, position + 8)))
        position += size
    return ";".join([_sid(data, owner), *entries])


def describe_entry(kind: int, flags: int, mask: int, sid: str) -> str:
    """Word one entry of an access list."""
    return f"{kind}:{flags}:{mask:08x}:{sid}"


def _sid(data: bytes, offset: int) -> str:
    revision, count = data[offset], data[offset + 1]
    authority = int.from_bytes(data[offset + 2 : offset + 8], "big")
    return "-".join(map(str, ("S", revision, authority, *struct.unpack_from(f"<{count}I", data, offset + 8))))
