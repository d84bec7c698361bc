"""The forged directory of a domain controller, put before readers that know nothing of its writer."""

from __future__ import annotations

import io

import pytest
from dissect.database.ese.ese import ESE

from testdata.builder import ntds
from testdata.builder.dpapi import DOMAIN_BACKUP_GUID
from testdata.builder.ese import DIRTY
from testdata.builder.keys import rsa_key
from tests.oracles import other_reader

BOOT_KEY = bytes(range(16))
_SEPARATED = 4

USERS = [0, 1500]
INTRINSIC = [1024, 4000]


def forged(users: int, intrinsic: int) -> tuple[bytes, dict[int, tuple[str, bytes | None, bytes | None]]]:
    """Return a directory, and the name, secret and keys of each object in it by its number."""
    rows = ntds.objects({DOMAIN_BACKUP_GUID: rsa_key("domain-backup")}, ntds.Sealer(BOOT_KEY, "2016", "read"), users)
    values = {row["DNT_col"]: (row[ntds.NAME], row.get(ntds.CURRENT_VALUE), row.get(ntds.PEK_LIST)) for row in rows}
    return ntds.written(rows, intrinsic=intrinsic), values  # type: ignore[return-value]


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("intrinsic", INTRINSIC)
def test_libesedb_reads_every_value(users: int, intrinsic: int) -> None:
    pyesedb = other_reader("pyesedb", "libesedb-python")
    data, values = forged(users, intrinsic)
    file = pyesedb.file()
    file.open_file_object(io.BytesIO(data))
    table = file.get_table_by_name("datatable")
    assert [column.name for column in table.columns] == [
        "DNT_col", "PDNT_col", ntds.NAME, ntds.CURRENT_VALUE, ntds.PEK_LIST,
    ]  # fmt: skip

    def value(record: object, number: int) -> bytes | None:
        if record.get_value_data_flags(number) & _SEPARATED:  # type: ignore[attr-defined]
            return bytes(record.get_value_data_as_long_value(number).get_data())  # type: ignore[attr-defined]
        raw = record.get_value_data(number)  # type: ignore[attr-defined]
        return bytes(raw) if raw is not None else None

    records = [table.get_record(number) for number in range(table.number_of_records)]
    found = {
        record.get_value_data_as_integer(0): (record.get_value_data_as_string(2), value(record, 3), value(record, 4))
        for record in records
    }
    assert found == values
    separated = [record for record in records if record.get_value_data_flags(3) & _SEPARATED]
    assert len(separated) == (1 if intrinsic == 1024 else 0)


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("intrinsic", INTRINSIC)
def test_dissect_reads_every_value(users: int, intrinsic: int) -> None:
    data, values = forged(users, intrinsic)
    found = {
        record.get("DNT_col"): tuple(record.get(name) for name in (ntds.NAME, ntds.CURRENT_VALUE, ntds.PEK_LIST))
        for record in ESE(io.BytesIO(data)).table("datatable").records()
    }
    assert found == values


def test_dissect_sees_whether_it_was_shut_down() -> None:
    keys = {DOMAIN_BACKUP_GUID: rsa_key("domain-backup")}
    assert ESE(io.BytesIO(ntds.directory(keys, BOOT_KEY))).header.dbstate == 3
    assert ESE(io.BytesIO(ntds.directory(keys, BOOT_KEY, state=DIRTY))).header.dbstate == 2
