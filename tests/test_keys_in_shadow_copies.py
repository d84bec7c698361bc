"""Disks whose volumes have shadow copies: what an examination tells of them, and a key that leaves one as a PFX file.

The copies are volumes of their own here, shown as if Windows had kept them; nothing but the list of them is made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

from forensics import examine, explain, recover, render, translate_findings
from forensics.case import Case
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotObtained, Tree, Unreadable
from forensics.formats.capi_key import parse_capi_key_file
from forensics.formats.master_key import parse_master_key_file
from forensics.report.facts import Facts
from forensics.report.runbook.replacements import still_on_disk
from forensics.tables.finding import as_text
from forensics.tables.key_chain import KeyChainRow
from testdata.builder import acl, dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.ntfs import build_ntfs, unavailable
from tests.examined import examined
from tests.paths import IMAGES

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
MADE = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
COPY = "0b2e4a5c-1111-2222-3333-444444444444"
IN_COPY = f" (shadow copy {COPY} of 2026-11-03 02:00:00 UTC)"
MISSING = NotObtained("its blocks are put together by libvshadow, which is missing: pip install 'keymortem[shadow]'")
OPENED_AS = "forensics.sources.volumes.NtfsTree"


def server(secret: dpapi.DpapiSystem | None = None) -> ForgedMachine:
    made = machine("shadow/web", with_keys=False, computer_name="WEB01")
    made.add_master_key(MACHINE, secret=secret)
    made.put_certificate(make_certificate("web.contoso.test", rsa_key("2048-01")), link=capi_link("web", CAPI_ENHANCED))
    made.put_capi("web", exchange=Slot(rsa_key("2048-01")))
    return made


def today(kind: str) -> ForgedMachine:
    made = server(dpapi.DpapiSystem.seeded("shadow/earlier") if kind == "secret" else None)
    if kind == "key":
        made.remove(next(path for path in made.files if path.startswith(f"{MACHINE.capi_folder}/")))
    if kind == "master key":
        made.remove(f"{MACHINE.protect_folder}/{made.keys[MACHINE].guid}")
    return made


def then(kind: str) -> ForgedMachine:
    made = server()
    if kind == "secret":
        made.secret = dpapi.DpapiSystem.seeded("shadow/earlier")
    return made


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds a volume once."""
    folder = tmp_path_factory.mktemp("volumes")

    def build(name: str) -> Path:
        out = folder / name.replace(" ", "-")
        if not out.exists():
            when, _, kind = name.partition(" ")
            made = today(kind) if when == "today" else then(kind)
            build_ntfs(made.volume(), out, 32 << 20, default_sd=acl.DEFAULT_SD)
            build_disk([Volume(out)], out.with_suffix(".disk")) if when == "today" else None
        return out.with_suffix(".disk") if name.startswith("today") else out

    return build


def open_volume(path: Path) -> Tree:
    reader = VolumeReader(path.open("rb"), 0, path.stat().st_size)
    return NtfsTree(reader, reader.read_at(0, 512))


def refused(error: Exception) -> Tree:
    raise error


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, images: Callable[[str], Path]) -> Callable[..., None]:
    """Have every volume keep one shadow copy: of a volume by its name, or one that is refused."""

    def keep(state: str | Exception) -> None:
        opener = partial(open_volume, images(state)) if isinstance(state, str) else partial(refused, state)

        class Keeping(NtfsTree):
            def shadow_copies(self) -> Sequence[ShadowCopy]:
                return [ShadowCopy(COPY, MADE, opener)]

        monkeypatch.setattr(OPENED_AS, Keeping)

    return keep


def of_web(case: Case) -> KeyChainRow:
    (row,) = (row for row in case.rows("key_chain") if row.subject == "CN=web.contoso.test")
    assert isinstance(row, KeyChainRow)
    return row


def told(case: Case) -> list[tuple[str, str]]:
    return [(row.outcome, row.detail) for row in case.rows("coverage") if row.name == "shadow copies"]


def said(case: Case, rule: str) -> str:
    (finding,) = (f for f in case.finding_list if f.rule == rule)
    return " ".join((as_text(finding.because) + as_text(finding.remedy)).split())


KINDS = [
    ("key", "key-file-missing", "its private key was found all the same, by its public half, in C:\\ProgramData\\"),
    ("master key", "master-key-missing", "the finding master-key-elsewhere says what that file is worth"),
    (
        "secret",
        "master-key-does-not-open",
        "That of an older state of this Windows does, in C:\\Windows\\System32\\config",
    ),
]


