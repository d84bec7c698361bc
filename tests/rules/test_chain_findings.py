"""The pack ``chain`` over every forged disk: exactly these findings, stated by hand from the scenarios."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

import pytest

from forensics.engine.loader import built_in_packs, load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import run
from forensics.tables.finding_json import FindingJson, as_json
from forensics.tables.registry import CONTRACT_TABLES
from tests.examined import examined
from tests.paths import IMAGES

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
CHECKPOINTS = ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
MACHINE_KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"

IDS = [
    "key-copy-locked",
    "key-file-missing",
    "key-file-of-another-machine-guid",
    "key-recreated",
    "key-access-denied",
    "key-readable-by-everyone",
    "machinekeys-folder-acl",
    "master-key-elsewhere",
    "master-key-missing",
    "master-key-opens-only-with-previous-secret",
    "master-key-does-not-open",
    "master-key-damaged",
    "key-blob-damaged",
    "key-recoverable",
    "key-file-to-put-back",
    "provider-of-another-type",
    "key-in-tpm",
    "key-on-smart-card",
    "key-in-third-party-provider",
    "key-sealed-by-vbs",
    "key-in-user-profile",
    "certificate-without-key",
    "empty-containers",
    "certificate-without-key-link",
    "key-in-another-account",
    "request-not-accepted",
    "provider-not-registered",
    "keyiso-disabled-keys-unusable",
    "keyiso-not-registered",
    "master-key-in-the-other-folder",
    "master-key-shuts-out-system",
    "orphan-key-file",
    "certificate-in-two-stores",
    "key-folder-overfull",
    "key-folder-cleaned-up",
    "keys-only-in-former-windows",
    "user-key-under-another-password",
]

SHOWN_ELSEWHERE = {
    "keys-only-in-former-windows",
    "key-file-to-put-back",
    "key-copy-locked",
    "empty-containers",
    "request-not-accepted",
    "provider-of-another-type",
    "key-folder-overfull",
    "keyiso-not-registered",
    "master-key-in-the-other-folder",
    "master-key-shuts-out-system",
    "user-key-under-another-password",
}

OLD_IIS = "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
NEW_IIS = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"


def _iis_keys(machine_guid: str) -> str:
    names = ("6de9cb26d2b98c01ec4e9e8b34824aa2", "76944fb33636aeddb9590521c2e8815a")
    return " ".join(f"{MACHINE_KEYS}/{name}_{machine_guid}" for name in names)


# Thumbprints by their first four digits, key files by their paths; a rule may tell several causes.
EXPECTED: dict[str, list[tuple[str, str, str]]] = {
    "before-sysprep": [("info", "orphan-key-file", _iis_keys(OLD_IIS))],
    "bound": [
        ("high", "key-in-tpm", "6F9D"),  # file of another TPM key
        ("high", "key-in-tpm", "DCEF"),  # no .PCPKEY file
        ("info", "key-in-tpm", "094C 21FD 7EC4"),
        ("high", "key-sealed-by-vbs", "5FA0"),  # per-boot
        ("info", "key-sealed-by-vbs", "5900"),
    ],
    "broken-access": [
        ("critical", "key-access-denied", "2557"),  # the listener's: NETWORK SERVICE
        ("high", "key-access-denied", "1231 5267 8800 91FA C9F3 FA75"),
        ("medium", "key-readable-by-everyone", "127F 424A 5670 8747"),
    ],
    "broken-claim": [
        ("high", "certificate-without-key-link", "0845 1EB6 3751 5736 6525 B3FF FC13"),
        ("medium", "certificate-without-key", "BD22"),
        ("high", "key-in-user-profile", "E238"),
        ("high", "provider-not-registered", "1D6A"),
        ("info", "key-in-third-party-provider", "0AA8"),
        ("info", "key-on-smart-card", "FBB3"),
        ("info", "key-on-smart-card", "306C"),
    ],
    "broken-files": [
        ("high", "key-file-missing", "5763 9DD6"),
        ("high", "key-file-of-another-machine-guid", "51C7 5780 83A8"),
        ("high", "master-key-missing", "51C7"),
        ("high", "key-recreated", "51C9 BF4B D5BC"),
        ("high", "key-blob-damaged", "1500 264D 3AC4 7085 7E17 B187 C2AE C653 D3FC DA8A EFDD"),
        ("low", "key-recoverable", "5780 83A8"),  # another name
        ("low", "key-recoverable", "BF4B D5BC"),  # the other file
        ("low", "key-recoverable", "3AC4 7085 EFDD"),  # whole in a damaged blob
    ],
    "broken-secrets": [
        ("high", "master-key-missing", "0B79 58A8"),
        ("high", "master-key-damaged", "3C9E 54AD 9D48 9FF7"),
        ("high", "master-key-opens-only-with-previous-secret", "1072 4DEB 62CE 859E"),
        ("high", "master-key-does-not-open", "5727 66FE"),
        ("low", "key-recoverable", "1072 4DEB 62CE 859E"),
    ],
    "cleaned-up": [
        ("high", "key-folder-cleaned-up", "6086"),
        ("high", "key-file-missing", "6086 9D36 C165"),
        ("high", "master-key-missing", "1A8B"),
        ("medium", "master-key-elsewhere", "1A8B"),
        ("low", "key-recoverable", "1A8B 6086"),
    ],
    "chain": [("high", "key-file-missing", "1940"), ("high", "key-recreated", "12B7")],
    "copies-master-key": [
        ("high", "key-file-missing", "6086 C165"),
        ("high", "master-key-missing", "1A8B"),
        ("medium", "master-key-elsewhere", "1A8B"),
        ("low", "key-recoverable", "1A8B 6086"),
    ],
    "copies-sysprep": [
        ("high", "key-file-missing", "9D36"),
        ("high", "key-file-of-another-machine-guid", "5128 C722"),
        ("high", "key-recreated", "692E"),
        ("high", "master-key-does-not-open", "5128 C722"),
        ("low", "key-recoverable", "5128 692E 9D36 C722"),
    ],
    "dirty-disk": [("high", "key-file-missing", "5128")],
    "dirty-registry": [
        ("high", "key-file-of-another-machine-guid", "1325"),
        ("low", "key-recoverable", "1325"),
    ],
    "failed-generalize": [("high", "key-file-missing", "0B79")],
    "generalized-not-booted": [("high", "key-file-missing", "0B38")],
    "golden-image": [("high", "key-file-missing", "C191"), ("info", "key-in-tpm", "083E")],
    "healthy": [
        (
            "info",
            "orphan-key-file",
            f"{MACHINE_KEYS}/6de9cb26d2b98c01ec4e9e8b34824aa2_77fa0aba-0c87-45ab-8785-ff1695247b0d "
            "ProgramData/Microsoft/Crypto/SystemKeys/"
            "7096db7aeb75c0d3497ecd56d355a695_77fa0aba-0c87-45ab-8785-ff1695247b0d",
        )
    ],
    "hyperv-source": [("medium", "certificate-without-key", "4666 8A0D")],
    "hyperv-target": [
        ("critical", "key-file-missing", "5B07"),
        ("critical", "master-key-does-not-open", "67B1"),
        ("low", "certificate-without-key", "1ABF 6C9E"),
        ("info", "key-in-tpm", "5948"),
    ],
    "keyiso-disabled": [("high", "keyiso-disabled-keys-unusable", "275F CFF8")],
    "laptop": [
        ("high", "key-file-missing", "E3F6"),
        ("low", "key-in-another-account", "71D7"),  # a copy in the user's store; the computer's has its link
        ("info", "key-recreated", "C0AE"),  # the listener's certificate of before
        ("info", "certificate-in-two-stores", "71D7"),
        ("info", "key-in-third-party-provider", "F4D5"),  # Windows Hello
        ("info", "key-in-tpm", "5EEE"),
        ("low", "key-recoverable", "71D7"),  # as administrator: the user's store does not lead there
    ],
    "mixed": [
        ("high", "key-access-denied", "0572 0BD6 495E 8272"),
        ("high", "key-file-of-another-machine-guid", "5A55 8272"),
        ("high", "key-file-of-another-machine-guid", "C68B"),  # of a third identity
        ("high", "master-key-opens-only-with-previous-secret", "495E C402"),
        ("high", "certificate-without-key-link", "E989"),
        ("high", "key-blob-damaged", "6FED"),
        ("high", "key-recreated", "0BD6"),
        ("high", "keyiso-disabled-keys-unusable", "0813"),
        ("medium", "key-readable-by-everyone", "0813 1A3D"),
        ("low", "key-recoverable", "495E C402"),  # OldVal
        ("low", "key-recoverable", "6FED"),  # the file of an earlier life
        ("low", "key-recoverable", "8272"),  # another name, and SYSTEM shut out
        ("low", "key-recoverable", "C68B"),  # another name
        (
            "info",
            "orphan-key-file",
            f"{MACHINE_KEYS}/3ea8fd473b0aa46980722ed75fcd4eb7_aaaaaaaa-0000-4000-8000-00000000000a",
        ),
    ],
    "odd-server": [
        ("critical", "key-access-denied", "29DB"),  # the listener's: NETWORK SERVICE
        ("high", "machinekeys-folder-acl", "ProgramData/Microsoft/Crypto/Keys"),  # SYSTEM may not create
        ("medium", "machinekeys-folder-acl", MACHINE_KEYS),  # Everyone may not create
        ("high", "provider-not-registered", "D4DD"),
        ("info", "key-recreated", "41F7"),  # the listener's certificate of before
    ],
    "restored-secrets": [("high", "master-key-does-not-open", "B81F FD36")],
    "sample": [
        ("high", "key-access-denied", "ABE1"),
        ("high", "key-file-missing", "D925"),
        ("high", "key-file-of-another-machine-guid", "5128 9D36"),
        ("high", "key-recreated", "692E"),
        ("medium", "master-key-opens-only-with-previous-secret", "5128 9D36"),
        ("info", "key-in-tpm", "5DE3"),
        ("low", "key-recoverable", "5128 692E 9D36"),
        ("info", "orphan-key-file", _iis_keys(NEW_IIS)),
        (
            "info",
            "orphan-key-file",
            f"{_iis_keys(OLD_IIS)} {MACHINE_KEYS}/f686aace6942fb7f7ceb231212eef4a4_{OLD_IIS}",
        ),
    ],
    "sectors-4096": [("high", "key-access-denied", "26C8")],
    "server-2003": [
        ("high", "key-file-of-another-machine-guid", "615D"),
        ("high", "master-key-opens-only-with-previous-secret", "9B12"),
        ("low", "key-recoverable", "615D"),
        ("low", "key-recoverable", "9B12"),
    ],
    "sysprepped": [
        ("high", "key-file-missing", "D925"),
        ("high", "key-file-of-another-machine-guid", "5128 9D36"),
        ("high", "key-recreated", "692E"),
        ("high", "master-key-opens-only-with-previous-secret", "5128 8EC6 9D36"),
        ("low", "key-recoverable", "5128 692E 8EC6 9D36"),
        ("info", "orphan-key-file", _iis_keys(NEW_IIS)),
        (
            "info",
            "orphan-key-file",
            f"{_iis_keys(OLD_IIS)} {MACHINE_KEYS}/f686aace6942fb7f7ceb231212eef4a4_{OLD_IIS}",
        ),
    ],
    "tpm-laptop": [
        ("high", "key-in-tpm", "DC0C"),  # another key's file
        ("info", "key-in-tpm", "0536 7A07 AB15 D3D3"),
        ("info", "key-sealed-by-vbs", "86C3"),
        (
            "info",
            "orphan-key-file",
            "ProgramData/Microsoft/Crypto/PCPKSP/WindowsAIK/c793af29ed328de5541068858bacb6140a048829.PCPKEY",
        ),
    ],
    "tpm-replaced": [
        ("high", "key-blob-damaged", "84FC"),  # lies about a length
        ("high", "key-in-tpm", "84FC"),
        ("info", "key-in-tpm", "3AD7 EF47"),
    ],
    "two-windows": [
        ("critical", "key-access-denied", "E915"),
        ("high", "key-file-of-another-machine-guid", "6C8E"),
        ("low", "key-recoverable", "6C8E"),
    ],
    "upgraded": [("high", "key-file-missing", "0B79")],
    "web-server": [("critical", "key-file-missing", "4D79")],  # bound to a host name
}
"""Of disks that are not named here the pack says nothing."""


@cache
def _packs() -> Packs:
    return load_packs()


@cache
def _findings(name: str) -> list[FindingJson]:
    case = examined(name)
    result = run(_packs(), {table: case.rows(table) for table in CONTRACT_TABLES}, AS_OF)
    assert [p.message for p in result.problems] == []
    return [as_json(f) for f in result.findings if f.rule in IDS]


def _subject(identity: str) -> str:
    return identity if "/" in identity else identity[:4]


def _one(findings: list[FindingJson], rule: str) -> FindingJson:
    (finding,) = [f for f in findings if f["rule"] == rule]
    return finding


def test_the_pack_has_its_rules() -> None:
    assert sorted(r.id for r in _packs().rules if r.path.parent.name == "chain") == sorted(IDS)
    assert EXPECTED.keys() <= set(NAMES)


def test_the_pack_has_these_rules() -> None:
    assert sorted(r.id for r in load_packs().rules if r.path.parent == built_in_packs() / "chain") == sorted(IDS)


@pytest.mark.parametrize("name", NAMES)
def test_exactly_these_findings(name: str) -> None:
    found = [(f["severity"], f["rule"], sorted(_subject(s["id"]) for s in f["subjects"])) for f in _findings(name)]
    expected = [(severity, rule, sorted(subjects.split())) for severity, rule, subjects in EXPECTED.get(name, [])]
    assert sorted(found) == sorted(expected)


def test_nothing_but_information_on_the_healthy_disk() -> None:
    assert {f["severity"] for f in _findings("healthy")} == {"info"}


def test_texts_name_what_this_disk_has() -> None:
    for name in NAMES:
        for finding in _findings(name):
            assert "not shown" not in finding["remedy"]
            for subject in finding["subjects"]:
                if subject["label"].startswith("CN=") and len(finding["subjects"]) < 20:
                    assert subject["label"] in finding["because"]


def test_missing_key_is_told_with_its_container_and_use() -> None:
    finding = _one(_findings("web-server"), "key-file-missing")
    assert "used by http.sys" in finding["because"]
    assert "its private key is nowhere on this disk" in finding["because"]
    assert 'certutil -f -importPFX "MY" "FILE.pfx"' in finding["remedy"]


def test_machine_guid_is_named_with_what_each_file_needs() -> None:
    text = _one(_findings("sample"), "key-file-of-another-machine-guid")["because"]
    assert f"under this machine's MachineGuid {NEW_IIS}" in text
    assert f"their names carry {OLD_IIS}" in text
    assert text.count("the key opens with the previous DPAPI_SYSTEM") == 2
    assert "A plain clone keeps MachineGuid, names and secrets" in text


def test_the_listeners_key_is_given_back_to_network_service() -> None:
    rdp, _ = (f for f in _findings("broken-access") if f["rule"] == "key-access-denied")
    assert "NETWORK SERVICE" in rdp["because"]
    # Its list has SYSTEM and the administrators.
    assert rdp["remedy"].count('/grant "*S-1-5-20:R"\n') == rdp["remedy"].count("icacls") == 1
    assert "/remove:d" not in rdp["remedy"]


def test_what_denies_is_taken_out_and_only_what_is_not_there_is_granted() -> None:
    """Of the lists in testdata/builder/scenarios/broken.py: a denial of one of SYSTEM's groups, one of SYSTEM, none."""
    machine = next(f for f in _findings("broken-access") if "6 certificates" in f["because"])
    said = {
        name: re.findall(rf'icacls "[^"]*{file}_[^"]*" (.*)', machine["remedy"])
        for name, file in re.findall(r"- CN=(\S+)\.contoso\.test, \S*\\(\w{32})_", machine["because"])
    }
    assert said == {
        "deny-admins": ["/remove:d *S-1-5-32-544"],
        "inherit-only": ['/grant "*S-1-5-18:F"'],
        "deny-system": ["/remove:d *S-1-5-18"],
        "owner-only": ['/grant "*S-1-5-18:F"'],
        "empty-dacl": ['/grant "*S-1-5-18:F"'],
        "attributes": ['/grant "*S-1-5-18:F"'],
    }
    assert "EMPTY, a list without an entry: it lets nobody at the content, and its owner" in machine["because"]
    assert "shuts everybody out" not in machine["because"]


