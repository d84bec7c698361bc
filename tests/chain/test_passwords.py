"""Whether a given password is today's."""

from __future__ import annotations

from forensics.chain.passwords import Passwords
from forensics.collectors.evidence import Evidence
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.lsa import LsaMaterial
from forensics.tables.machine import MachineRow
from forensics.tables.secrets import GivenPassword
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


def given(
    secrets: UserSecrets,
    sid: str = USER,
    system: DpapiSystem = OPENED,
    sam: bool = True,
    mixed: str | None = None,
) -> GivenPassword:
    evidence = Evidence(installation({}), MachineRow(machine_id=1, source_path="x", machine_sid=MACHINE))
    evidence.installation.mixed = mixed
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


def test_sam_of_another_machine_opens_to_noise_which_calls_no_password_another() -> None:
    assert given(UserSecrets(passwords={"maria": "Winter"}), mixed="SAM and SYSTEM name two computers") == "unknown"
    assert given(UserSecrets(passwords={"maria": "Sommer"}), mixed="SAM and SYSTEM name two computers") == "todays"
