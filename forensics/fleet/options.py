"""How the inputs of a fleet are opened and judged: values and paths, never a secret itself.

Each worker reads the files that hold the secrets by the paths given here, which must lead there on every computer of a
cluster. So a scheduler that others share, its dashboard and its logs see paths, and a dataset stores no more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal

from forensics.disk.below import Below
from forensics.late_methods import dataclass

_MOST_RULE_FILES = 20_000
"""Evidence: files and folders in those of rules whose change is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """What :func:`forensics.examine` is asked for each input; None and () are what is not given.

    Attributes:
        recovery_key_file: File whose first line is a BitLocker recovery password.
        password_file: File whose first line is the BitLocker password.
        bek_file: BitLocker external key.
        archive_password_file: File whose first line is the password of archives.
        signed_urls: File of signed URLs.
        passwords: User name or SID, and the file whose first line is that user's password.
        nt_hashes: Likewise of NT hashes.
        domain_backup_keys: DPAPI backup keys of domains (.pvk).
        rules: Folders of rule packs.
        image: The one image of a WIM.
        regback: Backup hives stand for each machine.
        offset: Where the disk begins in each image.
        partition: The one partition of each disk.
        second_opinion: Have impacket repeat every proof.
        seconds: How long one input may take.
    """

    recovery_key_file: str | None = None
    password_file: str | None = None
    bek_file: str | None = None
    archive_password_file: str | None = None
    signed_urls: str | None = None
    passwords: tuple[tuple[str, str], ...] = ()
    nt_hashes: tuple[tuple[str, str], ...] = ()
    domain_backup_keys: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    image: int | None = None
    regback: bool = False
    offset: int | Literal["search"] | None = None
    partition: int | None = None
    second_opinion: bool = False
    seconds: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What differs from its default."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    @property
    def as_text(self) -> str:
        """All of it as JSON, as a dataset keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> FleetOptions:
        """Read what :attr:`as_text` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            told = json.loads(text)
            if not isinstance(told, dict):
                raise TypeError
            known = {f.name: told[f.name] for f in fields(cls) if f.name in told}
            pairs = {n: tuple(tuple(pair) for pair in known.get(n, ())) for n in ("passwords", "nt_hashes")}
            lists = {n: tuple(known.get(n, ())) for n in ("domain_backup_keys", "rules")}
            read = cls(**(known | pairs | lists))
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError("no options") from error
        if not read._is_sound():
            raise ValueError("no options")
        return read

    def _is_sound(self) -> bool:
        """Tell whether every value is of its kind: a dataset may have come from a stranger."""
        paths = (*(getattr(self, name) for name in _PATHS), *self.domain_backup_keys, *self.rules)
        pairs = (*self.passwords, *self.nt_hashes)
        texts = [path for path in (*paths, *(text for pair in pairs for text in pair)) if path is not None]
        numbers = [self.image, self.partition, self.seconds, None if self.offset == "search" else self.offset]
        return (
            all(len(pair) == 2 for pair in pairs)
            and all(type(text) is str and "\0" not in text for text in texts)
            and all(number is None or type(number) is int for number in numbers)
            and type(self.regback) is type(self.second_opinion) is bool
        )

    def beside(self, before: FleetOptions) -> FleetOptions:
        """Return these, with what a dataset knows from before where nothing is given now."""
        return replace(before, **self.given)

    @property
    def files(self) -> list[Path]:
        """The files and folders that every worker must reach."""
        single = (getattr(self, name) for name in _PATHS)
        several = (*(file for _, file in (*self.passwords, *self.nt_hashes)), *self.domain_backup_keys, *self.rules)
        return [Path(path) for path in (*single, *several) if path is not None]

    @property
    def key(self) -> str:
        """Return 16 hex digits, others for other options or another state of a file that they name.

        Of the files only size and time are told, never what they hold.
        """
        judged = {name: value for name, value in self.given.items() if name != "seconds"}
        if not judged:
            return ""
        told = [json.dumps(judged, sort_keys=True), *_states(self.files)]
        return hashlib.sha256("\n".join(told).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`forensics.examine`; the secrets are read here, where they are needed.

        Raises:
            SourceError: A file cannot be read.
        """
        from forensics.given_secrets import first_line

        told = {name: getattr(self, name) for name in _AS_THEY_ARE}
        secret = first_line(Path(self.recovery_key_file)) if self.recovery_key_file else None
        return told | {
            "recovery_key": secret,
            "passwords": {user: first_line(Path(file)) for user, file in self.passwords},
            "nt_hashes": {user: first_line(Path(file)) for user, file in self.nt_hashes},
        }


_PATHS = ("recovery_key_file", "password_file", "bek_file", "archive_password_file", "signed_urls")
_AS_THEY_ARE = (
    "password_file",
    "bek_file",
    "archive_password_file",
    "signed_urls",
    "domain_backup_keys",
    "rules",
    "image",
    "regback",
    "offset",
    "partition",
    "second_opinion",
)


def _states(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        yield _state(path)
        if os.path.isdir(path):
            for entry in Below(path, _MOST_RULE_FILES):
                yield _state(Path(entry.path))


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"{path} -"
    return f"{path} {status.st_size} {status.st_mtime_ns}"
