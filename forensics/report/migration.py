"""The migration plan as text: the answer first, then what to do in which order, then the table with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from forensics.chain.hyperv.migration import Migration, Transfer, VmPlan
from forensics.chain.hyperv.operations import DEFAULT_GUARDIAN, OPERATIONS, Answer
from forensics.report.facts import day
from forensics.report.plain import fold, plain
from forensics.report.powershell import file_stem, quoted
from forensics.tables.timestamps import format_utc

STORE = "Cert:\\LocalMachine\\Shielded VM Local Certificates"
_FOLDER = "C:\\Guardians"
_SHORT = {
    "start": "start",
    "live migration": "live",
    "export and import": "import",
    "replica failover": "replica",
    "change of the key protector": "change KP",
    "new virtual TPM": "new vTPM",
}
_ON_SOURCE = {
    "unusable": "its private key is there, but Windows cannot open it: see keymortem explain",
    "no_private_key": "it is there without its private key",
    "absent": "it is not there",
    "unknown": "whether its private key opens could not be told",
    "not_examined": "the host was not examined",
}


def render_migration(plan: Migration, width: int | None = None) -> str:
    """Write the plan.

    Args:
        plan: The plan.
        width: Columns to fold lines to; None leaves them whole.

    Returns:
        Lines, each ended by a newline; nothing from the disks can steer the terminal.
    """
    return _Text(plan, width).render()


class _Text:
    def __init__(self, plan: Migration, width: int | None) -> None:
        self.plan = plan
        self.width = width
        self.lines: list[str] = []
        self.source = plain(plan.source.name or "the old host")
        self.target = plain(plan.target.name or "the target")
        self.number = 0

    def render(self) -> str:
        moved = f"from {self.source} to" if self.plan.source.machine_id else "to"
        self._add(f"Moving virtual machines {moved} {self.target}, as of {day(self.plan.as_of)}")
        self.lines.append("")
        self._add(self._summary())
        self._steps()
        self._table()
        self._reasons()
        return "\n".join(self.lines) + "\n"

    def _add(self, text: str, indent: str = "", hanging: str | None = None) -> None:
        self.lines += fold(plain(text), self.width, indent, indent + "  " if hanging is None else hanging)

    def _command(self, text: str) -> None:
        """A command stays on one line: a folded one would run in two halves."""
        self.lines.append(f"       {text}")

    def _heading(self, text: str) -> None:
        self.lines += ["", text]

    def _step(self, text: str) -> None:
        self.number += 1
        mark = f"  {self.number}. "
        self._add(text, mark, " " * len(mark))

    def _summary(self) -> str:
        vms = [p for p in self.plan.vms if p.vm.vtpm == "present"]
        others = sum(p.vm.vtpm == "absent" for p in self.plan.vms)
        plain_ones = f" {others} without a virtual TPM need nothing of this." if others else ""
        unread = sum(p.vm.outcome != "present" for p in self.plan.vms)
        if unread:
            plain_ones += f" {unread} could not be read: their configurations were not in the sources."
        if not vms:
            return f"No virtual machine with a virtual TPM was found.{plain_ones}"
        start = [p.answers[0].result for p in vms]
        works = start.count("works")
        text = f"Of {len(vms)} with a virtual TPM (checkpoints counted), {works} would start on {self.target} as it is"
        fails, likely, unknown = (start.count(result) for result in ("fails", "likely fails", "unknown"))
        text += "".join(
            f", {count} {word}"
            for count, word in ((fails, "would not"), (likely, "likely would not"), (unknown, "cannot be told"))
            if count
        )
        missing = len(self.plan.transfers)
        need = f" {missing} certificates must first come to {self.target} with their private keys." if missing else ""
        return f"{text}.{need}{plain_ones}"

    def _steps(self) -> None:
        if not any(p.vm.vtpm == "present" for p in self.plan.vms):
            return
        self._heading("WHAT TO DO, in this order")
        self._export()
        self._import()
        self._register()
        self._step("Move the virtual machines. Start each once on the target and look at its console.")
        self._renew()
        self._keep()

    def _export(self) -> None:
        pairs = self.plan.transfers
        if not pairs:
            self._step(f"Nothing needs to be exported: {self.target} has what these virtual machines need.")
            return
        good = [t for t in pairs if t.can_be_exported is not False]
        if good:
            where = self.source if self.plan.source.machine_id else "the host that made them"
            self._step(
                f"On {where}, in an elevated PowerShell: export these certificates with their private keys. "
                "Export-HgsGuardian does not do it, its file holds no private key."
            )
            self._command(f"New-Item -ItemType Directory -Force {_FOLDER} | Out-Null")
            self._command("$password = Read-Host -AsSecureString 'Password for the PFX files'")
            for transfer in good:
                item = f"{self._store_on_source(transfer)}\\{transfer.thumbprint}"
                self._command(
                    f"Get-Item {quoted(item)} | Export-PfxCertificate "
                    f"-FilePath {quoted(self._file(transfer))} -Password $password"
                )
            for transfer in good:
                self._add(self._told(transfer), "     - ", "       ")
        for transfer in pairs:
            if transfer.can_be_exported is False:
                self._step(f"This certificate cannot be exported on {self.source}: {self._obstacle(transfer)}")
                self._add(self._told(transfer), "     - ", "       ")

    def _store_on_source(self, transfer: Transfer) -> str:
        row = self.plan.source.row(transfer.thumbprint)
        return f"Cert:\\LocalMachine\\{row.store}" if row is not None and row.origin == "wrong_store" else STORE

    def _obstacle(self, transfer: Transfer) -> str:
        if transfer.exportable == "no" and transfer.on_source == "usable":
            return (
                "its private key is marked as not exportable. Machines that no other guardian can start have to stay, "
                f"or be given a second guardian there first (Grant-HgsKeyProtectorAccess with one of {self.target})."
            )
        restore = "Look for a PFX file of it; without its private key, the way back is a new virtual machine with the "
        return f"{_ON_SOURCE[transfer.on_source]}. {restore}old disks and the BitLocker recovery password."

    def _told(self, transfer: Transfer) -> str:
        made = f", made on {transfer.host}" if transfer.host else ""
        users = ", ".join(transfer.needed_by[:10]) + (" and more" if len(transfer.needed_by) > 10 else "")
        unsure = "" if transfer.can_be_exported is not None else f" ({self._unsure(transfer)})"
        guardian = transfer.guardian or "(guardian not named)"
        ends = f"valid until {day(transfer.not_after)}"
        return f"{transfer.thumbprint}: {transfer.role} of {guardian}{made}, {ends}; needed by {users}{unsure}"

    def _unsure(self, transfer: Transfer) -> str:
        if transfer.on_source == "usable":
            return "whether its key may be exported could not be told"
        return _ON_SOURCE.get(transfer.on_source, "not certain")

    def _file(self, transfer: Transfer) -> str:
        host = file_stem(transfer.host or transfer.guardian or "guardian")
        return f"{_FOLDER}\\{host}-{transfer.role}-{transfer.thumbprint[:8]}.pfx"

    def _import(self) -> None:
        todo = [t for t in self.plan.transfers if t.can_be_exported is not False]
        if not todo:
            return
        self._step(
            f"On {self.target}: import them into this very store, before the first virtual machine with a virtual TPM "
            "is made there. In 'Personal' (My) they are of no use."
        )
        self._command("$password = Read-Host -AsSecureString 'Password of the PFX files'")
        for transfer in todo:
            self._command(
                f"Import-PfxCertificate -FilePath {quoted(self._file(transfer))} -CertStoreLocation {quoted(STORE)} "
                "-Exportable -Password $password"
            )
        self._command(f"Get-ChildItem {quoted(STORE)} | Format-Table Thumbprint, HasPrivateKey, NotAfter, Subject")
        self._add("Every line must say True under HasPrivateKey.", "     ", "     ")

    def _register(self) -> None:
        """A guardian record is needed only where protectors are to be changed on the target."""
        pairs = {
            (t.thumbprint, t.partner): t
            for t in self.plan.transfers
            if t.role == "signing" and t.can_be_exported is not False
        }
        encryption = {t.thumbprint: t for t in self.plan.transfers if t.role == "encryption"}
        pairs = {key: t for key, t in pairs.items() if t.partner in encryption}
        if not pairs:
            return
        self._step(
            "Only where the list of guardians of these machines shall be changed later: make a guardian of each pair, "
            f"under a name of its own (a second {DEFAULT_GUARDIAN} is refused)."
        )
        for signing in pairs.values():
            other = encryption[signing.partner or ""]
            name = f"{signing.guardian or 'Guardian'} of {signing.host or self.source} {signing.thumbprint[:8]}"
            self._command(
                f"New-HgsGuardian -Name {quoted(name)} -SigningCertificate {quoted(self._file(signing))} "
                f"-SigningCertificatePassword $password -EncryptionCertificate {quoted(self._file(other))} "
                "-EncryptionCertificatePassword $password -AllowExpired -AllowUntrustedRoot"
            )
        self._command("Get-HgsGuardian | Format-Table Name, HasPrivateSigningKey")

    def _renew(self) -> None:
        if self.plan.renew:
            ended = ", ".join(f"{r.thumbprint} ({day(r.not_after)})" for r in self.plan.renew)
            self._step(
                f"{self.target}'s own {DEFAULT_GUARDIAN} has ended ({ended}): existing machines start all the same, "
                "new ones get no virtual TPM until it is renewed. The old pair stays in the store."
            )
            self._command(f"Remove-HgsGuardian -Name {DEFAULT_GUARDIAN}")
            self._command(f"New-HgsGuardian -Name {DEFAULT_GUARDIAN} -GenerateCertificates")

    def _keep(self) -> None:
        if self.plan.keep:
            self._step(
                "Do not delete these certificates, on either host, as long as the machines live, expired or not, "
                "whatever Remove-HgsGuardian advises. Do not give the machines a new key protector "
                "(Set-VMKeyProtector -NewLocalKeyProtector): their virtual TPM would not open any more (0xC000A002)."
            )
            for thumbprint in self.plan.keep:
                self._add(thumbprint, "     - ")

    def _table(self) -> None:
        if not self.plan.vms:
            return
        self._heading(f"WHAT WORKS ON {self.target} AS IT IS")
        heads = [_SHORT[operation] for operation in OPERATIONS[:5]]
        rows = [[plain(p.name), *(self._cell(p, index) for index in range(5))] for p in self.plan.vms]
        longest = min(40, max(len(row[0]) for row in rows))
        widths = [longest, *(max(len(h), *(len(row[i + 1]) for row in rows)) for i, h in enumerate(heads))]
        for row in (["", *heads], *rows):
            name, *cells = row
            line = name.ljust(longest) if len(name) <= longest else f"{name[: longest - 1]}\u2026"
            self.lines.append(
                f"  {line}  " + "  ".join(c.ljust(w) for c, w in zip(cells, widths[1:], strict=True)).rstrip()
            )
        self._add("KP: the key protector, the list of guardians. likely: nobody published a test.", "  ", "  ")

    def _cell(self, vm: VmPlan, index: int) -> str:
        if index >= len(vm.answers):
            return "-"
        answer = vm.answers[index]
        likely = answer.certainty == "likely" and answer.result in ("works", "fails")
        return f"likely {answer.result}" if likely else answer.result

    def _reasons(self) -> None:
        self._heading("WHY")
        for plan in self.plan.vms:
            self._add(plan.name, "  ")
            for operations, answer in self._grouped(plan):
                self._answer(operations, answer)
        self._add(f"A new virtual machine with a virtual TPM on {self.target}", "  ")
        self._answer("enable", self.plan.new_vm)

    def _grouped(self, plan: VmPlan) -> Iterator[tuple[str, Answer]]:
        """Tell operations of one reason together."""
        groups: dict[tuple[str, str, str, str], list[Answer]] = {}
        for answer in plan.answers:
            groups.setdefault((answer.result, answer.because, answer.certainty, answer.source), []).append(answer)
        for answers in groups.values():
            yield ", ".join(a.operation for a in answers), answers[0]

    def _answer(self, operations: str, answer: Answer) -> None:
        known = f"{answer.certainty}: {answer.source}"
        self._add(f"{operations}: {answer.result}. {answer.because} ({known})", "    - ", "      ")


def has_obstacles(plan: Migration) -> bool:
    """Tell whether anything would not work, or not be known to."""
    answers = [a for vm in plan.vms for a in vm.answers]
    return any(a.result != "works" for a in (*answers, plan.new_vm))


def migration_document(plan: Migration) -> dict[str, Any]:
    """Return the plan as a JSON document."""
    return {
        "format": 1,
        "as_of": format_utc(plan.as_of),
        "from": plan.source.name,
        "to": plan.target.name,
        "virtual_machines": [
            {
                "name": p.vm.name,
                "vm_id": p.vm.vm_id,
                "is_checkpoint": p.vm.is_checkpoint,
                "vtpm": p.vm.vtpm,
                "needs": p.vm.needs,
                "operations": [asdict(answer) for answer in p.answers],
            }
            for p in plan.vms
        ],
        "new_virtual_tpm": asdict(plan.new_vm),
        "certificates": [
            asdict(t) | {"not_after": format_utc(t.not_after) if t.not_after else None, "needed_by": list(t.needed_by)}
            for t in plan.transfers
        ],
        "keep": list(plan.keep),
        "renew": [row.thumbprint for row in plan.renew],
    }
