"""``recover --as file``: what the disk has, under the names and with the rights that bring a key back there."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.chain.placing import FileToPlace, Placing
from forensics.cli.main import cli
from forensics.collectors.lying_file import LyingFile
from forensics.recovery.raw_files import raw_files
from forensics.sources.open import open_source
from testdata.builder import acl
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.dpapi import LOCAL_MACHINE
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.names import capi_file_name
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable
from testdata.builder.scenarios.cleaned_up import cleaned_up
from tests.commands.powershell import is_powershell
from tests.paths import IMAGES

needs_ntfs = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")
KEY = rsa_key("2048-01")
CLEANED_UP = IMAGES / "cleaned-up.vhdx.xz"
WEB_FILE = "4209c24da88321c2d1aa5b3e46e0c245_64023be8-9c1a-4eee-b6ec-0f951b6c7610"
LOST = "4fc4b94e-c643-463e-b82b-24ed64238c90"
MACHINE_KEYS = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"
PROTECT = "C:\\Windows\\System32\\Microsoft\\Protect\\S-1-5-18"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["recover", *(str(a) for a in arguments)], prog_name="keymortem")


def log_in(folder: Path) -> dict[str, list[dict[str, object]]]:
    (log,) = folder.glob("recovered-*.json")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    read: dict[str, list[dict[str, object]]] = json.loads(log.read_text(encoding="utf-8"))
    return read


def server() -> ForgedMachine:
    """A machine whose only certificate names the container ``web``, of which there is no file."""
    made = machine("raw-files", computer_name="WEB01")
    made.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
    return made


def disk(folder: Path, made: ForgedMachine, *others: Volume, extras: NtfsExtras | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    build_ntfs(made.volume(), windows := folder / "windows.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD, extras=extras)
    build_disk([Volume(windows), *others], out := folder / "disk.raw")
    return out


def files_of(image: Path) -> list[FileSpec]:
    """Return all files of the volume of an image's Windows, as they are now."""
    found: list[FileSpec] = []
    with open_source(image) as source:
        tree = source.installations[0].own_tree
        folders = [""]
        while folders:
            for entry in tree.entries(folders.pop()):
                sd = tree.security_descriptor(entry)
                if entry.is_dir:
                    folders.append(entry.path)
                    found.append(FileSpec(entry.path, None, sd))
                    continue
                with tree.open(entry) as stream:
                    found.append(FileSpec(entry.path, stream.read(), sd))
    return found


def volume(out: Path, files: list[FileSpec]) -> Path:
    build_ntfs(files, out.with_suffix(".ntfs"), 64 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(out.with_suffix(".ntfs"))], out)
    return out


def placed(told: forensics.Recovered) -> list[FileSpec]:
    """Return what the commands that were printed put onto a disk: each file that was written, where it belongs."""
    assert told.folder is not None
    files: list[FileSpec] = []
    for file in (file for key in told.keys for file in key.files):
        full = [acl.Ace(sid) for sid in file.rights.full]
        readers = [acl.Ace(sid, acl.READ) for sid in file.rights.readers]
        sd = acl.security_descriptor([*full, *readers], owner=file.rights.owner)
        path = "/".join(PureWindowsPath(file.place).parts[1:])
        files.append(FileSpec(path, (told.folder / file.name).read_bytes(), sd))
    return files


def put(made: ForgedMachine, told: forensics.Recovered) -> ForgedMachine:
    made.files |= {spec.path: spec for spec in placed(told)}
    return made


def verdicts(source: Path) -> dict[str, str]:
    return {row.subject: row.verdict for row in forensics.examine(source).rows("key_chain") if row.subject}


