"""Where a private key lies that Windows does not find: the path, and of which Windows it is."""

from __future__ import annotations

from forensics.facts.tables import Tables
from forensics.language import joined, sentence
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.windows_path import WindowsPaths


def recovery_place(row: KeyChainRow, tables: Tables) -> str | None:
    """Write ``recoverable_from`` as its Windows does, behind the name of that Windows where it is another one.

    Args:
        row: The chain.
        tables: All rows.
    """
    if row.recoverable_from is None:
        return None
    machine_id = row.recoverable_on or row.machine_id
    machines = tables.of(MachineRow, machine_id)
    path = WindowsPaths(machines).of(machine_id, row.recoverable_from)
    if row.recoverable_on is None:
        return path
    if machines and machines[0].kind == "former" and not _lies_in(row.recoverable_from, machines[0]):
        return sentence(
            "{path}, by the secrets of {installation_name}",
            path=path,
            installation_name=installation_name(machine_id, machines),
        )
    return sentence("{installation}: {path}", installation=installation_name(machine_id, machines), path=path)


def _lies_in(path: str, former: MachineRow) -> bool:
    folder = (former.system_root or "").rpartition("/")[0]
    return path.lower().startswith(f"{folder.lower()}/")


def installation_name(machine_id: int, machines: list[MachineRow]) -> str:
    """Name a Windows so that it is told from the others of its disk: computer, number, volume and folder."""
    row = machines[0] if machines else None
    known = (row.volume, row.system_root) if row is not None else ()
    apart = joined([sentence("installation {number}", number=machine_id), *(part for part in known if part)], ", ")
    if row is not None and row.kind == "former":
        if not row.computer_name:
            return sentence("the former Windows")
        return sentence("the former Windows {computer_name}", computer_name=row.computer_name)
    if row is None or not row.computer_name:
        return apart
    return sentence("{computer_name} ({apart})", computer_name=row.computer_name, apart=apart)
