"""What came of looking for a master key: at home, or where Windows may not look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from forensics.chain.tried_passwords import TriedPasswords
from forensics.collectors.evidence import MasterKeyEvidence
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.key_chain import MasterKeyFound
from forensics.tables.secrets import DomainKeyFound, Half, MasterKeyRow, UnlockedBy

SYSTEM = "S-1-5-18"


@dataclass(frozen=True, slots=True)
class Opened:
    """The file of a master key that opened, and what opened it.

    Attributes:
        item: The file.
        by: The secret.
        half: Half of DPAPI_SYSTEM; None for a user's.
    """

    item: MasterKeyEvidence
    by: UnlockedBy
    half: Half | None


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What could be done with the master key that a blob names.

    Attributes:
        outcome: The master key file.
        by: Which secret opened it.
        key: The 64 bytes, when opened.
        half: Half of DPAPI_SYSTEM that opened it.
        intact: What the backup section proves.
        domain_key: What the given backup keys of domains did with its domain section.
        tried: Of a user's: what is known of his passwords.
        unread_because: Why the content of the file was not got; None where it was, or there is no file.
        under_sid: The SID in whose folder it lies, where that is another user's than the key's.
        doubt: Why it is not published whether Windows itself would find or read the file; None where nothing is odd.
        elsewhere: File of the master key outside of where Windows looks for it: the one that opens, else any sound one.
        opens_elsewhere: That file is the one that was opened.
        older_hives: Folder of the hives of an older state whose DPAPI_SYSTEM opened it; None where none had to.
        waits: Why a file elsewhere may still open it; None where none may.
        opened: The file that was opened with what Windows has or a user gave; None where none was.
    """

    outcome: MasterKeyFound
    by: UnlockedBy = "not_tried"
    key: bytes | None = field(default=None, repr=False)
    half: Half | None = None
    intact: Answer = "unknown"
    domain_key: DomainKeyFound = "not_tried"
    tried: TriedPasswords = TriedPasswords()
    unread_because: str | None = None
    under_sid: str | None = None
    doubt: str | None = None
    elsewhere: str | None = None
    opens_elsewhere: bool = False
    waits: str | None = None
    older_hives: str | None = None
    opened: Opened | None = None

    @property
    def is_of_no_use(self) -> bool:
        """The file is not where Windows looks, or is of no use there; not one for which merely no secret was given."""
        return self.key is None and (self.outcome in ("absent", "unreadable") or self.by == "nothing")


def had_elsewhere(home: Unlocked, item: MasterKeyEvidence, opened: Unlocked, owner_sid: str | None) -> Unlocked:
    """Return what a file gave that lies where Windows does not look, or in the folder of another account.

    Args:
        home: What the file gave where Windows looks, which was of no use.
        item: The file.
        opened: What it gave.
        owner_sid: Whose the master key is.
    """
    path, sid = item.row.path, item.row.owner_sid
    found = replace(opened, elsewhere=path, opens_elsewhere=True)
    if home.outcome == "present":
        doubt = sentence(
            "the file of master key {guid} does not open, and its copy {path} does", guid=item.row.guid, path=path
        )
        return replace(found, by=home.by, intact=home.intact, domain_key=home.domain_key, doubt=doubt)
    if home.outcome == "absent" and sid is not None:
        doubt = sentence(
            "master key {guid} of {owner_sid} lies in {path}, in the folder of {sid}; whether Windows "
            "looks there is not published",
            guid=item.row.guid,
            owner_sid=owner_sid,
            path=path,
            sid=sid,
        )
        return replace(found, doubt=doubt)
    return replace(found, outcome=home.outcome, intact=home.intact)


def beside_damaged(item: MasterKeyEvidence, opened: Unlocked, damaged: Sequence[str]) -> Unlocked:
    """Return what a file gave that lies astray, or beside a damaged one of the same account.

    Args:
        item: The file.
        opened: What it gave.
        damaged: Paths of the damaged ones.
    """
    if not damaged:
        return opened
    doubt = sentence(
        "the file of master key {guid}, {damaged}, is damaged, and {path} opens; whether Windows "
        "reads that is not published",
        guid=item.row.guid,
        damaged=damaged[0],
        path=item.row.path,
    )
    return replace(opened, elsewhere=item.row.path, opens_elsewhere=True, doubt=doubt)


def doubt_of_place(item: MasterKeyEvidence, opened_with: Half | None) -> str | None:
    """Say why it is not published whether Windows finds a master key file; None where nothing is odd."""
    return _misplaced(item.row, opened_with) or _in_strange_profile(item)


def _misplaced(row: MasterKeyRow, opened_with: Half | None) -> str | None:
    """Say that SYSTEM's master key lies where Windows keeps those of the other half, or none of SYSTEM's at all."""
    if row.owner_sid != SYSTEM or opened_with is None or opened_with == row.half:
        return None
    folder = SYSTEM if opened_with == "machine" else f"{SYSTEM}\\User"
    return sentence(
        "master key {guid} opens with the {opened_with} half of DPAPI_SYSTEM, whose folder is "
        "{folder}, but lies in {path}; whether Windows looks there is not published",
        guid=row.guid,
        opened_with=opened_with,
        folder=folder,
        path=row.path,
    )


def _in_strange_profile(item: MasterKeyEvidence) -> str | None:
    """Say that an account's master key lies in the profile of another one, and not in its own."""
    if item.in_profile_of is None:
        return None
    return sentence(
        "master key {guid} of {owner_sid} lies in {path}, in the profile of {in_profile_of}; whether "
        "Windows looks there is not published",
        guid=item.row.guid,
        owner_sid=item.row.owner_sid,
        path=item.row.path,
        in_profile_of=item.in_profile_of,
    )
