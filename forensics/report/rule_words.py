"""Titles and conditions of rules in the spoken language."""

from __future__ import annotations

import re

from forensics.engine.rule import Rule, Translation
from forensics.language import _, spoken_language

SHORTHAND = re.compile(r"([a-z][a-z0-9_.]*) is ([a-z][a-z0-9_]*(?: or [a-z][a-z0-9_]*)*)")
"""The name of a condition that is a column and its values."""


def _translation(rule: Rule) -> Translation | None:
    """Return the texts of a rule in the spoken language; None for English, and where there are none."""
    language = spoken_language()
    if language == "en":
        return None
    if language in rule.translations or not rule.built_in:
        return rule.translations.get(language)
    from forensics.engine.part_reader import with_translation

    return with_translation(rule, language, []).translations.get(language)


def title_of(rule: Rule) -> str:
    """Return the title of a rule; English where its rule has no other."""
    translation = _translation(rule)
    return rule.title if translation is None else translation.title


def texts_of(rule: Rule) -> tuple[str, str]:
    """Return what a rule says and what it says is to be done, as templates."""
    translation = _translation(rule)
    return (rule.because, rule.remedy) if translation is None else (translation.because, translation.remedy)


def told_condition(name: str) -> str:
    """Return the name of a condition; columns and values of a shorthand stay as they are."""
    said = _(name)
    if said == name and (found := SHORTHAND.fullmatch(name)):
        return _("{column} is {values}", column=found[1], values=found[2].replace(" or ", _(" or ")))
    return said