class TestDeletedFiles:
    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory: pytest.TempPathFactory) -> forensics.Recovered:
        return forensics.recover(
            CLEANED_UP,
            "web.contoso",
            "locked.contoso",
            to=tmp_path_factory.mktemp("deleted") / "files",
            form="file",
            even_not_exportable=True,
        )

    def test_they_are_written_as_they_lay(self, told: forensics.Recovered) -> None:
        assert told.folder is not None
        assert told.is_whole
        assert sorted(path.name for path in told.folder.iterdir() if path.suffix != ".json") == [WEB_FILE, LOST]
        deleted = {spec.path.rpartition("/")[2]: spec.data for spec in cleaned_up().stages[0].deleted}
        for name in (WEB_FILE, LOST):
            assert (told.folder / name).read_bytes() == deleted[name]
            assert stat.S_IMODE((told.folder / name).stat().st_mode) == 0o600

    def test_the_key_file_is_told_with_what_it_must_have(self, told: forensics.Recovered) -> None:
        (file,) = next(key.files for key in told.keys if key.chain.subject == "CN=web.contoso.test")
        assert (file.what, file.name, file.place) == ("key_file", WEB_FILE, f"{MACHINE_KEYS}\\{WEB_FILE}")
        assert file.found == f"{MACHINE_KEYS}\\{WEB_FILE} (deleted, file record 98)"
        assert file.rights.sddl == "O:S-1-5-18D:P(A;;FA;;;S-1-5-18)(A;;FA;;;S-1-5-32-544)"
        assert file.had == "S-1-5-18:F,S-1-5-32-544:F"
        assert (file.attributes, file.attributes_from) == ((), "file")
        assert [block.text for block in file.commands] == [
            f'$place = "{MACHINE_KEYS}\\{WEB_FILE}"',
            f'if (-not (Test-Path -LiteralPath $place)) {{ Copy-Item -LiteralPath "{WEB_FILE}" -Destination $place '
            "-Force; icacls $place /setowner *S-1-5-18; icacls $place /inheritance:r "
            '/grant "*S-1-5-18:F" "*S-1-5-32-544:F" }',
        ]

    def test_the_master_key_file_alone_where_the_key_file_is_at_home(self, told: forensics.Recovered) -> None:
        (file,) = next(key.files for key in told.keys if key.chain.subject == "CN=locked.contoso.test")
        assert (file.what, file.name, file.place) == ("master_key", LOST, f"{PROTECT}\\{LOST}")
        assert file.found == f"{PROTECT}\\{LOST} (deleted, file record 102)"
        assert file.rights.grants == "*S-1-5-18:F *S-1-5-32-544:F"

    def test_what_was_placed_opens(self, told: forensics.Recovered, tmp_path: Path) -> None:
        if (why := unavailable()) is not None:
            pytest.skip(f"needs {why}")
        files = files_of(CLEANED_UP)
        names = ("CN=web.contoso.test", "CN=locked.contoso.test")
        before = verdicts(volume(tmp_path / "before.raw", files))
        assert [before[name] for name in names] == ["unusable", "unusable"]
        after = verdicts(volume(tmp_path / "after.raw", [*files, *placed(told)]))
        assert [after[name] for name in names] == ["usable", "usable"]

    def test_the_log_has_fingerprints_and_places_only(self, told: forensics.Recovered) -> None:
        assert told.folder is not None
        keys = {key["subject"]: key for key in log_in(told.folder)["keys"]}
        web = keys["CN=web.contoso.test"]
        assert {name: web[name] for name in ("form", "unlocked_by", "exportable", "doubts")} == {
            "form": "file",
            "unlocked_by": "current",
            "exportable": "no",
            "doubts": [],
        }
        (file,) = web["files"]  # type: ignore[misc]
        content = (told.folder / WEB_FILE).read_bytes()
        assert file == {  # type: ignore[has-type]
            "what": "key_file",
            "file": WEB_FILE,
            "file_sha256": hashlib.sha256(content).hexdigest(),
            "found": f"{MACHINE_KEYS}\\{WEB_FILE} (deleted, file record 98)",
            "place": f"{MACHINE_KEYS}\\{WEB_FILE}",
            "set_aside": None,
            "owner": "S-1-5-18",
            "access_list": "O:S-1-5-18D:P(A;;FA;;;S-1-5-18)(A;;FA;;;S-1-5-32-544)",
            "access_list_on_disk": "S-1-5-18:F,S-1-5-32-544:F",
            "attributes": [],
            "attributes_from": "file",
            "commands": [
                "# PowerShell as administrator",
                f'$place = "{MACHINE_KEYS}\\{WEB_FILE}"',
                f'if (-not (Test-Path -LiteralPath $place)) {{ Copy-Item -LiteralPath "{WEB_FILE}" -Destination '
                "$place -Force; icacls $place /setowner *S-1-5-18; icacls $place /inheritance:r /grant "
                '"*S-1-5-18:F" "*S-1-5-32-544:F" }',
            ],
        }

    def test_no_key_in_the_clear_is_in_what_was_written(self, told: forensics.Recovered) -> None:
        assert told.folder is not None
        key = rsa_key("2048-02")
        written = b"".join(path.read_bytes() for path in told.folder.iterdir()) + told.render().encode()
        for number in (key.private_numbers().p, key.private_numbers().q, key.private_numbers().d):
            for raw in (number.to_bytes(256, "little").rstrip(b"\0"), number.to_bytes(256, "big").lstrip(b"\0")):
                assert raw not in written
            assert str(number).encode() not in written
            assert f"{number:x}".encode() not in written.lower()

    def test_commands_are_powershell_and_name_no_deleted_file(self, told: forensics.Recovered) -> None:
        commands = [line.strip() for line in told.render().splitlines() if line.startswith("    ")]
        commands = [line for line in commands if re.match(r"(?:if|\$place|certutil|attrib|icacls|Copy|Rename)\b", line)]
        assert len(commands) == 6
        assert [line for line in commands if not is_powershell(line) or "(deleted" in line] == []
        assert "icacls" in commands[1]
        assert "/t" not in told.render().split()
        assert commands[2] == 'certutil -verifystore "MY" 60866A04B83008EE5C20D155D2C5B0EDC8265F6A'


