"""The time line of a case for programs of time lines: Timesketch, plaso, mactime."""

from __future__ import annotations

from typing import ClassVar

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.language import _n
from forensics.late_methods import dataclass
from forensics.report.moments import Moment, moments
from forensics.report.result import Result


@dataclass(frozen=True, repr=False)
class Timeline(Result):
    """What :func:`timeline` returns.

    Attributes:
        case: The case.
        moments: What happened when, the earliest first; ends of certificates to come are among them.
    """

    formats: ClassVar[tuple[str, ...]] = ("csv", "jsonl", "bodyfile")

    case: CaseTables
    moments: tuple[Moment, ...]

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    def __repr__(self) -> str:
        return f"<Timeline of {_n('{count} moment', '{count} moments', len(self.moments))}>"

    def _render(self, format: str, width: int | None) -> str:
        from forensics.report.exports import bodyfile, timesketch

        if format == "bodyfile":
            return bodyfile.render_bodyfile(self.case, self.moments)
        events = timesketch.events(self.case, self.moments)
        return timesketch.as_csv(events) if format == "csv" else timesketch.as_jsonl(events)


def timeline(case: CaseTables) -> Timeline:
    """Return everything that a case tells of times, to be rendered as ``csv``, ``jsonl`` or ``bodyfile``.

    A notebook asks ``case.timeline()`` for the same as a data frame.

    Args:
        case: The case; its former installations (Windows.old) are left out.

    Examples:
        >>> import forensics
        >>> forensics.write(forensics.timeline(forensics.open_case("case.sqlite")), "jsonl", "times.jsonl")
    """
    return Timeline(case, tuple(moments(case, most=None)))
