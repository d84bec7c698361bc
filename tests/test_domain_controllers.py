"""A user's key of one disk, the backup key of his domain on the disk of its domain controller, in one call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import forensics
from forensics.case import Case
from forensics.recovery.recover import recover
from forensics.tables.secrets import MasterKeyRow
from testdata.builder import certs, ntds
from testdata.builder.capi import Slot
from testdata.builder.dpapi import DOMAIN_BACKUP_GUID as GUID
from testdata.builder.ese import DIRTY, PAGE
from testdata.builder.keys import pvk, rsa_key
from testdata.builder.lone_profiles import lay
from testdata.builder.machine import ForgedMachine, capi_link, machine

AS_OF = datetime(2026, 11, 30, tzinfo=UTC)
PARAMETERS = "ControlSet001\\Services\\NTDS\\Parameters"
OTHER = "aaaaaaaa-0000-4000-8000-000000000001"
DAVE, HASH = "dave", bytes.fromhex("32ed87bdb5fdc5e9cba88547376818d4")
BACKUP = rsa_key("domain-backup")
PLACE = "C:\\Windows\\NTDS\\ntds.dit"
NOT_HAD = "no backup key of the domain was had from the directory"

Reader = Callable[[BinaryIO, bytes, Collection[str]], Any]


def with_user(made: ForgedMachine) -> ForgedMachine:
    """Give a machine a user of its domain, whose key nothing on it opens."""
    owner = made.add_user(f"{made.facts.domain_sid}-1120", DAVE, None, HASH)
    made.put_capi(DAVE, exchange=Slot(rsa_key("2048-09"), True), owner=owner)
    link = capi_link(DAVE, certs.CAPI_ENHANCED, machine_keyset=False)
    made.put_certificate(certs.make_certificate(DAVE, rsa_key("2048-09")), link=link, owner=owner)
    return made


def controller(
    seed: str = "dc", path: str = PLACE, data: bytes | None = None, at: str = ntds.AT, **made_with: Any
) -> ForgedMachine:
    """Return a domain controller, its directory with the backup key unless something else is given."""
    made = machine(f"domain-controllers/{seed}")
    made.hives.system.key(PARAMETERS).sz("DSA Database file", path)
    keys = made_with.pop("keys", {GUID: BACKUP})
    made.write(at, data if data is not None else ntds.directory(keys, made.lsa.boot_key, **made_with))
    return made


def laid(made: ForgedMachine, folder: Path) -> Path:
    return lay(folder, {file.path: file for file in made.volume() if file.data is not None})


@pytest.fixture(scope="module")
def workstation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid(with_user(machine("domain-controllers/client")), tmp_path_factory.mktemp("client") / "ws")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid(controller(), tmp_path_factory.mktemp("server") / "dc")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Count the directories that are read, and which keys are looked for in each."""
    from forensics.dpapi import ntds as module

    really: Reader = module.read_directory
    asked: list[list[str]] = []

    def counting(stream: BinaryIO, boot_key: bytes, wanted: Collection[str]) -> Any:
        asked.append(sorted(wanted))
        return really(stream, boot_key, wanted)

    monkeypatch.setattr(module, "read_directory", counting)
    return asked


def examined(*sources: Path, **options: Any) -> Case:
    return forensics.examine(*sources, as_of=AS_OF, **options)


def of_dave(case: Case) -> MasterKeyRow:
    [row] = [row for row in case.rows("master_key") if row.has_domain_backup]
    assert isinstance(row, MasterKeyRow)
    return row


def chain(case: Case) -> tuple[Any, ...]:
    [row] = [row for row in case.rows("key_chain") if row.container == DAVE]
    return row.unlocked_by, row.private_key, row.verdict


def problems(case: Case) -> list[tuple[int, str, str, str]]:
    return [(row.machine_id, row.source_path, row.kind, row.message) for row in case.rows("problem")]


OPENED = ("domain_key", "proved", "usable")
LOCKED = ("not_tried", "locked", "unknown")


@pytest.mark.parametrize("server_first", [True, False])
def test_in_both_orders(workstation: Path, server: Path, read: list[list[str]], *, server_first: bool) -> None:
    sources = (server, workstation) if server_first else (workstation, server)
    case = examined(*sources)
    row = of_dave(case)
    assert (row.machine_id, row.domain_key, row.domain_key_from) == (2 if server_first else 1, "opens", str(server))
    assert (row.domain_key_guid, row.missing_secret, row.domain_keys_given) == (GUID, [], [])
    assert (chain(case), problems(case), read) == (OPENED, [], [[GUID]])
    assert [entry.path for entry in case.sources] == [str(source) for source in sources]
    assert [entry.machine_ids for entry in case.sources] == [[1], [2]]
    assert not [finding for finding in case.finding_list if finding.rule == "user-key-recoverable-by-domain"]


def test_the_rows_of_the_rest_are_those_of_a_run_that_was_given_the_key(
    tmp_path: Path, workstation: Path, server: Path
) -> None:
    key = tmp_path / f"{GUID}.pvk"
    key.write_bytes(pvk(BACKUP))
    given, taken = examined(workstation, server, domain_backup_keys=key), examined(workstation, server)
    for table in given.tables:
        if table != "master_key":
            assert given.rows(table) == taken.rows(table), table


