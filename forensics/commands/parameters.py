"""Kinds of values in commands: each checks what the disk holds and writes it so that PowerShell takes it as one word.

References:
    Microsoft Learn, about_Quoting_Rules; about_Parsing; certutil (options -user, -enterprise, -GroupPolicy, -service).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from forensics.commands.refusal import Refused
from forensics.tables.deleted_path import is_deleted
from forensics.tables.sanitise import sanitise
from forensics.tables.shadow_path import is_past
from forensics.tables.windows_path import UNKNOWN_DRIVE

Kind = Callable[[str], str]
"""Writes a value for a command, or raises :class:`Refused`."""

THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
"""SHA-1 of a certificate."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SID = re.compile(r"S-1(?:-[0-9]+){1,16}")
_GRANT = re.compile(r"\*?(S-1(?:-[0-9]+){1,16}):((?:\([A-Z]+\))*\(?[A-Z]+(?:,[A-Z]+)*\)?)")
_BINDING = re.compile(
    r"(?:ipport=(?:[0-9.]+|\[[0-9A-Fa-f:.%]+\])|hostnameport=[A-Za-z0-9.*_-]+|(?:ccs|scopedccs)=[A-Za-z0-9.*_-]+)(?::[0-9]{1,5})?"
)
_LISTENER = re.compile(r"Address=[A-Za-z0-9.:*-]+\+Transport=HTTPS")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"[0-9]{1,10}")
# PowerShell takes typographic quotes for quotes.
_SINGLE_QUOTES = re.compile("(['\u2018-\u201b])")
_DOUBLE_QUOTES = re.compile('["\u201c-\u201e]')
_ACTIVE = re.compile("[$`%^&|<>;'\u2018-\u201e\"]")
FOLDER = re.compile(r"[A-Z]:\\[A-Za-z0-9-]+")
"""A folder that a block makes for itself."""
AUTHORITY_STORE = re.compile(r"Root|CA|EKROOT|EKCA")
"""Stores of authorities' certificates."""
_STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]*")
_KEY_FILE = re.compile(rf"(?:[0-9a-f]{{32}}_)?{_GUID.pattern}")
# What certutil and certreq take for an option or a list of arguments, and for all stores there are.
_NO_NAME = re.compile(r"[-/@].*|.*[*?\[\]].*", re.DOTALL)
# What icacls, takeown and attrib would do to more files than the one that a disk calls so.
_SEVERAL = re.compile(r"[*?]|\\\.\.(?:\\|$)")
_OF_WINDOWS = re.compile(
    rf"(?:[A-Z]:|{UNKNOWN_DRIVE})"
    r"(?:\\(?:Windows(?:\\System32|\\SysWOW64)?|Users|ProgramData|Program Files(?: \(x86\))?))?\\*",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[A-Za-z]:\\")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?")


def matching(pattern: re.Pattern[str], form: str = "{}") -> Kind:
    """Return a kind of which every value fits a pattern that holds nothing a shell would act on."""

    def write(value: str) -> str:
        if not pattern.fullmatch(value):
            raise Refused("unsafe")
        return form.format(value)

    return write


def quoted(value: str) -> str:
    """Write a text as one word that a program gets as it is; in double quotes where those do, as cmd takes them too."""
    text = sanitise(value)
    if text != value or _DOUBLE_QUOTES.search(text):
        raise Refused("unsafe")
    if _ACTIVE.search(text):
        return as_literal(text)
    return f'"{text}"'


def literal(value: str) -> str:
    """Write a text as a single-quoted string that a cmdlet gets as it is."""
    text = sanitise(value)
    if text != value:
        raise Refused("unsafe")
    return as_literal(text)


def as_literal(text: str) -> str:
    """Write any text of one line as a single-quoted string."""
    return "'" + _SINGLE_QUOTES.sub(r"\1\1", text) + "'"


def inside_quotes(value: str) -> str:
    """Write a part of a word that stands in double quotes, which a last backslash would keep from ending."""
    if sanitise(value) != value or value.endswith("\\") or _ACTIVE.search(value) or _DOUBLE_QUOTES.search(value):
        raise Refused("unsafe")
    return value


