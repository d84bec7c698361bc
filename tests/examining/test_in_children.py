"""Sources examined in contained children: the same case as one by one, whatever becomes of single ones."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count as counting
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import forensics
from forensics.case import Case
from forensics.collectors import collect as collect_module
from forensics.contained.bounds import Bounds
from forensics.contained.child import is_forked_here, is_possible
from forensics.contained.frames import Sender
from forensics.examining import in_children as children_module
from forensics.examining.group import GROUP_CLASSES, KEYS_CLASSES, GroupAnswer, Hashes, KeysAnswer, examine_group
from forensics.examining.settings import Settings
from forensics.sources.named_disks import arranged, disks_named
from testdata.builder.lone_profiles import forged, lay, profile
from testdata.builder.ntfs import unavailable
from tests.contained.classes import classes_within
from tests.paths import IMAGES, PROJECT

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
SAMPLE, BOUND, CLONE_ONE, CLONE_TWO = (IMAGES / f"{n}.vhdx.xz" for n in ("sample", "bound", "clone-one", "clone-two"))

needs_fork = pytest.mark.skipif(not is_possible(), reason="this system has no fork: all are examined in one process")
needs_one_thread = pytest.mark.skipif(not is_forked_here(), reason="this process has threads")
pytestmark = needs_fork


def examined(*sources: Path, **options: Any) -> Case:
    return forensics.examine(*sources, as_of=AS_OF, strict=False, **options)


def in_children(*sources: Path, jobs: int = 3, **options: Any) -> Case:
    with mock.patch("forensics.examining.passes.is_possible", is_possible):
        return examined(*sources, jobs=jobs, **options)


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(lzma.decompress((IMAGES / f"{name}.xz").read_bytes()))
    return path


def chain(folder: Path) -> list[Path]:
    """A differencing disk with its parents, the parents named first."""
    return [unpacked(name, folder) for name in ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")]


def the_same_twice(folder: Path) -> list[Path]:
    disk = unpacked("sample.vhdx", folder)
    (folder / "other").mkdir()
    os.link(disk, folder / "other" / "linked.vhdx")
    return [disk, BOUND, folder / "other" / "linked.vhdx"]


def a_folder_and_a_file_in_it(folder: Path) -> list[Path]:
    (folder / "all").mkdir()
    disk = unpacked("sample.vhdx", folder / "all")
    shutil.copy(BOUND, folder / "all")
    return [BOUND, folder / "all", disk]


def clones(folder: Path) -> list[Path]:
    return [CLONE_ONE, SAMPLE, CLONE_TWO]


def a_copy_in_another_container(folder: Path) -> list[Path]:
    disk = unpacked("sample.vhdx", folder)
    with zipfile.ZipFile(folder / "copy.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(disk, "backup/sample.vhdx")
    return [BOUND, disk, folder / "copy.zip"]


def two_archives_of_different_disks(folder: Path) -> list[Path]:
    for name in ("sample", "bound"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(unpacked(f"{name}.vhdx", folder), "disk.vhdx")
    return [folder / "sample.zip", folder / "bound.zip"]


def hosts_and_guardians(folder: Path) -> list[Path]:
    return [IMAGES / f"hyperv-{name}.vhdx.xz" for name in ("source", "target", "hgs")]


def what_cannot_be_opened(folder: Path) -> list[Path]:
    (folder / "noise.vhdx").write_bytes(b"no disk" * 1000)
    (folder / "empty").mkdir()
    return [folder / "lost.vhdx", SAMPLE, folder / "noise.vhdx", folder / "empty"]


def profiles_alone(folder: Path) -> list[Path]:
    return [lay(folder / name, profile(*forged(name=name)), f"Users/{name}") for name in ("anna", "bert")]


def a_controller_and_a_member(folder: Path) -> list[Path]:
    from testdata.builder.machine import machine
    from tests.test_domain_controllers import controller, laid, with_user

    member = laid(with_user(machine("domain-controllers/client")), folder / "member")
    return [member, laid(controller(), folder / "dc"), SAMPLE]


def a_host_and_its_data_disk(folder: Path) -> list[Path]:
    from tests.test_links_followed import DATA_GPT, ON_D, TO_D, two_disks, with_data_disk

    if (why := unavailable()) is not None:
        pytest.skip(why)
    return [SAMPLE, *two_disks(folder / "vm", with_data_disk(DATA_GPT), TO_D, ON_D)]


COMBINATIONS = [
    chain,
    the_same_twice,
    a_folder_and_a_file_in_it,
    clones,
    a_copy_in_another_container,
    two_archives_of_different_disks,
    hosts_and_guardians,
    what_cannot_be_opened,
    profiles_alone,
    a_controller_and_a_member,
    a_host_and_its_data_disk,
]


def shown(case: Case) -> str:
    return forensics.render(case, "json")


@pytest.mark.parametrize("make", COMBINATIONS, ids=lambda make: str(make.__name__))
def test_the_case_is_that_of_one_process(tmp_path: Path, make: Callable[[Path], list[Path]]) -> None:
    sources = make(tmp_path)
    assert shown(in_children(*sources)) == shown(examined(*sources))


@pytest.mark.parametrize("make", [chain, a_copy_in_another_container], ids=lambda make: str(make.__name__))
def test_also_in_the_other_order_and_one_at_a_time(tmp_path: Path, make: Callable[[Path], list[Path]]) -> None:
    sources = make(tmp_path)[::-1]
    assert shown(in_children(*sources, jobs=1)) == shown(examined(*sources))


def test_one_source_of_each_kind_of_image_is_the_same_in_a_child() -> None:
    assert shown(in_children(IMAGES)) == shown(examined(IMAGES))


def test_options_reach_the_children(tmp_path: Path) -> None:
    options: dict[str, Any] = {"second_opinion": True, "hash_sources": True, "history": True, "passwords": {"x": "y"}}
    ours, theirs = in_children(SAMPLE, BOUND, **options), examined(SAMPLE, BOUND, **options)
    assert shown(ours) == shown(theirs)
    assert [row.message for row in ours.rows("problem") if row.kind == "unknown_user"] == [
        "a password or NT hash was given for x, whom none of the sources knows; name the user or SID"
    ]
    assert all(entry.sha256 for entry in ours.sources)


def test_what_children_read_is_evidence(tmp_path: Path) -> None:
    parent, middle, leaf = chain(tmp_path)
    case = in_children(leaf)
    for read in (parent, middle, leaf):
        with pytest.raises(forensics.EvidenceTargetError):
            forensics.write(case, "text", read, overwrite=True)


def test_sources_that_are_known_to_belong_together_are_one_group(tmp_path: Path) -> None:
    parent, middle, leaf = chain(tmp_path)
    linked = tmp_path / "linked.avhdx"
    os.link(leaf, linked)
    order, groups = arranged(disks_named([SAMPLE, parent, BOUND, leaf, middle, linked]))
    assert sorted(map(sorted, groups)) == [[0], [1, 3, 4, 5], [2]]
    [group] = [group for group in groups if len(group) > 1]
    assert list(group) == [number for number in order if number in group]
    assert group.index(3) < group.index(1)


@pytest.fixture
def threads() -> Iterator[None]:
    """A process with several threads, as a notebook or a worker of a cluster is."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("threads")
