"""What a former Windows has that the one in its place has not: its keys, told apart by their public half."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from forensics.facts.tables import Tables
from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.former_windows import FormerWindowsRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.secrets import SecretRow
from forensics.tables.windows_path import windows_folder

MAX_NAMED = 50
"""Display: keys that one row names."""


def former_windows(rows: Iterable[Row], disks: Mapping[int, str]) -> list[FormerWindowsRow]:
    """Compare each former Windows with the one in its place.

    Args:
        rows: All rows of the examination.
        disks: The disk or collection of each installation, by ``machine_id``.
    """
    given = list(rows)
    machines = [row for row in given if isinstance(row, MachineRow)]
    former = [row for row in machines if row.kind == "former"]
    if not former:
        return []
    tables = Tables(given)
    return [_row(row, _in_its_place(row, machines, disks), tables) for row in former]


def _in_its_place(former: MachineRow, machines: Iterable[MachineRow], disks: Mapping[int, str]) -> MachineRow | None:
    """Return the only Windows of the same volume, where there is one."""
    here = [
        row
        for row in machines
        if row.kind == "windows"
        and row.volume == former.volume
        and disks.get(row.machine_id) == disks.get(former.machine_id)
    ]
    return here[0] if len(here) == 1 else None


def _row(former: MachineRow, present: MachineRow | None, tables: Tables) -> FormerWindowsRow:
    keys = list(_keys(former.machine_id, tables))
    held = list(_keys(present.machine_id, tables)) if present else []
    had = {key.public for key in held if key.opens}
    there = {key.public for key in held}
    opened = {key.public: key.name for key in reversed(keys) if key.opens}
    waiting = {key.public for key in keys if key.waits}
    only_there = [name for public, name in opened.items() if public not in had]
    return FormerWindowsRow(
        machine_id=present.machine_id if present else 0,
        former=former.machine_id,
        folder=windows_folder(former.system_root, former.drive),
        computer_name=former.computer_name,
        product_name=former.product_name,
        build=former.build,
        machine_guid=former.machine_guid,
        last_seen_alive=former.last_seen_alive,
        same_machine_guid=_same(former.key_suffix, present.key_suffix if present else None),
        same_dpapi_system=_same(_secret(former, tables), _secret(present, tables)),
        keys=len(opened),
        locked=len(waiting),
        only_there=sorted(only_there)[:MAX_NAMED],
        keys_only_there=len(only_there),
        locked_only_there=len(waiting - there),
        source_path=former.source_path,
        source_time=former.source_time,
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of an installation.

    Attributes:
        public: What tells it from others: its public half, else the certificate or file that it is of.
        name: What to call it.
        opens: Its private key was had, from a file of the installation.
        waits: It waits for the password of its user.
    """

    public: str
    name: str
    opens: bool
    waits: bool


def _keys(machine_id: int, tables: Tables) -> Iterator[_Key]:
    files = {row.path.lower(): row for row in tables.of(KeyFileRow, machine_id)}
    certificates = {row.thumbprint: row for row in tables.of(CertificateRow, machine_id)}
    for chain in tables.of(KeyChainRow, machine_id):
        certificate = certificates.get(chain.thumbprint or "")
        file = files.get((chain.recoverable_from or chain.key_file_path or "").lower())
        publics = (certificate and certificate.public_key_sha256, file and file.public_key_sha256)
        own = chain.thumbprint or chain.key_file_path or ""
        yield _Key(
            public=next((public for public in publics if public), own),
            name=(chain.subject if chain.thumbprint else None) or own.rpartition("/")[2],
            opens=chain.verdict == "usable"
            or chain.private_key == "proved"
            or (chain.recoverable is True and chain.recoverable_on is None),
            waits=(chain.private_key, chain.unlocked_by) == ("locked", "not_tried"),
        )


def _same(former: str | None, present: str | None) -> bool | None:
    return None if former is None or present is None else former == present


def _secret(machine: MachineRow | None, tables: Tables) -> str | None:
    rows = tables.of(SecretRow, machine.machine_id) if machine else []
    return next((row.fingerprint for row in rows if row.generation == "current" and row.validated), None)
