"""Flips single bits of a collection's hives and lists what then is said worse than of the whole ones, untold.

python -m tests.flipped_hives --seed 1 --count 1000 healthy odd-server
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.chain.judge import judge
from forensics.collectors.collect import collect as collect_evidence
from forensics.sources.open import open_source
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.regf import HiveWriter
from tests.hive_structure import structure
from tests.test_less_evidence import CONFIG, collect

HIVES = ("SYSTEM", "SOFTWARE", "SECURITY")
Identity = tuple[str | None, str | None, str | None, str | None]


@dataclass(frozen=True)
class Said:
    """What was said of a collection.

    Attributes:
        chains: The rows of certificates, by certificate and store.
        secrets: Outcome by generation.
        problems: Where something was reported, with its kind.
    """

    chains: dict[Identity, KeyChainRow]
    secrets: dict[str, str]
    problems: set[tuple[str, str]]


@dataclass(frozen=True)
class Edit:
    """One bit, or one field, that is wrong.

    Attributes:
        hive: Name of the hive.
        offset: Of the first byte in its file.
        mask: What is laid over the bytes from there by exclusive or.
        what: The structure that it is in.
    """

    hive: str
    offset: int
    mask: bytes
    what: str


def write_lists(leaf: str) -> None:
    """Have every hive that is forged from now on hold lists of one kind."""
    build = HiveWriter.build

    def built(writer: HiveWriter, *args: Any, **kwargs: Any) -> bytes:
        writer.leaf = leaf
        return build(writer, *args, **kwargs)

    HiveWriter.build = built  # type: ignore[assignment, method-assign]


def said_of(folder: Path) -> Said:
    """Read and judge a collection."""
    with open_source(folder) as source:
        (installation,) = source.installations
        judged = judge(collect_evidence(installation))
        chains: dict[Identity, KeyChainRow] = {
            (c.thumbprint, c.store, c.store_scope, c.owner_sid): c for c in judged.key_chains if c.thumbprint
        }
        problems = {(p.source_path, p.kind) for p in installation.problems}
        return Said(chains, {s.generation: s.outcome for s in judged.secrets}, problems)


def edits(folder: Path, count: int, seed: int) -> Iterator[Edit]:
    """Choose what is damaged: as much of each kind of structure of each hive, two bits to one field of four bytes."""
    chosen = random.Random(seed)
    files = {hive: (folder / CONFIG / hive).read_bytes() for hive in HIVES}
    places: dict[tuple[str, str], list[int]] = {}
    for hive, data in files.items():
        for offset, what in structure(data):
            places.setdefault((hive, what), []).append(offset)
    for number in range(count):
        hive, what = sorted(places)[number % len(places)]
        offset = chosen.choice(places[hive, what])
        field = 4 if number // len(places) % 3 == 2 and "name" not in what else 0
        if field:
            offset &= ~3
            filled = chosen.choice([bytes(field), b"\xff" * field, chosen.randbytes(field)])
            mask = bytes(was ^ now for was, now in zip(files[hive][offset : offset + field], filled, strict=True))
        else:
            mask = bytes([1 << chosen.randrange(8)])
        yield Edit(hive, offset, mask, what)


def damaged(folder: Path, edit: Edit) -> Said:
    """Say what is said with one place damaged; the hive is put back."""
    path = folder / CONFIG / edit.hive
    whole = path.read_bytes()
    data = bytearray(whole)
    for at, mask in enumerate(edit.mask, edit.offset):
        data[at] ^= mask
    path.write_bytes(data)
    try:
        return said_of(folder)
    finally:
        path.write_bytes(whole)


def worse(less: Said, whole: Said) -> list[str]:
    """List what is said worse than of the whole hives."""
    found = [f"the chain of {chain.subject} is gone" for key, chain in whole.chains.items() if key not in less.chains]
    for key, chain in less.chains.items():
        full = whole.chains.get(key)
        if full is None:
            found.append(f"{chain.subject}: a chain of it in {chain.store} is new")
            continue
        if chain.verdict == "unusable" != full.verdict:
            found.append(f"{chain.subject}: {full.verdict} became unusable at {chain.broken_at}: {chain.reason}")
        found += [
            f"{chain.subject}: {link} became {getattr(chain, link)}"
            for link, bad in (("key_file", "absent"), ("master_key", "absent"), ("unlocked_by", "nothing"))
            if getattr(chain, link) == bad != getattr(full, link)
        ]
        if chain.recoverable is False and full.recoverable is not False:
            found.append(f"{chain.subject}: called lost")
    for generation, outcome in less.secrets.items():
        if outcome == "absent" != whole.secrets[generation]:
            found.append(f"the {generation} secret became absent")
    return found


def is_told(less: Said, whole: Said, edit: Edit) -> bool:
    """Tell whether a problem row about the damaged hive says that something is wrong."""
    return any(f"{CONFIG}/{edit.hive}" in path for path, _ in less.problems - whole.problems)


def main() -> None:
    """Damage hives and print what comes out worse: untold, and told all the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--leaf", choices=("lh", "lf", "li"), default="lh")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    write_lists(options.leaf)
    for name in options.names:
        with tempfile.TemporaryDirectory() as folder:
            source = collect(name, Path(folder))
            whole, counts = said_of(source), Counter[str]()
            for edit in edits(source, options.count, options.seed):
                less = damaged(source, edit)
                bad, told = worse(less, whole), is_told(less, whole, edit)
                counts[f"{'worse' if bad else 'no worse'}, {'told' if told else 'untold'}"] += 1
                if bad:
                    print(name, edit, "TOLD" if told else "UNTOLD", bad[:2], sorted(less.problems - whole.problems)[:2])
            print(name, dict(counts))


if __name__ == "__main__":
    main()
