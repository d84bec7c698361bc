"""Runs over a fleet: finds the inputs, has those examined of which the dataset does not know, and sums up."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import EvidenceFiles
from forensics.disk.places import is_url
from forensics.disk.recovery_password import recovery_password
from forensics.fleet.across import update_across
from forensics.fleet.cleaning import clean
from forensics.fleet.cluster import client_of
from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import OF_THE_MACHINE, DiskRecord, InputIdentity
from forensics.fleet.fold import fold
from forensics.fleet.giving_out import give_out
from forensics.fleet.identity import identity_of
from forensics.fleet.known import Known, known_inputs
from forensics.fleet.lock import locked
from forensics.fleet.options import FleetOptions
from forensics.fleet.part import write_part, write_records
from forensics.fleet.plan import Plan, plan
from forensics.fleet.status import FleetStatus, fleet_status
from forensics.fleet.task import Done, Job
from forensics.given_secrets import given_secrets
from forensics.late_methods import dataclass
from forensics.sources.choices import Choices, checked
from forensics.sources.servers import asked_servers, signatures, without_secrets
from forensics.tables.timestamps import as_utc

FOLD_FROM = 2000
"""Work: disks whose parts are folded while others are still examined; then whenever half as many as there are came."""


@dataclass(slots=True)
class FleetProgress:
    """How far a run is.

    Attributes:
        step: What is going on, one line.
        inputs: How many inputs there are; None while they are looked for.
        known: Inputs of which the dataset knew already.
        tasks: Tasks of this run.
        done: Tasks that are done, failed ones among them.
        failed: Those that failed.
        begun: When the first was given out, by ``time.monotonic``.
    """

    step: str = "looking for inputs"
    inputs: int | None = None
    known: int = 0
    tasks: int = 0
    done: int = 0
    failed: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return self.done / max(time.monotonic() - self.begun, 1e-3)

    @property
    def line(self) -> str:
        """All of it on one line."""
        if self.inputs is None or not self.tasks:
            return self.step
        left = self.tasks - self.done
        told = f"{self.done} done, {self.failed} of them failed, {left} left"
        minutes = f", {left / self.rate / 60:.0f} min" if self.done else ""
        return f"{self.step}: {told} ({self.rate:.1f} a second{minutes})"


Say = Callable[[FleetProgress], None]


def fleet_run(
    *sources: str | Path,
    dataset: str | Path,
    options: FleetOptions = FleetOptions(),  # noqa: B008
    as_of: datetime | None = None,
    scheduler: str | None = None,
    jobs: int | None = None,
    progress: Say | None = None,
) -> FleetStatus:
    """Examine many disks, and keep what they say in a dataset: only what it does not know yet.

    Args:
        sources: Disks, folders, URLs, or patterns with ``*``.
        dataset: Folder of the dataset; made where it is not there.
        options: How inputs are opened; what is not given is as in the last run.
        as_of: The moment "expired" refers to; that of the dataset, if not given, and now in a new one.
        scheduler: Address, or scheduler file, of a dask cluster whose workers reach the sources and the dataset by the
            same paths; processes of this computer, if not given.
        jobs: How many processes; as many as there are processors, if not given.
        progress: Called whenever something was done.

    Raises:
        ValueError: No source was given.
        DatasetError: The folder is no dataset, or another run works on it.
        EvidenceTargetError: The folder is evidence, or lies in a folder of it.
        SourceError: A file that an option names cannot be read; or there is a secret in a URL.
        RulePackError: A rule pack is invalid.
        SchedulerLostError: The cluster is gone; run again for what is left.
        OSError: The dataset cannot be written.

    Examples:
        >>> import forensics
        >>> status = forensics.fleet_run("disk.vhdx", "laptop.vhdx", dataset="fleet", jobs=1)
        >>> status.states["examined"]
        2
    """
    if not sources:
        raise ValueError("name at least one source")
    named = [str(source) for source in without_secrets(sources)]
    moment = as_utc(as_of) if as_of else None
    target = _opened(Path(dataset), named, moment)
    run = _Run(scheduler, jobs, progress or (lambda state: None))
    return run.over(target, options, moment, named)


def fleet_retry(
    dataset: str | Path,
    *,
    options: FleetOptions = FleetOptions(),  # noqa: B008
    scheduler: str | None = None,
    jobs: int | None = None,
    progress: Say | None = None,
) -> FleetStatus:
    """Examine once more whatever failed; arguments and errors are those of :func:`fleet_run`.

    Examples:
        >>> import forensics
        >>> forensics.fleet_retry("fleet", jobs=1).reasons
        ()
    """
    target = Dataset.open(dataset)
    run = _Run(scheduler, jobs, progress or (lambda state: None))
    return run.over(target, options, None, None)


def _failed_before(known: dict[str, Known]) -> list[str]:
    """Return what failed, and the files that were read with it."""
    failed = {path for path, row in known.items() if row.state == "failed"}
    return [path for path, row in known.items() if path in failed or row.read_with in failed]


def _opened(folder: Path, sources: Sequence[str], as_of: datetime | None) -> Dataset:
    evidence = EvidenceFiles(source.split("*", 1)[0] for source in sources if not is_url(source))
    evidence.refuse(folder)
    if folder.is_dir() and any(folder.iterdir()):
        return Dataset.open(folder)
    return Dataset.create(folder, as_of or datetime.now(UTC), evidence)


class _Run:
    def __init__(self, scheduler: str | None, jobs: int | None, say: Say) -> None:
        self.scheduler = scheduler
        self.jobs = jobs
        self.say = say
        self.state = FleetProgress()

    def over(
        self, dataset: Dataset, options: FleetOptions, as_of: datetime | None, sources: Sequence[str] | None
    ) -> FleetStatus:
        """Run over sources; None: over what failed before."""
        with locked(dataset):
            dataset = Dataset.open(dataset.path)
            with suppress(ValueError):
                options = options.beside(FleetOptions.of_text(dataset.options))
            try:
                _check(options)
                dataset = dataset.renewed(as_of or dataset.as_of, options.as_text)
                self.say(self.state)
                clean(dataset)
                known = known_inputs(dataset)
                retry = sources is None
                named = _failed_before(known) if sources is None else sources
                with asked_servers(signatures(named, options.signed_urls)):
                    made = plan(named, whole_folders=retry)
                    self.state.inputs = made.inputs
                    jobs = self._jobs(dataset, options, made, known, retry)
                self._do(dataset, jobs)
                self._step("folding")
                fold(dataset)
                self._step("comparing machines")
                update_across(dataset, options)
            finally:
                shutil.rmtree(dataset.work, ignore_errors=True)
        return fleet_status(dataset.path)

    def _step(self, step: str) -> None:
        self.state.step = step
        self.say(self.state)

    def _jobs(
        self, dataset: Dataset, options: FleetOptions, made: Plan, known: dict[str, Known], retry: bool
    ) -> list[Job]:
        """Return the tasks that are to be done, and write the rows for which nothing is."""
        key = options.key
        new = partial(_record, dataset, key, known)
        records: list[DiskRecord] = []
        for other in made.others:
            record = replace(new(identity_of(other.path)), state=other.state, error=other.error, failure=other.failure)
            records += _unless_known(record, known)
        jobs: list[Job] = []
        for number, task in enumerate(made.tasks):
            if number % 100 == 0:
                self._step(f"looking at inputs, {number} of {len(made.tasks)}")
            identity = identity_of(task.path, task.members)
            record = new(identity)
            for path, state in task.shown:
                member = replace(new(identity_of(path)), state=state, read_with=task.path, kind="file")
                records += _unless_known(member, known)
            if retry or _is_to_do(record, known.get(task.path)):
                jobs.append(Job(str(dataset.path.absolute()), record, task.sources, options))
        write_records(dataset, records)
        self.state.known = made.inputs - len(jobs)
        self.state.tasks = len(jobs)
        return jobs

    def _do(self, dataset: Dataset, jobs: list[Job]) -> None:
        if not jobs:
            return
        self._step("starting workers")
        fresh = 0

        def done(result: Done) -> None:
            nonlocal fresh
            if result.state is None:
                raise OSError(result.error)
            self.state.done += 1
            self.state.failed += result.state == "failed"
            self._step("examining")
            fresh += 1
            if fresh >= max(FOLD_FROM, self.state.done // 2):
                fresh = 0
                fold(dataset)

        def killed(job: Job, why: str) -> None:
            record = replace(job.record, state="failed", failure="killed", error=why, written=datetime.now(UTC))
            write_part(dataset, record)
            done(Done(record.identity.path, "failed", why))

        with client_of(self.scheduler, self.jobs, dataset.work) as client:
            self.state.begun = time.monotonic()
            self._step("examining")
            give_out(client, jobs, done, killed)


def _check(options: FleetOptions) -> None:
    """Refuse what is wrong with options before anything is examined."""
    for path in options.files:
        if not os.path.exists(path):
            raise SourceError("unreadable", f"{path} cannot be read: it is not there")
    told = options.arguments()
    checked(Choices(offset=options.offset, partition=options.partition, image=options.image, regback=options.regback))
    try:
        given_secrets(told["passwords"], told["nt_hashes"], options.domain_backup_keys)
        if told["recovery_key"] is not None:
            recovery_password(told["recovery_key"])
    except ValueError as error:
        raise SourceError("mistyped", str(error)) from None
    if options.second_opinion:
        from forensics.chain.witness import check_witness

        check_witness()
    if options.rules:
        from forensics.engine.loader import load_packs

        load_packs([Path(folder) for folder in options.rules])


def _record(dataset: Dataset, key: str, known: dict[str, Known], identity: InputIdentity) -> DiskRecord:
    before = known.get(identity.path)
    return DiskRecord(
        identity=identity,
        kind="unknown",
        state="failed",
        as_of=dataset.as_of,
        written=datetime.now(UTC),
        attempt=before.attempt + 1 if before is not None else 0,
        options=key,
    )


def _unless_known(record: DiskRecord, known: dict[str, Known]) -> Iterator[DiskRecord]:
    before = known.get(record.identity.path)
    told = (record.input, record.state, record.read_with)
    if before is None or told != (before.input, before.state, before.read_with):
        yield record


def _is_to_do(record: DiskRecord, before: Known | None) -> bool:
    if before is None or before.input != record.input:
        return True
    return before.state not in ("examined", "failed") or before.failure in OF_THE_MACHINE
