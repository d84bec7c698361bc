"""What ``recover`` prints: each key, from where it was had and what to do with the file, or what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from forensics.commands.blocks import blocks_of, labelled
from forensics.language import _, _n, message, spoken_language, told
from forensics.recovery.dead_keys import NOT_EXPORTABLE, DeadKey
from forensics.report.folded_lines import FoldedText
from forensics.report.users_secret import OPENED_WITH
from forensics.tables.finding import Block
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.secrets import UnlockedBy
from forensics.tables.shadow_path import shadow_copy_of

_OPENED: dict[UnlockedBy, str] = {
    "current": message("opened with DPAPI_SYSTEM"),
    "previous": message("opened with the earlier DPAPI_SYSTEM (OldVal)"),
    "password": message("opened with a password of its user"),
    "domain_key": message("opened with the backup key of the domain"),
}
_LONGEST = 1_000
"""Display: characters of one line, of which one may name several secrets of a user that are missing."""
_EXPORT = {
    "yes": message("it may be exported"),
    "no": message("by its policy it is not to be exported"),
    "unknown": message("whether it may be exported could not be read"),
}


def recovered_text(
    keys: Sequence[DeadKey],
    files: Mapping[str, str],
    folder: Path | None,
    log: str | None,
    width: int | None,
    *,
    is_legacy: bool = False,
) -> str:
    """Write the answer of ``recover``.

    Args:
        keys: Each key that was asked for.
        files: Name of the file that was written, by thumbprint.
        folder: Where they are; None where only a list was asked for.
        log: Name of the log beside them.
        width: Columns to fold to; None leaves lines whole.
        is_legacy: They were written for a Windows that imports no AES.
    """
    text = FoldedText(width, _LONGEST)
    had = [key for key in keys if key.lack is None]
    if folder is None:
        text.add(_what_can_be_written(len(had), keys))
        if hanging := sum(key.path is not None and key.chain.hangs_on is not None for key in keys):
            text.add(
                _n(
                    "Do not start this disk, and let nothing write to it: {count} hangs on what Windows may delete.",
                    "Do not start this disk, and let nothing write to it: {count} hang on what Windows may delete.",
                    hanging,
                )
            )
    elif log is None:
        text.add(_("Nothing was written."))
    else:
        one = "{had} of {count} key written into {folder}; {log} says which, without any secret."
        many = "{had} of {count} keys written into {folder}; {log} says which, without any secret."
        text.add(_n(one, many, len(keys), had=len(had), folder=folder, log=log))
    for key in (*had, *(key for key in keys if key.lack is not None)):
        text.lines.append("")
        _add_key(text, key, files, folder)
    if files:
        text.lines.append("")
        if not is_legacy and any(key.imports_no_aes for key in had):
            text.add(
                _(
                    "A Windows older than 10 version 1709 and Server 2019, as one here is, likely imports no file with "
                    "AES and then calls the password wrong: for an import there write the file with --legacy."
                )
            )
        if any(key.exportable == "no" for key in had):
            text.add(
                _(
                    "certutil makes an imported key exportable; NoExport behind the name of the file keeps it as it "
                    "was, for a key that by its policy is not to be exported."
                )
            )
        text.add(
            _(
                "An import gives the key a new access list: an account of its own, such as that of a service, that "
                "read it before needs Read on the new key file. Delete the PFX files when the keys are where they "
                "belong."
            )
        )
    return text.whole()


def _what_can_be_written(had: int, keys: Sequence[DeadKey]) -> str:
    more = held_back(keys)
    if not had and not more:
        none = "None of {count} keys can be written into a PFX file."
        return _n("The key cannot be written into a PFX file.", none, len(keys))
    if not more:
        one = "{had} of {count} key can be written into PFX files; --to FOLDER does that."
        many = "{had} of {count} keys can be written into PFX files; --to FOLDER does that."
        return _n(one, many, len(keys), had=had)
    one = (
        "{had} of {count} key can be written into PFX files, {more} more with --even-not-exportable; --to FOLDER does "
        "that."
    )
    many = (
        "{had} of {count} keys can be written into PFX files, {more} more with --even-not-exportable; --to FOLDER does "
        "that."
    )
    return _n(one, many, len(keys), had=had, more=more)


def held_back(keys: Sequence[DeadKey]) -> int:
    """Return how many more an option would write."""
    return sum(key.lack == NOT_EXPORTABLE for key in keys)


def add_head(text: FoldedText, key: DeadKey) -> None:
    """Say which key it is, and from where and by which secret it was had, or what is missing."""
    name = _name(key.chain)
    if key.user is None:
        text.add(_("{key}, of {computer}", key=name, computer=key.computer))
    else:
        text.add(_("{key} of {user}, of {computer}", key=name, user=key.user, computer=key.computer))
    if key.path is None:
        is_open = key.chain.recoverable is None and key.lack == key.chain.recovery_doubt
        lack = told(key.lack or "")
        text.add(
            _("not known whether it can be had: {why}", why=lack) if is_open else _("not to be had: {why}", why=lack),
            "  ",
        )
        return
    values = {"place": key.place, "opened": _opened(key), "export": _(_EXPORT[key.exportable])}
    if key.master_key_file:
        told_where = _(
            "proved: {place}, its master key in {file}, {opened}; {export}", file=key.master_key_file, **values
        )
    else:
        told_where = _("proved: {place}, {opened}; {export}", **values)
    text.add(told_where, "  ")


def _opened(key: DeadKey) -> str:
    """Say by which secret it was had."""
    if key.older_hives is not None and shadow_copy_of(key.older_hives) is not None:
        return _("opened with DPAPI_SYSTEM of the hives in {path}", path=key.older_hives)
    if key.older_hives is not None:
        return _("opened with DPAPI_SYSTEM of the backup hives in RegBack")
    if key.opened_with:
        return _(OPENED_WITH[key.opened_with])
    return _(_OPENED.get(key.unlocked_by, message("opened")))


def add_commands(text: FoldedText, blocks: Sequence[Block]) -> None:
    """Add commands, each on a line of its own however long it is, and what is said in their place."""
    for block in blocks:
        if block.kind == "command":
            text.lines.append(f"    {sanitise(block.text, len(block.text))}")
        else:
            text.add(block.text, "  ")


def _add_key(text: FoldedText, key: DeadKey, files: Mapping[str, str], folder: Path | None) -> None:
    chain = key.chain
    add_head(text, key)
    if folder is None and chain.verdict != "usable":
        _add_other_way(text, key)
    if key.path is None:
        return
    if key.lack is not None:
        text.add(_("not written: {why}", why=told(key.lack)), "  ")
        return
    name = files.get(chain.thumbprint or "")
    if name is None or folder is None:
        return
    text.add(_("written: {path}", path=folder / name), "  ")
    add_commands(text, tuple(labelled(tuple(_import(chain, name)), spoken_language())))


def _add_other_way(text: FoldedText, key: DeadKey) -> None:
    """Say whether files of the disk bring it back on its own Windows."""
    if key.not_placed is not None:
        text.add(_("not by --as file: {why}", why=told(key.not_placed)), "  ")
    for file in key.files:
        text.add(_("--as file: {path}, to be put at {place}", path=file.found, place=file.place), "  ")


def _import(chain: KeyChainRow, name: str) -> Iterator[Block]:
    return blocks_of("import-pfx", {"scope": chain.store_scope, "store": chain.store, "file": name}, spoken_language())


def _name(chain: KeyChainRow) -> str:
    if chain.thumbprint is None:
        return _("{name}, a key without certificate", name=chain.container or chain.key_file_path)
    subject = chain.subject or _("a certificate without subject")
    return _("{name}, {thumbprint}, store {store}", name=subject, thumbprint=chain.thumbprint, store=chain.store)
