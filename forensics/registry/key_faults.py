"""What may be wrong with the sub-keys and values of a key, as errors and in words."""

from __future__ import annotations

from forensics.formats.errors import FormatError
from forensics.language import sentence


def out_of_order(name: str) -> FormatError:
    """Return the error for a sub-key that does not stand where its name belongs."""
    return FormatError("bad_order", 0, sentence("{name!r} is listed out of order", name=name))


def bad_hint(name: str) -> FormatError:
    """Return the error for a sub-key whose name is not that of the hint in its list."""
    return FormatError("bad_hint", 76, sentence("the hint of the list does not fit {name!r}", name=name))


def bad_name(offset: int, name: str, doubt: str) -> FormatError:
    """Return the error for a name that whole hives do not have, at a byte of its cell."""
    return FormatError("bad_name", offset, sentence("{name!r}: {doubt}", name=name, doubt=doubt))


def too_many_values(most: int) -> FormatError:
    """Return the error for values of one key that have more bytes together than are read."""
    return FormatError("too_large", 0, sentence("more than {most} bytes of values", most=most))


def other_count(claimed: int, listed: int) -> str:
    """Say that a key claims another number of sub-keys than its lists have."""
    return sentence("{claimed} sub-keys are claimed, {listed} listed", claimed=claimed, listed=listed)


def one_bit_away(there: str, name: str) -> str:
    """Say that a name is there that a single bit tells from one that is not."""
    return sentence("{there!r} is one bit away from {name!r}, which is not there", there=there, name=name)
