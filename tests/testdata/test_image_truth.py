"""The truth of the test images, checked with readers that share no code with the product or the builders.

libvhdi opens the disks, libfsntfs the volumes, libregf the hives, dpapick3 the LSA secrets, dissect.target
the master keys and blobs (by its DPAPI classes). What they find must be what ``NAME.truth.json`` says.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from testdata import make
from testdata.builder import ntfs
from testdata.builder.scenarios import SCENARIOS
from tests.oracles import other_reader
from tests.paths import IMAGES

pyvhdi = other_reader("pyvhdi", "libvhdi-python")
pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
pyregf = other_reader("pyregf", "libregf-python")
dpapick3_crypto = other_reader("dpapick3.crypto", "dpapick3")
dissect_blob = other_reader("dissect.target.plugins.os.windows.dpapi.blob", "dissect.target")
dissect_masterkey = other_reader("dissect.target.plugins.os.windows.dpapi.master_key", "dissect.target")

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
PARTITION_START = 1 << 20
VOLUME_SIZE = 32 << 20
BEFORE = {"secure-boot": 34 << 20}  # an EFI system partition
PROTECT = "Windows/System32/Microsoft/Protect/S-1-5-18"
CONFIG = "Windows/System32/config"
ENTROPIES = (None, b"xT5rZW5qVVbrvpuA\0")
# libvhdi knows no VHDX log, and libregf no transaction log: these two are what they are only after a replay.
READABLE = [name for name in NAMES if name != "dirty-disk"]
# The LSA secrets of Server 2003 are read by impacket in test_forgeries.py.
WITH_SECRETS = [name for name in READABLE if name not in ("no-security", "server-2003")]


class Part(io.RawIOBase):
    """A range of a file object, as libfsntfs wants one."""

    def __init__(self, disk: Any, start: int, size: int) -> None:
        self._disk, self._start, self._size, self._at = disk, start, size, 0

    def read(self, size: int = -1) -> bytes:
        count = min(size if size >= 0 else self._size, self._size - self._at)
        self._disk.seek(self._start + self._at)
        data = self._disk.read(count) if count > 0 else b""
        self._at += len(data)
        return bytes(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def get_size(self) -> int:
        return self._size


class Volume:
    """One Windows volume of an image."""

    def __init__(self, disk: Any, number: int, before: int = 0) -> None:
        self._ntfs = pyfsntfs.volume()
        self._hives: dict[str, Any] = {}
        self._part = Part(disk, PARTITION_START + before + number * VOLUME_SIZE, VOLUME_SIZE)
        self._ntfs.open_file_object(self._part)

    def read(self, path: str) -> bytes | None:
        entry = self._ntfs.get_file_entry_by_path("\\" + path.replace("/", "\\"))
        return None if entry is None else bytes(entry.read_buffer(entry.size)) if entry.size else b""

    def hive(self, name: str) -> Any:
        """Open a hive once; libregf's keys do not keep it alive."""
        if name not in self._hives:
            data = self.read(f"{CONFIG}/{name}")
            assert data is not None
            self._hives[name] = pyregf.file()
            self._hives[name].open_file_object(io.BytesIO(data))
        return self._hives[name]


