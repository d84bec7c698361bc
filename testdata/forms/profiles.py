"""Profiles of a user without the Windows that they belong to: containers of FSLogix and RDS, and what was copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

from testdata.builder import lone_profiles
from testdata.builder.files import FileSpec
from testdata.forms.form import Carries, Form, Maker

_GIVEN = {"passwords": {lone_profiles.SID: lone_profiles.PASSWORD}}
_APP_DATA = "AppData"


@cache
def _files() -> Mapping[str, FileSpec]:
    return lone_profiles.profile(*lone_profiles.forged())


def _app_data() -> Mapping[str, FileSpec]:
    return {path: spec for path, spec in _files().items() if path.startswith(f"{_APP_DATA}/")}


def _three_folders() -> Mapping[str, FileSpec]:
    return lone_profiles.parts(_files())


def _laid(files: Callable[[], Mapping[str, FileSpec]], at: str, named: str, folder: Path) -> Path:
    return lone_profiles.lay(folder, files(), at) / named


def _zip(folder: Path) -> Path:
    return lone_profiles.zipped(folder / "anna.zip", _files(), "anna/")


def _container(name: str, path: str, folder: Path) -> Path:
    return lone_profiles.committed(name, folder / path)


def _form(name: str, kind: str, carries: Carries, make: Maker) -> Form:
    return Form(name, kind, carries, make, options=_GIVEN, machines=(("profile", None, None),))


_SID = lone_profiles.SID
FORMS = (
    _form(
        "FSLogix profile container", "disk", "profile", partial(_container, "fslogix", f"{_SID}_anna/Profile_anna.VHDX")
    ),
    _form("user profile disk (RDS)", "disk", "profile", partial(_container, "upd", f"UVHD-{_SID}.vhdx")),
    _form("folder of a user", "folder", "profile files", partial(_laid, _files, "", "")),
    _form("zip of a user's folder", "archive", "profile files", _zip),
    _form("folder Users alone", "folder", "profile files", partial(_laid, _files, "Users/anna", "")),
    _form("roaming profile (.V6)", "folder", "profile files", partial(_laid, _files, "anna.V6", "anna.V6")),
    _form("share of roaming profiles", "folder", "profile files", partial(_laid, _files, "profiles/anna.V6", "")),
    _form("AppData alone", "folder", "profile files", partial(_laid, _app_data, "", _APP_DATA)),
    _form(
        "Crypto, Protect and SystemCertificates alone",
        "folder",
        "profile files",
        partial(_laid, _three_folders, "", ""),
    ),
)
