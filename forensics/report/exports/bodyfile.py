"""Moments as a body file of The Sleuth Kit, version 3, for mactime: ``MD5|name|inode|mode|UID|GID|size|a|m|c|cr``.

A moment is no file: what happened stands where the name does, and its time in all four places, so that mactime shows
it once. mactime takes ``%`` and two digits for a byte in any place, and splits at each ``|``: both are written that
way. It shows nothing before 1970, and counts seconds.

References:
    https://wiki.sleuthkit.org/index.php?title=Body_file
    mactime of The Sleuth Kit 4.11.1, tm_split and the reading of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from forensics.case_tables import CaseTables
from forensics.report.exports.timesketch import TAGS, message
from forensics.report.facts import Facts
from forensics.report.moments import Moment
from forensics.tables.sanitise import sanitise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODED = re.compile(r"\||%(?=[0-9A-Fa-f]{2})")


def render_bodyfile(case: CaseTables, moments: Iterable[Moment]) -> str:
    """Write moments, one a line, in their order.

    Args:
        case: The case that they are of.
        moments: The moments.
    """
    facts = Facts(case)
    return "".join(_line(moment, facts) for moment in moments)


def _line(moment: Moment, facts: Facts) -> str:
    seconds = (moment.time - _EPOCH) // timedelta(seconds=1)
    path = sanitise(facts.read_in(moment))
    name = f"[{TAGS[moment.kind]}] {message(moment, facts)} ({path})"
    name = _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", name)
    return f"0|{name}|0|0|0|0|0|{seconds}|{seconds}|{seconds}|{seconds}\n"