def load(name: str) -> dict[str, Any]:
    return json.loads((IMAGES / f"{name}.truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def open_disk(tmp_path_factory):
    @cache
    def opened(name: str) -> Any:
        folder = tmp_path_factory.mktemp(name)
        disk, chain = None, []
        for image in load(name)["images"]:
            (folder / image).write_bytes(lzma.decompress((IMAGES / f"{image}.xz").read_bytes()))
            disk = pyvhdi.file()
            disk.open(str(folder / image))
            if chain:
                disk.set_parent(chain[-1])
            chain.append(disk)
        opened_disks.append(chain)
        return disk

    opened_disks: list[list[Any]] = []
    return opened


def machines(open_disk, name: str) -> Iterator[tuple[Volume, dict[str, Any]]]:
    for number, machine in enumerate(load(name)["machines"]):
        yield Volume(open_disk(name), number, BEFORE.get(name, 0)), machine


def secrets(volume: Volume) -> dict[str, bytes]:
    """DPAPI_SYSTEM by generation, 40 bytes each."""
    lsa = volume.hive("SYSTEM").get_key_by_path("\\ControlSet001\\Control\\Lsa")
    classes = "".join(lsa.get_sub_key_by_name(n).class_name for n in ("JD", "Skew1", "GBG", "Data"))
    # libregf's strings are not marked as ASCII, which bytes.fromhex() refuses; the way over bytes makes sound ones.
    raw = bytes.fromhex(classes.encode().decode())
    boot_key = bytes(raw[i] for i in (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7))
    policy = volume.hive("SECURITY").get_key_by_path("\\Policy")
    _, keys = dpapick3_crypto.decrypt_lsa_key_nt6(policy.get_sub_key_by_path("PolEKList").get_value(0).data, boot_key)
    found = {}
    for generation, value in (("current", "CurrVal"), ("previous", "OldVal")):
        key = policy.get_sub_key_by_path(f"Secrets\\DPAPI_SYSTEM\\{value}")
        data = key.get_value(0).data
        if data:
            clear = dpapick3_crypto.decrypt_lsa_secret(data, keys)
            assert len(clear) == 44
            assert clear[:4] == b"\1\0\0\0"
            found[generation] = clear[4:]
    return found


def unlock(volume: Volume, path: str, halves: dict[str, bytes]) -> tuple[str, bytes | None]:
    """Which generation opens a master key file of SYSTEM, and the key."""
    data = volume.read(path)
    assert data
    for generation, both in halves.items():
        key = opened_by(data, both[20:] if "/User/" in path else both[:20])
        if key is not None:
            return generation, key
    return "nothing", None


@cache
def opened_by(data: bytes, half: bytes) -> bytes | None:
    """The key in a master key file; None where the half of the secret does not open it."""
    parsed = dissect_masterkey.MasterKeyFile(io.BytesIO(data))
    return parsed.key if parsed.decrypt_with_key(half) else None


def master_key_path(row: dict[str, Any]) -> str | None:
    """Path of the SYSTEM master key that a row names; None for users and service accounts."""
    path, guid = row["key_file_path"] or "", row["master_key_guid"]
    if guid is None or not path.startswith("ProgramData/Microsoft/Crypto"):
        return None
    own = "/RSA/S-1-5-18/" in path or "/SystemKeys/" in path
    return f"{PROTECT}/User/{guid}" if own else f"{PROTECT}/{guid}"


def blobs(data: bytes) -> Iterator[bytes]:
    """Carve DPAPI blobs from a key file."""
    signature = b"\1\0\0\0" + bytes.fromhex("d08c9ddf0115d1118c7a00c04fc297eb")
    at = data.find(signature)
    while at >= 0:
        following = data.find(signature, at + 1)
        yield data[at : following if following >= 0 else len(data)]
        at = following


def private_halves(data: bytes, key: bytes) -> Iterator[bytes]:
    for piece in blobs(data):
        for entropy in ENTROPIES:
            try:
                blob = dissect_blob.Blob(_cut(piece))
                opened = blob.decrypt(key, entropy=entropy)
            except Exception:  # dissect raises whatever comes on damaged blobs
                continue
            if opened:
                yield blob.clear_text


def _cut(piece: bytes) -> bytes:
    """Cut a carved blob behind its MAC."""
    at = 44
    # Description, (cipher, bits) salt, strong, (hash, bits) nonce, data, MAC: each a length and its bytes.
    for ahead in (0, 8, 0, 8, 0, 0):
        at += ahead
        at += 4 + struct.unpack_from("<I", piece, at)[0]
    return piece[:at]


def certificate_of(volume: Volume, thumbprint: str, store: str) -> x509.Certificate | None:
    path = f"\\Microsoft\\SystemCertificates\\{store}\\Certificates\\{thumbprint}"
    key = volume.hive("SOFTWARE").get_key_by_path(path)
    if key is None:
        return None
    data, at = key.get_value_by_name("Blob").data, 0
    while True:
        number, _, size = struct.unpack_from("<III", data, at)
        if number == 32:
            return x509.load_der_x509_certificate(data[at + 12 : at + 12 + size])
        at += 12 + size


def holds_key_of(clear: bytes, certificate: x509.Certificate) -> bool:
    """The clear private half names the certificate's modulus or point, in either byte order."""
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        modulus = public.public_numbers().n.to_bytes(public.key_size // 8, "big")
        return modulus in clear or modulus[::-1] in clear
    numbers, size = public.public_numbers(), (public.key_size + 7) // 8
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big") in clear


@pytest.mark.parametrize("name", READABLE)
def test_key_files_stand_where_the_truth_says(open_disk, name):
    for volume, machine in machines(open_disk, name):
        for row in machine["key_chain"]:
            if row["key_file_path"] is None:
                assert row["key_file"] in ("absent", "not_examined", "not_applicable"), row["why"]
            else:
                assert volume.read(row["key_file_path"]) is not None, row["why"]


@pytest.mark.parametrize("name", WITH_SECRETS)
def test_each_master_key_opens_with_the_secret_that_the_truth_names(open_disk, name):
    checked = 0
    for volume, machine in machines(open_disk, name):
        halves = secrets(volume)
        expected: dict[str, str] = {}
        for row in machine["key_chain"]:
            path = master_key_path(row)
            if path is None:
                continue
            data = volume.read(path)
            if row["master_key"] == "absent":
                assert data is None, row["why"]
            elif row["master_key"] == "present":
                expected[path] = row["unlocked_by"]
        for path, unlocked_by in expected.items():
            assert unlock(volume, path, halves)[0] == unlocked_by, path
            checked += 1
    assert checked


@pytest.mark.parametrize(
    "name", ["healthy", "broken-claim", "broken-files", "broken-secrets", "sysprepped", "chain", "mbr"]
)
def test_private_keys_are_what_the_truth_says(open_disk, name):
    checked = 0
    for volume, machine in machines(open_disk, name):
        halves = secrets(volume)
        keys = {path: unlock(volume, path, halves)[1] for path in _sound_master_keys(machine)}
        for row in machine["key_chain"]:
            key, certificate = keys.get(master_key_path(row) or ""), _certificate(volume, row)
            if key is None or certificate is None or "private_key" in row.get("unsettled", ()):
                continue
            clear = list(private_halves(volume.read(row["key_file_path"]) or b"", key))
            found = any(holds_key_of(piece, certificate) for piece in clear)
            proved = row["private_key"] == "proved" and row["public_key"] != "mismatch"
            if row["public_key"] == "mismatch" and row["why"].startswith("both slots"):
                proved = True
            assert found == proved, row["why"]
            checked += 1
    assert checked


def _sound_master_keys(machine: dict[str, Any]) -> set[str]:
    rows = [row for row in machine["key_chain"] if row["unlocked_by"] in ("current", "previous")]
    return {path for row in rows if (path := master_key_path(row))}


def _certificate(volume: Volume, row: dict[str, Any]) -> x509.Certificate | None:
    if row["thumbprint"] is None:
        return None
    found = certificate_of(volume, row["thumbprint"], row["store"])
    if found is not None:
        assert hashlib.sha1(found.public_bytes(Encoding.DER)).hexdigest().upper() == row["thumbprint"]
    return found


def test_only_the_log_of_the_dirty_disk_knows_that_the_key_is_gone(open_disk):
    truth = load("dirty-disk")
    volume = Volume(open_disk("dirty-disk"), 0)
    after = {row["subject"]: row["key_file"] for row in truth["machines"][0]["key_chain"]}
    before = {row["subject"]: row["key_file_path"] for row in truth["notes"]["without_log"][0]["key_chain"]}
    assert after == {"CN=web.contoso.test": "absent", "CN=api.contoso.test": "present"}
    assert volume.read(before["CN=web.contoso.test"]), "libvhdi does not replay the log, so the file is still there"


def test_only_the_logs_of_the_dirty_hive_know_the_machine_guid(open_disk):
    [(volume, machine)] = machines(open_disk, "dirty-registry")
    key = volume.hive("SOFTWARE").get_key_by_path("\\Microsoft\\Cryptography")
    without_replay = key.get_value_by_name("MachineGuid").get_data_as_string()
    assert without_replay == "11111111-aaaa-4bbb-8ccc-000000000001"
    assert machine["machine"]["machine_guid"] == "22222222-dddd-4eee-8fff-000000000002"


def test_images_are_small():
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < 6_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_verdict_keeps_the_contract(name):
    for machine in load(name)["machines"]:
        for row in machine["key_chain"]:
            usable, broken = row["verdict"] == "usable", row["broken_at"] is not None
            assert broken == (row["verdict"] == "unusable"), row["why"]
            assert not usable or row["recoverable"] is None, row["why"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_committed_truth_is_what_the_scenario_states(name):
    committed = load(name)
    scenario = SCENARIOS[name]()
    stated = json.loads(json.dumps(make.truth(scenario, [Path(image) for image in committed["images"]])))
    assert stated == committed


def test_every_scenario_has_its_image():
    assert sorted(SCENARIOS) == NAMES
    packed = {path.name.removesuffix(".xz") for path in IMAGES.glob("*.xz")}
    assert packed == {image for name in NAMES for image in load(name)["images"]}


def test_an_image_is_the_same_when_it_is_made_again(tmp_path):
    if reason := ntfs.unavailable():
        pytest.skip(f"needs mkntfs (Debian package ntfs-3g): {reason}")
    image, truth = make.make("sectors-4096", tmp_path)
    assert lzma.decompress(image.read_bytes()) == lzma.decompress((IMAGES / image.name).read_bytes())
    assert truth.read_bytes() == (IMAGES / truth.name).read_bytes()
