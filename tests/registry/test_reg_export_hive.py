"""Registry exports as hives."""

from __future__ import annotations

import io

import pytest

from forensics.registry import reg_hive as reg_export
from forensics.registry.hive import Hive, Key
from forensics.registry.reg_hive import RegExportHive, hives_from_reg

EXPORT = """Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography]
"MachineGuid"="57af23bf-2427-4be7-8f68-9bc5abbf945a"

[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\\Defaults]

[HKEY_USERS\\.DEFAULT\\Software]
@="default"

[HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software]

[hklm\\system\\CurrentControlSet\\Services\\KeyIso]
"Start"=dword:00000004

[HKEY_CURRENT_USER\\Software\\Foo]
""".replace("\n", "\r\n")


def _hives(*texts: str, encoding: str = "utf-16") -> dict[str, RegExportHive]:
    return hives_from_reg((f"{n}.reg", io.BytesIO(text.encode(encoding))) for n, text in enumerate(texts))


def test_hives_by_root() -> None:
    hives = _hives(EXPORT)
    assert set(hives) == {"SOFTWARE", "DEFAULT", "S-1-5-21-1-2-3-1001", "SYSTEM", "HKEY_CURRENT_USER"}
    hive: Hive = hives["SOFTWARE"]
    key: Key | None = hive.key("MICROSOFT\\cryptography")
    assert key is not None
    value = key.value("machineguid")
    assert value is not None
    assert value.text == "57af23bf-2427-4be7-8f68-9bc5abbf945a"
    assert (key.path, key.timestamp, key.class_name) == ("Microsoft\\Cryptography", None, None)
    assert [k.name for k in key.subkeys()] == ["Defaults"]
    assert (hive.source_path, hive.state) == ("0.reg", "exported")


def test_only_exported_branches_are_covered() -> None:
    hive = _hives(EXPORT)["SOFTWARE"]
    assert hive.covers("Microsoft\\Cryptography\\Nothing\\Here")
    assert hive.covers("microsoft\\cryptography")
    assert not hive.covers("Microsoft\\SystemCertificates")
    assert not hive.covers("Microsoft")
    assert not hive.covers("")


def test_whole_hive_export_covers_everything() -> None:
    hive = _hives("Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\n")["SOFTWARE"]
    assert hive.covers("Microsoft\\SystemCertificates\\MY")
    assert hive.covers("")


def test_empty_security_export_proves_nothing() -> None:
    # regedit shows SECURITY empty to an administrator.
    head = "Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\SECURITY]\n"
    assert not _hives(head)["SECURITY"].covers("Policy\\Secrets\\DPAPI_SYSTEM")
    assert _hives(head + "[HKEY_LOCAL_MACHINE\\SECURITY\\Policy]\n")["SECURITY"].covers("Policy\\Secrets")


def test_current_control_set_answers_for_the_set_it_links_to() -> None:
    service = "Services\\KeyIso"
    hive = _hives(EXPORT)["SYSTEM"]
    key = hive.key(f"ControlSet001\\{service}")
    assert key is not None
    value = key.value("Start")
    assert value is not None
    assert value.number == 4
    assert hive.covers(f"ControlSet001\\{service}\\Parameters")
    select = '[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\r\n"Current"=dword:00000002\r\n'
    hive = _hives(EXPORT + select)["SYSTEM"]
    assert hive.key(f"ControlSet001\\{service}") is None
    assert not hive.covers(f"ControlSet001\\{service}")
    assert hive.key(f"ControlSet002\\{service}") is not None


def test_several_files_and_encodings() -> None:
    first = "REGEDIT4\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Größe]\r\n"
    second = "REGEDIT4\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Other]\r\n"
    hive = _hives(first, second, encoding="cp1252")["SOFTWARE"]
    assert hive.key("GRÖßE")
    assert hive.key("other")
    assert _hives("Windows Registry Editor Version 5.00\n[HKLM\\SAM\\é]\n", encoding="utf-8-sig")["SAM"].key("é")
    assert _hives("Windows Registry Editor Version 5.00\n[HKLM\\SAM\\é]\n", encoding="utf-16-le")["SAM"].key("É")


def test_what_means_nothing_is_reported_and_the_rest_read() -> None:
    problems: list[tuple[str, str, int | None]] = []
    text = "REGEDIT4\n[HKLM\\SOFTWARE\\a]\ngarbage\n[HKLM\\SOFTWARE" + "\\x" * 600 + ']\n[HKLM\\SOFTWARE\\b]\n"v"="w"\n'
    hives = hives_from_reg(
        [("no.reg", io.BytesIO(b"MZ")), ("bad.reg", io.BytesIO(text.encode()))], lambda *p: problems.append(p)
    )
    assert hives["SOFTWARE"].key("b")
    assert [(kind, line) for kind, _, line in problems] == [("bad_magic", 0), ("bad_line", 3), ("bad_line", 4)]


def test_many_deep_keys_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reg_export, "MAX_KEYS", 10_000)
    problems: list[str] = []
    deep = "\\x" * 500
    lines = "".join(f"[HKLM\\SOFTWARE\\{n}{deep}]\n" for n in range(25))
    hives_from_reg([("x.reg", io.BytesIO(f"REGEDIT4\n{lines}".encode()))], lambda kind, *rest: problems.append(kind))
    assert problems == ["too_large"]


def test_wrong_lines_beyond_the_bound_are_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reg_export, "MAX_REPORTED", 2)
    problems: list[tuple[str, str]] = []
    lines = "[HKLM\\SOFTWARE]\n" + "nonsense\n" * 9
    hives_from_reg(
        [("x.reg", io.BytesIO(f"REGEDIT4\n{lines}".encode()))],
        lambda kind, message, offset: problems.append((kind, message)),
    )
    assert [kind for kind, _ in problems] == ["bad_line", "bad_line", "too_many_problems"]
    assert problems[-1][1] == "x.reg: more than 2 lines are wrong"
