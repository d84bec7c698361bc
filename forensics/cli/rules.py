"""The commands of ``keymortem rules``: list, show, lint and test rule packs, and begin a rule."""

from __future__ import annotations

from pathlib import Path

import click

import forensics
from forensics.cli.messages import FOUND, invalid_pack_told
from forensics.cli.options import debug_option, rules_option
from forensics.cli.output import emit, refusals_told
from forensics.language import _, said_by, told

_FOLDERS = click.argument("folders", nargs=-1, metavar="[DIR]...", type=click.Path(exists=True, path_type=Path))


@click.group("rules")
@debug_option
def rules_group() -> None:
    """List, show, check, test and begin rules: YAML files that turn evidence into findings.

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
    with invalid_pack_told():
        found = forensics.list_rules(rules)
    emit(found, "markdown" if markdown else "text")


def _rule_ids(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the id of a built-in rule."""
    return [rule.id for rule in forensics.list_rules().rules if rule.id.startswith(typed)]


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
    try:
        with invalid_pack_told():
            rule = forensics.show_rule(rule_id, rules)
    except forensics.UnknownRuleError:
        raise click.UsageError(
            _("there is no rule '{rule_id}'; keymortem rules list names them all", rule_id=rule_id)
        ) from None
    emit(rule)


@rules_group.command("commands", short_help="What the texts of rules can ask to be typed.")
@click.option("--markdown", is_flag=True, help="Print a reference in Markdown.")
@debug_option
def list_commands(markdown: bool) -> None:
    """List the commands that the texts of rules can name, what each does, and what it needs to know.

    \b
    Example:
      keymortem rules commands
    """
    emit(forensics.list_commands(), "markdown" if markdown else "text")


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
    with invalid_pack_told():
        result = forensics.lint_rules(folders)
    emit(result)
    ctx.exit(FOUND if result.problems else 0)


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
    with invalid_pack_told():
        result = forensics.test_rules(folders)
    emit(result)
    ctx.exit(FOUND if result.problems else 0)


@rules_group.command("new", short_help="Begin a rule: its files, with what is to be filled in.")
@click.argument("path", metavar="DIR/ID", type=click.Path(path_type=Path))
@debug_option
def new_rule(path: Path) -> None:
    """Write the files of a new rule ID into the pack DIR; lint then tells line by line what is to be filled in.

    \b
    Example:
      keymortem rules new my-rules/web-key-exportable
    """
    try:
        with refusals_told(path):
            files = forensics.new_rule(path)
    except ValueError as error:
        raise click.UsageError(told(said_by(error))) from error
    emit(files)
