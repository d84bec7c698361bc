"""BitLocker volumes: opened by each kind of key, and what is said when they are not."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from dissect.fve.bde.bde import BitlockerStream
from dissect.fve.crypto import create_cipher

from forensics.disk.bitlocker import decrypt_by_openssl, unlock_volume
from forensics.disk.ntfs.stream import VolumeReader
from forensics.sources.open import Unlock, open_source
from forensics.tables.hyperv import BitLockerRow
from testdata.builder import bitlocker
from tests.oracles import other_reader

KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"


@pytest.fixture(scope="module")
def locked(ntfs_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bitlocker") / "locked.img"
    path.write_bytes(bitlocker.encrypt(ntfs_image.read_bytes()))
    return path


def test_the_oracle_opens_the_test_volume(locked: Path, ntfs_image: Path) -> None:
    pybde = other_reader("pybde", "libbde-python")
    volume = pybde.volume()
    volume.set_recovery_password(bitlocker.RECOVERY_KEY)
    volume.open(str(locked))
    expected = ntfs_image.read_bytes()
    assert volume.read_buffer_at_offset(len(expected), 0) == expected


def test_recovery_key(locked: Path, ntfs_image: Path) -> None:
    expected = ntfs_image.read_bytes()
    with locked.open("rb") as file:
        reader = VolumeReader(file, 0, len(expected))
        # As some people copy it: spaces for dashes.
        keys = Unlock(recovery_key=f" {bitlocker.RECOVERY_KEY.replace('-', ' ')} ")
        row = BitLockerRow(machine_id=0, source_path="v", volume="volume", disk="d")
        stream = unlock_volume(reader, len(expected), keys, row)
        assert row.unlocked
        rng = random.Random(5)
        for _ in range(100):
            at, count = rng.randrange(len(expected)), rng.choice((1, 512, 5000, 70_000))
            stream.seek(at)
            assert stream.read(count) == expected[at : at + count]


@pytest.mark.parametrize("bits", [128, 256])
def test_sectors_come_out_as_dissect_decrypts_them(bits: int) -> None:
    rng = random.Random(bits)
    cipher = create_cipher(f"aes-xts-{bits}-plain64", rng.randbytes(bits // 4))
    encrypted, sector = rng.randbytes(4 * 512), rng.randrange(1 << 40)
    expected = cipher.decrypt(encrypted, sector)
    decrypt_by_openssl(cast(BitlockerStream, SimpleNamespace(cipher=cipher)))
    assert cipher.decrypt(encrypted, sector) == expected


def test_password_file(locked: Path, tmp_path: Path) -> None:
    path = tmp_path / "password.txt"
    path.write_text(f"{bitlocker.PASSWORD}\r\n", encoding="utf-8-sig", newline="")
    with open_source(locked, Unlock(password_file=path)) as source:
        (installation,) = source.installations
        assert len(installation.listing(KEYS).entries) == 200
        assert source.problems == []
        assert [c.outcome for c in source.coverage] == ["present"]


def test_bek_file(locked: Path, tmp_path: Path) -> None:
    path = tmp_path / "key.BEK"
    path.write_bytes(bitlocker.bek_file())
    with open_source(locked, Unlock(bek_file=path)) as source:
        assert len(source.installations) == 1


def test_without_a_key_the_protectors_are_named(locked: Path) -> None:
    with open_source(locked) as source:
        assert source.installations == []
        (row,) = source.coverage
        assert (row.area, row.name, row.outcome) == ("volume", "volume", "not_examined")
        assert row.detail is not None
        for name, words in (("recovery", "recovery password"), ("password", "password"), ("external", ".BEK)")):
            assert f"{words} {{{str(bitlocker.IDS[name]).upper()}}}" in row.detail
        assert [p.kind for p in source.problems] == ["bitlocker_locked"]
        (volume,) = source.bitlocker
        assert sorted(volume.protectors) == ["external_key", "password", "recovery_password", "tpm"]
        assert (volume.has_tpm, volume.has_recovery_password) == (True, True)
        assert (volume.suspended, volume.unlocked) == (False, False)


def test_wrong_key_says_so_and_is_not_repeated(locked: Path) -> None:
    recovery_key = "-".join(["000011"] * 8)
    with open_source(locked, Unlock(recovery_key=recovery_key)) as source:
        assert source.installations == []
        (problem,) = source.problems
        assert problem.kind == "bitlocker_wrong_key"
        assert "not opened by the recovery password" in problem.message
        assert recovery_key not in problem.message
        assert next(iter(source.coverage)).outcome == "not_examined"


def test_wrong_files_say_so(locked: Path, tmp_path: Path) -> None:
    password, bek = tmp_path / "p", tmp_path / "b.bek"
    password.write_bytes(b"")
    bek.write_bytes(b"no key")
    with open_source(locked, Unlock(password_file=password, bek_file=bek)) as source:
        assert "not opened by the password or the key file b.bek" in source.problems[0].message
    with open_source(locked, Unlock(bek_file=tmp_path / "absent.bek")) as source:
        assert source.problems[0].message == f"{tmp_path / 'absent.bek'} cannot be read: No such file or directory"
