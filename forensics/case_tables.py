"""What an examination found, as rows and, when asked, as pandas data frames."""

from __future__ import annotations

import copy
import errno
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from forensics.disk.evidence_files import EvidenceFiles, peek_at
from forensics.language import Sentence, _n, sentence
from forensics.sources.coverage import Coverage
from forensics.tables.database import HEADER_SIZE, CaseContent, CaseFileError, is_case_header, write_case_file
from forensics.tables.finding import CONFIDENCES, SEVERITIES, Finding, as_text
from forensics.tables.former_windows import former_last, without_former
from forensics.tables.machine import MachineRow
from forensics.tables.registry import CONTRACT_TABLES, ColumnSpec, by_table, column_specs
from forensics.tables.row import Row
from forensics.tables.sentences import sentences_in
from forensics.tables.source import SourceEntry, entry_of, leaves
from forensics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {
    "text": "string",
    "integer": "Int64",
    "boolean": "boolean",
    # Not nanoseconds: certificates that never expire end in the year 9999.
    "datetime": "datetime64[us, UTC]",
    "list": "object",
}


def is_case_file(path: str | Path) -> bool:
    """Tell whether a file is a case file, by its SQLite header; unreadable files are not.

    Examples:
        >>> import forensics
        >>> forensics.is_case_file("case.sqlite"), forensics.is_case_file("disk.vhdx")
        (True, False)
    """
    path = Path(path)
    if not path.is_file():
        return False
    try:
        with peek_at(path) as stream:
            return is_case_header(stream.read(HEADER_SIZE))
    except OSError:
        return False


_WHOLE_DISKS = ("disk", "disks", "volume")
"""Kinds of sources whose folders can all be listed."""
_OF_THE_PROGRAM = frozenset(
    {
        *("coverage_of", "data_disks", "evidence", "forget_frames", "has_whole_disks", "judges_nothing", "opened"),
        *("finding_list", "present", "sentences", "sentences_for", "tables", "tool_version", "whole"),
    }
)
"""Attributes that other modules use and no completion offers."""


