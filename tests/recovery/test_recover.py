"""``recover``: proved keys leave by this door, encrypted; nothing else does, and nothing leaves elsewhere."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from asn1crypto import pkcs12 as asn1
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

import forensics
from forensics.chain.vault import Vault
from forensics.cli.main import cli
from tests.examined import examined
from tests.paths import IMAGES

SAMPLE = IMAGES / "sample.vhdx.xz"
PASSWORD = "Pässw0rd!"
WEB, API = "5128463CB51FB4BFB5489BA043D6FCE174F6CA79", "9D36AE7DEC02022E8049BE625E83A558A4CB3F7E"

CSP_NAME, LOCAL_KEY_SET = "1.3.6.1.4.1.311.17.1", "1.3.6.1.4.1.311.17.2"


@pytest.fixture
def password(tmp_path: Path) -> Path:
    (tmp_path / "pw.txt").write_text(f"{PASSWORD}\nsecond line\n", encoding="utf-8")
    return tmp_path / "pw.txt"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["recover", *(str(a) for a in arguments)], prog_name="keymortem")


def test_a_key_of_the_earlier_dpapi_system_is_written_and_fits_its_certificate(tmp_path: Path, password: Path) -> None:
    result = run(SAMPLE, "web.contoso", API[:6], "--to", tmp_path / "keys", "--password-file", password)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].startswith(f"2 of 2 keys written into {tmp_path / 'keys'}; recovered-")
    assert '    certutil -f -importPFX "MY" "5128463CB51FB4BFB5489BA043D6FCE174F6CA79.pfx"' in result.stdout
    assert {path.suffix for path in (tmp_path / "keys").iterdir()} == {".pfx", ".json"}
    for thumbprint, kind in ((WEB, rsa.RSAPrivateKey), (API, ec.EllipticCurvePrivateKey)):
        file = tmp_path / "keys" / f"{thumbprint}.pfx"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key, certificate, _ = pkcs12.load_key_and_certificates(file.read_bytes(), PASSWORD.encode())
        assert isinstance(key, kind)
        assert certificate is not None
        assert certificate.fingerprint(hashes.SHA1()).hex().upper() == thumbprint
        assert key.public_key() == certificate.public_key()


def test_no_part_of_a_key_or_password_stands_anywhere_else(tmp_path: Path, password: Path) -> None:
    result = run(SAMPLE, "contoso", "--to", tmp_path / "keys", "--password-file", password, "--even-not-exportable")
    written = [path for path in (tmp_path / "keys").iterdir() if path.suffix == ".pfx"]
    (log,) = (path for path in (tmp_path / "keys").iterdir() if path.suffix == ".json")
    said = result.stdout + result.stderr + log.read_text(encoding="utf-8")
    assert len(written) == 7
    assert PASSWORD not in said
    for file in written:
        key, _, _ = pkcs12.load_key_and_certificates(file.read_bytes(), PASSWORD.encode())
        numbers = [key.private_numbers().d, key.private_numbers().p] if isinstance(key, rsa.RSAPrivateKey) else []
        numbers += [key.private_numbers().private_value] if isinstance(key, ec.EllipticCurvePrivateKey) else []
        assert numbers
        for number in numbers:
            assert str(number) not in said
            assert f"{number:x}" not in said.lower()


def test_the_log_names_what_was_written_by_fingerprints(tmp_path: Path, password: Path) -> None:
    told = forensics.recover(SAMPLE, WEB, to=tmp_path / "keys", pfx_password_file=password)
    assert told.log is not None
    (key,) = json.loads((tmp_path / "keys" / told.log).read_text(encoding="utf-8"))["keys"]
    assert (key["thumbprint"], key["computer"], key["unlocked_by"]) == (WEB, "WEB01", "previous")
    assert key["public_key_sha256"] == "1ab41accdce01a1ff96ce86f46d3330df4c654d58646ccda0d3db92836bc3df5"
    assert "RsaPrivateKey" not in repr(told.keys)
    assert told.is_whole


def test_the_list_says_that_a_disk_stays_off_whose_keys_windows_may_delete() -> None:
    said = run(IMAGES / "copies-master-key.vhdx.xz", "--list").stdout
    assert "Do not start this disk, and let nothing write to it: 2 hang on what Windows may delete." in said
    assert "2026-11-10 02:00:00 UTC), opened with DPAPI_SYSTEM" in said


def test_the_list_says_from_where_or_what_is_missing(tmp_path: Path) -> None:
    result = run(SAMPLE, "--list")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "3 of 14 keys can be written into PFX files, 4 more with --even-not-exportable; --to FOLDER does that."
    )
    at = {line.split(",")[0]: lines[number + 1] for number, line in enumerate(lines) if line.startswith("CN=")}
    assert at["CN=device.contoso.test"] == (
        "  not to be had: its private half lies in the TPM of the computer and never leaves it"
    )
    assert at["CN=ldap.contoso.test"] == "  not to be had: the key file is not on this disk"
    assert at["CN=web.contoso.test"].endswith(
        "4209c24da88321c2d1aa5b3e46e0c245_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162, opened with the earlier DPAPI_SYSTEM "
        "(OldVal); it may be exported"
    )
    # Its certificate's link leads to a key that was made anew.
    found = "5f3815c6360daa630fbfc92c15f50536_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
    assert found in at["CN=mail.contoso.test"]
    assert not any(line.startswith("te-WebServer-mail") for line in lines)
    (by_file,) = forensics.recover(SAMPLE, found).keys
    assert by_file.chain.subject == "CN=mail.contoso.test"


def test_the_list_says_in_japanese_why_a_key_is_not_had() -> None:
    told = forensics.render(forensics.recover(SAMPLE, "ldap.contoso", "web.contoso"), language="ja")
    assert "\n  取り出せません: キー ファイルがこのディスクにありません\n" in told
    assert "\n  --as file では戻せません: マスター キー " in told


def test_what_policy_forbids_stays_unless_that_is_asked_for(tmp_path: Path, password: Path) -> None:
    arguments = (SAMPLE, "intranet.contoso", "--to", tmp_path / "keys", "--password-file", password)
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "Nothing was written."
    assert (
        "not written: its policy forbids that; if you may decide otherwise, add --even-not-exportable" in result.stdout
    )
    assert not (tmp_path / "keys").exists()
    assert run(*arguments, "--even-not-exportable").exit_code == 0
    assert len(list((tmp_path / "keys").glob("*.pfx"))) == 1


def test_deleted_key_and_master_key_files_give_their_keys_back(tmp_path: Path, password: Path) -> None:
    image = IMAGES / "cleaned-up.vhdx.xz"
    told = forensics.recover(
        image,
        "web.contoso",
        "locked.contoso",
        to=tmp_path / "keys",
        pfx_password_file=password,
        even_not_exportable=True,
    )
    assert told.is_whole
    (web,) = (key for key in told.keys if key.chain.subject == "CN=web.contoso.test")
    assert web.exportable == "no"
    assert web.path == (
        "ProgramData/Microsoft/Crypto/RSA/MachineKeys/4209c24da88321c2d1aa5b3e46e0c245_"
        "64023be8-9c1a-4eee-b6ec-0f951b6c7610 (deleted, file record 98)"
    )
    for file in (tmp_path / "keys").glob("*.pfx"):
        key, certificate, _ = pkcs12.load_key_and_certificates(file.read_bytes(), PASSWORD.encode())
        assert certificate is not None
        assert key is not None
        assert key.public_key() == certificate.public_key()
    refused = run(image, "web.contoso", "--to", tmp_path / "more", "--password-file", password)
    assert (refused.exit_code, (tmp_path / "more").exists()) == (1, False)


def test_a_key_of_a_tpm_never_leaves(tmp_path: Path, password: Path) -> None:
    result = run(SAMPLE, "device.contoso", "--to", tmp_path / "k", "--password-file", password, "--even-not-exportable")
    assert result.exit_code == 1
    assert "not to be had: its private half lies in the TPM of the computer and never leaves it" in result.stdout
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("form", ["pfx", "file"])
@pytest.mark.parametrize(
    ("image", "subject", "why"),
    [
        ("bound", "vbs.contoso", "it is sealed to the secure kernel (VBS) of the computer and never leaves it"),
        ("bound", "vbs-per-boot", "it is sealed to the secure kernel (VBS) of the computer and never leaves it"),
        ("bound", "hello.contoso", "it asks for a PIN or password of its own, or lies on a smart card"),
        ("broken-claim", "card-capi", "it asks for a PIN or password of its own, or lies on a smart card"),
        ("broken-claim", "card-cng", "it asks for a PIN or password of its own, or lies on a smart card"),
    ],
)
def test_sealed_keys_and_those_on_cards_never_leave(
    tmp_path: Path, password: Path, image: str, subject: str, why: str, form: str
) -> None:
    way = ("--as", "file") if form == "file" else ("--password-file", password)
    source = IMAGES / f"{image}.vhdx.xz"
    result = run(source, subject, "--to", tmp_path / "keys", "--even-not-exportable", *way)
    assert result.exit_code == 1
    assert f"  not to be had: {why}" in result.stdout.splitlines()
    assert not (tmp_path / "keys").exists()


def test_openssl_reads_each_file_and_its_key_signs(tmp_path: Path, password: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this computer")
    forensics.recover(SAMPLE, WEB, API, to=tmp_path / "keys", pfx_password_file=password)
    (tmp_path / "text").write_bytes(b"signed")
    key, own, public, signature, text = (str(tmp_path / name) for name in ("key", "own", "public", "signature", "text"))

    def told(*arguments: str) -> str:
        return subprocess.run([openssl, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    for thumbprint in (WEB, API):
        file = str(tmp_path / "keys" / f"{thumbprint}.pfx")
        told("pkcs12", "-in", file, "-passin", f"file:{password}", "-nodes", "-nocerts", "-out", key)
        told("pkcs12", "-in", file, "-passin", f"file:{password}", "-nodes", "-nokeys", "-out", own)
        told("dgst", "-sha256", "-sign", key, "-out", signature, text)
        told("x509", "-in", own, "-pubkey", "-noout", "-out", public)
        assert told("dgst", "-sha256", "-verify", public, "-signature", signature, text) == "Verified OK"


def test_keys_are_let_go_of_and_no_core_dump_is_left(
    tmp_path: Path, password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    vaults: list[Vault] = []
    limits: list[tuple[int, int]] = []

    def made() -> Vault:
        limits.append(resource.getrlimit(resource.RLIMIT_CORE))
        vaults.append(Vault())
        return vaults[-1]

    monkeypatch.setattr("forensics.recovery.recover.Vault", made)
    forensics.recover(SAMPLE, WEB, to=tmp_path / "keys", pfx_password_file=password)
    assert limits[0][0] == 0
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
    (vault,) = vaults
    assert [len(kept) for kept in (vault.keys, vault.certificates, vault.publics, vault.placings)] == [0, 0, 0, 0]


def test_files_that_are_there_and_evidence_are_never_written(tmp_path: Path, password: Path) -> None:
    arguments = (SAMPLE, "web.contoso", "--to", tmp_path / "keys", "--password-file", password)
    assert run(*arguments).exit_code == 0
    kept = (tmp_path / "keys" / f"{WEB}.pfx").read_bytes()
    again = run(*arguments)
    assert again.exit_code == 2
    assert f"{WEB}.pfx exists" in again.stderr
    assert (tmp_path / "keys" / f"{WEB}.pfx").read_bytes() == kept
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "disk.vhdx.xz").write_bytes(SAMPLE.read_bytes())
    result = run(folder, "web.contoso", "--to", folder / "keys", "--password-file", password)
    assert result.exit_code == 2
    assert "evidence is never written, choose another place" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["disk.vhdx.xz"]


def test_an_old_windows_is_told_to_take_legacy_files(tmp_path: Path, password: Path) -> None:
    old = IMAGES / "server-2003.vhdx.xz"
    hint = "likely imports no file with AES and then calls the password wrong"
    arguments = ("sound.contoso", "--password-file", password, "--even-not-exportable")
    assert hint in run(old, *arguments, "--to", tmp_path / "aes").stdout
    legacy = run(old, *arguments, "--to", tmp_path / "legacy", "--legacy")
    assert (legacy.exit_code, hint in legacy.stdout) == (0, False)
    assert hint not in run(SAMPLE, "web.contoso", "--password-file", password, "--to", tmp_path / "new").stdout
    (file,) = (tmp_path / "legacy").glob("*.pfx")
    key, _, _ = pkcs12.load_key_and_certificates(file.read_bytes(), PASSWORD.encode())
    assert isinstance(key, rsa.RSAPrivateKey)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x",), "say either --to FOLDER, or --list to see what could be written"),
        (("x", "--to", "k", "--list"), "say either --to FOLDER, or --list to see what could be written"),
        (("--to", "k"), "name the keys that are to be written"),
        (("x", "--to", "k"), "--to needs --password-file"),
        (("no such key", "--list"), "no key here is called 'no such key'"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: tuple[str, ...], words: str) -> None:
    result = run(SAMPLE, *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_of_what_was_not_examined_no_key_is_said_to_be_unknown(tmp_path: Path, password: Path) -> None:
    for how in (("--list",), ("--to", tmp_path / "keys", "--password-file", password)):
        result = run(tmp_path / "none.vhdx", "web", *how)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "none.vhdx does not exist" in result.stderr
        assert "no key here is called" not in result.stderr
    assert not (tmp_path / "keys").exists()


def test_what_was_not_examined_is_told_beside_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forensics.Case, "not_examined", ["1 of 2 volumes was not examined: it is locked"])
    result = run(SAMPLE, "nosuch", "--list")
    assert result.exit_code == 2
    assert "keymortem: 1 of 2 volumes was not examined: it is locked" in result.stderr
    assert "no key here is called 'nosuch'" in result.stderr


def test_a_slip_in_the_name_of_a_user_is_told(tmp_path: Path, password: Path) -> None:
    result = run(SAMPLE, "web.contoso", "--list", "--password", f"nobody:{password}")
    assert "a password or NT hash was given for nobody, whom none of the sources knows" in result.stderr


def test_the_account_is_named_as_which_a_users_key_is_to_be_imported() -> None:
    lines = run(IMAGES / "laptop.vhdx.xz", "frank@mail", "lap-31.contoso", "LAP-31", "--list").stdout.splitlines()
    frank = "store My of frank (S-1-12-1-2164260864-1207959552-2550136832-3405691582), of LAP-31"
    assert [line.partition(", ")[2].partition(", ")[2] for line in lines if line.startswith("CN=")][:2] == [frank] * 2
    assert any(line.endswith(", store Remote Desktop, of LAP-31") for line in lines)


def test_an_empty_password_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "pw.txt").write_text("\nsecret\n")
    result = run(SAMPLE, "web.contoso", "--to", tmp_path / "keys", "--password-file", tmp_path / "pw.txt")
    assert result.exit_code == 2
    assert "holds no password: its first line is empty" in result.stderr
    assert not (tmp_path / "keys").exists()


def attributes_of(file: Path) -> dict[str, object]:
    """Return the attributes of the key by which Windows places it."""
    safes = [s for s in asn1.Pfx.load(file.read_bytes()).authenticated_safe if s["content_type"].native == "data"]
    (bag,) = asn1.SafeContents.load(safes[0]["content"].native)
    found: dict[str, object] = {}
    for attribute in bag["bag_attributes"]:
        values = attribute["values"]
        found[attribute["type"].dotted] = values[0].native if len(values) else None
    return {oid: value for oid, value in found.items() if oid in (CSP_NAME, LOCAL_KEY_SET)}


def test_of_two_stores_the_one_that_is_told_says_where_the_key_goes(tmp_path: Path, password: Path) -> None:
    # Once usable in the store of the computer, once broken in that of a user: the broken one is what was asked for.
    result = run(
        IMAGES / "laptop.vhdx.xz",
        "71D7B64A",
        "--to",
        tmp_path / "keys",
        "--password-file",
        password,
        "--even-not-exportable",
    )
    assert result.exit_code == 0, result.stderr
    assert "certutil -user -f -importPFX" in result.stdout
    (file,) = (tmp_path / "keys").glob("*.pfx")
    assert LOCAL_KEY_SET not in attributes_of(file)


def test_a_provider_that_does_not_serve_is_not_asked_for(tmp_path: Path, password: Path) -> None:
    arguments = ("--to", tmp_path / "keys", "--password-file", password, "--even-not-exportable")
    assert run(IMAGES / "odd-server.vhdx.xz", "D4DDAF42", *arguments).exit_code == 0
    (file,) = (tmp_path / "keys").glob("*.pfx")
    assert attributes_of(file) == {LOCAL_KEY_SET: None}


def test_an_import_that_would_make_a_key_exportable_is_told(tmp_path: Path, password: Path) -> None:
    arguments = ("--to", tmp_path / "keys", "--password-file", password, "--even-not-exportable")
    assert "NoExport behind the name of the file keeps it" in run(SAMPLE, "intranet.contoso", *arguments).stdout
    assert "NoExport" not in run(SAMPLE, WEB, *arguments).stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("pw\n".encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
        ("Größe".encode("latin-1"), "is not UTF-8 text; save it as UTF-8"),
        (b"\xed\xa0\x80secret", "is not UTF-8 text; save it as UTF-8"),
        ("secret\n".encode("utf-16-le"), "holds characters that nobody can type"),
        (b"secret\rsecond", "holds characters that nobody can type"),
        (b"y" * 70_000, "is too long for a password"),
        (b"\xef\xbb\xbf\r\nsecret", "its first line is empty"),
    ],
)
def test_a_password_that_nobody_could_type_again_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "pw.txt").write_bytes(content)
    result = run(SAMPLE, WEB, "--to", tmp_path / "keys", "--password-file", tmp_path / "pw.txt")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert "secret" not in result.stderr + result.stdout
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(("line", "password"), [(b"\xef\xbb\xbfpw\r\n", b"pw"), (b"x" * 300, b"x" * 300)])
def test_marks_and_ends_of_lines_are_no_part_of_a_password(tmp_path: Path, line: bytes, password: bytes) -> None:
    (tmp_path / "pw.txt").write_bytes(line)
    forensics.recover(SAMPLE, WEB, to=tmp_path / "keys", pfx_password_file=tmp_path / "pw.txt")
    key, _, _ = pkcs12.load_key_and_certificates((tmp_path / "keys" / f"{WEB}.pfx").read_bytes(), password)
    assert isinstance(key, rsa.RSAPrivateKey)


def test_the_log_holds_nothing_that_steers_a_terminal(tmp_path: Path, password: Path) -> None:
    source = tmp_path / "\u202egnp\x9b2J.vhdx.xz"
    source.write_bytes(SAMPLE.read_bytes())
    told = forensics.recover(source, WEB, to=tmp_path / "keys", pfx_password_file=password)
    assert told.log is not None
    log = (tmp_path / "keys" / told.log).read_bytes()
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in log)
    assert json.loads(log)["sources"] == [str(source)]


def test_a_source_whose_name_is_no_text_stands_in_the_log(tmp_path: Path, password: Path) -> None:
    source = tmp_path / os.fsdecode(b"gr\xf6\xdfe.vhdx.xz")
    try:
        source.write_bytes(SAMPLE.read_bytes())
    except OSError:
        pytest.skip("this file system takes names of text alone")
    told = forensics.recover(source, WEB, to=tmp_path / "keys", pfx_password_file=password)
    assert told.log is not None
    log = json.loads((tmp_path / "keys" / told.log).read_bytes())
    assert log["sources"] == [str(source)]


def test_no_option_is_advised_that_this_command_lacks(tmp_path: Path, password: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / f"{WEB}.pfx").write_bytes(b"older")
    result = run(SAMPLE, WEB, "--to", tmp_path / "keys", "--password-file", password)
    assert result.exit_code == 2
    assert "--overwrite" not in result.stderr


def test_a_folder_that_is_full_keeps_nothing_of_a_key(
    tmp_path: Path, password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        write(path, content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run(SAMPLE, WEB, "--to", tmp_path / "keys", "--password-file", password)
    assert result.exit_code == 5
    assert f"{tmp_path}/keys cannot be written: no space left on the disk; what was there" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {password.name}


@pytest.mark.parametrize(("name", "keys"), [("cleaned-up", 2), ("mixed", 3)])
def test_what_a_finding_says_to_type_writes_the_key(name: str, keys: int, tmp_path: Path, password: Path) -> None:
    remedies = [b for f in examined(name).finding_list if f.rule == "key-recoverable" for b in f.remedy]
    lines = [b.text for b in remedies if b.text.startswith("keymortem recover ")]
    assert len(lines) == keys
    for line in lines:
        places = {"SOURCE": IMAGES / f"{name}.vhdx.xz", "FOLDER": tmp_path / line.split()[3], "FILE": password}
        assert run(*(places.get(word, word) for word in line.split()[2:])).exit_code == 0


@pytest.mark.parametrize("form", ["text", "html", "runbook"])
def test_no_command_names_a_deleted_file(form: str) -> None:
    said = forensics.render(examined("cleaned-up"), form)
    assert "(deleted, file record 98)" in said
    verbs = r"(?:Copy-Item|Rename-Item|Test-Path|icacls|takeown|attrib|keymortem recover)\b"
    assert [line for line in said.splitlines() if re.search(verbs + r".*\(deleted, file record", line)] == []
    commands = [b for f in examined("cleaned-up").finding_list for b in f.remedy if b.kind == "command"]
    assert [b.text for b in commands if "(deleted" in b.text] == []
    assert ": keep it, see the finding key-recoverable" not in said


def test_the_list_names_the_secret_of_a_user_that_is_missing() -> None:
    result = run(IMAGES / "healthy.vhdx.xz", "bob", "dave", "--list")
    lines = result.stdout.splitlines()
    at = {line.split(",")[0]: lines[number + 1] for number, line in enumerate(lines) if line.startswith("CN=")}
    of_then = "had when the master key was last protected"
    no_history = "; CREDHIST, the history of older passwords, is not on this disk"
    assert at["CN=bob"] == (
        "  not to be had: nothing here opens master key 71ebe672-9987-42fe-b04b-09312b00024c, which covers it; "
        f"missing: the password that bob {of_then} (--password){no_history}"
    )
    assert at["CN=dave"] == (
        "  not to be had: nothing here opens master key 953c6325-55c2-461c-b283-6311d1b9dd20, which covers it; "
        f"missing: the password that dave {of_then} (--password, or its NT hash by --nt-hash), or the DPAPI backup key "
        f"3f0b7a5e-0d1c-4b7e-9a55-6c2d8f10e4b1 of the domain (--domain-backup-key){no_history}"
    )
