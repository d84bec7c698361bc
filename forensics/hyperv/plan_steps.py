"""The steps of a migration, in the order in which they are to be done, with commands of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from forensics.commands.blocks import blocks_of, labelled
from forensics.commands.hyperv import STORE
from forensics.hyperv.migration import MigrationPlan
from forensics.hyperv.operations import DEFAULT_GUARDIAN, own_pair
from forensics.hyperv.transfers import Transfer
from forensics.late_methods import dataclass
from forensics.report.facts import day
from forensics.tables.finding import Block
from forensics.tables.sanitise import sanitise

_Asked = tuple[str, Mapping[str, str | None]]
"""A command by its name in the catalogue, and its values."""

_IN_STORE: dict[str, str | None] = {"scope": "machine", "store": STORE}
_BY_HAND = {
    "user": "; it lies in a user's store, where that user exports it (certmgr.msc)",
    "service": "; it lies in a service's store, where it is exported by hand (mmc, Certificates, Service account)",
}
_NAMED = 10
"""Display: virtual machines that one step names."""
_WHY_NOT = {
    "unusable": "their private keys are there, but Windows cannot open them (keymortem explain tells why)",
    "no_private_key": "they are there without their private keys",
    "absent": "they are not there",
}
_UNSURE = {
    "usable": "whether its key may be exported could not be told",
    "wrong_store": "whether its key may be exported could not be told",
    "unknown": "whether its private key opens could not be told",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        text: What and where.
        commands: Commands of the catalogue, under the name of their shell, or why one is not printed.
        items: What it is about, one line each.
        after: What else to know, or how to see that it worked.
    """

    text: str
    commands: tuple[Block, ...] = ()
    items: tuple[str, ...] = ()
    after: str = ""


def steps(plan: MigrationPlan) -> list[Step]:
    """Return what must be done, in this order; nothing where no machine has a virtual TPM."""
    if not any(p.vm.vtpm == "present" for p in plan.vms):
        return []
    return list(_Steps(plan).all())