@pytest.mark.parametrize(("kind", "cause", "text"), KINDS)
def test_a_key_that_hangs_on_a_shadow_copy(
    kind: str, cause: str, text: str, images: Callable[[str], Path], kept: Callable[..., None]
) -> None:
    kept(f"then {kind}")
    case = examine(images(f"today {kind}"), as_of=AS_OF)
    row = of_web(case)
    assert (row.verdict, row.recoverable, row.hangs_on) == ("unusable", True, "shadow_copy")
    assert text in said(case, cause)
    advice = said(case, "key-recoverable")
    assert "It hangs on a shadow copy, an older state of a volume" in advice
    assert f"keymortem recover SOURCE {row.thumbprint} --to FOLDER" in advice
    assert IN_COPY in advice
    # No command of Windows has a path in the copy.
    commands = [block.text for f in case.finding_list for block in f.remedy if block.kind == "command"]
    assert commands
    assert not [line for line in commands if "shadow copy" in line]
    assert (
        "KEYS YOU CAN STILL SAVE (keymortem recover): 1 (do not start this disk: 1 hangs on what Windows may delete)\n"
    ) in str(render(case, "screen"))
    assert list(still_on_disk(row, Facts(case))) == [
        "Its key can still be had by way of a shadow copy, as long as Windows keeps that: see the finding "
        "key-recoverable before anything is done."
    ]
    assert told(case) == [("present", "it was searched")]
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert len(case.rows("certificate")) == 2


@pytest.mark.parametrize(
    ("kind", "opened"),
    [
        ("key", "opened with DPAPI_SYSTEM; "),
        ("master key", ", its master key in C:\\Windows\\System32\\Microsoft\\Protect\\"),
        ("secret", f"opened with DPAPI_SYSTEM of the hives in C:\\Windows\\System32\\config{IN_COPY}; "),
    ],
)
def test_it_is_written_into_a_pfx_file(
    kind: str, opened: str, images: Callable[[str], Path], kept: Callable[..., None], tmp_path: Path
) -> None:
    kept(f"then {kind}")
    (tmp_path / "pw.txt").write_text("Password1", encoding="utf-8")
    found = recover(
        images(f"today {kind}"),
        to=tmp_path / "keys",
        pfx_password_file=tmp_path / "pw.txt",
        even_not_exportable=True,
        as_of=AS_OF,
    )
    assert opened in str(found)
    thumbprint = of_web(found.case).thumbprint
    pfx = (tmp_path / "keys" / f"{thumbprint}.pfx").read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(pfx, b"Password1")
    assert key is not None
    assert certificate is not None
    assert certificate.fingerprint(hashes.SHA1()).hex().upper() == thumbprint
    assert key.public_key() == certificate.public_key()
    assert found.log is not None
    (logged,) = json.loads((tmp_path / "keys" / found.log).read_text(encoding="utf-8"))["keys"]
    named = {"key": logged["key_file"], "master key": logged["master_key_file"], "secret": logged["older_hives"]}
    assert named[kind].endswith(IN_COPY if kind != "key" else f" (shadow copy {COPY} of 2026-11-03T02:00:00Z)")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("secret", f"; opened with that of C:\\Windows\\System32\\config{IN_COPY} read in"),
        ("master key", "; a file of it lies in C:\\Windows\\System32\\Microsoft\\Protect\\S-1-5-18\\"),
        ("key", f"{IN_COPY} "),
    ],
)
def test_explain_says_where_it_is_and_by_what_it_opened(
    kind: str, told: str, images: Callable[[str], Path], kept: Callable[..., None]
) -> None:
    kept(f"then {kind}")
    text = " ".join(explain(examine(images(f"today {kind}"), as_of=AS_OF), "web.contoso").render().split())
    assert told in text


@pytest.mark.parametrize(
    ("error", "outcome"), [(MISSING, "not_examined"), (Unreadable("its store does not parse"), "unreadable")]
)
def test_where_a_copy_was_not_read_nothing_is_lost_for_good(
    error: Exception, outcome: str, images: Callable[[str], Path], kept: Callable[..., None]
) -> None:
    kept(error)
    case = examine(images("today key"), as_of=AS_OF)
    row = of_web(case)
    assert (row.recoverable, row.recovery_doubt) == (
        None,
        f"shadow copies of partition 1: a shadow copy was not searched: {error}",
    )
    assert told(case) == [(outcome, f"a shadow copy was not searched: {error}")]
    assert (
        "NOT EXAMINED, OR IN PART: 1\n"
        "  Shadow copies may have missing keys: do not start this disk before they are searched\n"
        f"    a shadow copy was not searched: {error}\n"
    ) in str(render(case, "screen"))
    assert f"not known whether it can be had: {row.recovery_doubt}" in str(recover(images("today key"), as_of=AS_OF))
    missing = said(case, "key-file-missing")
    assert "whether its private key lies elsewhere on this disk is not known" in missing
    assert "nowhere on this disk" not in missing
    (line,) = (line for line in str(render(case, "text", width=None)).splitlines() if ": shadow copies" in line)
    assert line.strip() == f"- volume, a shadow copy was not searched: {error}: shadow copies"


