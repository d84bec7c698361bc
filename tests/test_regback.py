"""RegBack's hives: evidence of an earlier identity and secret; the machine only when that is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from forensics import SourceError, examine, recover, render
from forensics.case import Case
from forensics.cli.main import cli
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from testdata.builder import acl, dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.former import backup_hives, empty_backup_hives
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.ntfs import build_ntfs, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
BACKED_UP = datetime(2025, 5, 6, 7, 8, tzinfo=UTC)
REGBACK = "Windows/System32/config/RegBack"
EARLIER = dpapi.DpapiSystem.seeded("regback/earlier")
KEY = rsa_key("2048-01")
NONE = (
    "RegBack holds no backup copy of SYSTEM (since Windows 10 1803 Windows makes none unless it is told to): "
    "examine it without --regback"
)


def then(**facts: object) -> ForgedMachine:
    """The machine as it was: another MachineGuid, name and DPAPI_SYSTEM."""
    made = machine("regback/then", with_keys=False, computer_name="WEB00", **facts)  # type: ignore[arg-type]
    made.secret = EARLIER
    return made


def now(*, needs_earlier_secret: bool = False) -> ForgedMachine:
    made = machine("regback/now", computer_name="WEB01")
    made.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
    master_key = made.keys[MACHINE]
    if needs_earlier_secret:
        master_key = made.add_master_key(MACHINE, "earlier", secret=EARLIER, in_use=False)
    made.put_capi("web", exchange=Slot(KEY), master_key=master_key)
    return made


def disk(folder: Path, files: Sequence[FileSpec], name: str = "disk.raw") -> Path:
    build_ntfs(files, volume := folder / "c.ntfs", 48 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(volume)], out := folder / name)
    return out


def only(case: Case) -> tuple[MachineRow, KeyChainRow]:
    (row,), (chain,) = case.rows("machine"), case.rows("key_chain")
    return row, chain


class TestEvidence:
    def test_the_identity_of_then(self, tmp_path: Path) -> None:
        earlier = then()
        case = examine(disk(tmp_path, [*now().volume(), *backup_hives(earlier, BACKED_UP)]), as_of=AS_OF)
        row, chain = only(case)
        assert (row.computer_name, row.machine_guid) == ("WEB01", now().facts.machine_guid)
        assert (row.regback_at, row.regback_computer_name) == (BACKED_UP, "WEB00")
        assert (row.regback_machine_guid, row.regback_machine_sid) == (
            earlier.facts.machine_guid,
            earlier.facts.machine_sid,
        )
        assert row.regback_dpapi_system_set_at == datetime(2024, 3, 4, 8, 2, 11, tzinfo=UTC)
        assert (chain.verdict, chain.backup_hives) == ("usable", None)
        assert [(c.outcome, c.detail) for c in case.rows("coverage") if c.name == "RegBack"] == [
            (
                "present",
                "backup copies of hives (DEFAULT, SAM, SECURITY, SOFTWARE, SYSTEM), an older state: evidence, not the "
                "machine",
            )
        ]
        (told,) = [f for f in case.finding_list if f.rule == "regback-of-earlier-identity"]
        assert (told.severity, [s.id for s in told.subjects]) == ("info", ["WEB01"])
        assert not case.shows_older_state
        assert str(render(case, "screen")).splitlines()[1].startswith("WEB01: ")

    def test_the_same_identity_is_no_finding(self, tmp_path: Path) -> None:
        case = examine(disk(tmp_path, [*now().volume(), *backup_hives(now(), BACKED_UP)]), as_of=AS_OF)
        assert only(case)[0].regback_computer_name == "WEB01"
        assert [f.rule for f in case.finding_list] == ["certificate-used-by-nothing"]

    def test_empty_files_are_no_damage(self, tmp_path: Path) -> None:
        case = examine(disk(tmp_path, [*now().volume(), *empty_backup_hives(BACKED_UP)]), as_of=AS_OF)
        row, _ = only(case)
        assert (row.regback_at, row.regback_machine_guid) == (None, None)
        assert [(c.outcome, c.detail) for c in case.rows("coverage") if c.name == "RegBack"] == [
            ("absent", "its hives are empty, as Windows leaves them since Windows 10 1803")
        ]
        assert case.rows("problem") == []
        assert "RegBack" not in str(render(case, "text"))

    def test_without_the_folder_nothing_is_said(self, tmp_path: Path) -> None:
        case = examine(disk(tmp_path, now().volume()), as_of=AS_OF)
        assert [c for c in case.rows("coverage") if c.name == "RegBack"] == []


class TestSecrets:
    def test_a_master_key_that_only_the_secret_of_then_opens(self, tmp_path: Path) -> None:
        made = now(needs_earlier_secret=True)
        case = examine(disk(tmp_path, [*made.volume(), *backup_hives(then(), BACKED_UP)]), as_of=AS_OF)
        _, chain = only(case)
        assert (chain.verdict, chain.broken_at, chain.unlocked_by) == ("unusable", "secret", "nothing")
        assert (chain.private_key, chain.recoverable, chain.backup_hives) == ("proved", True, REGBACK)
        assert chain.recoverable_from is None
        assert chain.reason == (
            f"only the DPAPI_SYSTEM of the backup hives in C:\\Windows\\System32\\config\\RegBack opens master key "
            f"{chain.master_key_guid}; Windows no longer has that secret"
        )
        (finding,) = [f for f in case.finding_list if f.rule == "key-recoverable"]
        said = " ".join(block.text for block in finding.remedy)
        assert "with that of the backup hives in RegBack" in said
        assert f"keymortem recover SOURCE {chain.thumbprint}" in said
        assert "KEYS YOU CAN STILL SAVE (keymortem recover): 1" in str(render(case, "screen"))
        told = str(recover(tmp_path / "disk.raw", even_not_exportable=True))
        assert "opened with DPAPI_SYSTEM of the backup hives in RegBack" in told

    def test_without_backup_hives_it_is_lost(self, tmp_path: Path) -> None:
        case = examine(disk(tmp_path, now(needs_earlier_secret=True).volume()), as_of=AS_OF)
        _, chain = only(case)
        assert (chain.private_key, chain.recoverable, chain.backup_hives) == ("locked", False, None)

    def test_where_security_is_gone_what_opens_proves_no_more_than_it_does(self, tmp_path: Path) -> None:
        made = now()
        backups = backup_hives(made, BACKED_UP)
        made.missing_hives.add("SECURITY")
        _, chain = only(examine(disk(tmp_path, [*made.volume(), *backups]), as_of=AS_OF))
        assert (chain.verdict, chain.unlocked_by, chain.private_key) == ("unknown", "not_tried", "proved")
        assert (chain.recoverable, chain.backup_hives) == (True, REGBACK)

    def test_they_are_not_opened_for_a_key_that_is_well(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr("forensics.chain.older_secrets.OlderSecrets", asked)
        files = [*now().volume(), *backup_hives(then(), BACKED_UP)]
        assert only(examine(disk(tmp_path, files), as_of=AS_OF))[1].verdict == "usable"


class TestAskedFor:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return disk(tmp_path, [*now().volume(), *backup_hives(then(), BACKED_UP)])

    def test_the_machine_is_that_of_then_and_every_output_says_so(self, source: Path) -> None:
        case = examine(source, as_of=AS_OF, regback=True)
        (row,) = case.rows("machine")
        assert (row.computer_name, row.machine_guid) == ("WEB00", then().facts.machine_guid)
        assert row.regback_at is None
        told = (
            f"{source} is an older state of a machine: the present one is what its own hives hold, while this is of "
            "the backup hives in RegBack, of 2025-05-06"
        )
        assert case.not_examined == [told]
        assert (case.judges_nothing, case.is_incomplete) == (True, True)
        for format in ("screen", "text", "html", "ics"):
            assert "backup hives in RegBack" in " ".join(str(render(case, format)).split()), format
        (entry,) = json.loads(str(render(case, "json")))["sources"]
        assert entry["older_state_of"] == (
            "what its own hives hold, while this is of the backup hives in RegBack, of 2025-05-06"
        )

    def test_the_exit_code_is_that_of_an_older_state(self, source: Path) -> None:
        run = CliRunner().invoke(cli, ["examine", str(source), "--regback"])
        assert run.exit_code == 3
        assert "WEB00: " in run.output

    @pytest.mark.parametrize("files", [[], empty_backup_hives(BACKED_UP)], ids=["no folder", "empty"])
    def test_a_machine_without_is_refused_with_the_next_step(self, tmp_path: Path, files: list[FileSpec]) -> None:
        source = disk(tmp_path, [*now().volume(), *files])
        with pytest.raises(SourceError) as error:
            examine(source, regback=True)
        assert error.value.message == f"{source}: {NONE}"

    def test_of_two_the_one_without_is_left_out(self, tmp_path: Path) -> None:
        for name, files in (("a", backup_hives(then(), BACKED_UP)), ("b", [])):
            (tmp_path / name).mkdir()
            disk(tmp_path / name, [*now().volume(), *files])
        case = examine(tmp_path / "b" / "disk.raw", tmp_path / "a" / "disk.raw", as_of=AS_OF, regback=True)
        assert [m.computer_name for m in case.rows("machine")] == ["WEB00"]
        assert [entry.error for entry in case.sources] == [f"{tmp_path}/b/disk.raw: {NONE}", None]