class _Steps:
    def __init__(self, plan: MigrationPlan) -> None:
        self.plan = plan
        self.target = sanitise(plan.target.name or "the target")
        self.is_source_known = bool(plan.source.machine_id)
        self.moved = [t for t in plan.transfers if t.target_store is not None]
        others = [t for t in plan.transfers if t.target_store is None]
        self.carried = [t for t in others if t.can_be_exported is not False]
        self.stuck = [t for t in others if t.can_be_exported is False]
        self.source = sanitise(plan.source.name or "the old host") if self.is_source_known else self._maker()
        self.folder = self._folder(plan.source.name if self.is_source_known else "moved")

    def _maker(self) -> str:
        """Name the host that made the certificates, where no old host was given."""
        hosts = {t.host for t in self.carried}
        name = hosts.pop() if len(hosts) == 1 else None
        return f"{sanitise(name)}, which made them" if name else "the host that made them"

    def _folder(self, host: str | None) -> str:
        """Name a folder of this run, which no earlier run and no backup has used."""
        return f"C:\\Guardians-{_stem(host)}-{self.plan.as_of:%Y%m%d}"

    def all(self) -> Iterator[Step]:
        yield from self._guarded()
        yield from self._nothing()
        yield from self._export()
        yield from self._stuck()
        yield from self._move()
        yield from self._import()
        yield from self._register()
        yield self._start()
        yield from self._clean_up()
        yield from self._renew()
        yield from self._keep()

    def _export(self) -> Iterator[Step]:
        if not self.carried:
            return
        asked: list[_Asked] = [("pfx-folder", {"folder": self.folder})]
        for transfer in self.carried:
            place = self._place(transfer)
            if place is not None:
                asked.append(("export-pfx", _IN_STORE | place | _of(transfer)))
        unseen = "" if self.is_source_known else " No disk of that host was examined: it may not have them any more."
        yield Step(
            f"On {self.source}: export these certificates with their private keys. Each file is opened once, so that a "
            "mistyped password is seen now. (Export-HgsGuardian is no way to do it: its file holds no private key.)"
            f"{unseen}",
            _commands(*asked),
            tuple(self._told(t) for t in self.carried),
            "If that host does not run any more: its disk, started in a virtual machine without network, does as well. "
            "Only keys in a TPM, and those that virtualization-based security sealed, stay behind.",
        )

    def _place(self, transfer: Transfer) -> dict[str, str | None] | None:
        """Say in which store of the computer it lies where that is not the guardians'; None: in no store of it."""
        row = self.plan.source.row(transfer.thumbprint)
        if row is None or row.origin != "wrong_store":
            return {}
        return {"store": row.store} if row.store_scope == "machine" else None

    def _stuck(self) -> Iterator[Step]:
        reasons: dict[str, list[Transfer]] = {}
        for transfer in self.stuck:
            reasons.setdefault(self._obstacle(transfer), []).append(transfer)
        for reason, transfers in reasons.items():
            items = tuple(self._told(t) for t in transfers)
            yield Step(f"These cannot be exported on {self.source}: {reason}", (), items)
        yield from self._permit()

    def _permit(self) -> Iterator[Step]:
        """The only way for machines whose key opens where they are, and never leaves: another guardian beside it."""
        locked = [t for t in self.stuck if _is_locked(t) and t.purpose == "start" and t.role == "encryption"]
        names = {name for t in locked for name in t.needed_by}
        vms = [p.vm for p in self.plan.vms if p.name in names and not p.vm.is_checkpoint]
        if not vms:
            return
        guardian = f"{DEFAULT_GUARDIAN} of {self.target}"
        file = f"{DEFAULT_GUARDIAN}-{_stem(self.plan.target.name)}.xml"
        first = "" if own_pair(self.plan.target) else " It is made with the first virtual TPM there."
        yield Step(
            f"On {self.target}: write the certificates of its own guardian, without keys, into a file.{first}",
            _commands(("export-guardian", {"guardian": DEFAULT_GUARDIAN, "file": file})),
        )
        grants: list[_Asked] = [("grant-guardian", {"vm": vm.vm_id, "guardian": guardian}) for vm in vms]
        yield Step(
            f"Copy that file to {self.source}. There, with these machines off, permit that guardian to start them too; "
            "their virtual TPM stays as it is:",
            _commands(("import-guardian", {"guardian": guardian, "file": file}), *grants),
            tuple(f"{vm.name}: {vm.vm_id}" for vm in vms),
            f"Start each once on {self.source} afterwards. Then it starts on {self.target} as well.",
        )

    def _obstacle(self, transfer: Transfer) -> str:
        is_locked = _is_locked(transfer)
        reason = "their private keys are marked as not exportable" if is_locked else _WHY_NOT[transfer.on_source]
        if transfer.in_source_tpm:
            reason = f"their private keys are in the TPM of {self.source}, which likely never gives them away"
        if transfer.recoverable and not is_locked:
            return (
                "Windows does not open their private keys there, but they are still on that disk: repair them first "
                f"(keymortem explain of each tells how), then export them as said above. {self.target} needs them."
            )
        if transfer.purpose == "change":
            return (
                f"{reason}. The machines start without them; but without the owner's signing key the list of their "
                "guardians can never be changed again. Look for PFX files of them, or ask the host that made them."
            )
        if is_locked:
            return f"{reason}. The machines have to stay, or be given a second guardian there first: see below."
        return (
            f"{reason}. Look for PFX files of them, or ask the host that made them. Without the private keys the way "
            "back is a new virtual machine with the old disks, and the BitLocker recovery password where they are "
            "encrypted."
        )

    def _told(self, transfer: Transfer, *, on_target: bool = False) -> str:
        text = f"{certificate(transfer)}; needed by {_names(transfer.needed_by)}"
        if on_target:
            return text
        row = self.plan.source.row(transfer.thumbprint)
        if row is not None and row.origin == "wrong_store":
            text += _BY_HAND.get(row.store_scope or "", "")
        if transfer.can_be_exported is None:
            unsure = _UNSURE.get(transfer.on_source)
            return f"{text} ({unsure})" if unsure else text
        return text

    def _nothing(self) -> Iterator[Step]:
        if self.plan.transfers or not self.plan.keep:
            return
        unread = any(p.vm.vtpm == "present" and not p.wrappings for p in self.plan.vms)
        those = "the virtual machines whose key protectors could be read" if unread else "these virtual machines"
        yield Step(f"Nothing needs to be carried: {self.target} has the certificates and keys that {those} need.")

    def _guarded(self) -> Iterator[Step]:
        if self.plan.target.mode == "hgs":
            yield Step(
                f"{self.target} asks a Host Guardian Service for every key: certificates in its own store are not "
                "consulted, and nothing below helps there. Give the machines the service's guardian while they still "
                "run on the old host (Grant-HgsKeyProtectorAccess). Local mode instead (Set-HgsClientConfiguration "
                "-EnableLocalMode) takes the host out of its fabric and forgets the addresses of the service: machines "
                "that only the service can start do not start there any more."
            )

    def _move(self) -> Iterator[Step]:
        if not self.moved:
            return
        asked: list[_Asked] = [("move-to-guardians", {"store": t.target_store, **_of(t)}) for t in self.moved]
        yield Step(
            f"On {self.target}: move these. They lie there with their private keys, but in a store where Hyper-V "
            "likely does not look.",
            _commands(*asked, *([] if self.carried else [_check(self.moved)])),
            tuple(self._told(t, on_target=True) for t in self.moved),
            "" if self.carried else _expected(self.moved),
        )

    def _import(self) -> Iterator[Step]:
        if not self.carried:
            return
        is_first = not own_pair(self.plan.target)
        before = ", before the first virtual machine with a virtual TPM is made there" if is_first else ""
        ready = [*self.moved, *self.carried]
        yield Step(
            f"On {self.target}: make the same folder, and copy the PFX files into it.",
            _commands(("private-folder", {"folder": self.folder})),
        )
        yield Step(
            f"On {self.target}: import the files into this very store{before}. In 'Personal' (My) they are "
            "likely of no use.",
            _commands(
                ("pfx-password", {"folder": self.folder}),
                *(("import-pfx-of", _IN_STORE | _of(t)) for t in self.carried),
                _check(ready),
            ),
            (),
            _expected(ready),
        )

    def _register(self) -> Iterator[Step]:
        """A guardian record is needed only where protectors are to be changed on the target."""
        encryption = {t.thumbprint: t for t in self.carried if t.role == "encryption"}
        pairs = [(t, encryption[t.partner]) for t in self.carried if t.role == "signing" and t.partner in encryption]
        if not pairs:
            return
        asked: list[_Asked] = [
            (
                "make-guardian",
                {
                    "guardian": sanitise(f"{t.guardian or 'Guardian'} of {t.host or self.source} {t.thumbprint[:8]}"),
                    "signing": t.thumbprint,
                    "encryption": other.thumbprint,
                },
            )
            for t, other in pairs
        ]
        yield Step(
            "The machines start without this. Only where the list of their guardians shall be changed later: make a "
            f"guardian of each pair, under a name of its own (a second {DEFAULT_GUARDIAN} is refused).",
            _commands(("pfx-password", {"folder": self.folder}), *asked, ("list-guardians", {})),
        )

    def _start(self) -> Step:
        stuck = {n for t in self.stuck if (t.role, t.purpose) == ("encryption", "start") for n in t.needed_by}
        known = [p for p in self.plan.vms if p.vm.vtpm == "present" and p.wrappings]
        if self.plan.target.mode == "hgs" or all(p.name in stuck for p in known):
            after = (
                f"Do not move the virtual machines with a virtual TPM yet: none is known to start on {self.target} "
                "after these steps. Wipe nothing of the old host."
            )
        else:
            after = (
                f"Then move the virtual machines, and start each once on {self.target} before anything of the old host "
                "is wiped."
            )
        return Step(
            "Note the BitLocker recovery password of every guest that has BitLocker. In the guest:",
            _commands(("show-recovery-password", {})),
            after=after,
        )

    def _clean_up(self) -> Iterator[Step]:
        if self.carried:
            yield Step(
                "Put the PFX files where backups are kept, and their password elsewhere: whoever has both can start "
                "these machines anywhere. When the machines run, delete the files on both hosts; each goes only if its "
                "copy in the backup opens.",
                _commands(("pfx-backup", {"folder": self.folder}), *(("delete-pfx", _of(t)) for t in self.carried)),
            )

    def _renew(self) -> Iterator[Step]:
        if not self.plan.renew:
            return
        ended = tuple(f"{r.thumbprint}: {r.role}, ended {day(r.not_after)}" for r in self.plan.renew)
        yield Step(
            f"{self.target}'s own {DEFAULT_GUARDIAN} has ended: machines that have a virtual TPM start all the same, "
            "new ones get none until it is renewed. The old pair stays in the store, and has to. Save it first:",
            _commands(
                ("pfx-folder", {"folder": self._folder(self.plan.target.name)}),
                *(("export-pfx", _IN_STORE | {"thumbprint": r.thumbprint}) for r in self.plan.renew),
            ),
            ended,
        )
        yield Step(
            f"When both files opened, renew it on {self.target}; while its certificate has not ended, this does "
            "nothing:",
            _commands(("renew-guardian", {"guardian": DEFAULT_GUARDIAN})),
        )

    def _keep(self) -> Iterator[Step]:
        present = [t for t in self.plan.keep if not {t.on_source, t.on_target} <= {"absent"}]
        if present:
            yield Step(
                "Never delete these certificates on a host that runs the machines, whether they have ended or not, and "
                "whatever Remove-HgsGuardian advises. Do not give the machines a new key protector: it does not open "
                "their virtual TPM (0xC000A002). Where one was set, Set-VMKeyProtector with "
                "-RestoreLastKnownGoodKeyProtector takes it back.",
                (),
                tuple(certificate(t) for t in present),
            )


