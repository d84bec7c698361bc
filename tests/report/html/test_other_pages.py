"""The pages of migrate, attest and compare: the same shell and policy as the report's, and what they say."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import lxml.html
import pytest

import forensics
from forensics.report.result import Result
from tests.examined import examined
from tests.report.html.test_in_browser import LAPTOP, PHONE, Page, browser, complaints_of_axe, page

__all__ = ["browser", "page"]


MAKERS: dict[str, Callable[[], Result]] = {
    "migrate": lambda: forensics.plan_migration(examined("hyperv-source"), examined("hyperv-target")),
    "attest": lambda: forensics.attest(examined("attest-ca"), [examined("tpm-laptop"), examined("laptop")]),
    "compare": lambda: forensics.compare(examined("before-sysprep"), examined("sysprepped")),
}


@cache
def made(name: str) -> Result:
    return MAKERS[name]()


def tree(name: str, language: str = "en") -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(forensics.render(made(name), "html", language=language))


def text(element: lxml.html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", MAKERS)
def test_policy_permits_the_one_style_and_the_one_script_and_nothing_else(name: str, language: str) -> None:
    parsed = tree(name, language)
    [policy] = parsed.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    [style], [script] = parsed.xpath("//style"), parsed.xpath("//script")

    def digest(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert policy == (
        f"default-src 'none'; style-src {digest(style.text)}; script-src {digest(script.text)}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert parsed.get("lang") == language
    assert len(parsed.xpath("//h1")) == 1


def test_migration_tells_the_answer_the_steps_and_what_works() -> None:
    parsed = tree("migrate")
    assert text(parsed.find(".//h1")) == "Moving virtual machines from HV01 to HV02, as of 2026-11-22"
    steps = parsed.xpath("//ol[@class='steps']/li")
    assert len(steps) == 10
    assert "Export-PfxCertificate" in steps[0].xpath(".//pre")[0].text_content()
    rows = parsed.xpath("//table[@id='t-machines']/tbody/tr")
    assert [text(cell) for cell in rows[0].xpath("./td")] == ["COPY01", *["likely fails"] * 5]
    assert all(pre.get("tabindex") == "0" for pre in parsed.xpath("//pre"))


def test_attestation_tells_each_device_and_each_way_of_trust() -> None:
    parsed = tree("attest")
    assert text(parsed.find(".//h1")) == "Attestation of TPM keys by Contoso Issuing CA 1 on CA01"
    devices = [text(heading) for heading in parsed.xpath("//article/h3")]
    assert devices == ["LAP-77 accepted: list of endorsement keys", "LAP-31 cannot be told"]
    assert "excluded: the private key may be exported" in text(parsed.xpath("//section[@id='templates']")[0])
    [first, _] = parsed.xpath("//article")
    assert [text(heading) for heading in first.xpath("./h4")] == [
        "list of endorsement keys yes",
        "certificate of the endorsement key yes",
        "word of the user (trust on use) no",
    ]


def test_comparison_says_in_its_headline_what_died() -> None:
    parsed = tree("compare")
    assert text(parsed.find(".//h1")) == "7 private keys died"
    [died] = parsed.xpath("//article[contains(@class, 'fate-died')]")
    assert text(died.find("h3")).endswith("7")


@pytest.mark.parametrize("name", MAKERS)
def test_axe_finds_nothing_and_nothing_is_requested(page: Page, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.html"
    forensics.write(made(name), "html", file)
    for scheme, size in (("light", LAPTOP), ("dark", PHONE)):
        assert complaints_of_axe(page, file, scheme, size) == []
        assert page.requests() == [file.as_uri()]
        scrolled, shown = page.js("const d = document.documentElement; return [d.scrollWidth, d.clientWidth]")
        assert scrolled == shown
