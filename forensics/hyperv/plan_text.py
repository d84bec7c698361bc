"""The migration plan as text: the answer first, then what to do in which order, then the table with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from forensics.hyperv.migration import MigrationPlan, VmPlan
from forensics.hyperv.operations import OPERATIONS, Answer
from forensics.hyperv.plan_steps import steps
from forensics.hyperv.plan_words import new_host, old_host
from forensics.language import _, _n, listed, message, standing, told
from forensics.language.folding import columns, padded
from forensics.report.facts import day
from forensics.report.first_screen.entries import cut
from forensics.report.folded_lines import FoldedText
from forensics.sources.vm_files import INVENTORY
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import format_utc

_SHORT = {
    "start": message("start"),
    "live migration": message("live"),
    "export and import": message("import"),
    "replica failover": message("replica"),
    "change of the key protector": message("change KP"),
}
"""Operations as headings of the table."""
_NAME = 40
"""Display: columns of a virtual machine's name in the table."""


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
        self.source = old_host(plan) if plan.source.machine_id else _("any disk given")
        self.target = new_host(plan)

    def render(self) -> str:
        """Return the text."""
        self.add(self.title())
        for sentence in self.plan.not_examined:
            self.add(told(sentence), "  ")
        self.lines.append("")
        for sentence in self.summary():
            self.add(sentence)
        self._steps()
        self._table()
        self._reasons()
        return self.whole()

    def title(self) -> str:
        """Say what is moved where."""
        values = {"target": self.target, "day": day(self.plan.as_of)}
        if self.plan.source.machine_id:
            return _("Moving virtual machines from {source} to {target}, as of {day}", source=self.source, **values)
        return _("Moving virtual machines to {target}, as of {day}", **values)

    def _heading(self, text: str) -> None:
        self.lines += ["", text]

    def summary(self) -> Iterator[str]:
        """Yield the answer in a few sentences, each true for these disks."""
        vms = [p for p in self.plan.vms if p.vm.vtpm == "present"]
        without = sum(p.vm.vtpm == "absent" for p in self.plan.vms)
        unread = len(self.plan.vms) - len(vms) - without
        if vms:
            yield _(
                "With a virtual TPM: {count} (checkpoints counted). On {target} as it is now: {outcome}.",
                count=len(vms),
                target=self.target,
                outcome=listed(self._outcome(vms)),
            )
            yield from self._missing()
        else:
            yield _("No virtual machine with a virtual TPM was found.")
        if not self.plan.listed.is_whole:
            yield _(
                "There may be more: the host's list of its virtual machines ({file}) was not read whole ({why}).",
                file=INVENTORY,
                why=told(self.plan.listed.why or ""),
            )
        if without:
            yield _("Without a virtual TPM: {count}. They need no certificate.", count=without)
        if unread:
            yield _("Not known: {count}, whose configuration was not there to read or does not tell.", count=unread)

    def _outcome(self, vms: Iterable[VmPlan]) -> Iterator[str]:
        """Yield how many start, and how many do not."""
        results: Counter[str] = Counter(p.answers[0].result for p in vms)
        yield _("{count} start", count=results["works"])
        if count := results["likely fails"]:
            yield _("{count} likely do not", count=count)
        if count := results["fails"]:
            yield _("{count} do not", count=count)
        if count := results["unknown"]:
            yield _("{count} cannot be told", count=count)

    def _missing(self) -> Iterator[str]:
        start = [t for t in self.plan.transfers if t.purpose == "start"]
        if not start:
            return
        stuck = [t for t in start if t.can_be_exported is False and t.target_store is None]
        yield _n(
            "To start them, {target} needs {count} certificate with private keys: see the steps below.",
            "To start them, {target} needs {count} certificates with private keys: see the steps below.",
            len(start),
            target=self.target,
        )
        if stuck:
            names = dict.fromkeys(name for t in stuck if t.role == "encryption" for name in t.needed_by)
            if names:
                yield _(
                    "{source} cannot give what these need: {names}.", source=self.source, names=listed(map(told, names))
                )

    def _steps(self) -> None:
        found = steps(self.plan)
        if not found:
            return
        self._heading(_("WHAT TO DO, in this order"))
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
        self._heading(_("WHAT WORKS ON {target} AS IT IS", target=self.target))
        heads = [_(_SHORT[operation]) for operation in OPERATIONS[:5]]
        rows = [[sanitise(told(p.name)), *(_(cell_of(p, index)) for index in range(5))] for p in self.plan.vms]
        longest = min(_NAME, max(columns(row[0]) for row in rows))
        widths = [
            max(columns(cell) for cell in cells) for cells in list(zip(heads, *(r[1:] for r in rows), strict=True))
        ]
        for name, *cells in (["", *heads], *rows):
            parts = [padded(cut(name, longest), longest), *map(padded, cells, widths)]
            self.lines.append(f"  {'  '.join(parts)}".rstrip())
        legend = _(
            "change KP: change the key protector, which lists the machine's guardians. likely: nobody published a "
            "test. -: does not apply."
        )
        self.add(legend, "  ", "  ")

    def _reasons(self) -> None:
        self._heading(_("WHY"))
        for names, answers in self.alike():
            self.add(listed(map(told, names)), "  ")
            for group in grouped(answers):
                self._answer(listed(_(a.operation) for a in group), group[0])
        self.add(_("A new virtual machine with a virtual TPM on {host}", host=self.target), "  ")
        self._answer(_("enable"), self.plan.new_vm)

    def alike(self) -> list[tuple[list[str], Sequence[Answer]]]:
        """Return machines of which the same is to be said, together."""
        groups: dict[tuple[Answer, ...], list[str]] = {}
        for plan in self.plan.vms:
            groups.setdefault(plan.answers, []).append(plan.name)
        return [(names, answers) for answers, names in groups.items()]

    def _answer(self, operations: str, answer: Answer) -> None:
        values = {"operations": operations, "result": _(answer.result), "because": told(standing(answer.because))}
        if answer.result == "unknown":
            text = _("{operations}: {result}. {because}", **values)
        else:
            known = {"certainty": _(answer.certainty), "source": told(answer.source)}
            text = _("{operations}: {result}. {because} ({certainty}: {source})", **values, **known)
        self.add(text, "    - ", "      ")


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
