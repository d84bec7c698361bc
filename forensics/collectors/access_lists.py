"""Access lists as the source holds them, and why one that it holds was not got."""

from __future__ import annotations

from functools import lru_cache

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.acl import SecurityDescriptor, parse_security_descriptor
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import how, kind_of
from forensics.language import sentence
from forensics.sources.installation import Installation, outcome_of

_LONGEST_KEPT = 1 << 10
"""Work: bytes of an access list that is kept as it was parsed, for the next file that has the same."""
_known = lru_cache(256)(parse_security_descriptor)


def read_access_list(installation: Installation, item: Entry | str) -> tuple[SecurityDescriptor | None, str | None]:
    """Read the security descriptor of a file or folder.

    Returns:
        The descriptor; None where the source holds none, as collections do, or where it was not got. Then why not: it
        is on the disk and cannot be read, or does not parse. The tree itself reports its damage.
    """
    path = item if isinstance(item, str) else item.path
    try:
        data = installation.tree.security_descriptor(item)
        if data is None:
            return None, None
        # The files of a folder have few different ones.
        return (_known if len(data) <= _LONGEST_KEPT else parse_security_descriptor)(data), None
    except FormatError as error:
        installation.problem(path, error.kind, error.message, error.offset)
        return None, error.message
    except (NotFound, Unreadable, OSError) as error:
        return None, outcome_of(error).why
    except Exception as error:  # whatever the libraries behind a tree raise: nothing was got
        message = sentence("reading its access list failed {how}", how=how(error))
        installation.problem(path, kind_of(error), message)
        return None, message
