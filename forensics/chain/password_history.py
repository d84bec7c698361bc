"""Walks CREDHIST: from a password that is known to those that its user had before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field

from forensics.chain.credhist_told import History
from forensics.chain.work import PROTECTED_USER, Work
from forensics.collectors.credhist import FoundCredHist, find_credhist, read_credhist
from forensics.collectors.evidence import MasterKeyEvidence
from forensics.dpapi.credhist import PasswordHashes, open_credhist_link
from forensics.dpapi.dpapi import section_rounds, user_prekey_from_sha1, user_prekeys_from_nt_hash
from forensics.formats.credhist import CredHistLink
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation

_MOST_FILES = 4
"""Work: files CREDHIST of one account that are walked; it has as many as profiles."""


@dataclass(frozen=True, slots=True)
class KnownPassword:
    """A password as far as its hashes tell it.

    Attributes:
        prekeys: What it gives for the keys of an account, by SID, likeliest first.
        nt_hash: Of the password from which the walk began: its own, if it was given.
    """

    prekeys: Callable[[str], Iterable[bytes]] = field(repr=False)
    nt_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EarlierPassword:
    """A password that a link of CREDHIST gave.

    Attributes:
        hashes: It.
        link: GUID of the link; master keys name the one of their password.
        began_with: NT hash of the password from which the walk began.
    """

    hashes: PasswordHashes
    link: str
    began_with: bytes = field(repr=False)


class PasswordHistories:
    """The files CREDHIST of one installation, each read and walked once, when a key needs it.

    Args:
        installation: Whose they are.
        master_keys: Its master keys, beside whose folders they lie.
        work: What opening them may cost.
    """

    def __init__(self, installation: Installation, master_keys: Iterable[MasterKeyEvidence], work: Work) -> None:
        self._installation = installation
        self._work = work
        self._is_cut: set[str] = set()
        self._folders: dict[str, list[str]] = defaultdict(list)
        for item in master_keys:
            protect = item.row.path.rpartition("/")[0].rpartition("/")[0]
            known = self._folders[item.row.owner_sid or ""]
            if protect and protect not in known and len(known) < _MOST_FILES:
                known.append(protect)
        self._read: dict[str, FoundCredHist] = {}
        self._opened: dict[str, dict[str, int]] = defaultdict(dict)
        self._earlier: dict[str, list[EarlierPassword]] = {}

    def seen(self, sid: str) -> History:
        """Say whether an account has such a file, without reading it."""
        return self._best(sid, [self._read.get(f) or find_credhist(self._installation, f) for f in self._folders[sid]])

    def read(self, sid: str) -> History:
        """Say what the file of an account holds, and what of it was opened."""
        return self._best(sid, [self._content(folder) for folder in self._folders[sid]])

    def earlier(self, sid: str, known: Sequence[KnownPassword]) -> list[EarlierPassword]:
        """Return the earlier passwords of an account to which some passwords lead, newest first."""
        if sid not in self._earlier:
            self._earlier[sid] = []
            for folder in self._folders[sid] if known else ():
                found = self._content(folder)
                opened = self._walk(found, known)
                self._opened[sid][found.path] = len(opened)
                self._earlier[sid] += opened
        return self._earlier[sid]

    def cut(self, sid: str) -> None:
        """Note that what the files of an account gave was not all tried on its master keys."""
        self._is_cut.update(self._content(folder).path for folder in self._folders[sid])

    def _content(self, folder: str) -> FoundCredHist:
        if folder not in self._read:
            self._read[folder] = read_credhist(self._installation, folder)
        return self._read[folder]

    def _best(self, sid: str, found: Sequence[FoundCredHist]) -> History:
        """Of several profiles of one account take the file that is there."""
        if not found:
            return History("not_examined", "")
        best = min(found, key=lambda f: (not f.outcome.is_there, f.outcome.state == "absent"))
        if best.content is None:
            return History(best.outcome.state, best.path, why=best.outcome.why)
        opened = None if best.path in self._is_cut else self._opened[sid].get(best.path, 0)
        return History(best.outcome.state, best.path, best.content.count, opened)

    def _walk(self, found: FoundCredHist, known: Sequence[KnownPassword]) -> list[EarlierPassword]:
        """Open one link after the other, with what is known and with what the link before gave."""
        opened: list[EarlierPassword] = []
        newer: list[KnownPassword] = []
        for link in found.content.links if found.content is not None else ():
            earlier = self._open(link, [*newer, *known], found.path)
            newer = []
            if earlier is not None:
                opened.append(earlier)
                newer = [KnownPassword(prekeys_of(earlier.hashes), earlier.began_with)]
        return opened

    def _open(self, link: CredHistLink, known: Sequence[KnownPassword], path: str) -> EarlierPassword | None:
        for password in known:
            # Each link may name an account of its own, for which the password is stretched anew.
            if not self._may(PROTECTED_USER, path):
                return None
            for pre in password.prekeys(link.sid):
                if not self._may(section_rounds(link), path):
                    return None
                hashes = open_credhist_link(link, pre)
                if hashes is not None:
                    return EarlierPassword(hashes, link.guid, password.nt_hash)
        return None

    def _may(self, rounds: int, path: str) -> bool:
        """Take work; where there is none left, what the file holds is not all tried."""
        if self._work.may(rounds, path):
            return True
        self._is_cut.add(path)
        return False


def prekeys_of(hashes: PasswordHashes) -> Callable[[str], Iterator[bytes]]:
    """Return what the hashes of a password give for the keys of an account."""

    def of(sid: str) -> Iterator[bytes]:
        yield user_prekey_from_sha1(hashes.sha1, sid)
        yield from user_prekeys_from_nt_hash(hashes.nt, sid)

    return of
