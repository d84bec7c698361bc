"""Words of the vocabularies of tables, as people are told them."""

from __future__ import annotations

from forensics.language import message, sentence

LINKS = (
    message("claim"),
    message("provider"),
    message("key_file"),
    message("public_key"),
    message("access"),
    message("master_key"),
    message("secret"),
    message("private_key"),
    message("service"),
)
"""The links of a key's chain, in its order."""
_FOUND = (
    message("present"),
    message("other_machine_guid"),
    message("absent"),
    message("unreadable"),
    message("partial"),
    message("not_examined"),
    message("not_applicable"),
    message("not examined"),
    message("match"),
    message("mismatch"),
    message("not_stored"),
    message("ok"),
    message("denied"),
    message("too_open"),
    message("proved"),
    message("damaged"),
    message("locked"),
    message("sealed_tpm"),
    message("sealed_vbs"),
    message("needs_pin"),
)
_VERDICTS = (
    message("usable"),
    message("unusable"),
    message("unknown"),
    message("decryption"),
    message("inference"),
    message("yes"),
    message("no"),
)
_UNLOCKED_BY = (
    message("current"),
    message("previous"),
    message("password"),
    message("domain_key"),
    message("nothing"),
    message("not_tried"),
)
_PROVIDERS = (message("smart_card"), message("other"))
_SURE = (message("likely"), message("possible"), message("candidate"))
_SEVERITIES = (
    message("critical"),
    message("high"),
    message("medium"),
    message("low"),
    message("info"),
    message("undecided"),
    message("without a rule"),
)
_PLACES = (
    message("hive"),
    message("registry"),
    message("folder"),
    message("volume"),
    message("log"),
    message("file"),
    message("certificate"),
    message("proof"),
    message("uses"),
)
WORDS = frozenset((*LINKS, *_FOUND, *_VERDICTS, *_UNLOCKED_BY, *_PROVIDERS, *_SURE, *_SEVERITIES, *_PLACES))
"""All that are told in other languages too; what is none of them is a name."""


def word(text: str) -> str:
    """Return a word of a vocabulary, to be said in any language."""
    return sentence(text) if text in WORDS else text
