"""What people read, in their language: English messages as ids, their translations by gettext.

``_("... {name} ...", name=value)`` is for what is written at once: it is in the language that is spoken where it is
called. :func:`sentence` is for what becomes part of a result: it is English, which tables, rules and JSON documents
hold, and still knows its message and values, by which :func:`told` says it in the spoken language. Neither needs to
know which language that is: a command, or :func:`forensics.render`, says so once, by :func:`speaking`.

Translations are the files ``LANGUAGE/*.po``, one for each part of the program; installing makes of them what gettext
reads.
"""

from forensics.language.sentences import Sentence, joined, message, renamed, said_by, sentence, sentence_n, standing
from forensics.language.spoken import LANGUAGES, _, _n, language_of_environment, listed, speaking, spoken_language, told

__all__ = [
    "LANGUAGES",
    "Sentence",
    "_",
    "_n",
    "joined",
    "language_of_environment",
    "listed",
    "message",
    "renamed",
    "said_by",
    "sentence",
    "sentence_n",
    "speaking",
    "spoken_language",
    "standing",
    "told",
]