def test_a_process_with_threads_has_others_fork(tmp_path: Path) -> None:
    sources = [*a_copy_in_another_container(tmp_path), tmp_path / "lost"]
    assert not is_forked_here()
    assert shown(in_children(*sources)) == shown(examined(*sources))


def test_an_answer_may_hold_what_its_classes_hold() -> None:
    assert classes_within(GroupAnswer) <= set(GROUP_CLASSES)
    assert classes_within(KeysAnswer) <= set(KEYS_CLASSES)


def fail(how: Callable[[], object], name: str = "clone-two") -> Callable[..., Any]:
    """Return what collects, but for one source, of which the child comes to grief."""
    really = collect_module.collect

    def collect(installation: Any) -> Any:
        if name in installation.source_path:
            how()
        return really(installation)

    return collect


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(60)


def take() -> None:
    held = [bytes(8 << 20) for _ in range(1000)]
    raise AssertionError(len(held))


def spin() -> None:
    while True:
        pass


@pytest.mark.one_thread
@needs_one_thread
def test_what_one_child_compiled_is_compiled_for_those_that_are_not_forked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(children_module, "compile_classes", lambda names: told.append(tuple(names)))
    in_children(SAMPLE, BOUND, CLONE_ONE, jobs=2)
    (while_two_ran,) = told
    assert "forensics.tables.source.SourceEntry" in while_two_ran