def test_both_in_one_folder(tmp_path: Path) -> None:
    laid(with_user(machine("domain-controllers/client")), tmp_path / "both" / "client")
    laid(controller(), tmp_path / "both" / "server")
    case = examined(tmp_path / "both")
    assert (chain(case), problems(case)) == (OPENED, [])
    assert (of_dave(case).domain_key_from or "").endswith("server")


def test_a_domain_controller_alone_opens_the_keys_of_its_own_users(tmp_path: Path, read: list[list[str]]) -> None:
    source = laid(with_user(controller()), tmp_path / "dc")
    case = examined(source)
    assert (chain(case), of_dave(case).domain_key_from) == (OPENED, str(source))
    assert (problems(case), read) == ([], [[GUID]])


def test_explain_names_the_disk(workstation: Path, server: Path) -> None:
    thumbprint = certs.make_certificate(DAVE, rsa_key("2048-09")).thumbprint
    text = str(forensics.explain(examined(workstation, server), thumbprint))
    opened = "unlocked by domain_key, opened with the backup key of the domain"
    assert f"{opened}, which the directory of the domain controller {server} gave" in text


def test_recover_writes_the_key_once(tmp_path: Path) -> None:
    laid(with_user(machine("domain-controllers/client")), tmp_path / "both" / "client")
    laid(controller(), tmp_path / "both" / "server")
    thumbprint = certs.make_certificate(DAVE, rsa_key("2048-09")).thumbprint
    [key] = recover(tmp_path / "both", thumbprint, as_of=AS_OF).keys
    assert (key.unlocked_by, key.opened_with, key.lack) == ("domain_key", "domain_key", None)


class TestNothingIsRead:
    def test_without_a_key_that_waits(self, tmp_path: Path, server: Path, read: list[list[str]]) -> None:
        told: list[str] = []
        other = laid(machine("domain-controllers/no user"), tmp_path / "other")
        assert problems(examined(server, other, progress=told.append)) == []
        assert read == []
        assert not [line for line in told if "backup key" in line]
        assert sum(line.startswith("opening") for line in told) == 2

    def test_where_the_secret_was_given(
        self, tmp_path: Path, workstation: Path, server: Path, read: list[list[str]]
    ) -> None:
        case = examined(workstation, server, nt_hashes={DAVE: HASH.hex()})
        assert (chain(case), of_dave(case).domain_key_from) == (("password", "proved", "usable"), None)
        key = tmp_path / f"{GUID}.pvk"
        key.write_bytes(pvk(BACKUP))
        case = examined(workstation, server, domain_backup_keys=key)
        assert (chain(case), of_dave(case).domain_key_from, read) == (OPENED, None, [])

    def test_without_a_domain_controller(self, workstation: Path, read: list[list[str]]) -> None:
        told: list[str] = []
        case = examined(workstation, progress=told.append)
        assert (chain(case), of_dave(case).missing_secret, read) == (LOCKED, ["password", "domain_key"], [])
        assert sum(line.startswith("opening") for line in told) == 1

    def test_the_file_stays_closed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = laid(controller(), tmp_path / "dc")
        database = source / ntds.AT
        opened: list[Path] = []
        really = Path.open

        def noting(path: Path, *args: Any, **named: Any) -> Any:
            opened.append(path)
            return really(path, *args, **named)

        monkeypatch.setattr(Path, "open", noting)
        examined(source)
        assert database not in opened


