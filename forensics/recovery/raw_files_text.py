"""What ``recover --as file`` prints: each file, where it must lie, with which rights, and what places it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from forensics.chain.access import account_name
from forensics.commands.blocks import blocks_of, labelled
from forensics.recovery.dead_keys import DeadKey
from forensics.recovery.raw_files import RawFile
from forensics.recovery.text import add_commands, add_head, counted, held_back
from forensics.report.folded_lines import FoldedText
from forensics.tables.finding import Block

_LONGEST = 4_000
"""Display: characters of one line, of which one may hold an access list of 50 accounts."""
_WHAT = {"key_file": "key file", "master_key": "master key file"}
_ASIDE = {
    "damaged": "damaged",
    "locked": "with what Windows has today it does not open",
    "another key": "it holds another key, of no certificate here; whatever uses that loses it: stop the service first",
}


def raw_files_text(keys: Sequence[DeadKey], folder: Path | None, log: str | None, width: int | None) -> str:
    """Write the answer of ``recover --as file``.

    Args:
        keys: Each key that was asked for.
        folder: Where the files are; None where only a list was asked for.
        log: Name of the log beside them; None where nothing was written.
        width: Columns to fold to; None leaves lines whole.
    """
    text = FoldedText(width, _LONGEST)
    had = [key for key in keys if key.lack is None]
    if folder is None:
        head = f"{len(had)} of {counted(len(keys))} can be brought back by files of the disk"
        text.add(f"{head}{held_back(keys)}; --to FOLDER writes these.")
    elif log is None:
        text.add("Nothing was written.")
    else:
        head = f"The files of {len(had)} of {counted(len(keys))} written into {folder}, as the disk has them"
        text.add(f"{head}; {log} says which, and what they must have.")
    for key in (*had, *(key for key in keys if key.lack is not None)):
        text.lines.append("")
        add_head(text, key)
        if key.path is not None and key.lack is not None:
            text.add(f"{'not written' if folder else 'no file'}: {key.lack}", "  ")
        elif key.path is not None:
            _add_files(text, key, is_written=log is not None)
    if log is not None and had:
        text.lines.append("")
        text.add(
            "That Windows opens the keys then is likely. The files are encrypted as they were on the disk; whoever has "
            "them and the secrets of that disk has the keys. Delete them when the keys are where they belong."
        )
        text.add(
            "Where the machine is one that was restored, reset or generalized after this disk was copied, its secrets "
            "are others, and the files are of no use there: then take PFX files (without --as file)."
        )
    return text.whole()


def _add_files(text: FoldedText, key: DeadKey, *, is_written: bool) -> None:
    for file in key.files:
        add_raw_file(text, file)
    for doubt in key.doubts:
        text.add(f"still open: {doubt}", "  ")
    if not is_written:
        return
    text.add("Carry the files to that machine; in the folder in which they are, type:", "  ")
    add_commands(text, tuple(labelled(tuple(_commands(key)))))


def add_raw_file(text: FoldedText, file: RawFile) -> None:
    """Say what a file is, where it must lie and what it must have there."""
    text.add(f"{_WHAT[file.what]} {file.name}", "  ")
    text.add(f"found: {file.found}", "    ")
    text.add(f"belongs at: {file.place}", "    ")
    if file.in_the_way is not None and file.in_the_way_is is not None:
        text.add(f"there now: a file that is set aside: {_ASIDE[file.in_the_way_is]}", "    ")
    had = f"; on the disk it had {file.had}" if file.had is not None else ""
    text.add(f"owner: {account_name(file.rights.owner)}", "    ")
    text.add(f"access list (likely all it needs): {file.rights.sddl}{had}", "    ")
    text.add(f"attributes: {_attributes(file)}", "    ")


def _attributes(file: RawFile) -> str:
    named = " and ".join(file.attributes) or "none that matter"
    if file.attributes_from == "file":
        return f"{named} (as it has them on the disk)"
    if file.attributes_from == "folder":
        return f"{named} (as most files of that folder have)"
    return f"likely {named}; whether Windows asks for them is not published"


def _commands(key: DeadKey) -> Iterator[Block]:
    for file in key.files:
        yield from file.commands
    chain = key.chain
    if chain.thumbprint is None:
        return
    values = {"scope": chain.store_scope, "store": chain.store, "thumbprint": chain.thumbprint}
    yield from blocks_of("verify-certificate", values)
