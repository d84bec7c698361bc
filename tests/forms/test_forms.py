"""One Windows in every form in which people hold one: the same truth of its keys, whatever holds them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.tables.source import leaves
from testdata.forms import windows
from testdata.forms.form import Carries, Form
from testdata.forms.table import FORMS, GROUPS, REFERENCE
from tests.forms.second_readers import SECOND_READERS
from tests.opened_files import opened_files
from tests.paths import PROJECT

pytestmark = pytest.mark.usefixtures("rows_alone")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
STANDARD_LIBRARY = ("lzma", "bz2", "zipfile", "tarfile")
PLAIN: tuple[Carries, ...] = ("disk", "files")
Ask = Callable[[Path, Mapping[str, object], bool], list[str]]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes can be forked")
PATHS = ("source_path", "key_file_path")
NOT_SEARCHED = {
    "recoverable": None,
    "recovery_doubt": "partition 1 was not searched: left out: --partition 2 was chosen",
    "reason": "there is no key file where the certificate's link leads",
}
NOT_COLUMNS = ("why", "key_file_path")


@pytest.fixture(scope="module", params=FORMS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Form, Path]]:
    """A form, and what is to be named."""
    form = FORMS[request.param]
    if form.lacking:
        pytest.skip(f"needs {form.lacking}")
    folder = tmp_path_factory.mktemp("form")
    yield form, form.make(folder)
    shutil.rmtree(folder)


@contextmanager
def opener(*plain: Path) -> Iterator[Ask]:
    """Start what opens sources, where plain ones were opened before."""
    command = [sys.executable, "-m", "tests.forms.opener", *map(str, plain)]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    to, answers = process.stdin, process.stdout

    def imported(path: Path, options: Mapping[str, object], whole: bool) -> list[str]:
        to.write(json.dumps([str(path), options, whole]) + "\n")
        to.flush()
        found: list[str] = json.loads(answers.readline())
        return found

    yield imported
    to.close()
    assert process.wait() == 0
    answers.close()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask which readers a source needs, those of the standard library aside."""
    folder = tmp_path_factory.mktemp("plain")
    with opener(*(FORMS[REFERENCE[carries]].make(folder) for carries in PLAIN)) as imported:
        yield imported


def examined(form: Form, path: Path) -> forensics.Case:
    return _examined(form.name, path)


@lru_cache(maxsize=1)
def _examined(name: str, path: Path) -> forensics.Case:
    """Examine a form; that of a folder serves both tests that ask for it."""
    options: dict[str, Any] = dict(FORMS[name].options)
    if password := options.pop("archive_password", None):
        options["archive_password_file"] = path.parent.parent / "password"
        options["archive_password_file"].write_text(password)
    with opened_files() as opened:
        case = forensics.examine(path, as_of=AS_OF, **options)
    folder = next((above for above in (path, *path.parents) if above.name.startswith("form")), path.parent)
    assert opened.outside(folder, *map(str, options.values())) == []
    return case


def plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def all_columns(case: forensics.Case, carries: Carries) -> list[dict[str, Any]]:
    """Return the rows with every column but the paths, in a fixed order.

    Those of a copied profile have the times of the copy.
    """
    left_out = (*PATHS, "source_time") if carries == "profile files" else PATHS
    rows = [
        {name: value for name, value in asdict(row).items() if name not in left_out} for row in case.rows("key_chain")
    ]
    return sorted(rows, key=lambda row: str(row["thumbprint"]))


@cache
def reference(carries: Carries) -> list[dict[str, Any]]:
    form = FORMS[REFERENCE[carries]]
    with tempfile.TemporaryDirectory() as folder:
        rows = all_columns(examined(form, form.make(Path(folder))), carries)
    if carries == "part":
        return [row | (NOT_SEARCHED if row["subject"] == windows.GONE else {}) for row in rows]
    return [row | ({"source_time": None} if carries == "exports" else {}) for row in rows]


def test_the_keys_are_judged_as_stated(made: tuple[Form, Path]) -> None:
    form, path = made
    case = examined(form, path)
    assert [(row.kind, row.computer_name, row.drive) for row in case.rows("machine")] == list(form.machines)
    rows = {row.thumbprint: row for row in case.rows("key_chain")}
    stated = {row["thumbprint"]: row for row in windows.truth(form.carries)}
    assert rows.keys() == stated.keys()
    for thumbprint, row in stated.items():
        ours = {column: plain(getattr(rows[thumbprint], column)) for column in row if column not in NOT_COLUMNS}
        assert ours == {column: value for column, value in row.items() if column not in NOT_COLUMNS}, row["why"]
    assert all_columns(case, form.carries) == reference(form.carries)
    assert case.sources[0].kind == form.kind
    assert {entry.error for entry in leaves(case.sources)} == {None}


def test_its_folder_is_the_same_machine(made: tuple[Form, Path]) -> None:
    form, path = made
    top = path if path.is_dir() else next(each for each in path.parents if each.name.startswith("form"))
    case = examined(form, top)
    assert all_columns(case, form.carries) == reference(form.carries)
    assert len(case.not_examined) == len(form.told)
    assert all(words in line for words, line in zip(form.told, case.not_examined, strict=True))


def test_another_reader_finds_the_same_in_it(made: tuple[Form, Path], tmp_path: Path) -> None:
    form, path = made
    if not form.second_reader:
        pytest.skip("no other program reads this form")
    content = SECOND_READERS[form.second_reader](path, tmp_path, str(form.options.get("archive_password", "")))
    if isinstance(content, bytes):
        assert (windows.volume() if form.carries == "disk" else windows.collected_volume()) in content
    elif form.carries == "hives":
        assert {name: data for name, data in content.items() if name.isupper()} == {
            path.rpartition("/")[2]: data for path, data in windows.files().items() if windows.HIVES in path
        }
    else:
        assert content.items() >= windows.files().items()


@needs_fork
def test_the_reader_is_the_one_that_the_table_names(made: tuple[Form, Path], ask: Ask) -> None:
    form, path = made
    # dissect.hypervisor and py7zr import the last one themselves, for what has it.
    others = STANDARD_LIBRARY if form.reader == "backports.zstd" else {*STANDARD_LIBRARY, "backports.zstd"}
    libraries = [reader for reader in ask(path, form.options, False) if reader not in others]
    assert libraries == [reader for reader in (form.reader,) if reader]


@needs_fork
def test_an_examination_of_a_plain_disk_imports_no_reader_of_another_form(tmp_path: Path) -> None:
    """Opening costs nothing for forms that are not there."""
    with opener() as imported:
        assert imported(FORMS[REFERENCE["disk"]].make(tmp_path), {}, True) == []


def test_the_names_are_unique_and_the_references_plain() -> None:
    assert len(FORMS) == sum(map(len, GROUPS.values()))
    assert {carries: FORMS[name].carries for carries, name in REFERENCE.items()} == {
        "disk": "disk",
        "part": "disk",
        "files": "files",
        "hives": "hives",
        "exports": "hives",
        "profile": "profile",
        "profile files": "profile files",
    }
    assert not any(FORMS[name].needs for name in REFERENCE.values())