def named(write: Kind) -> Kind:
    """Return a kind for names of stores and templates, which refuses what a tool would take for more than a name."""

    def written(value: str) -> str:
        if _NO_NAME.fullmatch(value):
            raise Refused("unsafe")
        return write(value)

    return written


def path(value: str) -> str:
    """Write a path as its Windows has it; on a drive of unknown letter only where that is the system drive."""
    if _SEVERAL.search(value):
        raise Refused("unsafe")
    if is_past(value):
        raise Refused("deleted" if is_deleted(value) else "shadow_copy")
    if value.startswith(UNKNOWN_DRIVE):
        rest = value.removeprefix(UNKNOWN_DRIVE)
        if sanitise(rest) != rest or _ACTIVE.search(rest):
            raise Refused("unsafe")
        return f'"$env:SystemDrive{rest}"'
    if not _LETTER.match(value):
        raise Refused("other_volume")
    return quoted(value)


def own_path(value: str) -> str:
    """Write the path of what may be given another access list: no drive, and no folder that Windows stands in."""
    if _OF_WINDOWS.fullmatch(value):
        raise Refused("not_shown")
    return path(value.rstrip("\\"))


def key_file(value: str) -> str:
    """Write the path of a key or master key file; or the name of one that ``recover`` wrote, in the folder at hand."""
    return f'"{value}"' if _KEY_FILE.fullmatch(value) else path(value)


def context(scope: str) -> str:
    """Write the option with which certutil reaches a store of a scope."""
    if scope == "service":
        raise Refused("service_store")
    if scope == "policy":
        raise Refused("policy_store")
    options = {"machine": "", "user": " -user", "enterprise": " -enterprise"}
    if scope not in options:
        raise Refused("unknown")
    return options[scope]


def drive(scope: str) -> str:
    """Write where PowerShell's drive of certificates has the stores of a scope."""
    context(scope)
    if scope == "enterprise":
        raise Refused("unknown")
    return "CurrentUser" if scope == "user" else "LocalMachine"


def export_policy(exportable: str) -> str:
    """Write the option without which ``recover`` keeps a key back; what could not be read may forbid it."""
    if exportable not in ("yes", "no", "unknown"):
        raise Refused("unknown")
    return "" if exportable == "yes" else " --even-not-exportable"


def enrolment(scope: str) -> str:
    """Write the option that tells certreq for whom it enrols."""
    context(scope)
    return "-user" if scope == "user" else "-machine"


def listener_selectors(value: str) -> str:
    """Write by what PowerShell finds a listener that winrm names ``Address=*+Transport=HTTPS``."""
    if not _LISTENER.fullmatch(value):
        raise Refused("unsafe")
    address = value.partition("+")[0].removeprefix("Address=")
    return f"@{{Address='{address}'; Transport='HTTPS'}}"


def grants(value: str) -> str:
    """Write rights for icacls, such as ``*S-1-5-20:(R)``, each as one word."""
    found = [_GRANT.fullmatch(item) for item in value.split()]
    if not found or None in found:
        raise Refused("unsafe")
    return " ".join(f'"*{item[1]}:{item[2]}"' for item in found if item)


def sids(value: str) -> str:
    """Write accounts for icacls, each by its SID; a list column has them as JSON."""
    items = [item.removeprefix("*") for item in re.sub(r'[\[\]",]', " ", value).split()]
    if not items or not all(map(_SID.fullmatch, items)):
        raise Refused("unsafe")
    return " ".join(f"*{item}" for item in items)


def thumbprints(value: str) -> str:
    """Write thumbprints, blanks between them, as a list of PowerShell."""
    return ", ".join(f"'{thumbprint(item)}'" for item in value.split()) or thumbprint(value)


thumbprint = matching(THUMBPRINT)
hexadecimal = matching(_HEX)
guid = matching(_GUID)
app_id = matching(re.compile(r"\{" + _GUID.pattern + r"\}"), '"{}"')
sid = matching(_SID)
store_of_computer = matching(_STORE_NAME, '"{}"')
binding = matching(_BINDING)
word = matching(_WORD)
number = matching(_NUMBER)
letter = matching(re.compile(r"[A-Za-z]:"))
url = matching(_URL)
flags = matching(re.compile(r"0x[0-9A-Fa-f]{1,8}"))
attributes = matching(re.compile(r"\+[hrs](?: \+[hrs]){0,2}"))
