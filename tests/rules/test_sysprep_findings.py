"""The pack ``sysprep`` over every forged disk and a real one: exactly these findings, stated by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.engine.answers import answers_about
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import built_in_packs, load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import run
from forensics.tables.finding_json import FindingJson, as_json
from forensics.tables.registry import CONTRACT_TABLES
from tests.engine.rule_files import tables
from tests.examined import examined
from tests.paths import IMAGES

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
CHAIN = ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)

Told = tuple[str, str, set[str]]
Stated = dict[str, Told | list[Told]]
"""Severity, confidence and names of the subjects by rule; several where what is in use is told apart."""


def _hosts(*names: str) -> set[str]:
    return {f"CN={name}.contoso.test" for name in names}


EXPECTED: dict[str, Stated] = {
    "hyperv-target": {
        # One master key that nothing opens, of a guardian's key.
        "secrets-restored-from-another-time": ("critical", "possible", {"4ff7d7b1-e704-412d-85dc-f2e7ccd742c7"}),
    },
    "sysprepped": {
        "generalized-image": ("info", "proved", {"WEB01"}),
        "generalize-orphaned-keys": ("critical", "likely", _hosts("web", "api", "ldap", "mail", "kept-name")),
    },
    "copies-sysprep": {
        "generalized-image": ("info", "likely", {"WEB01"}),
        "generalize-orphaned-keys": ("critical", "likely", _hosts("web", "late", "api", "mail")),
    },
    "sample": {
        "generalized-image": ("info", "proved", {"WEB01"}),
        "generalize-orphaned-keys": ("critical", "likely", _hosts("web", "api", "ldap", "mail")),
    },
    "golden-image": {
        "golden-image-carries-keys": [
            ("high", "likely", _hosts("web")),
            ("medium", "likely", _hosts("agent", "device")),
        ],
        "golden-image-key-not-exportable": ("medium", "proved", _hosts("agent", "device")),
    },
    "failed-generalize": {
        "golden-image-carries-keys": ("medium", "likely", _hosts("farm", "agent")),
        "golden-image-key-not-exportable": ("medium", "proved", _hosts("agent")),
    },
    "generalized-not-booted": {
        "generalized-image": ("info", "proved", {"GOLD"}),
        "image-not-yet-specialized": ("high", "proved", {"GOLD"}),
        "generalize-orphaned-keys": ("critical", "likely", _hosts("gone")),
    },
    "specialize-skips-crypto": {
        "generalized-image": ("info", "proved", {"AVD-7"}),
        "specialize-skips-crypto": ("high", "likely", {"AVD-7"}),
    },
    "upgraded": {
        "upgrade-is-not-sysprep": ("info", "likely", {"PC-21"}),
    },
    "sid-changed": {
        "machine-sid-changed-alone": ("medium", "possible", {"PC-22"}),
        "user-master-keys-under-old-sid": (
            "medium",
            "likely",
            {"S-1-5-21-2912385011-3060105190-1447390286-1001"},
        ),
    },
    "restored-secrets": {
        "secrets-restored-from-another-time": ("critical", "likely", {"3863bce2-aff5-41bf-9c9b-d6c3c9fb3d7e"}),
    },
    "broken-secrets": {
        "secrets-restored-from-another-time": ("critical", "possible", {"2ac6030d-5fe9-483e-8ac1-7988700f2517"}),
    },
    # Forged without Sysprep: only the names of key files are of another MachineGuid.
    "broken-files": {
        "machine-guid-changed-without-sysprep": (
            "critical",
            "possible",
            _hosts("old-guid-capi", "old-guid-cng", "old-guid-lost"),
        ),
    },
    "mixed": {
        "machine-guid-changed-without-sysprep": (
            "critical",
            "likely",
            _hosts("foreign-and-denied", "two-lives", "wrong-life"),
        ),
    },
    "dirty-registry": {"machine-guid-changed-without-sysprep": ("critical", "likely", _hosts("early"))},
    "server-2003": {"machine-guid-changed-without-sysprep": ("critical", "likely", _hosts("old-guid"))},
    "two-windows": {"machine-guid-changed-without-sysprep": ("critical", "likely", _hosts("right-old"))},
    "healthy": {"user-key-recoverable-by-domain": ("info", "proved", {"CN=dave"})},
}
"""What the pack says of each disk; of those that are not named here, nothing."""


@cache
def _packs() -> Packs:
    return load_packs()


@cache
def _of_this_pack() -> frozenset[str]:
    return frozenset(str(r.id) for r in _packs().rules if r.path.parent.name == "sysprep")


@cache
def _tables(name: str) -> dict[str, list[Any]]:
    case = examined(name)
    return {table: case.rows(table) for table in CONTRACT_TABLES}


def _findings(name: str) -> list[FindingJson]:
    result = run(_packs(), _tables(name), AS_OF)
    assert [p.message for p in result.problems] == []
    return list(map(as_json, result.findings))


def _one(findings: list[FindingJson], rule: str) -> FindingJson:
    (finding,) = [f for f in findings if f["rule"] == rule]
    return finding


def test_the_pack_has_its_rules() -> None:
    assert _of_this_pack() == {
        "temporary-profile",
        "generalize-orphaned-keys",
        "generalized-image",
        "golden-image-carries-keys",
        "golden-image-key-not-exportable",
        "image-not-yet-specialized",
        "machine-guid-changed-without-sysprep",
        "machine-sid-changed-alone",
        "regback-of-earlier-identity",
        "secrets-restored-from-another-time",
        "specialize-skips-crypto",
        "upgrade-is-not-sysprep",
        "user-key-recoverable-by-domain",
        "user-master-keys-under-old-sid",
    }
    assert all((built_in_packs() / "sysprep" / f"{rule}.yaml").is_file() for rule in _of_this_pack())
    assert EXPECTED.keys() <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_exactly_these_findings(name: str) -> None:
    found = [f for f in _findings(name) if f["rule"] in _of_this_pack()]
    told: dict[str, list[tuple[str, str, set[str]]]] = {}
    for f in found:
        told.setdefault(f["rule"], []).append((f["severity"], f["confidence"], {s["label"] for s in f["subjects"]}))
    expected = EXPECTED.get(name, {})
    assert told == {rule: stated if isinstance(stated, list) else [stated] for rule, stated in expected.items()}


@pytest.mark.parametrize("name", ["sysprepped", "sample"])
def test_dead_keys_hang_under_the_generalize(name: str) -> None:
    findings = _findings(name)
    cause = _one(findings, "generalize-orphaned-keys")
    by_id = {f["id"]: f for f in findings}
    hung = {i: {s["label"] for s in by_id[i]["subjects"]} & _certificates(cause) for i in cause["consequences"]}
    expected = {
        "key-file-of-another-machine-guid:1": _hosts("web", "api"),
        "key-file-missing:1": _hosts("ldap"),
        "key-recreated:1": _hosts("mail"),
    }
    if name == "sysprepped":
        expected["master-key-opens-only-with-previous-secret:1"] = _hosts("kept-name")
    for finding, subjects in expected.items():
        assert subjects <= hung[finding]
    assert set().union(*hung.values()) == _certificates(cause)


def _certificates(finding: FindingJson) -> set[str]:
    return {s["label"] for s in finding["subjects"]}


def test_the_generalize_is_told_with_every_date_and_both_mechanisms() -> None:
    text = _one(_findings("sysprepped"), "generalize-orphaned-keys")["because"]
    for said in (
        "CloneTag (when the image was sealed): Fri Nov 07 05:48:31 2025",
        "generalize: 2025-11-07 05:46:02 by the clock of the machine",
        "Sysprep_succeeded.tag: 2025-11-07 05:48:31 UTC",
        "44d42aa2-dee4-4023-bea5-d2f166bbb42c assigned by capisp.dll at the first boot: 2025-11-07 06:30:02",
        "DPAPI_SYSTEM replaced (CupdTime): 2025-11-07 06:30:02 UTC",
        "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162: 6 files, made 2024-03-04 to 2024-03-04",
        "- CN=web.contoso.test: key file still under 9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162; "
        "the private key is still on this disk",
        "- CN=ldap.contoso.test: key file gone; the private key is not on this disk",
        "- CN=mail.contoso.test: its container was made anew and holds another key",
        "- CN=kept-name.contoso.test: its master key opens only with the DPAPI_SYSTEM of before",
        "The SID does change with it, but it is not what the keys hang on.",
        "A clone that was not generalized keeps both, and its keys work.",
    ):
        assert said in text


def test_a_key_file_lost_on_an_upgraded_windows_is_nobodys_consequence() -> None:
    findings = _findings("upgraded")
    lost = _one(findings, "key-file-missing")
    assert {s["label"] for s in lost["subjects"]} == _hosts("gone")
    assert [f["rule"] for f in findings if lost["id"] in f["consequences"]] == []


def test_one_generalize_is_one_cause_with_what_is_in_use_first() -> None:
    sealed = {"clone_tag": "Fri Nov 07 05:48:31 2025", "sealed_at": "2025-11-07T05:48:31Z"}
    dead = {"store_scope": "machine", "provider_kind": "cng", "key_file": "absent", "verdict": "unusable"}
    dates = {"not_before": "2025-03-04", "not_after": "2027-03-04"}
    standings = {"AA": "superseded", "BB": "unused", "CC": "in_use"}
    rows = tables(
        {
            "coverage": [{"area": "hive", "name": "SYSTEM", "outcome": "present"}],
            "machine": [sealed],
            "key_chain": [
                {"thumbprint": t, "subject": t, "standing": s, **dead, **dates} for t, s in standings.items()
            ],
        }
    )
    rule = load_packs().rule("generalize-orphaned-keys")
    assert rule is not None
    [found] = run(Packs((rule,)), rows, AS_OF).findings
    assert (found.severity, [s.id for s in found.subjects]) == ("critical", ["CC", "BB", "AA"])
    assert [(b.kind, b.text.partition(":")[0]) for b in found.because[1:7]] == [
        ("paragraph", "In use"),
        ("item", "CC"),
        ("paragraph", "Not known to be in use"),
        ("item", "BB"),
        ("paragraph", "Replaced by a working certificate"),
        ("item", "AA"),
    ]


def test_a_template_is_told_what_uses_its_keys_and_how_they_get_out() -> None:
    used, unused = (f for f in _findings("golden-image") if f["rule"] == "golden-image-carries-keys")
    assert "used by http.sys 0.0.0.0:443 (IIS); its key may be exported: PFX out now" in used["because"]
    assert "CN=agent.contoso.test: its key file is named after the present MachineGuid" in unused["because"]
    assert used["remedy"].count("    Export-PfxCertificate ") == 1
    assert (used["consequences"], unused["consequences"]) == ([], ["golden-image-key-not-exportable:1"])


def test_a_generalize_that_failed_blames_no_key_and_names_the_module() -> None:
    findings = _findings("failed-generalize")
    text = _one(findings, "golden-image-carries-keys")["because"]
    assert "Sysprep was run here with /generalize, last on 2026-10-29, and did not finish" in text
    assert "Failure occurred while executing 'SysprepGeneralize' from C:\\Windows\\System32\\AppxSysprep.dll" in text
    lost = _one(findings, "key-file-missing")
    assert [f["rule"] for f in findings if lost["id"] in f["consequences"]] == []


def test_the_clone_tag_of_a_medium_blames_no_certificate_that_was_imported_later() -> None:
    findings = _findings("laptop")
    lost = _one(findings, "key-file-missing")
    assert {s["label"] for s in lost["subjects"]} == _hosts("imported")
    assert [f["rule"] for f in findings if lost["id"] in f["consequences"]] == []


def test_a_changed_sid_explains_users_keys_and_no_machine_key() -> None:
    findings = _findings("sid-changed")
    finding = _one(findings, "machine-sid-changed-alone")
    assert finding["consequences"] == ["user-master-keys-under-old-sid:1"]
    assert "The keys of the machine do not suffer from it" in finding["because"]


@pytest.mark.parametrize(
    ("name", "rule", "consequence"),
    [
        ("restored-secrets", "secrets-restored-from-another-time", "master-key-does-not-open:1"),
        ("two-windows", "machine-guid-changed-without-sysprep", "key-file-of-another-machine-guid:1"),
    ],
)
def test_other_causes_explain_the_broken_link(name: str, rule: str, consequence: str) -> None:
    assert consequence in _one(_findings(name), rule)["consequences"]


def test_nothing_but_information_on_the_healthy_disk() -> None:
    found = [f for f in _findings("healthy") if f["rule"] in _of_this_pack()]
    assert {f["severity"] for f in found} == {"info"}


def test_real_windows_81(realdata: Path) -> None:
    case = forensics.examine(realdata / "student-pc8-win81.zip", as_of=AS_OF)
    tables = {table: case.rows(table) for table in CONTRACT_TABLES}
    # Its CloneTag, Tue Mar 18 03:21:00 2014, is that of Microsoft's medium.
    assert [
        f for f in run(_packs(), tables, AS_OF).findings if f.rule in _of_this_pack() and f.verdict == "match"
    ] == []
    # The collection holds no key file and no log: what a generalize did to the keys cannot be known from it.
    # Its one certificate with a link is the EFS recovery agent of the domain's policy, whose key lies elsewhere.
    assert tables["key_chain"] == []
    with RuleDatabase(tables, AS_OF) as database:
        told = answers_about(database, _packs(), "STUDENT-PC8")
    assert {str(e.rule.id): e.value for e in told if e.rule.id in _of_this_pack()} == {
        "generalized-image": None,
        "machine-sid-changed-alone": None,
        "regback-of-earlier-identity": None,
        "specialize-skips-crypto": None,
        "upgrade-is-not-sysprep": None,
        "image-not-yet-specialized": False,
    }
