"""keymortem: tells why a Windows private key died, and which certificate dies next.

    import forensics

    case = forensics.examine("disk.vhdx")
    case.key_chain[["subject", "verdict", "broken_at"]]     # a pandas data frame
    forensics.explain(case, "web.contoso")                  # the whole chain of one key, and every rule about it
    forensics.write(case, "html", "report.html")

Every command of ``keymortem`` is a function here:

    examine, open_case              sources, or a case file that was saved, to a Case
    join_cases, append_to_case_file several cases as one; one more in a case file
    explain, expiring               one key of a case; certificates that end soon
    subject_names                   what the keys of a case are called
    timeline                        what happened when, for Timesketch, plaso and mactime
    explain_symptom                 an error code, event or message: what produces it, what does not
    compare                         a machine before and after
    fleet_run, fleet_retry          thousands of disks, in a dataset that grows
    fleet_status                    what that holds
    recover                         proved keys of a source in password-protected files, or as the disk has them
    plan_migration, attest          virtual machines to another Hyper-V host; keys of TPMs to an authority
    list_rules, show_rule           the rules
    list_commands                   what their texts can ask to be typed
    lint_rules, test_rules          rules of your own
    new_rule                        begin one
    apply_rules                     ask the rules of a case again, after another date or with more packs
    translate_findings              findings in another language
    open_fleet, fleet_report        a fleet's dataset: its tables, the case of each disk; its report
    describe_tables                 what every table and column means
    render, write, check_target     any of their results as text, JSON, HTML, CSV ...; a case's repair as a runbook

Each returns one object, which a notebook shows as the command prints it. What is wrong with a disk never raises: it is
a row of table ``problem``. What is wrong with a call raises: SourceError (not one source can be opened), CaseFileError,
RulePackError, UnknownSubjectError, UnknownRuleError, UnsuitableCaseError (NothingToRepairError of a runbook),
DatasetError, UnknownDiskError, SchedulerLostError, EvidenceTargetError, ValueError.

Times are UTC everywhere; with ``times_in("Asia/Tokyo")`` texts and pages are rendered in another zone. Texts that came
from a disk may hold anything: ``sanitise`` makes one safe to print.

All names are loaded when first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.attestation.answer import Attestation as Attestation
    from forensics.attestation.answer import attest as attest
    from forensics.case import Case as Case
    from forensics.case import open_case as open_case
    from forensics.case_tables import is_case_file as is_case_file
    from forensics.comparison.compare import Comparison as Comparison
    from forensics.comparison.compare import compare as compare
    from forensics.disk.errors import SourceError as SourceError
    from forensics.disk.evidence_files import EvidenceTargetError as EvidenceTargetError
    from forensics.disk.recovery_password import recovery_password as recovery_password
    from forensics.engine.rule import RulePackError as RulePackError
    from forensics.examination import examine as examine
    from forensics.fleet.cluster import SchedulerLostError as SchedulerLostError
    from forensics.fleet.dataset import DatasetError as DatasetError
    from forensics.fleet.fleet import Fleet as Fleet
    from forensics.fleet.fleet import UnknownDiskError as UnknownDiskError
    from forensics.fleet.fleet import open_fleet as open_fleet
    from forensics.fleet.options import FleetOptions as FleetOptions
    from forensics.fleet.report.report import FleetReport as FleetReport
    from forensics.fleet.report.report import fleet_report as fleet_report
    from forensics.fleet.run import FleetProgress as FleetProgress
    from forensics.fleet.run import fleet_retry as fleet_retry
    from forensics.fleet.run import fleet_run as fleet_run
    from forensics.fleet.status import FleetStatus as FleetStatus
    from forensics.fleet.status import fleet_status as fleet_status
    from forensics.hyperv.migration import MigrationPlan as MigrationPlan
    from forensics.hyperv.migration import plan_migration as plan_migration
    from forensics.joining.join import append_to_case_file as append_to_case_file
    from forensics.joining.join import join_cases as join_cases
    from forensics.language import LANGUAGES as LANGUAGES
    from forensics.language import speaking as speaking
    from forensics.recovery.recover import Recovered as Recovered
    from forensics.recovery.recover import recover as recover
    from forensics.rendering import FOLDER_FORMATS as FOLDER_FORMATS
    from forensics.rendering import FORMATS as FORMATS
    from forensics.rendering import SECTIONS as SECTIONS
    from forensics.rendering import check_target as check_target
    from forensics.rendering import render as render
    from forensics.rendering import write as write
    from forensics.report.expiring import Expiring as Expiring
    from forensics.report.expiring import expiring as expiring
    from forensics.report.explain import UnknownSubjectError as UnknownSubjectError
    from forensics.report.explain_subject import Explanation as Explanation
    from forensics.report.explain_subject import explain as explain
    from forensics.report.explain_subject import subject_names as subject_names
    from forensics.report.result import Result as Result
    from forensics.report.result import UnsuitableCaseError as UnsuitableCaseError
    from forensics.report.runbook.runbook import NothingToRepairError as NothingToRepairError
    from forensics.report.symptoms.answer import SymptomAnswer as SymptomAnswer
    from forensics.report.symptoms.answer import explain_symptom as explain_symptom
    from forensics.report.table_docs import TableReference as TableReference
    from forensics.report.table_docs import describe_tables as describe_tables
    from forensics.report.timeline import Timeline as Timeline
    from forensics.report.timeline import timeline as timeline
    from forensics.rule_packs import CommandList as CommandList
    from forensics.rule_packs import ExamplesResult as ExamplesResult
    from forensics.rule_packs import LintResult as LintResult
    from forensics.rule_packs import RuleDescription as RuleDescription
    from forensics.rule_packs import RuleFiles as RuleFiles
    from forensics.rule_packs import RuleList as RuleList
    from forensics.rule_packs import UnknownRuleError as UnknownRuleError
    from forensics.rule_packs import apply_rules as apply_rules
    from forensics.rule_packs import lint_rules as lint_rules
    from forensics.rule_packs import list_commands as list_commands
    from forensics.rule_packs import list_rules as list_rules
    from forensics.rule_packs import new_rule as new_rule
    from forensics.rule_packs import show_rule as show_rule
    from forensics.rule_packs import test_rules as test_rules
    from forensics.rule_packs import translate_findings as translate_findings
    from forensics.tables.database import CaseFileError as CaseFileError
    from forensics.tables.finding import SEVERITIES as SEVERITIES
    from forensics.tables.sanitise import sanitise as sanitise
    from forensics.tables.timestamps import parse_utc as parse_utc
    from forensics.tables.timestamps import times_in as times_in
    from forensics.version import __version__ as __version__

_HOMES = {
    "forensics.attestation.answer": ("Attestation", "attest"),
    "forensics.case": ("Case", "open_case"),
    "forensics.case_tables": ("is_case_file",),
    "forensics.comparison.compare": ("Comparison", "compare"),
    "forensics.disk.errors": ("SourceError",),
    "forensics.disk.evidence_files": ("EvidenceTargetError",),
    "forensics.disk.recovery_password": ("recovery_password",),
    "forensics.engine.rule": ("RulePackError",),
    "forensics.examination": ("examine",),
    "forensics.fleet.cluster": ("SchedulerLostError",),
    "forensics.fleet.dataset": ("DatasetError",),
    "forensics.fleet.fleet": ("Fleet", "UnknownDiskError", "open_fleet"),
    "forensics.fleet.options": ("FleetOptions",),
    "forensics.fleet.report.report": ("FleetReport", "fleet_report"),
    "forensics.fleet.run": ("FleetProgress", "fleet_retry", "fleet_run"),
    "forensics.fleet.status": ("FleetStatus", "fleet_status"),
    "forensics.hyperv.migration": ("MigrationPlan", "plan_migration"),
    "forensics.language": ("LANGUAGES", "speaking"),
    "forensics.joining.join": ("append_to_case_file", "join_cases"),
    "forensics.recovery.recover": ("Recovered", "recover"),
    "forensics.rendering": ("FOLDER_FORMATS", "FORMATS", "SECTIONS", "check_target", "render", "write"),
    "forensics.report.expiring": ("Expiring", "expiring"),
    "forensics.report.explain": ("UnknownSubjectError",),
    "forensics.report.explain_subject": ("Explanation", "explain", "subject_names"),
    "forensics.report.result": ("Result", "UnsuitableCaseError"),
    "forensics.report.runbook.runbook": ("NothingToRepairError",),
    "forensics.report.symptoms.answer": ("SymptomAnswer", "explain_symptom"),
    "forensics.report.table_docs": ("TableReference", "describe_tables"),
    "forensics.report.timeline": ("Timeline", "timeline"),
    "forensics.rule_packs": (
        "CommandList",
        "ExamplesResult",
        "LintResult",
        "RuleDescription",
        "RuleFiles",
        "RuleList",
        "UnknownRuleError",
        "apply_rules",
        "lint_rules",
        "list_commands",
        "list_rules",
        "new_rule",
        "show_rule",
        "test_rules",
        "translate_findings",
    ),
    "forensics.tables.database": ("CaseFileError",),
    "forensics.tables.finding": ("SEVERITIES",),
    "forensics.tables.sanitise": ("sanitise",),
    "forensics.tables.timestamps": ("parse_utc", "times_in"),
    "forensics.version": ("__version__",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "FOLDER_FORMATS",
    "FORMATS",
    "LANGUAGES",
    "SECTIONS",
    "SEVERITIES",
    "Attestation",
    "Case",
    "CaseFileError",
    "CommandList",
    "Comparison",
    "DatasetError",
    "EvidenceTargetError",
    "ExamplesResult",
    "Expiring",
    "Explanation",
    "Fleet",
    "FleetOptions",
    "FleetProgress",
    "FleetReport",
    "FleetStatus",
    "LintResult",
    "MigrationPlan",
    "NothingToRepairError",
    "Recovered",
    "Result",
    "RuleDescription",
    "RuleFiles",
    "RuleList",
    "RulePackError",
    "SchedulerLostError",
    "SourceError",
    "SymptomAnswer",
    "TableReference",
    "Timeline",
    "UnknownDiskError",
    "UnknownRuleError",
    "UnknownSubjectError",
    "UnsuitableCaseError",
    "__version__",
    "append_to_case_file",
    "apply_rules",
    "attest",
    "check_target",
    "compare",
    "describe_tables",
    "examine",
    "expiring",
    "explain",
    "explain_symptom",
    "fleet_report",
    "fleet_retry",
    "fleet_run",
    "fleet_status",
    "is_case_file",
    "join_cases",
    "lint_rules",
    "list_commands",
    "list_rules",
    "new_rule",
    "open_case",
    "open_fleet",
    "parse_utc",
    "plan_migration",
    "recover",
    "recovery_password",
    "render",
    "sanitise",
    "show_rule",
    "speaking",
    "subject_names",
    "test_rules",
    "timeline",
    "times_in",
    "translate_findings",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'forensics' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
