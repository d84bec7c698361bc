"""The package's own dataclasses against what ``dataclasses`` makes of the same classes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any, ClassVar

import pytest

from forensics.structure import dataclass, field


@dataclass(frozen=True, slots=True)
class Ours:
    """Frozen."""

    name: str
    secret: bytes = field(repr=False)
    size: int = 3
    parts: list[int] = field(default_factory=list)
    note: str = field(default="", compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """The same."""

    name: str
    secret: bytes = dataclasses.field(repr=False)
    size: int = 3
    parts: list[int] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False)


@dataclass(kw_only=True, slots=True)
class Base:
    """Of rows."""

    table: ClassVar[str]

    number: int
    path: str = "x"


@dataclass(kw_only=True, slots=True)
class Derived(Base):
    """A row."""

    table: ClassVar[str] = "derived"

    title: str


@dataclass
class Empty:
    """Nothing in it."""


@pytest.mark.parametrize("arguments", [("a", b"k"), ("a", b"k", 4, [1], "n")])
def test_made_compared_and_shown_as_the_librarys_are(arguments: tuple[Any, ...]) -> None:
    ours, theirs = Ours(*arguments), Theirs(*arguments)
    assert [getattr(ours, f.name) for f in dataclasses.fields(ours)] == list(dataclasses.astuple(theirs))
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert "k" not in repr(ours).partition("secret")[2]
    assert (ours == Ours(*arguments), ours == theirs, ours != Ours("b", b"k")) == (True, False, True)
    assert inspect.signature(Ours).parameters.keys() == inspect.signature(Theirs).parameters.keys()


def test_what_is_not_compared_is_not_hashed_either() -> None:
    @dataclass(frozen=True)
    class Plain:
        """Hashable."""

        name: str
        note: str = field(default="", compare=False)

    assert Plain("a", "x") == Plain("a", "y")
    assert hash(Plain("a", "x")) == hash(Plain("a", "y"))
    assert {Plain("a"), Plain("a"), Plain("b")} == {Plain("b"), Plain("a")}


def test_each_has_a_list_of_its_own() -> None:
    assert Ours("a", b"").parts is not Ours("a", b"").parts


def test_frozen_refuses_assignment() -> None:
    ours = Ours("a", b"")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ours.name = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del ours.name  # type: ignore[misc]
    assert ours.name == "a"


def test_not_frozen_is_not_hashable() -> None:
    row = Derived(number=1, title="t")
    row.number = 2
    assert row == Derived(number=2, title="t")
    with pytest.raises(TypeError):
        hash(row)


def test_fields_of_the_base_come_first_and_keywords_are_asked_for() -> None:
    assert [f.name for f in dataclasses.fields(Derived)] == ["number", "path", "title"]
    assert repr(Derived(number=1, title="t")) == "Derived(number=1, path='x', title='t')"
    with pytest.raises(TypeError):
        Derived(1, "x", "t")  # type: ignore[misc]
    with pytest.raises(TypeError):
        Derived(number=1)  # type: ignore[call-arg]


def test_slots_leave_no_dictionary() -> None:
    assert not hasattr(Ours("a", b""), "__dict__")
    with pytest.raises(AttributeError):
        Derived(number=1, title="t").other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [Ours("a", b"k", 4, [1], "n"), Derived(number=1, title="t"), Empty()])
def test_copy_and_pickle(value: Any) -> None:
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(value) == value


def test_a_mutable_default_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @dataclass
        class Wrong:
            """Shares its list."""

            parts: list[int] = []  # noqa: RUF012
