"""Which files beside a disk may belong to it, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.disk.evidence_files import EvidenceFiles, EvidenceTargetError, recording
from forensics.disk.relatives import note_relatives


@pytest.mark.parametrize(
    ("disk", "relatives"),
    [
        ("web.vhdx", {"web_8F3C.avhdx", "web-1.avhdx", "WEB.vhdx.gz", "web.vmdk", "web.001", "web.E02"}),
        ("web-1.avhdx", {"web.vhdx", "WEB.vhdx.gz", "web.vmdk", "web.001", "web.E02"}),
        ("web.001", {"web.vhdx", "web_8F3C.avhdx", "web-1.avhdx", "WEB.vhdx.gz", "web.vmdk", "web.E02"}),
        ("webmail.raw", set()),
        ("notes", set()),
    ],
)
def test_images_of_one_stem(tmp_path: Path, disk: str, relatives: set[str]) -> None:
    names = {"web.vhdx", "web_8F3C.avhdx", "web-1.avhdx", "WEB.vhdx.gz", "web.vmdk", "web.001", "web.E02"}
    names |= {"webmail.raw", "web.html", "web", "web.txt", "notes", "other.vhdx"}
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    evidence = EvidenceFiles()
    with recording(evidence):
        note_relatives(tmp_path / disk)
    refused = set()
    for name in names - {disk}:
        try:
            evidence.refuse(tmp_path / name)
        except EvidenceTargetError:
            refused.add(name)
    assert refused == relatives
