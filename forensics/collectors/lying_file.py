"""A key file or master key file exactly as it lies, wherever that is: the one way by which its bytes are had again.

What was found anywhere has the tree in which it lies beside it, be that a volume, its deleted files or another one, so
no place needs a way of its own.
"""

from __future__ import annotations

from dataclasses import field

from forensics.collectors.evidence import KeyFileEvidence, MasterKeyEvidence
from forensics.collectors.key_content import MAX_FILE_SIZE
from forensics.disk.tree import NotFound, NotObtained, TellsAttributes, Unreadable
from forensics.formats.acl import SecurityDescriptor, parse_security_descriptor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation


@dataclass(frozen=True, slots=True)
class LyingFile:
    """A file as the source holds it.

    Attributes:
        data: Its bytes.
        security: Its owner and access list; None where the source holds none, or they were not got.
        attributes: Its FILE_ATTRIBUTE flags; None where the source does not tell them.
    """

    data: bytes = field(repr=False)
    security: SecurityDescriptor | None = None
    attributes: int | None = None


def file_as_it_lies(installation: Installation, evidence: KeyFileEvidence | MasterKeyEvidence) -> LyingFile:
    """Read a file once more, as long as its source is open.

    Args:
        installation: Whose it is.
        evidence: The file.

    Raises:
        NotFound: It is not there any more.
        Unreadable: It cannot be read.
    """
    found = evidence.where
    tree, path = (installation.tree, evidence.row.path) if found is None else (found.tree, found.path)
    entry = tree.entry(path)
    with tree.open(entry) as stream:
        data = stream.read(MAX_FILE_SIZE + 1)
    if len(data) > MAX_FILE_SIZE:
        raise NotObtained(sentence("it has more than {max_file_size} bytes", max_file_size=MAX_FILE_SIZE))
    try:
        raw = tree.security_descriptor(entry)
        security = parse_security_descriptor(raw) if raw is not None else None
    except (FormatError, NotFound, Unreadable):
        security = None
    return LyingFile(data, security, tree.attributes(entry) if isinstance(tree, TellsAttributes) else None)
