"""What is fuzzed: one parser or opener, the bytes that it understands, and what it may do with others."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_PACKED_FROM = 1024


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Target:
    """One parser or opener.

    Attributes:
        name: What it is called on the command line, and the folder of its corpus.
        run: Gives it one input; what goes wrong inside is an exception.
        seeds: Makes the inputs that it understands, with the builders of the test data.
        reseal: Makes the sums of a mutated input right again, so that what lies behind them is reached.
        errors: The exceptions that say "not what its format says".
        words: Bytes that mean something to it, which chance would hardly make.
        seconds: Processor time that one input of a kilobyte may take; for each further one it is a hundredth more.
        mib: Memory that one input may take.
        reads_files: Whether it opens files: only those of ``given_files.folder()``, and temporary ones.
        is_slow: Whether one input takes many milliseconds, so that one is enough to have everything imported.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]] = field(repr=False)
    reseal: Callable[[bytes], bytes] = field(default=_as_it_is, repr=False)
    errors: tuple[type[Exception], ...] = ()
    words: tuple[bytes, ...] = ()
    seconds: float = 0.5
    mib: int = 256
    reads_files: bool = False
    is_slow: bool = False

    def may_take(self, size: int) -> float:
        """Return the processor seconds that an input of so many bytes may take."""
        return self.seconds * (1 + size / 102_400)

    def corpus(self) -> list[bytes]:
        """Return the committed inputs: what is understood, and what once was a find."""
        return [unpacked(path) for path in self.files()]

    def files(self) -> Iterator[Path]:
        """Yield the files of the corpus in their order."""
        yield from sorted((CORPUS / self.name).glob("*"))

    def write_seeds(self) -> None:
        """Write what the builders make; finds stay."""
        folder = CORPUS / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for number, data in enumerate(self.seeds()):
            keep(folder, f"seed-{number}", data)


def keep(folder: Path, name: str, data: bytes) -> Path:
    """Write one input, packed where that saves room."""
    packed = lzma.compress(data, preset=6) if len(data) > _PACKED_FROM else data
    path = folder / (f"{name}.xz" if len(packed) < len(data) else name)
    path.write_bytes(packed if path.suffix == ".xz" else data)
    return path


def unpacked(path: Path) -> bytes:
    """Return one input as it is given to the target."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def hold(condition: object, what: str) -> None:
    """Make a find of what must hold and does not."""
    if not condition:
        raise AssertionError(what)
