"""Reads the backup keys of a domain from the directory of one of its domain controllers, NTDS.dit.

Only the tables and trees of the database are dissect's to read: its reader of directories wants their schema and
indexes whole, and follows links between pages without end where they lead in a circle.

References:
    MS-BKRP 3.1.4.1.3 (how backup keys are named); MS-ADTS 3.1.1.4 and MS-DRSR 4.1.10 (secret attributes, attribute IDs)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import field
from typing import Any, BinaryIO

from dissect.database.ese.ese import ESE
from dissect.database.ese.ntds.pek import PEK
from dissect.database.ese.record import Record

from forensics.dpapi.domain_backup import parse_key_pair
from forensics.formats.errors import FormatError
from forensics.formats.private_key import RsaPrivateKey
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_PAGES = 2_000_000
"""Evidence: pages of the directory of a domain, NTDS.dit, that are searched for its backup keys; 16 GB."""
MAX_OBJECTS = 3_000_000
"""Evidence: objects of the directory of a domain that are searched for its backup keys."""
MAX_PAGES_OF_CATALOG = 600
"""Format: pages with the names of all columns of the directory of a domain."""
MAX_PAGES_OF_VALUE = 12
"""Format: pages that are read for one value of the directory of a domain, of which backup keys have 2 KB."""
MAX_NAME = 1024
"""Format: bytes of the name of an object in the directory of a domain; none lies outside of its row."""
MAX_SECRETS = 4_000
"""Evidence: objects with secrets in the directory of a domain of which the name is read."""
MAX_ALIKE = 8
"""Evidence: values in the directory of a domain that claim to be one backup key, or the key to all secrets."""
MAX_TOLD = 16
"""Display: backup keys that the directory of a domain has besides the ones looked for."""

_HEADER = struct.Struct("<52xI176xII")
_MAGIC = struct.Struct("<4xI")
_ESE = 0x89ABCDEF
_CLEAN = 3
_PAGE_SIZES = (2048, 4096, 8192, 16384, 32768)
_NAME, _CURRENT_VALUE, _PEK_LIST = "ATTm589825", "ATTk589851", "ATTk590689"
_BACKUP_KEY = re.compile(r"BCKUPKEY_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) Secret", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class DirectoryKeys:
    """What a directory has of the backup keys that were looked for.

    Attributes:
        keys: The keys by their GUID, lower case.
        unusable: Why a key that is there could not be had, by its GUID.
        others: GUIDs of other backup keys there.
        is_dirty: It was not shut down cleanly: what its logs still hold is not in it.
        not_read: Why not all of it was searched; None where it was.
    """

    keys: dict[str, RsaPrivateKey] = field(repr=False)
    unusable: dict[str, str]
    others: list[str]
    is_dirty: bool
    not_read: str | None


def read_directory(stream: BinaryIO, boot_key: bytes, wanted: Collection[str]) -> DirectoryKeys:
    """Look for backup keys in a directory.

    Args:
        stream: NTDS.dit.
        boot_key: That of the hive SYSTEM beside it.
        wanted: GUIDs of the keys, lower case.

    Raises:
        FormatError: It is no such database, or is damaged where it tells of itself; or the boot key does not open it.
    """
    state = _state(stream)
    try:
        search = _Search(_Database(stream), wanted)
    except FormatError:
        raise
    except KeyError:
        raise FormatError("no_directory", 0, sentence("it has not the tables and columns of a directory")) from None
    except Exception as error:  # whatever the library raises on damaged or hostile bytes, whose text may hold some
        pass_on(error)
        raise FormatError(
            "catalog_not_read",
            0,
            sentence("its catalog cannot be read ({error_type})", error_type=type(error).__name__),
        ) from None
    keys, unusable = _opened(search, boot_key)
    return DirectoryKeys(keys, unusable, sorted(search.others), state != _CLEAN, search.not_read)


def _state(stream: BinaryIO) -> int:
    stream.seek(0)
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise FormatError("truncated", 0, sentence("a database does not have {count} bytes", count=len(head)))
    if _MAGIC.unpack_from(head)[0] != _ESE:
        raise FormatError("bad_magic", 4, sentence("it is no database of the Extensible Storage Engine"))
    state, _, page_size = _HEADER.unpack(head)
    if page_size not in _PAGE_SIZES:
        raise FormatError(
            "bad_size", 236, sentence("a database does not have pages of {page_size} bytes", page_size=page_size)
        )
    return int(state)


class _Database(ESE):
    """A database of which no more pages are read than may be: a hostile one leads in circles.

    Attributes:
        may_read: Pages that may still be read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.may_read = MAX_PAGES_OF_CATALOG
        super().__init__(stream)
        # The library keeps pages in memory by a method of the object, which would hide the count below.
        del self.page

    def page(self, num: int) -> Any:
        """Return a page.

        Raises:
            FormatError: ``too_many``.
        """
        self.may_read -= 1
        if self.may_read < 0:
            raise FormatError("too_many", 0, sentence("its pages lead in circles, or are too many"))
        return super().page(num)