class TestNotHad:
    def test_of_another_domain(self, tmp_path: Path, workstation: Path, read: list[list[str]]) -> None:
        other = laid(controller("elsewhere", keys={OTHER: rsa_key("2048-01")}), tmp_path / "dc")
        told: list[str] = []
        case = examined(workstation, other, progress=told.append)
        message = (
            f"the directory has no backup key {GUID} of the domain, but 00000000-0000-0000-0000-000000000007, {OTHER}: "
            "likely it is of another domain"
        )
        assert problems(case) == [(2, PLACE, "no_such_key", message)]
        assert (chain(case), of_dave(case).domain_key, of_dave(case).domain_keys_given) == (LOCKED, "not_tried", [])
        # Nothing is examined a second time for it.
        assert sum(line.startswith("opening") for line in told) == 2
        assert read == [[GUID]]

    def test_of_a_directory_without_any(self, tmp_path: Path, workstation: Path) -> None:
        made = controller("bare")
        sealer = ntds.Sealer(made.lsa.boot_key, "2016", "bare")
        made.write(ntds.AT, ntds.written(ntds.objects({}, sealer)[:2]))
        assert problems(examined(workstation, laid(made, tmp_path / "dc"))) == [
            (2, PLACE, "no_such_key", f"the directory has no backup key {GUID} of the domain, nor any other")
        ]

    def test_of_a_directory_that_is_damaged_where_the_key_is(self, tmp_path: Path, workstation: Path) -> None:
        made = controller("torn", users=600)
        data = bytearray(made.files[ntds.AT].data or b"")
        at = data.rindex(f"BCKUPKEY_{GUID}".encode("utf-16-le")) // PAGE * PAGE
        data[at : at + PAGE] = b"\xff" * PAGE
        made.write(ntds.AT, bytes(data))
        case = examined(workstation, laid(made, tmp_path / "dc"))
        message = (
            f"the backup key {GUID} of the domain was not found, and 1 of its pages and 0 of its objects cannot be read"
        )
        assert (chain(case), problems(case)) == (LOCKED, [(2, PLACE, "not_whole", message)])

    def test_of_two_the_one_that_has_it(
        self, tmp_path: Path, workstation: Path, server: Path, read: list[list[str]]
    ) -> None:
        other = laid(controller("elsewhere", keys={OTHER: rsa_key("2048-01")}), tmp_path / "dc")
        case = examined(workstation, other, server)
        assert (chain(case), of_dave(case).domain_key_from) == (OPENED, str(server))
        assert [(machine, kind) for machine, _, kind, _ in problems(case)] == [(2, "no_such_key")]
        assert read == [[GUID], [GUID]]

    def test_another_key_under_its_guid(self, tmp_path: Path, workstation: Path) -> None:
        other = laid(controller("liar", keys={GUID: rsa_key("2048-01")}), tmp_path / "dc")
        case = examined(workstation, other)
        row = of_dave(case)
        assert (row.unlocked_by, row.domain_key, row.domain_key_from) == ("nothing", "does_not_open", str(other))
        assert (row.domain_keys_given, row.missing_secret) == ([], ["password", "domain_key"])
        [finding] = [f for f in case.finding_list if f.rule == "user-key-recoverable-by-domain"]
        because = " ".join(block.text for block in finding.because)
        assert "from the disk of a domain controller of this run, does not open it" in because
        assert [row.reason for row in case.rows("key_chain") if row.container == DAVE] == [
            "the user's DPAPI master key is there, but the domain backup key that it names, from the disk of a domain "
            "controller, does not open it: likely the copy for the domain in it is damaged"
        ]

    @pytest.mark.parametrize(
        ("made_with", "kind", "message"),
        [
            ({"data": b""}, "truncated", f"{NOT_HAD}: a database does not have 0 bytes"),
            ({"data": bytes(8192)}, "bad_magic", f"{NOT_HAD}: it is no database of the Extensible Storage Engine"),
            (
                {"data": ntds.directory({GUID: BACKUP}, bytes(16))},
                "wrong_boot_key",
                f"{NOT_HAD}: the boot key of SYSTEM does not open the key to its secrets",
            ),
            (
                {"data": ntds.directory({GUID: BACKUP}, bytes(16))[: 5 * 8192]},
                "catalog_not_read",
                f"{NOT_HAD}: its catalog cannot be read (IndexError)",
            ),
            ({"at": "Windows/NTDS/other.dit"}, "not_examined", f"{NOT_HAD}, which is not there: {ntds.AT}"),
            (
                {"path": "D:\\NTDS\\ntds.dit"},
                "not_examined",
                f"{NOT_HAD}, which could not be read: it lies on drive D:, which was not collected",
            ),
            (
                {"keys": {}, "state": DIRTY},
                "no_such_key",
                f"the directory has no backup key {GUID} of the domain, but 00000000-0000-0000-0000-000000000007: "
                "likely it is of another domain; it was not shut down cleanly, and what only its logs hold was not "
                "read",
            ),
        ],
    )
    def test_the_reason_is_told(
        self, tmp_path: Path, workstation: Path, made_with: dict[str, Any], kind: str, message: str
    ) -> None:
        made = controller("broken", **made_with)
        case = examined(laid(made, tmp_path / "dc"), workstation)
        assert chain(case) == LOCKED
        assert problems(case) == [(1, made_with.get("path", PLACE), kind, message)]

    def test_what_a_library_raises_is_a_problem_without_its_text(
        self, tmp_path: Path, workstation: Path, server: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise ValueError("secret bytes")

        monkeypatch.setattr("forensics.dpapi.ntds.read_directory", broken)
        case = examined(workstation, server)
        assert [row[2:] for row in problems(case)] == [("unexpected", f"{NOT_HAD}: reading it failed with ValueError")]
        assert chain(case) == LOCKED

    def test_of_too_many_the_rest_is_told(
        self, workstation: Path, server: Path, read: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("forensics.chain.domain_controllers.MAX_CONTROLLERS", 0)
        case = examined(workstation, server)
        assert [row[2:] for row in problems(case)] == [("too_many", "only 0 domain controllers are searched for keys")]
        assert (chain(case), read) == (LOCKED, [])


def test_no_number_of_the_key_is_in_any_output(workstation: Path, server: Path) -> None:
    case = examined(workstation, server)
    private = BACKUP.private_numbers()
    secrets = [number.to_bytes(-(-number.bit_length() // 8), "big") for number in (private.d, private.p, private.q)]
    for form in ("json", "text", "html"):
        text = forensics.render(case, form)
        for secret in secrets:
            assert secret.hex()[:40] not in text.lower()
            assert secret[::-1].hex()[:40] not in text.lower()
