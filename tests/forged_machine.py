"""Forged machines in memory: the files of a machine on a tree, with their access lists, collected and judged."""

from __future__ import annotations

from forensics.chain.judge import Judged, judge
from forensics.collectors.collect import collect
from forensics.collectors.evidence import Evidence
from forensics.dpapi.user_secrets import UserSecrets
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.key_chain import KeyChainRow
from testdata.builder import acl
from testdata.builder.machine import ForgedMachine
from tests.memory_tree import MemoryTree


def tree_of(machine: ForgedMachine) -> MemoryTree:
    """Put the files of a machine on a tree; what has no access list of its own has that of an ordinary file."""
    files = machine.volume()
    return MemoryTree(
        {file.path: file.data for file in files},
        descriptors={file.path: file.sd or acl.DEFAULT_SD for file in files},
        modified={file.path: file.modified for file in files if file.modified},
    )


def evidence_of(machine: ForgedMachine) -> Evidence:
    """Collect a machine."""
    windows = machine.on_disk("Windows/").rstrip("/")
    return collect(Installation(1, "memory", tree_of(machine), windows, "", open_hive))


def judged(machine: ForgedMachine, given: UserSecrets | None = None) -> Judged:
    """Collect and judge a machine."""
    return judge(evidence_of(machine), given)


def chains(machine: ForgedMachine, given: UserSecrets | None = None) -> dict[str, KeyChainRow]:
    """Return the chains of a machine by the common name of their certificate, else by container."""
    rows = judged(machine, given).key_chains
    return {(row.subject or "").removeprefix("CN=") or row.container or "": row for row in rows}
