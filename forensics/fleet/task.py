"""What a worker does: examines one input as ``keymortem examine`` would, and writes its part of the dataset.

Whatever happens there is a row in the end: of what the worker itself cannot tell, because it was killed, whoever asked
for the task writes it. A task that is given out twice, because its worker died, writes the same part once more.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.errors import SourceError
from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import DiskRecord, Failure, State
from forensics.fleet.options import FleetOptions
from forensics.fleet.part import write_part
from forensics.fleet.rules_across import rules_across
from forensics.lack_of_memory import is_lack_of_memory
from forensics.late_methods import dataclass
from forensics.sources.same_evidence import said_of
from forensics.tables.source import SourceEntry

if TYPE_CHECKING:
    from forensics.case import Case

SECONDS = 3600
"""Evidence: how long one input may take, if not told otherwise."""
_GRACE = 30
"""Seconds after which a worker is ended that does not even come to write that its time is up."""
_CONTAINED: dict[str, Failure] = {
    "too_much_memory": "memory",
    "past_deadline": "deadline",
    "too_much_time": "deadline",
    "too_large_answer": "memory",
    "crashed": "crash",
    "bad_answer": "crash",
}
"""What failed where the process ended in which a source is examined, by the kind of its problem."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent to a worker.

    Attributes:
        folder: Of the dataset.
        record: The row as far as it is known: identity, date, attempt, options.
        sources: What is examined.
        options: How.
    """

    folder: str
    record: DiskRecord
    sources: tuple[str, ...]
    options: FleetOptions


@dataclass(frozen=True, slots=True)
class Done:
    """What comes back.

    Attributes:
        path: The input.
        state: What became of it; None where the dataset cannot be written.
        error: Why.
    """

    path: str
    state: State | None
    error: str | None = None


def work(job: Job) -> Done:
    """Examine one input and write its part."""
    dataset = Dataset(Path(job.folder), job.record.as_of)
    _be_quiet()
    try:
        if (done := _done_before(dataset, job)) is not None:
            return done
        with _watched(dataset, job):
            begun = time.monotonic()
            record, case = _examined(job)
            record = replace(record, seconds=ceil(time.monotonic() - begun), written=datetime.now(UTC))
            try:
                write_part(dataset, record, case)
            except (ValueError, TypeError, LookupError) as error:
                record = _failed(record, "internal", f"what was found cannot be written ({type(error).__name__})")
                write_part(dataset, record)
        return Done(job.record.identity.path, record.state, record.error)
    except OSError as error:
        return Done(job.record.identity.path, None, f"{job.folder} cannot be written: {error.strerror or error}")


def _done_before(dataset: Dataset, job: Job) -> Done | None:
    """Return what a worker came to that was ended when it had written that, such as one whose time was up."""
    place = dataset.part("disk", job.record.disk)
    if not place.exists():
        return None
    import pyarrow.parquet as pq

    (row,) = pq.read_table(place, columns=["state", "error"]).to_pylist()
    return Done(job.record.identity.path, row["state"], row["error"])


def _examined(job: Job) -> tuple[DiskRecord, Case | None]:
    from forensics.engine.rule import RulePackError
    from forensics.examination import examine

    record = job.record
    try:
        case = examine(*job.sources, **job.options.arguments(), as_of=record.as_of, strict=False)
    except (SourceError, RulePackError) as error:
        return _failed(record, "source", getattr(error, "message", None) or str(error)), None
    except Exception as error:
        if is_lack_of_memory(error):
            return _failed(record, "memory", "it takes more memory than its worker has"), None
        # Without its text, into which a library may have put what is secret.
        where = f"keymortem failed on it ({type(error).__name__}): examine it by itself with --debug, and report that"
        return _failed(record, "internal", where), None
    # Those are asked of all disks together.
    across = rules_across(job.options.rules)
    case.finding_list = [finding for finding in case.finding_list if finding.rule not in across]
    named = [entry for entry in case.sources if entry.found_in is None]
    record = replace(record, kind=named[0].kind, machines=len(case.rows("machine")), content=_content(record, case))
    if case.is_empty and not case.data_disks:
        why = next((entry.error for entry in case.sources if entry.error), "nothing of it could be examined")
        kinds = {problem.kind for problem in case.rows("problem")}
        failure: Failure = next((each for kind, each in _CONTAINED.items() if kind in kinds), "source")
        return _failed(record, failure, why), case
    return replace(record, state="examined"), case


def _failed(record: DiskRecord, failure: Failure, why: str) -> DiskRecord:
    return replace(record, state="failed", failure=failure, error=why, machines=0, content=None)


def _content(record: DiskRecord, case: Case) -> str | None:
    numbers = [machine.machine_id for machine in case.rows("machine")]
    rows = [row for table in case.tables.values() for row in table if row.machine_id in numbers]
    return said_of(SourceEntry(record.identity.path, record.kind, numbers), rows)


@contextmanager
def _watched(dataset: Dataset, job: Job) -> Iterator[None]:
    """End this worker when the time of its task is up: no other way stops what a library does."""
    seconds = job.options.seconds or SECONDS
    lock = threading.Lock()

    def end() -> None:
        with lock:
            why = f"it was not examined within {seconds} seconds"
            record = replace(_failed(job.record, "deadline", why), seconds=seconds, written=datetime.now(UTC))
            with suppress(OSError):
                write_part(dataset, record)
            os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    nowhere = open(os.devnull, "w")  # noqa: SIM115
    faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=nowhere)
    try:
        yield
    finally:
        with lock:
            timer.cancel()
            faulthandler.cancel_dump_traceback_later()
            nowhere.close()


def _be_quiet() -> None:
    """What libraries say of broken evidence is in table problem already."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    for library in ("dissect", "impacket"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
