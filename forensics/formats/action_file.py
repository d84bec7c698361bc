"""Action files of Sysprep (Specialize.xml ...): which methods of which modules a phase calls."""

from __future__ import annotations

from forensics.formats.xml_text import named, parse_xml


def parse_action_file(data: bytes) -> frozenset[str]:
    """Return the names of the methods that an action file calls, lower case.

    Raises:
        FormatError: As :func:`~forensics.formats.xml_text.parse_xml`.
    """
    modules = named(parse_xml(data), "sysprepModule")
    return frozenset(m.get("methodName", "").strip().lower() for m in modules if m.get("methodName") is not None)
