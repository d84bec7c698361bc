"""Servers that tests start: each with the same files in it, on this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.oracles import find_tool, tool

_PAGES = 1 << 20
ACCOUNT = "devstoreaccount1"
# The well-known account of Azurite, which its manual publishes.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Running:
    """A server that runs.

    Attributes:
        url: Of the folder with the files.
        put: Replaces a file: name, content.
        environment: What its backend takes from the environment.
        requests: How many requests for files it had, and the bytes that it sent; None where it does not say.
    """

    url: str
    put: Callable[[str, bytes], object]
    environment: Mapping[str, str] = field(default_factory=dict)
    requests: Callable[[], tuple[int, int]] | None = None


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server listens; skip the test where it does not start."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.skip(f"{process.args!r} does not start here")


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the tests are over."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield
    finally:
        process.kill()  # asked to end, some wait for their clients
        process.wait()


@contextmanager
def s3(files: Mapping[str, bytes]) -> Iterator[Running]:
    """moto's S3."""
    pytest.importorskip("moto", reason="needs moto (pip: moto[s3])")
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    said = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **said)
    client.create_bucket(Bucket="evidence")

    def put(name: str, data: bytes) -> None:
        client.put_object(Bucket="evidence", Key=f"web01/{name}", Body=data)

    for name, data in files.items():
        put(name, data)
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        yield Running("s3://evidence/web01", put, environment)
    finally:
        server.stop()


@contextmanager
def azure(files: Mapping[str, bytes], folder: Path) -> Iterator[Running]:
    """Azurite; a base disk is a page blob, as those of machines in Azure are."""
    program = os.environ.get("KEYMORTEM_AZURITE") or shutil.which("azurite-blob")
    if program is None or shutil.which("node") is None:
        pytest.skip("needs azurite-blob (npm: azurite; KEYMORTEM_AZURITE names it elsewhere)")
    from azure.storage.blob import BlobServiceClient

    port = free_port()
    command = [program, "--silent", "--location", str(folder), "--blobPort", str(port), "--skipApiVersionCheck"]
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    said = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={endpoint};"
    with running([*command, "--blobHost", "127.0.0.1"], port):
        container = BlobServiceClient.from_connection_string(said).create_container("evidence")

        def put(name: str, data: bytes) -> None:
            blob = container.get_blob_client(f"web01/{name}")
            if not name.endswith(".vhdx"):
                blob.upload_blob(data, overwrite=True)
                return
            blob.create_page_blob(len(data))
            pages = ((at, data[at : at + _PAGES]) for at in range(0, len(data), _PAGES))
            for at, part in pages:
                if part.strip(b"\0"):
                    blob.upload_page(part, at, len(part))

        for name, data in files.items():
            put(name, data)
        yield Running("az://evidence/web01", put, {"AZURE_STORAGE_CONNECTION_STRING": said})


@contextmanager
def nginx(files: Mapping[str, bytes], folder: Path) -> Iterator[Running]:
    """nginx, which lists its folders."""
    program, port, data = tool("nginx", "nginx-light"), free_port(), folder / "data" / "web01"
    data.mkdir(parents=True)
    for name, content in files.items():
        (data / name).write_bytes(content)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; {'user root;' * (os.getuid() == 0)}\n"
        "events {}\n"
        f"http {{ {temporary} log_format sent '$status $body_bytes_sent'; access_log {folder}/access.log sent;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/data; autoindex on; }} }}\n"
    )

    def requests() -> tuple[int, int]:
        sent = [line.split() for line in (folder / "access.log").read_text().splitlines()]
        return len(sent), sum(int(count) for _, count in sent)

    with running([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], port):
        yield Running(
            f"http://127.0.0.1:{port}/web01", lambda name, content: (data / name).write_bytes(content), {}, requests
        )


@contextmanager
def sftp(files: Mapping[str, bytes], folder: Path) -> Iterator[Running]:
    """OpenSSH, of this machine's own user."""
    server, keygen = find_tool("sshd"), find_tool("ssh-keygen")
    if server is None or keygen is None or not hasattr(os, "getuid"):
        pytest.skip("needs sshd (Debian package openssh-server)")
    import getpass

    home, data, port = folder / "home", folder / "data", free_port()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    data.mkdir()
    for place in (folder / "host_key", home / ".ssh" / "id_ed25519"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(place)], check=True)
    (home / ".ssh" / "authorized_keys").write_text((home / ".ssh" / "id_ed25519.pub").read_text())
    host_key = (folder / "host_key.pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {home}/.ssh/authorized_keys\nSubsystem sftp internal-sftp\nUsePAM no\n"
        "PermitRootLogin prohibit-password\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name, content in files.items():
        (data / name).write_bytes(content)
    with running([server, "-D", "-f", str(folder / "config")], port):
        url = f"sftp://{getpass.getuser()}@127.0.0.1:{port}{data}"
        yield Running(url, lambda name, content: (data / name).write_bytes(content), {"HOME": str(home)})


@contextmanager
def smb(files: Mapping[str, bytes], folder: Path) -> Iterator[Running]:
    """impacket's server of files."""
    import threading

    from fsspec.config import conf
    from impacket import smbserver
    from impacket.ntlm import compute_lmhash, compute_nthash

    smbclient = pytest.importorskip("smbclient", reason="needs smbclient (pip: smbprotocol)")
    port = free_port()
    server = smbserver.SimpleSMBServer("127.0.0.1", port)
    server.getServer().daemon_threads = True
    server.addShare("EVIDENCE", str(folder))
    server.setSMB2Support(True)
    server.addCredential("tester", 0, compute_lmhash("secret"), compute_nthash("secret"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    threading.Thread(target=server.start, daemon=True).start()
    before = conf.get("smb")
    conf["smb"] = {"password": "secret"}
    try:
        url = f"smb://tester@127.0.0.1:{port}/EVIDENCE"
        yield Running(url, lambda name, content: (folder / name).write_bytes(content))
    finally:
        conf.pop("smb")
        if before is not None:
            conf["smb"] = before
        smbclient.reset_connection_cache()  # the server waits for its clients
        server.stop()
