"""Puts the report together: values, template, style and script in one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from forensics.case_tables import CaseTables
from forensics.language import _, listed, spoken_language, told
from forensics.report.accounted import has_several_disks, not_examined, reasons
from forensics.report.ending import SOON
from forensics.report.facts import Facts, day
from forensics.report.former import former_lines
from forensics.report.html.causes import Causes
from forensics.report.html.chains import ChainViews
from forensics.report.html.disks import disk_table
from forensics.report.html.gaps import gaps_of
from forensics.report.html.head import head_sections, headline
from forensics.report.html.machines import machine_views
from forensics.report.html.packed import LONGEST
from forensics.report.html.tables import Tables
from forensics.report.html.times import time_view
from forensics.report.html.verdict import figures, next_to_end, sentences
from forensics.report.profiles import has_profiles
from forensics.report.rule_words import told_condition
from forensics.report.stores import hives_in_part
from forensics.report.triage import triage
from forensics.report.unanswered import unanswered_line
from forensics.report.virtual_machines import virtual_machines, vm_head, vm_needs, without_tpm
from forensics.tables.finding import SEVERITIES
from forensics.tables.sanitise import sanitise
from forensics.tables.source import leaves

_SEPARATORS = re.compile(r"(?<=[\\/_,;])|(?<=\d-)(?=\d{4})")
"""After what a path or a security identifier may be broken; ``lists.js`` has the same."""
DEAD_ELSEWHERE = "Dead: Windows cannot open them"
"""Title where there is no one disk with its Windows: of several disks, and of profiles alone."""
GROUP_TITLES = {
    "dead": "Dead: Windows on this disk cannot open them",
    "undecided": "Undecided: the evidence does not tell",
    "open": "Usable, but every user may read the key file",
    "usable": "Usable: opened and proved",
    "daily": "Made anew within days: nobody misses their keys",
    "orphan": "Key files that no certificate names",
}


def render_html(case: CaseTables) -> str:
    """Write the report as one HTML file, in the language that is spoken.

    Args:
        case: The case; its findings should be in the same language, see ``forensics.asked_rules.speak``.

    Returns:
        The page. It runs no script and loads no style but its own, and requests nothing.
    """
    case = case.present
    found = triage(case)
    chains = ChainViews(case)
    causes = Causes(case, chains, found)
    tables = Tables(case, chains)
    machines = virtual_machines(case)
    first = head_sections(case, causes.anchors)
    is_of_several = has_several_disks(case.sources)
    return fill_page(
        "report.html.j2",
        {
            "case": case,
            "as_of": day(case.as_of),
            "headline": headline(first),
            "verdict": sentences(case, found, causes),
            "first": first,
            "figures": figures(case, found),
            "next": next_to_end(case, chains),
            "ahead": SOON.days,
            "unanswered": told(unanswered_line(case)),
            "causes": causes.root,
            "information": causes.information,
            "severities": [name for name in SEVERITIES if name in causes.severities],
            "services": causes.services,
            "chains": chains,
            "group_titles": GROUP_TITLES | ({"dead": DEAD_ELSEWHERE} if is_of_several or has_profiles(case) else {}),
            "disks": disk_table(case) if is_of_several else None,
            "machines": machine_views(case, chains.facts),
            "time": time_view(case, chains),
            "tables": [tables.certificates(), tables.uses(), tables.keys(), tables.master_keys()],
            "vms": [(told(vm_head(vm)), [told(n) for n in vm_needs(vm, case)], vm) for vm in machines],
            "other_vms": without_tpm(case),
            "in_part": _in_part(case),
            "gaps": gaps_of(case),
            "examined": {
                "counted": _counted(case),
                "reasons": [*map(told, former_lines(case)), *reasons(case.sources)],
            },
        },
        scripts=("lists.js", "report.js", "timeline.js"),
    )


def _counted(case: CaseTables) -> str:
    """Say how much of the evidence was examined; empty where there was one piece of it only."""
    counted, left_out = leaves(case.sources), not_examined(case.sources)
    if len(counted) < 2:
        return ""
    return _("Examined {number} of {total} pieces of evidence", number=len(counted) - len(left_out), total=len(counted))


def _in_part(case: CaseTables) -> list[tuple[str, list[str]]]:
    """Return the hives that were read in part; with the name of their machine where there are several."""
    facts, several = Facts(case), len(case.rows("machine")) > 1
    return [(facts.machine_name(n) if several else "", names) for n, names in hives_in_part(case).items()]


def fill_page(
    template: str,
    values: Mapping[str, Any],
    scripts: Sequence[str] = (),
    further_style: str | None = None,
) -> str:
    """Fill a template of this package, with the style and the script that its Content-Security-Policy permits.

    Args:
        template: Its name.
        values: What stands in it.
        scripts: Files of the scripts that the page runs after ``shell.js``, which every page has.
        further_style: File of a style beside that of the report.
    """
    style, script = _asset("report.css"), "".join(map(_asset, ("shell.js", *scripts)))
    style += _asset(further_style) if further_style else ""
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    page = _environment().get_template(template)
    words = {"t": _, "told": told, "told_condition": told_condition, "listed": listed, "language": spoken_language()}
    return page.render(**words, style=Markup(style), script=Markup(script), policy=policy, **values)


def _shown(value: object) -> object:
    """Make every value plain before it is escaped: nothing from a disk brings direction marks or control characters."""
    return value if isinstance(value, Markup | int | float) else sanitise(value, LONGEST)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("forensics.report.html", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["broken"] = _broken
    return environment


def _broken(value: object) -> Markup:
    """Return a text that may be broken after separators, and nowhere else in a word."""
    return Markup("<wbr>").join(_SEPARATORS.split(str(_shown(value))))


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (files("forensics.report.html") / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return the hash by which a Content-Security-Policy permits one inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