def test_what_is_printed(tmp_path: Path) -> None:
    result = run(CLEANED_UP, "web.contoso", "--as", "file", "--to", tmp_path / "files", "--even-not-exportable")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"The files of 1 of 1 key written into {tmp_path / 'files'}, as the disk has them; ")
    assert lines[2:10] == [
        "CN=web.contoso.test, 60866A04B83008EE5C20D155D2C5B0EDC8265F6A, store MY, of WEB01",
        f"  proved: {MACHINE_KEYS}\\{WEB_FILE} (deleted, file record 98), opened with DPAPI_SYSTEM; by its policy it "
        "is not to be exported",
        f"  key file {WEB_FILE}",
        f"    found: {MACHINE_KEYS}\\{WEB_FILE} (deleted, file record 98)",
        f"    belongs at: {MACHINE_KEYS}\\{WEB_FILE}",
        "    owner: SYSTEM (S-1-5-18)",
        "    access list (likely all it needs): O:S-1-5-18D:P(A;;FA;;;S-1-5-18)(A;;FA;;;S-1-5-32-544); on the disk it "
        "had S-1-5-18:F,S-1-5-32-544:F",
        "    attributes: none that matter (as it has them on the disk)",
    ]
    assert "That Windows opens the keys then is likely." in result.stdout


def test_nothing_is_set_aside_where_the_command_that_fills_its_place_is_not_printed() -> None:
    folder = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
    files = (
        FileToPlace(
            "key_file", f"{folder}/{WEB_FILE}", "x", LyingFile(b""), False, owner, f"{folder}/{WEB_FILE}", "damaged"
        )
        for owner in ("S-1-5-18", "")
    )
    facts: Any = SimpleNamespace(path=lambda machine, path: path and f"C:\\{path}".replace("/", "\\"))
    chain: Any = SimpleNamespace(machine_id=1, thumbprint=None, key_file_path=None)
    whole, refused = (raw_files(chain, Placing((file,)), facts, ())[0].commands for file in files)
    assert [block.text.split()[0] for block in whole if "Rename" in block.text] == ["Rename-Item"]
    assert [block.kind for block in refused] == ["paragraph"]


