"""Which keys of a case can be brought back: from where, by which secret, or what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from forensics.case_tables import CaseTables
from forensics.chain.master_key_found import SYSTEM
from forensics.chain.vault import Vault
from forensics.language import _, joined, sentence
from forensics.late_methods import dataclass
from forensics.recovery.raw_files import RawFile, in_use, placing_of, raw_files
from forensics.report.explain import SHORTEST_PREFIX, UnknownSubjectError, find_chains
from forensics.report.facts import Facts
from forensics.report.reason import reason_within
from forensics.report.users_secret import missing_of_user
from forensics.tables.answer import Answer
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import OpenedWith, UnlockedBy
from forensics.tables.use import CertificateUseRow

GUARDIANS = "Shielded VM Local Certificates"
NOT_EXPORTABLE = sentence("its policy forbids that; if you may decide otherwise, add --even-not-exportable")
_FIRST_BUILD_WITH_AES = 16299
_SEALED = {
    "sealed_tpm": sentence("its private half lies in the TPM of the computer and never leaves it"),
    "sealed_vbs": sentence("it is sealed to the secure kernel (VBS) of the computer and never leaves it"),
    "needs_pin": sentence("it asks for a PIN or password of its own, or lies on a smart card"),
}
_BY_PFX = sentence("without --as file it is written into a PFX file")
_NO_CERTIFICATE = sentence("no certificate on this evidence belongs to it, and a PFX file needs one")


@dataclass(frozen=True, slots=True)
class DeadKey:
    """One key as ``recover`` sees it.

    Attributes:
        chain: Its row.
        computer: Whose it is.
        user: Account in whose store its certificate is, or among whose keys it lies; None of the computer's.
        path: Key file from which it was had, in the source; None where it was not.
        place: The same as Windows writes it.
        unlocked_by: What opened its master key.
        opened_with: Of a user's: which of his secrets that was.
        exportable: Whether that file lets it be exported.
        imports_no_aes: Its Windows is one that likely imports only what ``--legacy`` writes.
        older_hives: Folder of the hives of an older state whose DPAPI_SYSTEM opened its master key, as Windows writes
            it; None: none had to.
        lack: Why it is not written; None where nothing is in the way.
        master_key_file: Where the file of its master key was found, as Windows writes it, where that is not at home.
        files: The files that bring it back on its Windows as the disk has them.
        doubts: What stays open although they are placed.
        not_placed: Why no files bring it back there; None where some do.
    """

    chain: KeyChainRow
    computer: str
    path: str | None = None
    place: str | None = None
    unlocked_by: UnlockedBy = "not_tried"
    opened_with: OpenedWith | None = None
    exportable: Answer = "unknown"
    imports_no_aes: bool = False
    older_hives: str | None = None
    lack: str | None = None
    master_key_file: str | None = None
    files: tuple[RawFile, ...] = ()
    doubts: tuple[str, ...] = ()
    not_placed: str | None = None
    user: str | None = None

    @property
    def thumbprint(self) -> str:
        """Of its certificate; a key without one was not had."""
        assert self.chain.thumbprint is not None
        return self.chain.thumbprint


def wanted_chains(case: CaseTables, subjects: Sequence[str]) -> list[KeyChainRow]:
    """Return the chains that subjects name, each certificate or key file once; all where none is named.

    Args:
        case: The case.
        subjects: Thumbprints (six digits are enough), names or paths of key files, or parts of certificates' subjects.

    Raises:
        UnknownSubjectError: Nothing is called that.
    """
    found = [chain for subject in subjects for chain in _named(case, subject)] if subjects else case.rows("key_chain")
    guardians = {(row.machine_id, row.key_file_path): row for row in _deleted_guardians(case)}
    rows = [row if row.thumbprint else guardians.get((row.machine_id, row.key_file_path), row) for row in found]
    rows = _better_last(case, _by_certificate(case, rows))
    return list({chain.thumbprint or (chain.machine_id, chain.key_file_path): chain for chain in rows}.values())


def _by_certificate(case: CaseTables, rows: Iterable[KeyChainRow]) -> Iterator[KeyChainRow]:
    """Yield for a key file that holds a certificate's key, though none leads there, the row of that certificate."""
    holders = {
        (row.recoverable_on or row.machine_id, row.recoverable_from): row
        for row in case.rows("key_chain")
        if row.thumbprint and row.recoverable_from
    }
    for row in rows:
        yield row if row.thumbprint else holders.get((row.machine_id, row.key_file_path), row)


