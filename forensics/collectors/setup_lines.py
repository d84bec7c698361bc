"""What single lines of Setup's logs say about keys and identity.

Kinds of rows: ``sysprep_begun``, ``option_generalize``, ``phase_begun``, ``action_file_opened``, ``module_run``,
``module_failed``, ``machine_guid_assigned``, ``capisp``, ``tag_written``, ``generalization_state``, ``error``.

A line of phase ``generalize`` is taken from Sysprep's own log only: feature upgrades too run parts of Sysprep, and
write about it into ``Windows\\Panther``.
"""

from __future__ import annotations

import re
from datetime import datetime

from forensics.late_methods import dataclass
from forensics.tables.event import SetupKind, SetupPhase

MAX_MESSAGE = 500
"""Display: characters of one message."""
PHASES: tuple[SetupPhase, ...] = ("cleanup", "generalize", "specialize", "respecialize")

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d),?\s+(\w+)\s*(.*)", re.ASCII)
_WORTH = re.compile(r"SYSPRP|capisp|generalization state", re.IGNORECASE)
_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ASSIGNED = re.compile(rf"assigned CAPI machine guid \W{{0,3}}({_GUID})", re.IGNORECASE)
_PHASE = re.compile(r"RunDlls:.*\bfor phase (\d+)", re.IGNORECASE)
_ACTION_FILE = re.compile(r"action file .*\\(\w+)\.xml", re.IGNORECASE)
_MODULE = re.compile(
    r"LaunchModule:\s*(?:Found|Executing method) '(\w+)' (?:in|from) .*?([\w.-]+\.(?:dll|exe))", re.IGNORECASE
)
_LAUNCHED = re.compile(r"LaunchDll:Successfully executed '?.*?([\w.-]+\.dll),\s*(\w+)", re.IGNORECASE)
_FAILED = re.compile(r"Failure occurred while executing '(\w+)' from .*?([\w.-]+\.(?:dll|exe))", re.IGNORECASE)
_STATE = re.compile(r"generalization state \[0x[0-9a-f]+\]", re.IGNORECASE)
# Modules that touch keys: CAPI and CNG machine keys, and the key of Remote Desktop.
_KEY_MODULES = ("capisp.dll", "tssysprep.dll")
# Phase numbers as seen in logs; the others are not known for sure.
_PHASE_NUMBERS: dict[str, SetupPhase] = {"1": "generalize", "3": "cleanup"}
_PHASE_NAMES: dict[str, SetupPhase] = {**{phase: phase for phase in PHASES}, "clean": "cleanup"}


@dataclass(frozen=True, slots=True)
class SetupLine:
    """One telling line; columns as in table ``setup_event``."""

    time: datetime | None
    phase: SetupPhase
    kind: SetupKind
    message: str
    module: str | None = None
    machine_guid: str | None = None


def worth_reading(line: str) -> bool:
    """Tell whether a line can be a telling one."""
    return _WORTH.search(line) is not None


class SetupLines:
    """Reads the lines of one log in their order, which tells what phase a line belongs to.

    Args:
        of_sysprep: It is Sysprep's own log (``Sysprep\\Panther``), not one of Setup's.
    """

    def __init__(self, of_sysprep: bool) -> None:
        self._of_sysprep = of_sysprep
        self._phase: SetupPhase = "cleanup" if of_sysprep else "specialize"

    def read(self, line: str) -> SetupLine | None:
        """Return what a line says; None when it says nothing of interest."""
        if not worth_reading(line):
            return None
        head = _TIME.match(line.lstrip("\ufeff"))
        level, message = (head[2].lower(), head[3]) if head else ("", line)
        found = self._say(" ".join(message.split())[:MAX_MESSAGE], level, _time(head[1]) if head else None)
        return None if found and found.phase == "generalize" and not self._of_sysprep else found

    def _say(self, message: str, level: str, time: datetime | None) -> SetupLine | None:
        assigned = _ASSIGNED.search(message)
        if assigned:
            guid = assigned[1].lower()
            return SetupLine(time, "specialize", "machine_guid_assigned", message, "capisp.dll", guid)
        if "capisp.dll::" in message.lower():
            return SetupLine(time, self._phase_of(message), "capisp", message, "capisp.dll")
        return self._step(message, time) or self._module(message, level, time)

    def _step(self, message: str, time: datetime | None) -> SetupLine | None:
        """Tell the steps of a run apart; they set the phase of what follows."""
        lower = message.lower()
        if "beginning of a new sysprep run" in lower:
            self._phase = "cleanup"
            return SetupLine(time, "cleanup", "sysprep_begun", message)
        if "found supported command line option 'generalize'" in lower:
            return SetupLine(time, "generalize", "option_generalize", message)
        numbered = _PHASE.search(message) if self._of_sysprep else None
        if numbered and numbered[1] in _PHASE_NUMBERS:
            self._phase = _PHASE_NUMBERS[numbered[1]]
            return SetupLine(time, self._phase, "phase_begun", message)
        file = _ACTION_FILE.search(message)
        if file and file[1].lower() in PHASES and "createsession" in lower:
            self._phase = _PHASE_NAMES[file[1].lower()]
            return SetupLine(time, self._phase, "action_file_opened", message)
        # Every run looks for the tag of an earlier one, also those that fail: that there is none, writes none.
        if "fcreatetagfile:" in lower and "does not already exist" not in lower:
            return SetupLine(time, "tag", "tag_written", message)
        if _STATE.search(message):
            return SetupLine(time, "state", "generalization_state", message)
        return None

    def _module(self, message: str, level: str, time: datetime | None) -> SetupLine | None:
        failed = _FAILED.search(message)
        if failed:
            return SetupLine(time, self._phase_of(failed[1]), "module_failed", message, failed[2].lower())
        run = _MODULE.search(message)
        launched = _LAUNCHED.search(message)
        method, module = (run[1], run[2]) if run else (launched[2], launched[1]) if launched else ("", "")
        if module.lower() in _KEY_MODULES:
            return SetupLine(time, self._phase_of(method), "module_run", message, module.lower())
        return SetupLine(time, self._phase, "error", message) if level == "error" else None

    def _phase_of(self, text: str) -> SetupPhase:
        named = re.search(r"_(generalize|respecialize|specialize|clean)", text, re.IGNORECASE)
        if named is None:
            return self._phase
        return _PHASE_NAMES[named[1].lower()]


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