def test_no_use_opens_a_key_to_everybody() -> None:
    file = FileToPlace("key_file", f"x/{WEB_FILE}", "x", LyingFile(b""), False, "S-1-5-18")
    facts: Any = SimpleNamespace(path=lambda machine, path: path and "C:\\x")
    chain: Any = SimpleNamespace(machine_id=1, thumbprint="A", key_file_path=None)
    accounts = ("S-1-1-0", "S-1-5-20", "S-1-5-11", "S-1-5-32-546", "S-1-5-21-1-2-3-514", "NT AUTHORITY", "S-1-5-7")
    uses: Any = [
        SimpleNamespace(machine_id=1, thumbprint="A", certainty="likely", consumer="x", account=account)
        for account in accounts
    ]
    assert raw_files(chain, Placing((file,)), facts, uses)[0].rights.readers == ("S-1-5-20",)


def test_what_policy_forbids_needs_the_option_here_too(tmp_path: Path) -> None:
    result = run(CLEANED_UP, "web.contoso", "--as", "file", "--to", tmp_path / "files")
    assert (result.exit_code, (tmp_path / "files").exists()) == (1, False)
    assert "not written: its policy forbids that; if you may decide otherwise, add --even-not-exportable" in (
        result.stdout
    )


def test_nothing_is_written_over_and_never_into_evidence(tmp_path: Path) -> None:
    arguments = (CLEANED_UP, "web.contoso", "--as", "file", "--even-not-exportable", "--to")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / WEB_FILE).write_bytes(b"older")
    assert run(*arguments, tmp_path / "files").exit_code == 2
    assert (tmp_path / "files" / WEB_FILE).read_bytes() == b"older"
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "disk.vhdx.xz").write_bytes(CLEANED_UP.read_bytes())
    result = run(folder, *arguments[1:], folder / "files")
    assert (result.exit_code, sorted(path.name for path in folder.iterdir())) == (2, ["disk.vhdx.xz"])
    assert "evidence is never written, choose another place" in result.stderr


