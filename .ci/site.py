"""Builds the manual as a site: python .ci/site.py FOLDER, in the environment that docs.lock names (make site).

The pages are those that stand in this folder, with the links that they have here; none is written a second time. What
a page links to and is no page (a test, a lock file) goes with it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

import yaml

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = PROJECT / "docs" / "site.yml"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)[^)\s]*\)")
CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
HREF = re.compile(r'href="([^":]*)"')
PLACE = re.compile(r"""(?:src|href)="(https?:)?//[^"]+\.(?:js|css|woff2?|png|svg)["?]|fonts\.g(?:oogleapis|static)""")
"""What a browser would fetch from elsewhere to show a page."""


def pages() -> list[Path]:
    """Return every page of the manual, from the project's folder."""
    at_the_top = (path for path in PROJECT.glob("*.md"))
    below = (PROJECT / room / "README.md" for room in ("rules", "notebooks", "testdata"))
    return sorted(path.relative_to(PROJECT) for path in (*at_the_top, *below, *(PROJECT / "docs").rglob("*.md")))


def linked(page: Path) -> Iterator[Path]:
    """Yield the files of this folder to which a page links, from the project's folder."""
    for target in LINK.findall(CODE.sub("", (PROJECT / page).read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield (PROJECT / page.parent / target).resolve().relative_to(PROJECT)


def named(entries: list[object]) -> Iterator[str]:
    """Yield the pages of a navigation."""
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from named(value) if isinstance(value, list) else [str(value)]


def stage(folder: Path) -> None:
    """Lay the pages and what they link to into a folder, beside the settings."""
    for path in {*pages(), *(target for page in pages() for target in linked(page))}:
        (folder / "pages" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, folder / "pages" / path)
    shutil.copyfile(SETTINGS, folder / "mkdocs.yml")


def faults(site: Path) -> Iterator[str]:
    """Yield what the generator does not tell of a site: pages left out, dead links, what needs a network."""
    listed = list(named(yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["nav"]))
    yield from (f"docs/site.yml: {page} is not there" for page in pages() if page.as_posix() not in listed)
    yield from (f"docs/site.yml: {page} stands there twice" for page in set(listed) if listed.count(page) > 1)
    texts = {page.resolve(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    for page, text in texts.items():
        yield from (f"{page}: {found[0]} is fetched" for found in PLACE.finditer(text))
        yield from (f"{page}: {link} leads nowhere" for link in HREF.findall(text) if not leads(page, link, texts))


def leads(page: Path, link: str, texts: dict[Path, str]) -> bool:
    """Tell whether a link of a page leads to a file of the site, and to a place in it where it names one."""
    path, _, anchor = unquote(unescape(link)).partition("#")
    target = (page.parent / path).resolve() if path else page
    if page.name == "404.html" or anchor in ("", "__skip"):
        return target.exists() or page.name == "404.html"
    return f'id="{escape(anchor)}"' in texts.get(target, "")


def main() -> int:
    """Build the site, and return the exit code."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    stage(folder)
    built = subprocess.run([Path(sys.executable).parent / "zensical", "build", "--strict"], cwd=folder, check=False)
    for page in (folder / "site").rglob("*.ja.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('<html lang="en"', '<html lang="ja"', 1), encoding="utf-8")
    told = sorted(faults(folder / "site"))
    print(*told, sep="\n" if told else "", end="\n" if told else "", file=sys.stderr)
    return 1 if told or built.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
