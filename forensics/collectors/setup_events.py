"""Table setup_event: what Sysprep and Setup left behind of generalize and specialize."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from forensics.collectors.guard import guard
from forensics.disk.tree import Entry
from forensics.formats.action_file import parse_action_file
from forensics.formats.errors import FormatError
from forensics.language import sentence, sentence_n
from forensics.registry.key_faults import one_bit_away
from forensics.registry.one_bit import one_bit_apart
from forensics.sources.installation import CUTS, Installation
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.event import SetupEventRow, SetupKind, SetupPhase
from forensics.tables.outcome import PRESENT, Outcome

if TYPE_CHECKING:
    from forensics.collectors.setup_lines import SetupLine

SYSPREP = "System32/Sysprep"
LOG_FOLDERS = (f"{SYSPREP}/Panther", "Panther", "Panther/UnattendGC")
LOG_NAMES = ("setupact.log", "setuperr.log")
TAG = "Sysprep_succeeded.tag"
SPECIALIZE = "Specialize.xml"
CRYPTO_SPECIALIZE = "CryptoSysPrep_Specialize"

MAX_LOG = 64 << 20
"""Evidence: bytes of one of Setup's logs."""
MAX_ROWS = 2000
"""Evidence: lines of one log that are about Sysprep and kept."""
MAX_LINES = 2_000_000
"""Evidence: lines of one log; a log of 64 MiB has some 600,000."""
MAX_LOOKED_AT = 200_000
"""Evidence: lines of one log that may be about Sysprep and are looked at."""
_BLOCK = 1 << 20
_MAX_LINE = 1 << 16
"""Evidence: characters of one line, of which the end is read."""
_MAX_STATE = 200
"""Display: characters of the image's state."""
_NO_TEXT = sentence("the file holds characters that no text has: it is damaged, or part of it was never written")

Tell = Callable[[str, str], None]
"""Records a problem of the file: kind, message."""


def collect_setup_events(installation: Installation) -> list[SetupEventRow]:
    """Read Setup's logs, the tag file, State.ini and the specialize action file.

    What was there is told in coverage: area ``log`` for ``setupact.log`` and ``setuperr.log`` of each folder, ``file``
    for the others.
    """
    rows: list[SetupEventRow] = []
    for folder in LOG_FOLDERS:
        for name in LOG_NAMES:
            entry = _look(installation, "log", folder, name)
            if entry is not None:
                rows += _log_rows(installation, entry, of_sysprep=folder.startswith(SYSPREP))
    tag = _look(installation, "file", SYSPREP, TAG)
    if tag is not None:
        installation.coverage.tell("file", TAG, PRESENT, tag.path)
        message = sentence("the last Sysprep run succeeded; the file's date is that of the sealing")
        rows.append(_file_row(installation, tag, "tag", "sysprep_succeeded", message))
    rows += _image_state(installation)
    rows += _specialize(installation)
    return rows


def _look(installation: Installation, area: CoverageArea, folder: str, name: str) -> Entry | None:
    """Find a file of the Windows folder; coverage is told here only that it was not there, or that this is open."""
    path = installation.in_windows(folder)
    listing = installation.listing(path)
    for entry in listing.entries:
        if entry.name.lower() == name.lower() and not entry.is_dir:
            return entry
    outcome = installation.not_found if listing.outcome.is_there else listing.outcome
    installation.coverage.tell(area, name, outcome, f"{path}/{name}")
    return None


def _file_row(
    installation: Installation, entry: Entry, phase: SetupPhase, kind: SetupKind, message: str
) -> SetupEventRow:
    return SetupEventRow(
        machine_id=installation.machine_id,
        time=entry.modified,
        phase=phase,
        kind=kind,
        message=message,
        log=entry.name,
        source_path=entry.path,
        source_time=entry.modified,
    )


def _log_rows(installation: Installation, entry: Entry, of_sysprep: bool) -> Iterator[SetupEventRow]:
    from forensics.collectors.setup_lines import SetupLines

    reader = SetupLines(of_sysprep)
    count = 0

    def tell(kind: str, message: str) -> None:
        if kind in CUTS:
            installation.cut("log", entry.name, entry.path, message, kind)
        else:
            installation.problem(entry.path, kind, message)

    with guard(installation, entry.path) as guarded, installation.tree.open(entry) as stream:
        for line in _telling(_lines(stream, tell), tell):
            said = reader.read(line)
            if said is None:
                continue
            if count == MAX_ROWS:
                message = sentence(
                    "more than {max_rows} lines of this log are about Sysprep; the rest was left out", max_rows=MAX_ROWS
                )
                tell("too_many", message)
                break
            count += 1
            yield _line_row(installation, entry, said)
        if entry.size > MAX_LOG:
            message = sentence(
                "only the first {max_log} MiB of {size} bytes were read", max_log=MAX_LOG >> 20, size=entry.size
            )
            tell("too_large", message)
    outcome = guarded.failure or PRESENT
    if guarded.failure is not None and count:
        # Lines that were read before stand.
        outcome = Outcome("partial", guarded.failure.why)
    installation.coverage.tell("log", entry.name, outcome, entry.path)


