"""What a user names as a source on a server, without what is secret in it, and the signed URLs of a file.

A URL on a command line is in the shell's history and in the list of processes, so none with a password or a signature
(a SAS token, a presigned URL) is taken there; signatures are read from a file.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from forensics.disk.errors import SourceError, unreadable
from forensics.disk.evidence_files import open_given
from forensics.disk.places import is_url
from forensics.language import sentence

_WEB = ("http", "https")
MAX_SIGNED = 16 << 20
"""Work: bytes of a file of signed URLs."""


def checked(source: str | Path) -> str:
    """Return a source as rows name it; one on a server as a URL without escapes and without a ``/`` at its end.

    Raises:
        SourceError: There is a password or a signature in the URL; the message repeats neither.
    """
    if not is_url(source):
        return str(source)
    plain, query, has_password = _taken_apart(str(source))
    if has_password:
        raise SourceError(
            "secret_in_url",
            sentence(
                "{plain} was named with a password in it, which others can read on this machine: name it "
                "without, and put the password where the backend looks for it (docs/remote.md)",
                plain=plain,
            ),
        )
    if query:
        raise SourceError(
            "secret_in_url",
            sentence(
                "{plain} was named with what stands behind '?' in it, which others can read on this machine: "
                "put the whole URL into a file, name that with --signed-urls, and name the source without "
                "'?' and what follows",
                plain=plain,
            ),
        )
    return plain


def signed_urls(path: Path) -> dict[str, str]:
    """Read a file of signed URLs, one a line.

    Returns:
        What stands behind the ``?`` of each, by the URL without it, as :func:`checked` returns that.

    Raises:
        SourceError: It cannot be read, or a line is no signed URL; the message does not repeat the line.
    """
    try:
        with open_given(path) as file:
            data = file.read(MAX_SIGNED + 1)
    except OSError as error:
        raise unreadable(str(path), error) from error
    if len(data) > MAX_SIGNED:
        raise SourceError(
            "too_large",
            sentence(
                "{path} has more than {max_signed} bytes: name a file of signed URLs", path=path, max_signed=MAX_SIGNED
            ),
        )
    found: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip():
            continue
        plain, query, has_password = _taken_apart(line.strip()) if is_url(line.strip()) else ("", "", False)
        if not plain.lower().startswith(("http://", "https://")) or not query or has_password:
            raise SourceError(
                "bad_signed_url",
                sentence(
                    "line {number} of {path} is no signed URL: https://SERVER/PATH?SIGNATURE", number=number, path=path
                ),
            )
        found[plain] = query
    return found


def _taken_apart(url: str) -> tuple[str, str, bool]:
    """Return a URL without what is secret, its query, and whether there is a password in it."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme in _WEB:
        rest = rest.partition("#")[0]
    rest, _, query = rest.partition("?")
    host, _, path = rest.partition("/")
    user, at, server = host.rpartition("@")
    name, colon, _ = user.partition(":")
    if scheme in _WEB:
        path = unquote(path)
        has_password = bool(at)
        host = server.lower()
    else:
        has_password = bool(colon)
        host = f"{name}{at}{server}"
    port = server.rpartition("]")[2].partition(":")[2]
    if port and not port.isdecimal():  # a password with a "/", "?" or "#" in it: of what follows nothing is told
        return f"{scheme}://...", "", True
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return f"{scheme}://{'/'.join([host, *parts])}", query, has_password
