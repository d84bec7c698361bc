"""The HTML report as text: its parts in order, its policy, its weight, and that names from a disk stay text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import date, timedelta
from pathlib import Path

import lxml.html
import pytest
from click.testing import CliRunner

import forensics
from forensics.asked_rules import ask_rules
from forensics.case_tables import CaseTables
from forensics.cli.main import cli
from forensics.engine.loader import load_packs
from forensics.rendering import render
from forensics.report.html.page import render_html
from tests.engine.rule_files import write_rules
from tests.hand_made import AS_OF, DEAD, NOW_GUID, OLD_FILE, OLD_GUID, case, chain, dead_chain, machine
from tests.paths import PROJECT
from tests.report.html.cases import HOSTILE, broken_by, hostile_case, large_case


def tree(page: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(page)


def text(element: lxml.html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def test_parts_stand_in_the_order_in_which_they_are_read() -> None:
    sections = tree(render_html(case())).xpath("//section/@id")
    assert sections == [
        "verdict",
        "first",
        "causes",
        "chains",
        "timeline",
        "certificates",
        "uses",
        "keys",
        "masterkeys",
        "gaps",
        "evidence",
    ]


def test_verdict_is_two_sentences_with_cause_and_next_expiry() -> None:
    [heading] = tree(render_html(case())).xpath("//h1")
    assert text(heading) == (
        "1 of 2 private keys of WEB01 cannot be opened by Windows; cause: “The key file is named for "
        f"MachineGuid {OLD_GUID}; this machine's is {NOW_GUID}”. "
        "Of those with a working or undecided key the next to expire is CN=alive.contoso.test, on 2026-12-02, "
        "in 10 days; 1 expired already."
    )


def test_nothing_broken_and_nothing_ahead() -> None:
    [heading] = tree(render_html(CaseTables([*case().rows("machine"), chain(not_after=None)], [], AS_OF))).xpath("//h1")
    assert text(heading) == (
        "The private key of WEB01 is not known to be broken. "
        "Of those with a working or undecided key none has an expiry ahead."
    )


def test_what_windows_may_delete_is_said_where_keys_can_be_saved() -> None:
    page = tree(render_html(forensics.examine(PROJECT / "testdata/images/copies-sysprep.vhdx.xz", as_of=AS_OF)))
    [heading] = page.xpath("//div[@id='s-savable']/h2")
    assert text(heading).endswith("4 (do not start this disk: 4 hang on what Windows may delete)")


def test_of_what_was_not_examined_no_rule_is_said_to_find_nothing() -> None:
    page = tree(render_html(CaseTables(case().rows("machine"), [], AS_OF)))
    assert "No rule found anything wrong in what was examined." in text(page.xpath("//section[@id='causes']")[0])


def test_of_ended_certificates_alone_no_key_is_counted() -> None:
    ended = CaseTables([*case().rows("machine"), chain(not_after=AS_OF - timedelta(days=1))], [], AS_OF)
    [heading] = tree(render_html(ended)).xpath("//h1")
    assert text(heading).startswith("WEB01 has no certificate in force that has or should have a private key. ")


def test_a_chain_has_its_links_in_order_the_broken_one_marked_and_says_where_each_was_read() -> None:
    page = tree(render_html(case()))
    [broken] = page.xpath("//details[@id='dead']//article")
    assert text(broken.find("h4")) == "CN=dead.contoso.test"
    links = broken.xpath(".//ol/li")
    assert [(link.get("class"), text(link.find("button"))) for link in links] == [
        ("l-good", "Certificatevalid"),
        ("l-good", "Containernamed"),
        ("l-broken", "Key fileanother MachineGuid"),
        ("l-good", "Access listreadable"),
        ("l-good", "DPAPI blobthere"),
        ("l-good", "Master keythere"),
        ("l-good", "DPAPI_SYSTEMcurrent opens it"),
        ("l-good", "Private keyproved"),
        ("l-good", "Public matchsame key"),
    ]
    facts = [text(link.find("div")) for link in links]
    assert facts[0].endswith(
        f"Read in SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\{DEAD}, written 2025-01-02 00:00:00 UTC"
    )
    assert facts[2] == f"The chain breaks here.Read in {OLD_FILE}, written 2024-02-03 04:05:06 UTC"
    # The same file again: the place is not repeated, the script fetches it.
    assert facts[3] == "S-1-5-18:full,S-1-5-32-544:fullRead where the link before it was: Key file"
    assert links[3].xpath(".//@data-as") == ["3"]
    assert "SECURITY\\Policy\\Secrets\\DPAPI_SYSTEM" in facts[6]


def test_findings_of_a_real_disk_with_proof_subjects_and_commands() -> None:
    sample = forensics.examine(PROJECT / "testdata/images/sample.vhdx.xz", as_of=AS_OF)
    page = tree(render_html(sample))
    first = page.xpath("//section[@id='causes']/article")[0]
    assert text(first.find("h3")) == "1critical Sysprep generalized this Windows, and keys from before it are dead"
    subjects = first.xpath("./ul[@class='subjects']/li")
    assert [text(li.find("bdi")) for li in subjects] == [f"CN={n}.contoso.test" for n in ("web", "mail", "api", "ldap")]
    for href in first.xpath("./ul[@class='subjects']//a/@href"):
        [drawn] = page.xpath(f"//article[@id='{href[1:]}']")
        assert "Sysprep generalized this Windows" in text(drawn)
    commands = [pre.text_content() for pre in first.xpath(".//pre")]
    imported = commands[2].split("\n")
    web = "5128463CB51FB4BFB5489BA043D6FCE174F6CA79"
    assert imported[:3] == [
        "# PowerShell as administrator",
        f'certutil -f -importPFX "MY" "C:\\keymortem-pfx\\{web}.pfx"',
        f'certutil -verifystore "MY" {web}',
    ]
    assert "-delstore" not in "".join(commands)
    assert first.xpath(".//ul[@class='conditions']/li")
    evidence = text(page.xpath("//section[@id='evidence']")[0])
    digest = hashlib.sha256((PROJECT / "testdata/images/sample.vhdx.xz").read_bytes()).hexdigest()
    assert digest in evidence


def test_a_chain_names_the_finding_that_stands_for_its_section_or_says_its_own_reason(tmp_path: Path) -> None:
    tpm = {"provider_kind": "tpm", "private_key": "sealed_tpm", "verdict": "unknown"}
    opened = {"id": "open", "title": "It is open", "when": {"access": "too_open"}, "covers": "too_open"}
    sealed = {"id": "sealed", "title": "It is in a TPM", "severity": "info", "when": {"private_key": "sealed_tpm"}}
    whole = CaseTables(
        [
            machine(),
            chain(thumbprint="1" * 40, subject="CN=tpm", **tpm),
            chain(thumbprint="2" * 40, subject="CN=open", access="too_open"),
            dead_chain(thumbprint="3" * 40, subject="CN=both", access="too_open", broken_at="service", reason="so"),
        ],
        as_of=AS_OF,
    )
    ask_rules(
        whole,
        load_packs([write_rules(tmp_path, opened, {**sealed, "covers": ["broken", "undecided"]})], built_in=False),
    )
    page = tree(render_html(whole))
    said = {
        text(a.find("h4")): [text(p) for p in a.xpath("./p")][1:-1] for a in page.xpath("//article[@class='chain']")
    }
    assert said == {"CN=both": ["So."], "CN=tpm": ["Cause: It is in a TPM"], "CN=open": ["Cause: It is open"]}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_policy_permits_the_one_style_and_the_one_script_and_nothing_else(language: str) -> None:
    page = tree(render(case(), "html", language=language))
    [policy] = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    [style], [script] = page.xpath("//style"), page.xpath("//script")

    def digest(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert policy == (
        f"default-src 'none'; style-src {digest(style.text)}; script-src {digest(script.text)}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.get("lang") == language


@pytest.mark.parametrize("made", [case, hostile_case], ids=["plain", "hostile"])
def test_nothing_is_loaded_and_nothing_runs_by_attribute(made: object) -> None:
    page = tree(render_html(made()))  # type: ignore[operator]
    allowed = {"a", "abbr"}
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in (
            "img",
            "link",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "image",
            "use",
            "foreignobject",
        )
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on"), (element.tag, name)
            assert name not in ("style", "src", "srcset", "action", "formaction", "background", "poster")
            if name == "href":
                assert element.tag in allowed
                assert re.match(r"#|https://learn\.microsoft\.com/", value), value


def test_hostile_names_are_text() -> None:
    page = render_html(hostile_case())
    parsed = tree(page)
    shape = {tag: len(parsed.xpath(f"//{tag}")) for tag in ("script", "style", "meta", "title", "body", "html")}
    # Four of meta: charset, policy, viewport and so on; the names add nothing of any kind.
    harmless = tree(render_html(case()))
    assert shape == {tag: len(harmless.xpath(f"//{tag}")) for tag in shape}
    shown = {text(h) for h in parsed.xpath("//article[@class='chain']/h4")}
    for name in HOSTILE:
        plain_name = "CN=gro.live [2Jend" if "\u202e" in name else name
        assert plain_name.replace(" [2J", "[2J") in shown, name
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", page)
    assert "49" not in {text(h) for h in parsed.xpath("//h4")}  # no template is filled twice


def test_a_disk_with_500_certificates_weighs_under_3_megabytes() -> None:
    page = render_html(large_case())
    assert len(page.encode()) < 3_000_000
    # The first are drawn; the others are data in the page.
    assert len(tree(page).xpath("//table[@id='t-certificates']/tbody/tr")) == 100
    assert len(json.loads(tree(page).get_element_by_id("d-certificates").text)["rows"]) == 400
    assert len(tree(page).xpath("//details[@id='dead']//article[@class='chain']")) == 50
    assert len(tree(page).xpath("//details[@id='usable']//article[@class='chain']")) == 50
    assert len(json.loads(tree(page).get_element_by_id("d-usable").text)["rows"]) == 400


def test_headline_names_every_cause() -> None:
    titles = [f"Cause {number}" for number in range(7)]
    whole = case(*(dead_chain(thumbprint=f"{n:040X}", subject=f"CN=d{n}") for n in range(7)))
    whole.finding_list = [broken_by(title, f"{n:040X}") for n, title in enumerate(titles)]
    [heading] = tree(render_html(whole)).xpath("//h1")
    assert [title for title in titles if f"“{title}”" in text(heading)] == titles


def test_headline_gives_the_reasons_of_keys_that_no_finding_speaks_of() -> None:
    host = forensics.examine(PROJECT / "testdata/images/hyperv-source.vhdx.xz", as_of=AS_OF)
    [heading] = tree(render_html(host)).xpath("//h1")
    assert "2 of 4 private keys of HV01 cannot be opened by Windows; cause" in text(heading)
    assert "cause: ." not in text(heading)


def test_what_is_down_stands_first_with_why_and_what_to_do() -> None:
    page = tree(render_html(forensics.examine(PROJECT / "testdata/images/web-server.vhdx.xz", as_of=AS_OF)))
    assert text(page.xpath("//h1")[0]).startswith(
        "7 services are down: http.sys 0.0.0.0:5986 (WinRM), WinRM *+HTTPS port 5986, "
    )
    [services] = page.xpath("//div[@id='s-services']")
    assert text(services.find("h2")) == "Services down 7 (6 critical, 1 high)"
    first = services.xpath(".//li")[0]
    assert text(first.xpath("./p")[0]) == (
        "critical http.sys 0.0.0.0:5986 (WinRM), WinRM *+HTTPS port 5986 since 2026-10-01 key is sound"
    )
    assert text(first.xpath("./p")[1]) == "its certificate CN=remoting.contoso.test has ended"
    assert first.xpath(".//pre")[0].text_content().startswith("Set-WSManInstance -ResourceURI winrm/config/Listener ")
    [cause] = first.xpath(".//p[@class='because']/a")
    assert text(page.get_element_by_id(cause.get("href")[1:]).find("h3")).endswith(text(cause))


def test_time_line_opens_on_two_years_back_and_one_ahead() -> None:
    [drawing] = tree(render_html(case())).xpath("//*[@id='drawing']")
    opens = [date(1970, 1, 1) + timedelta(days=int(drawing.get(f"data-{end}"))) for end in ("begin", "end")]
    assert opens == [date(2024, 11, 21), date(2027, 11, 23)]


def test_several_machines_have_a_lane_each() -> None:
    whole = case(chain(machine_id=2, thumbprint="7" * 40), machine(machine_id=2, computer_name="WEB02"))
    page = tree(render_html(whole))
    assert [text(lane) for lane in page.xpath("//ul[@class='lanes']/li")] == ["WEB01", "WEB02"]
    lanes = {(c.get("data-l"), c.get("data-k")) for c in page.xpath("//circle")}
    assert {kind for lane, kind in lanes if lane == "1"} == {"identity", "certificate", "expiry"}


def test_causes_are_marked_with_severity_and_services() -> None:
    page = tree(render_html(forensics.examine(PROJECT / "testdata/images/web-server.vhdx.xz", as_of=AS_OF)))
    services = [option.text for option in page.xpath("//select[@data-causes='service']/option")[1:]]
    assert "http.sys 0.0.0.0:5986 (WinRM)" in services
    place = str(services.index("http.sys 0.0.0.0:5986 (WinRM)"))
    found = [c for c in page.xpath("//section[@id='causes']//article") if place in c.get("data-services").split()]
    assert [text(cause.find("h3").xpath("./span")[-1]) for cause in found][:1] == ["Certificates have expired"]
    assert {cause.get("data-severity") for cause in found} <= {"critical", "high", "medium", "low", "info"}


def test_empty_case() -> None:
    page = tree(render_html(CaseTables([], [], AS_OF)))
    assert text(page.xpath("//h1")[0]).startswith("Nothing could be examined.")


def test_command_writes_the_page_in_either_language(tmp_path: Path) -> None:
    source, run = PROJECT / "testdata/images/sample.vhdx.xz", CliRunner()
    saved, english, japanese = tmp_path / "s.sqlite", tmp_path / "en.html", tmp_path / "ja.html"
    asked = ["examine", str(source), "--case", str(saved), "--format", "html", "-o", str(english)]
    assert run.invoke(cli, [*asked, "--as-of", "2026-11-22"]).exit_code == 1
    # From the case file too, whose own texts stay English.
    result = run.invoke(cli, ["examine", str(saved), "--format", "html", "--lang", "ja", "-o", str(japanese)])
    assert (result.exit_code, result.output) == (1, "")
    titles = [tree(path.read_text(encoding="utf-8")).findtext(".//title") for path in (english, japanese)]
    assert titles == ["Private keys of WEB01 – keymortem", "WEB01 の秘密キー – keymortem"]
    assert forensics.open_case(saved).finding_list[0].title.startswith("Sysprep generalized this Windows")


def test_page_needs_a_file() -> None:
    refused = CliRunner().invoke(cli, ["examine", "x.vhdx", "--format", "html"])
    assert (refused.exit_code, "--format html needs -o FILE" in refused.output) == (2, True)


@pytest.mark.parametrize(("option", "hashed"), [([], False), (["--hash"], True)])
def test_large_sources_are_hashed_when_asked_to(
    option: list[str], hashed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, page = PROJECT / "testdata/images/sample.vhdx.xz", tmp_path / "page.html"
    monkeypatch.setattr("forensics.sources.identify.CHEAP", 1000)
    CliRunner().invoke(cli, ["examine", str(source), *option, "--format", "html", "-o", str(page)])
    row = text(tree(page.read_text(encoding="utf-8")).xpath("//section[@id='evidence']//tbody/tr")[0])
    assert f"{source.stat().st_size:,} bytes" in row
    assert (hashlib.sha256(source.read_bytes()).hexdigest() in row) is hashed
    assert ("not hashed (--hash does)" in row) is not hashed