def _deleted_guardians(case: CaseTables) -> list[KeyChainRow]:
    """Return the rows of key files whose certificates are in key protectors alone, with these."""
    named = {
        (row.machine_id, path): (thumbprint, row.guardian)
        for row in case.rows("vm_guardian")
        for path, thumbprint in (
            (row.encryption_key_file, row.encryption_thumbprint),
            (row.signing_key_file, row.signing_thumbprint),
        )
        if path is not None
    }
    return [
        replace(row, thumbprint=named[place][0], subject=named[place][1], store=GUARDIANS, store_scope="machine")
        for row in case.rows("key_chain")
        if row.thumbprint is None and (place := (row.machine_id, row.key_file_path)) in named
    ]


def _named(case: CaseTables, subject: str) -> list[KeyChainRow]:
    found = find_chains(case, subject)
    if not found and len(digits := "".join(filter(str.isalnum, subject)).upper()) >= SHORTEST_PREFIX:
        found = [row for row in _deleted_guardians(case) if (row.thumbprint or "").startswith(digits)]
    if not found and (part := subject.strip().casefold()):
        found = [chain for chain in case.rows("key_chain") if part in (chain.subject or "").casefold()]
    if not found:
        raise UnknownSubjectError(_("no key here is called {subject!r}", subject=subject))
    return found


def _better_last(case: CaseTables, rows: Iterable[KeyChainRow]) -> list[KeyChainRow]:
    """Put the rows from which more is to be had last, so that they stay where one certificate has several.

    What the present Windows has goes back there, wherever its key was found; a former one comes before all others. Of
    two of them the one whose secrets open it is told.
    """
    present = {machine.machine_id for machine in case.present.rows("machine")}

    def worth(row: KeyChainRow) -> tuple[bool, ...]:
        had = bool(row.recoverable)
        return row.machine_id in present, row.private_key == "proved", had, had and row.recoverable_on is None

    return sorted(rows, key=worth)


def dead_key(case: CaseTables, facts: Facts, vault: Vault, chain: KeyChainRow) -> DeadKey:
    """Say of one chain whether its private key was had, and from where."""
    return replace(_dead_key(case, facts, vault, chain), user=_user(chain, facts))


def _user(chain: KeyChainRow, facts: Facts) -> str | None:
    """Name the account that a key is of, where one computer may have several of that store."""
    sid = chain.owner_sid
    if sid is None or sid == SYSTEM:
        return None
    users = (user for user in facts.case.rows("user") if user.machine_id == chain.machine_id and user.sid == sid)
    name = next((user.name for user in users), None)
    return f"{name} ({sid})" if name else sid


def _dead_key(case: CaseTables, facts: Facts, vault: Vault, chain: KeyChainRow) -> DeadKey:
    computer = facts.whose(chain.machine_id)
    if chain.thumbprint is None:
        key = DeadKey(chain, computer, lack=_SEALED.get(chain.private_key, _NO_CERTIFICATE))
        return _with_files(key, facts, vault) if chain.private_key not in _SEALED else key
    public = vault.publics.get(chain.thumbprint)
    had = vault.keys.get(public, []) if public is not None else []
    if not had:
        return DeadKey(chain, computer, lack=_SEALED.get(chain.private_key) or _lack(chain, facts))
    likeliest = (chain.key_file_path, chain.recoverable_from)
    opened = next((o for path in likeliest for o in had if o.path == path), had[0])
    machine = chain.recoverable_on or chain.machine_id
    place = facts.found_in(chain) if chain.recovery_place else facts.path(machine, opened.path)
    old = _imports_no_aes(facts, chain.machine_id)
    key = DeadKey(chain, computer, opened.path, place, opened.unlocked_by, opened.opened_with, opened.exportable, old)
    key = replace(
        key,
        master_key_file=facts.path(machine, opened.master_key_file) or None,
        older_hives=facts.path(machine, opened.older_hives) or None,
    )
    return _with_files(key, facts, vault)


