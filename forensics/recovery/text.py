"""What ``recover`` prints: each key, from where it was had and what to do with the file, or what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from forensics.commands.blocks import blocks_of, labelled
from forensics.recovery.dead_keys import NOT_EXPORTABLE, DeadKey
from forensics.report.folded_lines import FoldedText
from forensics.report.users_secret import OPENED_WITH
from forensics.tables.finding import Block
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.secrets import UnlockedBy
from forensics.tables.shadow_path import shadow_copy_of

_OPENED: dict[UnlockedBy, str] = {
    "current": "opened with DPAPI_SYSTEM",
    "previous": "opened with the earlier DPAPI_SYSTEM (OldVal)",
    "password": "opened with a password of its user",
    "domain_key": "opened with the backup key of the domain",
}
_BACKUP_HIVES = "backup hives in RegBack"
_LONGEST = 1_000
"""Display: characters of one line, of which one may name several secrets of a user that are missing."""
_EXPORT = {
    "yes": "it may be exported",
    "no": "by its policy it is not to be exported",
    "unknown": "whether it may be exported could not be read",
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
        head = f"{len(had)} of {counted(len(keys))} can be written into PFX files"
        text.add(f"{head}{held_back(keys)}; --to FOLDER does that.")
    elif log is None:
        text.add("Nothing was written.")
    else:
        text.add(f"{len(had)} of {counted(len(keys))} written into {folder}; {log} says which, without any secret.")
    for key in (*had, *(key for key in keys if key.lack is not None)):
        text.lines.append("")
        _add_key(text, key, files, folder)
    if files:
        text.lines.append("")
        if not is_legacy and any(key.imports_no_aes for key in had):
            text.add(
                "A Windows older than 10 version 1709 and Server 2019, as one here is, likely imports no file with AES "
                "and then calls the password wrong: for an import there write the file with --legacy."
            )
        if any(key.exportable == "no" for key in had):
            text.add(
                "certutil makes an imported key exportable; NoExport behind the name of the file keeps it as it was, "
                "for a key that by its policy is not to be exported."
            )
        text.add(
            "An import gives the key a new access list: an account of its own, such as that of a service, that read it "
            "before needs Read on the new key file. Delete the PFX files when the keys are where they belong."
        )
    return text.whole()


def counted(count: int) -> str:
    """Return a number of keys."""
    return "1 key" if count == 1 else f"{count} keys"


def held_back(keys: Sequence[DeadKey]) -> str:
    """Say how many more an option would write; empty where none."""
    more = sum(key.lack == NOT_EXPORTABLE for key in keys)
    return f", {more} more with --even-not-exportable" if more else ""


def add_head(text: FoldedText, key: DeadKey) -> None:
    """Say which key it is, and from where and by which secret it was had, or what is missing."""
    of_user = f" of {key.user}" if key.user is not None else ""
    text.add(f"{_name(key.chain)}{of_user}, of {key.computer}")
    if key.path is None:
        is_open = key.chain.recoverable is None and key.lack == key.chain.recovery_doubt
        text.add(f"{'not known whether it can be had' if is_open else 'not to be had'}: {key.lack}", "  ")
        return
    opened = OPENED_WITH[key.opened_with] if key.opened_with else _OPENED.get(key.unlocked_by, "opened")
    if key.older_hives is not None:
        is_past = shadow_copy_of(key.older_hives) is not None
        opened = f"opened with DPAPI_SYSTEM of the {f'hives in {key.older_hives}' if is_past else _BACKUP_HIVES}"
    master_key = f", its master key in {key.master_key_file}" if key.master_key_file else ""
    text.add(f"proved: {key.place}{master_key}, {opened}; {_EXPORT[key.exportable]}", "  ")


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
        text.add(f"not written: {key.lack}", "  ")
        return
    name = files.get(chain.thumbprint or "")
    if name is None or folder is None:
        return
    text.add(f"written: {folder / name}", "  ")
    add_commands(text, tuple(labelled(tuple(_import(chain, name)))))


def _add_other_way(text: FoldedText, key: DeadKey) -> None:
    """Say whether files of the disk bring it back on its own Windows."""
    if key.not_placed is not None:
        text.add(f"not by --as file: {key.not_placed}", "  ")
    for file in key.files:
        text.add(f"--as file: {file.found}, to be put at {file.place}", "  ")


def _import(chain: KeyChainRow, name: str) -> Iterator[Block]:
    return blocks_of("import-pfx", {"scope": chain.store_scope, "store": chain.store, "file": name})


def _name(chain: KeyChainRow) -> str:
    if chain.thumbprint is None:
        return f"{chain.container or chain.key_file_path}, a key without certificate"
    return f"{chain.subject or 'a certificate without subject'}, {chain.thumbprint}, store {chain.store}"
