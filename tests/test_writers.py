"""Whatever the package writes it writes by ``forensics.outputs``: no writer can forget evidence or leave halves."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import forensics
from tests.hand_made import case
from tests.paths import PROJECT

WRITERS = {
    "forensics/cli/language.py": "writes help into the formatter of click",
    "forensics/outputs.py": "writes for all others",
    "forensics/tables/database.py": "makes the database of a case file in an own temporary folder",
    "forensics/report/exports/csv_files.py": "writes to paths that outputs gives",
    "forensics/report/exports/flow_records.py": "writes to a path that outputs gives",
    "forensics/report/exports/parquet_files.py": "writes to paths that outputs gives",
    "forensics/recovery/recover.py": "writes to paths that outputs gives",
    "forensics/rendering.py": "writes to paths that outputs gives",
    "forensics/engine/skeleton.py": "writes to paths that outputs gives",
    "forensics/fleet/cleaning.py": "removes from a dataset what runs left that were killed",
    "forensics/fleet/dataset.py": "makes the folder of a dataset",
    "forensics/fleet/fleet.py": "renames a column of a data frame",
    "forensics/fleet/fold.py": "removes parts that were folded into one",
    "forensics/fleet/lock.py": "the lock of a dataset",
    "forensics/fleet/part.py": "writes to memory, and removes parts of an attempt that was killed",
    "forensics/fleet/quick_file.py": "writes the small files of a dataset",
    "forensics/fleet/report/csv_file.py": "writes to a path that outputs gives",
    "forensics/fleet/report/json_file.py": "writes to a path that outputs gives",
    "forensics/fleet/report/pages.py": "writes to paths that outputs gives",
    "forensics/fleet/rules_across.py": "makes the folder of a dataset, and has DuckDB a temporary one",
    "forensics/fleet/run.py": "removes the temporary folder of a dataset's run",
    "forensics/fleet/stored.py": "a database in memory",
    "forensics/fleet/task.py": "says to nobody what a worker does that is ended",
    "forensics/engine/database.py": "a database in memory",
    "forensics/tables/case_reader.py": "opens a database for reading alone",
    "forensics/contained/bounds.py": "the streams of a child lead nowhere",
    "forensics/contained/child.py": "removes what a child unpacked that was killed",
    "forensics/cli/options.py": "keeps standard input in memory",
    "forensics/cli/main.py": "turns away from a pipe that nobody reads",
    "forensics/cli/messages.py": "turns away from a standard output that is full",
    "forensics/disk/temporary.py": "a temporary file without a name",
    "forensics/sources/unpacked_members.py": "unpacks into an own temporary folder",
    "forensics/sources/seven_zip_tree.py": "unpacks into an own temporary folder",
}
"""The modules that may name something to write to, and why."""
METHODS = frozenset(
    word
    for line in (
        "write_text write_bytes touch mkdir makedirs symlink_to hardlink_to link symlink rename renames",
        "unlink rmdir removedirs chmod copyfile copy copy2 copytree move rmtree mkstemp mkdtemp TemporaryFile",
        "NamedTemporaryFile TemporaryDirectory SpooledTemporaryFile write_table write_dataset to_csv",
        "to_parquet to_excel to_sql to_feather to_pickle ParquetWriter RecordWriter RecordOutput savefig",
        "mkfifo memfd_create",
    )
    for word in line.split()
)
"""Names by which the standard library and those in use here write, make and remove files."""
_MAY_WRITE = re.compile(rf"\b(?:{'|'.join(METHODS)}|open|fdopen|connect|os\.replace)\(|\.replace\((?![^()]*,)")
COPIES = frozenset(("copy", "copytree"))
"""Methods of dictionaries and the like too: they count on ``shutil`` alone."""


def _writing(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that may write to a file by a path."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        owner = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
        if name in METHODS and (name not in COPIES or owner == "shutil"):
            yield node.lineno, name
        elif name == "replace" and isinstance(called, ast.Attribute) and (owner == "os" or len(node.args) == 1):
            yield node.lineno, name  # of a text it takes two arguments, of a date named ones
        elif name == "connect" and owner in ("sqlite3", "duckdb"):
            yield node.lineno, name
        elif name in ("open", "fdopen"):
            words = [*node.args, *(word.value for word in node.keywords)]
            if (owner == "os" and any(_says_writing(w) for w in words)) or any(_is_writing_mode(w) for w in words):
                yield node.lineno, name


def _is_writing_mode(word: ast.expr) -> bool:
    mode = word.value if isinstance(word, ast.Constant) else None
    return (
        isinstance(mode, str) and 0 < len(mode) <= 4 and set(mode) <= set("rwxab+t") and bool(set(mode) & set("wxa+"))
    )


def _says_writing(word: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TMPFILE")
        for node in ast.walk(word)
    )


def test_files_are_written_in_one_place_only() -> None:
    found: dict[str, list[str]] = {}
    for path in (PROJECT / "forensics").rglob("*.py"):
        name, text = path.relative_to(PROJECT).as_posix(), path.read_text(encoding="utf-8")
        for line, call in _writing(ast.parse(text)) if _MAY_WRITE.search(text) else ():
            found.setdefault(name, []).append(f"{name}:{line} {call}")
    others = [call for name, calls in found.items() if name not in WRITERS for call in calls]
    assert others == [], "write it to what forensics.outputs.new_file or new_files gives, and say so here"
    assert set(found) == set(WRITERS), "named here, and writes nothing"


@pytest.mark.parametrize(
    "line",
    [
        "open(path, 'w')",
        "path.open('xb')",
        "path.open(mode='r+b')",
        "gzip.open(path, 'wb')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "path.write_text(text)",
        "path.parent.mkdir(parents=True)",
        "frame.to_parquet(path)",
        "sqlite3.connect(path)",
        "duckdb.connect()",
        "path.replace(target)",
        "os.replace(path, target)",
        "shutil.copy(a, b)",
        "tempfile.mkdtemp()",
        "pq.write_table(table, path)",
    ],
)
def test_a_writing_would_be_found(line: str) -> None:
    assert len(list(_writing(ast.parse(line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "path.open('rb')",
        "open(path)",
        "os.open(path, os.O_RDONLY)",
        "text.replace('a', 'b')",
        "replace(row, a=1)",
        "moment.replace(tzinfo=UTC)",
        "copy.copy(row)",
        "words.copy()",
    ],
)
def test_a_reading_would_not(line: str) -> None:
    assert list(_writing(ast.parse(line))) == []


_seen: list[tuple[str, str]] | None = None
"""Where what is done to files goes while somebody watches; what watches can never be taken away again."""
_DONE_TO = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.remove": 0, "sqlite3.connect": 0}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None:
        return
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes and isinstance(path, str | bytes | os.PathLike):
            _seen.append((event, os.fsdecode(path)))
    elif event in _DONE_TO:
        named = arguments[_DONE_TO[event]]
        _seen.append((event, os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(named)))


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """Yield what Python does to files meanwhile, whichever library has it done."""
    global _seen
    found: list[tuple[str, str]] = []
    _seen = found
    try:
        yield found
    finally:
        _seen = None


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without names here")
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("form", ["text", "html", "json", "ics", "prom", "records", "csv", "parquet", "case"])
def test_nothing_has_a_name_before_it_is_whole(form: str, is_there: bool, tmp_path: Path) -> None:
    target = tmp_path / "out.gz"

    def write() -> None:
        if form == "case":
            case().save(target, overwrite=True)
        else:
            forensics.write(case(), form, target, overwrite=True)

    if is_there:
        write()
    with watched() as seen:
        write()
    here = [(event, Path(path).name) for event, path in seen if path.startswith(str(tmp_path))]
    begun = [path for event, path in here if event == "open"]
    names = [path for event, path in here if event in ("os.rename", "os.link", "os.mkdir")]
    # Opened to be written is only the folder itself, without a name.
    assert set(begun) <= {tmp_path.name, target.name if form in forensics.FOLDER_FORMATS else tmp_path.name}
    assert any(path.startswith("/proc/self/fd/") for event, path in seen if event == "open") or form == "parquet"
    finished = [name for name in names if not name.startswith(".keymortem-")]
    assert target.name in finished or (form in forensics.FOLDER_FORMATS and f"machine.{form}" in finished)
    if not is_there and form not in forensics.FOLDER_FORMATS:
        assert here[-1] == ("os.link", target.name)
        assert names == [target.name]