def _with_files(key: DeadKey, facts: Facts, vault: Vault) -> DeadKey:
    """Add the files that bring a key back on its Windows, or why none do."""
    placing = placing_of(facts, vault, key.chain)
    uses: list[CertificateUseRow] = facts.case.rows("certificate_use")
    files = raw_files(key.chain, placing, facts, uses)
    used = next((name for file in placing.files if (name := in_use(file, key.chain, uses)) is not None), None)
    if used is not None:
        return replace(key, not_placed=sentence("the key that lies in its place now is used by {name}", name=used))
    return replace(key, files=files, doubts=placing.doubts, not_placed=placing.refusal)


def as_files(key: DeadKey, facts: Facts, vault: Vault) -> DeadKey:
    """Return a key as it is written by the files that hold it, not by its numbers.

    Args:
        key: The key.
        facts: The rows of the case.
        vault: What was opened.
    """
    chain, is_alone = key.chain, key.lack == _NO_CERTIFICATE
    if key.path is None and not is_alone:
        return key
    lack = key.not_placed if is_alone or key.not_placed is None else joined([key.not_placed, _BY_PFX], "; ")
    placing = placing_of(facts, vault, chain)
    if placing.found is not None:
        place = facts.path(chain.machine_id, placing.found)
        return replace(
            key,
            path=placing.found,
            place=place,
            unlocked_by=placing.unlocked_by,
            opened_with=key.opened_with if placing.found == key.path else None,
            exportable=placing.exportable,
            lack=lack,
            master_key_file=key.master_key_file if placing.found == key.path else None,
            older_hives=key.older_hives if placing.found == key.path else None,
        )
    if not is_alone:
        return replace(key, lack=lack)
    if chain.private_key != "proved":
        return replace(key, lack=_lack(chain, facts))
    return replace(
        key,
        path=chain.key_file_path,
        place=facts.path(chain.machine_id, chain.key_file_path),
        unlocked_by=chain.unlocked_by,
        exportable=chain.exportable,
        older_hives=facts.path(chain.machine_id, chain.shadow_hives or chain.backup_hives) or None,
        lack=lack,
    )


def _imports_no_aes(facts: Facts, machine_id: int) -> bool:
    row = facts.machine(machine_id)
    return row is not None and (row.build or "").isdigit() and int(row.build or 0) < _FIRST_BUILD_WITH_AES


def _lack(chain: KeyChainRow, facts: Facts) -> str:
    """Say what keeps the private key from being had: not always what keeps Windows from opening it."""
    guid = chain.master_key_guid or ""
    is_in_file = chain.key_file in ("present", "other_machine_guid") and chain.public_key != "mismatch"
    if is_in_file and chain.private_key == "locked" and (missing := missing_of_user(facts.master_key(chain), facts)):
        return sentence(
            "nothing here opens master key {guid}, which covers it; missing: {secrets}", guid=guid, secrets=missing
        )
    if chain.recovery_doubt:
        return chain.recovery_doubt
    if is_in_file:
        if chain.private_key == "damaged":
            return sentence("the private key's DPAPI blob is damaged")
        if chain.private_key == "locked" and chain.master_key == "absent":
            return sentence("master key {guid}, which covers it, is not on this disk", guid=guid)
        if chain.private_key == "locked" and chain.master_key == "unreadable":
            return sentence("the file of master key {guid}, which covers it, is damaged", guid=guid)
        if chain.private_key == "locked":
            return sentence("nothing that is known here opens master key {guid}, which covers it", guid=guid)
    return reason_within(chain, facts) or sentence("it was not opened")
