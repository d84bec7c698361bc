"""impacket where it is installed: what passes keymortem on may have to leave it out.

References:
    docs/decisions/0019-impacket.md
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from forensics.formats.errors import FormatError

MISSING = "impacket is missing here: pip install impacket"


def is_installed() -> bool:
    """Tell whether it is, without importing it: that takes longer than a whole examination."""
    try:
        return find_spec("impacket") is not None
    except ValueError:
        return False


def impacket_dpapi() -> Any:
    """Return its module of that name.

    Raises:
        FormatError: ``missing_library``.
    """
    if not is_installed():
        raise FormatError("missing_library", 0, MISSING)
    import impacket.dpapi

    return impacket.dpapi