@pytest.mark.one_thread
@needs_one_thread
@pytest.mark.parametrize(
    ("how", "bound", "value", "kind", "why"),
    [
        (crash, "seconds", 60, "crashed", "it crashed (SIGSEGV)"),
        (hang, "seconds", 2, "past_deadline", "it did not end within 2 seconds"),
        (spin, "processor", 1, "too_much_time", "it took more than 1 seconds of processor time"),
        (lambda: os._exit(3), "seconds", 60, "crashed", "it ended without an answer (exit code 3)"),
    ],
    ids=["crashes", "hangs", "spins", "exits"],
)
def test_one_that_fails_is_told_and_the_others_are_examined(
    monkeypatch: pytest.MonkeyPatch, how: Callable[[], object], bound: str, value: int, kind: str, why: str
) -> None:
    really, asked = children_module._bounds, counting()

    def bounds(*numbers: int) -> Bounds:
        """Bound the second of the children, of whose deadline the others know nothing, however busy the machine is."""
        return replace(really(*numbers), **({bound: value} if next(asked) == 1 else {}))  # type: ignore[arg-type]

    monkeypatch.setattr(collect_module, "collect", fail(how))
    monkeypatch.setattr(children_module, "_bounds", bounds)
    case = in_children(CLONE_ONE, CLONE_TWO, BOUND)
    message = f"its examination was ended: {why}"
    assert [(entry.path, entry.machine_ids, entry.error) for entry in case.sources] == [
        (str(CLONE_ONE), [1], None),
        (str(CLONE_TWO), [], message),
        (str(BOUND), [2], None),
    ]
    assert [(row.source_path, row.kind, row.message) for row in case.rows("problem") if row.machine_id == 0] == [
        (str(CLONE_TWO), kind, message)
    ]
    assert case.is_incomplete
    assert list(case.not_examined) == [f"Examined 2 of 3: not {CLONE_TWO}.", f"{CLONE_TWO}: {message}"]


def greedy(sender: Sender, settings: Settings, numbers: Sequence[int], known: Hashes) -> GroupAnswer:
    """Take memory for one source, in place of what examines a group."""
    if "clone-two" in settings.sources[numbers[0]]:
        take()
    return examine_group(sender, settings, numbers, known)


def verbose(sender: Sender, settings: Settings, numbers: Sequence[int], known: Hashes) -> GroupAnswer:
    """Say too much of one source."""
    answer = examine_group(sender, settings, numbers, known)
    if "clone-two" in settings.sources[numbers[0]]:
        answer.failures["x"] = "x" * (3 << 20)
    return answer


@pytest.mark.one_thread
@needs_one_thread
@pytest.mark.parametrize(
    ("instead", "bound", "value", "kind"),
    [(greedy, "memory", 256 << 20, "too_much_memory"), (verbose, "answer", 2 << 20, "too_large_answer")],
)
def test_too_much_of_anything_is_told(
    monkeypatch: pytest.MonkeyPatch, instead: Callable[..., Any], bound: str, value: int, kind: str
) -> None:
    really = children_module._bounds
    monkeypatch.setattr(children_module, "examine_group", instead)
    monkeypatch.setattr(children_module, "_bounds", lambda *numbers: replace(really(*numbers), **{bound: value}))  # type: ignore[arg-type]
    case = in_children(CLONE_ONE, CLONE_TWO)
    assert [row.kind for row in case.rows("problem") if row.source_path == str(CLONE_TWO)] == [kind]
    assert [entry.machine_ids for entry in case.sources] == [[1], []]


