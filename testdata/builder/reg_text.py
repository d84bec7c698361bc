"""Writes registry exports as regedit does (version 5, UTF-16)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testdata.builder.regf import REG_BINARY, REG_DWORD, REG_SZ, KeyWriter

_HEAD = "Windows Registry Editor Version 5.00"
_ON_A_LINE = 25


def reg_export(root: KeyWriter, path: str) -> bytes:
    """Return the export of a key and all below it.

    Args:
        root: The key.
        path: Its path, such as ``HKEY_LOCAL_MACHINE\\SYSTEM``.
    """
    lines = [_HEAD, "", *_key(root, path)]
    return "\r\n".join([*lines, ""]).encode("utf-16")


def _key(key: KeyWriter, path: str) -> Iterator[str]:
    yield f"[{path}]"
    for name, (kind, data) in key.values.items():
        yield from _value(f'"{_escaped(name)}"' if name else "@", kind, data)
    yield ""
    for child in key.children.values():
        yield from _key(child, f"{path}\\{child.name}")


def _value(name: str, kind: int, data: bytes) -> Iterable[str]:
    if kind == REG_SZ:
        return [f'{name}="{_escaped(data[:-2].decode("utf-16-le"))}"']
    if kind == REG_DWORD and len(data) == 4:
        return [f"{name}=dword:{int.from_bytes(data, 'little'):08x}"]
    begin = f"{name}={'hex' if kind == REG_BINARY else f'hex({kind:x})'}:"
    octets = [f"{byte:02x}" for byte in data]
    rows = [",".join(octets[at : at + _ON_A_LINE]) for at in range(0, len(octets), _ON_A_LINE)] or [""]
    return (begin + ",\\\r\n  ".join(rows)).split("\r\n")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
