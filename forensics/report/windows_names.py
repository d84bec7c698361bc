"""What findings are about, as the examined Windows itself writes it."""

from __future__ import annotations

from forensics.language import listed, told
from forensics.report.facts import Facts
from forensics.tables.finding import Finding, Subject
from forensics.tables.sanitise import sanitise

_NAMED_BY_PATH = frozenset({"key_file", "key_folder", "master_key", "folder_acl", "ca_eklist_entry"})
"""Tables whose subjects have a path of the source for their identity (:mod:`forensics.engine.subjects`)."""


def named_otherwise(finding: Finding, said: str, facts: Facts) -> list[str]:
    """Return what a finding about something else than a machine is about, where its text does not name that.

    Args:
        finding: The finding.
        said: Its text, safe to show.
        facts: Of its case.
    """
    if finding.subject_table == "machine":
        return []
    named = {_identity(subject, finding, facts): subject for subject in finding.subjects}
    left = ((name, s.label) for name, s in named.items() if name not in said and sanitise(s.id) not in said)
    return [name if sanitise(label) == name else listed([told(label), name]) for name, label in left]


def _identity(subject: Subject, finding: Finding, facts: Facts) -> str:
    is_path = finding.subject_table in _NAMED_BY_PATH
    return sanitise(facts.path(finding.machine_id, subject.id) if is_path else subject.id)
