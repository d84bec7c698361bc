"""Names of key files against names seen on real disks (published pairs of container and file name)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forensics.formats.key_file_name import (
    capi_name_hashes,
    cng_name_hashes,
    split_key_file_name,
    stored_name_hashes,
    tpm_name_hash,
)

CAPI = {
    "TSSecKeySet1": "f686aace6942fb7f7ceb231212eef4a4",
    "iisConfigurationKey": "6de9cb26d2b98c01ec4e9e8b34824aa2",
    "iisWasKey": "76944fb33636aeddb9590521c2e8815a",
    "NetFrameworkConfigurationKey": "d6d986f09a1ee04e24c949879fdb506c",
    "Microsoft Internet Information Server": "c2319c42033a5ca7f44e731bfd3fa2b5",
    "MS IIS DCOM Server": "7a436fe806e483969f48a894af2fe9a1",
    "WMSvc Certificate Key Container": "bedbf0b4da5f8061b6444baedf4c00b1",
}
CNG = {
    "Google Chromekey1": "7096db7aeb75c0d3497ecd56d355a695",
    "Microsoft Connected Devices Platform device certificate": "de7cf8a7901d2ad13e5c67c29e5d1662",
    "31685cae-af6f-48fb-ac37-845c69b4c097": "bf4097e20d4480b8d6ebc139c9360f02",
    "CVI Issuing CA 1": "b52f658bb3f263e6f529f3a0187c63bc",
    "certificate-DC01-CA": "6f761f351ca79dc7b0ee6f07b40ae906",
    "iisCngConfigurationKey": "f0e91f6485ac2d09485e4ec18135601e",
}
GUID = "f26c165b-53c8-414e-8abb-ec5f0f52df22"


@pytest.mark.parametrize(("container", "expected"), CAPI.items())
def test_capi_names_seen_on_real_disks(container: str, expected: str) -> None:
    assert capi_name_hashes(container) == {expected}
    assert stored_name_hashes(container.upper().encode("ascii")) == {expected}


@pytest.mark.parametrize(("container", "expected"), CNG.items())
def test_cng_names_seen_on_real_disks(container: str, expected: str) -> None:
    assert cng_name_hashes(container) == {expected}
    assert cng_name_hashes(container.upper()) == {expected}


def test_pairs_seen_in_public(realdata: Path) -> None:
    rows = [line.split("\t") for line in (realdata / "name-hash-truth.tsv").read_text("utf-8").splitlines()]
    assert len(rows) == 16
    for provider, container, expected in rows:
        found = capi_name_hashes(container) if provider == "capi" else cng_name_hashes(container)
        assert found == {expected}, container


def test_the_efs_container_of_the_real_hive(realdata: Path) -> None:
    (expected,) = json.loads((realdata / "student-pc8-win81.truth.json").read_text())["key_file_expectations"]
    name = f"{min(capi_name_hashes(expected['container']))}_57af23bf-2427-4be7-8f68-9bc5abbf945a"
    assert name == expected["expected_capi_file_name"]


def test_tpm_names_keep_their_case() -> None:
    # printf 'Key1' | iconv -t UTF-16LE | sha1sum
    assert tpm_name_hash("Key1") == "796cde6847a4ff4c998740e3b2e4f81a3625d68b"
    assert tpm_name_hash("key1") != tpm_name_hash("Key1")


def test_a_name_outside_ascii_is_no_error() -> None:
    assert capi_name_hashes("Schlüssel İ \ud800") == frozenset()
    assert {len(name_hash) for name_hash in cng_name_hashes("Schlüssel İ \ud800")} == {32}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"7096DB7AEB75C0D3497ECD56D355A695_{GUID.upper()}", ("7096db7aeb75c0d3497ecd56d355a695", GUID)),
        (f"7096db7aeb75c0d3497ecd56d355a695_{GUID}.bak", None),
        (f"7096db7aeb75c0d3497ecd56d355a69_{GUID}", None),
        (f"7096db7aeb75c0d3497ecd56d355a695_{GUID[:-1]}", None),
        (f"7096db7aeb75c0d3497ecd56d355a695_{GUID}\n", None),
        ("TSSecKeySet1", None),
        ("", None),
    ],
)
def test_split(name: str, expected: tuple[str, str] | None) -> None:
    assert split_key_file_name(name) == expected
