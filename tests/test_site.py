"""The manual as a site: every page is in it once, with what it links to; `make site` builds it and finds the rest."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.paths import PROJECT

SETTINGS = yaml.safe_load((PROJECT / "docs" / "site.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_of_the_manual", PROJECT / ".ci" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation_once(site: ModuleType) -> None:
    pages = [page.as_posix() for page in site.pages()]
    assert {"README.md", "README.ja.md", "docs/recipes/sysprep.ja.md", "docs/decisions/0001-vhdx.md"} <= set(pages)
    assert Counter(site.named(SETTINGS["nav"])) == Counter(pages)


def test_what_pages_link_to_goes_with_them(site: ModuleType, tmp_path: Path) -> None:
    site.stage(tmp_path)
    assert (tmp_path / "pages" / "docs" / "report.png").read_bytes() == (PROJECT / "docs" / "report.png").read_bytes()
    assert (tmp_path / "pages" / "Containerfile").is_file()
    assert (tmp_path / "pages" / "tests" / "test_lock.py").is_file()
    assert (tmp_path / "mkdocs.yml").is_file()


def test_a_link_is_followed_to_its_place(site: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    (tmp_path / "file.txt").write_text("")
    texts = {page: '<h2 id="a-place">', tmp_path / "other.html": '<h2 id="é">'}
    (tmp_path / "other.html").write_text("")
    assert all(site.leads(page, link, texts) for link in ("#a-place", "file.txt", "other.html#%C3%A9", "other.html"))
    assert not any(site.leads(page, link, texts) for link in ("#a", "file.md", "other.html#a-place", "gone.html#a"))


def test_what_a_network_would_give_is_told(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<link href="https://fonts.googleapis.com/css?family=Roboto">')
    (tmp_path / "b.html").write_text('<script src="https://unpkg.com/mermaid.min.js"></script>')
    (tmp_path / "c.html").write_text('<a href="https://learn.microsoft.com/a">a</a>')
    assert [Path(fault.split(":")[0]).name for fault in sorted(site.faults(tmp_path))] == ["a.html", "b.html"]


def test_no_font_is_fetched_and_broken_anchors_end_the_build() -> None:
    assert SETTINGS["theme"]["font"] is False
    assert set(SETTINGS["validation"].values()) == {"warn"}
    assert "--strict" in (PROJECT / ".ci" / "site.py").read_text(encoding="utf-8")
