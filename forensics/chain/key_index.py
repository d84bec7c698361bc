"""Key files by the ways they are looked for: name hash, file name, and public half."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

from forensics.collectors.evidence import Evidence, KeyFileEvidence
from forensics.formats.capi_key import CapiKeyFile, CapiSlot
from forensics.formats.cng_key import CngKeyFile
from forensics.formats.code_page import spellings
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes, tpm_name_hash
from forensics.formats.pcpkey import PcpKeyFile
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation

MAX_NAMESAKES = 20
"""Evidence: files of one container hash in one home that are looked at: MachineGuid changes a few times in a machine's
life.
"""

SYMMETRIC = frozenset({"RC2", "RC4", "AES", "DES", "DESX", "3DES", "3DES_112", "XTS_AES"})


@dataclass(frozen=True, slots=True)
class KeySlot:
    """One key in one file.

    Attributes:
        file: The file.
        name: ``exchange`` or ``signature`` in a CAPI container, else None.
        public: The public half that lies in clear in the file, None when it has none.
        capi: The CAPI slot itself.
    """

    file: KeyFileEvidence
    name: str | None
    public: PublicKey | None
    capi: CapiSlot | None = None


def slots_of(file: KeyFileEvidence) -> list[KeySlot]:
    """Return the filled slots of a key file; none for one that was not read or is unreadable, or an empty container."""
    parsed = file.parsed
    if isinstance(parsed, CapiKeyFile):
        pairs = (("exchange", parsed.exchange), ("signature", parsed.signature))
        return [KeySlot(file, name, slot.public, slot) for name, slot in pairs if slot is not None]
    if isinstance(parsed, CngKeyFile):
        return [KeySlot(file, None, parsed.public_key)]
    if isinstance(parsed, PcpKeyFile):
        return [KeySlot(file, None, parsed.blob.public if parsed.blob else None)]
    return []


def is_empty_container(file: KeyFileEvidence) -> bool:
    """Tell whether a CAPI container holds no key: a program made it, and has not made a key in it, which is common."""
    parsed = file.parsed
    return isinstance(parsed, CapiKeyFile) and parsed.exchange is None and parsed.signature is None


@dataclass(frozen=True, slots=True)
class Home:
    """Where a provider looks for a key: the scope, and whose."""

    scope: str
    owner_sid: str | None

    def holds(self, file: KeyFileEvidence) -> bool:
        """Tell whether a file lies in this home."""
        if file.row.scope != self.scope:
            return False
        return self.scope in ("machine", "system") or file.row.owner_sid == self.owner_sid


class KeyIndex:
    """Looks key files up.

    Args:
        evidence: What the collectors found on one installation.

    Attributes:
        has_unread: The content of a key file was not got, so that it may hold any key.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._folders = evidence.key_folders
        self._code_page = evidence.machine.ansi_code_page
        self._with_folders = frozenset(folder.owner_sid for folder in self._folders)
        self._knows_all_profiles = evidence.knows_all_profiles
        self.has_unread = any(file.row.outcome == "not_examined" for file in evidence.key_files)
        self._by_hash: dict[tuple[str, str], list[KeyFileEvidence]] = defaultdict(list)
        self._namesakes: Counter[tuple[str, str, str, str | None]] = Counter()
        self._by_name: dict[str, list[KeyFileEvidence]] = defaultdict(list)
        self._oddly_named: list[KeyFileEvidence] = []
        self._by_public: dict[PublicKey, list[KeySlot]] = defaultdict(list)
        self._without_public: list[KeySlot] = []
        self._examined: dict[tuple[str, Home], bool] = {}
        for file in sorted(evidence.key_files, key=lambda f: f.row.guid_is_current is not True):
            self._add_namesake(evidence.installation, file)
            self._by_name[file.row.file_name.lower()].append(file)
            if file.row.kind == file.looked_for_as != "tpm" and not _is_plainly_named(file):
                self._oddly_named.append(file)
            for slot in slots_of(file):
                if slot.public is not None:
                    self._by_public[slot.public].append(slot)
                elif file.row.algorithm not in SYMMETRIC:
                    self._without_public.append(slot)

    def _add_namesake(self, installation: Installation, file: KeyFileEvidence) -> None:
        """Keep a file by the hash in its name; of each home so many and no more."""
        row = file.row
        if not row.name_hash:
            return
        kind = file.looked_for_as
        home = (kind, row.name_hash, row.scope, row.owner_sid)
        self._namesakes[home] += 1
        if self._namesakes[home] <= MAX_NAMESAKES:
            self._by_hash[kind, row.name_hash].append(file)
        elif self._namesakes[home] == MAX_NAMESAKES + 1:
            folder = row.path.rpartition("/")[0]
            message = sentence(
                "only {max_namesakes} files of the container with hash {name_hash} are looked at",
                max_namesakes=MAX_NAMESAKES,
                name_hash=row.name_hash,
            )
            installation.cut("folder", folder, folder, message)

    def named(self, kind: str, name_hash: str, home: Home | None = None) -> list[KeyFileEvidence]:
        """Return files of a kind whose name starts with a container's hash, in one home or anywhere."""
        files = self._by_hash.get((kind, name_hash), [])
        return [f for f in files if home is None or home.holds(f)]

    def of_container(self, kind: str, container: str, home: Home | None = None) -> list[KeyFileEvidence]:
        """Return files of a kind that the name of a container leads to, in one home or anywhere."""
        if kind == "capi":
            hashes = capi_name_hashes(container, self._code_page)
        else:
            hashes = cng_name_hashes(container) if kind == "cng" else frozenset([tpm_name_hash(container)])
        return [file for name_hash in sorted(hashes) for file in self.named(kind, name_hash, home)]

    def stored_as(self, container: str, home: Home, public: PublicKey | None) -> list[KeyFileEvidence]:
        """Return files of a home that hold a name beyond ASCII, or its public key, under a hash not foreseen."""
        names = {container.lower(), *(name.lower() for name in spellings(container, None))}
        files = (file for file in self._oddly_named if home.holds(file))
        return [
            file
            for file in files
            if _stored_name(file).lower() in names
            or (public is not None and any(slot.public == public for slot in slots_of(file)))
        ]

    def may_hold(self, container: str, home: Home) -> bool:
        """Tell whether a container may lie in a home though no file has the hash of its name.

        Beyond ASCII the hash is not known for certain; a file there that holds a plain name is another container's, and
        so is one of CNG, which holds names as they are.
        """
        unlike = (f for f in self._oddly_named if f.row.kind == "capi" or f.parsed is None)
        return not container.isascii() and any(home.holds(f) for f in unlike)

    def with_file_name(self, kind: str, file_name: str, home: Home | None = None) -> list[KeyFileEvidence]:
        """Return files of a kind with exactly this name."""
        files = [f for f in self._by_name.get(file_name.lower(), []) if f.looked_for_as == kind]
        return [f for f in files if home is None or home.holds(f)]

    def with_public(self, public: PublicKey) -> Iterator[KeySlot]:
        """Yield every slot on the disk that holds this public half in clear."""
        yield from self._by_public.get(public, [])

    def without_public(self) -> list[KeySlot]:
        """Return asymmetric keys whose file does not store a public half that can be read."""
        return self._without_public

    def was_examined(self, kind: str, home: Home) -> bool:
        """Tell whether every name in the folders of a home was seen, so that a missing file is absent."""
        if (kind, home) not in self._examined:
            self._examined[kind, home] = self._was_examined(kind, home)
        return self._examined[kind, home]

    def _was_examined(self, kind: str, home: Home) -> bool:
        if home.scope == "user" and home.owner_sid and home.owner_sid not in self._with_folders:
            return self._knows_all_profiles
        folders = [
            f.outcome
            for f in self._folders
            if f.kind == kind
            and f.scope == home.scope
            and (home.scope in ("machine", "system") or f.owner_sid == home.owner_sid)
            and not _is_dss(f.path)
        ]
        return bool(folders) and all(folder.is_whole for folder in folders)

    def searched_for(self, public: PublicKey | None) -> bool:
        """Tell whether a public key that no file here has is nowhere on this installation."""
        return self._all_names_seen and not self.left_unread(public)

    def left_unread(self, public: PublicKey | None) -> bool:
        """Tell whether files were not read that may hold a public key, or hold it once more."""
        return self.has_unread or any(not f.contents.is_whole and public not in f.lacks for f in self._folders)

    @cached_property
    def _all_names_seen(self) -> bool:
        return all(f.outcome.is_whole for f in self._folders)


def _stored_name(file: KeyFileEvidence) -> str | bytes:
    """Return the name in a file as it is stored; that of a file that was not read may be any."""
    parsed = file.parsed
    if isinstance(parsed, CapiKeyFile):
        return parsed.container_bytes
    return parsed.container if isinstance(parsed, CngKeyFile) else b"?"


def _is_plainly_named(file: KeyFileEvidence) -> bool:
    """Tell whether a file holds a name of ASCII, without the mark that stands for what a code page lacks."""
    name = _stored_name(file)
    return name.isascii() and (isinstance(name, str) or b"?" not in name)


def _is_dss(path: str) -> bool:
    return "/dss/" in path.lower()
