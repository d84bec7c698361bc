"""A volume with shadow copies, in memory: each is the disk of a machine as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from forensics.chain.across import found_elsewhere
from forensics.chain.judge import Judge
from forensics.collectors.collect import collect
from forensics.collectors.name_search import names_on
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import Entry, Tree, WantedNames
from forensics.dpapi.user_secrets import UserSecrets
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.machine import ForgedMachine
from tests.forged_machine import tree_of
from tests.memory_tree import MemoryTree

NEWEST = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
State = ForgedMachine | Exception | Callable[[], Tree]


def identifier(number: int) -> str:
    return f"{number:08x}-1111-2222-3333-444444444444"


def name_of(path: str, number: int = 0) -> str:
    """Return what rows call a file in one of the copies, the newest being number 0."""
    at = NEWEST - timedelta(days=number)
    return f"{path} (shadow copy {identifier(number)} of {at:%Y-%m-%dT%H:%M:%SZ})"


class _AsItWas(MemoryTree):
    """A copy, which knows what of it today's volume still has."""

    def __init__(self, then: ForgedMachine, kept: Kept) -> None:
        files = then.volume()
        super().__init__(
            {file.path: file.data for file in files}, modified={file.path: file.modified for file in files}
        )
        self._kept = kept

    def is_unchanged(self, file: Entry | str) -> bool:
        path = file if isinstance(file, str) else file.path
        with self.open(path) as then:
            return self._kept.today.get(path) == then.read()

    def changed_paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        self._kept.searched.append(wanted)
        yield from (path for path in names_on(self, wanted) if path is None or not self.is_unchanged(path))


class Kept:
    """Shadow copies, the newest first, which note when one is opened, and what is looked for."""

    def __init__(self, today: ForgedMachine, states: Sequence[State]) -> None:
        self.today = {file.path: file.data for file in today.volume()}
        self.searched: list[WantedNames] = []
        self.opened: list[int] = []
        self.copies = [
            ShadowCopy(identifier(number), NEWEST - timedelta(days=number), self._opener(number, state))
            for number, state in enumerate(states)
        ]

    def _opener(self, number: int, state: State) -> Callable[[], Tree]:
        def open_copy() -> Tree:
            self.opened.append(number)
            if isinstance(state, Exception):
                raise state
            return state() if callable(state) else _AsItWas(state, self)

        return open_copy


class PastTree:
    """The volume of today, of which Windows kept older states."""

    def __init__(self, today: MemoryTree, kept: Kept | Exception) -> None:
        self._today = today
        self._kept = kept
        self.complete = today.complete
        self.entry, self.entries, self.open = today.entry, today.entries, today.open
        self.cut_short, self.security_descriptor = today.cut_short, today.security_descriptor

    def shadow_copies(self) -> Sequence[ShadowCopy]:
        if isinstance(self._kept, Exception):
            raise self._kept
        return self._kept.copies


class Judgement:
    """A machine whose volume keeps older states, judged as an examination does."""

    def __init__(
        self,
        today: ForgedMachine,
        *states: State,
        given: UserSecrets | None = None,
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        self.kept = Kept(today, states)
        volumes = []
        if beside is not None:
            data = PastTree(MemoryTree({}), Kept(today, [lambda: MemoryTree(beside)]))
            volumes = [DiskVolume("partition 1"), DiskVolume("partition 2", lambda: data)]
        self.judge = judge_of(PastTree(tree_of(today), self.kept), given, volumes)
        rows = self.judge.judged().key_chains
        better = {id(row): other for row, other in found_elsewhere([self.judge])}
        self.rows: list[KeyChainRow] = [better.get(id(row), row) for row in rows]

    @property
    def of_web(self) -> KeyChainRow:
        (row,) = (row for row in self.rows if row.subject == "CN=web.contoso.test")
        return row

    @property
    def told(self) -> list[tuple[str, str | None]]:
        """Return what coverage says of shadow copies."""
        past = self.judge.prover.ring.asked_past
        if past is not None:
            past.volumes.tell()
        rows = self.judge.evidence.installation.coverage.rows
        return [(row.outcome, row.detail) for row in rows if row.name == "shadow copies"]


def judge_of(
    tree: Tree, given: UserSecrets | None = None, volumes: Sequence[DiskVolume] = (), volume: str = "partition 1"
) -> Judge:
    """Collect the Windows on a tree; its judge has judged nothing yet."""
    windows = Installation(1, "memory", tree, "Windows", "", open_hive, volume=volume, disk_volumes=volumes)
    return Judge(collect(windows), given or UserSecrets())
