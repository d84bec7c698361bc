"""The commands of ``keymortem rules``: list, show, lint and test rule packs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from forensics.cli.options import debug_option

if TYPE_CHECKING:
    from forensics.engine.rule import Packs, Problem

FOUND, INVALID_PACK = 1, 4

_FOLDERS = click.argument("folders", nargs=-1, metavar="[DIR]...", type=click.Path(exists=True, path_type=Path))
rules_option = click.option(
    "--rules",
    "rules",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    help="Run the rules of DIR too; repeatable.",
)


@click.group("rules", short_help="List, show, check and test the rules.")
@debug_option
def rules_group() -> None:
    """List, show, check and test rules: YAML files that turn evidence into findings.

    \b
    Example:
      keymortem rules list
    """


@rules_group.command("list", short_help="Every rule by pack.")
@rules_option
@click.option("--markdown", is_flag=True, help="Print a reference in Markdown, conditions and references included.")
@debug_option
def list_rules(rules: tuple[Path, ...], markdown: bool) -> None:
    """List every rule by pack: severity, id, title.

    \b
    Example:
      keymortem rules list --rules my-rules
      keymortem rules list --markdown > rules.md
    """
    from forensics.report.rules import render_list, render_markdown

    packs = load(rules)
    click.echo(render_markdown(packs) if markdown else render_list(packs), nl=False)


def _rule_ids(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the id of a built-in rule."""
    return [rule.id for rule in load(()).rules if rule.id.startswith(typed)]


@rules_group.command(short_help="What a rule asks and says, and its references.")
@click.argument("rule_id", metavar="ID", shell_complete=_rule_ids)
@rules_option
@debug_option
def show(rule_id: str, rules: tuple[Path, ...]) -> None:
    """Show what a rule asks, what it says then, and where its facts can be read.

    \b
    Example:
      keymortem rules show key-file-missing
    """
    from forensics.report.rules import render_rule

    packs = load(rules)
    rule = packs.rule(rule_id)
    if rule is None:
        raise click.UsageError(f"there is no rule '{rule_id}'; keymortem rules list names them all")
    click.echo(render_rule(rule), nl=False)


@rules_group.command("lint", short_help="Are the rules valid, and could they mislead?")
@_FOLDERS
@debug_option
@click.pass_context
def lint_rules(ctx: click.Context, /, folders: tuple[Path, ...]) -> None:
    """Check the rules of folders, or the built-in ones: are they valid, and could they mislead?

    Exit codes: 0 nothing to say, 1 recommendations, 4 the pack is invalid.

    \b
    Example:
      keymortem rules lint my-rules
    """
    from forensics.engine.lint import lint

    packs = load(folders, examples=True)
    places = [folder.resolve() for folder in folders]
    own = [rule for rule in packs.rules if not places or _lies_in(rule.path, places)]
    problems = lint(packs, own)
    tell(problems)
    click.echo(f"{len(own)} rules are valid; {len(problems) or 'no'} recommendations")
    ctx.exit(FOUND if problems else 0)


@rules_group.command("test", short_help="Do the examples come out as they say?")
@_FOLDERS
@debug_option
@click.pass_context
def test_rules(ctx: click.Context, /, folders: tuple[Path, ...]) -> None:
    """Run the examples of the rules of folders, or of the built-in ones.

    Exit codes: 0 every example comes out as it says, 1 one does not, 4 the pack is invalid.

    \b
    Example:
      keymortem rules test my-rules
    """
    from forensics.engine.examples import run_examples

    packs = load(folders, examples=True, built_in=not folders)
    result = run_examples(packs)
    tell(result.problems)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(result.run.items()))
    failed = f"; {len(result.problems)} problems" if result.problems else "; all come out as they say"
    click.echo(f"{len(packs.rules)} rules, {result.run.total()} examples ({kinds}){failed}")
    ctx.exit(FOUND if result.problems else 0)


def _lies_in(path: Path, places: list[Path]) -> bool:
    whole = path.resolve()
    return any(whole == place or place in whole.parents for place in places)


def load(
    folders: tuple[Path, ...], examples: bool = False, built_in: bool = True, language: str | None = None
) -> Packs:
    """Read packs; an invalid one ends the command with everything that is wrong with it."""
    from forensics.engine.loader import load_packs
    from forensics.engine.rule import RulePackError

    try:
        return load_packs(folders, examples=examples, built_in=built_in, language=language)
    except RulePackError as error:
        tell(error.problems, err=True)
        raise click.exceptions.Exit(INVALID_PACK) from error


def tell(problems: list[Problem], err: bool = False) -> None:
    """Print what is wrong with rules, one line each."""
    for problem in problems:
        # A pack may come from a stranger, and its text must not steer the terminal.
        click.echo("".join(c if c.isprintable() else " " for c in str(problem)), err=err)