def _line_row(installation: Installation, entry: Entry, line: SetupLine) -> SetupEventRow:
    return SetupEventRow(
        machine_id=installation.machine_id,
        time=line.time,
        time_is_local=line.time is not None,
        phase=line.phase,
        kind=line.kind,
        module=line.module,
        message=line.message,
        machine_guid=line.machine_guid,
        log=entry.name,
        source_path=entry.path,
        source_time=entry.modified,
    )


def _telling(lines: Iterator[str], tell: Tell) -> Iterator[str]:
    """Yield the lines that may be worth reading, so many and no more."""
    from forensics.collectors.setup_lines import worth_reading

    looked_at = 0
    for number, line in enumerate(lines):
        if number == MAX_LINES or looked_at == MAX_LOOKED_AT:
            tell(
                "too_many",
                sentence("the log has more lines than any; only the first {number} were read", number=number),
            )
            return
        if worth_reading(line):
            looked_at += 1
            yield line


def _lines(stream: BinaryIO, tell: Tell) -> Iterator[str]:
    """Yield the lines of a log in UTF-16, UTF-8 or an 8-bit code page; of a very long line only its end."""
    block = stream.read(_BLOCK)
    decoder = codecs.getincrementaldecoder(_encoding(block))("replace")
    rest = ""
    read = 0
    while block and read < MAX_LOG:
        read += len(block)
        text = rest + decoder.decode(block)
        if "\0" in text:
            tell("bad_text", _NO_TEXT)
        lines = text.splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith(("\n", "\r")) else ""
        if len(rest) > _MAX_LINE:
            tell(
                "too_large",
                sentence("a line has more than {max_line} characters; only the end of it was read", max_line=_MAX_LINE),
            )
            rest = rest[-_MAX_LINE:]
        yield from lines
        block = stream.read(min(_BLOCK, MAX_LOG - read) or 1)
    if rest:
        yield rest


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:64:2].count(0) > 16:
        return "utf-16-le"
    # The lines that matter are ASCII, whatever code page the names in them are written in.
    return "utf-8-sig"


def _content(installation: Installation, entry: Entry) -> bytes | None:
    """Read a small file; one that cannot be read is there all the same, but not seen."""
    content = installation.read(entry)
    installation.coverage.tell("file", entry.name, content.outcome, entry.path)
    return content.data if content.outcome.is_there else None


def _image_state(installation: Installation) -> Iterator[SetupEventRow]:
    entry = _look(installation, "file", "Setup/State", "State.ini")
    if entry is None:
        return
    data = _content(installation, entry)
    if data is None:
        return
    text = data.decode(_encoding(data), "replace")
    if "\0" in text:
        installation.problem(entry.path, "bad_text", _NO_TEXT)
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "imagestate" and value.strip():
            yield _file_row(installation, entry, "state", "image_state", value.strip()[:_MAX_STATE])
            return


def _specialize(installation: Installation) -> Iterator[SetupEventRow]:
    """Tell whether the first boot of a clone would still give it a MachineGuid and keys of its own."""
    entry = _look(installation, "file", f"{SYSPREP}/ActionFiles", SPECIALIZE)
    if entry is None:
        return
    data = _content(installation, entry)
    if data is None:
        return
    try:
        methods = parse_action_file(data)
    except FormatError as error:
        installation.problem(entry.path, error.kind, sentence("the action file: {message}", message=error.message))
        installation.coverage.cut("file", SPECIALIZE, error.message, entry.path)
        return
    wanted = CRYPTO_SPECIALIZE.lower()
    present = wanted in methods
    near = None if present else next((name for name in methods if one_bit_apart(name, wanted) is not None), None)
    if near is not None:
        message = one_bit_away(near, wanted)
        installation.problem(entry.path, "wrong_bit", message)
        installation.coverage.cut("file", SPECIALIZE, message, entry.path)
        return
    kind: SetupKind = "crypto_specialize_present" if present else "crypto_specialize_missing"
    detail = sentence_n("{count} method", "{count} methods", len(methods))
    if not present:
        detail = sentence("{methods} without {method}", methods=detail, method=CRYPTO_SPECIALIZE)
    yield _file_row(
        installation,
        entry,
        "action_file",
        kind,
        detail,
    )
