"""Repairs of keys that the disk alone decides: nothing has to come from anywhere.

References:
    Microsoft KB842210 (certutil -repairstore); Learn, icacls; takeown; Key storage and retrieval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from forensics.case_tables import CaseTables
from forensics.chain.access import account_name
from forensics.commands.refusal import Refused
from forensics.language import joined, sentence
from forensics.report.facts import Facts, label
from forensics.report.key_rights import ADMINISTRATORS, SYSTEM, accounts_of, rights_of
from forensics.report.runbook.kinds import Act
from forensics.report.runbook.lines import line, lines
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import MasterKeyRow
from forensics.tables.use import CertificateUseRow

_ADMINISTRATORS_FULL = re.compile(rf"(?:^|[ ,]){ADMINISTRATORS}:F(?:,|$)")


class KeyRepairs:
    """What can be done for the keys of a case with what is on its disk.

    Args:
        case: The case.
        facts: Its rows by what is looked for.
    """

    def __init__(self, case: CaseTables, facts: Facts) -> None:
        self._facts = facts
        self._uses: list[CertificateUseRow] = case.rows("certificate_use")
        self._files: dict[tuple[int, str], KeyFileRow] = {
            (row.machine_id, row.path.lower()): row for row in case.rows("key_file")
        }
        self._opened_today: set[tuple[int, str]] = {
            (row.machine_id, row.guid) for row in _master_keys(case) if row.unlocked_by == "current"
        }

    def of_use(self, use: CertificateUseRow, chain: KeyChainRow | None) -> tuple[Act, ...] | None:
        """Return what lets a use open its key.

        Args:
            use: Its key does not open for its account.
            chain: The chain of its certificate.

        Returns:
            Steps; none where another step of the script does it; None where the disk alone does not decide it.

        Raises:
            Refused: A command for it is not written.
        """
        if use.opens_broken_at == "service":
            return ()
        if use.opens_broken_at == "access" and use.key_file_path and use.account:
            who = f"{use.account_name} ({use.account})" if use.account_name else use.account
            granted = [use.account] if use.not_granted else []
            act = self._access(use.key_file_path, who, chain, use, granted)
            return None if act is None else (act,)
        return self.of_chain(chain) if chain is not None and chain.verdict == "unusable" else None

    def of_chain(self, chain: KeyChainRow) -> tuple[Act, ...] | None:
        """Return what lets Windows open the key of a certificate, as :meth:`of_use` does."""
        if chain.store_scope != "machine" or chain.is_request:
            return None
        if chain.broken_at == "service":
            return ()
        act = None
        if chain.broken_at == "access" and chain.key_file_path:
            act = self._access(chain.key_file_path, _readers(chain), chain, chain, chain.not_granted)
        elif chain.restore_to is not None and chain.recoverable_from is not None:
            act = self._put_back(chain, chain.recoverable_from, chain.restore_to)
        elif (target := self._name_of_today(chain)) is not None and chain.key_file_path is not None:
            act = self._put_back(chain, chain.key_file_path, target)
        elif self._is_found_by_certutil(chain):
            act = self._relink(chain)
        return None if act is None else (act,)

    def _access(
        self,
        path: str,
        who: str,
        chain: KeyChainRow | None,
        shut_out: CertificateUseRow | KeyChainRow,
        granted: Sequence[str],
    ) -> Act | None:
        denied = shut_out.denied_by
        if (not denied and not granted) or (chain is not None and not _opens_but_for_its_list(chain)):
            return None
        file = self._files.get((shut_out.machine_id, path.lower()))
        if file is not None and file.scope == "user":
            return None
        there = self._facts.path(shut_out.machine_id, path)
        done: list[str] = []
        notes: list[str] = []
        if file is not None and file.acl:
            notes.append(sentence("Its list on the disk: {acl}", acl=file.acl))
        if not _may_change_its_list(file):
            done += lines("take-ownership", path=there)
            notes.append(sentence("Administrators become its owner: without that they may not change its list."))
        if denied:
            if shut_out.denial_inherited:
                done += lines("keep-inherited", path=there)
            done += lines("remove-denials", path=there, sids=" ".join(denied))
        if granted:
            rights = " ".join(f"*{sid}:{'F' if sid == SYSTEM else 'R'}" for sid in granted)
            done += lines("grant", path=there, grants=rights)
        return Act(
            title=sentence("Let {account} read the key file of {name}", account=who, name=_named(chain, path)),
            checks=(line("has-file", path=there), *_certificate_is_there(chain)),
            lines=tuple(done),
            shows=_verified(chain),
            notes=tuple(notes),
        )

    def _relink(self, chain: KeyChainRow) -> Act:
        there = self._facts.path(chain.machine_id, chain.recoverable_from or chain.key_file_path)
        values = {"scope": chain.store_scope, "store": chain.store, "thumbprint": chain.thumbprint}
        return Act(
            title=sentence("Link {name} to its key", name=_named(chain)),
            checks=(line("has-file", path=there), *_certificate_is_there(chain)),
            lines=lines("relink-key", **values),
            shows=_verified(chain),
            notes=(sentence("certutil finds the key by its public half."),),
            goal=_key_opens(chain),
        )

    def _put_back(self, chain: KeyChainRow, source: str, target: str) -> Act:
        machine_id = chain.machine_id
        here, there = self._facts.path(machine_id, source), self._facts.path(machine_id, target)
        rights = rights_of(chain.owner_sid or SYSTEM, accounts_of(chain, self._uses))
        return Act(
            title=sentence("Put the key file of {name} where Windows looks for it", name=_named(chain)),
            checks=(
                line("has-file", path=here),
                line("has-no-file", path=there),
                *_certificate_is_there(chain),
            ),
            lines=(
                *lines("copy-file", path=here, target=there),
                *lines("set-owner", path=there, sid=rights.owner),
                *lines("grant-alone", path=there, grants=rights.grants),
            ),
            shows=_verified(chain),
            notes=(sentence("It was opened with the secrets of this disk. That Windows opens it there is likely."),),
            goal=_key_opens(chain),
        )

    def _name_of_today(self, chain: KeyChainRow) -> str | None:
        """Return the path at which Windows looks for a sound file that only carries an earlier MachineGuid."""
        machine = self._facts.machine(chain.machine_id)
        if (chain.key_file, chain.broken_at, chain.unlocked_by) != ("other_machine_guid", "key_file", "current"):
            return None
        if chain.master_key != "present" or chain.copy_opens:
            return None
        file = self._facts.key_file(chain)
        if file is None or machine is None or not (machine.machine_guid and file.name_hash and chain.recoverable):
            return None
        if file.scope == "user" or chain.recoverable_from is not None:
            return None
        path = f"{file.path.rpartition('/')[0]}/{file.name_hash}_{machine.machine_guid}"
        return None if (chain.machine_id, path.lower()) in self._files else path

    def _is_found_by_certutil(self, chain: KeyChainRow) -> bool:
        """Tell whether the key lies among the computer's, opens today, and only the certificate's link is wrong."""
        if chain.recoverable_on is not None or chain.broken_at not in ("claim", "key_file", "public_key"):
            return False
        path = chain.recoverable_from or chain.key_file_path
        file = self._files.get((chain.machine_id, (path or "").lower()))
        if file is None or file.scope != "machine" or file.guid_is_current is False or not chain.recoverable:
            return False
        is_in_another_file = chain.recoverable_from not in (None, chain.key_file_path)
        if chain.broken_at != "claim" and not is_in_another_file and not self._is_other_slot(chain, file):
            return False
        return file.master_key_guid is None or (chain.machine_id, file.master_key_guid) in self._opened_today

    def _is_other_slot(self, chain: KeyChainRow, file: KeyFileRow) -> bool:
        """Tell whether the key is the other one of the container that the certificate names."""
        certificate = self._facts.certificate(chain)
        named = certificate.public_key_sha256 if certificate is not None else None
        return named is not None and named in (file.public_key_sha256, file.second_public_key_sha256)


def _master_keys(case: CaseTables) -> list[MasterKeyRow]:
    return case.rows("master_key")


def _readers(chain: KeyChainRow) -> str:
    """Return who is to read a key file; its users where only a denial is taken out."""
    return joined(map(account_name, chain.not_granted), ", ") or sentence("those who use it")


def _opens_but_for_its_list(chain: KeyChainRow) -> bool:
    """Tell whether nothing but the access list of its file is known to keep Windows from a key."""
    if chain.verdict == "usable":
        return True
    return (
        chain.recoverable is not False
        and chain.public_key != "mismatch"
        and chain.master_key not in ("absent", "unreadable")
        and chain.unlocked_by in ("current", "not_tried")
        and chain.private_key not in ("locked", "damaged")
    )


def _may_change_its_list(file: KeyFileRow | None) -> bool:
    """Tell whether administrators may change an access list without being made the owner first."""
    if file is None:
        return False
    acl = file.acl or ""
    return file.file_owner == ADMINISTRATORS or bool(
        _ADMINISTRATORS_FULL.search(acl) and f"-{ADMINISTRATORS}" not in acl
    )


def _named(chain: KeyChainRow | None, path: str = "") -> str:
    return label(chain) if chain is not None else sentence("key file {name}", name=path.rpartition("/")[2])


def _certificate_is_there(chain: KeyChainRow | None) -> tuple[str, ...]:
    if chain is None or chain.store_scope != "machine" or chain.thumbprint is None:
        return ()
    return lines("has-certificate", store=chain.store, thumbprint=chain.thumbprint)


def _key_opens(chain: KeyChainRow) -> tuple[str, ...]:
    if chain.store_scope != "machine" or chain.thumbprint is None:
        return ()
    return lines("key-opens", store=chain.store, thumbprint=chain.thumbprint)


def _verified(chain: KeyChainRow | None) -> tuple[str, ...]:
    if chain is None or chain.thumbprint is None:
        return ()
    try:
        return lines("verify-certificate", scope=chain.store_scope, store=chain.store, thumbprint=chain.thumbprint)
    except Refused:
        return ()
