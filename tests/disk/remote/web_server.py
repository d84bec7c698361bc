"""A web server that sends parts of files, or fails to in one of the ways that web servers fail; it counts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import unquote, urlsplit

SIGNATURE = "sv=2024-11-04&sr=b&sig=Xk2%2Bq7hushhushhush%3D"


class Content(Protocol):
    """Bytes, or a file that is too large for memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass
class WebServer:
    """What it has and how it behaves.

    Attributes:
        files: Content by path.
        behaviour: ``ranges``, ``ignores`` ranges, sends ``others`` or too ``short`` ones, ``encoded``, or with no
            validator (``untold``), is ``busy``, never answers (``hangs``), or wants a ``signed`` URL.
        lists: It lists its folders.
        unlisted: What it answers where it does not; nginx says 403.
        busy: How many requests it answers with 503 first.
        before: Called with the number of each request.
        requests: Of files.
        sent: Bytes of files.
        port: Where it listens.
    """

    files: dict[str, Content]
    behaviour: str = "ranges"
    lists: bool = True
    unlisted: int = 404
    busy: int = 0
    before: Callable[[int], None] = lambda number: None
    requests: list[tuple[str, int, int]] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Of its root, without ``/``."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def web_server(files: Mapping[str, Content], behaviour: str = "ranges", **said: bool | int) -> Iterator[WebServer]:
    """Run a server."""
    state = WebServer(dict(files), behaviour, **said)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_said: object) -> None:
            pass

        def do_GET(self) -> None:
            answer(self, state)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, state: WebServer) -> None:
    """Answer one request."""
    url = urlsplit(request.path)
    path = unquote(url.path).lstrip("/")
    if path not in state.files:
        above = path if not path or path.endswith("/") else f"{path}/"
        rest = [name.removeprefix(above) for name in state.files if name.startswith(above)]
        below = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in rest})
        if not below or not state.lists:
            return _send(request, state.unlisted if below else 404, b"")
        if path and not path.endswith("/"):
            return _send(request, 301, b"", {"Location": f"{url.path}/"})
        page = "<html><pre><a href='../'>../</a>\n" + "".join(f'<a href="{name}">{name}</a>\n' for name in below)
        return _send(request, 200, page.encode(), {"Content-Type": "text/html"})
    content = state.files[path]
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
    start, end = (int(asked[1]), min(int(asked[2]) + 1, len(content))) if asked else (0, len(content))
    state.requests.append((path, start, end))
    state.before(len(state.requests))
    content = state.files[path]
    if state.behaviour == "signed" and url.query != SIGNATURE:
        return _send(request, 403, b"")
    if state.behaviour == "hangs":
        time.sleep(1)
    if state.behaviour == "busy" or state.busy:
        state.busy = max(0, state.busy - 1)
        return _send(request, 503, b"")
    if state.behaviour == "ignores" or not asked:
        return _send(request, 200, content[0 : len(content)], {"ETag": '"1"'})
    moved = 1 if state.behaviour == "others" and start else 0
    part = content[start + moved : end + moved]
    if state.behaviour == "short" and start:
        part = part[:-1]
    headers = {"Content-Range": f"bytes {start + moved}-{end + moved - 1}/{len(content)}"}
    if state.behaviour != "untold":
        headers["ETag"] = f'"{id(content)}"'
    if state.behaviour == "encoded":
        headers["Content-Encoding"] = "br"
    state.sent += len(part)
    return _send(request, 206, part, headers)


def _send(request: BaseHTTPRequestHandler, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
