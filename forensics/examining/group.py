"""The sources that one contained child examines, one after the other, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from forensics.chain.domain_controllers import DomainController, keys_of
from forensics.collectors.hyperv.evidence import HyperVEvidence, VmEvidence
from forensics.contained.frames import Sender
from forensics.disk.evidence_files import EvidenceFiles, Identity, recording
from forensics.dpapi.domain_backup import DomainBackupKey
from forensics.examining.examined import ExaminedSource
from forensics.examining.settings import Settings
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import GuardianCertificate
from forensics.formats.hyperv.key_protector import KeyProtector, Wrapping
from forensics.formats.private_key import RsaPrivateKey
from forensics.formats.public_key import DsaPublicKey, EcPublicKey, RsaPublicKey
from forensics.late_methods import compiled_classes, dataclass
from forensics.sources.same_evidence import Met
from forensics.tables.outcome import Outcome
from forensics.tables.record import ProblemRow
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.source import SourceEntry

if TYPE_CHECKING:
    from forensics.disk.disk import Progress
    from forensics.sources.source import Source

Group = tuple[int, ...]
"""Numbers of sources, in the order in which they are opened."""
Hashes = Mapping[str, tuple[int | None, str | None]]
"""Size and SHA-256 of files by path."""


@dataclass
class GroupAnswer:
    """What came of a group of sources.

    Attributes:
        sources: Each by its number, its machines numbered from 1.
        met: What was met, by which others may be bound up with them.
        children: By the identity of each file that was read as a parent the disk with which it was.
        has_disk: A disk was among them.
        read: The files that were read.
        failures: Why files of servers were not obtained, by URL.
        made: Names of the classes of which the first objects were made: what to compile before others are forked.
    """

    sources: dict[int, ExaminedSource] = field(default_factory=dict)
    met: Met = field(default_factory=Met)
    children: dict[object, str] = field(default_factory=dict)
    has_disk: bool = False
    read: frozenset[Identity] = frozenset()
    failures: dict[str, str] = field(default_factory=dict)
    made: tuple[str, ...] = ()


@dataclass
class KeysAnswer:
    """Backup keys of domains: the only answer of a child that holds secrets.

    Attributes:
        keys: They.
        problems: What kept directories from being read.
        read: The files that were read.
        failures: Why files of servers were not obtained, by URL.
    """

    keys: list[DomainBackupKey]
    problems: list[ProblemRow]
    read: frozenset[Identity] = frozenset()
    failures: dict[str, str] = field(default_factory=dict)


GROUP_CLASSES: tuple[type, ...] = (
    GroupAnswer,
    ExaminedSource,
    SourceEntry,
    Met,
    DomainController,
    HyperVEvidence,
    VmEvidence,
    KeyProtector,
    Wrapping,
    GuardianCertificate,
    RsaPublicKey,
    EcPublicKey,
    DsaPublicKey,
    Outcome,
    FormatError,
    *ROW_CLASSES.values(),
)
"""Of all objects in the answer about a group."""

KEYS_CLASSES: tuple[type, ...] = (KeysAnswer, DomainBackupKey, RsaPrivateKey, ProblemRow)


def examine_group(sender: Sender, settings: Settings, numbers: Sequence[int], known: Hashes) -> GroupAnswer:
    """Examine sources one after the other, in a contained child.

    Args:
        sender: Is told the number of each before it is opened.
        settings: Of the examination.
        numbers: They, in the order in which they are opened.
        known: Hashes that were taken before.
    """
    answer = GroupAnswer()
    known_classes = len(compiled_classes())
    with recording(files := EvidenceFiles()), settings.servers() as failures:
        run = settings.run(sender.say)
        for number in numbers:
            sender.record(str(number).encode())
            answer.sources[number] = found = run.source(settings.sources[number])
            settings.identify(found, known)
        answer.failures = failures()
    answer.met, answer.children, answer.has_disk = run.seen.met(), run.seen.children, run.seen.has_disk
    answer.read = files.read
    answer.made = compiled_classes()[known_classes:]
    return answer


def find_keys(
    sender: Sender,
    settings: Settings,
    controllers: Sequence[DomainController],
    wanted: Iterable[str],
    children: Mapping[object, str],
) -> KeysAnswer:
    """Look for backup keys of domains on the disks of their controllers, in a contained child.

    Args:
        sender: Is told of progress.
        settings: Of the examination.
        controllers: They.
        wanted: GUIDs of the keys.
        children: As a :class:`GroupAnswer` has them, of all sources.
    """
    with recording(files := EvidenceFiles()), settings.servers() as failures:
        keys, problems = keys_on_controllers(settings, controllers, wanted, children, sender.say)
        return KeysAnswer(keys, problems, files.read, failures())


def keys_on_controllers(
    settings: Settings,
    controllers: Sequence[DomainController],
    wanted: Iterable[str],
    children: Mapping[object, str],
    progress: Progress,
) -> tuple[list[DomainBackupKey], list[ProblemRow]]:
    """Look for backup keys as :func:`find_keys` does, in this process."""
    run = settings.run(progress)
    run.seen.children.update(children)

    def opened(path: str, first: int) -> Source:
        from forensics.sources.open import open_source

        progress(f"looking for backup keys of the domain on {path}")
        run.seen.disks.opening(path)
        known = run.seen.once_more()
        source = open_source(
            path, run.unlock, choices=run.choices, first_machine_id=first, progress=progress, seen=known
        )
        run.seen.disks.examining(path, source.resources)
        return source

    return keys_of(controllers, wanted, opened)
