"""Table setup_event: generalize and specialize, and what only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forensics.collectors import setup_events as collector
from forensics.collectors.setup_events import collect_setup_events
from forensics.facts.machine_life import machine_life
from forensics.facts.tables import Tables
from forensics.tables.event import SetupEventRow
from forensics.tables.machine import MachineRow
from testdata.builder import setup_logs
from tests.collectors.virtual import installation, problems

TIME = datetime(2024, 5, 6, 7, 8, 9)
SEALED = datetime(2024, 5, 6, 5, 10, 0, tzinfo=UTC)
GUID = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"


def rows_of(path: str, content: bytes) -> list[SetupEventRow]:
    examined = installation({path: content})
    rows = collect_setup_events(examined)
    assert problems(examined) == []
    return rows


def steps(rows: list[SetupEventRow]) -> list[tuple[str, str, str | None]]:
    return [(row.phase, row.kind, row.module) for row in rows]


def test_generalize_as_sysprep_logs_it() -> None:
    rows = rows_of(setup_logs.SYSPREP_LOG, setup_logs.log(TIME, setup_logs.generalize_lines(TIME)))
    assert steps(rows) == [
        ("cleanup", "sysprep_begun", None),
        ("generalize", "option_generalize", None),
        ("cleanup", "action_file_opened", None),
        ("cleanup", "phase_begun", None),
        ("cleanup", "module_run", "capisp.dll"),
        ("generalize", "action_file_opened", None),
        ("generalize", "phase_begun", None),
        ("generalize", "module_run", "capisp.dll"),
    ]
    assert {row.time for row in rows} == {TIME}
    assert all(row.time_is_local for row in rows)
    assert rows[1].message == "SYSPRP ParseCommands:Found supported command line option 'GENERALIZE'"
    assert rows[1].source_path == setup_logs.SYSPREP_LOG
    assert rows[1].log == "setupact.log"


def test_a_run_that_failed_in_validation() -> None:
    """As Sysprep 10 writes it where an app was installed for one user only: no tag, and nothing was generalized."""
    lines = [
        *setup_logs.generalize_lines(TIME)[:8],
        "[0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'SysprepGeneralizeValidate' "
        "from C:\\Windows\\System32\\AppxSysprep.dll; dwRet = 0x3cf2",
        "SYSPRP SysprepSession::Validate: Error in validating actions from "
        "C:\\Windows\\System32\\Sysprep\\ActionFiles\\Generalize.xml; dwRet = 0x3cf2",
    ]
    rows = rows_of(setup_logs.SYSPREP_LOG, setup_logs.log(TIME, lines))
    assert steps(rows) == [
        ("cleanup", "sysprep_begun", None),
        ("generalize", "option_generalize", None),
        ("cleanup", "module_failed", "appxsysprep.dll"),
    ]
    machine = MachineRow(machine_id=1, source_path="")
    assert machine_life(machine, Tables([machine, *rows])).generalized_at is None


def test_a_tag_that_was_written() -> None:
    line = "SYSPRP FCreateTagFile:Successfully created tag file C:\\Windows\\System32\\Sysprep\\Sysprep_succeeded.tag"
    assert steps(rows_of(setup_logs.SYSPREP_LOG, setup_logs.log(TIME, [line]))) == [("tag", "tag_written", None)]


@pytest.mark.parametrize("path", [setup_logs.PANTHER_LOG, setup_logs.UNATTEND_LOG])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_specialize_tells_the_machine_guid_it_gave(path: str, encoding: str) -> None:
    lines = ["Begrüßung", *setup_logs.specialize_lines(GUID.upper())]
    rows = rows_of(path, setup_logs.log(TIME, lines, encoding))
    assert steps(rows) == [
        ("specialize", "action_file_opened", None),
        ("specialize", "module_run", "capisp.dll"),
        ("specialize", "capisp", "capisp.dll"),
        ("specialize", "machine_guid_assigned", "capisp.dll"),
    ]
    assert [row.machine_guid for row in rows] == [None, None, None, GUID]
    assert rows[3].time == TIME


def test_windows_7_lines_of_a_published_log() -> None:
    """As posted in the TechNet forum (thread 7c16ae1b), with the registry entry of Vista and 7 before them."""
    dll = "C:\\Windows\\System32\\capisp.dll"
    capisp = "capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine guid"
    lines = [
        f"[0x0f0080] SYSPRP LaunchDll:Found '{dll},CryptoSysPrep_Specialize'; executing it",
        "capisp.dll::CheckIFCryptoSysPrepSpecialized: returning 0",
        f'{capisp} "{GUID}"',
        f"[0x0f0081] SYSPRP LaunchDll:Successfully executed '{dll},CryptoSysPrep_Specialize'",
    ]
    rows = rows_of(setup_logs.PANTHER_LOG, setup_logs.log(TIME, lines))
    assert [(r.phase, r.kind, r.machine_guid) for r in rows] == [
        ("specialize", "capisp", None),
        ("specialize", "machine_guid_assigned", GUID),
        ("specialize", "module_run", None),
    ]


def test_upgrade_is_no_generalize() -> None:
    lines = [*setup_logs.upgrade_lines(), *setup_logs.generalize_lines(TIME)]
    rows = rows_of(setup_logs.PANTHER_LOG, setup_logs.log(TIME, lines))
    assert "generalize" not in {row.phase for row in rows}
    assert steps(rows)[:2] == [
        ("specialize", "action_file_opened", None),
        ("respecialize", "action_file_opened", None),
    ]


def test_first_boot_of_a_generalized_image() -> None:
    (row,) = rows_of(setup_logs.UNATTEND_LOG, setup_logs.log(TIME, setup_logs.windeploy_lines()))
    assert (row.phase, row.kind) == ("state", "generalization_state")
    assert "Found generalization state [0x4]" in row.message


def test_failed_module_and_errors() -> None:
    failed = (
        "Error                 SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing "
        "'CAPISysPrep_Generalize' from C:\\Windows\\System32\\capisp.dll; dwRet = 0x5"
    )
    text = f"2024-05-06 07:08:09, {failed}\r\n2024-05-06 07:08:10, Error      SYSPRP WinMain:Hit failure\r\n"
    rows = rows_of("Windows/System32/Sysprep/Panther/setuperr.log", text.encode())
    assert [(r.phase, r.kind, r.module, r.log) for r in rows] == [
        ("generalize", "module_failed", "capisp.dll", "setuperr.log"),
        ("cleanup", "error", None, "setuperr.log"),
    ]


def test_lines_of_no_interest_and_hostile_ones() -> None:
    lines = ["CBS    Loaded Servicing Stack", "SYSPRP nothing", "x" * 200_000, "SYSPRP " + "y" * 200_000, "\1\2"]
    assert rows_of(setup_logs.PANTHER_LOG, setup_logs.log(TIME, lines)) == []
    bad_time = b"2024-99-99 07:08:09, Info   SYSPRP === Beginning of a new sysprep run ===\r\n"
    (row,) = rows_of(setup_logs.SYSPREP_LOG, bad_time)
    assert (row.kind, row.time, row.time_is_local) == ("sysprep_begun", None, False)


def test_lines_across_the_borders_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_BLOCK", 37)
    for encoding in ("utf-8", "utf-16"):
        content = setup_logs.log(TIME, setup_logs.specialize_lines(GUID), encoding)
        assert [row.kind for row in rows_of(setup_logs.PANTHER_LOG, content)][-1] == "machine_guid_assigned"


def test_rows_of_one_log_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MAX_ROWS", 3)
    lines = setup_logs.generalize_lines(TIME)
    examined = installation({setup_logs.SYSPREP_LOG: setup_logs.log(TIME, lines)})
    assert len(collect_setup_events(examined)) == 3
    assert problems(examined) == [(setup_logs.SYSPREP_LOG, "too_many")]


def test_tag_file_dates_the_sealing() -> None:
    examined = installation({setup_logs.TAG_FILE: b""}, modified={setup_logs.TAG_FILE: SEALED})
    (row,) = collect_setup_events(examined)
    assert (row.phase, row.kind, row.time, row.time_is_local) == ("tag", "sysprep_succeeded", SEALED, False)
    assert row.log == "Sysprep_succeeded.tag"


def test_image_state() -> None:
    (row,) = rows_of(setup_logs.STATE_INI, setup_logs.state_ini("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"))
    assert (row.phase, row.kind, row.message) == ("state", "image_state", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")


@pytest.mark.parametrize(("kept", "kind"), [(True, "crypto_specialize_present"), (False, "crypto_specialize_missing")])
def test_action_file_of_specialize(kept: bool, kind: str) -> None:
    (row,) = rows_of(setup_logs.SPECIALIZE_XML, setup_logs.specialize_xml(kept))
    assert (row.phase, row.kind, row.source_path) == ("action_file", kind, setup_logs.SPECIALIZE_XML)


def test_module_in_a_comment_is_not_run() -> None:
    xml = setup_logs.specialize_xml(False).replace(
        b"</sysprepInformation>",
        b"<!-- <sysprepModule methodName='CryptoSysPrep_Specialize'/> --></sysprepInformation>",
    )
    assert [row.kind for row in rows_of(setup_logs.SPECIALIZE_XML, xml)] == ["crypto_specialize_missing"]


def test_a_module_whose_name_has_a_wrong_bit_is_not_missing() -> None:
    xml = setup_logs.specialize_xml(True).replace(b"CryptoSysPrep_Spec", b"CryptoSysPrgp_Spec")
    examined = installation({setup_logs.SPECIALIZE_XML: xml})
    assert collect_setup_events(examined) == []
    assert problems(examined) == [(setup_logs.SPECIALIZE_XML, "wrong_bit")]
    assert [c.outcome for c in examined.coverage if c.name == "Specialize.xml"] == ["partial"]


def test_namespace_and_encoding_of_the_action_file() -> None:
    xml = setup_logs.specialize_xml().decode().replace("<sysprepInformation>", "<sysprepInformation xmlns='urn:x'>")
    utf16 = xml.replace("encoding='utf-8'", "encoding='utf-16'").encode("utf-16")
    assert [row.kind for row in rows_of(setup_logs.SPECIALIZE_XML, utf16)] == ["crypto_specialize_present"]


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        (b"", "bad_xml"),
        (b"<a>", "bad_xml"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "forbidden_xml"),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", "bad_xml"),
    ],
)
def test_action_file_that_is_no_sound_xml(xml: bytes, kind: str) -> None:
    examined = installation({setup_logs.SPECIALIZE_XML: xml})
    assert collect_setup_events(examined) == []
    assert problems(examined) == [(setup_logs.SPECIALIZE_XML, kind)]


@pytest.mark.parametrize(
    ("files", "complete", "outcome"),
    [
        ({"Windows/notepad.exe": b""}, True, "absent"),
        ({"Windows/notepad.exe": b""}, False, "not_examined"),
        ({"Windows/Panther/other.log": b""}, False, "not_examined"),
    ],
)
def test_missing_logs_in_coverage(files: dict[str, bytes | None], complete: bool, outcome: str) -> None:
    examined = installation(files, complete=complete)
    assert collect_setup_events(examined) == []
    told = [(c.area, c.name, c.outcome) for c in examined.coverage]
    assert told == [
        *[("log", name, outcome) for _ in range(3) for name in ("setupact.log", "setuperr.log")],
        ("file", "Sysprep_succeeded.tag", outcome),
        ("file", "State.ini", outcome),
        ("file", "Specialize.xml", outcome),
    ]