def _commands(*asked: _Asked) -> tuple[Block, ...]:
    blocks = dict.fromkeys(block for name, values in asked for block in blocks_of(name, values))
    return tuple(labelled(list(blocks)))


def _stem(host: str | None) -> str:
    """Return a name as part of the name of a file: letters, digits and dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", host or "host").strip("-") or "host"


def _of(transfer: Transfer) -> dict[str, str | None]:
    return {"thumbprint": transfer.thumbprint}


def _is_locked(transfer: Transfer) -> bool:
    """Windows opens its key where it is, and exports it to nobody."""
    return (transfer.in_source_tpm or transfer.exportable == "no") and transfer.on_source not in _WHY_NOT


def _check(transfers: Sequence[Transfer]) -> _Asked:
    return "check-guardian-certificates", {"thumbprints": " ".join(t.thumbprint for t in transfers)}


def _expected(transfers: Sequence[Transfer]) -> str:
    lines = "one line, with True" if len(transfers) == 1 else f"{len(transfers)} lines, each with True"
    return f"The last command must show {lines}."


def certificate(transfer: Transfer) -> str:
    """Name a certificate so that it can be told from the others of its host."""
    made = f", made on {transfer.host}" if transfer.host else ""
    guardian = transfer.guardian or "a guardian that its name does not tell"
    return f"{transfer.thumbprint}: {transfer.role}, {guardian}{made}, valid until {day(transfer.not_after)}"


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
