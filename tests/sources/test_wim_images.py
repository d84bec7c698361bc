"""WIM images as sources: the same rows as the disk that was captured, or why not and what to do."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.disk.wim import chunks, decoders
from forensics.sources.choices import Choices
from forensics.sources.open import open_source
from forensics.tables.outcome import Outcome
from forensics.tables.source import leaves
from testdata.builder import certs
from testdata.builder.capi import Slot
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.regf import HiveWriter
from testdata.builder.wim import WimImageSpec, build_wim, parts_of, split, write_wim
from tests.examined import AS_OF, examined
from tests.oracles import tool
from tests.paths import WIMS
from tests.time_bound import within

WITH_LIBWIM = decoders._libwim() is not None
needs_libwim = pytest.mark.skipif(not WITH_LIBWIM, reason="needs libwim (Debian package libwim15)")
SYSTEM = "Windows/System32/config/SYSTEM"


def rows(case: forensics.Case, table: str) -> list[dict[str, Any]]:
    return [{column: getattr(row, column) for column in row.__dataclass_fields__} for row in case.tables[table]]


def examine(*paths: Path, **options: Any) -> forensics.Case:
    return forensics.examine(*paths, as_of=AS_OF, **options)


@pytest.mark.parametrize(
    ("file", "image"),
    [
        ("broken-access-xpress.wim", "broken-access"),
        pytest.param("broken-access-lzx.wim", "broken-access", marks=needs_libwim),
        pytest.param("broken-access-solid.esd", "broken-access", marks=needs_libwim),
        pytest.param("golden-image.swm", "golden-image", marks=needs_libwim),
        pytest.param("generalized-not-booted.wim", "generalized-not-booted", marks=needs_libwim),
        pytest.param("two-windows.wim", "two-windows", marks=needs_libwim),
    ],
)
def test_a_wim_gives_the_rows_and_findings_of_the_disk(file: str, image: str) -> None:
    disk, wim = examined(image), examine(WIMS / file)
    for table in disk.tables.keys() - {"machine", "coverage", "problem"}:
        assert rows(wim, table) == rows(disk, table), table
    assert wim.tables.keys() - {"problem"} == disk.tables.keys() - {"problem"}
    # The change journal alone is asked for and not there: no capture takes it.
    problems = {(row.source_path, row.message) for row in wim.rows("problem")}
    left_out = {("$Extend/$UsnJrnl:$J", "a capture leaves it out, so whether it was on the machine is not known")}
    assert problems - left_out == {(row.source_path, row.message) for row in disk.rows("problem")}
    assert {row.outcome for row in wim.rows("coverage") if row.name == "change journal"} <= {"not_examined"}
    told = [[(f.rule, f.severity, f.because, f.remedy) for f in case.finding_list] for case in (wim, disk)]
    assert told[0] == told[1]
    assert [row.computer_name for row in wim.rows("machine")] == [row.computer_name for row in disk.rows("machine")]


def test_xpress_is_read_without_libwim(monkeypatch: pytest.MonkeyPatch) -> None:
    without_libwim(monkeypatch)
    wim = examine(WIMS / "broken-access-xpress.wim")
    assert rows(wim, "key_chain") == rows(examined("broken-access"), "key_chain")


def without_libwim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "_libwim", lambda: None)
    monkeypatch.setattr(decoders, "decoder_of", decoders.decoder_of.__wrapped__)
    monkeypatch.setattr(chunks, "decoder_of", decoders.decoder_of)


@pytest.mark.parametrize(("file", "method"), [("broken-access-lzx.wim", "LZX"), ("broken-access-solid.esd", "LZMS")])
def test_what_is_said_without_libwim(file: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_libwim(monkeypatch)
    with pytest.raises(forensics.SourceError) as refused:
        open_source(WIMS / file)
    assert str(refused.value) == (
        f"{WIMS / file} is a WIM image compressed with {method}, and libwim, which unpacks that, is not installed: "
        "install libwim (Debian: libwim15; macOS: brew install wimlib; Windows: libwim-15.dll in a folder of PATH), or "
        "apply the image to an NTFS in a file, which keeps access lists, and examine that: truncate -s 40G w.img; "
        f"mkntfs -F w.img; wimapply {file} 1 w.img"
    )


@needs_libwim
def test_each_image_is_named_in_its_rows() -> None:
    case = examine(WIMS / "two-windows.wim")
    assert [(row.computer_name, row.volume) for row in case.rows("machine")] == [
        ("LEFT", "image 1 'two-windows 1'"),
        ("RIGHT", "image 2 'two-windows 2'"),
    ]
    told = [(row.name, row.outcome, row.detail) for row in case.rows("coverage") if row.area == "volume"]
    assert told == [
        ("image 1", "present", "WIM image 'two-windows 1', Windows in Windows"),
        ("image 2", "present", "WIM image 'two-windows 2', Windows in Windows"),
    ]


@needs_libwim
def test_one_image_is_chosen() -> None:
    case = examine(WIMS / "two-windows.wim", image=2)
    assert [(row.machine_id, row.computer_name) for row in case.rows("machine")] == [(1, "RIGHT")]
    told = [(row.name, row.outcome, row.detail) for row in case.rows("coverage") if row.area == "volume"]
    assert ("image 1", "not_examined", "--image 2 was asked for") in told
    with pytest.raises(forensics.SourceError, match=r"two-windows\.wim has no image 3: --image takes 1 to 2$"):
        examine(WIMS / "two-windows.wim", image=3)


def small(name: str = "Data", **files: bytes) -> WimImageSpec:
    return WimImageSpec(name, [FileSpec(path.replace("__", "/"), data) for path, data in files.items()])


def untouched(seed: str, others: int = 0) -> WimImageSpec:
    """An image as it lies on the media of Windows: generalized, no certificate with a key, no master key."""
    forged = machine(
        seed,
        with_keys=False,
        computer_name="MINWINPC",
        image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
        generalization_state=3,
        domain_sid=None,
    )
    more = [FileSpec(f"Windows/WinSxS/{n // 5:05d}/{n}.dll", b"MZ%d" % n) for n in range(others)]
    return WimImageSpec(f"Windows Server {seed}", [*forged.volume(), *more])


def windows_pe() -> WimImageSpec:
    """Windows PE: hives, and nothing that has keys."""
    hives = {name: HiveWriter(name) for name in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM", "DEFAULT")}
    hives["SYSTEM"].key("Select").dword("Current", 1)
    hives["SYSTEM"].key("ControlSet001\\Control\\MiniNT")
    hives["SYSTEM"].key("Setup").sz("CmdLine", "winpeshl.exe").dword("SystemSetupInProgress", 1)
    version = hives["SOFTWARE"].key("Microsoft\\Windows NT\\CurrentVersion")
    version.sz("ProductName", "Windows 10 Pro").sz("EditionID", "WindowsPE").sz("CurrentBuild", "22621")
    hives["SOFTWARE"].key("Microsoft\\Cryptography")
    hives["SECURITY"].key("Policy")
    hives["SAM"].key("SAM\\Domains\\Account")
    files = [FileSpec(f"Windows/System32/config/{name}", hive.build()) for name, hive in hives.items()]
    files += [FileSpec("Users/Default/x", b"1"), FileSpec("ProgramData/Microsoft/x", b"1")]
    return WimImageSpec("Microsoft Windows PE (x64)", files)


def test_media_of_windows_raise_no_alarm(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "setup.exe").write_bytes(b"MZ" + bytes(5000))
    (tmp_path / "sources" / "boot.wim").write_bytes(build_wim([windows_pe(), windows_pe()]))
    (tmp_path / "sources" / "install.wim").write_bytes(build_wim([untouched(str(n)) for n in range(6)]))
    case = examine(tmp_path)
    assert [(e.path, e.kind, e.machine_ids, e.error) for e in leaves(case.sources)] == [
        (f"{tmp_path}/sources/boot.wim", "wim", [1, 2], None),
        (f"{tmp_path}/sources/install.wim", "wim", [3, 4, 5, 6, 7, 8], None),
    ]
    assert {finding.rule for finding in case.finding_list if finding.severity != "info"} == set()
    assert (case.has_findings, case.is_incomplete) == (False, False)
    assert "Nothing is known to be down or wrong." in forensics.render(case, "screen")


def test_many_images_of_many_files_are_quick(tmp_path: Path) -> None:
    path = tmp_path / "install.wim"
    path.write_bytes(build_wim([untouched(str(n), others=4000) for n in range(4)]))
    with within(3):
        assert len(examine(path).rows("machine")) == 4


def test_what_is_not_asked_for_is_not_unpacked(tmp_path: Path) -> None:
    image = small(
        Windows__System32__config__SYSTEM=HiveWriter("SYSTEM").build(), pagefile=bytes(1000) + b"secret" * 999
    )
    path = tmp_path / "x.wim"
    content = bytearray(build_wim([image]))
    # Damage of a file that nobody asks for is not met.
    at = content.index(b"secret")
    content[at] ^= 1
    path.write_bytes(content)
    with open_source(path) as source:
        tree = source.installations[0].tree
        assert tree.open(SYSTEM).read(4) == b"regf"
        assert source.problems == []


def test_a_damaged_content_is_not_obtained(tmp_path: Path) -> None:
    hive = HiveWriter("SYSTEM").build()
    content = build_wim([small(Windows__System32__config__SYSTEM=hive)])
    at = content.index(hive) + 2000
    path = tmp_path / "x.wim"
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    case = examine(path)
    told = {row.name: (row.outcome, row.detail) for row in case.rows("coverage") if row.area == "hive"}
    why = "its SHA-1 does not fit: the WIM is damaged there, which says nothing about the file itself"
    assert told["SYSTEM"] == ("not_examined", why)


@needs_libwim
def test_a_split_wim_lacks_a_part(tmp_path: Path) -> None:
    for name in ("golden-image.swm", "golden-image2.swm", "golden-image4.swm"):
        shutil.copy(WIMS / name, tmp_path)
    case = examine(tmp_path)
    assert [(Path(e.path).name, e.kind, e.error) for e in leaves(case.sources)] == [("golden-image.swm", "wim", None)]
    told = [row.message for row in case.rows("problem") if row.kind == "missing_part"]
    assert told == ["part 3 of the split WIM is not read: golden-image3.swm is not beside it: put it there"]
    why = "its content lies in a part of the split WIM that is not there: put golden-image3.swm beside it"
    gaps = [row for row in case.rows("coverage") if row.detail and why in row.detail]
    assert gaps
    assert {row.outcome for row in gaps} == {"not_examined"}
    whole = {row.thumbprint: row.verdict for row in examined("golden-image").rows("key_chain")}
    for row in case.rows("key_chain"):
        assert row.verdict in ("unknown", whole.get(row.thumbprint))


def test_a_later_part_of_a_split_wim(tmp_path: Path) -> None:
    files = split(parts_of([small(a=b"1", b=b"2", c=b"3")]), 3)
    for number, data in enumerate(files, 1):
        (tmp_path / f"x{number if number > 1 else ''}.swm").write_bytes(data)
    with pytest.raises(forensics.SourceError) as refused:
        open_source(tmp_path / "x2.swm")
    first = tmp_path / "x.swm"
    assert str(refused.value) == (
        f"{tmp_path / 'x2.swm'} is part 2 of 3 of a split WIM image: name {first}, which is the first of them"
    )
    with open_source(first) as source:
        tree = source.searched[0].tree
        assert [tree.open(name).read() for name in "abc"] == [b"1", b"2", b"3"]
    first.unlink()
    with open_source(tmp_path) as source:
        whose = "put its parts into one folder and name the first of them"
        assert [(e.path, e.error) for e in source.found] == [
            (f"{tmp_path}/x{n}.swm", f"{tmp_path}/x{n}.swm is part {n} of 3 of a split WIM image: {whose}")
            for n in (2, 3)
        ]


def test_a_part_of_another_wim_or_behind_a_link_is_not_read(tmp_path: Path) -> None:
    first, second = split(parts_of([small(a=b"1", b=b"2")]), 2)
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "x2.swm").write_bytes(second)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.swm").write_bytes(first)
    (folder / "x2.swm").symlink_to(other / "x2.swm")
    with open_source(folder / "x.swm") as source:
        assert [problem.kind for problem in source.problems] == ["missing_part"]
    (folder / "x2.swm").unlink()
    (folder / "x2.swm").write_bytes(second[:24] + bytes(16) + second[40:])
    with open_source(folder / "x.swm") as source:
        told = [problem.message for problem in source.problems]
        assert told == ["part 2 of the split WIM is not read: x2.swm is not part 2 of this WIM"]


def test_a_wim_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(WIMS / "broken-access-xpress.wim", "images/web.wim")
    case = examine(tmp_path / "x.zip")
    assert [(e.path, e.kind, e.error) for e in leaves(case.sources)] == [
        (f"{tmp_path}/x.zip/images/web.wim", "wim", None)
    ]
    assert rows(case, "key_chain") == rows(examined("broken-access"), "key_chain")


def test_a_wim_and_its_link_are_examined_once(tmp_path: Path) -> None:
    path = tmp_path / "a.wim"
    path.write_bytes(build_wim([untouched("a")]))
    (tmp_path / "b.wim").hardlink_to(path)
    case = examine(tmp_path)
    assert [(Path(e.path).name, e.same_as) for e in case.sources[1:]] == [("a.wim", None), ("b.wim", str(path))]


def test_an_encrypted_esd_is_refused(tmp_path: Path) -> None:
    xml = '<WIM><ESD><ENCRYPTED><KEY>AA==</KEY></ENCRYPTED></ESD><IMAGE INDEX="1"></IMAGE></WIM>'
    path = tmp_path / "x.esd"
    path.write_bytes(build_wim([small(a=b"1")], xml=xml))
    with pytest.raises(forensics.SourceError) as refused:
        open_source(path)
    assert str(refused.value) == (
        f"{path} is an encrypted ESD, as Windows Update fetches it: decrypt it to a WIM first, or take the image "
        "from the installation medium; it is Microsoft's own, and holds no keys of a machine"
    )


def test_data_that_was_captured_is_no_whole_volume(tmp_path: Path) -> None:
    path = tmp_path / "data.wim"
    path.write_bytes(build_wim([small("Data", Projects__a=b"1")]))
    with open_source(path) as source:
        assert source.installations == []
        assert not source.searched[0].tree.complete
        told = [(row.name, row.outcome, row.detail) for row in source.coverage]
        assert told == [("image 1", "present", "WIM image 'Data' without Windows: folder Projects")]


def test_a_drive_that_was_captured_below_a_folder_is_a_collection(tmp_path: Path) -> None:
    forged = machine("collected")
    files = [FileSpec(f"C/{spec.path}", spec.data, spec.sd) for spec in forged.volume()]
    path = tmp_path / "triage.wim"
    path.write_bytes(build_wim([WimImageSpec("triage", files)]))
    with open_source(path) as source:
        assert [(i.windows, i.tree.complete) for i in source.installations] == [("C/Windows", False)]


def test_what_a_capture_leaves_out_is_not_absent(tmp_path: Path) -> None:
    path = tmp_path / "x.wim"
    path.write_bytes(build_wim([untouched("a")]))
    with open_source(path) as source:
        installation = source.installations[0]
        left_out = Outcome("not_examined", "a capture leaves it out, so whether it was on the machine is not known")
        assert installation.read("pagefile.sys").outcome == left_out
        assert installation.listing("System Volume Information").outcome == left_out
        assert installation.read("other.sys").outcome == Outcome("absent")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 0x10B00}, "is a WIM image of version 0x10B00, which is not read: export its images to a new one"),
        ({"flags": 0x60002, "chunk_size": 32768}, "compressed in a way that is not known"),
        ({"flags": 0x100002}, "compressed in a way that is not known"),
        ({"part": 2, "total": 1}, "is damaged (part 2 of 1, 1 images: no WIM image says so); copy it again"),
    ],
)
def test_headers_that_are_not_read(change: dict[str, int], said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.wim"
    path.write_bytes(write_wim(parts_of([small(a=b"1")]), **change))
    with pytest.raises(forensics.SourceError) as refused:
        open_source(path)
    assert said in str(refused.value)


def test_wims_that_hold_no_image(tmp_path: Path) -> None:
    parts = parts_of([])
    path = tmp_path / "x.wim"
    path.write_bytes(write_wim(parts, flags=0x10))
    with pytest.raises(forensics.SourceError, match="holds contents for other WIM images: name the one that has the"):
        open_source(path)
    path.write_bytes(b"MSWIM\0\0\0" + bytes(100))
    with pytest.raises(forensics.SourceError, match="is a WIM image that ends within its header: copy it again"):
        open_source(path)
    path.write_bytes(b"MSWIM\0\0\0" + bytes(5000))
    with pytest.raises(forensics.SourceError, match="a WIM image, is damaged: copy it again"):
        open_source(path)
    path.write_bytes(b"WLPWM\0\0\0" + bytes(5000))
    with pytest.raises(forensics.SourceError, match="is a pipable WIM image: export it to an ordinary one"):
        open_source(path)


def test_a_damaged_image_does_not_stop_the_others(tmp_path: Path) -> None:
    parts = parts_of([untouched("a"), untouched("b")])
    content = bytearray(write_wim(parts))
    content[content.index(parts.metadata[0]) + 300] ^= 1
    path = tmp_path / "x.wim"
    path.write_bytes(content)
    case = examine(path)
    assert [row.volume for row in case.rows("machine")] == ["image 2 'Windows Server b'"]
    why = (
        "the list of its files cannot be read: the WIM is damaged there: its SHA-1 does not fit; copy it again, and "
        "compare its size and hash with the original's"
    )
    told = [(row.name, row.outcome, row.detail) for row in case.rows("coverage") if row.area == "volume"]
    assert told[0] == ("image 1", "not_examined", why)
    path.write_bytes(content[:20000])
    with pytest.raises(
        forensics.SourceError, match=r"a part of it lies beyond the end of the WIM, which has 20000 bytes"
    ):
        examine(path)


def test_more_images_than_are_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sources.wim_images.MAX_EXAMINED", 2)
    path = tmp_path / "x.wim"
    path.write_bytes(build_wim([untouched(str(n)) for n in range(3)]))
    with open_source(path) as source:
        assert len(source.installations) == 2
        assert [p.message for p in source.problems] == [
            "only 2 of its 3 images are examined: choose another one with --image"
        ]
    with open_source(path, choices=Choices(image=3)) as source:
        assert [i.volume for i in source.installations] == ["image 3 'Windows Server 2'"]


def test_times_are_those_of_the_files(tmp_path: Path) -> None:
    when = datetime(2021, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    path = tmp_path / "x.wim"
    path.write_bytes(build_wim([WimImageSpec("x", [FileSpec("a", b"1", created=when, modified=when)])]))
    with open_source(path) as source:
        entry = source.searched[0].tree.entry("A")
        assert (entry.created, entry.modified, entry.size) == (when, when, 1)


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_a_key_file_that_is_not_obtained_is_not_called_damaged(lost: str, tmp_path: Path) -> None:
    forged = machine("wim-key")
    host = "web.contoso.test"
    key = forged.put_capi(host, exchange=Slot(rsa_key("2048-02")))
    certificate = certs.make_certificate(host, rsa_key("2048-02"))
    forged.put_certificate(certificate, link=capi_link(host, certs.CAPI_ENHANCED))
    parts = parts_of([WimImageSpec("x", forged.volume())])
    path = tmp_path / "x.wim"
    path.write_bytes(write_wim(parts))
    whole = [(row.key_file, row.private_key, row.verdict) for row in examine(path).rows("key_chain")]
    assert whole == [("present", "proved", "usable")]
    data = next(spec.data for spec in forged.volume() if spec.path == key)
    assert data is not None
    digest = hashlib.sha1(data).digest()
    if lost == "missing":
        del parts.blobs[digest]
    else:
        parts.blobs[digest] = data[:200] + bytes([data[200] ^ 1]) + data[201:]
    path.write_bytes(write_wim(parts))
    case = examine(path)
    (row,) = case.rows("key_chain")
    assert (row.key_file, row.private_key, row.verdict) == ("not_examined", "not_examined", "unknown")
    assert [finding.rule for finding in case.finding_list if finding.severity in ("critical", "high")] == []


@needs_libwim
def test_the_way_that_keeps_access_lists(tmp_path: Path) -> None:
    volume = tmp_path / "w.img"
    with volume.open("wb") as file:
        file.truncate(64 << 20)
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([tool("mkntfs", "ntfs-3g"), "-F", str(volume)], **quiet)  # type: ignore[call-overload]
    wim = WIMS / "broken-access-lzx.wim"
    subprocess.run([tool("wimapply", "wimtools"), str(wim), "1", str(volume)], **quiet)  # type: ignore[call-overload]
    assert rows(examine(volume), "key_chain") == rows(examined("broken-access"), "key_chain")
