"""Tells a folder of exported certificates, as administrators keep them: it holds no machine, and is close to one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import sentence, sentence_n
from forensics.sources.collected_tree import CollectedTree

_MOST_FOLDERS = 300
"""Display: folders that are searched for exported certificates to name them."""
_NAMED = 3
"""Display: files that one sentence names."""
_SUFFIXES = (".pfx", ".p12", ".cer", ".crt", ".der", ".pem", ".p7b", ".p7c", ".sst")


def exported_certificates(tree: CollectedTree, path: str) -> str | None:
    """Say that a folder without evidence has exported certificates, and what is to be named; None where it has none.

    Args:
        tree: The folder.
        path: What the user named.
    """
    found = sorted(_files(tree))
    if not found:
        return None
    names = ", ".join(found[:_NAMED])
    if len(found) > _NAMED:
        names = sentence("{names} and {count} more", names=names, count=len(found) - _NAMED)
    return sentence_n(
        "{path} holds {count} file of a certificate ({names}) and no machine: whether Windows opens a private key is "
        "told by the disk or the collection of the computer that uses it, name that",
        "{path} holds {count} files of certificates ({names}) and no machine: whether Windows opens a private key is "
        "told by the disk or the collection of the computer that uses it, name that",
        len(found),
        path=path,
        names=names,
    )


def _files(tree: CollectedTree) -> Iterator[str]:
    pending: deque[Entry | str] = deque([""])
    for _folder in range(_MOST_FOLDERS):
        if not pending:
            return
        try:
            for entry in tree.entries(pending.popleft()):
                if entry.is_dir:
                    pending.append(entry)
                elif entry.name.lower().endswith(_SUFFIXES):
                    yield entry.path
        except (NotFound, Unreadable):
            continue
