"""Web servers that do not do what they are asked, and URLs with what is secret in them."""

from __future__ import annotations

import io
import json
import logging
import lzma
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.evidence_files import open_evidence
from forensics.disk.places import place_of
from forensics.disk.remote import errors
from forensics.disk.remote.blocks import BLOCK
from forensics.disk.remote.errors import RemoteError
from forensics.disk.remote.session import session_of
from tests.disk.remote.web_server import SIGNATURE, WebServer, web_server
from tests.examined import AS_OF
from tests.paths import IMAGES

pytest.importorskip("aiohttp", reason="needs aiohttp (pip: keymortem[remote])")

TEXT = bytes(range(251)) * 4000
BUSY = "the server answers with status 503, asked 5 times: examine it again when it can be reached"
UNTOLD = (
    "the server tells neither ETag nor Last-Modified, so that a change while it is read would not be seen: copy it "
    "here and examine that"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.remote.server.FIRST_WAIT", 0.001)


@pytest.fixture(scope="module")
def disk() -> bytes:
    return lzma.decompress((IMAGES / "chain.vhdx.xz").read_bytes())


@pytest.fixture(scope="module")
def child() -> bytes:
    return lzma.decompress((IMAGES / "chain-1.avhdx.xz").read_bytes())


def read(server: WebServer, offset: int = 300_000, length: int = 50_000) -> bytes:
    with session_of({}), open_evidence(f"{server.url}/text.raw", buffering=0) as file:
        file.seek(offset)
        return file.read(length)


def test_reads_what_is_there_and_little_more() -> None:
    with web_server({"text.raw": TEXT}) as server:
        assert read(server) == TEXT[300_000:350_000]
    first, last = 300_000 // BLOCK, -(-350_000 // BLOCK)
    assert server.requests == [("text.raw", 0, 1), ("text.raw", first * BLOCK, last * BLOCK)]


def test_reads_as_a_local_file_does() -> None:
    local = io.BytesIO(TEXT)
    with web_server({"text.raw": TEXT}) as server, session_of({}), open_evidence(f"{server.url}/text.raw") as file:
        for offset, whence, length in ((0, 0, 10), (-5, 2, 100), (12, 0, 700_000), (3, 1, 1), (2_000_000, 0, 5)):
            assert file.seek(offset, whence) == local.seek(offset, whence)
            assert file.read(length) == local.read(length)
            assert file.tell() == local.tell()
        assert sum(end - start for _, start, end in server.requests) <= len(TEXT) + 1


def test_reading_on_fetches_more_at_once() -> None:
    with web_server({"text.raw": TEXT}) as server, session_of({}), open_evidence(f"{server.url}/text.raw") as file:
        while file.read(4096):
            pass
    fetched = [(end - start) // BLOCK for _, start, end in server.requests[1:-1]]
    assert fetched == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("ignores", errors.IGNORES_RANGES),
        ("others", errors.OTHER_BYTES),
        ("short", errors.OTHER_BYTES),
        ("encoded", errors.OTHER_BYTES),
        ("untold", UNTOLD),
        ("signed", errors.REFUSED),
        ("busy", BUSY),
    ],
    ids=lambda said: said if said.isalpha() else "",
)
def test_a_server_that_does_something_else_is_refused(behaviour: str, message: str) -> None:
    with web_server({"text.raw": TEXT}, behaviour) as server, pytest.raises(RemoteError) as caught:
        read(server)
    assert caught.value.strerror == message
    assert len(server.requests) == {"busy": 5, "others": 2, "short": 2}.get(behaviour, 1)
    assert server.sent <= 2 * BLOCK + 1


def test_a_busy_server_is_asked_again() -> None:
    with web_server({"text.raw": TEXT}, busy=3) as server:
        assert read(server) == TEXT[300_000:350_000]
    assert len(server.requests) == 5


def test_a_server_that_is_silent_is_given_up_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.remote.http.TIME_LIMIT", 0.05)
    with web_server({"text.raw": TEXT, "other.raw": TEXT}, "hangs") as server, session_of({}):
        for name in ("text.raw", "other.raw"):
            with pytest.raises(OSError, match="does not answer in time, asked 5 times"):
                open_evidence(f"{server.url}/{name}")
    assert {name for name, _, _ in server.requests} == {"text.raw"}


@pytest.mark.parametrize("after", [3, 7, 11])
def test_a_disk_that_changes_is_never_judged_by_a_guess(disk: bytes, after: int) -> None:
    with web_server({"disk.vhdx": disk}) as server:
        whole = forensics.examine(f"{server.url}/disk.vhdx", as_of=AS_OF)
        known = {row.key_file_path: row.verdict for row in whole.rows("key_chain")}
        count = len(server.requests)
        changed = disk[:-1] + b"\1"
        server.before = lambda number: server.files.update({"disk.vhdx": changed}) if number == count + after else None
        case = forensics.examine(f"{server.url}/disk.vhdx", as_of=AS_OF, strict=False)
    place = f"{server.url}/disk.vhdx"
    told = [row.message for row in case.rows("problem") if row.kind == "not_obtained" and row.source_path == place]
    assert f"{place} cannot be read: {errors.CHANGED}" in told
    for row in case.rows("key_chain"):
        assert row.verdict in (known.get(row.key_file_path, "unknown"), "unknown")
        assert row.private_key != "damaged"
    assert case.is_incomplete or case.is_empty


