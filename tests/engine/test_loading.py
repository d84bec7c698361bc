"""Finding and reading packs: bounds, bombs, names taken twice, and the packs that come with keymortem."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.engine.examples import run_examples
from forensics.engine.lint import lint
from forensics.engine.loader import built_in_packs, load_packs
from forensics.engine.rule import RulePackError
from forensics.engine.rule_source import LARGEST_FILE, Mapping, RuleYamlError, Text
from forensics.engine.yaml_source import DEEPEST, MOST_NODES, read_yaml
from tests.engine.rule_files import EXAMPLES, write_rule, write_rules


def problems_of(*folders: Path) -> list[str]:
    with pytest.raises(RulePackError) as refused:
        load_packs(folders, built_in=False)
    return list(map(str, refused.value.problems))


def test_scalars_are_text_and_know_their_lines() -> None:
    root = read_yaml("a: 1\nb: [yes, 'no', null, 2026-11-22, 0x10]\nc: |\n  one\n  two\nd:\n  e: 'x'\n")
    assert isinstance(root, Mapping)
    assert root[Text("b")] == ["yes", "no", "null", "2026-11-22", "0x10"]
    texts = [t for t in root[Text("b")] if isinstance(t, Text)]
    assert [(t.line, t.plain) for t in texts] == [(2, True), (2, False), (2, True), (2, True), (2, True)]
    inner = root[Text("d")]
    assert isinstance(inner, Mapping)
    assert [key.line for key in root] == [1, 2, 3, 6]
    assert [(key.line, key) for key in inner] == [(7, "e")]
    block = root[Text("c")]
    assert isinstance(block, Text)
    assert (block, block.line) == ("one\ntwo\n", 4)


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\n", "anchors and aliases"),
        ("a: " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), f"more than {DEEPEST} levels deep"),
        ("a: " + "[" * 100_000, f"more than {DEEPEST} levels deep"),
        ("a: " + "{x: " * 50_000, f"more than {DEEPEST} levels deep"),
        ("a:\n  " + "- " * 100_000, f"more than {DEEPEST} levels deep"),
        ("a:\n  " + "? " * 100_000, f"more than {DEEPEST} levels deep"),
        ("".join(" " * n + "a:\n" for n in range(DEEPEST + 1)), f"more than {DEEPEST} levels deep"),
        ("a: [" + "x," * MOST_NODES + "]", f"more than {MOST_NODES} values"),
        ("a: " + "x" * LARGEST_FILE, f"more than {LARGEST_FILE // 1024} KiB"),
        ("a: \x00", "character that text cannot hold"),
        ("%YAML 9.9\n---\na: b\n", "no YAML"),
    ],
    ids=[
        "aliases",
        "deep",
        "very deep",
        "deep mappings",
        "deep items",
        "deep keys",
        "indented",
        "many",
        "large",
        "NUL",
        "directive",
    ],
)
def test_yaml_bombs(bomb: str, message: str) -> None:
    with pytest.raises(RuleYamlError, match=message):
        read_yaml(bomb)


def test_a_large_file_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as stream:
        stream.truncate(1 << 40)
    assert problems_of(tmp_path) == [f"{tmp_path}/big.yaml:1: the file has more than {LARGEST_FILE // 1024} KiB"]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"format: 1\n\xff\xfe")
    assert problems_of(tmp_path) == [f"{tmp_path}/x.yaml:2: the file is not UTF-8 text"]


def test_all_files_are_judged_and_every_problem_is_told(tmp_path: Path) -> None:
    write_rules(tmp_path, {"id": "a", "severity": "bad"}, {"id": "b", "for": "nowhere"}, {"id": "c"})
    told = problems_of(tmp_path)
    assert [line.split(": ")[0] for line in told] == [f"{tmp_path}/0-a.yaml:5", f"{tmp_path}/1-b.yaml:4"]


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    write_rules(tmp_path, {}, {})
    (tmp_path / "1-rule.yaml").rename(tmp_path / "sub.yml")
    write_rule(tmp_path / "0-rule.yaml")
    assert problems_of(tmp_path) == [f"{tmp_path}/sub.yml:2: the id 'rule' is taken by {tmp_path}/0-rule.yaml:2"]


def test_folders_without_rules(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [f"{tmp_path}:1: the folder holds no rules (*.yaml)"]
    assert problems_of(tmp_path / "lost") == [f"{tmp_path}/lost:1: there is no such folder of rules"]


@pytest.mark.parametrize("part", ["ja", "examples"])
def test_what_stands_beside_no_rule_is_refused(part: str, tmp_path: Path) -> None:
    stray = write_rules(tmp_path, {}) / f"other.{part}.yaml"
    stray.write_text("[]\n")
    assert problems_of(tmp_path) == [f"{stray}:1: it stands beside no rule: there is no other.yaml"]
    # The rule is looked for in the same folder and under the same suffix.
    (tmp_path / "sub").mkdir()
    write_rule(tmp_path / "sub" / "other.yaml", {"id": "other"})
    write_rule(tmp_path / "other.yml", {"id": "another"})
    assert problems_of(tmp_path) == [f"{stray}:1: it stands beside no rule: there is no other.yaml"]


def test_what_stands_beside_a_rule_is_not_named_in_its_place(tmp_path: Path) -> None:
    write_rules(tmp_path, {"examples": EXAMPLES})
    part = tmp_path / "0-rule.examples.yaml"
    assert problems_of(part) == [f"{part}:1: this is no rule but stands beside one: name 0-rule.yaml"]


def test_what_stands_beside_a_single_rule_is_read_with_it(tmp_path: Path) -> None:
    path = write_rules(tmp_path, {"examples": EXAMPLES}) / "0-rule.yaml"
    assert len(load_packs([path], built_in=False, examples=True).rules[0].examples) == 3
    assert load_packs([path], built_in=False).rules[0].examples == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file is empty"),
        ("# none yet\n", 1, "the file is empty"),
        ("\nexamples: []\n", 2, "examples are a list of mappings: begin each with '- expect: '"),
        ("- expect: match\n- miss\n", 1, "examples are a list of mappings: begin each with '- expect: '"),
        ("- expect: match\n  rows: [\n", 3, "no YAML: did not find expected node content"),
        ("- &a expect: match\n", 1, "anchors and aliases (& and *) are not permitted; quote text that begins so"),
    ],
)
def test_broken_examples_are_told_once_they_are_read(text: str, line: int, message: str, tmp_path: Path) -> None:
    path = write_rules(tmp_path, {}) / "0-rule.examples.yaml"
    path.write_text(text)
    assert [rule.examples for rule in load_packs([tmp_path], built_in=False).rules] == [()]
    with pytest.raises(RulePackError) as refused:
        load_packs([tmp_path], built_in=False, examples=True)
    assert list(map(str, refused.value.problems)) == [f"{path}:{line}: {message}"]


def test_own_packs_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {"id": "my-own"})])
    own = [r for r in packs.rules if not r.built_in]
    assert [r.id for r in own] == ["my-own"]
    assert packs.rule("key-file-missing") in packs.rules
    assert own[0].pack == tmp_path.name


def test_a_folder_of_the_built_in_packs_may_be_named() -> None:
    assert len(load_packs([built_in_packs() / "chain"]).rules) == len(load_packs().rules)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"expect": "miss"}, "expected miss, the rule says match: access is denied: yes"),
        ({"expect": "maybe"}, "'expect' is one of match, miss, unknown"),
        ({"because": "5 of"}, "'because' does not say '5 of', it says '1 of AA.'"),
        ({"because": r"^\d of AA\.$"}, None),
        ({"remedy": "Do something."}, None),
        ({"remedy": "Nothing"}, "'remedy' does not say 'Nothing'"),
        ({"severity": "low"}, "'severity' is high, not low"),
        ({"confidence": "likely"}, "'confidence' is proved, not likely"),
        ({"subjects": ["BB"]}, "the subjects are AA"),
        ({"subjects": ["AA"]}, None),
        ({"as_of": "soon"}, "'as_of' is no date"),
        ({"what": "x"}, "an example has no 'what'"),
        ({"rows": {"key_chains": []}}, "there is no table 'key_chains'"),
        ({"rows": {"key_chain": [{"what": "x"}]}}, "table key_chain has no column 'what'"),
        ({"rows": {"key_chain": [{"recoverable": "x"}]}}, "'recoverable' is no boolean value"),
        ({"rows": {"key_chain": [{"not_after": "x"}]}}, "'not_after' is no datetime value"),
        (
            {"rows": {"key_chain": [{"access": "shut"}]}},
            "'access' is never 'shut'; it is one of ok, denied, too_open, not_examined",
        ),
        (
            {"rows": {"shared_identity": [{"shares": ["machine_sid", "name"]}]}},
            "'shares' is never 'name'; it is one of machine_sid, machine_guid, dpapi_system, ek_pub",
        ),
        (
            {"rows": {"coverage": [{"area": "hives"}]}},
            "'area' is never 'hives'; it is one of hive, registry, folder, volume, log, file, certificate, proof, uses",
        ),
        ({"rows": {"key_chain": []}}, "expected match, the rule says miss: there is no row in table key_chain"),
        ({"rows": {}}, "expected match, the rule says miss"),
        ({"expect": "unknown", "rows": {"key_chain": [{"thumbprint": "AA"}]}}, None),
    ],
)
def test_examples(example: dict[str, object], message: str | None, tmp_path: Path) -> None:
    whole = {**EXAMPLES[0], **example}
    path = write_rules(tmp_path, {"examples": [whole]}) / "0-rule.examples.yaml"
    result = run_examples(load_packs([tmp_path], built_in=False, examples=True))
    if message is None:
        assert result.problems == []
    else:
        [problem] = result.problems
        assert str(problem).startswith(f"{path}:1: rule, example 1: ")
        assert message in problem.message
    assert result.run.total() == 1


def test_examples_fill_what_is_left_out_as_the_tables_do(tmp_path: Path) -> None:
    asked = (
        "this.machine_id = 1 AND this.archived = 0 AND this.eku = '[]' AND this.subject IS NULL AND this.store IS NULL"
    )
    example = {"expect": "match", "rows": {"certificate": [{"san": ["DNS:a"], "thumbprint": None}]}}
    change = {"for": "certificate", "when": {"asked": asked}, "because": "x", "examples": [example]}
    write_rules(tmp_path, change)
    assert run_examples(load_packs([tmp_path], built_in=False, examples=True)).problems == []


def test_built_in_rules_are_valid_and_their_examples_come_out() -> None:
    packs = load_packs(examples=True)
    assert {"key-file-missing", "key-file-of-another-machine-guid", "key-access-denied"} <= {r.id for r in packs.rules}
    assert list(map(str, lint(packs))) == []
    result = run_examples(packs)
    assert list(map(str, result.problems)) == []
    assert result.run.keys() == {"match", "miss", "unknown"}
