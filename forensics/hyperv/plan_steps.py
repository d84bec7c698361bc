"""The steps of a migration, in the order in which they are to be done, with commands that can be pasted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from forensics.hyperv.migration import MigrationPlan
from forensics.hyperv.operations import DEFAULT_GUARDIAN, own_pair
from forensics.hyperv.transfers import Transfer
from forensics.late_methods import dataclass
from forensics.report.facts import day
from forensics.report.powershell import file_stem, quoted
from forensics.tables.sanitise import sanitise

STORE = "Cert:\\LocalMachine\\Shielded VM Local Certificates"
_MACHINE = "Cert:\\LocalMachine\\"
FOLDER = "C:\\Guardians"
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
        commands: PowerShell, one line each.
        items: What it is about, one line each.
        after: What else to know, or how to see that it worked.
    """

    text: str
    commands: tuple[str, ...] = ()
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

    def _maker(self) -> str:
        """Name the host that made the certificates, where no old host was given."""
        hosts = {t.host for t in self.carried}
        name = hosts.pop() if len(hosts) == 1 else None
        return f"{sanitise(name)}, which made them" if name else "the host that made them"

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
        commands = [
            f"New-Item -ItemType Directory -Force {FOLDER} | Out-Null",
            "$password = Read-Host -AsSecureString 'Password for the PFX files'",
        ]
        commands += [
            f"Get-Item -LiteralPath {quoted(_item(self._store_on_source(t), t))} | "
            f"Export-PfxCertificate -FilePath {quoted(_file(t))} -Password $password"
            for t in self.carried
        ]
        unseen = "" if self.is_source_known else " No disk of that host was examined: it may not have them any more."
        yield Step(
            f"On {self.source}: in an elevated PowerShell, export these certificates with their private keys. "
            f"(Export-HgsGuardian is no way to do it: its file holds no private key.){unseen}",
            tuple(commands),
            tuple(self._told(t) for t in self.carried),
            "If that host does not run any more: its disk, started in a virtual machine without network, does as well. "
            "Only keys in a TPM stay behind.",
        )

    def _store_on_source(self, transfer: Transfer) -> str:
        row = self.plan.source.row(transfer.thumbprint)
        if row is None or row.origin != "wrong_store":
            return STORE
        where = "CurrentUser" if row.store_scope == "user" else "LocalMachine"
        return f"Cert:\\{where}\\{row.store}"

    def _stuck(self) -> Iterator[Step]:
        reasons: dict[str, list[Transfer]] = {}
        for transfer in self.stuck:
            reasons.setdefault(self._obstacle(transfer), []).append(transfer)
        for reason, transfers in reasons.items():
            items = tuple(self._told(t) for t in transfers)
            yield Step(f"These cannot be exported on {self.source}: {reason}", (), items)

    def _obstacle(self, transfer: Transfer) -> str:
        is_locked = transfer.exportable == "no" and transfer.on_source not in _WHY_NOT
        reason = "their private keys are marked as not exportable" if is_locked else _WHY_NOT[transfer.on_source]
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
            return (
                f"{reason}. The machines have to stay, or be given a second guardian there first: one of "
                f"{self.target}, with Grant-HgsKeyProtectorAccess."
            )
        return (
            f"{reason}. Look for PFX files of them, or ask the host that made them. Without the private keys the way "
            "back is a new virtual machine with the old disks, and the BitLocker recovery password where they are "
            "encrypted."
        )

    def _told(self, transfer: Transfer, *, on_target: bool = False) -> str:
        text = f"{certificate(transfer)}; needed by {_names(transfer.needed_by)}"
        if on_target:
            return text
        if transfer.in_source_tpm:
            return f"{text} (its key is in the TPM of {self.source}, which likely never gives it away)"
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
                "consulted, so nothing below helps until it is in local mode (Set-HgsClientConfiguration "
                "-EnableLocalMode). The other way is to give the machines the service's guardian while they still run "
                "on the old host (Grant-HgsKeyProtectorAccess)."
            )

    def _move(self) -> Iterator[Step]:
        if not self.moved:
            return
        commands = [
            f"Move-Item -LiteralPath {quoted(_item(_MACHINE + str(t.target_store), t))} -Destination {quoted(STORE)}"
            for t in self.moved
        ]
        after = ""
        if not self.carried:
            commands.append(_check(self.moved))
            after = _expected(self.moved)
        yield Step(
            f"On {self.target}: in an elevated PowerShell, move these. They lie there with their private keys, but in "
            "a store where Hyper-V likely does not look.",
            tuple(commands),
            tuple(self._told(t, on_target=True) for t in self.moved),
            after,
        )

    def _import(self) -> Iterator[Step]:
        if not self.carried:
            return
        is_first = not own_pair(self.plan.target)
        before = ", before the first virtual machine with a virtual TPM is made there" if is_first else ""
        commands = ["$password = Read-Host -AsSecureString 'Password of the PFX files'"]
        commands += [
            f"Import-PfxCertificate -FilePath {quoted(_file(t))} -CertStoreLocation {quoted(STORE)} "
            "-Exportable -Password $password"
            for t in self.carried
        ]
        ready = [*self.moved, *self.carried]
        yield Step(
            f"Copy the folder {FOLDER} to {self.target}. There, in an elevated PowerShell: import the files into this "
            f"very store{before}. In 'Personal' (My) they are likely of no use.",
            (*commands, _check(ready)),
            (),
            _expected(ready),
        )

    def _register(self) -> Iterator[Step]:
        """A guardian record is needed only where protectors are to be changed on the target."""
        encryption = {t.thumbprint: t for t in self.carried if t.role == "encryption"}
        pairs = [(t, encryption[t.partner]) for t in self.carried if t.role == "signing" and t.partner in encryption]
        if not pairs:
            return
        commands = ["$password = Read-Host -AsSecureString 'Password of the PFX files'"]
        for signing, other in pairs:
            name = f"{signing.guardian or 'Guardian'} of {signing.host or self.source} {signing.thumbprint[:8]}"
            commands.append(
                f"New-HgsGuardian -Name {quoted(name)} -SigningCertificate {quoted(_file(signing))} "
                f"-SigningCertificatePassword $password -EncryptionCertificate {quoted(_file(other))} "
                "-EncryptionCertificatePassword $password -AllowExpired -AllowUntrustedRoot"
            )
        yield Step(
            "The machines start without this. Only where the list of their guardians shall be changed later: make a "
            f"guardian of each pair, under a name of its own (a second {DEFAULT_GUARDIAN} is refused).",
            (*commands, "Get-HgsGuardian | Format-Table Name, HasPrivateSigningKey"),
        )

    def _start(self) -> Step:
        stuck = {n for t in self.stuck if (t.role, t.purpose) == ("encryption", "start") for n in t.needed_by}
        known = [p for p in self.plan.vms if p.vm.vtpm == "present" and p.wrappings]
        if self.plan.target.mode == "hgs" or all(p.name in stuck for p in known):
            return Step(
                "Note the BitLocker recovery password of every guest that has BitLocker (in the guest: manage-bde "
                f"-protectors -get C:). Do not move the virtual machines with a virtual TPM yet: none is known to "
                f"start on {self.target} after these steps. Wipe nothing of the old host."
            )
        return Step(
            "Note the BitLocker recovery password of every guest that has BitLocker (in the guest: manage-bde "
            f"-protectors -get C:). Then move the virtual machines, and start each once on {self.target} before "
            "anything of the old host is wiped."
        )

    def _clean_up(self) -> Iterator[Step]:
        if self.carried:
            yield Step(
                f"Keep the PFX files with their password where backups are kept, and delete {FOLDER} on both hosts: "
                "whoever has them can start these machines anywhere.",
                (f"Remove-Item -Recurse {FOLDER}",),
            )

    def _renew(self) -> Iterator[Step]:
        if not self.plan.renew:
            return
        ended = tuple(f"{r.thumbprint}: {r.role}, ended {day(r.not_after)}" for r in self.plan.renew)
        yield Step(
            f"{self.target}'s own {DEFAULT_GUARDIAN} has ended: machines that have a virtual TPM start all the same, "
            "new ones get none until it is renewed. The old pair stays in the store, and has to.",
            (
                f"Remove-HgsGuardian -Name {DEFAULT_GUARDIAN}",
                f"New-HgsGuardian -Name {DEFAULT_GUARDIAN} -GenerateCertificates",
            ),
            ended,
        )

    def _keep(self) -> Iterator[Step]:
        present = [t for t in self.plan.keep if not {t.on_source, t.on_target} <= {"absent"}]
        if present:
            yield Step(
                "Never delete these certificates on a host that runs the machines, whether they have ended or not, and "
                "whatever Remove-HgsGuardian advises. Do not give the machines a new key protector (Set-VMKeyProtector "
                "-NewLocalKeyProtector): their virtual TPM would not open any more (0xC000A002).",
                (),
                tuple(certificate(t) for t in present),
            )


def _check(transfers: Sequence[Transfer]) -> str:
    shown = ", ".join(quoted(t.thumbprint) for t in transfers)
    return (
        f"Get-ChildItem {quoted(STORE)} | Where-Object Thumbprint -in {shown} | Format-Table Thumbprint, HasPrivateKey"
    )


def _expected(transfers: Sequence[Transfer]) -> str:
    lines = "one line, with True" if len(transfers) == 1 else f"{len(transfers)} lines, each with True"
    return f"The last command must show {lines}."


def certificate(transfer: Transfer) -> str:
    """Name a certificate so that it can be told from the others of its host."""
    made = f", made on {transfer.host}" if transfer.host else ""
    guardian = transfer.guardian or "a guardian that its name does not tell"
    return f"{transfer.thumbprint}: {transfer.role}, {guardian}{made}, valid until {day(transfer.not_after)}"


def _item(store: str, transfer: Transfer) -> str:
    return f"{store}\\{transfer.thumbprint}"


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _file(transfer: Transfer) -> str:
    host = file_stem(transfer.host or transfer.guardian or "guardian")
    return f"{FOLDER}\\{host}-{transfer.role}-{transfer.thumbprint[:8]}.pfx"
