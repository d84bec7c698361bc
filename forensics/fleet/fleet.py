"""A fleet as Python and a notebook have it: relations that are asked lazily, data frames, and the case of each disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from forensics.case import Case
from forensics.case_tables import series_of
from forensics.fleet.across_rows import ACROSS, add_across
from forensics.fleet.dataset import PER_DISK, Dataset
from forensics.fleet.part import columns_of
from forensics.fleet.rebuilt import rebuilt_case
from forensics.fleet.stored import UnknownDiskError as UnknownDiskError
from forensics.fleet.stored import connect, reading
from forensics.language import _n, sentence
from forensics.tables.finding import CONFIDENCES, SEVERITIES

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from forensics.fleet.report.report import FleetReport

LEAST_OF_KEY = 6
"""Format: digits of the key of a disk by which it is found."""


def open_fleet(path: str | Path) -> Fleet:
    """Open the dataset that ``keymortem fleet run`` wrote. Nothing is ever written to it.

    Args:
        path: Its folder.

    Raises:
        DatasetError: It is none, or of another format.
        ModuleNotFoundError: It needs ``keymortem[fleet]``.

    Examples:
        >>> import forensics
        >>> fleet = forensics.open_fleet("fleet")
        >>> sorted(fleet.disks.machine)
        ['LAP-77', 'WEB01']
    """
    return Fleet(Dataset.open(path))


class Fleet:
    """What :func:`forensics.open_fleet` returns: every table of the dataset, of what counts alone.

    Relations and frames are of the files that were there when it was opened.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._connection = connect(dataset)
        with self.reading():
            add_across(self._connection, dataset)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._dataset.path

    @property
    def as_of(self) -> datetime:
        """What "expired" refers to, UTC."""
        return self._dataset.as_of

    @property
    def dataset(self) -> Dataset:
        """The folder as those who write to it know it."""
        return self._dataset

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database in memory that has the tables as views; those that span machines are in schema ``across``."""
        return self._connection

    @property
    def tables(self) -> tuple[str, ...]:
        """What relations and frames there are."""
        return ("disk", *PER_DISK, *(f"across.{name}" for name in ACROSS))

    def relation(self, table: str) -> duckdb.DuckDBPyRelation:
        """Return a table as a relation of DuckDB, which reads when it is asked.

        Args:
            table: One of :attr:`tables`.

        Raises:
            KeyError: There is no such table; the message lists those that are.
        """
        if table not in self.tables:
            raise KeyError(f"no table {table!r}; there are {', '.join(self.tables)}")
        schema, _, name = table.rpartition(".")
        return self._connection.sql(f'SELECT * FROM {schema or "main"}."{name}"')

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Ask a question in SQL, of tables by their names: ``fleet.sql("SELECT verdict, count(*) FROM key_chain …")``.

        Raises:
            ValueError: It is no single SELECT: nothing is written.
            duckdb.Error: DuckDB does not understand it.
        """
        import duckdb

        statements = self._connection.extract_statements(query)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise ValueError("a fleet is asked by one SELECT, and never written")
        return self._connection.sql(query)

    def frame(self, table: str) -> pd.DataFrame:
        """Return a table as a pandas data frame with the dtypes that a case's frames have.

        Args:
            table: One of :attr:`tables`.

        Raises:
            KeyError: As of :meth:`relation`.
        """
        import pandas as pd

        columns = ACROSS[table.removeprefix("across.")] if table.startswith("across.") else columns_of(table)
        found = self.relation(table).to_arrow_table()
        return pd.DataFrame({spec.name: series_of(found[spec.name].to_pylist(), spec) for spec in columns})

    @property
    def disks(self) -> pd.DataFrame:
        """One row a disk and machine, as ``keymortem fleet report`` shows them: frame ``summary`` with ``path``."""
        summary, disks = self.frame("summary"), self.frame("disk")
        own = disks[["disk", "path", "state", "error"]].rename(columns={"state": "input_state"})
        return own.merge(summary.drop(columns="row_number"), on="disk", how="left")

    @property
    def findings(self) -> pd.DataFrame:
        """The findings of all machines, the worst first, ``severity`` and ``confidence`` ordered."""
        import pandas as pd

        found = self.frame("finding").drop(columns=["row_number", "json"])
        found["severity"] = found["severity"].astype(pd.CategoricalDtype([*reversed(SEVERITIES)], ordered=True))
        found["confidence"] = found["confidence"].astype(pd.CategoricalDtype([*reversed(CONFIDENCES)], ordered=True))
        return found.sort_values(["severity", "rule", "machine_id"], ascending=[False, True, True], ignore_index=True)

    def key_of(self, disk: str) -> str:
        """Return the key of a disk.

        Args:
            disk: Its path as it was named, its key or the first digits of that, or the end of its path from a folder's
                or file's name on, where no other disk ends so.

        Raises:
            UnknownDiskError: There is none, or several.
        """
        ask = self._connection.execute
        exact = ask("SELECT disk FROM main.disk WHERE path = ? OR disk = ?", [disk, disk]).fetchall()
        found = (
            exact
            or ask(
                "SELECT disk FROM main.disk WHERE (length($name) >= $least AND starts_with(disk, $name)) "
                "OR ends_with(path, '/' || $name) OR ends_with(path, '\\' || $name) LIMIT 2",
                {"name": disk, "least": LEAST_OF_KEY},
            ).fetchall()
        )
        if len(found) != 1:
            values = {"disk": disk, "dataset": str(self.path)}
            raise UnknownDiskError(
                sentence("{disk}: several disks are called so; name the whole path in {dataset}", **values)
                if found
                else sentence("{disk}: there is no such disk in {dataset}", **values)
            )
        return str(found[0][0])

    def case(self, disk: str) -> Case:
        """Return the case of one disk, as it was examined: everything that can be done with a case can be with it.

        Args:
            disk: As in :meth:`key_of`.

        Raises:
            UnknownDiskError: There is no such disk, or there are several.
        """
        with self.reading():
            return rebuilt_case(self._connection, self._dataset, self.key_of(disk))

    def report(self) -> FleetReport:
        """Return what :func:`forensics.fleet_report` says of it."""
        from forensics.fleet.report.report import fleet_report

        return fleet_report(self)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let what the dataset should not hold, and what a run folded meanwhile, end the reading with a sentence.

        Raises:
            DatasetError: A file is gone that was there when the fleet was opened, or is not as keymortem writes it.
        """
        with reading(self._dataset):
            yield

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        counts = self._connection.execute(
            "SELECT state, count(*) FROM main.disk GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts)
        return f"<Fleet of {_n('{count} input', '{count} inputs', sum(n for __, n in counts))}; {told or 'empty'}>"

    def _repr_html_(self) -> str:
        return self.report().notebook()
