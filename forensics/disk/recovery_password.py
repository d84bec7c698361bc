"""The recovery password of BitLocker: 48 digits in eight groups, of which each tells by itself whether it was mistyped.

References:
    https://learn.microsoft.com/en-us/windows/win32/secprov/protectkeywithnumericalpassword-win32-encryptablevolume
"""

from __future__ import annotations

import re
import unicodedata

from forensics.language import sentence, sentence_n

_GROUPS, _DIGITS = 8, 6
_CHECK, _END = 11, 11 << 16


def recovery_password(text: str) -> str:
    """Return the eight groups, with dashes between them.

    Args:
        text: As somebody typed or copied it: with dashes, spaces or nothing between the groups.

    Raises:
        ValueError: It is none; what is wrong is said by the numbers of groups, never by their digits.

    Examples:
        >>> import forensics
        >>> forensics.recovery_password("111111 222222 333333 444444 555555 666666 000011 000022")
        '111111-222222-333333-444444-555555-666666-000011-000022'
    """
    if any(not (c.isspace() or c in "0123456789" or unicodedata.category(c) == "Pd") for c in text):
        raise ValueError(
            sentence("the BitLocker recovery password holds other characters than digits, dashes and blanks")
        )
    parts = re.findall("[0-9]+", text)
    digits = "".join(parts)
    if len(digits) != _GROUPS * _DIGITS:
        odd = [number for number, part in enumerate(parts, 1) if len(part) != _DIGITS]
        wrong = sentence("the BitLocker recovery password has {count} digits, not 48", count=len(digits))
        if odd and len(parts) > 1:
            which = sentence_n("{groups} has not six", "{groups} have not six", len(odd), groups=_named(odd))
            wrong = sentence("{wrong}: {which}", wrong=wrong, which=which)
        raise ValueError(wrong)
    groups = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    mistyped = [number for number, group in enumerate(groups, 1) if int(group) % _CHECK or int(group) >= _END]
    if mistyped:
        raise ValueError(
            sentence(
                "the BitLocker recovery password is mistyped in {groups}: the check digit does not fit",
                groups=_named(mistyped),
            )
        )
    return "-".join(groups)


def _named(numbers: list[int]) -> str:
    *others, last = map(str, numbers)
    return (
        sentence("groups {names} and {last}", names=", ".join(others), last=last)
        if others
        else sentence("group {last}", last=last)
    )
