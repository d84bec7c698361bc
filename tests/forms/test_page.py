"""The page of the manual that lists the forms is the one that the tables give."""

from testdata.forms.page import render
from tests.paths import PROJECT


def test_the_page_is_current() -> None:
    assert (PROJECT / "docs" / "forms.md").read_text(encoding="utf-8") == render(), "run make docs"
