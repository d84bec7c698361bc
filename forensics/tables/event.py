"""Tables event, setup_event and package: what Windows itself wrote down about keys, setup and updates."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.row import Row, column

SetupPhase = Literal["generalize", "specialize", "respecialize", "cleanup", "tag", "state", "action_file"]
SetupKind = Literal[
    "sysprep_begun",
    "option_generalize",
    "phase_begun",
    "action_file_opened",
    "module_run",
    "module_failed",
    "capisp",
    "machine_guid_assigned",
    "generalization_state",
    "tag_written",
    "error",
    "sysprep_succeeded",
    "image_state",
    "crypto_specialize_present",
    "crypto_specialize_missing",
]


@dataclass(kw_only=True, slots=True)
class EventRow(Row):
    """One event-log record that bears on keys, certificates, identity or time."""

    table: ClassVar[str] = "event"
    description: ClassVar[str] = (
        "Event-log records about keys, certificates, Remote Desktop, TPM, key services, renames and clock changes"
    )

    channel: str = column("Channel, such as System or Microsoft-Windows-Crypto-DPAPI/Operational")
    provider: str = column("Provider name, such as Schannel")
    event_id: int = column("Event ID")
    time: datetime | None = column("Time written, UTC, by the clock of that moment", None)
    computer: str | None = column("Computer name at that moment", None)
    record_id: int | None = column("Number of the record in its log: the true order, also where the clock jumped", None)
    level: int | None = column("1 critical, 2 error, 3 warning, 4 information, 0 always", None)
    data: str = column("JSON object of the event's data by name; unnamed data as param1, param2 ...", "{}")
    thumbprint: str | None = column("SHA-1 of the certificate it speaks of, upper hex", None)
    key_name: str | None = column("Container it speaks of", None)
    key_file_name: str | None = column("Name of the key file it speaks of, lower case, without folder", None)
    machine_guid: str | None = column("MachineGuid in that key file name, lower case", None)
    error_code: str | None = column("Error or return code, such as 0x80090016; 0x0 is success", None)
    service: str | None = column("Service it speaks of: its name where known, else its display name", None)
    process: str | None = column("Process that it names as the one that failed, such as sqlservr.exe", None)
    account: str | None = column("SID of the account as which the service of that process runs, where known", None)
    message: str | None = column("One line: what happened, in the words of the record", None)


@dataclass(kw_only=True, slots=True)
class SetupEventRow(Row):
    """One thing that Setup or Sysprep did, by its logs and leftovers."""

    table: ClassVar[str] = "setup_event"
    description: ClassVar[str] = (
        "What Sysprep and Setup did: log lines of generalize and specialize, the tag file, State.ini, the action files"
    )

    time: datetime | None = column("Log lines: local time of that machine, as written; files: UTC", None)
    time_is_local: bool = column("The time is local time without a zone, as Setup logs write it", False)
    phase: SetupPhase = column("part of a run, or what was left of one")
    kind: SetupKind = column("what happened")
    module: str | None = column("DLL or program, such as capisp.dll", None)
    message: str = column("The line or value as written", "")
    machine_guid: str | None = column("MachineGuid that was assigned, lower case", None)
    log: str = column("File it was read from, such as setupact.log", "")


@dataclass(kw_only=True, slots=True)
class PackageRow(Row):
    """One installed, staged or removed update package."""

    table: ClassVar[str] = "package"
    description: ClassVar[str] = "Update packages of Component Based Servicing: the patch level"

    name: str = column("Package name, such as Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.1.1.1")
    kb: str | None = column("Update, such as KB4012219; null for a rollup named by build only", None)
    version: str | None = column("Version in the package name; of a RollupFix build.revision.x.y", None)
    build: int | None = column("Windows build a RollupFix brings, such as 9600; null for others", None)
    revision: int | None = column("Revision (UBR) a RollupFix brings, such as 18528; null for others", None)
    state: int | None = column("CurrentState; 112 (0x70) is installed", None)
    installed: bool | None = column("CurrentState says installed; null: no CurrentState", None)
    install_time: datetime | None = column("InstallTimeHigh and InstallTimeLow, UTC", None)
