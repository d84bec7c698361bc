"""What produces an error on the test images, and what is ruled out there: the truth stands beside each image."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import forensics
from forensics.report.symptoms.answer import CauseAnswer, MachineAnswer, SymptomAnswer
from forensics.report.symptoms.recognise import SYMPTOMS
from forensics.tables.event import EventRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from tests.examined import examined
from tests.hand_made import DEAD, case, chain, dead_chain, machine

FOUND, RULED_OUT, OPEN = "found", "ruled_out", "open"


def told(name: str, symptom: str) -> MachineAnswer:
    (answer,) = forensics.explain_symptom(examined(name), symptom).machines
    return answer


def cause(name: str, symptom: str, wanted: str) -> CauseAnswer:
    (found,) = (c for c in told(name, symptom).causes if c.cause.name == wanted)
    return found


def states(name: str, symptom: str) -> dict[str, str]:
    return {c.cause.name: c.examined.state for c in told(name, symptom).causes}


def names(answer: CauseAnswer) -> list[str]:
    return sorted(one.label.removeprefix("CN=").removesuffix(".contoso.test") for one in answer.examined.affected)


def rules(answer: CauseAnswer) -> list[str]:
    return [finding.rule for finding in answer.findings]


def test_bad_keyset_on_the_sample() -> None:
    assert states("sample", "0x80090016") == {
        "key-file-gone": FOUND,
        "other-machine-guid": FOUND,
        "access-list": FOUND,
        "another-key-set": RULED_OUT,
        "tpm": OPEN,
        "user-master-key": RULED_OUT,
        "protected-storage": RULED_OUT,
        "wrong-link": RULED_OUT,
        "configuration-key": RULED_OUT,
        "key-file-damaged": OPEN,
        "unnamed-container": OPEN,
    }
    gone = cause("sample", "0x80090016", "key-file-gone")
    assert (names(gone), rules(gone), gone.known.certainty) == (["ldap"], ["key-file-missing"], "documented")
    earlier = cause("sample", "0x80090016", "other-machine-guid")
    assert (names(earlier), rules(earlier)) == (["api", "web"], ["key-file-of-another-machine-guid"])
    shut_out = cause("sample", "0x80090016", "access-list")
    assert (names(shut_out), rules(shut_out)) == (["shop"], ["key-access-denied"])
    tpm = "a disk cannot prove that the TPM still is the one that made the key of CN=device.contoso.test"
    assert cause("sample", "0x80090016", "tpm").examined.because == tpm


def test_a_key_whose_chain_breaks_earlier_shows_the_error_later() -> None:
    locked = cause("sample", "NTE_BAD_KEY_STATE", "master-key-locked")
    assert [(one.label, one.behind) for one in locked.examined.affected] == [
        ("CN=web.contoso.test", "key_file"),
        ("CN=api.contoso.test", "key_file"),
    ]
    assert rules(locked) == ["master-key-opens-only-with-previous-secret"]
    assert states("sample", "NTE_BAD_KEY_STATE") == {
        "master-key": RULED_OUT,
        "master-key-locked": FOUND,
        "user-master-key": RULED_OUT,
        "not-exportable": OPEN,
    }


@pytest.mark.parametrize(
    ("symptom", "wanted", "expected", "rule"),
    [
        ("0x80090016", "key-file-gone", ["absent-capi", "absent-cng"], "key-file-missing"),
        (
            "0x80090016",
            "other-machine-guid",
            ["old-guid-capi", "old-guid-cng", "old-guid-lost"],
            "key-file-of-another-machine-guid",
        ),
        ("0x80090006", "another-key", ["recreated-capi", "recreated-cng", "recreated-lost"], "key-recreated"),
        (
            "0x80090005",
            "key-file-damaged",
            [
                *("bad-middle-capi", "bad-middle-cng", "bad-sign-capi", "bad-sign-cng", "bad-tail-capi", "lying"),
                *("truncated", "truncated-cng", "wrong-public-half", "zero", "zeroed"),
            ],
            "key-blob-damaged",
        ),
        ("0x8009000B", "master-key", ["old-guid-lost"], "master-key-missing"),
    ],
)
def test_broken_files(symptom: str, wanted: str, expected: list[str], rule: str) -> None:
    answer = cause("broken-files", symptom, wanted)
    assert (answer.examined.state, names(answer), rules(answer)) == (FOUND, expected, [rule])


def test_what_is_ruled_out_on_broken_files() -> None:
    assert states("broken-files", "0x80090016") == {
        "key-file-gone": FOUND,
        "other-machine-guid": FOUND,
        "access-list": RULED_OUT,
        "another-key-set": RULED_OUT,
        "tpm": RULED_OUT,
        "user-master-key": RULED_OUT,
        "protected-storage": RULED_OUT,
        "wrong-link": RULED_OUT,
        "configuration-key": RULED_OUT,
        "key-file-damaged": FOUND,
        "unnamed-container": OPEN,
    }
    access = cause("broken-files", "0x80090016", "access-list").examined
    assert access.because == "every account that is known to use a key may read its file"
    assert told("broken-files", "0x80090016").keys == 21


def test_broken_access() -> None:
    answer = cause("broken-access", "0x80090016", "access-list")
    shut_out = ["WEB01", "attributes", "deny-admins", "deny-system", "empty-dacl", "inherit-only", "owner-only"]
    assert names(answer) == shut_out
    assert sorted(set(rules(answer))) == ["key-access-denied", "rdp-key-not-readable-by-network-service"]
    others = states("broken-access", "0x80090016")
    assert [name for name, state in others.items() if state != RULED_OUT] == ["access-list", "unnamed-container"]
    gone = cause("broken-access", "0x80090016", "key-file-gone").examined
    assert gone.because == "the file of every key was looked for, and none is missing"


def test_key_isolation_disabled() -> None:
    answer = cause("keyiso-disabled", "1753", "key-isolation")
    assert names(answer) == ["cng", "cng-system"]
    assert rules(answer) == ["keyiso-disabled-keys-unusable", "keyiso-disabled-blocks-rdp-certificate"]
    keyset = states("keyiso-disabled", "0x80090016")
    assert [name for name, state in keyset.items() if state != RULED_OUT] == ["unnamed-container"]


def test_a_replaced_tpm() -> None:
    answer = cause("tpm-replaced", "80090016", "tpm")
    assert (names(answer), set(rules(answer))) == (["app", "odd"], {"tpm-changed-since-key"})
    assert {finding.confidence for finding in answer.findings} == {"likely"}
    assert cause("tpm-replaced", "80090016", "key-file-gone").examined.state == RULED_OUT
    assert names(cause("tpm-replaced", "80090016", "key-file-damaged")) == ["torn"]


def test_a_healthy_disk_produces_nothing_and_leaves_open_what_it_cannot_tell() -> None:
    answer = forensics.explain_symptom(examined("healthy"), "0x80090016")
    assert (answer.is_known, answer.has_findings) == (True, False)
    open_ones = [name for name, state in states("healthy", "0x80090016").items() if state == OPEN]
    assert open_ones == ["user-master-key", "key-file-damaged", "unnamed-container"]
    # The users' passwords were not given.
    because = cause("healthy", "0x80090016", "user-master-key").examined.because
    assert because.startswith(
        "not known of CN=alice, CN=alice signs, CN=bob: The key file and its DPAPI master key are"
    )
    schannel = states("healthy", "0x8009030D")
    assert [name for name, state in schannel.items() if state == OPEN] == ["key-file-damaged"]
    isolation = cause("healthy", "0x8009030D", "key-isolation").examined
    assert isolation.because == "its start type is manual, so Windows starts it when a key is asked for"


def test_hyperv() -> None:
    guardian = cause("hyperv-source", "0x80070057", "guardian")
    assert (names(guardian), rules(guardian)) == (["GONE01"], ["vm-needs-missing-guardian"])
    state = cause("hyperv-source", "0xC000A002", "guest-state")
    assert (state.examined.state, state.known.certainty) == (OPEN, "likely")
    assert state.examined.because == "whether the two belong together is encrypted; their dates alone do not tell"
    lost = cause("hyperv-target", "0x80070057", "guardian")
    assert names(lost) == ["DELETED01", "LOCKED01", "MY01", "NOKEY01"]
    assert lost.examined.because == "whether they start is not known of TPM01"


def test_events_where_the_disk_recorded_them() -> None:
    found = told("rdp-2012-r2", "event 1057")
    times = ["2026-10-29T08:30:00", "2026-10-29T09:30:00", "2026-10-29T17:30:00"]
    assert [(row.event_id, row.error_code) for row in found.events] == [(1057, "0x800706d9")] * 3
    assert [row.time.isoformat()[:19] for row in found.events if row.time] == times
    by_code = told("rdp-2012-r2", "0x8009030D")
    assert [(row.provider, row.event_id) for row in by_code.events] == [("Schannel", 36870)] * 3
    assert rules(cause("rdp-2012-r2", "36870", "key-isolation")) == ["keyiso-disabled-blocks-rdp-certificate"]
    others = states("rdp-2012-r2", "36870")
    assert {state for name, state in others.items() if name != "key-isolation"} == {RULED_OUT}


@pytest.mark.parametrize(
    ("image", "symptom", "wanted", "rule"),
    [
        ("web-server", "0x80092004", "certificate-gone", "binding-names-missing-certificate"),
        ("server-roles", "0x80092004", "certificate-gone", "ca-certificate-missing"),
        ("server-roles", "0x80090005", "configuration-key", "iis-configuration-key-dead"),
        ("odd-server", "0x80090019", "provider", "provider-not-registered"),
        ("broken-claim", "0x8009001B", "provider", "provider-not-registered"),
        ("broken-claim", "0x80090014", "smart-card", "smart-card-csp-to-ksp"),
        ("rdp-2012-r2", "1058", "rdp-certificate-ended", "rdp-certificate-expired"),
        ("rdp-2019", "0x800706D9", "key-isolation", "keyiso-disabled-rdp-will-break"),
        ("sid-changed", "0x8009000B", "user-master-key", "user-master-keys-under-old-sid"),
        ("clone-two", "6167", "machine-identity", "duplicate-machine-sid-enforced"),
    ],
)
def test_one_cause_and_its_finding(image: str, symptom: str, wanted: str, rule: str) -> None:
    answer = cause(image, symptom, wanted)
    assert (answer.examined.state, rules(answer)) == (FOUND, [rule])


def test_folders_that_refuse() -> None:
    answer = cause("odd-server", "0x80070005", "folder-access-list")
    folders = ["C:\\ProgramData\\Microsoft\\Crypto\\Keys", "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"]
    assert names(answer) == folders
    assert rules(answer) == ["machinekeys-folder-acl"] * 2


def test_a_missing_link_and_a_wrong_one() -> None:
    missing = cause("broken-claim", "0x8009200B", "no-link")
    assert names(missing) == ["no-link-capi", "no-link-cng", "no-link-no-key"]
    astray = cause("broken-claim", "0x80090016", "wrong-link")
    assert names(astray) == ["bad-link", "bad-offset", "empty-slot", "unique-then"]
    elsewhere = cause("broken-claim", "0x80090016", "another-key-set")
    assert (names(elsewhere), rules(elsewhere)) == (["personal"], ["key-in-user-profile"])
    # A provider that cannot be looked into leaves open whether a file of it is gone.
    gone = cause("broken-claim", "0x80090016", "key-file-gone").examined
    hsm = "not known of CN=hsm.contoso.test: The key is kept by a provider that this tool cannot look into"
    assert (gone.state, gone.because) == (OPEN, hsm)


def test_a_lost_secret_leaves_open_whether_master_keys_open() -> None:
    assert states("no-security", "0x8009000B") == {
        "master-key": RULED_OUT,
        "master-key-locked": OPEN,
        "user-master-key": RULED_OUT,
        "not-exportable": OPEN,
    }


def test_broken_secrets() -> None:
    gone = cause("broken-secrets", "0x8009000B", "master-key")
    assert names(gone) == ["both-sections", "cng-gone", "cut", "empty", "gone", "other-guid"]
    locked = cause("broken-secrets", "0x8009000B", "master-key-locked")
    assert names(locked) == [
        *("cng-no-secret", "cng-old-secret", "no-secret", "old-secret", "old-secret-3des", "system-old-secret"),
    ]


def _cause(whole: forensics.Case, symptom: str, wanted: str) -> tuple[str, str]:
    (answer,) = forensics.explain_symptom(whole, symptom).machines
    (found,) = (c for c in answer.causes if c.cause.name == wanted)
    return found.examined.state, found.examined.because


def _seen(*rows: Row) -> forensics.Case:
    hives = [_coverage("hive", name, "present") for name in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM")]
    return forensics.Case([machine(), chain(), *hives, *rows])


def _coverage(area: Any, name: str, outcome: Any, detail: str | None = None) -> CoverageRow:
    place = f"Windows/System32/config/{name}"
    return CoverageRow(machine_id=1, source_path=place, area=area, name=name, outcome=outcome, detail=detail)


def test_nothing_is_ruled_out_where_a_place_was_not_seen_whole() -> None:
    assert _cause(_seen(), "0x80090016", "key-file-gone")[0] == RULED_OUT
    for name in ("NTUSER.DAT of S-1-5-20", "My certificates of S-1-5-18"):
        whole = _seen(_coverage("hive", name, "not_examined", "not in this source"))
        unseen = (OPEN, "not every certificate store was seen whole")
        assert _cause(whole, "0x80090016", "key-file-gone") == unseen
        (answer,) = forensics.explain_symptom(whole, "0x80090016").machines
        assert answer.unseen == (f"{name}: not in this source",)
    torn = _seen(_coverage("certificate", "F" * 40, "unreadable", "no certificate"))
    assert _cause(torn, "0x80090016", "other-machine-guid")[0] == OPEN


def test_an_access_list_is_ruled_out_only_where_every_use_was_seen() -> None:
    whole = _seen(_coverage("file", "applicationHost.config", "not_examined", "not in this source"))
    unseen = "not every place was seen whole in which a key is named for a service"
    assert _cause(whole, "0x80090016", "access-list") == (OPEN, unseen)
    assert _cause(whole, "0x80090016", "key-file-gone")[0] == RULED_OUT


def test_a_chain_that_is_not_decided_is_never_found() -> None:
    hives = [_coverage("hive", name, "present") for name in ("SYSTEM", "SOFTWARE")]
    undecided = dead_chain(key_file="absent", verdict="unknown", reason="SOFTWARE is torn")
    whole = forensics.Case([machine(), undecided, *hives])
    assert _cause(whole, "0x80090016", "key-file-gone") == (OPEN, "not known of CN=dead.contoso.test: SOFTWARE is torn")


def test_a_program_may_ask_for_a_key_file_that_no_certificate_names() -> None:
    alone: dict[str, Any] = {
        "thumbprint": None,
        "subject": None,
        "container": "iisWasKey",
        "public_key": "not_examined",
    }
    earlier = dead_chain(**alone)
    assert _cause(_seen(earlier), "0x80090016", "other-machine-guid") == (
        OPEN,
        "it holds for key files that no certificate names, for which a program may ask: iisWasKey",
    )
    assert _cause(_seen(earlier), "0x80090016", "key-file-gone")[0] == RULED_OUT
    locked = chain(**alone, unlocked_by="not_tried", private_key="not_examined", verdict="unknown")
    assert _cause(_seen(locked), "0x8009000B", "master-key-locked") == (
        OPEN,
        "not known of key files that no certificate names, for which a program may ask: iisWasKey",
    )
    assert _cause(_seen(chain(**alone)), "0x8009000B", "master-key-locked")[0] == RULED_OUT


def test_a_key_of_a_tpm_needs_no_certificate() -> None:
    assert _cause(_seen(), "0x80090016", "tpm") == (RULED_OUT, "no key on this disk is one of a TPM")
    alone = chain(thumbprint=None, container="Hello", provider_kind="tpm", private_key="sealed_tpm", verdict="unknown")
    assert _cause(_seen(alone), "0x80090016", "tpm") == (
        OPEN,
        "a disk cannot prove that the TPM still is the one that made the key of Hello",
    )
    unseen = _coverage("folder", "Crypto/PCPKSP (tpm, user)", "not_examined", "not in this source")
    assert _cause(_seen(unseen), "0x80090016", "tpm") == (OPEN, "not seen whole: Crypto/PCPKSP (tpm, user)")


def test_a_service_that_was_not_seen_is_not_absent() -> None:
    lost = forensics.Case([machine(), chain()])
    reason = "the hive SYSTEM was not seen whole: not in this source"
    assert _cause(lost, "1753", "key-isolation") == (OPEN, reason)
    assert _cause(lost, "0x80090016", "protected-storage") == (OPEN, reason)


def test_broken_keys_without_a_finding_are_told_too() -> None:
    whole = case()
    whole.finding_list = []
    answer = forensics.explain_symptom(whole, "0x80090016")
    (earlier,) = (c for c in answer.machines[0].causes if c.cause.name == "other-machine-guid")
    assert [one.id for one in earlier.examined.affected] == [DEAD]
    assert f"      - CN=dead.contoso.test, {DEAD}\n" in answer.render()


def test_an_unknown_code_lists_its_records() -> None:
    row = EventRow(
        machine_id=1,
        source_path="System.evtx",
        channel="System",
        provider="Schannel",
        event_id=36874,
        error_code="0x80091234",
    )
    whole = forensics.Case([machine(), row, replace(row, error_code="not a number"), replace(row, error_code=None)])
    answer = forensics.explain_symptom(whole, "0x80091234")
    assert (answer.is_known, answer.has_findings, answer.machines[0].causes) == (False, False, ())
    assert answer.render() == (
        "0x80091234: not known here, so no cause can be found or ruled out.\n"
        "\n"
        "Where this disk recorded it\n"
        "  (no time) Schannel 36874, 0x80091234\n"
    )
    with pytest.raises(forensics.UnknownSubjectError, match="'web' is no error code, event or message that is known"):
        forensics.explain_symptom(whole, "web")


def test_digits_that_begin_a_thumbprint_are_the_certificate() -> None:
    whole = forensics.Case([machine(), chain(thumbprint="80090016" + "A" * 32)])
    with pytest.raises(forensics.UnknownSubjectError):
        forensics.explain_symptom(whole, "80090016")
    assert forensics.explain_symptom(whole, "0x80090016").is_known
    assert forensics.explain_symptom(case(), "80090016").is_known


@pytest.mark.parametrize(
    "image", ["sample", "mixed", "bound", "laptop", "hyperv-target", "server-roles", "two-windows"]
)
def test_every_symptom_is_answered_with_a_reason(image: str) -> None:
    for symptom in SYMPTOMS:
        asked = f"event {symptom.event_id}" if symptom.event_id else symptom.name
        answer = forensics.explain_symptom(examined(image), asked)
        assert answer.asked.symptom is symptom
        assert [m.machine.machine_id for m in answer.machines] == [
            row.machine_id for row in examined(image).rows("machine")
        ]
        for known in (known for m in answer.machines for known in m.causes):
            found = known.examined.state == FOUND
            assert found == bool(known.examined.affected)
            assert found or known.examined.because
            assert found or not known.findings
        assert answer.render(width=80).startswith(answer.asked.called)
        assert json.loads(answer.render("json"))["asked"]["name"] == symptom.name


def test_text() -> None:
    text = forensics.explain_symptom(examined("sample"), "0x80090016").render(width=100)
    assert max(map(len, (line for line in text.splitlines() if "https://" not in line))) <= 100
    head = text.split("\n\n")
    assert head[0] == (
        "0x80090016 NTE_BAD_KEYSET: Keyset does not exist.\n"
        "  https://learn.microsoft.com/en-us/windows/win32/com/com-error-codes-4"
    )
    assert head[1].endswith("This disk holds no event log: whether it happened here is not known.")
    assert head[2].splitlines()[:6] == [
        "What on this disk produces it",
        "  Examined: 9 keys of certificates.",
        "  A key file is gone (documented to show so)",
        "    https://learn.microsoft.com/en-us/troubleshoot/windows-server/certificates-and-public-key-infrastructure-pki"
        "/cryptacquirecontext-troubleshooting",
        "    HIGH: The key file of a certificate is gone [key-file-missing]",
        "      - CN=ldap.contoso.test, D925A587CB4BCD708B0A54B6A8971738B919494E",
    ]
    assert "because of: Sysprep generalized this Windows" in head[2]
    assert [block.split("\n")[0] for block in head[3:]] == [
        "Ruled out as the disk stands, and by what",
        "Not ruled out, and why",
    ]


def test_hostile_names_do_not_reach_the_terminal() -> None:
    whole = forensics.Case([machine(), dead_chain(subject="\x1b[2Jx\u202e")])
    text = forensics.explain_symptom(whole, "0x80090016").render()
    assert "[2Jx, " in text
    assert not set("\x1b\u202e") & set(text)


def test_json() -> None:
    answer = forensics.explain_symptom(examined("sample"), "-2146893802")
    document = json.loads(forensics.render(answer, "json"))
    assert document["asked"] == {
        "name": "NTE_BAD_KEYSET",
        "code": "0x80090016",
        "event_id": None,
        "meaning": "Keyset does not exist",
        "source": "https://learn.microsoft.com/en-us/windows/win32/com/com-error-codes-4",
    }
    (found,) = document["machines"]
    assert (found["machine_id"], found["computer_name"], found["events"], found["keys"], found["unseen"]) == (
        *(1, "WEB01", [], 9, []),
    )
    assert found["causes"][0] == {
        "name": "key-file-gone",
        "title": "A key file is gone",
        "certainty": "documented",
        "source": "https://learn.microsoft.com/en-us/troubleshoot/windows-server/"
        "certificates-and-public-key-infrastructure-pki/cryptacquirecontext-troubleshooting",
        "state": "found",
        "because": "",
        "affected": [
            {"id": "D925A587CB4BCD708B0A54B6A8971738B919494E", "label": "CN=ldap.contoso.test", "behind": None}
        ],
        "findings": ["key-file-missing:1"],
    }
    named = {name for row in found["causes"] for name in row["findings"]}
    assert {finding["id"] for finding in document["findings"]} == named
    events = json.loads(forensics.explain_symptom(examined("rdp-2012-r2"), "1057").render("json"))
    assert events["machines"][0]["events"][0] == {
        "time": "2026-10-29T08:30:00Z",
        "provider": "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
        "event_id": 1057,
        "record_id": events["machines"][0]["events"][0]["record_id"],
        "error_code": "0x800706d9",
        "process": None,
        "key_name": None,
        "message": "There are no more endpoints available from the endpoint mapper.",
        "source_path": events["machines"][0]["events"][0]["source_path"],
    }


def test_machines_are_told_apart() -> None:
    answer = forensics.explain_symptom(examined("two-windows"), "0x80090016")
    assert isinstance(answer, SymptomAnswer)
    assert len(answer.machines) == 2
    assert answer.render().count("\nOn ") == 2
    nobody = forensics.explain_symptom(forensics.Case([]), "0x80090016")
    assert nobody.render().endswith(
        "No installation of Windows was examined, so nothing is found and nothing ruled out.\n"
    )
