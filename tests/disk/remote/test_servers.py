"""Disks in object storage and on file servers, read in place from real servers: what is found is what is found here."""

from __future__ import annotations

import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import forensics
from forensics.disk.evidence_files import open_evidence
from forensics.disk.remote.errors import CHANGED
from forensics.disk.remote.session import session_of
from forensics.sources.listed_files import listed_files
from tests.disk.remote import servers
from tests.disk.remote.servers import Running
from tests.disk.remote.web_server import web_server
from tests.examined import AS_OF
from tests.paths import IMAGES, PROJECT

pytest.importorskip("fsspec", reason="needs fsspec (pip: keymortem[remote])")

CHAIN = ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")
SIZE = 28 << 20


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: lzma.decompress((IMAGES / f"{name}.xz").read_bytes()) for name in CHAIN}


@pytest.fixture(scope="module")
def here(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files in a folder of this machine."""
    folder = tmp_path_factory.mktemp("here")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module", params=["http", "nginx", "s3", "azure", "sftp", "smb"])
def server(
    request: pytest.FixtureRequest, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    starters: dict[str, Callable[[], AbstractContextManager[Running]]] = {
        "s3": lambda: servers.s3(files),
        "nginx": lambda: servers.nginx(files, tmp_path_factory.mktemp("nginx")),
        "azure": lambda: servers.azure(files, tmp_path_factory.mktemp("azure")),
        "sftp": lambda: servers.sftp(files, tmp_path_factory.mktemp("sftp")),
        "smb": lambda: servers.smb(files, tmp_path_factory.mktemp("smb")),
    }
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "http":
            with web_server({f"web01/{name}": data for name, data in files.items()}) as web:
                put = lambda name, data: web.files.__setitem__(f"web01/{name}", data)  # noqa: E731
                yield Running(f"{web.url}/web01", put, requests=lambda: (len(web.requests), web.sent))
            return
        with starters[request.param]() as found:
            for name, value in found.environment.items():
                patch.setenv(name, value)
            yield found


def said(case: forensics.Case, place: str) -> dict[str, object]:
    """Return what a case says, with the place of its sources left out."""
    document = json.loads(forensics.render(case, "json").replace(place, "PLACE"))
    for source in document["sources"]:
        source["size"] = source["sha256"] = None
    return {name: value for name, value in document.items() if name != "tool"}


@pytest.fixture(scope="module")
def expected(here: Path) -> dict[str, dict[str, object]]:
    cases = {place: forensics.examine(here / place, as_of=AS_OF) for place in ("chain-2.avhdx", "")}
    return {place: said(case, str(here)) for place, case in cases.items()}


def test_a_chain_of_disks_says_what_it_says_here(server: Running, expected: dict[str, dict[str, object]]) -> None:
    case = forensics.examine(f"{server.url}/chain-2.avhdx", as_of=AS_OF)
    assert said(case, server.url) == expected["chain-2.avhdx"]
    assert case.tables["key_chain"]
    if server.requests is not None:
        requests, sent = server.requests()
        assert requests < 80
        assert sent < SIZE // 4


@pytest.mark.parametrize("server", ["http", "s3"], indirect=True)
def test_a_folder_is_searched_as_one_here_is(server: Running, expected: dict[str, dict[str, object]]) -> None:
    case = forensics.examine(f"{server.url}/", as_of=AS_OF)
    assert said(case, server.url) == expected[""]
    assert [source.path for source in case.sources] == [
        server.url,
        *(f"{server.url}/{name}" for name in ("chain-1.avhdx", "chain-2.avhdx", "chain.vhdx")),
    ]


def test_what_is_not_there_is_said(server: Running) -> None:
    with pytest.raises(forensics.SourceError) as caught:
        forensics.examine(f"{server.url}/none.vhdx")
    assert caught.value.message == f"{server.url}/none.vhdx does not exist: check its name"


def test_folders_and_patterns_are_listed(server: Running) -> None:
    with session_of({}):
        found = listed_files(server.url)
        chosen = listed_files(f"{server.url.removesuffix('web01')}*/*-?.avhdx".replace("?", "*"))
    assert [path.name for path in found.files] == sorted(CHAIN)
    assert found.left_out == []
    if "web01" in server.url:
        assert [str(path) for path in chosen.files] == [f"{server.url}/{name}" for name in CHAIN[1:]]


def test_a_file_that_changes_while_it_is_read_is_given_up(server: Running, files: dict[str, bytes]) -> None:
    name = "chain-1.avhdx"
    old = files[name]
    with session_of({}) as session, open_evidence(f"{server.url}/{name}", buffering=0) as file:
        assert file.read(8) == b"vhdxfile"
        server.put(name, old + b"longer by a sector".ljust(512))
        try:
            file.seek(8 << 20)
            with pytest.raises(OSError, match="changed on the server") as caught:
                file.read(10)
            assert caught.value.strerror == CHANGED
            assert session.failures == {f"{server.url}/{name}": CHANGED}
        finally:
            server.put(name, old)


def test_a_server_of_ssh_that_is_not_known_is_not_trusted(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.sftp({"x.raw": bytes(512)}, tmp_path_factory.mktemp("stranger")) as stranger:
        home = Path(stranger.environment["HOME"])
        (home / ".ssh" / "known_hosts").write_text("")
        monkeypatch.setenv("HOME", str(home))
        with pytest.raises(forensics.SourceError) as caught:
            forensics.examine(f"{stranger.url}/x.raw")
    assert caught.value.message == (
        f"{stranger.url}/x.raw cannot be read: the key of the server is not the one that known_hosts has: make sure "
        "which server this is"
    )
    assert os.environ["HOME"] == str(home)


def test_a_program_beside_the_command_is_not_taken_for_a_module_of_its_name(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    """pip puts smbclient.py of impacket where it puts keymortem, and Python looks there first."""
    (tmp_path / "share").mkdir()
    (tmp_path / "smbclient.py").write_text("raise SystemExit('the program was started')")
    command = tmp_path / "keymortem"
    command.write_text("from forensics.cli.main import main\n\nmain()\n")
    with servers.smb(files, tmp_path / "share") as share:
        done = subprocess.run(
            [sys.executable, str(command), "examine", f"{share.url}/chain-2.avhdx"],
            env={**os.environ, "FSSPEC_SMB_PASSWORD": "secret", "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert "Examined 1 of 1" in done.stdout


def test_whom_a_share_does_not_know_is_told_to_look_at_the_credentials(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.smb(files, tmp_path) as share:
        from fsspec.config import conf

        monkeypatch.setitem(conf, "smb", {"password": "wrong"})
        with pytest.raises(forensics.SourceError, match="the server refuses to let it be read: check the credentials"):
            forensics.examine(f"{share.url}/chain.vhdx")
