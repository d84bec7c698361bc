"""Our data classes do what those of the standard library do, and compile nothing before it is needed."""

from __future__ import annotations

import ast
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any, ClassVar

import pytest

from forensics import late_methods
from forensics.late_methods import dataclass
from tests.paths import PROJECT

Nodes = list[tuple[str, ast.ImportFrom | ast.ClassDef]]


@dataclass(frozen=True, slots=True)
class Frozen:
    """Frozen, as most are."""

    kind: ClassVar[str] = "frozen"

    name: str
    secret: bytes = field(repr=False)
    place: int = field(default=0, compare=False)
    parts: tuple[Any, ...] = ()


@dataclass(kw_only=True, slots=True)
class Base:
    """The base of a row."""

    number: int
    path: str = "?"


@dataclass(kw_only=True, slots=True)
class Row(Base):
    """A row."""

    text: str
    places: list[str] = field(default_factory=list)


@dataclass
class Counted:
    """Completed by itself."""

    given: int
    doubled: int = field(init=False)
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.doubled = 2 * self.given


@dataclass(frozen=True)
class Empty:
    """Without fields."""


@dataclass(frozen=True, repr=False)
class Silent:
    """Says itself what it is."""

    name: str

    def __repr__(self) -> str:
        return "silent"


def test_arguments_go_to_their_fields() -> None:
    assert [(f.name, getattr(Frozen("a", b"b", 1), f.name)) for f in fields(Frozen)] == [
        ("name", "a"),
        ("secret", b"b"),
        ("place", 1),
        ("parts", ()),
    ]
    row = Row(text="t", number=1)
    assert (row.number, row.path, row.text, row.places) == (1, "?", "t", [])
    assert Row(text="t", number=1).places is not row.places
    assert Row(text="t", number=1, places=row.places).places is row.places
    assert (Counted(2).doubled, Counted(2, [1]).seen) == (4, [1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Frozen("a"), "Frozen.__init__() missing 1 required positional argument: 'secret'"),  # type: ignore[call-arg]
        (lambda: Row(1, text=""), "Row.__init__() takes 1 positional argument but 2"),  # type: ignore[call-arg]
        (lambda: Counted(1, doubled=2), "Counted.__init__() got an unexpected keyword argument 'doubled'"),  # type: ignore[call-arg]
        (lambda: Empty(1), "Empty.__init__() takes 1 positional argument but 2 were given"),  # type: ignore[call-arg]
    ],
)
def test_wrong_arguments_are_refused_as_by_any_function(call: Callable[[], object], message: str) -> None:
    for _ in range(2):
        with pytest.raises(TypeError) as error:
            call()
        assert str(error.value).startswith(message)


def test_equal_and_hash_go_by_the_compared_fields() -> None:
    one, other = Frozen("a", b"b", 1), Frozen("a", b"b", 2)
    assert (one, hash(one), len({one, other})) == (other, hash(other), 1)
    assert one != Frozen("a", b"c", 1)
    assert one.__eq__(("a", b"b", ())) is NotImplemented
    assert Row(text="t", number=1) == Row(text="t", number=1)
    assert Row(text="t", number=1) != Base(number=1)
    assert (Empty(), hash(Empty())) == (Empty(), hash(Empty()))
    with pytest.raises(TypeError, match="unhashable type: 'Row'"):
        hash(Row(text="t", number=1))


def test_what_must_not_be_shown_is_not() -> None:
    assert repr(Frozen("a", b"b")) == "Frozen(name='a', place=0, parts=())"
    assert repr(Row(text="t", number=1)) == "Row(number=1, path='?', text='t', places=[])"
    assert repr(Silent("a")) == "silent"
    row = Row(text="t", number=1)
    row.places.append(row)  # type: ignore[arg-type]
    assert repr(row) == "Row(number=1, path='?', text='t', places=[...])"


def test_frozen_is_frozen() -> None:
    frozen = Frozen("a", b"b")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        frozen.name = "c"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del frozen.name
    row = Row(text="t", number=1)
    row.text = "u"
    assert row.text == "u"
    with pytest.raises(AttributeError):
        row.other = 1  # type: ignore[attr-defined]


