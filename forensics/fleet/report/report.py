"""The report of a fleet, in every format that it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from forensics.disk.evidence_files import EvidenceFiles
from forensics.fleet.across_rows import was_asked
from forensics.fleet.fleet import Fleet, open_fleet
from forensics.fleet.report.chosen import Chosen, Filters
from forensics.fleet.report.groups import Accounts, Blocked, Cause, Ends, Failed, Groups, KeyOfSeveral, Month, Shared
from forensics.language import speaking, spoken_language
from forensics.report.result import Result
from forensics.tables.sentences import sentences_from_json

FORMATS = ("text", "html", "csv", "json", "xlsx")


def fleet_report(
    fleet: Fleet | str | Path,
    *,
    down: bool = False,
    dead: bool = False,
    ends_before: datetime | None = None,
    machine: str | None = None,
) -> FleetReport:
    """Report on a fleet: one row a disk, every input accounted for, and what many machines have in common.

    What is counted is counted in DuckDB, and rows are read as they are written: memory does not grow with the fleet.

    Args:
        fleet: What :func:`open_fleet` returned, or the folder of a dataset.
        down: Only machines on which something is down.
        dead: Only machines with a dead key.
        ends_before: Only machines on which a certificate ends before, that somebody has to see to.
        machine: Only machines of this name.

    Raises:
        DatasetError: It is no dataset, one of another format, or was written meanwhile.
        ModuleNotFoundError: It needs ``keymortem[fleet]``.

    Examples:
        >>> import forensics
        >>> report = forensics.fleet_report(forensics.open_fleet("fleet"))
        >>> forensics.write(report, "html", "fleet.html")
    """
    opened = fleet if isinstance(fleet, Fleet) else open_fleet(fleet)
    with opened.reading():
        return FleetReport(opened, Filters(down=down, dead=dead, ends_before=ends_before, machine=machine))


class FleetReport(Result):
    """What :func:`fleet_report` returns.

    Args:
        fleet: The fleet, which stays open as long as this is used.
        filters: Which rows are told; the accounts are of all inputs all the same.

    Attributes:
        fleet: The fleet.
        filters: Which rows are told.
        accounts: What became of the inputs.
        stopped: What rules could not say because one was stopped or failed, and on how many disks.
        failed: Inputs and pieces of which nothing was examined.
        causes: What the rules found.
        calendar: Months in which certificates end.
        used_by_many: Certificates that are in use on several machines.
        clones: Machines that share an identity.
        keys_of_several: Private keys that several machines have, of the whole fleet.
        blocked: What keeps machines from being moved or cloned.
        is_judged_across: What spans machines was judged; else nothing is said of clones.
        count: Rows that are told.
        of_all: Rows that there are.
    """

    formats: ClassVar[tuple[str, ...]] = FORMATS
    file_formats: ClassVar[tuple[str, ...]] = ("csv", "json", "xlsx")

    def __init__(self, fleet: Fleet, filters: Filters) -> None:
        self.fleet, self.filters = fleet, filters
        # A cursor of its own: another report on the same fleet has other rows.
        connection = fleet.connection.cursor()
        self._chosen = Chosen(connection, filters)
        groups = Groups(connection)
        self.accounts: Accounts = groups.accounts()
        self.stopped: list[tuple[str, int]] = groups.stopped()
        self.failed: list[Failed] = groups.failed()
        self.causes: list[Cause] = groups.causes()
        self.calendar: list[Month] = groups.calendar()
        self.used_by_many: list[Ends] = groups.used_by_many()
        self.clones: list[Shared] = groups.clones()
        self.keys_of_several: list[KeyOfSeveral] = groups.keys_of_several()
        self.blocked: list[Blocked] = groups.blocked()
        self.is_judged_across = was_asked(fleet.dataset, "shared_identity")
        self.count, self.of_all = self._chosen.count, self._chosen.of_all

    def rows(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the rows, the worst first, by the names of their columns (``docs/fleet-report.md``).

        Args:
            most: How many; None for all.
        """
        with self.fleet.reading():
            yield from self._chosen.rows(most)

    def write_pages(self, target: str | Path, *, overwrite: bool = False) -> Path:
        """Write the page, and beside it a folder with the report of each disk that is told, to which its row leads.

        Args:
            target: The page.
            overwrite: Replace files that are there.

        Returns:
            The folder.

        Raises:
            EvidenceTargetError: The target is evidence.
            FileExistsError: A file is there, and ``overwrite`` was not asked for.
            OSError: It cannot be written.
        """
        from forensics.fleet.report.pages import write_pages

        return write_pages(self, Path(target), overwrite)

    def totals(self) -> tuple[int, int, int]:
        """Return machines with something down, dead keys, and keys that can be saved, of the rows that are told."""
        return self._chosen.totals()

    @property
    def has_findings(self) -> bool:
        """Something is down or dead, a rule finds more than information, was stopped, or not all could be examined."""
        return bool(self.causes or self.stopped or not self.accounts.all_examined or self.accounts.older)

    @property
    def judges_nothing(self) -> bool:
        """Not one machine was examined."""
        return self.accounts.machines == 0

    @property
    def evidence(self) -> EvidenceFiles:
        """The inputs and the dataset, over which nothing is written."""
        paths = self.fleet.connection.execute("SELECT path FROM main.disk").fetchall()
        return EvidenceFiles([self.fleet.path, *(path for (path,) in paths)])

    def write_file(self, format: str, file: Path) -> None:
        """Write a format of :attr:`file_formats`, row by row.

        Raises:
            OSError: It cannot be written.
        """
        if format == "csv":
            from forensics.fleet.report.csv_file import write_csv

            write_csv(self, file)
        elif format == "json":
            from forensics.fleet.report.json_file import write_json

            write_json(self, file)
        else:
            from forensics.fleet.report.workbook import write_workbook

            write_workbook(self, file)

    def _render(self, format: str, width: int | None) -> str:
        if format not in ("text", "html", "csv", "json"):
            raise ValueError("an xlsx file is no text: write it to a file")
        with self.telling():
            return self._text(format, width)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Have the texts in its rows told in the language that is spoken, and nothing replaced meanwhile."""
        language = spoken_language()
        with self.fleet.reading():
            sentences = None if language == "en" else sentences_from_json(self._chosen.sentences())
            with speaking(language, sentences):
                yield

    def _text(self, format: str, width: int | None) -> str:
        if format == "text":
            from forensics.fleet.report.text import render_text

            return render_text(self, width)
        if format == "html":
            from forensics.fleet.report.page import render_page

            return render_page(self)
        if format == "csv":
            from forensics.fleet.report.csv_file import render_csv

            return render_csv(self)
        from forensics.fleet.report.json_file import render_json

        return render_json(self)

    def notebook(self) -> str:
        """Return what a notebook shows: the accounts and the worst rows, as HTML."""
        from forensics.fleet.report.notebook import notebook_html

        return notebook_html(self)

    def _repr_html_(self) -> str:
        return self.notebook()
