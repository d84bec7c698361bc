"""A URL inside evidence is a name like any other: what a disk says is elsewhere is never fetched."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import forensics

VMDK = (
    '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID={}\ncreateType="monolithicFlat"\n{}RW 2048 FLAT "{}" 0\n'
)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", asked
    listening.shutdown()
    listening.server_close()


def _qcow2(backing: bytes) -> bytes:
    head = struct.pack(">IIQIIQIIQQIIQ", 0x514649FB, 2, 72, len(backing), 16, 1 << 20, 0, 1, 196608, 65536, 1, 0, 0)
    return (head + backing).ljust(4 * 65536, b"\0")


def _files(url: str) -> dict[str, bytes]:
    parent = f'parentFileNameHint="{url}/parent.vmdk"\n'
    return {
        "extent.vmdk": VMDK.format("ffffffff", "", f"{url}/extent.bin").encode(),
        "child.vmdk": VMDK.format("12345678", parent, "child-flat.vmdk").encode(),
        "child-flat.vmdk": bytes(1 << 20),
        "backed.qcow2": _qcow2(f"{url}/base.qcow2".encode()),
        "machine.vmx": f'scsi0:0.present = "TRUE"\nscsi0:0.fileName = "{url}/disk.vmdk"\n'.encode(),
    }


@pytest.mark.parametrize("named", ["extent.vmdk", "child.vmdk", "backed.qcow2", "machine.vmx", "."])
def test_nothing_is_fetched_that_evidence_names(named: str, server: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = server
    for name, content in _files(url).items():
        (tmp_path / name).write_bytes(content)
    case = forensics.examine(tmp_path / named, strict=False)
    assert asked == []
    assert all(entry.error for entry in case.sources)


def test_the_server_would_have_been_asked(server: tuple[str, list[str]]) -> None:
    pytest.importorskip("aiohttp")
    url, asked = server
    forensics.examine(f"{url}/disk.vhdx", strict=False)
    assert asked == ["/disk.vhdx"]