def test_a_sound_key_under_another_name_is_renamed_and_an_exchanged_one_told_apart() -> None:
    remedies = [f["remedy"] for f in _findings("broken-files") if f["rule"] == "key-recoverable"]
    now, was = "38fdf585-6711-4f52-978d-7cb39dd0dbc6", "c0ffee00-1111-4222-8333-0123456789ab"
    (name,) = [r for r in remedies if "only the name is in the way" in r]
    capi = "a37070b874d78ae0e8e7dfa1ccb9590e"
    folder = f"C:\\{MACHINE_KEYS.replace('/', chr(92))}"
    assert f'    Rename-Item -LiteralPath "{folder}\\{capi}_{was}" -NewName "{capi}_{now}" -Force\n' in name
    (exchange,) = [r for r in remedies if "set the file of today aside" in r]
    capi = "827518c2342794cd8579d78ca869195d"
    assert (
        f'    Rename-Item -LiteralPath "{folder}\\{capi}_{now}" -NewName "{capi}_{now}.today" -Force\n'
        f'    Rename-Item -LiteralPath "{folder}\\{capi}_{was}" -NewName "{capi}_{now}" -Force\n'
    ) in exchange


def test_master_keys_are_named_by_what_is_wrong_with_them() -> None:
    findings = _findings("broken-secrets")
    damaged = _one(findings, "master-key-damaged")["because"]
    for said in ("has no content", "the file has 200", "the master key inside is aa11c251-ac80-4675-9c92-ea8e5f67a207"):
        assert said in damaged
    missing = _one(findings, "master-key-missing")
    assert "8c2eb124-e998-4435-aca4-cc0df387a588" in missing["remedy"]
    assert _one(findings, "master-key-does-not-open")["confidence"] == "proved"


