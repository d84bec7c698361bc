"""The page of a fleet of 2,000 machines in headless Chromium: it loads and filters at once, and requests nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import forensics
from tests.benchmarks.fleet_report import replicate
from tests.fleet.small_fleet import add, made
from tests.fleet.test_fleet_report import data_of, one
from tests.hand_made import chain, utc
from tests.oracles import other_reader
from tests.report.first_screen.test_screen import dead, finding, use
from tests.report.html.test_in_browser import CHROMIUM, DRIVER, PHONE, Page

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")
webdriver = other_reader("selenium.webdriver", "selenium")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium (Debian packages chromium and chromium-driver)"
)
MACHINES = 2_000
LAPTOP = (1366, 768)
MOST_BYTES, MOST_TO_LOAD, MOST_TO_FILTER = 5_000_000, 2.0, 0.2
"""What the page may take: bytes, and seconds."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleets")
    small = made(folder / "small")
    web = one("nas/web.vhdx", "WEB", *(row for n in range(1, 9) for row in (use(n), dead(n, recoverable=n % 2 == 0))))
    web.finding_list = [finding("critical", "1", rule="service-uses-dead-key"), finding("low", "1", rule="told-low")]
    ends = [chain(thumbprint=f"{n:040X}", subject=f"CN=e{n}", not_after=utc(2027, n, 1)) for n in range(1, 13)]
    calm = one("nas/calm.vhdx", "CALM", *ends)
    calm.finding_list = [finding("medium", "1", rule="tpm-key-will-not-survive-move")]
    for path, case in (("nas/web.vhdx", web), ("nas/calm.vhdx", calm), ("nas/x.vhdx", one("nas/x.vhdx", "QUIET"))):
        add(small, path, case)
    page = folder / "fleet.html"
    forensics.write(forensics.fleet_report(replicate(small, folder / "fleet", MACHINES).path), "html", page)
    return page


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()


def shown(page: Page) -> str:
    return str(page.js("return document.getElementById('shown').value"))


def typed(page: Page, words: str) -> float:
    """Type into the filter, and return the seconds until the page shows what fits."""
    script = """
        const input = document.getElementById('words'), begun = performance.now();
        input.value = arguments[0]; input.dispatchEvent(new Event('input'));
        document.body.offsetHeight;
        return performance.now() - begun;"""
    return float(page.js(script, words)) / 1000


def names(file: Path, prefix: str) -> list[str]:
    """Return the names of machines that begin with something, in the order of the page."""
    data = data_of(file.read_text(encoding="utf-8"))
    found = [data["words"][row[3]] for row in data["rows"]]
    return [name for name in found if name.startswith(prefix)]


def choose(page: Page, name: str, value: str) -> None:
    page.js(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def test_it_is_small_loads_at_once_and_requests_nothing(page: Page, file: Path) -> None:
    assert file.stat().st_size < MOST_BYTES
    page.open(file, LAPTOP)
    timing = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd"
    assert page.js(timing) < MOST_TO_LOAD * 1000
    assert shown(page) == f"{MACHINES} of {MACHINES}"
    assert page.requests() == [file.as_uri()]
    assert page.complaints() == []


def test_filters_take_a_moment(page: Page, file: Path) -> None:
    page.open(file, LAPTOP)
    web = names(file, "WEB-")
    assert typed(page, web[0].lower()) < MOST_TO_FILTER
    assert page.texts("#t-disks tbody tr td:nth-child(2)")[0].startswith(web[0])
    assert typed(page, "10.0.0.8:443") < MOST_TO_FILTER  # a service that no cell shows
    assert shown(page) == f"{len(web)} of {MACHINES}"
    assert typed(page, "") < MOST_TO_FILTER
    assert shown(page) == f"{MACHINES} of {MACHINES}"
    choose(page, "state", "failed")
    assert shown(page) == f"40 of {MACHINES}"
    assert set(page.texts("#t-disks tbody tr td:nth-child(1)")) == {"failed"}
    choose(page, "state", "")
    choose(page, "severity", "critical")
    critical = int(shown(page).split()[0])
    choose(page, "severity", "")
    choose(page, "only", "down")
    assert int(shown(page).split()[0]) == critical == len(web)
    choose(page, "only", "")


def test_rows_are_made_as_they_come_into_sight(page: Page, file: Path) -> None:
    page.open(file, LAPTOP)
    count = "return document.querySelectorAll('#t-disks tbody tr').length"
    assert page.js(count) < 200
    page.js("document.querySelector('.fleet').scrollTop = 1e6")
    later = "setTimeout(() => arguments[0](document.querySelectorAll('#t-disks tbody tr').length), 300)"
    assert page.driver.execute_async_script(f"const done = arguments[0]; {later.replace('arguments[0]', 'done')}") > 60


def test_it_sorts_and_a_row_tells_what_its_numbers_stand_for(page: Page, file: Path) -> None:
    page.open(file, LAPTOP)
    page.press("[data-sort='machine']")
    # Those that have no name, of which nothing was examined, come first.
    numbers = sorted(int(name.removeprefix("CALM-")) for name in names(file, "CALM-"))
    assert page.texts("#t-disks tbody tr td:nth-child(2) button")[40:43] == [f"CALM-{number}" for number in numbers[:3]]
    assert page.js("return document.querySelector('th[aria-sort]').textContent") == "Machine, disk"
    choose(page, "only", "down")
    page.press("#t-disks .open")
    facts = page.texts(".facts")[0]
    assert "Services down:" in facts
    assert "http.sys 10.0.0.8:443" in facts
    assert "keymortem fleet report DATASET --disk " in facts
    page.press("#t-disks .open")
    assert page.texts(".facts") == []
    choose(page, "only", "")


def test_a_cause_shows_its_machines(page: Page, file: Path) -> None:
    page.open(file, LAPTOP)
    page.press("[data-find='service-uses-dead-key']")
    assert shown(page) == f"{len(names(file, 'WEB-'))} of {MACHINES} (service-uses-dead-key)"
    page.press("[data-find='tpm_key']")
    assert shown(page).endswith(" (tpm_key)")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_is_wider_than_the_window(page: Page, file: Path, size: tuple[int, int]) -> None:
    page.open(file, size)
    page.press("#t-disks .open")
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    scrolled, window = page.js("const d = document.documentElement; return [d.scrollWidth, d.clientWidth]")
    assert scrolled == window
    assert page.complaints() == []
