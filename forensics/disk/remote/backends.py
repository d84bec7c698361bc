"""Which server a URL means, by fsspec and the backend of each kind."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any, TypeVar

from forensics.disk.remote.errors import OTHER_BYTES, RemoteError
from forensics.disk.remote.server import TIME_LIMIT, Server
from forensics.language import sentence

T = TypeVar("T")

WITHOUT_EXTRA = sentence("what lies on a server is read with the packages of an extra: pip install 'keymortem[remote]'")
_KINDS: Mapping[str, tuple[str, str]] = {
    "s3": ("s3", "S3Server"),
    "az": ("azure", "AzureServer"),
    "abfs": ("azure", "AzureServer"),
    "abfss": ("azure", "AzureServer"),
    "gs": ("google", "GoogleServer"),
    "gcs": ("google", "GoogleServer"),
    "http": ("http", "HttpServer"),
    "https": ("http", "HttpServer"),
    "sftp": ("sftp", "SftpServer"),
    "ssh": ("sftp", "SftpServer"),
    "smb": ("smb", "SmbServer"),
}
SCHEMES = tuple(_KINDS)


def connect(scheme: str, host: str, signed: Mapping[str, str]) -> Server:
    """Return the server, bucket or container that a URL names.

    Args:
        scheme: In lower case.
        host: What stands behind ``://``.
        signed: What stands behind the ``?`` of a URL, by the URL without it.

    Raises:
        RemoteError: No server is meant, or the extra is not installed.
    """
    if scheme not in _KINDS:
        raise RemoteError(
            sentence(
                "{scheme}:// is none of the kinds of URLs that are read: {names}",
                scheme=scheme,
                names=", ".join(SCHEMES),
            )
        )
    if not host:
        raise RemoteError(sentence("the URL names no server or bucket: check how it is written"))
    module, name = _KINDS[scheme]
    try:
        server = getattr(import_module(f"forensics.disk.remote.{module}"), name)
        return server(scheme, host, signed)  # type: ignore[no-any-return]
    except ImportError:
        raise RemoteError(WITHOUT_EXTRA) from None


def files_of(kind: str, **said: Any) -> Any:
    """Return fsspec's files of a kind of server, with nothing in them that another examination left.

    Args:
        kind: As fsspec calls it.
        said: What its backend is told.
    """
    from fsspec import filesystem

    return filesystem(kind, skip_instance_cache=True, **said)


def ask(loop: Any, question: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, limit: float = TIME_LIMIT) -> T:
    """Run a coroutine of a backend, and end it when it takes too long.

    Args:
        loop: The loop of the backend.
        question: The function.
        arguments: Of it.
        limit: Seconds.
    """
    from fsspec.asyn import sync

    return sync(loop, question, *arguments, timeout=limit)  # type: ignore[no-any-return]


def exactly(data: bytes, start: int, end: int) -> bytes:
    """Return what was sent; raises RemoteError where it is not as long as what was asked for."""
    if len(data) != end - start:
        raise RemoteError(OTHER_BYTES)
    return data