@pytest.mark.one_thread
@needs_one_thread
def test_one_of_a_group_that_fails_leaves_the_others_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(collect_module, "collect", fail(crash, "linked"))
    disk, other, linked = the_same_twice(tmp_path)
    case = in_children(linked, other, disk)
    assert [(entry.machine_ids, bool(entry.error)) for entry in case.sources] == [
        ([], True),
        ([1], False),
        ([2], False),
    ]


@pytest.mark.one_thread
@needs_one_thread
def test_none_that_ends_its_child_is_tried_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    member, controller, _ = a_controller_and_a_member(tmp_path)
    marks = tmp_path / "marks"

    def mark() -> None:
        with marks.open("a") as file:
            file.write("x")
        crash()

    monkeypatch.setattr(collect_module, "collect", fail(mark, "bound"))
    case = in_children(member, controller, BOUND)
    assert [bool(entry.error) for entry in case.sources] == [False, False, True]
    assert any(row.domain_key == "opens" for row in case.rows("master_key"))
    assert marks.read_text() == "x"


def test_at_least_one_at_a_time() -> None:
    with pytest.raises(ValueError, match="jobs is 1 or more"):
        forensics.examine(SAMPLE, jobs=0)


def test_progress_and_numbers_are_told() -> None:
    lines: list[str] = []
    numbers: list[tuple[int, int]] = []
    in_children(SAMPLE, BOUND, Path("lost"), progress=lines.append, tally=lambda *told: numbers.append(told))
    assert {f"opening {SAMPLE}", f"opening {BOUND}", "opening lost", "asking the rules"} <= set(lines)
    assert (numbers[0], numbers[-1]) == ((0, 0), (3, 0))


def test_private_keys_are_opened_in_the_process_that_writes_them(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("long enough a password")
    with (
        mock.patch("forensics.examining.passes.is_possible", is_possible),
        mock.patch("forensics.contained.pool.Child", side_effect=AssertionError),
    ):
        found = forensics.recover(SAMPLE, to=tmp_path / "keys", pfx_password_file=password)
    assert len(list((tmp_path / "keys").iterdir())) > 0
    assert "long enough" not in str(found)


_SLOW = """
import sys, time
from forensics.collectors import collect as module
marker = sys.argv.pop(1)
def slow(installation):
    open(marker, "a").write(f"{__import__('os').getpid()}\\n")
    time.sleep(60)
module.collect = slow
from forensics.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_whatever_ends_it_ends_the_children_at_once(tmp_path: Path, number: signal.Signals, code: int) -> None:
    marker = tmp_path / "pids"
    out = tmp_path / "out.json"
    command = ["examine", str(SAMPLE), str(BOUND), "--jobs", "2", "--format", "json", "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, str(marker), *command], cwd=PROJECT, stderr=subprocess.PIPE, text=True
    )
    pids = _pids(marker, 2)
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert time.monotonic() - began < 5
    told = {130: "keymortem: interrupted\n", 143: "keymortem: terminated\n"}
    assert said == told.get(code, "")
    for _ in range(200):
        if not any(map(_lives, pids)):
            break
        time.sleep(0.01)
    assert not any(map(_lives, pids))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pids"]


def _pids(marker: Path, count: int) -> list[int]:
    for _ in range(3000):
        if marker.exists() and len(read := marker.read_text().split()) == count:
            return [int(pid) for pid in read]
        time.sleep(0.01)
    raise AssertionError("the children did not begin")


def _lives(pid: int) -> bool:
    try:
        return not re.search(r"^State:\s+[ZX]", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return False
