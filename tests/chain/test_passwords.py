"""Whether a given password is today's, and what that leaves open of a user's key."""

from __future__ import annotations

import pytest

from forensics.chain.passwords import GivenPassword, Passwords, doubt_of, doubt_of_entra
from forensics.collectors.evidence import Evidence
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.lsa import LsaMaterial
from forensics.tables.machine import MachineRow
from forensics.tables.secrets import UnlockedBy
from tests.collectors.virtual import installation
from tests.dpapi.test_sam import NT_HASH, RID, sealed

MACHINE = "S-1-5-21-1-2-3"
USER = f"{MACHINE}-{RID}"
NAMES = [USER.lower(), "maria"]
# The order in which Windows takes the bytes of the class names (MS: boot key), so that the key is 0, 1, 2 ... 15.
ORDER = (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7)
RAW = bytes(ORDER.index(at) for at in range(16)).hex()
CLASSES = (RAW[:8], RAW[8:16], RAW[16:24], RAW[24:])
OPENED = DpapiSystem(SystemSecret(b"m" * 20, b"u" * 20))


def given(secrets: UserSecrets, sid: str = USER, system: DpapiSystem = OPENED, sam: bool = True) -> GivenPassword:
    evidence = Evidence(installation({}), MachineRow(machine_id=1, source_path="x", machine_sid=MACHINE))
    evidence.lsa = LsaMaterial(boot_key_classes=CLASSES)
    evidence.sam = sealed(NT_HASH, aes=True) if sam else None
    return Passwords(evidence, system, secrets).given_for(sid, NAMES)


def test_what_was_given_is_compared_with_sam() -> None:
    assert given(UserSecrets(passwords={"maria": "Sommer"})) == "todays"
    assert given(UserSecrets(passwords={USER.lower(): "Sommer"})) == "todays"
    assert given(UserSecrets(nt_hashes={"maria": NT_HASH})) == "todays"
    assert given(UserSecrets(passwords={"maria": "Winter"})) == "another"
    assert given(UserSecrets(passwords={"maria": "Winter"}, nt_hashes={"maria": NT_HASH})) == "todays"
    assert given(UserSecrets(passwords={"otto": "Sommer"})) == "none"


def test_what_sam_cannot_tell_is_unknown() -> None:
    right = UserSecrets(passwords={"maria": "Sommer"})
    assert given(right, "S-1-5-21-7-8-9-1001") == "unknown"
    assert given(right, f"{MACHINE}-1002") == "unknown"
    assert given(right, f"{MACHINE}-{2**32 + RID}") == "unknown"
    # DPAPI_SYSTEM did not open: nothing proves the boot key.
    assert given(right, system=DpapiSystem()) == "unknown"
    assert given(right, sam=False) == "unknown"


@pytest.mark.parametrize(
    ("by", "password", "says"),
    [
        ("nothing", "todays", "the password given is today's (it fits SAM); the master key is from before"),
        ("nothing", "unknown", "it is wrong, or likely it is today's password"),
        ("nothing", "another", "the password given is neither today's in SAM nor that of the master key"),
        ("password", "another", "the password given opens the key, and is not today's in SAM: likely it was reset"),
    ],
)
def test_what_is_left_open(by: UnlockedBy, password: GivenPassword, says: str) -> None:
    assert says in (doubt_of(by, password) or "")


@pytest.mark.parametrize(
    ("by", "password"),
    [
        ("password", "todays"),
        ("password", "unknown"),
        ("nothing", "none"),
        ("domain_key", "another"),
        ("not_tried", "none"),
    ],
)
def test_nothing_is_left_open(by: UnlockedBy, password: GivenPassword) -> None:
    assert doubt_of(by, password) is None


@pytest.mark.parametrize("by", ["nothing", "not_tried"])
def test_an_entra_accounts_master_key_waits_for_no_password(by: UnlockedBy) -> None:
    said = doubt_of_entra("S-1-12-1-1111-2222-3333-4444", by)
    assert said is not None
    assert "likely it hangs on a secret that Windows has from Entra ID (CloudAP)" in said
    assert "neither a password nor the backup key of a domain opens it" in said


def test_other_accounts_and_opened_keys_have_no_such_doubt() -> None:
    assert doubt_of_entra("S-1-12-1-1111-2222-3333-4444", "password") is None
    assert doubt_of_entra("S-1-5-21-12-1-1-1001", "nothing") is None
    assert doubt_of_entra("S-1-12-2-1-1", "nothing") is None
    assert doubt_of_entra(None, "nothing") is None
