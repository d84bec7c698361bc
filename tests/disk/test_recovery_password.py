"""The recovery password of BitLocker is checked by its own digits, none of which is quoted where it is wrong."""

from __future__ import annotations

import pytest

import forensics
from forensics.disk.recovery_password import recovery_password
from forensics.disk.unlock import Unlock

PUBLISHED = "531058-303050-716078-383614-460922-106975-083446-139161"
"""One that Windows accepts: superuser.com, question 1390599."""
BLANK = PUBLISHED.replace("-", " ")


@pytest.mark.parametrize(
    "text", [PUBLISHED, BLANK, PUBLISHED.replace("-", ""), f"\t{BLANK}\n", BLANK.replace(" ", "\u2013")]
)
def test_it_is_read_however_it_was_copied(text: str) -> None:
    assert recovery_password(text) == PUBLISHED
    assert Unlock(recovery_key=text).recovery_key == PUBLISHED


def test_the_smallest_and_the_largest_groups_are_right() -> None:
    assert recovery_password("000000" * 4 + "720885" * 4) == "-".join(["000000"] * 4 + ["720885"] * 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PUBLISHED.replace("716078", "716079"), "is mistyped in group 3:"),
        (PUBLISHED.replace("716078", "761078"), "is mistyped in group 3:"),
        (PUBLISHED.replace("303050", "330050").replace("139161", "139171"), "is mistyped in groups 2 and 8:"),
        (PUBLISHED.replace("531058", "720896"), "is mistyped in group 1:"),
        ("-".join(["123456"] * 8), "is mistyped in groups 1, 2, 3, 4, 5, 6, 7 and 8:"),
        (PUBLISHED.replace("106975", "10697"), "has 47 digits, not 48: group 6 has not six"),
        (PUBLISHED.replace("-083446", ""), "has 42 digits, not 48"),
        (PUBLISHED.replace("-", "")[1:], "has 47 digits, not 48"),
        ("", "has 0 digits, not 48"),
        (PUBLISHED.replace("0", "O"), "holds other characters than digits, dashes and blanks"),
        (PUBLISHED.replace("3", "\u0663"), "holds other characters than digits, dashes and blanks"),
    ],
)
def test_what_is_wrong_is_said_without_a_digit_of_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^the BitLocker recovery password ") as error:
        recovery_password(text)
    assert said in str(error.value)
    assert not [group for group in PUBLISHED.split("-") if group in str(error.value)]
    if text:
        with pytest.raises(ValueError, match=r"recovery password"):
            forensics.examine("no-such-disk", recovery_key=text)
