"""The recovery password of BitLocker: 48 digits in eight groups, of which each tells by itself whether it was mistyped.

References:
    https://learn.microsoft.com/en-us/windows/win32/secprov/protectkeywithnumericalpassword-win32-encryptablevolume
"""

from __future__ import annotations

import re
import unicodedata

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
        raise ValueError("the BitLocker recovery password holds other characters than digits, dashes and blanks")
    parts = re.findall("[0-9]+", text)
    digits = "".join(parts)
    if len(digits) != _GROUPS * _DIGITS:
        odd = [number for number, part in enumerate(parts, 1) if len(part) != _DIGITS]
        which = f": {_named(odd)} {'has' if len(odd) == 1 else 'have'} not six" if odd and len(parts) > 1 else ""
        raise ValueError(f"the BitLocker recovery password has {len(digits)} digits, not 48{which}")
    groups = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    wrong = [number for number, group in enumerate(groups, 1) if int(group) % _CHECK or int(group) >= _END]
    if wrong:
        raise ValueError(
            f"the BitLocker recovery password is mistyped in {_named(wrong)}: the check digit does not fit"
        )
    return "-".join(groups)


def _named(numbers: list[int]) -> str:
    *others, last = map(str, numbers)
    return f"groups {', '.join(others)} and {last}" if others else f"group {last}"
