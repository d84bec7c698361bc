"""Which keys lie on several machines, and what each is for: every expectation is stated by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts.shared_keys import MAX_LISTED, READS, shared_keys
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.identity import SharedIdentityRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.shared_key import SharedKeyRow
from forensics.tables.tpm import TpmRow
from tests.narrow_rows import narrow
from tests.time_bound import within

DISKS = {1: "one.vhdx", 2: "two.vhdx", 3: "three.vhdx"}


def machine(number: int, name: str | None, hardware: str | None = None, **values: Any) -> MachineRow:
    return MachineRow(machine_id=number, source_path="Windows", computer_name=name, hardware_id=hardware, **values)


def key_file(number: int, public: str = "p", path: str = "k/f", **values: Any) -> KeyFileRow:
    known: dict[str, Any] = {"kind": "cng", "folder_kind": "cng", "scope": "machine", "public_key_sha256": public}
    return KeyFileRow(machine_id=number, source_path=path, path=path, file_name="f", **(known | values))


def chain(number: int, path: str = "k/f", private_key: str = "proved", **values: Any) -> KeyChainRow:
    told: dict[str, Any] = {"private_key": private_key} | values
    return KeyChainRow(machine_id=number, source_path="x", key_file_path=path, **told)


def certificate(number: int, thumbprint: str = "AA", **values: Any) -> CertificateRow:
    known: dict[str, Any] = {"store": "MY", "store_scope": "machine", "public_key_sha256": "p", "self_signed": False}
    return CertificateRow(machine_id=number, source_path="x", thumbprint=thumbprint, **(known | values))


def clone(member: int, group: int = 1) -> SharedIdentityRow:
    return SharedIdentityRow(
        machine_id=0, source_path="x", shared_group=group, member=member, disk="d", relation="clone", reason=""
    )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rows_of(*rows: Row) -> list[SharedKeyRow]:
    return shared_keys(rows, DISKS)


TWO = (machine(1, "WEB01", "h1"), machine(2, "WEB02", "h2"))


def one_of(*rows: Row) -> SharedKeyRow:
    [found] = rows_of(*TWO, *rows)
    return found


def test_a_whole_row() -> None:
    [found] = rows_of(
        certificate(
            1, subject="CN=shop.contoso.test", not_after=day("2028-01-01"), used_by=["IIS"], eku=["serverAuth"]
        ),
        certificate(2, subject="CN=shop.contoso.test", not_after=day("2028-01-01"), used_by=["http.sys", "IIS"]),
        certificate(2, "BB", subject="CN=old", not_after=day("2020-01-01"), used_by=[]),
        key_file(1, path="keys/a", exportable="yes", source_time=day("2026-01-01")),
        key_file(2, path="keys/b", exportable="no"),
        key_file(3, path="keys/c"),
        chain(1, "keys/a"),
        chain(2, "keys/b", "not_examined", verdict="unknown"),
        chain(3, "keys/c", "locked", verdict="unusable", recoverable=False),
        *TWO,
        machine(3, None, "h3"),
    )
    assert found == SharedKeyRow(
        machine_id=0,
        public_key_sha256="p",
        role="server",
        subject="CN=shop.contoso.test",
        thumbprints=["AA"],
        not_after=day("2028-01-01"),
        used_by=["IIS", "http.sys"],
        in_use_on=2,
        machines=3,
        holders=["WEB01 on one.vhdx", "WEB02 on two.vhdx", "installation 3 on three.vhdx"],
        proved_on=1,
        dead_on=1,
        exportable="yes",
        users=[],
        relation="unrelated",
        in_tpm=False,
        tpms=[],
        tpm_holders=[],
        source_path="keys/a",
        source_time=day("2026-01-01"),
    )


def test_a_key_that_one_machine_has_is_not_told() -> None:
    assert rows_of(*TWO, key_file(1), key_file(1, path="k/again"), key_file(2, "other"), certificate(2)) == []


def test_a_copy_that_was_put_aside_is_not_a_key_there() -> None:
    assert rows_of(*TWO, key_file(1), key_file(2, folder_kind=None)) == []


def test_a_profile_is_no_computer() -> None:
    assert rows_of(machine(1, "A"), machine(2, None, kind="profile"), key_file(1), key_file(2)) == []


def test_the_second_slot_of_a_container_counts() -> None:
    found = rows_of(
        *TWO, key_file(1, "x", second_public_key_sha256="p"), key_file(2, "p", second_public_key_sha256="p")
    )
    assert [(row.public_key_sha256, row.machines) for row in found] == [("p", 2)]


@pytest.mark.parametrize(
    ("machines", "shared", "relation"),
    [
        ((("A", "h1"), ("B", "h2")), (), "unrelated"),
        ((("A", None), ("B", None)), (), "unrelated"),
        ((("A", "h1"), ("B", "h2")), (clone(1), clone(2)), "clones"),
        ((("A", "h1"), ("B", "h2")), (clone(1), clone(2, 2)), "unrelated"),
        ((("A", "h1"), ("B", "h2"), ("C", "h3")), (clone(1), clone(2)), "partly_clones"),
        ((("A", "h1"), ("B", "h2"), ("C", "h3")), (clone(1), clone(2), clone(3, 2)), "partly_clones"),
        ((("A", "h1"), ("A", "h1"), ("C", "h3")), (clone(1), clone(2)), "unrelated"),
        ((("A", "h1"), ("A", "h2"), ("C", "h3")), (clone(1), clone(2)), "unrelated"),
        ((("A", "h1"), ("a", "H1")), (clone(1), clone(2)), "same_computer"),
        ((("A", "h1"), ("A", "h2")), (), "unknown"),
        ((("A", None), ("A", None)), (), "unknown"),
        ((("A", "h1"), ("B", "h1")), (), "unknown"),
        ((("A", "h1"), (None, "h2")), (), "unknown"),
        ((("A", "h1"), ("A", "h2"), ("B", "h1")), (), "unrelated"),
        ((("A", "h1"), ("A", "h1"), ("B", "h2")), (clone(1), clone(2), clone(3)), "clones"),
    ],
)
def test_what_the_holders_are(
    machines: tuple[tuple[str | None, str | None], ...], shared: tuple[Row, ...], relation: str
) -> None:
    there = [machine(number, *called) for number, called in enumerate(machines, 1)]
    [found] = rows_of(*there, *shared, *(key_file(number) for number in range(1, len(there) + 1)))
    assert found.relation == relation


def test_a_generalized_image_is_not_another_computer() -> None:
    sealed = machine(2, "GOLD", "h2", image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
    [found] = rows_of(machine(1, "A", "h1"), sealed, key_file(1), key_file(2))
    assert found.relation == "generalized"


def test_where_it_is_dead_nobody_may_use_it() -> None:
    dead = chain(2, private_key="locked", verdict="unusable", recoverable=False)
    found = one_of(key_file(1), key_file(2), chain(1), dead)
    assert (found.relation, found.machines, found.dead_on) == ("same_computer", 2, 1)
    maybe = chain(2, private_key="locked", verdict="unusable", recoverable=None)
    assert one_of(key_file(1), key_file(2), chain(1), maybe).relation == "unrelated"


@pytest.mark.parametrize(
    ("values", "files", "role"),
    [
        ({"is_ca": True, "subject": "CN=CA"}, {}, "authority"),
        ({"used_by": ["AD CS (earlier generation)"]}, {}, "authority"),
        ({"store": "Shielded VM Local Certificates", "self_signed": True}, {}, "guardian"),
        # Tools let a self-signed certificate of a server be an authority too.
        ({"is_ca": True, "self_signed": True, "used_by": ["IIS"]}, {}, "self_signed"),
        ({"is_ca": True, "self_signed": True, "eku": ["serverAuth"]}, {}, "self_signed"),
        ({"is_ca": True, "self_signed": True, "used_by": ["AD CS"]}, {}, "authority"),
        ({"store": "MY", "eku": ["msEFS"], "store_scope": "user"}, {"scope": "user"}, "user"),
        ({"is_ca": True, "self_signed": True, "store_scope": "user"}, {"scope": "user"}, "user"),
        ({"issuer": "CN=MS-Organization-Access,DC=windows"}, {}, "entra_device"),
        ({"used_by": ["Entra join"]}, {}, "entra_device"),
        ({"issuer": "CN=Microsoft Intune MDM Device CA"}, {}, "mdm"),
        ({"used_by": ["MDM"]}, {}, "mdm"),
        ({"store": "SMS", "self_signed": True}, {}, "configmgr"),
        ({"used_by": ["ConfigMgr client"]}, {}, "configmgr"),
        ({"used_by": ["Exchange Auth"], "self_signed": True}, {}, "exchange"),
        # The one that setup makes for each server is no other server's.
        ({"used_by": ["Exchange"], "self_signed": True}, {}, "self_signed"),
        ({"used_by": ["AD FS"]}, {}, "federation"),
        ({"store": "Remote Desktop", "self_signed": True}, {}, "remote_desktop"),
        ({"used_by": ["WinRM"], "self_signed": True}, {}, "self_signed"),
        ({"subject": "CN=web01.contoso.test", "eku": ["serverAuth"]}, {}, "machine"),
        ({"san": ["DNS:any.test", "DNS:WEB02.contoso.test"], "eku": ["serverAuth"]}, {}, "machine"),
        # A name for each server of a farm.
        ({"san": ["DNS:web01.contoso.test", "DNS:web02.contoso.test"], "eku": ["serverAuth"]}, {}, "server"),
        ({"san": ["DNS:web01.contoso.test", "DNS:web02.contoso.test"], "eku": ["clientAuth"]}, {}, "machine"),
        ({"subject": "CN=shop.contoso.test", "eku": ["serverAuth"]}, {}, "server"),
        ({"subject": "CN=*.contoso.test", "eku": ["serverAuth"]}, {}, "server"),
        ({"subject": "CN=device 7", "eku": ["clientAuth"]}, {}, "other"),
        (None, {}, "unnamed"),
    ],
)
def test_what_the_key_is_for(values: dict[str, Any] | None, files: dict[str, Any], role: str) -> None:
    certificates = [] if values is None else [certificate(1, **values)]
    assert one_of(key_file(1, **files), key_file(2, **files), *certificates).role == role


def test_certificates_of_others_say_nothing_of_it() -> None:
    assert one_of(key_file(1), key_file(2), machine(3, "CA"), certificate(3, is_ca=True)).role == "unnamed"


def test_a_user_who_roams() -> None:
    sid = "S-1-5-21-1-2-3-1001"
    found = one_of(key_file(1, scope="user", owner_sid=sid), key_file(2, scope="user", owner_sid=sid))
    assert (found.role, found.users) == ("user", [sid])


def test_keys_of_a_tpm() -> None:
    def tpm(number: int, public: str) -> TpmRow:
        return TpmRow(machine_id=number, source_path="SYSTEM", ek_pub_sha256=public)

    files = (key_file(1, kind="tpm"), key_file(2, kind="tpm"))
    found = one_of(*files, tpm(1, "e1"), tpm(2, "e2"))
    assert (found.in_tpm, found.tpms, found.tpm_holders) == (True, ["e1", "e2"], ["WEB01", "WEB02"])
    found = one_of(*files, tpm(1, "e1"), tpm(2, "e1"))
    assert (found.tpms, found.tpm_holders) == (["e1"], ["WEB01"])
    assert one_of(key_file(1, kind="tpm"), key_file(2), tpm(1, "e1")).in_tpm is False


@pytest.mark.parametrize(
    ("answers", "exportable"),
    [(("no", "no"), "no"), (("no", "yes"), "yes"), (("no", "unknown"), "unknown"), (("yes", "unknown"), "yes")],
)
def test_whether_it_may_be_exported(answers: tuple[str, str], exportable: str) -> None:
    assert one_of(*(key_file(n, exportable=answer) for n, answer in enumerate(answers, 1))).exportable == exportable


def test_narrow_rows_are_enough() -> None:
    whole = [
        *TWO,
        clone(1),
        clone(2),
        certificate(1, subject="CN=web01", not_after=day("2028-01-01"), used_by=["IIS"], san=["DNS:web01"]),
        key_file(1, scope="user", owner_sid="S-1-5-21-1"),
        key_file(2, exportable="yes", source_time=day("2026-01-01")),
        chain(1),
        TpmRow(machine_id=1, source_path="SYSTEM", ek_pub_sha256="e"),
    ]
    assert shared_keys(narrow(whole, READS), {}) == shared_keys(whole, {}) != []


def test_ten_thousand_clones_in_seconds() -> None:
    rows = [
        row
        for number in range(1, 10_001)
        for row in (
            machine(number, f"PC-{number}", f"h{number}"),
            clone(number),
            *(key_file(number, f"p{at}", f"k/{at}") for at in range(10)),
            *(chain(number, f"k/{at}") for at in range(10)),
            certificate(number, public_key_sha256="p0", issuer="CN=MS-Organization-Access", used_by=["Entra join"]),
        )
    ]
    with within(10):
        found = shared_keys(rows, {})
    assert [(row.machines, row.proved_on, row.relation, len(row.holders)) for row in found] == [
        (10_000, 10_000, "clones", MAX_LISTED)
    ] * 10
    assert [row.role for row in found] == ["entra_device"] + ["unnamed"] * 9
