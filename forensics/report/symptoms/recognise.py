"""What a user typed or pasted: an error code in any notation, its name, an event, or a message of Windows."""

from __future__ import annotations

import re
import unicodedata

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.report.symptoms.codes import CODES
from forensics.report.symptoms.events import EVENTS
from forensics.report.symptoms.symptom import Symptom

SYMPTOMS = (*CODES, *EVENTS)
"""What is recognised."""
SHORTEST_MESSAGE = 16
"""Letters and digits of a message in English that are enough to find it inside a longer text."""

_SIGN = 1 << 31
_WORD = 1 << 32
_WIN32_FACILITY = 0x8007
_SMALLEST_BARE_WIN32 = 1000

# Sixteen digits are a code whose sign was carried into 64 bits.
_HEX = re.compile(r"\b0x(?:f{8})?([0-9a-f]{8})\b", re.IGNORECASE)
_BARE_HEX = re.compile(r"(?:f{8})?([89ac][0-9a-f]{7})", re.IGNORECASE)
_SIGNED = re.compile(r"(?<![\w.-])-(\d{8,10})\b")
_UNSIGNED = re.compile(r"(?<![\w.-])([2-4]\d{9})\b")
_EVENT = re.compile(r"(?:\bevents?|イベント)[\s:]*(?:id)?[\s:#=]*(\d{1,5})\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.-])(\d{3,5})\b")
_NAME = re.compile(r"\b[A-Z]\w*_\w+\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """An error or event that was asked about.

    Attributes:
        code: Error code, unsigned.
        event_id: Id of the event.
        symptom: What is known of it; None: it is not in the catalogue.
        is_bare: Digits alone, which may be the beginning of a thumbprint, too.
    """

    code: int | None = None
    event_id: int | None = None
    symptom: Symptom | None = None
    is_bare: bool = False

    @property
    def called(self) -> str:
        """What to call it."""
        if self.code is not None:
            return f"0x{self.code:08X}" + (f" {self.symptom.name}" if self.symptom else "")
        return self.symptom.name if self.symptom else sentence("event {number}", number=str(self.event_id))


def read_symptom(text: str) -> Asked | None:
    """Recognise an error code, event or message; None where the text is none that is known or looks like one.

    Args:
        text: A code (``0x80090016``, ``80090016``, ``-2146893802``, ``2148073494``), its name, an event
            (``event 1057``, ``Schannel 36870``, ``36870``), or a message; also within a longer text.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if found := _HEX.search(plain):
        return _of_code(int(found[1], 16))
    if found := _BARE_HEX.fullmatch(plain):
        return _of_code(int(found[1], 16), is_bare=len(plain) == 8)
    if (found := _SIGNED.search(plain)) and int(found[1]) <= _SIGN:
        return _of_code(_WORD - int(found[1]))
    if (found := _UNSIGNED.search(plain)) and _SIGN <= int(found[1]) < _WORD:
        return _of_code(int(found[1]))
    return _by_name(plain) or _event(plain) or _by_message(plain)


def _of_code(code: int, is_bare: bool = False) -> Asked:
    return Asked(code, None, next((s for s in CODES if s.code == code), None), is_bare)


def _by_name(text: str) -> Asked | None:
    names = {name.upper() for name in _NAME.findall(text)}
    found = next((symptom for symptom in CODES if symptom.name in names), None)
    return Asked(found.code, None, found) if found else None


def _event(text: str) -> Asked | None:
    if found := _EVENT.search(text):
        return _of_event(int(found[1]), text)
    for number in map(int, _NUMBER.findall(text)):
        asked = _of_event(number, text)
        named = asked.symptom is not None and any(p.casefold() in text.casefold() for p in asked.symptom.providers)
        if asked.symptom is not None and (named or text == str(number)):
            return asked
        if text == str(number) and number >= _SMALLEST_BARE_WIN32 and (known := _of_win32(number)):
            return known
    return None


def _of_event(number: int, text: str) -> Asked:
    return Asked(None, number, next((symptom for symptom in EVENTS if symptom.event_id == number), None))


def _of_win32(number: int) -> Asked | None:
    code = _WIN32_FACILITY << 16 | number
    found = next((symptom for symptom in CODES if symptom.code == code), None)
    return Asked(code, None, found) if found else None


def _by_message(text: str) -> Asked | None:
    wanted = _bare(text)
    if not wanted:
        return None
    messages = [(_bare(message), symptom) for symptom in SYMPTOMS for message in (symptom.meaning, *symptom.texts)]
    found = [(message, symptom) for message, symptom in messages if message == wanted or _is_in(message, wanted)]
    if not found:
        return None
    _, symptom = max(found, key=lambda pair: len(pair[0]))
    return Asked(symptom.code, symptom.event_id, symptom)


def _is_in(message: str, text: str) -> bool:
    return message in text and (len(message) >= SHORTEST_MESSAGE or not message.isascii())


def _bare(text: str) -> str:
    """Return letters and digits alone: blanks, stops and quotes differ between what is shown and what is pasted."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