class _Search:
    """What one walk over all objects of a directory found, still sealed.

    Attributes:
        sealed: Values that claim to be a wanted backup key, by GUID.
        lists: Values that claim to hold the keys to all secrets.
        others: GUIDs of the other backup keys.
        not_read: Why not all was searched.
    """

    def __init__(self, database: _Database, wanted: Collection[str]) -> None:
        self.sealed: dict[str, list[bytes]] = {}
        self.lists: list[bytes] = []
        self.others: set[str] = set()
        self.not_read: str | None = None
        self._database, self._wanted = database, wanted
        self._table = database.table("datatable")
        self._table.column(_NAME)
        tagged = (self._table.column(name).identifier for name in (_CURRENT_VALUE, _PEK_LIST))
        # A row names each tagged column that it has by its number; to read all the rows takes five times as long.
        self._numbers = [struct.pack("<H", number) for number in tagged]
        self._lost_pages = self._lost_objects = self._secrets = 0
        for count, node in enumerate(self._leaves(self._table.root_page)):
            if count >= MAX_OBJECTS:
                self.not_read = sentence("only {max_objects} of its objects were searched", max_objects=MAX_OBJECTS)
                break
            try:
                data = bytes(node.data)
                if not any(number in data for number in self._numbers):
                    continue
                record = Record(self._table, node)
                if record.get(_CURRENT_VALUE, raw=True) is not None:
                    self._secret(record)
                if record.get(_PEK_LIST, raw=True) is not None:
                    self._keep(self.lists, record, _PEK_LIST)
            except Exception as error:  # as above
                pass_on(error)
                self._lost_objects += 1
        if self.not_read is None and (self._lost_pages or self._lost_objects):
            self.not_read = sentence(
                "{lost_pages} of its pages and {lost_objects} of its objects cannot be read",
                lost_pages=self._lost_pages,
                lost_objects=self._lost_objects,
            )

    def _leaves(self, root: int) -> Iterator[Any]:
        """Yield each node of the leaves below a page, each page once."""
        pages, met = [root], {root}
        while pages:
            number = pages.pop()
            if len(met) > MAX_PAGES:
                self.not_read = sentence("only {max_pages} of its pages were searched", max_pages=MAX_PAGES)
                return
            self._database.may_read = 1
            try:
                page = self._database.page(number)
                nodes = list(page.nodes())
                is_leaf = page.is_leaf
            except Exception as error:  # as above
                pass_on(error)
                self._lost_pages += 1
                continue
            if is_leaf:
                yield from nodes
                continue
            below = [child for child in dict.fromkeys(node.child for node in nodes) if child not in met]
            met.update(below)
            pages += reversed(below)

    def _secret(self, record: Record) -> None:
        self._secrets += 1
        if self._secrets > MAX_SECRETS:
            self.not_read = sentence("only {max_secrets} of its secrets were looked at", max_secrets=MAX_SECRETS)
            return
        found = _BACKUP_KEY.fullmatch(self._name(record))
        if found is None:
            return
        guid = found[1].lower()
        if guid not in self._wanted:
            if len(self.others) < MAX_TOLD:
                self.others.add(guid)
            return
        self._keep(self.sealed.setdefault(guid, []), record, _CURRENT_VALUE)

    def _keep(self, values: list[bytes], record: Record, column: str) -> None:
        if len(values) < MAX_ALIKE:
            values.append(self._value(record, column))
        else:
            self.not_read = sentence("more than {max_alike} of its values claim to be one key", max_alike=MAX_ALIKE)

    def _name(self, record: Record) -> str:
        self._database.may_read = 0
        raw: Any = record.get(_NAME, raw=True)
        if len(raw) > MAX_NAME:
            raise FormatError("too_large", 0, sentence("a name of {count} bytes", count=len(raw)))
        value = record.get(_NAME)
        return str(value[0] if isinstance(value, list) else value)

    def _value(self, record: Record, column: str) -> bytes:
        self._database.may_read = MAX_PAGES_OF_VALUE
        value: Any = record.get(column)
        first = value[0] if isinstance(value, list) else value
        # The catalogue, which is evidence too, may declare a number there: so many zeros would be made of it.
        if not isinstance(first, bytes | bytearray):
            raise FormatError("bad_value", 0, sentence("column {column} holds no bytes", column=column))
        return bytes(first)


def _opened(search: _Search, boot_key: bytes) -> tuple[dict[str, RsaPrivateKey], dict[str, str]]:
    """Open what was found; where nothing wanted was, nothing is."""
    keys: dict[str, RsaPrivateKey] = {}
    unusable: dict[str, str] = {}
    if not search.sealed:
        return keys, unusable
    peks = [pek for pek in (_pek(sealed, boot_key) for sealed in search.lists) if pek is not None]
    if not peks:
        if not search.lists:
            raise FormatError(
                "no_key",
                0,
                sentence(
                    "it has no key to its own secrets; {not_read}", not_read=search.not_read or "all was searched"
                ),
            )
        raise FormatError("wrong_boot_key", 0, sentence("the boot key of SYSTEM does not open the key to its secrets"))
    for guid, values in search.sealed.items():
        for value in values:
            for pek in peks:
                try:
                    keys[guid] = parse_key_pair(pek.decrypt(value))
                except FormatError as error:
                    unusable[guid] = error.message
                except Exception as error:  # as above
                    pass_on(error)
                    unusable[guid] = sentence(
                        "its protection cannot be undone ({error_type})", error_type=type(error).__name__
                    )
        if guid in keys:
            unusable.pop(guid, None)
    return keys, unusable


def _pek(sealed: bytes, boot_key: bytes) -> PEK | None:
    try:
        pek = PEK(sealed)
        pek.unlock(boot_key)
    except Exception as error:  # a wrong key, or a list that is none
        pass_on(error)
        return None
    return pek