def test_copies_that_cannot_be_listed_are_not_denied(
    images: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unlisted(NtfsTree):
        def shadow_copies(self) -> Sequence[ShadowCopy]:
            raise Unreadable("the catalog of its shadow copies is damaged")

    monkeypatch.setattr(OPENED_AS, Unlisted)
    case = examine(images("today key"), as_of=AS_OF)
    assert of_web(case).recovery_doubt == ("shadow copies of partition 1: the catalog of its shadow copies is damaged")
    assert told(case) == [("unreadable", "the catalog of its shadow copies is damaged")]


def test_a_sound_disk_is_silent_and_opens_none(images: Callable[[str], Path], kept: Callable[..., None]) -> None:
    kept(AssertionError("opened"))
    case = examine(images("today"), as_of=AS_OF)
    assert (of_web(case).verdict, told(case)) == ("usable", [])
    assert "shadow" not in str(render(case, "text"))


def test_all_of_it_is_told_in_japanese(images: Callable[[str], Path], kept: Callable[..., None]) -> None:
    kept("then master key")
    case = examine(images("today master key"), as_of=AS_OF)
    translate_findings(case, "ja")
    html = str(render(case, "html", language="ja"))
    assert "キーはシャドウ コピー (ボリュームの古い状態) に依存しており" in html
    assert "ボリュームのシャドウ コピーにそのファイルがあります" in html


@pytest.mark.parametrize(
    ("image", "subjects"),
    [("copies-master-key", {"locked", "web", "sound"}), ("copies-sysprep", {"web", "late", "api", "mail", "intranet"})],
)
def test_keys_leave_copies_that_were_forged_by_another_writer(image: str, subjects: set[str], tmp_path: Path) -> None:
    pytest.importorskip("pyvshadow")
    (tmp_path / "pw.txt").write_text("Password1", encoding="utf-8")
    source = IMAGES / f"{image}.vhdx.xz"
    found = recover(
        source, to=tmp_path / "keys", pfx_password_file=tmp_path / "pw.txt", even_not_exportable=True, as_of=AS_OF
    )
    names = {row.thumbprint: row.subject for row in found.case.rows("key_chain")}
    assert {names[thumbprint] for thumbprint in found.files} == {f"CN={name}.contoso.test" for name in subjects}
    for thumbprint, name in found.files.items():
        pfx = (tmp_path / "keys" / name).read_bytes()
        key, certificate, _ = pkcs12.load_key_and_certificates(pfx, b"Password1")
        assert key is not None
        assert certificate is not None
        assert certificate.fingerprint(hashes.SHA1()).hex().upper() == thumbprint
        assert key.public_key() == certificate.public_key()


def test_whether_it_may_be_exported_is_told_of_the_file_that_has_it() -> None:
    """The container of today holds another key, which may not."""
    pytest.importorskip("pyvshadow")
    case = examined("copies-sysprep")
    (row,) = (row for row in case.rows("key_chain") if row.subject == "CN=mail.contoso.test")
    assert (row.exportable, row.recoverable_exportable) == ("no", "yes")
    advice = said(case, "key-recoverable")
    place, hives = (
        (each or "").replace("/", "\\").replace("T22:30:00Z", " 22:30:00 UTC")
        for each in (row.recovery_place, row.recoverable_hives)
    )
    assert f"{place}, by the DPAPI_SYSTEM of the hives in C:\\{hives}; exportable by policy: yes" in advice
    told = f"key found in {place}, by the DPAPI_SYSTEM of the hives in C:\\{hives}\n"
    assert told in explain(case, "mail.contoso").render(width=None)
    assert f"keymortem recover SOURCE {row.thumbprint} --to FOLDER --password-file FILE keymortem" in advice


def test_files_of_copies_are_put_back_as_they_lie_where_the_secrets_of_today_open_them(tmp_path: Path) -> None:
    pytest.importorskip("pyvshadow")
    source, folder = IMAGES / "copies-master-key.vhdx.xz", tmp_path / "files"
    found = recover(source, to=folder, form="file", even_not_exportable=True, as_of=AS_OF)
    by_subject = {key.chain.subject: key for key in found.keys}
    (web,), (master,) = (by_subject[f"CN={name}.contoso.test"].files for name in ("web", "locked"))
    assert (web.what, master.what) == ("key_file", "master_key")
    key_file = (folder / web.name).read_bytes()
    assert parse_capi_key_file(key_file).exchange is not None
    assert parse_master_key_file((folder / master.name).read_bytes()).guid == master.name
    assert "copy" not in " ".join(path.name for path in folder.iterdir())


def test_files_that_only_a_secret_of_then_opens_are_not_put_back() -> None:
    pytest.importorskip("pyvshadow")
    found = recover(IMAGES / "copies-sysprep.vhdx.xz", "web.contoso", as_of=AS_OF)
    (key,) = found.keys
    assert key.not_placed is not None
    assert key.not_placed.startswith(
        "only the DPAPI_SYSTEM of the hives in C:\\Windows\\System32\\config (shadow copy "
    )
