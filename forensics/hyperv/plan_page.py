"""The migration plan as a page: the answer, the steps with their commands, what works, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forensics.hyperv.migration import MigrationPlan
from forensics.hyperv.operations import OPERATIONS, Answer
from forensics.hyperv.plan_steps import Step, steps
from forensics.hyperv.plan_text import PlanText, cell_of, grouped
from forensics.hyperv.plan_words import new_host
from forensics.hyperv.transfers import Transfer
from forensics.language import _, listed, message, standing, told
from forensics.report.facts import day
from forensics.report.html.causes import passages
from forensics.report.html.page import fill_page
from forensics.report.html.tables import Cell, TableView
from forensics.version import __version__

_KINDS = {"works": "usable", "fails": "dead", "likely fails": "dead", "likely works": "usable", "-": "none"}
_HAS = {
    "usable": message("usable"),
    "unusable": message("unusable"),
    "wrong_store": message("wrong store"),
    "no_private_key": message("no private key"),
    "absent": message("absent"),
    "unknown": message("unknown"),
    "not_examined": message("not examined"),
}
"""What a host has of a certificate."""
_ON_SOURCE = {"usable": "usable", "unusable": "dead", "absent": "dead", "no_private_key": "dead"}


def render_migration_page(plan: MigrationPlan) -> str:
    """Write the plan as one HTML file, in the language that is spoken.

    Args:
        plan: The plan.

    Returns:
        The page; every text from the disks is escaped and made plain.
    """
    text = PlanText(plan, None)
    return fill_page(
        "migration.html.j2",
        {
            "version": __version__,
            "as_of": day(plan.as_of),
            "title": text.title(),
            "target": text.target,
            "not_examined": [told(sentence) for sentence in plan.not_examined],
            "summary": list(text.summary()),
            "steps": [_step(step) for step in steps(plan)],
            "machines": _machines(plan),
            "certificates": _certificates(plan),
            "reasons": list(_reasons(text)),
        },
        scripts=("lists.js",),
    )


def _step(step: Step) -> dict[str, Any]:
    return {
        "text": step.text,
        "blocks": passages(step.commands),
        "about": step.items,
        "after": step.after,
    }


def _machines(plan: MigrationPlan) -> TableView | None:
    if not plan.vms:
        return None
    columns = [_("Virtual machine"), *(_(operation) for operation in OPERATIONS[:5])]
    view = TableView("machines", _("What works on {host} as it is", host=new_host(plan)), columns)
    view.choice_column = 1
    for vm in plan.vms:
        words = [cell_of(vm, index) for index in range(5)]
        view.rows.append(
            [
                Cell(told(vm.name), "name"),
                *(Cell(_(word), f"state-{_KINDS.get(word, 'undecided')}") for word in words),
            ]
        )
    return view


def _certificates(plan: MigrationPlan) -> TableView | None:
    if not plan.transfers:
        return None
    columns = ["Certificate", "Guardian", "Valid until", "On the source", "Exportable", "On the target", "Needed by"]
    view = TableView("certificates", _("Certificates to be carried with their private keys"), [_(c) for c in columns])
    view.choice_column = 3
    view.rows = [_certificate(transfer) for transfer in plan.transfers]
    return view


def _certificate(transfer: Transfer) -> list[Cell]:
    return [
        Cell(_(transfer.role), "name", below=transfer.thumbprint),
        Cell(listed(filter(None, (transfer.guardian, transfer.host)))),
        Cell(day(transfer.not_after) if transfer.not_after else "", "date"),
        Cell(_(_HAS[transfer.on_source]), f"state-{_ON_SOURCE.get(transfer.on_source, 'undecided')}"),
        Cell(_(transfer.exportable or "unknown")),
        Cell(_(_HAS[transfer.on_target]), f"state-{_ON_SOURCE.get(transfer.on_target, 'undecided')}"),
        Cell(listed(map(told, transfer.needed_by)), "told"),
    ]


def _reasons(text: PlanText) -> Iterator[tuple[list[str], list[tuple[str, str, str, str, str]]]]:
    """Yield machines of which the same is to be said; of operations result, colour, why, and how that is known."""
    for names, answers in text.alike():
        yield (
            list(map(told, names)),
            [_answer(listed(_(a.operation) for a in group), group[0]) for group in grouped(answers)],
        )
    yield (
        [_("A new virtual machine with a virtual TPM on {host}", host=text.target)],
        [_answer(_("enable"), text.plan.new_vm)],
    )


def _answer(operations: str, answer: Answer) -> tuple[str, str, str, str, str]:
    known = "" if answer.result == "unknown" else f"{_(answer.certainty)}: {told(answer.source)}"
    kind = _KINDS.get(answer.result, "undecided")
    return operations, _(answer.result), kind, told(standing(answer.because)), known
