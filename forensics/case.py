"""A case as a notebook shows it: explanations, a time line, and a summary where a cell ends with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.language import _, _n, listed, told
from forensics.report.facts import Facts
from forensics.report.triage import triage
from forensics.tables.sanitise import sanitise
from forensics.tables.source import leaves

if TYPE_CHECKING:
    import pandas as pd

    from forensics.report.explain_subject import Explanation
    from forensics.sources.given_paths import Paths

_MOST = 12
"""Display: findings, and sources that were not examined, that the summary lists."""
_IN_PART = ("encrypted", "missing_part", "log_not_replayed")
"""Kinds of problems with which a part of the evidence stays closed though the rest of it was examined."""


class Case(CaseTables):
    """What :func:`forensics.examine` and :func:`forensics.open_case` return.

    Every table is a pandas data frame (``case.key_chain``, ``case.certificates``, ``case.findings``).
    """

    @property
    def has_findings(self) -> bool:
        """A key is broken or open to all, a certificate has expired, or a rule finds more than information."""
        from forensics.report.findings import counts

        return counts(self.finding_list) or triage(self).has_findings

    @property
    def judges_nothing(self) -> bool:
        """Not one key was judged, and the certificates that may name some were not seen either; or none of a machine of
        today, because what was examined is an older state.
        """
        from forensics.report.stores import judges_nothing

        present = [entry for entry in leaves(self.sources) if entry.machine_ids and not entry.older_state_of]
        return judges_nothing(self) or (self.shows_older_state and not present)

    @property
    def not_examined(self) -> list[str]:
        """What of the evidence that was named or found was not examined, and why, one sentence each; and how much was.

        Empty where all of it was, as it is today.
        """
        from forensics.report.accounted import head_lines

        return head_lines(self.sources)

    @property
    def examined_otherwise(self) -> list[str]:
        """What was examined by another version of keymortem, or on another day, than this case says; one sentence each.

        Only where cases were joined: what another version read and judged stands, and dates are those of this case.
        """
        from forensics.report.accounted import examined_otherwise

        return examined_otherwise(self.sources, self.as_of)

    @property
    def shows_older_state(self) -> bool:
        """A disk was found on which another one builds, and the present state of its machine was not examined."""
        from forensics.report.accounted import older_states

        return bool(older_states(self.sources))

    @property
    def is_incomplete(self) -> bool:
        """Something that was named or found was not examined, or is no machine of today, or a rule gave no answer: "all
        is well" is not known.
        """
        from forensics.report.accounted import doubts, not_examined

        in_part = any(row.kind in _IN_PART for row in self.rows("problem")) or any(
            row.area == "certificate" and row.outcome in ("unreadable", "not_examined") for row in self.rows("coverage")
        )
        # What is a copy of something else leaves nothing out.
        return in_part or bool(not_examined(self.sources) or doubts(self.sources) or self.rules_unanswered)

    @property
    def rules_unanswered(self) -> list[str]:
        """Why each rule that was stopped, or failed on this evidence, gave no answer, one sentence each."""
        from forensics.report.unanswered import unanswered

        return [row.message for row in unanswered(self)]

    def explain(self, subject: str, rules: Paths = (), *, machine: str | None = None) -> Explanation:
        """Explain a key link by link, and what each rule says of it: :func:`forensics.explain` of this case."""
        from forensics.report.explain_subject import explain

        return explain(self, subject, rules, machine=machine)

    def timeline(self) -> pd.DataFrame:
        """Return what happened when, the earliest first; ends of certificates to come are in it.

        Returns:
            Columns ``time`` (UTC), ``kind``, ``machine``, ``text``, ``is_local`` (the machine's own clock, without a
            zone), ``subject`` and ``source_path``.
        """
        import pandas as pd

        from forensics.report.moments import moments

        facts = Facts(self)
        entries = moments(self)
        return pd.DataFrame(
            {
                "time": pd.Series([e.time for e in entries], dtype="datetime64[us, UTC]"),
                "kind": pd.Series([e.kind for e in entries], dtype="category"),
                "machine": pd.Series([facts.machine_name(e.machine_id) for e in entries], dtype="string"),
                "text": pd.Series([e.text for e in entries], dtype="string"),
                "is_local": pd.Series([e.is_local for e in entries], dtype="boolean"),
                "subject": pd.Series([e.subject for e in entries], dtype="string"),
                "source_path": pd.Series([e.source_path for e in entries], dtype="string"),
            }
        )

    def _repr_html_(self) -> str:
        from html import escape

        from forensics.report.undecided import lack_of_evidence

        case = self.present
        facts, sorted_keys = Facts(case), triage(case)
        names = listed(told(facts.machine_name(m.machine_id)) for m in case.rows("machine"))
        in_force = sorted_keys.in_force
        usable, undecided = in_force((*sorted_keys.well, *sorted_keys.too_open)), in_force(sorted_keys.unknown)
        lack = lack_of_evidence(case, undecided, facts)
        counts = lack.counted(len(in_force(sorted_keys.broken)), len(usable), len(undecided))
        findings = "".join(
            f"<tr><td>{escape(_(f.severity))}</td><td>{escape(sanitise(f.title))}</td>"
            f"<td>{len(f.subjects)}</td><td><code>{escape(f.rule)}</code></td></tr>"
            for f in self.finding_list[:_MOST]
        )
        more = len(self.finding_list) - _MOST
        others = _n("and {count} more finding: {code}", "and {count} more findings: {code}", more, code="\0")
        rest = f"<p>{_with_code(others, 'case.findings')}</p>" if more > 0 else ""
        titles = (_("severity"), _("finding"), _("subjects"), _("rule"))
        head = f"<tr>{''.join(f'<th>{escape(title)}</th>' for title in titles)}</tr>"
        named = f"<b>{escape(sanitise(names or _('no Windows installation')))}</b>"
        when = escape(_("as of {date}: {counts}.", date=f"{self.as_of:%Y-%m-%d}", counts=counts))
        return (
            f"{self._unanswered_html()}<p>{named}, {when}</p>"
            f"{self._unexamined_html()}<table>{head}{findings}</table>{rest}"
        )

    def _unanswered_html(self) -> str:
        from html import escape

        from forensics.report.unanswered import unanswered_line

        line = told(unanswered_line(self))
        return f"<p><b>{escape(sanitise(line))}</b></p>" if line else ""

    def _unexamined_html(self) -> str:
        """Name the sources of which nothing could be examined: what follows says nothing about them."""
        from html import escape

        failed = [source for source in self.sources if source.error]
        lines = "".join(
            f"<li><code>{escape(sanitise(source.path))}</code>: {escape(sanitise(told(source.error or '')))}</li>"
            for source in failed[:_MOST]
        )
        more = len(failed) - _MOST
        others = _("and {count} more: {code}", count=more, code="\0")
        rest = f"<li>{_with_code(others, 'case.sources')}</li>" if more > 0 else ""
        return f"<p>{escape(_('Not examined:'))}</p><ul>{lines}{rest}</ul>" if failed else ""


def _with_code(text: str, code: str) -> str:
    """Put an expression for a notebook in the place of a mark."""
    from html import escape

    return escape(text).replace("\0", f"<code>{code}</code>")


def open_case(path: str | Path) -> Case:
    """Read a case file that :meth:`Case.save` or ``keymortem examine --case`` wrote.

    Raises:
        CaseFileError: Not a case file, a newer format, or damaged.

    Examples:
        >>> import forensics
        >>> case = forensics.open_case("case.sqlite")
        >>> case.machine.computer_name.tolist()
        ['WEB01']
    """
    return Case.opened(path)
