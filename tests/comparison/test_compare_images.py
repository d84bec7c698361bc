"""Forged disks before and after: exactly the keys that the scenarios kill, each by the change that killed it."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.comparison.compare import Comparison
from forensics.comparison.render import render_comparison
from forensics.comparison.render_html import render_comparison_html
from forensics.tables.certificate import KeyFileRow
from testdata.builder.scenarios import SCENARIOS
from tests.examined import AS_OF, examined
from tests.paths import IMAGES

# By hand, from testdata/builder/scenarios/sysprepped.py and before_sysprep.py.
OLD, NEW = "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162", "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
GUID = f"MachineGuid changed from {OLD} to {NEW}: key files with the earlier one are no longer found"
SECRET = "DPAPI_SYSTEM was replaced: only the earlier one, kept in OldVal, opens the master key"
FOLDER = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
ON_WINDOWS = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"


@pytest.mark.parametrize("missing", ["SOFTWARE", "SECURITY", "SYSTEM"])
def test_a_collection_that_lacks_a_hive_loses_nothing_else(
    missing: str, tmp_path: Path, before: forensics.Case
) -> None:
    for file in SCENARIOS["before-sysprep"]().stages[-1].volumes[0]:
        if file.data is not None and not file.path.endswith(f"/config/{missing}"):
            target = tmp_path / "C" / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
    [machine] = forensics.compare(before, forensics.examine(tmp_path, as_of=AS_OF)).machines
    assert {key.fate for key in machine.keys} <= {"undecided now"}
    assert machine.differences == ()
    assert ("certificate" in machine.unexamined) is (missing == "SOFTWARE")


@pytest.fixture(scope="module")
def before() -> forensics.Case:
    return examined("before-sysprep")


@pytest.fixture(scope="module")
def sysprepped(before: forensics.Case) -> Comparison:
    return forensics.compare(before, examined("sysprepped"))


def _keys(comparison: Comparison, fate: str) -> dict[str, tuple[str, tuple[str, ...], bool | None]]:
    [machine] = comparison.machines
    found = {}
    for key in machine.keys:
        row = key.after or key.before
        if key.fate == fate and row is not None:
            name = (row.subject or f"container {row.container}").removeprefix("CN=").removesuffix(".contoso.test")
            found[name] = (key.cause, key.also, row.recoverable)
    return found


def test_each_key_that_sysprep_killed_is_told_with_the_change_that_did_it(sysprepped: Comparison) -> None:
    died = _keys(sysprepped, "died")
    [secret] = {also for name in ("web", "api") for also in died[name][1]}
    assert secret.startswith(SECRET)
    assert died == {
        "web": (GUID, (secret,), True),
        "api": (GUID, (secret,), True),
        "container iisConfigurationKey": (GUID, (secret,), True),
        "container iisWasKey": (GUID, (secret,), True),
        "kept-name": (secret, (), True),
        "mail": (
            f"the container te-WebServer-mail was made anew: {ON_WINDOWS}\\5f3815c6360daa630fbfc92c15f50536_{NEW} "
            "holds another key than the certificate's",
            (GUID,),
            True,
        ),
        "ldap": (f"the key file {ON_WINDOWS}\\d99b1f4db1daa174100e701f2c99082e_{OLD} was removed", (), False),
    }
    assert sysprepped.died == 7
    assert {key.known_by for key in sysprepped.machines[0].keys if key.fate == "died"} == {"values"}


def test_the_file_names_above_are_those_of_the_disk(before: forensics.Case) -> None:
    truth = json.loads((IMAGES / "before-sysprep.truth.json").read_text())["machines"][0]["key_chain"]
    paths = {row["subject"]: row["key_file_path"] for row in truth}
    assert paths["CN=ldap.contoso.test"] == f"{FOLDER}/d99b1f4db1daa174100e701f2c99082e_{OLD}"
    assert paths["CN=mail.contoso.test"] == f"{FOLDER}/5f3815c6360daa630fbfc92c15f50536_{OLD}"
    assert {row.verdict for row in before.rows("key_chain")} == {"usable"}


def test_a_key_without_certificate_is_called_by_the_path_on_windows(sysprepped: Comparison) -> None:
    [name] = [line for line in sysprepped.render().split("\n") if "the key of container iisWasKey" in line]
    assert name == (
        f"  - the key of container iisWasKey, without certificate, {ON_WINDOWS}\\76944fb33636aeddb9590521c2e8815a_{OLD}"
    )


def test_certificates_that_came_and_went_with_it(sysprepped: Comparison) -> None:
    assert set(_keys(sysprepped, "new")) == {"intranet", "WEB01"}
    assert set(_keys(sysprepped, "gone")) == {"WEB01"}


def test_identity_and_secrets_that_changed(sysprepped: Comparison) -> None:
    [machine] = sysprepped.machines
    assert machine.is_one_machine
    changed = {(d.table, column): (was, now) for d in machine.differences for column, was, now in d.columns}
    assert changed["machine", "machine_guid"] == (OLD, NEW)
    assert changed["machine", "machine_sid"] == (
        "S-1-5-21-3623811015-3361044348-30300820",
        "S-1-5-21-2285802693-625554535-691726728",
    )
    assert changed["machine", "clone_tag"] == (None, "Fri Nov 07 05:48:31 2025")
    secrets = [d for d in machine.differences if d.table == "secret"]
    assert [(d.label, d.change) for d in secrets] == [
        ("DPAPI_SYSTEM, current", "changed"),
        ("DPAPI_SYSTEM, previous", "changed"),
    ]
    was, now = ({c: pair for c, *pair in d.columns}["fingerprint"] for d in secrets)
    assert was[0] == now[1], "what was current is previous now"


def test_text_puts_the_keys_under_the_change_that_killed_them(sysprepped: Comparison) -> None:
    text = render_comparison(sysprepped)
    assert "WEB01: 7 private keys died, 1 gone, 2 new; 24 differences in all.\n" in text
    assert "1 of them cannot be had from the later disk any more: keep the earlier one.\n" in text
    assert text.index(GUID) < text.index("CN=web.contoso.test") < text.index("te-WebServer-mail was made anew")
    assert max(map(len, render_comparison(sysprepped, 100).splitlines())) < 160, "only paths are wider"


def test_a_disk_against_itself_has_not_changed(before: forensics.Case) -> None:
    again = forensics.examine(IMAGES / "before-sysprep.vhdx.xz", as_of=datetime(2031, 1, 1, tzinfo=UTC))
    comparison = forensics.compare(before, again)
    assert comparison.is_empty
    assert "WEB01: nothing that was compared has changed." in render_comparison(comparison)


def test_snapshot_and_now_differ_by_the_key_file_that_a_snapshot_lost(tmp_path: Path) -> None:
    import lzma

    names = ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx")
    for name in names:
        (tmp_path / name).write_bytes(lzma.decompress((IMAGES / f"{name}.xz").read_bytes()))
    base, child, leaf = (forensics.examine(tmp_path / name, as_of=AS_OF) for name in names)
    first, second = forensics.compare(base, child), forensics.compare(child, leaf)
    assert (first.died, second.died, forensics.compare(base, leaf).died) == (1, 1, 2)


def test_html_is_whole_loads_nothing_and_keeps_names_text(sysprepped: Comparison, before: forensics.Case) -> None:
    class Checker(HTMLParser):
        tags: list[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            assert not {name for name, _ in attrs} & {"src", "onclick", "onmouseover", "style"}
            assert (dict(attrs).get("href") or "#").startswith("#")

    html = render_comparison_html(sysprepped)
    checker = Checker()
    checker.tags = []
    checker.feed(html)
    assert not {"link", "img", "iframe", "object"} & set(checker.tags)
    assert checker.tags.count("script") == 1, "that of the page, which the policy names by its hash"
    assert html.count("http") == 1, "the policy's http-equiv alone"
    assert GUID in html
    [machine] = before.rows("machine")
    hostile = forensics.Case([type(machine)(machine_id=1, source_path="x", computer_name="<script>\"'\u202e")])
    shown = render_comparison_html(forensics.compare(before, hostile))
    assert shown.count("<script") == 1
    assert "&lt;script&gt;&#34;&#39;" in shown
    assert "\u202e" not in shown


def test_the_command_writes_text_json_and_html(tmp_path: Path) -> None:
    sources = [str(IMAGES / f"{name}.vhdx.xz") for name in ("before-sysprep", "sysprepped")]
    page = tmp_path / "comparison.html"
    written = CliRunner().invoke(cli, ["compare", *sources, "--format", "html", "-o", str(page)])
    assert (written.exit_code, written.stdout) == (1, "")
    assert GUID in page.read_text(encoding="utf-8")
    told = CliRunner().invoke(cli, ["compare", *sources, "--format", "json"])
    [machine] = json.loads(told.stdout)["machines"]
    [ldap] = [key for key in machine["keys"] if key["subject"] == "CN=ldap.contoso.test"]
    assert (ldap["fate"], ldap["verdict_before"], ldap["verdict_after"], ldap["recoverable"]) == (
        "died",
        "usable",
        "unusable",
        False,
    )
    same = CliRunner().invoke(cli, ["compare", sources[0], sources[0]])
    assert same.exit_code == 0


@pytest.mark.parametrize("damage", [1, 0x80, 0xFF])
def test_damage_inside_key_files_of_a_collection_is_a_difference_for_each_dead_key(damage: int, tmp_path: Path) -> None:
    """What is damaged is the private half alone: nothing but the content of the file tells."""
    killed = 0
    for name in ("before", "after"):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for file in SCENARIOS["healthy"]().stages[-1].volumes[0]:
                data = bytearray(file.data or b"")
                if name == "after" and "/Crypto/Keys/" in file.path and file.path.startswith("ProgramData") and data:
                    data[-40] ^= damage
                    killed += 1
                member = tarfile.TarInfo(f"C/{file.path}")
                member.size, member.type = len(data), tarfile.DIRTYPE if file.data is None else tarfile.REGTYPE
                tar.addfile(member, io.BytesIO(data))
    cases = [forensics.examine(tmp_path / f"{name}.tar", as_of=AS_OF) for name in ("before", "after")]
    [machine] = forensics.compare(*cases).machines
    dead = [key for key in machine.keys if key.fate == "died"]
    # Not all of them have a certificate, or a private half at that place.
    assert 0 < len(dead) <= killed
    changed = {d.after.path for d in machine.differences if isinstance(d.after, KeyFileRow)}
    assert {key.after.key_file_path for key in dead if key.after} <= changed
    assert len(changed) == len(machine.differences) == killed
    said = f"WEB01: {len(dead)} private keys died; {killed} differences in all.\n"
    assert said in render_comparison(forensics.compare(*cases))
    assert {key.cause.endswith("was damaged: it was sound before") for key in dead} == {True}
