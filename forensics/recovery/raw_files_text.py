"""What ``recover --as file`` prints: each file, where it must lie, with which rights, and what places it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from forensics.chain.access import account_name
from forensics.commands.blocks import blocks_of, labelled
from forensics.language import _, _n, listed, message, spoken_language, told
from forensics.recovery.dead_keys import DeadKey
from forensics.recovery.raw_files import RawFile
from forensics.recovery.text import add_commands, add_head, held_back
from forensics.report.folded_lines import FoldedText
from forensics.tables.finding import Block

_LONGEST = 4_000
"""Display: characters of one line, of which one may hold an access list of 50 accounts."""
_WHAT = {"key_file": message("key file {name}"), "master_key": message("master key file {name}")}
_ASIDE = {
    "damaged": message("there now: a file that is set aside: damaged"),
    "locked": message("there now: a file that is set aside: with what Windows has today it does not open"),
    "another key": message(
        "there now: a file that is set aside: it holds another key, of no certificate here; whatever uses that loses "
        "it: stop the service first"
    ),
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
        text.add(_what_can_be_written(len(had), keys))
    elif log is None:
        text.add(_("Nothing was written."))
    else:
        one = (
            "The files of {had} of {count} key written into {folder}, as the disk has them; {log} says which, and what "
            "they must have."
        )
        many = (
            "The files of {had} of {count} keys written into {folder}, as the disk has them; {log} says which, and "
            "what they must have."
        )
        text.add(_n(one, many, len(keys), had=len(had), folder=folder, log=log))
    for key in (*had, *(key for key in keys if key.lack is not None)):
        text.lines.append("")
        add_head(text, key)
        if key.path is not None and key.lack is not None:
            why = told(key.lack)
            text.add(_("not written: {why}", why=why) if folder else _("no file: {why}", why=why), "  ")
        elif key.path is not None:
            _add_files(text, key, is_written=log is not None)
    if log is not None and had:
        text.lines.append("")
        text.add(
            _(
                "That Windows opens the keys then is likely. The files are encrypted as they were on the disk; whoever "
                "has them and the secrets of that disk has the keys. Delete them when the keys are where they belong."
            )
        )
        text.add(
            _(
                "Where the machine is one that was restored, reset or generalized after this disk was copied, its "
                "secrets are others, and the files are of no use there: then take PFX files (without --as file)."
            )
        )
    return text.whole()


def _what_can_be_written(had: int, keys: Sequence[DeadKey]) -> str:
    more = held_back(keys)
    if not more:
        one = "{had} of {count} key can be brought back by files of the disk; --to FOLDER writes these."
        many = "{had} of {count} keys can be brought back by files of the disk; --to FOLDER writes these."
        return _n(one, many, len(keys), had=had)
    one = (
        "{had} of {count} key can be brought back by files of the disk, {more} more with --even-not-exportable; --to "
        "FOLDER writes these."
    )
    many = (
        "{had} of {count} keys can be brought back by files of the disk, {more} more with --even-not-exportable; --to "
        "FOLDER writes these."
    )
    return _n(one, many, len(keys), had=had, more=more)


def _add_files(text: FoldedText, key: DeadKey, *, is_written: bool) -> None:
    for file in key.files:
        add_raw_file(text, file)
    for doubt in key.doubts:
        text.add(_("still open: {doubt}", doubt=told(doubt)), "  ")
    if not is_written:
        return
    text.add(_("Carry the files to that machine; in the folder in which they are, type:"), "  ")
    add_commands(text, tuple(labelled(tuple(_commands(key)), spoken_language())))


def add_raw_file(text: FoldedText, file: RawFile) -> None:
    """Say what a file is, where it must lie and what it must have there."""
    text.add(_(_WHAT[file.what], name=file.name), "  ")
    text.add(_("found: {path}", path=file.found), "    ")
    text.add(_("belongs at: {path}", path=file.place), "    ")
    if file.in_the_way is not None and file.in_the_way_is is not None:
        text.add(_(_ASIDE[file.in_the_way_is]), "    ")
    text.add(_("owner: {account}", account=account_name(file.rights.owner)), "    ")
    text.add(_access_list(file), "    ")
    text.add(_("attributes: {attributes}", attributes=_attributes(file)), "    ")


def _access_list(file: RawFile) -> str:
    needed = file.rights.sddl
    if file.had is None:
        return _("access list (likely all it needs): {needed}", needed=needed)
    return _("access list (likely all it needs): {needed}; on the disk it had {had}", needed=needed, had=file.had)


def _attributes(file: RawFile) -> str:
    named = listed(map(_, file.attributes), " and ") or _("none that matter")
    if file.attributes_from == "file":
        return _("{attributes} (as it has them on the disk)", attributes=named)
    if file.attributes_from == "folder":
        return _("{attributes} (as most files of that folder have)", attributes=named)
    return _("likely {attributes}; whether Windows asks for them is not published", attributes=named)


def _commands(key: DeadKey) -> Iterator[Block]:
    for file in key.files:
        yield from file.commands
    chain = key.chain
    if chain.thumbprint is None:
        return
    values = {"scope": chain.store_scope, "store": chain.store, "thumbprint": chain.thumbprint}
    yield from blocks_of("verify-certificate", values, spoken_language())
