"""Each target over its committed inputs and some changes of them, and the engine that makes these."""

from __future__ import annotations

import ast
import json
import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from tests.fuzz import figures, given_files, sparse
from tests.fuzz.engine import Run
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import CORPUS, Target, unpacked
from tests.fuzz.targets import whole
from tests.fuzz.targets.table import TARGETS
from tests.fuzz.watch import Watch
from tests.paths import PROJECT

POSIX = pytest.mark.skipif(os.name != "posix", reason="paths are written in several ways there")
CHANGES = 100
SECONDS = 0.4
"""Of processor time for one target: slow ones are given fewer changes."""
CORPUS_ROOM = 400_000
BY_OTHERS = {
    "parse_blobs": "Wim",
    "parse_capi_rsa_private": "parse_capi_private",
    "parse_file_identifier": "open_disk",
    "parse_guardian_xml": "parse_key_protector",
    "parse_key_table_header": "parse_hyperv_storage",
    "parse_keys": "parse_hyperv_storage",
    "parse_private_key_blob": "load_pvk",
    "parse_section": "parse_capi_key_file",
    "parse_storage_header": "parse_hyperv_storage",
    "parse_utc": "open_case",
}
"""Parsers that others call, and which."""
SEALED = {
    *("hive", "hive-log-entry", "e01", "vhdx", "vma", "xva", "tar", "ntfs-record", "ntfs-volume", "event-chunk"),
    *("hyperv-storage", "vmgs", "wim", "7z", "partition-table"),
}


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp_path_factory.getbasetemp()  # pytest's own folder lies where it lies for other tests
    monkeypatch.setattr(tempfile, "tempdir", given_files.scratch())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_hostile_bytes(target: Target) -> None:
    if target.reads_files and os.name == "nt":
        pytest.skip("a file that was open a moment ago cannot be written anew there")
    corpus = target.corpus()
    assert corpus, f"no inputs: python -m tests.fuzz {target.name} --seeds"
    watch = Watch(target, interrupts=False)
    found = [watch(data) for data in corpus]
    mutator = Mutator(corpus, target.words, f"{target.name} test")
    begun = time.process_time()
    for _ in range(CHANGES):
        found.append(watch(target.reseal(mutator.next())))
        if time.process_time() - begun > SECONDS:
            break
    assert [find.text for find in found if find is not None] == []


@pytest.mark.parametrize("name", sorted(SEALED))
def test_what_is_committed_keeps_its_sums(name: str) -> None:
    """Making sums right changes nothing in a seed, whose sums are right: it knows the same sums as the reader."""
    target = TARGETS[name]
    seeds = [unpacked(path) for path in target.files() if path.name.startswith("seed-")]
    assert [target.reseal(data) for data in seeds] == seeds


def test_every_parser_has_a_target() -> None:
    """By its name in the modules of targets, or by that of what calls it."""
    text = "".join(path.read_text(encoding="utf-8") for path in (CORPUS.parent / "targets").glob("*.py"))
    parsers = {
        node.name
        for path in (PROJECT / "forensics").rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("parse_")
    }
    assert sorted(parsers - set(re.findall(r"parse_\w+", text)) - BY_OTHERS.keys()) == []
    assert sorted(BY_OTHERS.keys() - parsers) == []
    assert {other for other in BY_OTHERS.values() if other not in text} == set()


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    inputs = (path for folder in (CORPUS, CORPUS.parent / "data") for path in folder.rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in inputs) < CORPUS_ROOM


def test_the_seeded_engine_repeats_itself() -> None:
    seeds, words = [b"a text", bytes(5000) + b"the end"], [b"WORD"]
    first, second = (Mutator(seeds, words, "7") for _ in range(2))
    made = [first.next() for _ in range(500)]
    assert made == [second.next() for _ in range(500)]
    assert len(set(made)) > 400
    assert any(b"WORD" in data for data in made)


def test_a_secret_is_found_in_each_of_its_forms() -> None:
    forms = whole._secrets()
    assert len(forms) > 100
    assert min(map(len, forms)) >= whole._LEAST
    assert [form for form in forms if not whole.holds_a_secret(f'{{"key": "{form.upper()}"}}')] == []
    assert not whole.holds_a_secret("0123456789abcdef" * 4 + forms[0][:-1])


def test_a_file_with_holes_is_a_short_input() -> None:
    data = bytes(1000) + b"x" * 100 + bytes(200_000) + b"y" * 500
    packed = sparse.pack(data)
    assert len(packed) < 1000
    size, pieces = sparse.pieces(packed)
    whole = bytearray(size)
    for at, piece in pieces:
        whole[at : at + len(piece)] = piece
    assert whole[: len(data)] == data
    assert sparse.packed(size, pieces) == packed
    stream = sparse.Stream(size, pieces)
    assert stream.read() == whole
    for start, count in ((0, 10), (990, 200), (1050, 5), (201_000, 700), (size - 5, 100), (size + 5, 1)):
        assert stream.seek(start) == start
        assert stream.read(count) == whole[start : start + count]


def _hang(data: bytes) -> None:
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def _write(data: bytes) -> None:
    with open(os.devnull, "wb"):
        pass


def _read(data: bytes) -> None:
    with PROJECT.joinpath("README.md").open("rb"):
        pass


def _fail(data: bytes) -> None:
    raise KeyError(data)


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (_hang, "slow"),
        (_fail, "exception"),
        pytest.param(_write, "file", marks=POSIX),
        pytest.param(_read, "file", marks=POSIX),
    ],
)
def test_what_a_find_is(run: object, kind: str) -> None:
    target = Target("none", run, list, seconds=0.05, mib=16)  # type: ignore[arg-type]
    found = Watch(target, interrupts=False)(b"input")
    assert found is not None
    assert found.kind == kind
    expected = Target("none", run, list, errors=(KeyError,), seconds=10, mib=4096)  # type: ignore[arg-type]
    found = Watch(expected, interrupts=False)(b"input")
    assert (found is None) == (kind != "file")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork nothing watches from outside")
@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (lambda data: len(bytearray(b"x") * (96 << 20)), "memory"),
        (lambda data: os._exit(3), "died"),
        (lambda data: time.sleep(30), "died"),
        (lambda data: [None for _ in iter(int, 1)], "slow"),
    ],
    ids=["memory", "exit", "stuck", "endless"],
)
def test_a_run_is_watched_from_outside(run: object, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that die, wait or never come to an end leave the input with which they did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tests.fuzz.engine._STUCK", 60 if kind == "slow" else 3)
    monkeypatch.setattr(Target, "corpus", lambda target: [b"input"])
    seconds = 5 if kind == "memory" else 0.05
    result = Run(Target("none", run, list, seconds=seconds, mib=16), 0.1, "1", False).go()  # type: ignore[arg-type]
    assert set(result.finds.values()) == {kind}
    kept = [path for path in (tmp_path / "build/fuzz/none").iterdir() if path.suffix != ".txt"]
    assert [path.read_bytes() for path in kept][:1] == [b"input"]


def test_the_page_holds_the_figures() -> None:
    lines = figures.FIGURES.read_text(encoding="utf-8").splitlines()
    assert figures.PAGE.read_text(encoding="utf-8") == figures.page(json.loads(line) for line in lines)
    assert {json.loads(line)["target"] for line in lines} == set(TARGETS)
