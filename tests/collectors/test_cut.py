"""A bound that was reached is a problem, and the place where it was reached was seen in part only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from forensics.collectors.packages import PACKAGES
from forensics.collectors.providers import collect_providers
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.secure_boot import collect_secure_boot
from forensics.formats.event_fields import event_fields
from forensics.sources.coverage import Place
from forensics.sources.installation import Installation
from testdata.builder import setup_logs
from tests.collectors import cut_disks
from tests.collectors.cut_disks import CA, ENROLLMENT, HYPER_V, MY_FILES, SOFTWARE, STATIONS, SYSTEM, TEMPLATES, WMI
from tests.collectors.test_events_forged import SYSTEM as SYSTEM_LOG
from tests.collectors.virtual import (
    MACHINE_KEYS,
    PROTECT,
)


@dataclass(frozen=True)
class Cut:
    """What is examined, the bound and what it is set to, the problem, and the place in coverage."""

    examine: Callable[[], Installation]
    bound: str
    value: int
    path: str
    message: str
    area: str
    name: str
    kind: str = "too_many"
    place: str = ""


FIRST_TWO = "only the first 2 sub-keys were read"
CASES: dict[str, Cut] = {
    "own certificates": Cut(
        cut_disks.own_certificates,
        "certificate_stores.MAX_ELEMENTS",
        2,
        MY_FILES,
        "only the first 2 of 3 certificates were read",
        "folder",
        "My certificates of Users/eve",
    ),
    "store": Cut(
        cut_disks.store,
        "certificate_stores.MAX_ELEMENTS",
        2,
        f"{SOFTWARE}\\Microsoft\\SystemCertificates\\MY\\Certificates",
        FIRST_TWO,
        "hive",
        "Microsoft\\SystemCertificates\\MY\\Certificates",
    ),
    "unlisted profiles": Cut(
        cut_disks.unlisted_profiles,
        "profiles.MAX_PROFILES",
        4,
        "Users",
        "only 4 profiles were looked into",
        "folder",
        "Users",
    ),
    "listed profiles": Cut(
        cut_disks.listed_profiles,
        "profiles.MAX_PROFILES",
        2,
        f"{SOFTWARE}\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
        FIRST_TWO,
        "hive",
        "Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
    ),
    "folders of accounts": Cut(
        cut_disks.protect_folders,
        "profiles.MAX_PROFILES",
        4,
        "Windows/System32/Microsoft/Protect",
        "only the first 4 of 6 folders of accounts were looked into",
        "folder",
        "Windows/System32/Microsoft/Protect",
    ),
    "providers": Cut(
        cut_disks.providers,
        "providers.MAX_PROVIDERS",
        2,
        f"{SOFTWARE}\\Microsoft\\Cryptography\\Defaults\\Provider",
        FIRST_TWO,
        "hive",
        "Microsoft\\Cryptography\\Defaults\\Provider",
    ),
    "templates": Cut(
        cut_disks.templates, "templates.MAX_TEMPLATES", 2, f"{SOFTWARE}\\{TEMPLATES}", FIRST_TWO, "hive", TEMPLATES
    ),
    "texts of a template": Cut(
        cut_disks.template_texts,
        "templates.MAX_TEXTS",
        2,
        f"{SOFTWARE}\\{TEMPLATES}\\User!ExtKeyUsageSyntax",
        "only the first 2 of 3 texts are kept",
        "hive",
        f"{TEMPLATES}\\User",
        place=f"{SOFTWARE}\\{TEMPLATES}\\User",
    ),
    "large policy": Cut(
        cut_disks.large_policy,
        "policies.MAX_VALUE_SIZE",
        4,
        f"{SOFTWARE}\\{ENROLLMENT}!AEPolicy",
        "10 bytes; at most 4 are expected of a setting",
        "hive",
        ENROLLMENT,
        kind="too_large",
        place=f"{SOFTWARE}\\{ENROLLMENT}",
    ),
    "listeners": Cut(cut_disks.listeners, "rdp.MAX_LISTENERS", 2, f"{SYSTEM}\\{STATIONS}", FIRST_TWO, "hive", STATIONS),
    "packages": Cut(
        cut_disks.packages,
        "packages.MAX_ROWS",
        2,
        f"{SOFTWARE}\\{PACKAGES}",
        "only the first 2 update packages are kept",
        "hive",
        PACKAGES,
    ),
    "directories of an authority": Cut(
        cut_disks.directories,
        "authority.MAX_DIRECTORIES",
        2,
        f"{SYSTEM}\\{CA}\\Issuing!EndorsementKeyListDirectories",
        "only the first 2 folders are looked at",
        "hive",
        f"{CA}\\Issuing",
        place=f"{SYSTEM}\\{CA}\\Issuing",
    ),
    "entries of a list": Cut(
        cut_disks.ek_entries,
        "ek_lists.MAX_ENTRIES",
        2,
        "EKList",
        "3 entries; at most 2 of all lists are read",
        "folder",
        "list of endorsement keys C:\\EKList",
    ),
    "values of a TPM": Cut(
        cut_disks.tpm_values,
        "tpm.MAX_NAMES",
        2,
        f"{SYSTEM}\\{WMI}\\TaskStates",
        "only the first 2 values were read",
        "hive",
        f"{WMI}\\TaskStates",
    ),
    "large endorsement key": Cut(
        cut_disks.large_endorsement_key,
        "tpm.MAX_KEY_SIZE",
        4,
        f"{SYSTEM}\\{WMI}\\Endorsement!EKPub",
        "5 bytes; a public key of a TPM has at most 4",
        "hive",
        f"{WMI}\\Endorsement",
        kind="too_large",
        place=f"{SYSTEM}\\{WMI}\\Endorsement",
    ),
    "key files": Cut(
        cut_disks.key_files,
        "key_files.MAX_FILES",
        2,
        MACHINE_KEYS,
        "2 of its 3 key files are read, those that certificates name first",
        "folder",
        "RSA/MachineKeys (capi, machine)",
    ),
    "master keys": Cut(
        cut_disks.master_keys,
        "master_keys.MAX_FILES",
        2,
        PROTECT,
        "only 2 of 3 master keys were read",
        "folder",
        "Protect\\S-1-5-18",
    ),
    "log of Sysprep": Cut(
        cut_disks.setup_log,
        "setup_events.MAX_ROWS",
        2,
        setup_logs.SYSPREP_LOG,
        "more than 2 lines of this log are about Sysprep; the rest was left out",
        "log",
        "setupact.log",
    ),
    "event log": Cut(
        cut_disks.system_log,
        "events.MAX_ROWS",
        2,
        SYSTEM_LOG,
        "more than 2 records of this event log bear on keys; of the most frequent providers and IDs the oldest were "
        "left out",
        "log",
        "System.evtx",
    ),
    "EFI system partitions": Cut(
        cut_disks.partitions,
        "secure_boot.MAX_PARTITIONS",
        2,
        "memory",
        "only the first 2 of 3 EFI system partitions were looked into",
        "folder",
        "EFI system partitions",
    ),
    "files with traces": Cut(
        cut_disks.guardian_files,
        "hyperv.traces._MAX_FILES",
        2,
        HYPER_V,
        "only the first 2 of 3 files are searched for guardians",
        "file",
        "traces of guardians",
    ),
    "large hive with traces": Cut(
        cut_disks.guardian_hive,
        "hyperv.traces._MAX_HIVE",
        4096,
        SOFTWARE,
        "8192 bytes; at most 4096 are searched",
        "file",
        "traces of guardians",
        kind="too_large",
    ),
    "deep keys with traces": Cut(
        cut_disks.guardian_keys,
        "hyperv.traces._MAX_DEPTH",
        0,
        f"{SOFTWARE}\\Microsoft\\HgsClient\\a",
        "keys more than 0 deep are not listed",
        "hive",
        "Microsoft\\HgsClient\\a",
        kind="too_deep",
    ),
    "values of HgsClient": Cut(
        cut_disks.hgs_values,
        "hyperv.settings._MAX_VALUES",
        2,
        f"{SOFTWARE}\\Microsoft\\HgsClient",
        "only the first 2 values were read",
        "hive",
        "Microsoft\\HgsClient",
    ),
}
CUTS = {"too_many", "too_large", "too_deep", "too_much_work"}


@pytest.mark.parametrize("case", CASES)
def test_what_was_cut_is_a_problem_and_seen_in_part(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = CASES[case]
    monkeypatch.setattr(f"forensics.collectors.{cut.bound}", cut.value)
    examined = cut.examine()
    told = [(p.source_path, p.kind, p.message) for p in examined.problems if p.kind in CUTS]
    assert told == [(cut.path, cut.kind, cut.message)]
    place = cut.place or cut.path
    covered = [(c.name, c.outcome) for c in examined.coverage if (c.area, c.source_path) == (cut.area, place)]
    assert covered == [(cut.name, "partial")]


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_said_where_all_was_read(case: str) -> None:
    examined = CASES[case].examine()
    assert [p.message for p in examined.problems if p.kind in CUTS] == []
    assert [c.name for c in examined.coverage if c.outcome == "partial"] == []


def test_a_boot_file_may_lie_on_a_partition_that_was_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect_secure_boot(cut_disks.partitions()).boot_manager == "absent"
    monkeypatch.setattr("forensics.collectors.secure_boot.MAX_PARTITIONS", 2)
    assert collect_secure_boot(cut_disks.partitions()).boot_manager == "not_examined"


def test_a_provider_beyond_the_bound_is_not_called_unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect_providers(cut_disks.providers()).capi == frozenset("abc")
    monkeypatch.setattr(RegistryView.subkeys, "__defaults__", (2, ""))
    assert collect_providers(cut_disks.providers()).capi is None


def test_what_is_asked_of_a_key_that_was_cut_or_of_one_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.templates.MAX_TEMPLATES", 2)
    saw = cut_disks.templates().coverage.saw
    assert saw(Place.of_key("SOFTWARE", TEMPLATES)).state == "partial"
    assert saw(Place.of_key("SOFTWARE", f"{TEMPLATES}\\Z")).state == "partial"
    assert saw(Place.of_key("SOFTWARE", "Microsoft\\Cryptography")).state == "present"
    assert saw(Place.of_hive("SOFTWARE")).state == "present"


def test_fields_of_an_event_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.formats.event_fields.MAX_FIELDS", 2)
    fields = event_fields({"EventData": {"a": 1, "b": 2, "c": 3}})
    assert (fields.data, fields.is_cut) == ('{"a": "1", "b": "2"}', True)
    assert event_fields({"EventData": {"a": 1, "b": 2}}).is_cut is False
