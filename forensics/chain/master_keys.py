"""Opens master keys: each only when a key needs it, and only once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from forensics.chain.access import may_read
from forensics.chain.domain_keys import DomainKeys
from forensics.chain.master_key_copies import MasterKeyCopies
from forensics.chain.master_key_found import (
    SYSTEM,
    Opened,
    Unlocked,
    beside_damaged,
    doubt_of_place,
    had_elsewhere,
)
from forensics.chain.missing_secret import missing_secret, opens_with
from forensics.chain.prekeys import Prekey, Prekeys, is_system, system_prekeys
from forensics.chain.tokens import Tokens
from forensics.chain.witness import Witness
from forensics.chain.work import Work
from forensics.collectors.evidence import Evidence, MasterKeyEvidence
from forensics.dpapi import dpapi
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.master_key import MasterKeySection
from forensics.language import sentence
from forensics.sources.coverage import Place
from forensics.tables.answer import Answer
from forensics.tables.key_chain import MasterKeyFound
from forensics.tables.secrets import MasterKeyRow

if TYPE_CHECKING:
    from forensics.chain.older_secrets import OlderSecrets
    from forensics.collectors.past_files import PastFiles

_BACKUP_NEEDS_SECRET = 1
_SIBLINGS_ASKED = 3
"""Work: other master keys that are asked whether backup sections open at all here."""


class MasterKeyRing:
    """All master keys of one installation.

    Args:
        evidence: What the collectors found.
        system: DPAPI_SYSTEM, current and previous.
        user_secrets: What the examiner brought.
        witness: Repeats each opening with another library, where one is wanted.

    Attributes:
        installation: Whose they are.
        work: What all attempts together may still cost.
        asked_past: What the shadow copies of the disk have, once a broken key asked for it; None: none did.
        prekeys: What may open them.
    """

    def __init__(
        self, evidence: Evidence, system: DpapiSystem, user_secrets: UserSecrets, witness: Witness | None = None
    ) -> None:
        self._witness = witness
        self._evidence = evidence
        self.installation = evidence.installation
        self.work = Work(evidence.installation, with_witness=witness is not None)
        self._system = system
        self._domain_keys = DomainKeys(evidence.installation, user_secrets.domain_keys, self.work, witness)
        self._folders = evidence.master_key_folders
        self.prekeys = Prekeys(evidence, system, user_secrets, with_witness=witness is not None)
        self._tokens = Tokens(evidence)
        self._secret_is_absent = _lacks_secret(evidence)
        self._found = evidence.master_keys
        self._by_guid: dict[str, list[MasterKeyEvidence]] = defaultdict(list)
        for item in self._found:
            self._by_guid[item.row.guid].append(item)
        self._opened: dict[str, Unlocked] = {}
        self._unlocked: dict[tuple[str, str | None], Unlocked] = {}
        self._copies = MasterKeyCopies(evidence)
        self._backups: dict[str, bool] = {}
        self.asked_past: PastFiles | None = None

    def unlock(self, guid: str, owner_sid: str | None) -> Unlocked:
        """Find and open a master key.

        Args:
            guid: Lower-case GUID that the DPAPI blob names.
            owner_sid: Whose blob it is; S-1-5-18 for machine and SYSTEM keys.
        """
        place = (guid, owner_sid)
        if place not in self._unlocked:
            home = self._with_older_secret(guid, owner_sid, self._at_home(guid, owner_sid))
            self._unlocked[place] = self._elsewhere(guid, owner_sid, home) if home.is_of_no_use else home
        return self._unlocked[place]

    def _at_home(self, guid: str, owner_sid: str | None) -> Unlocked:
        files = self._by_guid.get(guid, [])
        own = [f for f in files if f.row.owner_sid == owner_sid]
        if not own:
            return self._of_earlier_account(files, owner_sid) or Unlocked(self._missing(owner_sid))
        return self._unlock_any(own)

    def _elsewhere(self, guid: str, owner_sid: str | None, home: Unlocked) -> Unlocked:
        """Try the files of a master key that lie where Windows does not look for it, with its owner's secrets."""
        others = [f for f in self._by_guid.get(guid, []) if f.row.owner_sid != owner_sid and f.parsed is not None]
        copies, not_searched = self._copies.of(guid)
        sound: str | None = None
        # Shadow copies are opened only where what lies there today does not open.
        for item in chain(others, copies, self._copies.in_past(guid, self.past)):
            theirs = replace(item, row=replace(item.row, owner_sid=owner_sid, half=None))
            opened = self._open(theirs)
            if opened.outcome == "present" and opened.key is None:
                sound = sound or item.row.path
                opened = self._open_older(theirs, opened)
            if opened.key is not None:
                return had_elsewhere(home, item, opened, owner_sid)
        if sound is None:
            return replace(home, waits=not_searched or self.past.volumes.not_searched)
        waits = sentence(
            "a file of master key {guid} lies in {sound}, and nothing known here opens it", guid=guid, sound=sound
        )
        return replace(home, elsewhere=sound, waits=waits)

    def _with_older_secret(self, guid: str, owner_sid: str | None, home: Unlocked) -> Unlocked:
        """Try the secrets of older states on a master key of the system that those in use do not open."""
        if home.key is not None or home.outcome != "present":
            return home
        own = (self._open_older(f, home) for f in self._by_guid.get(guid, []) if f.row.owner_sid == owner_sid)
        return next((found for found in own if found.key is not None), home)

    def _open_older(self, item: MasterKeyEvidence, tried: Unlocked) -> Unlocked:
        """Return what the secrets of older states give of a file that no secret of today opened."""
        sid, file = item.row.owner_sid, item.parsed
        if tried.by not in ("nothing", "not_tried") or not is_system(sid) or file is None or file.master is None:
            return tried
        for older in self._older_secrets:
            for prekey in system_prekeys(item.row.half, sid or SYSTEM, older.system):
                key = self._opened_with(item, file.master, prekey.pre)
                if key is not None:
                    return replace(tried, key=key, half=prekey.half, intact="yes", older_hives=older.hives)
        return tried

    @cached_property
    def _older_secrets(self) -> OlderSecrets:
        from forensics.chain.older_secrets import OlderSecrets

        return OlderSecrets(self.installation, self.past.volumes, self._system)

    @property
    def past(self) -> PastFiles:
        """What the shadow copies of the disk have; whoever asks has a key that is broken."""
        if self.asked_past is None:
            from forensics.collectors.past_files import PastFiles

            self.asked_past = PastFiles(self._evidence)
        return self.asked_past

    def _opened_with(self, item: MasterKeyEvidence, section: MasterKeySection, prekey: bytes) -> bytes | None:
        if not self.work.may(dpapi.section_rounds(section), item.row.path):
            return None
        key = dpapi.open_master_section(section, prekey)
        if self._witness:
            self._witness.master_key(item.row.path, prekey, key, item.raw)
        return key

    def _of_earlier_account(self, files: list[MasterKeyEvidence], owner_sid: str | None) -> Unlocked | None:
        """A user who was moved to another account keeps the master keys of the SID that he had."""
        if owner_sid is None or is_system(owner_sid):
            return None
        others = [f for f in files if f.row.owner_sid is not None and not is_system(f.row.owner_sid)]
        return replace(self._unlock_any(others), under_sid=others[0].row.owner_sid) if others else None

    def _unlock_any(self, own: list[MasterKeyEvidence]) -> Unlocked:
        readable = [f for f in own if f.row.outcome == "present" and f.parsed is not None]
        tried: list[Unlocked] = []
        for item in readable:
            tried.append(self._open_once(item))
            # Of two of SYSTEM's one lies in the folder of its half; of two of a user's nothing tells which is read.
            is_read = item.row.half is not None or all(f.row.outcome != "unreadable" for f in own)
            if tried[-1].key is not None and tried[-1].doubt is None and is_read:
                return tried[-1]
        damaged = [f.row.path for f in own if f.row.outcome == "unreadable"]
        damaged += [f.row.path for f, one in zip(readable, tried, strict=True) if one.outcome == "unreadable"]
        for item, opened in zip(readable, tried, strict=True):
            if opened.key is not None:
                return beside_damaged(item, opened, damaged)
        unread = next((f for f in own if f.row.outcome == "not_examined"), None)
        if unread is not None:
            return Unlocked("not_examined", unread_because=unread.unread_because)
        return next((one for one in tried if one.outcome == "present"), Unlocked("unreadable"))

    def rows(self) -> list[MasterKeyRow]:
        """Return table master_key: each file as it was found, with what came of opening it where that was needed."""
        return [self._row(item) for item in self._found]

    def row_of(self, guid: str | None, owner_sid: str | None) -> MasterKeyRow | None:
        """Return the row of a master key, as opening it left it: of several files of that GUID the owner's first."""
        found = self._by_guid.get(guid, []) if guid is not None else []
        item = next((f for f in found if f.row.owner_sid == owner_sid), found[0] if found else None)
        return self._row(item) if item is not None else None

    def _row(self, item: MasterKeyEvidence) -> MasterKeyRow:
        row = replace(
            item.row, system_can_read=self._system_can_read(item), opens_with=opens_with(item, self.prekeys.online)
        )
        opened = self._opened.get(row.path)
        if opened is None:
            return row
        row = replace(
            row,
            outcome="unreadable" if opened.outcome == "unreadable" else "present",
            unlocked_by=opened.by,
            opened_with_half=opened.half,
            intact=opened.intact,
            domain_key=opened.domain_key,
            domain_key_from=self._domain_keys.sources.get(row.path),
            domain_keys_given=self._domain_keys.guids if opened.domain_key == "does_not_open" else [],
            opened_with=opened.tried.opened_with,
            given_password=opened.tried.given,
            disk_holds=list(opened.tried.held),
        )
        if (history := opened.tried.history) is not None:
            row.credhist, row.credhist_passwords, row.credhist_opened = history.state, history.passwords, history.opened
        row.missing_secret = missing_secret(row) if opened.key is None and not is_system(row.owner_sid) else []
        return row

    def _missing(self, owner_sid: str | None) -> MasterKeyFound:
        """A master key without file is absent only when every folder it could lie in was seen whole."""
        folders = [outcome for (sid, _), outcome in self._folders.items() if sid == owner_sid]
        return "absent" if folders and all(folder.is_whole for folder in folders) else "not_examined"

    def _open_once(self, item: MasterKeyEvidence) -> Unlocked:
        path = item.row.path
        if path not in self._opened:
            opened = self._open(item)
            self._opened[path] = replace(opened, doubt=self._shut_out(item) or doubt_of_place(item, opened.half))
        return self._opened[path]

    def _shut_out(self, item: MasterKeyEvidence) -> str | None:
        """Say that SYSTEM, as which Windows opens master keys, may not read the file, or that this is not known."""
        row = item.row
        if item.access_unread is not None:
            return sentence(
                "the access list of the file of master key {guid} could not be read: {access_unread}",
                guid=row.guid,
                access_unread=item.access_unread,
            )
        reads = self._system_can_read(item)
        if item.security is not None and reads is None:
            return sentence(
                "whether the access list of the file of master key {guid}, {path}, lets in SYSTEM rests on what is not "
                "known of its groups",
                guid=row.guid,
                path=row.path,
            )
        if reads is not False:
            return None
        return sentence(
            "the access list of the file of master key {guid}, {path}, shuts out SYSTEM; whether Windows "
            "opens it all the same is not published",
            guid=row.guid,
            path=row.path,
        )

    def _system_can_read(self, item: MasterKeyEvidence) -> bool | None:
        if item.security is None:
            return item.row.system_can_read

        def is_group(sid: str) -> bool:
            return sid != item.row.owner_sid and self._tokens.is_group_elsewhere(sid)

        return may_read(item.security, self._tokens.of(SYSTEM), is_group)

    def _open(self, item: MasterKeyEvidence) -> Unlocked:
        row, file = item.row, item.parsed
        if file is None or file.master is None:
            return Unlocked("unreadable")
        tried = False
        for prekey in self.prekeys.of(item):
            work = self.prekeys.extra_work if prekey.is_extra else self.work
            if not work.may(dpapi.section_rounds(file.master), row.path):
                if not prekey.is_extra:
                    return Unlocked("present", tried=self.prekeys.tried(item))
                self.prekeys.histories.cut(row.owner_sid or "")
                continue
            tried = tried or prekey.was_given
            key = dpapi.open_master_section(file.master, prekey.pre)
            if self._witness:
                self._witness.master_key(row.path, prekey.pre, key, item.raw)
            if key is not None:
                return self._opened_by(prekey, key, item)
        by_domain, key = self._domain_keys.open(file, row.path)
        told = self.prekeys.tried(item)
        if key is not None:
            told, opened = replace(told, opened_with="domain_key"), Opened(item, "domain_key", None)
            return Unlocked("present", "domain_key", key, None, "yes", by_domain, tried=told, opened=opened)
        not_opened = self._not_opened(item, tried or by_domain != "not_tried")
        return replace(not_opened, domain_key=by_domain, tried=told)

    def _opened_by(self, prekey: Prekey, key: bytes, item: MasterKeyEvidence) -> Unlocked:
        tried = replace(self.prekeys.tried(item), opened_with=prekey.opened_with)
        if prekey.nt_hash is not None:
            # Of several that were given, it matters of which one the key opens.
            tried = replace(tried, given=self.prekeys.compared(item.row.owner_sid, prekey.nt_hash))
        opened = Opened(item, prekey.by, prekey.half)
        return Unlocked("present", prekey.by, key, prekey.half, "yes", tried=tried, opened=opened)

    def _not_opened(self, item: MasterKeyEvidence, tried: bool) -> Unlocked:
        intact = self._intact(item)
        if intact == "no":
            return Unlocked("unreadable", intact=intact)
        tried = tried or (self._secret_is_absent and is_system(item.row.owner_sid))
        return Unlocked("present", "nothing" if tried else "not_tried", intact=intact)

    def _intact(self, item: MasterKeyEvidence) -> Answer:
        """Let the backup section tell a damaged file from a wrong secret (formats.md 4.2)."""
        file, sid = item.parsed, item.row.owner_sid
        if file is None or file.backup is None or sid is None:
            return "unknown"
        if not file.flags & _BACKUP_NEEDS_SECRET:
            if self._backup_opens(item, sid, None):
                return "yes"
            return "no" if sid == SYSTEM and self._backup_rule_holds(item) else "unknown"
        if any(self._backup_opens(item, sid, s.machine + s.user) for s in self._secrets()):
            # DPAPI_SYSTEM opens the backup half of any owner's file, the master half only of a system account's.
            return "no" if is_system(sid) else "yes"
        return "unknown"

    def _backup_opens(self, item: MasterKeyEvidence, sid: str, secret: bytes | None) -> bool | None:
        """Open the backup section; None when that costs too much. Without a secret, siblings are asked again."""
        path, file = item.row.path, item.parsed
        assert file is not None
        assert file.backup is not None
        if secret is None and path in self._backups:
            return self._backups[path]
        if not self.work.may(dpapi.section_rounds(file.backup) * (1 if secret is None else 2), path):
            return None
        opens = dpapi.open_backup_section(file, sid, secret)
        if secret is None:
            self._backups[path] = opens
        return opens

    def _backup_rule_holds(self, item: MasterKeyEvidence) -> bool:
        """A backup section that does not open proves damage only where those of its siblings do open."""
        siblings = [sibling for sibling in self._bare_backups if sibling is not item][:_SIBLINGS_ASKED]
        opened = [self._backup_opens(sibling, SYSTEM, None) for sibling in siblings]
        # One that was not tried, itself or a sibling, proves nothing.
        return self._backups.get(item.row.path) is False and (not opened or any(opened))

    @cached_property
    def _bare_backups(self) -> list[MasterKeyEvidence]:
        """The first master keys of SYSTEM whose backup section needs no secret: one more than are ever asked."""
        bare = (
            f
            for files in self._by_guid.values()
            for f in files
            if f.row.owner_sid == SYSTEM
            and f.parsed is not None
            and f.parsed.backup is not None
            and not f.parsed.flags & _BACKUP_NEEDS_SECRET
        )
        return list(islice(bare, _SIBLINGS_ASKED + 1))

    def _secrets(self) -> list[SystemSecret]:
        return [s for s in (self._system.current, self._system.previous) if s is not None]


def _lacks_secret(evidence: Evidence) -> bool:
    """A SECURITY hive without DPAPI_SYSTEM is a fact about the machine; a missing hive is missing evidence."""
    hive = evidence.installation.coverage.saw(Place.of_hive("SECURITY"))
    return hive.state == "present" and bool(evidence.secrets) and all(s.outcome == "absent" for s in evidence.secrets)