def test_some_disk_shows_every_rule() -> None:
    # tests/collectors/test_key_crowd.py makes the disk of thousands of files, tests/test_shared_cases_of_access.py has
    # those of the others.
    assert {rule for findings in EXPECTED.values() for _, rule, _ in findings} == set(IDS) - SHOWN_ELSEWHERE


def test_a_provider_of_windows_is_registered_again() -> None:
    findings = _findings("odd-server")
    text = _one(findings, "provider-not-registered")
    assert "that Microsoft Strong Cryptographic Provider keeps" in text["because"]
    assert "It belongs to Windows" in text["because"]
    assert "The key itself was found on this disk, and is sound" in text["because"]
    assert "    regsvr32 rsaenh.dll\n" in text["remedy"]
    assert "reg import" not in text["remedy"]


def test_folders_that_refuse_are_told_with_what_fails() -> None:
    system, everyone = (f for f in _findings("odd-server") if f["rule"] == "machinekeys-folder-acl")
    assert "SYSTEM may not create files in it, so new keys and renewals fail" in system["because"]
    assert "accounts that are no administrators may not create files in it" in everyone["because"]
    machine_keys = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"
    assert f'    icacls "{machine_keys}" /grant "*S-1-5-32-544:(F)" "*S-1-1-0:(R,W)"\n' in everyone["remedy"]


def test_windows_hello_is_not_called_a_stranger() -> None:
    text = _one(_findings("laptop"), "key-in-third-party-provider")["because"]
    assert "It is the one of Windows Hello" in text


def test_what_was_not_there_to_examine_is_not_blamed() -> None:
    assert _findings("no-security") == []
