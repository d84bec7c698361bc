"""What a key file holds: its parser by kind, and a look at one that gets no row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from forensics.collectors.evidence import KeyFileEvidence, ParsedKey
from forensics.disk.tree import Entry, Tree
from forensics.formats.capi_key import CapiKeyFile, parse_capi_key_file, parse_capi_public_halves
from forensics.formats.cng_key import CngKeyFile, parse_cng_key_file
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.errors import FormatError
from forensics.formats.pcpkey import parse_pcpkey
from forensics.formats.public_key import PublicKey
from forensics.lack_of_memory import suppressed
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileKind

MAX_FILE_SIZE = 256 << 10
"""Format: bytes of one key file."""

_MOST_LOOKED_AT = 32 << 10
"""Work: bytes of a key file that gets no row; the largest real ones have a third of that."""

PARSERS: dict[str, Callable[[bytes], ParsedKey]] = {
    "capi": parse_capi_key_file,
    "cng": parse_cng_key_file,
    "tpm": parse_pcpkey,
}
_KINDS: dict[str, KeyFileKind] = {"capi": "capi", "cng": "cng", "tpm": "tpm"}


def parse_key_file(kind: str, data: bytes) -> tuple[KeyFileKind, ParsedKey]:
    """Parse a key file that lies among those of a kind, where somebody may have put one of another kind.

    Returns:
        What made it, and what it holds.

    Raises:
        FormatError: As the parser of that kind, where it is none of any.
    """
    try:
        return _KINDS[kind], PARSERS[kind](data)
    except FormatError:
        for other, made_by in _KINDS.items():
            if other != kind:
                with suppress(FormatError):
                    return made_by, PARSERS[other](data)
        raise


def peek(installation: Installation, kind: str, entry: Entry) -> ParsedKey | None:
    """Parse a key file that gets no row: one that cannot be read is None, and no problem of its own."""
    with suppressed():  # a tree or a parser may raise anything on hostile bytes
        return PARSERS[kind](content_of(installation.tree, entry))
    return None


def peek_public(installation: Installation, kind: str, entry: Entry) -> list[PublicKey] | None:
    """Return the public halves that lie in clear in a key file, as :func:`peek` does but with less work."""
    with suppressed():  # as above
        data = content_of(installation.tree, entry)
        return parse_capi_public_halves(data) if kind == "capi" else list(public_halves(PARSERS[kind](data)))
    return None


def master_keys_named(key_files: Iterable[KeyFileEvidence]) -> frozenset[str]:
    """Return the GUIDs, lower case, of the master keys that the blobs of key files name."""
    blobs: list[DpapiBlob | None] = []
    for file in key_files:
        parsed = file.parsed
        if isinstance(parsed, CapiKeyFile):
            slots = [slot for slot in (parsed.exchange, parsed.signature) if slot is not None]
            blobs += [blob for slot in slots for blob in (slot.private, slot.export_flag)]
        elif isinstance(parsed, CngKeyFile):
            blobs += (parsed.private_key, parsed.private_properties)
        elif parsed is not None:
            blobs.append(parsed.sealed_blob)
    return frozenset(blob.master_key_guid for blob in blobs if blob is not None)


def content_of(tree: Tree, entry: Entry) -> bytes:
    """Read a key file that gets no row; raises what the tree does, and FormatError for one that is too large."""
    with tree.open(entry) as stream:
        data = stream.read(_MOST_LOOKED_AT + 1)
    if len(data) > _MOST_LOOKED_AT:
        raise FormatError("too_large", _MOST_LOOKED_AT, sentence("no key file is that large"))
    return data


def public_halves(parsed: ParsedKey) -> Iterator[PublicKey]:
    """Yield the public halves that lie in clear in a key file."""
    if isinstance(parsed, CapiKeyFile):
        found = [slot.public for slot in (parsed.exchange, parsed.signature) if slot is not None]
    elif isinstance(parsed, CngKeyFile):
        found = [parsed.public_key]
    else:
        found = [parsed.blob.public if parsed.blob else None]
    yield from (public for public in found if public is not None)