@pytest.mark.parametrize(
    ("image", "subject", "why"),
    [
        (
            "sample",
            "web.contoso",
            "master key 33d1d616-fe93-4101-8a23-4b0868e40ad2 opens only with the earlier DPAPI_SYSTEM (OldVal), which "
            "Windows no longer uses; without --as file it is written into a PFX file",
        ),
        (
            "sample",
            "vpn.contoso",
            "Windows on this disk opens it where it lies, so nothing is to be placed; without --as file it is written "
            "into a PFX file",
        ),
        (
            "broken-files",
            "bad-sign-capi",
            "its DPAPI blob is damaged, and Windows refuses it wherever it lies; without --as file it is written into "
            "a PFX file",
        ),
        (
            "odd-server",
            "strong.contoso",
            "the provider 'Microsoft Strong Cryptographic Provider' is not registered on this disk; no file mends "
            "that; without --as file it is written into a PFX file",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path: Path, image: str, subject: str, why: str) -> None:
    source = IMAGES / f"{image}.vhdx.xz"
    result = run(source, subject, "--as", "file", "--to", tmp_path / "files", "--even-not-exportable")
    assert (result.exit_code, (tmp_path / "files").exists()) == (1, False)
    assert result.stdout.splitlines()[0] == "Nothing was written."
    assert f"  not written: {why}" in result.stdout.splitlines()


def test_a_key_of_a_tpm_never_leaves(tmp_path: Path) -> None:
    result = run(IMAGES / "sample.vhdx.xz", "device.contoso", "--as", "file", "--to", tmp_path / "files")
    assert result.exit_code == 1
    assert "not to be had: its private half lies in the TPM of the computer and never leaves it" in result.stdout
    assert not (tmp_path / "files").exists()


def test_the_list_of_pfx_files_tells_of_this_way_too() -> None:
    lines = run(CLEANED_UP, "--list").stdout.splitlines()
    assert f"  --as file: {PROTECT}\\{LOST} (deleted, file record 102), to be put at {PROTECT}\\{LOST}" in lines
    assert [line for line in lines if line.endswith("by its policy it is not to be exported") and LOST in line] == [
        "  proved: C:\\ProgramData\\Microsoft\\Crypto\\Keys\\bf627e5670f6737d2cdd001f0bc30125_"
        f"64023be8-9c1a-4eee-b6ec-0f951b6c7610, its master key in {PROTECT}\\{LOST} (deleted, file record 102), "
        "opened with DPAPI_SYSTEM; by its policy it is not to be exported"
    ]
    told = run(IMAGES / "sample.vhdx.xz", "web.contoso", "--list").stdout.splitlines()
    assert told[4] == (
        "  not by --as file: master key 33d1d616-fe93-4101-8a23-4b0868e40ad2 opens only with the earlier DPAPI_SYSTEM "
        "(OldVal), which Windows no longer uses"
    )
    listed = run(CLEANED_UP, "--list", "--as", "file").stdout.splitlines()
    assert listed[0] == (
        "0 of 5 keys can be brought back by files of the disk, 2 more with --even-not-exportable; "
        "--to FOLDER writes these."
    )


@pytest.mark.parametrize(
    "arguments",
    [("--password-file", "pw"), ("--legacy",)],
    ids=["password", "legacy"],
)
def test_what_is_for_pfx_files_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "pw").write_text("secret\n")
    given = [str(tmp_path / "pw") if word == "pw" else word for word in arguments]
    result = run(CLEANED_UP, "web", "--as", "file", "--to", tmp_path / "files", *given)
    assert result.exit_code == 2
    assert "--password-file and --legacy are for PFX files" in " ".join(result.stderr.split())
    with pytest.raises(ValueError, match="for PFX files"):
        forensics.recover(CLEANED_UP, "web", to=tmp_path, form="file", legacy=True)
    with pytest.raises(ValueError, match="there is no form 'zip' of keys; there are pfx, file"):
        forensics.recover(CLEANED_UP, "web", to=tmp_path, form="zip")  # type: ignore[arg-type]


@needs_ntfs
class TestForgedDisks:
    def copy_of(self, made: ForgedMachine) -> bytes:
        return make_capi_key("copy", "web", made.keys[MACHINE], exchange=Slot(KEY), flags=LOCAL_MACHINE)

    def test_a_copy_on_another_volume_is_put_onto_that_of_windows(self, tmp_path: Path) -> None:
        made = server()
        name = capi_file_name("web", made.suffix)
        build_ntfs([FileSpec(f"Keys/{name}.bak", self.copy_of(made))], other := tmp_path / "other.ntfs", 32 << 20)
        source = disk(tmp_path / "disk", made, Volume(other))
        told = forensics.recover(source, "web", to=tmp_path / "files", form="file", even_not_exportable=True)
        (key,) = told.keys
        (file,) = key.files
        assert (file.found, file.place) == (f"partition 2:\\Keys\\{name}.bak", f"{MACHINE_KEYS}\\{name}")
        assert (file.had, file.attributes_from) == (None, "likely")
        assert "partition 2" not in "".join(block.text for block in file.commands)
        assert verdicts(disk(tmp_path / "after", put(server(), told))) == {"CN=web.contoso.test": "usable"}

    def test_rights_and_attributes_that_it_had_are_kept(self, tmp_path: Path) -> None:
        """An account that read the old file reads the new one; Everyone does not, and a denial is not put back."""
        made = server()
        name = capi_file_name("web", made.suffix)
        service = "S-1-5-21-1-2-3-1107"
        sd = acl.security_descriptor(
            [
                acl.Ace("S-1-5-21-1-2-3-1108", acl.READ, acl.DENY),
                acl.Ace(acl.SYSTEM),
                acl.Ace(acl.ADMINISTRATORS),
                acl.Ace(acl.EVERYONE, acl.READ),
                acl.Ace(service, acl.READ),
                acl.Ace("S-1-5-21-1-2-3-1109", acl.READ_ATTRIBUTES),
                acl.Ace("S-1-5-5-0-4711"),
                acl.Ace(acl.NETWORK_SERVICE, acl.FULL),
            ]
        )
        deleted = FileSpec(f"{MACHINE.capi_folder}/{name}", self.copy_of(made), sd)
        extras = NtfsExtras(deleted=[deleted], attributes={deleted.path: 0x26})
        told = forensics.recover(
            disk(tmp_path / "disk", made, extras=extras),
            "web",
            to=tmp_path / "files",
            form="file",
            even_not_exportable=True,
        )
        (file,) = told.keys[0].files
        assert file.rights.sddl == (
            f"O:S-1-5-18D:P(A;;FA;;;S-1-5-18)(A;;FA;;;S-1-5-32-544)(A;;FR;;;{service})(A;;FR;;;S-1-5-20)"
        )
        assert (file.attributes, file.attributes_from) == (("hidden", "system"), "file")
        assert file.commands[-1].text == f'attrib +h +s "{MACHINE_KEYS}\\{name}"'
        assert "attributes: hidden and system (as it has them on the disk)" in told.render()
        assert verdicts(disk(tmp_path / "after", put(server(), told))) == {"CN=web.contoso.test": "usable"}

    def test_an_older_state_is_not_the_windows_of_today(self, tmp_path: Path) -> None:
        made = server()
        made.write(f"Backup/{capi_file_name('web', made.suffix)}", self.copy_of(made))
        made.files |= {
            f"Windows/System32/config/RegBack/{spec.path.rpartition('/')[2]}": FileSpec(
                f"Windows/System32/config/RegBack/{spec.path.rpartition('/')[2]}", spec.data
            )
            for spec in made.volume()
            if spec.path.startswith("Windows/System32/config/") and spec.data and spec.data.startswith(b"regf")
        }
        source = disk(tmp_path / "disk", made)
        told = forensics.recover(source, "web", form="file", even_not_exportable=True, regback=True)
        assert told.keys[0].lack == (
            "what was examined is an older state of what its own hives hold, while this is of the backup hives in "
            "RegBack, of 2024-03-04, so what its Windows opens today is not known; without --as file it is written "
            "into a PFX file"
        )

    def test_a_generalized_image_gets_other_names_and_secrets(self, tmp_path: Path) -> None:
        made = machine("raw-files/sealed", image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
        made.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
        made.write(f"Backup/{capi_file_name('web', made.suffix)}", self.copy_of(made))
        told = forensics.recover(disk(tmp_path, made), "web", form="file", even_not_exportable=True)
        assert told.keys[0].lack == (
            "the image is generalized: its first boot assigns a new MachineGuid and, likely, a new DPAPI_SYSTEM, after "
            "which the file is of no use; without --as file it is written into a PFX file"
        )

    def test_a_key_without_certificate(self, tmp_path: Path) -> None:
        """What uses it reads the file; no certificate is there to be verified."""
        made = machine("raw-files/alone")
        old = made.put_capi("iisWasKey", exchange=Slot(KEY), suffix="c0ffee00-1111-4222-8333-0123456789ab")
        source = disk(tmp_path / "disk", made)
        told = forensics.recover(
            source, old.rpartition("/")[2], to=tmp_path / "files", form="file", even_not_exportable=True
        )
        assert told.is_whole
        (key,) = told.keys
        (file,) = key.files
        assert (key.path, file.place) == (old, f"{MACHINE_KEYS}\\{capi_file_name('iisWasKey', made.suffix)}")
        assert "certutil" not in told.render()
        (logged,) = log_in(tmp_path / "files")["keys"]
        assert logged["public_key_sha256"] == "1ab41accdce01a1ff96ce86f46d3330df4c654d58646ccda0d3db92836bc3df5"
        rows = forensics.examine(disk(tmp_path / "after", put(made, told))).rows("key_chain")
        assert {row.key_file_path: row.verdict for row in rows} == {
            old: "unusable",
            f"{MACHINE.capi_folder}/{file.name}": "usable",
        }

    def test_another_windows_of_the_disk_is_another_machine(self, tmp_path: Path) -> None:
        made, other = server(), machine("raw-files/other", computer_name="WEB02")
        other.put_capi("web", exchange=Slot(KEY))
        build_ntfs(other.volume(), second := tmp_path / "second.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD)
        source = disk(tmp_path / "disk", made, Volume(second))
        told = forensics.recover(source, "web.contoso", form="file", even_not_exportable=True)
        (key,) = told.keys
        assert key.lack == (
            "it was opened with the secrets of WEB02, not with those of this Windows; without --as file it is written "
            "into a PFX file"
        )
