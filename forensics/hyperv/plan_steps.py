"""The steps of a migration, in the order in which they are to be done, with commands of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from forensics.commands.blocks import blocks_of, labelled
from forensics.commands.hyperv import STORE
from forensics.hyperv.migration import MigrationPlan
from forensics.hyperv.operations import DEFAULT_GUARDIAN, own_pair
from forensics.hyperv.plan_words import certificate, is_locked, needed, new_host, obstacle, old_host
from forensics.hyperv.transfers import Transfer
from forensics.language import _, _n, spoken_language
from forensics.late_methods import dataclass
from forensics.report.facts import day
from forensics.tables.finding import Block
from forensics.tables.sanitise import sanitise

_Asked = tuple[str, Mapping[str, str | None]]
"""A command by its name in the catalogue, and its values."""

_IN_STORE: dict[str, str | None] = {"scope": "machine", "store": STORE}


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
        self.target = new_host(plan)
        self.is_source_known = bool(plan.source.machine_id)
        self.moved = [t for t in plan.transfers if t.target_store is not None]
        others = [t for t in plan.transfers if t.target_store is None]
        self.carried = [t for t in others if t.can_be_exported is not False]
        self.stuck = [t for t in others if t.can_be_exported is False]
        self.source = old_host(plan) if self.is_source_known else self._maker()
        self.folder = self._folder(plan.source.name if self.is_source_known else "moved")

    def _maker(self) -> str:
        """Name the host that made the certificates, where no old host was given."""
        hosts = {t.host for t in self.carried}
        name = hosts.pop() if len(hosts) == 1 else None
        return _("{host}, which made them", host=sanitise(name)) if name else _("the host that made them")

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
        export = _(
            "On {source}: export these certificates with their private keys. Each file is opened once, so that a "
            "mistyped password is seen now. (Export-HgsGuardian is no way to do it: its file holds no private key.)",
            source=self.source,
        )
        if not self.is_source_known:
            export = _(
                "{told} No disk of that host was examined: it may not have them any more.",
                told=export,
            )
        yield Step(
            export,
            _commands(*asked),
            tuple(needed(self.plan, t) for t in self.carried),
            _(
                "If that host does not run any more: its disk, started in a virtual machine without network, does as "
                "well. Only keys in a TPM, and those that virtualization-based security sealed, stay behind."
            ),
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
            reasons.setdefault(obstacle(self.plan, transfer), []).append(transfer)
        for reason, transfers in reasons.items():
            items = tuple(needed(self.plan, t) for t in transfers)
            text = _("These cannot be exported on {source}: {reason}", source=self.source, reason=reason)
            yield Step(text, (), items)
        yield from self._permit()

    def _permit(self) -> Iterator[Step]:
        """The only way for machines whose key opens where they are, and never leaves: another guardian beside it."""
        locked = [t for t in self.stuck if is_locked(t) and t.purpose == "start" and t.role == "encryption"]
        names = {name for t in locked for name in t.needed_by}
        vms = [p.vm for p in self.plan.vms if p.name in names and not p.vm.is_checkpoint]
        if not vms:
            return
        host = sanitise(self.plan.target.name or "the target")
        guardian = f"{DEFAULT_GUARDIAN} of {host}"
        file = f"{DEFAULT_GUARDIAN}-{_stem(self.plan.target.name)}.xml"
        write = _(
            "On {target}: write the certificates of its own guardian, without keys, into a file.", target=self.target
        )
        if not own_pair(self.plan.target):
            write = _("{told} It is made with the first virtual TPM there.", told=write)
        yield Step(write, _commands(("export-guardian", {"guardian": DEFAULT_GUARDIAN, "file": file})))
        grants: list[_Asked] = [("grant-guardian", {"vm": vm.vm_id, "guardian": guardian}) for vm in vms]
        yield Step(
            _(
                "Copy that file to {source}. There, with these machines off, permit that guardian to start them too; "
                "their virtual TPM stays as it is:",
                source=self.source,
            ),
            _commands(("import-guardian", {"guardian": guardian, "file": file}), *grants),
            tuple(f"{vm.name}: {vm.vm_id}" for vm in vms),
            _(
                "Start each once on {source} afterwards. Then it starts on {target} as well.",
                source=self.source,
                target=self.target,
            ),
        )

    def _nothing(self) -> Iterator[Step]:
        if self.plan.transfers or not self.plan.keep:
            return
        if any(p.vm.vtpm == "present" and not p.wrappings for p in self.plan.vms):
            text = _(
                "Nothing needs to be carried: {target} has the certificates and keys that the virtual machines whose "
                "key protectors could be read need.",
                target=self.target,
            )
        else:
            text = _(
                "Nothing needs to be carried: {target} has the certificates and keys that these virtual machines need.",
                target=self.target,
            )
        yield Step(text)

    def _guarded(self) -> Iterator[Step]:
        if self.plan.target.mode == "hgs":
            yield Step(
                _(
                    "{target} asks a Host Guardian Service for every key: certificates in its own store are not "
                    "consulted, and nothing below helps there. Give the machines the service's guardian while they "
                    "still run on the old host (Grant-HgsKeyProtectorAccess). Local mode instead "
                    "(Set-HgsClientConfiguration -EnableLocalMode) takes the host out of its fabric and forgets the "
                    "addresses of the service: machines that only the service can start do not start there any more.",
                    target=self.target,
                )
            )

    def _move(self) -> Iterator[Step]:
        if not self.moved:
            return
        asked: list[_Asked] = [("move-to-guardians", {"store": t.target_store, **_of(t)}) for t in self.moved]
        yield Step(
            _(
                "On {target}: move these. They lie there with their private keys, but in a store where Hyper-V likely "
                "does not look.",
                target=self.target,
            ),
            _commands(*asked, *([] if self.carried else [_check(self.moved)])),
            tuple(needed(self.plan, t, on_target=True) for t in self.moved),
            "" if self.carried else _expected(self.moved),
        )

    def _import(self) -> Iterator[Step]:
        if not self.carried:
            return
        if own_pair(self.plan.target):
            text = _(
                "On {target}: import the files into this very store. In 'Personal' (My) they are likely of no use.",
                target=self.target,
            )
        else:
            text = _(
                "On {target}: import the files into this very store, before the first virtual machine with a virtual "
                "TPM is made there. In 'Personal' (My) they are likely of no use.",
                target=self.target,
            )
        ready = [*self.moved, *self.carried]
        yield Step(
            _("On {target}: make the same folder, and copy the PFX files into it.", target=self.target),
            _commands(("private-folder", {"folder": self.folder})),
        )
        yield Step(
            text,
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
        maker = (self.plan.source.name or "the old host") if self.is_source_known else "the host that made them"
        asked: list[_Asked] = [
            (
                "make-guardian",
                {
                    "guardian": sanitise(f"{t.guardian or 'Guardian'} of {t.host or maker} {t.thumbprint[:8]}"),
                    "signing": t.thumbprint,
                    "encryption": other.thumbprint,
                },
            )
            for t, other in pairs
        ]
        yield Step(
            _(
                "The machines start without this. Only where the list of their guardians shall be changed later: make "
                "a guardian of each pair, under a name of its own (a second {guardian} is refused).",
                guardian=DEFAULT_GUARDIAN,
            ),
            _commands(("pfx-password", {"folder": self.folder}), *asked, ("list-guardians", {})),
        )

    def _start(self) -> Step:
        stuck = {n for t in self.stuck if (t.role, t.purpose) == ("encryption", "start") for n in t.needed_by}
        known = [p for p in self.plan.vms if p.vm.vtpm == "present" and p.wrappings]
        if self.plan.target.mode == "hgs" or all(p.name in stuck for p in known):
            after = _(
                "Do not move the virtual machines with a virtual TPM yet: none is known to start on {target} after "
                "these steps. Wipe nothing of the old host.",
                target=self.target,
            )
        else:
            after = _(
                "Then move the virtual machines, and start each once on {target} before anything of the old host is "
                "wiped.",
                target=self.target,
            )
        return Step(
            _("Note the BitLocker recovery password of every guest that has BitLocker. In the guest:"),
            _commands(("show-recovery-password", {})),
            after=after,
        )

    def _clean_up(self) -> Iterator[Step]:
        if self.carried:
            yield Step(
                _(
                    "Put the PFX files where backups are kept, and their password elsewhere: whoever has both can "
                    "start these machines anywhere. When the machines run, delete the files on both hosts; each goes "
                    "only if its copy in the backup opens."
                ),
                _commands(("pfx-backup", {"folder": self.folder}), *(("delete-pfx", _of(t)) for t in self.carried)),
            )

    def _renew(self) -> Iterator[Step]:
        if not self.plan.renew:
            return
        yield Step(
            _(
                "{target}'s own {guardian} has ended: machines that have a virtual TPM start all the same, new ones "
                "get none until it is renewed. The old pair stays in the store, and has to. Save it first:",
                target=self.target,
                guardian=DEFAULT_GUARDIAN,
            ),
            _commands(
                ("pfx-folder", {"folder": self._folder(self.plan.target.name)}),
                *(("export-pfx", _IN_STORE | {"thumbprint": r.thumbprint}) for r in self.plan.renew),
            ),
            tuple(
                _(
                    "{thumbprint}: {role}, ended {day}",
                    thumbprint=r.thumbprint,
                    role=_(r.role or "unknown"),
                    day=day(r.not_after),
                )
                for r in self.plan.renew
            ),
        )
        yield Step(
            _(
                "When both files opened, renew it on {target}; while its certificate has not ended, this does nothing:",
                target=self.target,
            ),
            _commands(("renew-guardian", {"guardian": DEFAULT_GUARDIAN})),
        )

    def _keep(self) -> Iterator[Step]:
        present = [t for t in self.plan.keep if not {t.on_source, t.on_target} <= {"absent"}]
        if present:
            yield Step(
                _(
                    "Never delete these certificates on a host that runs the machines, whether they have ended or not, "
                    "and whatever Remove-HgsGuardian advises. Do not give the machines a new key protector: it does "
                    "not open their virtual TPM (0xC000A002). Where one was set, Set-VMKeyProtector with "
                    "-RestoreLastKnownGoodKeyProtector takes it back."
                ),
                (),
                tuple(certificate(self.plan, t) for t in present),
            )


def _commands(*asked: _Asked) -> tuple[Block, ...]:
    language = spoken_language()
    blocks = dict.fromkeys(block for name, values in asked for block in blocks_of(name, values, language))
    return tuple(labelled(list(blocks), language))


def _stem(host: str | None) -> str:
    """Return a name as part of the name of a file: letters, digits and dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", host or "host").strip("-") or "host"


def _of(transfer: Transfer) -> dict[str, str | None]:
    return {"thumbprint": transfer.thumbprint}


def _check(transfers: Sequence[Transfer]) -> _Asked:
    return "check-guardian-certificates", {"thumbprints": " ".join(t.thumbprint for t in transfers)}


def _expected(transfers: Sequence[Transfer]) -> str:
    return _n(
        "The last command must show one line, with True.",
        "The last command must show {count} lines, each with True.",
        len(transfers),
    )
