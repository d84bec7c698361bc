"""Who uses a key, in the text of explain and in the page."""

from __future__ import annotations

from typing import Any

import lxml.html

from forensics.case_tables import CaseTables
from forensics.report.explain import MAX_USES, render_explain
from forensics.report.html.page import render_html
from forensics.report.uses import account_of, told_use, uses_of
from forensics.tables.use import CertificateUseRow
from tests.hand_made import ALIVE, DEAD, case, chain

SQL = "S-1-5-80-1"


def use(**values: Any) -> CertificateUseRow:
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "x",
        "consumer": "SQL Server",
        "label": "SQL Server instance A",
    }
    known |= {"thumbprint": ALIVE, "certainty": "proved", "store": "MY", "owner_sid": "S-1-5-18"}
    return CertificateUseRow(**(known | values))


SHUT_OUT = use(
    account=SQL, account_name="NT SERVICE\\A", opens="unusable", opens_broken_at="access", opens_reason="it is shut out"
)


def with_uses(*uses: CertificateUseRow) -> CaseTables:
    made = case(chain())
    made.tables["certificate_use"] = list(uses)
    return made


def test_what_is_said_of_one_use() -> None:
    assert told_use(SHUT_OUT) == (
        "SQL Server instance A (proved), as NT SERVICE\\A (S-1-5-80-1): does not open it: it is shut out"
    )
    assert told_use(use(opens="usable", label="", account_name="LocalSystem")) == (
        "SQL Server (proved), as LocalSystem: opens it"
    )
    assert told_use(use(also_set_at=["y", "z"], opens_reason="why")) == (
        "SQL Server instance A (proved): may or may not open it: why; also named in y, z"
    )
    assert [account_of(u) for u in (SHUT_OUT, use(account=SQL), use())] == ["NT SERVICE\\A (S-1-5-80-1)", SQL, ""]


def test_uses_are_those_of_the_certificate_in_its_store() -> None:
    others = [
        use(machine_id=2),
        use(thumbprint=DEAD),
        use(store="WebHosting"),
        use(owner_sid="S-1-5-21-1-2-3-1001"),
        use(thumbprint=None, key_file_path="k"),
    ]
    anywhere = use(store=None, owner_sid=None)
    found = with_uses(SHUT_OUT, *others, anywhere)
    assert list(uses_of(found, chain())) == [SHUT_OUT, anywhere]
    assert list(uses_of(found, chain(thumbprint=None, store=None, owner_sid=None, key_file_path="k"))) == [others[-1]]
    assert list(uses_of(found, chain(thumbprint=None, key_file_path=None))) == []


def test_explain_says_who_opens_the_key() -> None:
    text = render_explain(with_uses(SHUT_OUT), [chain()])
    assert "\n  used by\n  - SQL Server instance A (proved), as NT SERVICE\\A (S-1-5-80-1): does not open it" in text
    assert "used by" not in render_explain(with_uses(), [chain()])
    many = render_explain(with_uses(*(use(label=str(n)) for n in range(MAX_USES + 2))), [chain()])
    assert "- and 2 more: see --format json" in many


def test_the_page_has_them_all_those_that_do_not_open_first() -> None:
    page = lxml.html.fromstring(render_html(with_uses(use(opens="usable"), use(), SHUT_OUT)))
    rows = [[cell.text_content() for cell in row] for row in page.xpath("//section[@id='uses']//tbody/tr")]
    assert [row[0] for row in rows] == ["does not open", "unknown", "opens"]
    assert rows[0][1:6] == ["SQL Server instance A", "NT SERVICE\\A (S-1-5-80-1)", "proved", "It is shut out.", ALIVE]
