"""Less evidence never says more: what was not collected, or stands in a torn hive, leaves verdicts open."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import forensics
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.files import FileSpec
from testdata.builder.scenarios import SCENARIOS
from tests.torn_hive import tear

CONFIG = "Windows/System32/config"
HIVES = ("SYSTEM", "SOFTWARE", "SECURITY")
Keep = Callable[[str], bool]

LEFT_OUT: dict[str, Keep] = {
    **{hive: lambda path, hive=hive: path != f"{CONFIG}/{hive}" for hive in HIVES},  # type: ignore[misc]
    "Crypto": lambda path: "/Microsoft/Crypto/" not in path,
    "MachineKeys": lambda path: "/MachineKeys/" not in path,
    "Protect": lambda path: "/Protect/" not in path,
    "Users": lambda path: not path.startswith("Users/"),
}
IMAGES = ("healthy", "broken-claim", "broken-files", "broken-secrets", "odd-server", "hyperv-source", "hyperv-target")


@cache
def _files(name: str) -> list[FileSpec]:
    return SCENARIOS[name]().stages[-1].volumes[0]


def collect(name: str, folder: Path, keep: Keep = lambda path: True) -> Path:
    for file in _files(name):
        if file.data is not None and keep(file.path):
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
    return folder


@cache
def _whole(name: str) -> forensics.Case:
    with tempfile.TemporaryDirectory() as folder:
        return forensics.examine(collect(name, Path(folder)))


@cache
def _torn(name: str, hive: str) -> forensics.Case:
    with tempfile.TemporaryDirectory() as folder:
        source = collect(name, Path(folder))
        tear(source / CONFIG / hive)
        return forensics.examine(source)


def _chains(case: forensics.Case) -> dict[tuple[str | None, ...], KeyChainRow]:
    return {(c.thumbprint, c.store, c.store_scope, c.owner_sid): c for c in case.rows("key_chain") if c.thumbprint}


def _says_more(less: forensics.Case, whole: forensics.Case) -> list[str]:
    """List what a case says that the case with all the evidence does not."""
    known, starts = _chains(whole), {(v.vm_id, v.is_checkpoint): v.starts_here for v in whole.rows("vm")}
    found = []
    for key, chain in _chains(less).items():
        full = known[key]
        if chain.verdict not in ("unknown", full.verdict):
            found.append(f"{chain.subject}: {full.verdict} became {chain.verdict}, broken at {chain.broken_at}")
        found += [
            f"{chain.subject}: {link} became absent"
            for link in ("key_file", "master_key")
            if getattr(chain, link) == "absent" != getattr(full, link)
        ]
        if chain.recoverable is False and full.recoverable is not False:
            found.append(f"{chain.subject}: called lost")
    for vm in less.rows("vm"):
        if vm.starts_here not in ("unknown", starts.get((vm.vm_id, vm.is_checkpoint))):
            found.append(f"{vm.name}: became {vm.starts_here}")
    return found


def _matches(case: forensics.Case) -> set[tuple[str, str]]:
    """List what rules say of what; of a key elsewhere than in a file it is told whether its provider was seen."""
    told = [f for f in case.finding_list if f.verdict == "match" and f.rule != "key-in-third-party-provider"]
    return {(f.rule, s.id) for f in told for s in f.subjects}


@cache
def _rules_about_keys() -> set[str]:
    return {rule.id for rule in forensics.list_rules().rules if rule.table == "key_chain"}


def _blamed(case: forensics.Case) -> set[str]:
    """Name the keys that a rule about keys calls broken, or about to be."""
    told = [f for f in case.finding_list if f.rule in _rules_about_keys() and f.verdict == "match"]
    return {s.id for f in told if f.severity in ("critical", "high") for s in f.subjects}


def _undecided(case: forensics.Case) -> set[str]:
    """Name the certificates none of whose keys was judged."""
    chains = _chains(case).values()
    return {c.thumbprint or "" for c in chains} - {c.thumbprint or "" for c in chains if c.verdict != "unknown"}


@pytest.mark.parametrize("name", IMAGES)
def test_less_evidence_never_says_more(name: str, tmp_path: Path) -> None:
    whole = _whole(name)
    assert {c.verdict for c in _chains(whole).values()} - {"unknown"}
    for what, keep in LEFT_OUT.items():
        less = forensics.examine(collect(name, tmp_path / f"without {what}", keep))
        assert (what, _says_more(less, whole)) == (what, [])
    for hive in HIVES:
        assert (hive, _says_more(_torn(name, hive), whole)) == (hive, [])


@pytest.mark.parametrize("name", [*IMAGES, "web-server", "tpm-replaced", "expiring"])
def test_no_rule_blames_what_only_a_torn_hive_says(name: str) -> None:
    whole = _whole(name)
    for hive in HIVES:
        torn = _torn(name, hive)
        assert (hive, _matches(torn) - _matches(whole)) == (hive, set())
        assert (hive, _blamed(torn) & (_undecided(torn) - _undecided(whole))) == (hive, set())


def test_what_was_read_of_a_key_file_itself_is_told_all_the_same() -> None:
    whole = _whole("broken-files")
    assert len(_blamed(whole)) == 19
    torn = _torn("broken-files", "SOFTWARE")
    names = {c.subject for c in _chains(torn).values() if c.thumbprint in _blamed(torn)}
    damaged = {
        f"CN=bad-{part}.contoso.test" for part in ("sign-capi", "sign-cng", "middle-capi", "middle-cng", "tail-capi")
    }
    assert names == {*damaged, "CN=old-guid-lost.contoso.test"}
