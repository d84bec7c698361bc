"""Action files of Sysprep."""

from __future__ import annotations

from forensics.formats.action_file import parse_action_file


def test_action_files() -> None:
    xml = b"<sysprepInformation><imaging><sysprepModule methodName=' Crypto_A ' moduleName='a.dll'/><sysprepModule/>"
    assert parse_action_file(xml + b"</imaging></sysprepInformation>") == {"crypto_a"}
