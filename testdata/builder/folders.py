"""Where Windows keeps keys, master keys and personal certificates, by whose they are."""

from __future__ import annotations

from dataclasses import dataclass

SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"

_SERVICE_PROFILES = {LOCAL_SERVICE: "LocalService", NETWORK_SERVICE: "NetworkService"}
CRYPTO = "ProgramData/Microsoft/Crypto"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose keys: the machine's, SYSTEM's own, a service account's, or a user's.

    Attributes:
        sid: Account; S-1-5-18 for machine and SYSTEM.
        profile: Profile folder of services and users, else None.
        shared: The machine's shared keys, in MachineKeys and Crypto/Keys.
    """

    sid: str
    profile: str | None = None
    shared: bool = False

    @property
    def capi_folder(self) -> str:
        if self.shared:
            return f"{CRYPTO}/RSA/MachineKeys"
        if self.profile is None:
            return f"{CRYPTO}/RSA/{self.sid}"
        return f"{self.profile}/AppData/Roaming/Microsoft/Crypto/RSA/{self.sid}"

    @property
    def cng_folder(self) -> str:
        if self.shared:
            return f"{CRYPTO}/Keys"
        if self.profile is None:
            return f"{CRYPTO}/SystemKeys"
        return f"{self.profile}/AppData/Roaming/Microsoft/Crypto/Keys"

    @property
    def protect_folder(self) -> str:
        if self.shared:
            return f"Windows/System32/Microsoft/Protect/{SYSTEM}"
        if self.profile is None:
            return f"Windows/System32/Microsoft/Protect/{SYSTEM}/User"
        return f"{self.profile}/AppData/Roaming/Microsoft/Protect/{self.sid}"

    @property
    def my_folder(self) -> str:
        """Folder of the personal certificates that lie in files."""
        profile = self.profile or "Windows/System32/config/systemprofile"
        return f"{profile}/AppData/Roaming/Microsoft/SystemCertificates/My/Certificates"


MACHINE = Owner(SYSTEM, shared=True)
LOCAL_SYSTEM = Owner(SYSTEM)


def service(sid: str) -> Owner:
    """Return LOCAL SERVICE or NETWORK SERVICE."""
    return Owner(sid, f"Windows/ServiceProfiles/{_SERVICE_PROFILES[sid]}")


def user(sid: str, name: str) -> Owner:
    """Return a user with a profile."""
    return Owner(sid, f"Users/{name}")