@pytest.mark.parametrize("status", [403, 404])
def test_a_parent_on_a_server_that_lists_nothing_is_found_when_both_are_named(
    disk: bytes, child: bytes, status: int
) -> None:
    with web_server({"chain.vhdx": disk, "chain-1.avhdx": child}, lists=False, unlisted=status) as server:
        urls = [f"{server.url}/chain-1.avhdx", f"{server.url}/chain.vhdx"]
        with pytest.raises(forensics.SourceError) as caught:
            forensics.examine(urls[0], as_of=AS_OF)
        both = forensics.examine(*urls, as_of=AS_OF)
    assert caught.value.kind == "missing_parent"
    assert caught.value.message.endswith(
        "What lies beside it is not known: the server does not list its folders; name both."
    )
    assert [(source.path, source.error) for source in both.sources] == [(url, None) for url in urls]
    told = [row.detail for row in both.rows("coverage") if row.name == "beside the disk"]
    assert told[0].startswith(f"whether a newer state of it lies beside {urls[0]} is not known")


def test_a_signed_url_is_read_and_its_signature_is_nowhere(
    disk: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with web_server({"a b/disk.vhdx": disk}, "signed", lists=False) as server:
        url = f"{server.url}/a%20b/disk.vhdx"
        (tmp_path / "urls").write_text(f"\n{url}?{SIGNATURE}\n")
        case, page = tmp_path / "case.sqlite", tmp_path / "page.html"
        signed = ["examine", url, "--signed-urls", str(tmp_path / "urls"), "--as-of", "2026-11-22"]
        more = (["--format", "json", "--debug", "--case", str(case)], ["-o", str(page), "--format", "html"], ["-v"])
        runs = [CliRunner().invoke(cli, [*signed, *said]) for said in more]
        refused = CliRunner().invoke(cli, ["examine", f"{url}?{SIGNATURE}"])
        without = CliRunner().invoke(cli, ["examine", url])
        wrong = CliRunner().invoke(cli, ["examine", url, "--signed-urls", str(IMAGES / "chain.truth.json")])
    assert [run.exit_code for run in (*runs, refused, without, wrong)] == [0, 0, 0, 2, 3, 2]
    document = json.loads(runs[0].stdout)
    assert document["sources"][0]["path"] == f"{server.url}/a b/disk.vhdx"
    assert "name that with --signed-urls" in refused.output
    assert errors.REFUSED in without.output
    assert "is no signed URL" in wrong.output
    texts = [run.output.encode() for run in (*runs, refused, without, wrong)]
    texts += [case.read_bytes(), page.read_bytes(), caplog.text.encode()]
    for part in (SIGNATURE, "hushhush", "sig="):
        assert [text[text.find(part.encode()) - 80 :][:200] for text in texts if part.encode() in text] == []


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr("forensics.disk.remote.backends.connect", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host/disk.vhdx",
        "https://hunter2@host/disk.vhdx",
        "sftp://user:hunter2@host/disk.vhdx",
        "smb://domain;user:hunter2@host/share/disk.vhdx",
        "az://container/disk.vhdx?sig=hunter2",
        "s3://bucket/disk.vhdx?X-Amz-Signature=hunter2",
        "HTTPS://host/disk.vhdx?sig=hunter2#part",
        "https://user:un/hunter2@host/disk.vhdx",
        "sftp://user:un?hunter2@host/disk.vhdx",
    ],
)
def test_what_is_secret_is_not_taken_on_a_command_line(url: str) -> None:
    result = CliRunner().invoke(cli, ["examine", url])
    assert result.exit_code == 2
    assert "which others can read on this machine" in result.output
    assert "hunter2" not in result.output


def test_a_url_is_written_as_it_was_named() -> None:
    path = place_of("s3://bucket/folder/disk.vhdx")
    assert str(path) == "s3://bucket/folder/disk.vhdx"
    assert str(path.parent / "other disk.vhdx") == "s3://bucket/folder/other disk.vhdx"
    assert str(path.with_name("x?y").with_suffix(".E01")) == "s3://bucket/folder/x?y.E01"
    assert path == place_of(str(path))
    assert hash(path) == hash(place_of(str(path)))
    assert not isinstance(place_of("C:\\disk.vhdx"), type(path))
    with pytest.raises(OSError, match="lies on a server"):
        path.read_bytes()


def test_an_unknown_kind_of_url_is_refused() -> None:
    with pytest.raises(forensics.SourceError, match=r"gopher:// is none of the kinds of URLs that are read: s3, az"):
        forensics.examine("gopher://host/disk.vhdx")


def test_a_container_of_nobody_is_told_with_how_an_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("adlfs", reason="needs adlfs (pip: keymortem[remote])")
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(forensics.SourceError, match=r"no storage account is named: set AZURE_STORAGE_ACCOUNT_NAME"):
        forensics.examine("az://evidence/disk.vhdx")


def test_what_libraries_say_of_a_server_is_not_printed() -> None:
    assert CliRunner().invoke(cli, ["examine", "gopher://host/disk.vhdx"]).exit_code == 3
    for name in ("azure.identity", "gcsfs.retry"):
        assert not logging.getLogger(name).isEnabledFor(logging.CRITICAL)


def test_without_the_extra_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("forensics.disk.remote.s3")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(forensics.SourceError, match=r"packages of an extra: pip install 'keymortem\[remote\]'"):
        forensics.examine("s3://bucket/disk.vhdx")
