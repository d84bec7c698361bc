"""Real Windows bytes that impacket tests itself with: facts from vectors.json, bytes from impacket's own source.

The bytes are not part of this project. To run these tests, fetch the source distribution of impacket 0.13.1 and set
``KEYMORTEM_IMPACKET_TESTS`` to its ``tests/misc/test_dpapi.py``.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from forensics.dpapi import dpapi
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.master_key import MasterKeyFile, parse_master_key_file

ADMINISTRATOR = "S-1-5-21-1455520393-2019809541-4133251990-500"


@pytest.fixture(scope="module")
def facts(realdata: Path) -> dict[str, Any]:
    return {v["name"].split(" ")[0]: v for v in json.loads((realdata / "vectors.json").read_text())["vectors"]}


@pytest.fixture(scope="module")
def source(realdata: Path) -> ast.Module:
    path = os.environ.get("KEYMORTEM_IMPACKET_TESTS")
    if not path:
        pytest.skip("needs KEYMORTEM_IMPACKET_TESTS (the path of impacket's tests/misc/test_dpapi.py)")
    raw = Path(path).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == json.loads((realdata / "vectors.json").read_text())["sha256"]
    return ast.parse(raw)


def literals(source: ast.Module, name: str, within: str | None = None) -> bytes:
    """Return the bytes assigned to ``name``, in hex or as they are, in one test or anywhere."""
    scopes: list[ast.AST] = [n for n in ast.walk(source) if isinstance(n, ast.FunctionDef) and n.name == within]
    for node in ast.walk(scopes[0] if scopes else source):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            is_call = isinstance(node.value, ast.Call)
            value = ast.literal_eval(node.value.args[0] if isinstance(node.value, ast.Call) else node.value)
            return bytes.fromhex(value) if is_call else value
    raise AssertionError(f"impacket's source has no {name}")


def described(source: ast.Module, name: str, told: dict[str, Any]) -> MasterKeyFile:
    raw = literals(source, name)
    file = parse_master_key_file(raw)
    assert (file.guid, file.flags, len(raw)) == (told["guid"], told["flags"], told["size"])
    assert file.master is not None
    assert (file.master.rounds, hex(file.master.hash_algorithm)) == (told["rounds"], told["hash_alg"])
    assert hex(file.master.cipher_algorithm) == told["cipher_alg"]
    assert (file.has_credhist, file.domain is not None) == (bool(told["cred_hist_len"]), bool(told["domain_key_len"]))
    return file


def sha256_of(key: bytes | None) -> str | None:
    return hashlib.sha256(key).hexdigest() if key else None


def test_system_master_key(source: ast.Module, facts: dict[str, Any]) -> None:
    told = facts["test_systemMasterKeyFile"]
    file = described(source, "systemMasterKeyFile", told)
    secret = literals(source, "blob", "test_DPAPI_SYSTEM")
    assert hashlib.sha256(secret[4:]).hexdigest() == facts["test_DPAPI_SYSTEM"]["fingerprint"]["sha256_of_40_bytes"]
    assert file.master is not None
    assert dpapi.open_master_section(file.master, secret[4:24]) is None
    assert sha256_of(dpapi.open_master_section(file.master, secret[24:])) == told["decrypted_key_sha256"]
    assert dpapi.open_backup_section(file, "S-1-5-18")


def test_domain_users_master_key_under_3des(source: ast.Module, facts: dict[str, Any]) -> None:
    told = facts["adminMasterKeyFile"]
    file = described(source, "adminMasterKeyFile", told)
    section = file.master
    assert section is not None
    opened = [
        dpapi.open_master_section(section, p) for p in dpapi.user_prekeys_from_password("Admin456", ADMINISTRATOR)
    ]
    assert [sha256_of(key) for key in opened] == [None, told["decrypted_key_sha256"], None]
    assert dpapi.open_backup_section(file, ADMINISTRATOR)


@pytest.mark.parametrize(
    ("test", "entropy"), [("test_unprotect_without_entropy", b""), ("test_unprotect_with_entropy", b"Some entropy")]
)
def test_blobs(source: ast.Module, facts: dict[str, Any], test: str, entropy: bytes) -> None:
    blob = parse_dpapi_blob(literals(source, "encrypted_blob", test))
    key = literals(source, "key", test)
    assert blob.master_key_guid == facts[test]["master_key_guid"]
    opened = dpapi.open_blob(blob, key, entropy)
    assert opened.mac_ok
    assert opened.clear == facts[test]["plaintext_text"].encode()
    assert not dpapi.open_blob(blob, key, entropy + b"x").mac_ok
