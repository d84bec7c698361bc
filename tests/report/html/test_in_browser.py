"""The HTML report in headless Chromium: it sorts, filters, opens chains, zooms; it requests nothing and never fails."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.rendering import render
from forensics.report.html.page import render_html
from tests.examined import examined
from tests.hand_made import DEAD, OLD_FILE, case
from tests.oracles import other_reader
from tests.report.html.cases import HOSTILE, hostile_case, large_case
from tests.report.html.printed_text import printed_text

webdriver = other_reader("selenium.webdriver", "selenium")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium (Debian packages chromium and chromium-driver)"
)
DESKTOP, LAPTOP, PHONE = (1280, 900), (1366, 768), (390, 844)
MOST_TO_LOAD, MOST_TO_FILTER = 5.0, 2.0
"""Seconds that ten thousand certificates may take, on a machine that does other things too."""


def several() -> CaseTables:
    """Return a case of three disks, one of which has two Windows."""
    return examined("web-server", "two-windows", "laptop")


class Page:
    """One page in the browser.

    Args:
        driver: The browser.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, file: Path, size: tuple[int, int] = DESKTOP) -> None:
        """Show a file at a size."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # what an earlier page left
        self.driver.get(file.as_uri())

    def js(self, script: str, *values: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *values)

    def find(self, selector: str) -> Any:
        """Return the first element of a selector."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return what stands in all elements of a selector that are shown."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)"
        )
        return [str(value) for value in self.js(script, selector)]

    def column(self, table: str, number: int) -> list[str]:
        """Return a column of a table as it is shown."""
        return self.texts(f"#t-{table} tbody tr td:nth-child({number})")

    def press(self, selector: str) -> None:
        """Click something."""
        self.js("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.find(selector).click()

    def requests(self) -> list[str]:
        """Return every address that the page asked for since it was opened."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Return what the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


def complaints_of_axe(page: Page, file: Path, scheme: str = "light", size: tuple[int, int] = LAPTOP) -> list[str]:
    """Return what axe finds on a page, every group of it open."""
    axe = Path(other_reader("axe_core_python", "axe-core-python").__file__).parent / "axe.min.js"
    media = {"media": "", "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page.open(file, size)
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.js(axe.read_text(encoding="utf-8"))
    run = """
        const done = arguments[arguments.length - 1];
        axe.run().then((all) => done(all.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`)));"""
    return [str(found) for found in page.driver.execute_async_script(run)]


def printed(page: Page) -> str:
    """Return the text of the page as the browser exports it as PDF, without blanks."""
    options = {"printBackground": True, "preferCSSPageSize": True, "generateTaggedPDF": False}
    return printed_text(base64.b64decode(page.driver.execute_cdp_cmd("Page.printToPDF", options)["data"]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("pages")
    makers: dict[str, Callable[[], str]] = {
        "plain": lambda: render_html(case()),
        "ja": lambda: render(case(), "html", language="ja"),
        "hostile": lambda: render_html(hostile_case()),
        "large": lambda: render_html(large_case()),
        "printed": lambda: render_html(large_case(120)),
        "found": lambda: render_html(examined("web-server")),
        "several": lambda: render_html(several()),
        "ten-thousand": lambda: render_html(large_case(10_000)),
    }

    def file(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(makers[name](), encoding="utf-8")
        return path

    return file


@pytest.fixture
def page(browser: Any) -> Page:
    return Page(browser)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["plain", "ja", "hostile", "large", "several"])
def test_asks_for_nothing_complains_of_nothing_and_fits(
    page: Page, files: Callable[[str], Path], name: str, size: tuple[int, int]
) -> None:
    page.open(files(name), size)
    for selector in (".links button", "#zoom [data-zoom='in']", "#t-certificates .sort"):
        page.press(selector)
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    # Nothing is wider than the window.
    scrolled, shown = page.js("const d = document.documentElement; return [d.scrollWidth, d.clientWidth]")
    assert scrolled == shown
    assert page.requests() == [files(name).as_uri()]
    assert page.complaints() == []


def test_a_link_of_a_chain_shows_where_its_fact_was_read(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("plain"))
    chain = "#dead .chain"
    assert page.texts(f"{chain} .fact") == []
    page.press(f"{chain} .l-broken button")
    assert page.texts(f"{chain} .fact") == [
        f"The chain breaks here.\n\nRead in {OLD_FILE}, written 2024-02-03 04:05:06 UTC"
    ]
    page.press(f"{chain} li:nth-child(4) button")  # the access list, of the same file
    assert page.texts(f"{chain} .fact") == [
        f"S-1-5-18:full,S-1-5-32-544:full\n\nRead in {OLD_FILE}, written 2024-02-03 04:05:06 UTC"
    ]
    page.press(f"{chain} li:nth-child(4) button")
    assert page.texts(f"{chain} .fact") == []
    page.press("[data-open='chains']")
    assert len(page.texts(f"{chain} .fact")) == 9


def test_a_chain_is_walked_with_the_keyboard(page: Page, files: Callable[[str], Path]) -> None:
    keys = other_reader("selenium.webdriver.common.keys", "selenium").Keys
    page.open(files("plain"))
    page.find("#dead .links button").send_keys(keys.ARROW_RIGHT)
    page.driver.switch_to.active_element.send_keys(keys.ENTER)
    assert page.js("return document.activeElement.innerText").startswith("Container")
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    [fact] = page.texts("#dead .fact")
    assert fact.startswith("container TSSecKeySet1, flags 0x20, key spec 1")


def test_tables_sort_both_ways_over_all_their_rows(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("large"))
    page.press("#t-certificates th:nth-child(2) button")
    names = [name.split(".")[0] for name in page.column("certificates", 2)]
    assert names == [f"CN=host-{n:03}" for n in range(100)]
    page.press("#t-certificates th:nth-child(2) button")
    names = [name.split(".")[0] for name in page.column("certificates", 2)]
    assert names == [f"CN=host-{n:03}" for n in range(499, 399, -1)]
    assert page.find("#t-certificates th:nth-child(2)").get_attribute("aria-sort") == "descending"
    page.press("#t-certificates th:nth-child(1) button")
    assert page.column("certificates", 1) == ["dead"] * 50 + ["usable"] * 50


def test_tables_are_turned_page_by_page(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("large"))
    pager = "[data-pager='certificates']"
    assert page.texts(f"{pager} output") == ["1 to 100 of 500"]
    first = page.column("certificates", 2)
    page.press(f"{pager} button:last-child")
    assert page.texts(f"{pager} output") == ["101 to 200 of 500"]
    assert set(page.column("certificates", 2)).isdisjoint(first)
    page.press(f"{pager} button:first-child")
    assert page.column("certificates", 2) == first
    assert page.find(f"{pager} button:first-child").is_enabled() is False


def test_script_draws_rows_and_chains_as_the_template_does(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    for name, most in (("template", 1000), ("script", 1)):
        monkeypatch.setattr("forensics.report.html.tables.PAGE", most)
        monkeypatch.setattr("forensics.report.html.chains.DRAWN", most)
        file = tmp_path / f"{name}.html"
        file.write_text(render_html(several()), encoding="utf-8")
        page.open(file)
        page.js("dispatchEvent(new Event('beforeprint'))")
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.outerHTML.replace(/>\\s+</g, '><'))"
        drawn.append(page.js(script, "table.data tbody tr, .chain"))
    assert len(drawn[0]) == 200
    assert drawn[1] == drawn[0]


def test_findings_are_filtered_by_severity_service_and_words(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("found"))
    whole = page.texts("#causes > .cause > h3 > span:last-child")
    assert len(whole) > 3
    choose = "const s = arguments[0]; s.value = arguments[1]; s.dispatchEvent(new Event('change'))"
    page.js(choose, page.find("[data-causes='severity']"), "critical")
    assert set(page.texts("#causes .cause .severity")[:1]) == {"critical"}
    assert set(
        page.js("return [...document.querySelectorAll('#causes .cause:not([hidden])')].map(c => c.dataset.severity)")
    ) == {"critical"}
    page.js(choose, page.find("[data-causes='severity']"), "")
    options = page.js("return [...document.querySelector('[data-causes=service]').options].map(o => o.text)")
    page.js(choose, page.find("[data-causes='service']"), str(options.index("http.sys 0.0.0.0:5986 (WinRM)") - 1))
    assert page.texts("#causes > .cause > h3 > span:last-child") == ["Certificates have expired"]
    page.js(choose, page.find("[data-causes='service']"), "")
    page.find("[data-causes='words']").send_keys("icacls")
    found = page.texts("#causes > .cause > h3 > span:last-child")
    assert found
    assert set(found) < set(whole)
    assert all("icacls" in text for text in page.texts("#causes > .cause"))


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("name", ["plain", "several", "large"])
def test_no_table_is_wider_than_its_place(
    page: Page, files: Callable[[str], Path], name: str, size: tuple[int, int]
) -> None:
    page.open(files(name), size)
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    wide = page.js(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    )
    assert wide == []


@pytest.mark.parametrize(("scheme", "size"), [("light", LAPTOP), ("dark", PHONE)], ids=["laptop", "phone"])
@pytest.mark.parametrize("name", ["plain", "ja", "found"])
def test_axe_finds_nothing(
    page: Page, files: Callable[[str], Path], name: str, scheme: str, size: tuple[int, int]
) -> None:
    assert complaints_of_axe(page, files(name), scheme, size) == []


def test_on_paper_everything_is_unfolded_and_no_row_is_lost(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("printed"))
    text = printed(page)
    for n in range(120):
        assert text.count(f"{n:040X}") >= 3, n  # in the table, at its chain, where it was read
        assert f"{n:08x}-cf85-4f0a-ab17-88f1d63deafe" in text
    # The page is as it was before.
    assert len(page.column("certificates", 2)) == 100
    assert page.js("return document.getElementById('usable').open") is False


def test_on_paper_a_list_ends_before_it_takes_all_memory_and_says_so(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("ten-thousand"))
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert len(page.column("certificates", 2)) == 1000
    assert page.js("return document.querySelectorAll('.chain').length") == 2000
    said = page.js("return [...document.querySelectorAll('.pager:not([hidden]) output')].map(e => e.value)")
    assert set(said) == {"1 to 1000 of 9000", "1 to 1000 of 10000", "1 to 1000 of 15001"}
    page.js("dispatchEvent(new Event('afterprint'))")
    assert len(page.column("certificates", 2)) == 100


def test_on_paper_tables_lie_across_and_no_column_is_cut(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("several"))
    text = printed(page)
    for heading in ("Valid until", "Issuer", "Access list", "Algorithms", "When moved or cloned"):
        assert heading.replace(" ", "") in text, heading
    machine = "a296521d-7d2f-4faf-bc52-4dc137e77fdd"
    assert text.count(machine) >= 10


def test_ten_thousand_certificates_load_filter_and_turn(page: Page, files: Callable[[str], Path]) -> None:
    file = files("ten-thousand")
    begun = time.monotonic()
    page.open(file)
    assert time.monotonic() - begun < MOST_TO_LOAD
    typed = """
        const input = document.querySelector("[data-filter='certificates']"), begun = performance.now();
        input.value = arguments[0]; input.dispatchEvent(new Event('input')); document.body.offsetHeight;
        return (performance.now() - begun) / 1000;"""
    assert page.js(typed, "host-9999") < MOST_TO_FILTER
    assert [name.split(".")[0] for name in page.column("certificates", 2)] == ["CN=host-9999"]
    page.press("#t-certificates td:first-child a")
    assert page.js("return document.querySelector(':target h4').innerText").startswith("CN=host-9999.")


def test_tables_filter_by_words_and_by_choice(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("large"))
    box = page.find("[data-filter='certificates']")
    box.send_keys("HOST-12 branch")
    assert [name[3:11] for name in page.column("certificates", 2)] == [f"host-12{n}" for n in range(10)]
    assert page.texts("[data-count='certificates']") == ["10 of 500"]
    page.js(
        "const s = arguments[0]; s.value = 'dead'; s.dispatchEvent(new Event('change'))",
        page.find("[data-choose='certificates']"),
    )
    assert [name[3:11] for name in page.column("certificates", 2)] == ["host-120"]
    box.clear()
    box.send_keys("nothing like it")
    assert page.column("certificates", 2) == []


def test_chains_filter_and_a_link_opens_the_group_it_leads_to(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("large"))
    assert page.js("return document.getElementById('usable').open") is False
    page.find("[data-filter='chains']").send_keys("host-499")
    assert [t.split(",")[0] for t in page.texts(".chain h4")] == ["CN=host-499.branch-office.contoso.test"]
    assert page.texts("[data-count='chains']") == ["1 of 500"]
    page.open(files("large"))
    page.press("#t-certificates td.state-usable a")
    assert page.js("return document.getElementById('usable').open") is True
    target = page.js("return document.querySelector(':target').querySelector('h4').innerText")
    assert target == page.column("certificates", 2)[1].split("\n")[0]


def test_time_line_zooms_and_a_mark_leads_to_its_day(page: Page, files: Callable[[str], Path]) -> None:
    keys = other_reader("selenium.webdriver.common.keys", "selenium").Keys
    page.open(files("plain"))
    opens = page.js("return document.getElementById('span').value")
    assert opens == "2024-11-21 – 2027-11-23"
    page.press("[data-zoom='all']")
    whole = page.js("return document.getElementById('span').value")
    assert whole.endswith(" – 2036-11-22")
    page.press("[data-zoom='year']")
    assert page.js("return document.getElementById('span').value") == "2026-10-23 – 2027-11-23"
    x = [
        float(v)
        for v in page.js(
            "return [...document.querySelectorAll('circle.k-expiry')].map(c => c.cx.baseVal.valueInSpecifiedUnits)"
        )
    ]
    # 2026-11-21, 2026-12-02 and 2027-05-06 of the 396 days from 2026-10-23.
    assert x == pytest.approx([100 * 29 / 396, 100 * 40 / 396, 100 * 195 / 396], abs=0.01)
    page.find("#drawing").send_keys(keys.HOME)
    assert page.js("return document.getElementById('span').value") == whole
    page.press("[data-zoom='year']")
    page.js("document.querySelectorAll('circle.k-expiry')[2].id = 'third'")
    page.press("#third")
    assert page.texts("#t-events tbody tr td:nth-child(3)") == ["CN=dead.contoso.test in store MY: ends"]


def test_commands_are_copied(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("hostile"))
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.press(".copy")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], String.bind(null))")
    assert copied == HOSTILE[0]


def test_hostile_names_do_nothing(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("hostile"))
    page.js(
        "document.querySelectorAll('details').forEach(d => { d.open = true; });"
        "document.querySelectorAll('*').forEach(e => { for (const t of ['mouseover', 'focus', 'click'])"
        " if (e.tagName !== 'A') e.dispatchEvent(new Event(t)); })"
    )
    assert page.js("return document.title") != "owned"
    assert "owned" not in page.js("return document.title").split("–")[1]
    assert (
        page.js("return document.querySelectorAll('img, script:not(:last-of-type), [onmouseover], [onfocus]').length")
        == 0
    )
    assert page.js("return [...document.links].filter(a => !['file:', 'https:'].includes(a.protocol)).length") == 0
    assert page.requests() == [files("hostile").as_uri()]
    assert page.complaints() == []


def test_dark_and_print_and_no_script(page: Page, files: Callable[[str], Path]) -> None:
    page.open(files("plain"))
    colours = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        colours.append(page.js("return getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(251, 251, 249)", "rgb(20, 23, 26)"]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    assert page.texts("nav") == []
    assert len(page.texts("#dead .fact")) == 9
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(files("plain"))
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        assert len(page.texts("#dead .fact")) == 9
        assert page.texts(".js-only") == []
        assert DEAD in page.find("#t-certificates").text
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