def test_the_standard_library_takes_them_for_its_own() -> None:
    row = Row(text="t", number=1)
    assert replace(row, text="u") == Row(text="u", number=1)
    assert dataclasses.asdict(row) == {"number": 1, "path": "?", "text": "t", "places": []}
    for one in (row, Frozen("a", b"b", 1), Silent("a"), Empty()):
        assert pickle.loads(pickle.dumps(one)) == one
    match Frozen("a", b"b"):
        case Frozen(name, secret):
            assert (name, secret) == ("a", b"b")


def _declared(decorator: Callable[..., Any]) -> tuple[Any, ...]:
    @decorator(kw_only=True, slots=True)
    class First:
        """The base."""

        kind: ClassVar[str] = "first"

        number: int = field(metadata={"doc": "a number"})
        path: str | None = None

    @decorator(slots=True, kw_only=True)
    class Second(First):
        """Has one field of its own, and one of the base anew."""

        places: list[str] = field(default_factory=list)
        path: str | None = "?"

    @decorator(frozen=True)
    class Third:
        """Without slots."""

        name: str
        secret: bytes = field(default=b"", repr=False, compare=False)
        later: int = field(init=False)

    return First, Second, Third


def test_fields_are_those_that_the_standard_library_finds() -> None:
    for ours, its in zip(_declared(dataclass), _declared(dataclasses.dataclass), strict=True):
        assert repr(fields(ours)) == repr(fields(its))
        assert (ours.__match_args__, ours.__qualname__) == (its.__match_args__, its.__qualname__)
        assert getattr(ours, "__slots__", None) == getattr(its, "__slots__", None)
        assert set(vars(its)) - set(vars(ours)) <= {"__getstate__", "__setstate__"}
        assert [vars(ours).get(f.name) for f in fields(ours) if "__slots__" not in vars(ours)] == [
            vars(its).get(f.name) for f in fields(its) if "__slots__" not in vars(its)
        ]


def test_no_two_objects_share_a_list() -> None:
    with pytest.raises(ValueError, match="'parts'"):

        @dataclass
        class Shared:
            """Whose objects would."""

            parts: list[int] = []  # noqa: RUF012


def test_nothing_is_compiled_before_an_object_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    make = late_methods._compiled_init

    def watched(cls: Any, frozen: bool) -> Any:
        compiled.append(cls)
        return make(cls, frozen)

    monkeypatch.setattr(late_methods, "_compiled_init", watched)

    @dataclass(frozen=True, slots=True)
    class Late:
        """Made in a moment."""

    assert compiled == []
    Late(), Late()
    assert compiled == [Late]


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    """Every import and every class of the modules that name a data class, with its file."""
    return [
        (path.name, node)
        for path in sorted((PROJECT / "forensics").rglob("*.py"))
        if "dataclass" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom | ast.ClassDef)
    ]


def test_every_data_class_of_the_package_is_one_of_these(nodes: Nodes) -> None:
    named = {
        name
        for name, node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        if any(alias.name == "dataclass" for alias in node.names)
    }
    assert named == {"late_methods.py"}


def test_every_data_class_says_what_it_is(nodes: Nodes) -> None:
    silent = [
        f"{name}: {node.name}"
        for name, node in nodes
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
        and ast.get_docstring(node) is None
    ]
    assert silent == []


def test_what_makes_objects_can_be_compiled_before_one_is_made() -> None:
    @dataclass
    class Late:
        """Of which nothing is made yet."""

        number: int

    name = f"{Late.__module__}.{Late.__qualname__}"
    before = Late.__init__
    assert name not in late_methods.compiled_classes()
    late_methods.compile_classes(["no.such.class", 1, name, name])
    assert (late_methods.compiled_classes()[-1], Late.__init__ is before) == (name, False)
    compiled = Late.__init__
    assert (Late(3).number, Late.__init__) == (3, compiled)
    assert late_methods.compiled_classes().count(name) == 1
