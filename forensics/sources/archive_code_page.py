"""In which code page an archive stores the names of its members, where it does not say so.

A zip without the flag for UTF-8 has names in the code page of the machine on which it was made, as old programs and
Explorer write it, and a tar has whatever its file system had. The Windows in the archive tells its own code pages, and
by the folders of its users what the names must come to.

References:
    - APPNOTE.TXT 4.4.4 (general purpose bit 11), appendix D
    - Microsoft Learn, Control\\Nls\\CodePage (ACP, OEMCP)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from forensics.disk.tree import NotFound, Unreadable
from forensics.lack_of_memory import suppressed
from forensics.registry.hive import Hive
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.layout import find_layout
from forensics.sources.loose_hives import hives_in

_PAGE = re.compile("[0-9]{3,5}", re.ASCII)
_WIDESPREAD = ("cp932", "cp936", "cp949", "cp950", *(f"cp{page}" for page in (*range(1250, 1259), 850, 852, 866, 437)))
_PROFILES = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
_MAX_PROFILES = 2_000
"""Work: profiles whose folders are compared with the names in an archive."""


def encoding_of_names(tree: ArchiveTree) -> str | None:
    """Return the encoding of the names that an archive does not tell; None where nothing shows it.

    The one counts under which a folder is that of a user in ProfileList; else UTF-8 where all names are that, else the
    first code page of the machine in which all of them are valid.

    Args:
        tree: The archive, read as if all were code page 437.
    """
    names = tree.legacy_names
    pages, folders = _of_machine(tree)
    candidates = dict.fromkeys(["utf-8", *pages, *_WIDESPREAD])
    decoded = {encoding: words for encoding in candidates if (words := _folders(names, encoding)) is not None}
    wanted = {folder.casefold() for folder in folders if not folder.isascii()}
    fits = next((encoding for encoding, words in decoded.items() if wanted & words), None)
    return fits or next((encoding for encoding in ("utf-8", *pages) if encoding in decoded), None)


def _folders(names: list[bytes], encoding: str) -> set[str] | None:
    """Return the parts of all names in an encoding, without case; None where one is not valid in it."""
    found: set[str] = set()
    try:
        for name in names:
            text = name.decode(encoding)
            if not text.replace("/", "").replace("\\", "").isprintable():
                return None
            found.update(part.casefold() for part in re.split(r"[\\/]", text))
    except (LookupError, UnicodeDecodeError):
        return None
    return found


def _of_machine(tree: ArchiveTree) -> tuple[list[str], list[str]]:
    """Return the code pages of the Windows in an archive, that of its consoles first, and its profiles' folders."""
    pages: list[str] = []
    folders: list[str] = []
    for name, hive in _hives(tree):
        with suppressed():  # what is wrong with a hive is told where it is examined
            if name == "SYSTEM":
                pages += _pages(hive)
            else:
                folders += _profiles(hive)
    return list(dict.fromkeys(pages)), folders


def _hives(tree: ArchiveTree) -> Iterator[tuple[str, Hive]]:
    from forensics.registry.hives import open_hive

    roots = [(root.tree, root.windows) for root in find_layout(tree).roots]
    if not roots:
        loose = hives_in(tree, "", tree.entries(""))
        roots = [(loose.tree(tree), "Windows")] if loose.files else []
    for files, windows in roots:
        for name in ("SYSTEM", "SOFTWARE"):
            with suppress(NotFound, Unreadable):
                yield name, open_hive(files, f"{windows}/System32/config/{name}", lambda *_: None)


def _pages(hive: Hive) -> Iterator[str]:
    select = hive.key("Select")
    current = select.value("Current") if select else None
    number = current.number if current and current.number else 1
    key = hive.key(f"ControlSet{number % 1000:03d}\\Control\\Nls\\CodePage")
    for name in ("OEMCP", "ACP"):
        value = key.value(name) if key else None
        if value is not None and value.text and _PAGE.fullmatch(value.text):
            yield f"cp{value.text}" if value.text != "65001" else "utf-8"


def _profiles(hive: Hive) -> Iterator[str]:
    listed = hive.key(_PROFILES)
    for number, key in enumerate(listed.subkeys() if listed else ()):
        value = key.value("ProfileImagePath") if number < _MAX_PROFILES else None
        if value is not None and value.text:
            yield value.text.replace("/", "\\").rstrip("\\").rpartition("\\")[2]
