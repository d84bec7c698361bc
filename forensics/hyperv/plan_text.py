"""The migration plan as text: the answer first, then what to do in which order, then the table with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from forensics.hyperv.migration import MigrationPlan, VmPlan
from forensics.hyperv.operations import OPERATIONS, Answer
from forensics.hyperv.plan_steps import steps
from forensics.report.facts import day
from forensics.report.folded_lines import FoldedText
from forensics.sources.vm_files import INVENTORY
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import format_utc

_SHORT = {
    "start": "start",
    "live migration": "live",
    "export and import": "import",
    "replica failover": "replica",
    "change of the key protector": "change KP",
    "new virtual TPM": "new vTPM",
}


def render_migration(plan: MigrationPlan, width: int | None = None) -> str:
    """Write the plan.

    Args:
        plan: The plan.
        width: Columns to fold lines to; None leaves them whole.

    Returns:
        Lines, each ended by a newline; nothing from the disks can steer the terminal.
    """
    return PlanText(plan, width).render()


class PlanText(FoldedText):
    """The plan in words.

    Args:
        plan: The plan.
        width: Columns to fold lines to; None leaves them whole.
    """

    def __init__(self, plan: MigrationPlan, width: int | None) -> None:
        super().__init__(width)
        self.plan = plan
        self.source = sanitise(plan.source.name or "the old host") if plan.source.machine_id else "any disk given"
        self.target = sanitise(plan.target.name or "the target")

    def render(self) -> str:
        """Return the text."""
        self.add(self.title())
        for sentence in self.plan.not_examined:
            self.add(sentence, "  ")
        self.lines.append("")
        for sentence in self.summary():
            self.add(sentence)
        self._steps()
        self._table()
        self._reasons()
        return self.whole()

    def title(self) -> str:
        """Say what is moved where."""
        moved = f"from {self.source} to" if self.plan.source.machine_id else "to"
        return f"Moving virtual machines {moved} {self.target}, as of {day(self.plan.as_of)}"

    def _heading(self, text: str) -> None:
        self.lines += ["", text]

    def summary(self) -> Iterator[str]:
        """Yield the answer in a few sentences, each true for these disks."""
        vms = [p for p in self.plan.vms if p.vm.vtpm == "present"]
        without = sum(p.vm.vtpm == "absent" for p in self.plan.vms)
        unread = len(self.plan.vms) - len(vms) - without
        if vms:
            results: Counter[str] = Counter(p.answers[0].result for p in vms)
            words = ("likely fails", "likely do not"), ("fails", "do not"), ("unknown", "cannot be told")
            rest = "".join(f", {results[result]} {word}" for result, word in words if results[result])
            told = f"{results['works']} start{rest}"
            yield f"With a virtual TPM: {len(vms)} (checkpoints counted). On {self.target} as it is now: {told}."
            yield from self._missing()
        else:
            yield "No virtual machine with a virtual TPM was found."
        if not self.plan.listed.is_whole:
            yield (
                f"There may be more: the host's list of its virtual machines ({INVENTORY}) was not read whole "
                f"({self.plan.listed.why})."
            )
        if without:
            yield f"Without a virtual TPM: {without}. They need no certificate."
        if unread:
            yield f"Not known: {unread}, whose configuration was not there to read or does not tell."

    def _missing(self) -> Iterator[str]:
        start = [t for t in self.plan.transfers if t.purpose == "start"]
        if not start:
            return
        stuck = [t for t in start if t.can_be_exported is False and t.target_store is None]
        certificates = "1 certificate" if len(start) == 1 else f"{len(start)} certificates"
        yield f"To start them, {self.target} needs {certificates} with private keys: see the steps below."
        if stuck:
            names = dict.fromkeys(name for t in stuck if t.role == "encryption" for name in t.needed_by)
            if names:
                yield f"{self.source} cannot give what these need: {', '.join(names)}."

    def _steps(self) -> None:
        found = steps(self.plan)
        if not found:
            return
        self._heading("WHAT TO DO, in this order")
        for number, step in enumerate(found, 1):
            mark = f"  {number}. "
            self.add(step.text, mark, " " * len(mark))
            for block in step.commands:
                if block.kind == "command":
                    # A command stays on one line: a folded one would run in two halves.
                    self.lines.append(f"       {block.text}")
                else:
                    self.add(block.text, "     ", "     ")
            if step.after:
                self.add(step.after, "     ", "     ")
            for item in step.items:
                self.add(item, "     - ", "       ")

    def _table(self) -> None:
        if not self.plan.vms:
            return
        self._heading(f"WHAT WORKS ON {self.target} AS IT IS")
        heads = [_SHORT[operation] for operation in OPERATIONS[:5]]
        rows = [[sanitise(p.name), *(cell_of(p, index) for index in range(5))] for p in self.plan.vms]
        longest = min(40, max(len(row[0]) for row in rows))
        widths = [longest, *(max(len(h), *(len(row[i + 1]) for row in rows)) for i, h in enumerate(heads))]
        for row in (["", *heads], *rows):
            name, *cells = row
            line = name.ljust(longest) if len(name) <= longest else f"{name[: longest - 1]}\u2026"
            self.lines.append(
                f"  {line}  " + "  ".join(c.ljust(w) for c, w in zip(cells, widths[1:], strict=True)).rstrip()
            )
        legend = (
            "change KP: change the key protector, which lists the machine's guardians. likely: nobody published a "
            "test. -: does not apply."
        )
        self.add(legend, "  ", "  ")

    def _reasons(self) -> None:
        self._heading("WHY")
        for names, answers in self.alike():
            self.add(", ".join(names), "  ")
            for group in grouped(answers):
                self._answer(", ".join(a.operation for a in group), group[0])
        self.add(f"A new virtual machine with a virtual TPM on {self.target}", "  ")
        self._answer("enable", self.plan.new_vm)

    def alike(self) -> list[tuple[list[str], Sequence[Answer]]]:
        """Return machines of which the same is to be said, together."""
        groups: dict[tuple[Answer, ...], list[str]] = {}
        for plan in self.plan.vms:
            groups.setdefault(plan.answers, []).append(plan.name)
        return [(names, answers) for answers, names in groups.items()]

    def _answer(self, operations: str, answer: Answer) -> None:
        because = answer.because[:1].upper() + answer.because[1:]
        known = "" if answer.result == "unknown" else f" ({answer.certainty}: {answer.source})"
        self.add(f"{operations}: {answer.result}. {because}.{known}", "    - ", "      ")


def cell_of(vm: VmPlan, index: int) -> str:
    """Return what a table says of an operation with a machine."""
    if index >= len(vm.answers):
        return "-"
    answer = vm.answers[index]
    likely = answer.certainty == "likely" and answer.result in ("works", "fails")
    return f"likely {answer.result}" if likely else answer.result


def grouped(answers: Iterable[Answer]) -> Iterator[list[Answer]]:
    """Yield operations of one reason together."""
    groups: dict[tuple[str, str, str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.result, answer.because, answer.certainty, answer.source), []).append(answer)
    yield from groups.values()


def migration_document(plan: MigrationPlan) -> dict[str, Any]:
    """Return the plan as a JSON document."""
    return {
        "format": 1,
        "as_of": format_utc(plan.as_of),
        "not_examined": list(plan.not_examined),
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
        "keep": [t.thumbprint for t in plan.keep],
        "renew": [row.thumbprint for row in plan.renew],
        "listed": asdict(plan.listed),
    }