class CaseTables:
    """The tables of one examination.

    Every table is an attribute holding a pandas data frame, under its name or its plural: ``case.key_chain``,
    ``case.certificates``. pandas is imported when the first one is used. :meth:`rows` gives the rows without pandas.

    Attributes:
        as_of: The moment "expired" refers to, UTC.
        sources: What was examined.
        finding_list: Findings of the rule packs; ``findings`` is their data frame.
        tool_version: Version that examined the sources.
        evidence: The files that were read, over which nothing is written; of a case file it and its sources alone.
        data_disks: Paths of sources that were read whole and hold no Windows; of a case file none.
    """

    def __init__(
        self,
        rows: Sequence[Row] = (),
        sources: Sequence[SourceEntry] = (),
        as_of: datetime | None = None,
        findings: Sequence[Finding] = (),
        tool_version: str = __version__,
        evidence: EvidenceFiles | None = None,
    ) -> None:
        self.as_of = as_of or datetime.now(UTC)
        self.sources = list(sources)
        self.finding_list = list(findings)
        self.tool_version = tool_version
        self.evidence = evidence or EvidenceFiles()
        self.data_disks: frozenset[str] = frozenset()
        for source in self.sources:
            if source.found_in is None:
                self.evidence.add(source.path)
        self._tables = by_table(former_last(rows))
        self._frames: dict[str, pd.DataFrame] = {}
        self._whole: Self | None = None

    @property
    def tables(self) -> dict[str, list[Row]]:
        """Rows by table name, every table of the contract among them."""
        return self._tables

    def sentences_for(self, language: str) -> dict[str, Sentence]:
        """Return the texts in its rows that can be told in another language, by what they are in English.

        Args:
            language: The one that is spoken; English texts need none.
        """
        return {} if language == "en" else self.sentences

    @property
    def sentences(self) -> dict[str, Sentence]:
        """The texts in its rows that can be told in another language, by what they are in English."""
        rows = (row for table in self.whole._tables.values() for row in table)
        return sentences_in((*rows, *self.sources))

    @property
    def present(self) -> Self:
        """The case without the rows of former installations (Windows.old): what counts, lists and alarms are of."""
        if all(machine.kind != "former" for machine in self.rows("machine")):
            return self
        view = copy.copy(self)
        rows = (row for table in self._tables.values() for row in table)
        view._tables, view._frames, view._whole = by_table(without_former(rows)), {}, self
        return view

    @property
    def whole(self) -> Self:
        """The case that this is the :attr:`present` of; else itself."""
        return self._whole or self

    @property
    def is_empty(self) -> bool:
        """Nothing could be examined: there is neither a Windows installation nor a virtual machine that was read."""
        return not self.whole.rows("machine") and not any(vm.outcome == "present" for vm in self.rows("vm"))

    @property
    def has_whole_disks(self) -> bool:
        """Every source is a disk or a volume, whose folders can all be listed."""
        return all(source.kind in _WHOLE_DISKS for source in leaves(self.sources))

    def coverage_of(self, machine: MachineRow) -> Coverage:
        """Return what was seen of the places of one installation."""
        source = entry_of(self.sources, machine.machine_id)
        return Coverage(
            machine.machine_id,
            whole_disk=source is not None and source.kind in _WHOLE_DISKS and machine.kind != "profile",
            drive=(machine.system_root or "").rpartition("/")[0],
            rows=[row for row in self.rows("coverage") if row.machine_id == machine.machine_id],
        )

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table, each an instance of its row class.

        Raises:
            KeyError: No table has that name; the message lists those that are.
        """
        if table not in self._tables:
            raise KeyError(f"no table {table!r}; there are {', '.join(self._tables)}")
        return self._tables[table]

    def frame(self, table: str) -> pd.DataFrame:
        """Return a table as a pandas data frame with the dtypes of its columns (times in UTC, microseconds)."""
        if table not in self._frames:
            self._frames[table] = self._make_frame(table)
        return self._frames[table]

    def forget_frames(self) -> None:
        """Make data frames anew when they are next asked for, because rows or findings changed."""
        self._frames.clear()

    def _make_frame(self, table: str) -> pd.DataFrame:
        import pandas as pd

        rows = self.rows(table)
        cells = {s.name: series_of([getattr(r, s.name) for r in rows], s) for s in column_specs(table)}
        return pd.DataFrame(cells)

    @property
    def findings(self) -> pd.DataFrame:
        """The findings as a pandas data frame, the worst first, ``severity`` and ``confidence`` ordered."""
        if "findings" not in self._frames:
            self._frames["findings"] = _findings_frame(self.finding_list)
        return self._frames["findings"]

    def __getattr__(self, name: str) -> pd.DataFrame:
        for table in (name, name.removesuffix("s")):
            if table in CONTRACT_TABLES:
                return self.frame(table)
        raise AttributeError(f"a case has no {name!r}; its tables are {', '.join(CONTRACT_TABLES)}")

    def __dir__(self) -> list[str]:
        """What is completed after the dot: what a reader asks of a case, not what the program does."""
        return [*(name for name in super().__dir__() if name not in _OF_THE_PROGRAM), *CONTRACT_TABLES]

    def __repr__(self) -> str:
        filled = ", ".join(f"{name}: {len(rows)}" for name, rows in self._tables.items() if rows)
        failed = sum(source.error is not None for source in self.sources)
        not_examined = f", {failed} of them not examined" if failed else ""
        return (
            f"<Case of {_n('{count} source', '{count} sources', len(self.sources))}{not_examined}; {filled or 'empty'}>"
        )

    @classmethod
    def opened(cls, path: str | Path) -> Self:
        """Read the case file that :meth:`save` wrote.

        Raises:
            CaseFileError: Not a case file, a newer format, or damaged.
        """
        from forensics.tables.case_reader import read_case_file

        content = read_case_file(Path(path))
        rows = [row for table in content.tables.values() for row in table]
        evidence = EvidenceFiles([path])
        return cls(rows, content.sources, content.as_of, content.findings, content.tool_version, evidence)

    def save(self, path: str | Path, *, overwrite: bool = False, instead_of: os.stat_result | None = None) -> None:
        """Write the case file (SQLite).

        Args:
            path: The file; there whole or not at all, and never written over evidence.
            overwrite: Replace a case file that is there; a file of another kind never is.
            instead_of: Replace the case file that was there in this state, and no other one.

        Raises:
            CaseFileError: The file exists, was changed since it was in that state, or cannot be written.
            EvidenceTargetError: The file is evidence, or lies in a folder of it; it is a ValueError.
        """
        from forensics.outputs import new_file  # here: most commands only read case files

        target = Path(path)
        self.evidence.refuse(target)
        if target.exists() and not is_case_file(target):
            raise CaseFileError(
                sentence("{path} exists and is no keymortem case file; choose another name", path=str(target))
            )
        content = CaseContent(
            self.tool_version, self.as_of, self.sources, self._tables, self.finding_list, self.sentences
        )
        try:
            with new_file(target, self.evidence, overwrite or instead_of is not None, mode=0o600) as file:
                write_case_file(file, content)
                if instead_of is not None and _changed(target, instead_of):
                    busy = OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(target))
                    raise CaseFileError(
                        sentence(
                            "{path} was changed meanwhile, and is left as it is now; append once more", path=str(target)
                        )
                    ) from busy
        except FileExistsError as error:
            raise CaseFileError(
                sentence("{path} exists; choose another name, or have it replaced (overwrite)", path=str(target))
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise CaseFileError(
                sentence(
                    "{path} cannot be written: {error}",
                    path=str(target),
                    error=str(getattr(error, "strerror", error)),
                )
            ) from error


def _changed(path: Path, state: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (state.st_ino, state.st_size, state.st_mtime_ns)


def series_of(cells: list[Any], spec: ColumnSpec) -> pd.Series[Any]:
    """Return a column of a data frame; one with a vocabulary is categorical, with those words first.

    Args:
        cells: Its values.
        spec: What it holds.
    """
    import pandas as pd

    words = spec.possible_values
    if not words or spec.kind == "list":
        return pd.Series(cells, dtype=_DTYPES[spec.kind])
    others = sorted({cell for cell in cells if cell is not None} - set(words))
    return pd.Series(cells, dtype=pd.CategoricalDtype([*words, *others]))


def _findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    import pandas as pd

    severity = pd.CategoricalDtype([*reversed(SEVERITIES)], ordered=True)
    confidence = pd.CategoricalDtype([*reversed(CONFIDENCES)], ordered=True)
    return pd.DataFrame(
        {
            "rule": pd.Series([f.rule for f in findings], dtype="string"),
            "severity": pd.Series([f.severity for f in findings], dtype=severity),
            "confidence": pd.Series([f.confidence for f in findings], dtype=confidence),
            "verdict": pd.Series([f.verdict for f in findings], dtype="string"),
            "title": pd.Series([f.title for f in findings], dtype="string"),
            "machine_id": pd.Series([f.machine_id for f in findings], dtype="Int64"),
            "subject_table": pd.Series([f.subject_table for f in findings], dtype="string"),
            "subjects": pd.Series([[s.id for s in f.subjects] for f in findings], dtype="object"),
            "because": pd.Series([as_text(f.because) for f in findings], dtype="string"),
            "remedy": pd.Series([as_text(f.remedy) for f in findings], dtype="string"),
            "id": pd.Series([f.id for f in findings], dtype="string"),
        }
    )
