"""The folder of a fleet: Parquet parts by table, each whole or not there.

::

    fleet.json                        format, and the date that "expired" refers to
    key_chain/bucket=3/3f…9.parquet   rows of one disk, named for its key
    key_chain/bucket=3/folded-….parquet   rows of many disks, whose keys stand in its metadata under "disks"
    disk/bucket=3/…                   table disk, likewise: its row is written last, and makes the others count
    across/key_chain.parquet          what spans machines, written anew by each run

A bucket is the first digit of a key. Every row has its key in column ``disk``, so that any tool reads a table as
``read_parquet('FLEET/key_chain/*/*.parquet', hive_partitioning = true)``; which rows count is told by
:mod:`forensics.fleet.stored`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from forensics.disk.evidence_files import EvidenceFiles
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.outputs import new_file
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.timestamps import format_utc, parse_utc
from forensics.version import __version__

FORMAT = 1
FOLDED = "folded-"
"""How the names of files begin that hold the rows of many disks."""
KEYS = b"disks"
"""Where in the metadata of such a file the keys of these disks stand, as a list in JSON."""
REPLACES = b"replaces"
"""Where the names of such files stand whose rows it has: they do not count, also where they are still there."""
_HEAD = "fleet.json"
PER_DISK = (*ROW_CLASSES, "source", "finding", "sentence", "summary", "ending")
"""Tables of which each disk may have rows."""
BUCKETS = "0123456789abcdef"


class DatasetError(Exception):
    """The folder is no dataset of a fleet, or one of another format; the message is for the user."""


class DatasetChangedError(DatasetError):
    """A run replaced files of the dataset while they were read; what is read once more is whole."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A fleet's folder.

    Attributes:
        path: The folder.
        as_of: What "expired" refers to in all that it holds, UTC.
        options: How its inputs were last examined, as JSON.
    """

    path: Path
    as_of: datetime
    options: str = "{}"

    @classmethod
    def create(cls, path: str | Path, as_of: datetime, evidence: EvidenceFiles | None = None) -> Dataset:
        """Make an empty dataset in a folder that is empty or not there.

        Args:
            path: The folder.
            as_of: What "expired" refers to.
            evidence: What must not be written.

        Raises:
            DatasetError: Something is there already.
            EvidenceTargetError: It is evidence, or lies in a folder of it.
            OSError: It cannot be written.
        """
        folder, kept = Path(path), evidence or EvidenceFiles()
        kept.refuse(folder)
        if folder.exists() and not folder.is_dir():
            raise DatasetError(
                sentence("{folder} is a file; name a folder that is empty or not there", folder=str(folder))
            )
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DatasetError(
                sentence("{folder} holds something else; name a folder that is empty or not there", folder=str(folder))
            )
        made = cls(folder, as_of)
        made._write_head(kept)
        return made

    def renewed(self, as_of: datetime, options: str) -> Dataset:
        """Return the dataset for a run as of another date or with other options, which it has from now on.

        Raises:
            OSError: It cannot be written.
        """
        other = replace(self, as_of=as_of, options=options)
        if other != self:
            other._write_head(EvidenceFiles(), overwrite=True)
        return other

    def _write_head(self, evidence: EvidenceFiles, overwrite: bool = False) -> None:
        head = {"format": FORMAT, "tool": "keymortem", "version": __version__}
        told = {**head, "as_of": format_utc(self.as_of, fraction=True), "options": json.loads(self.options)}
        with new_file(self.path / _HEAD, evidence, overwrite) as file:
            file.write_text(json.dumps(told) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, path: str | Path) -> Dataset:
        """Open a dataset.

        Raises:
            DatasetError: It is none, or of another format.
        """
        folder = Path(path)
        _refuse_foreign(folder, folder)
        try:
            with (folder / _HEAD).open(encoding="utf-8") as file:
                head = json.loads(file.read(1 << 16))
            version, as_of, options = head["format"], parse_utc(head["as_of"]), json.dumps(head.get("options", {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise DatasetError(sentence("{folder} is no dataset of keymortem fleet run", folder=str(folder))) from None
        if version != FORMAT:
            raise DatasetError(
                sentence(
                    "{folder} has format {found}; this version reads format {read}",
                    folder=str(folder),
                    found=str(version),
                    read=FORMAT,
                )
            )
        for table in (*PER_DISK, "disk", "across"):
            _refuse_foreign(folder / table, folder)
        return cls(folder, as_of, options)

    def part(self, table: str, disk: str) -> Path:
        """Return where the rows of one disk are written."""
        return self.path / table / f"bucket={disk[0]}" / f"{disk}.parquet"

    def across(self, table: str) -> Path:
        """Return where the rows of a table are written that span machines."""
        return self.path / "across" / f"{table}.parquet"

    @property
    def work(self) -> Path:
        """A folder for what a run needs meanwhile; what one left that was killed is removed by the next."""
        return self.path / ".work"

    def files(self, table: str) -> Iterator[Path]:
        """Yield the finished files of a table, those of disks alone.

        Raises:
            DatasetError: There is something that keymortem does not write.
        """
        for bucket in BUCKETS:
            names = _refuse_foreign(self.path / table / f"bucket={bucket}", self.path, only_files=True)
            for name in names:
                if name.endswith(".parquet") and not name.startswith("."):
                    yield self.path / table / f"bucket={bucket}" / name


def _refuse_foreign(folder: Path, dataset: Path, only_files: bool = False) -> list[str]:
    """Return the sorted names in a folder of a dataset; through a link its reader or writer would be led elsewhere.

    Raises:
        DatasetError: There is a link, a pipe or a device; or a folder, where only files belong.
    """
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if entry.is_file(follow_symlinks=False) or (not only_files and entry.is_dir(follow_symlinks=False)):
                    continue
                if os.path.lexists(entry.path):
                    raise DatasetError(
                        sentence(
                            "{dataset} holds what keymortem does not write ({path} is no file of its own): it is "
                            "neither read nor written",
                            dataset=str(dataset),
                            path=entry.path,
                        )
                    )
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        if folder == dataset:
            return []
        raise DatasetError(
            sentence(
                "{dataset} holds what keymortem does not write ({folder} is no folder)",
                dataset=str(dataset),
                folder=str(folder),
            )
        ) from None
    return sorted(names)


def folded_name(keys: Iterable[str], replaces: Iterable[str] = ()) -> str:
    """Return the name of the file that holds the rows of many disks of one bucket: no two have the same.

    Args:
        keys: Of the disks.
        replaces: Names of files of many disks in whose place it comes.
    """
    told = json.dumps([sorted(keys), sorted(replaces)])
    return f"{FOLDED}{hashlib.sha256(told.encode()).hexdigest()[:16]}.parquet"
