"""Table secret, and what the chain needs to open DPAPI_SYSTEM: read, never decrypted here."""

from __future__ import annotations

from forensics.collectors.registry_view import RegistryView
from forensics.formats.lsa import LsaMaterial
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.outcome import State
from forensics.tables.secrets import Generation, SecretRow

DPAPI_SYSTEM = "Policy\\Secrets\\DPAPI_SYSTEM"
TBAL = "Policy\\Secrets\\M$_MSV1_0_TBAL_PRIMARY_{22BE8E5B-58B3-4A87-BA71-41B0ECF3A9EA}"
"""What automatic sign-on after a restart (ARSO) keeps of the last local user's password."""

_BOOT_KEYS = ("JD", "Skew1", "GBG", "Data")
_GENERATIONS: tuple[tuple[Generation, str, str], ...] = (
    ("current", "CurrVal", "CupdTime"),
    ("previous", "OldVal", "OupdTime"),
)


def collect_lsa(installation: Installation) -> LsaMaterial:
    """Gather the boot key's class names from SYSTEM and the encrypted values from SECURITY."""
    security = RegistryView.of_machine(installation, "SECURITY")
    security.tell(DPAPI_SYSTEM)
    return LsaMaterial(
        boot_key_classes=boot_key_classes(installation),
        pol_ek_list=security.data("Policy\\PolEKList", ""),
        pol_secret_encryption_key=security.data("Policy\\PolSecretEncryptionKey", ""),
        current=security.data(f"{DPAPI_SYSTEM}\\CurrVal", ""),
        previous=security.data(f"{DPAPI_SYSTEM}\\OldVal", ""),
        tbal=security.data(f"{TBAL}\\CurrVal", ""),
        current_time=security.time(f"{DPAPI_SYSTEM}\\CupdTime", ""),
        previous_time=security.time(f"{DPAPI_SYSTEM}\\OupdTime", ""),
    )


def sealed_secrets(installation: Installation) -> tuple[bytes | None, ...] | None:
    """Return what SECURITY holds of DPAPI_SYSTEM, still encrypted, with the key to it; None where it holds none.

    Where it is the same at two times, so is the secret.
    """
    security = RegistryView.of_machine(installation, "SECURITY")
    secrets = [security.data(f"{DPAPI_SYSTEM}\\{value}", "") for _, value, _ in _GENERATIONS]
    keys = (security.data(f"Policy\\{name}", "") for name in ("PolEKList", "PolSecretEncryptionKey"))
    return (*secrets, *keys) if any(secrets) else None


def boot_key_classes(installation: Installation) -> tuple[str, str, str, str] | None:
    """Return the class names that make the boot key; None where they could not be read."""
    system = RegistryView.of_machine(installation, "SYSTEM")
    lsa = f"{installation.control_set()}\\Control\\Lsa"
    system.tell(lsa)
    found: list[str] = []
    for name in _BOOT_KEYS:
        key = system.key(f"{lsa}\\{name}")
        class_name = key.class_name if key else None
        if key and not class_name:
            installation.problem(
                system.where(key), "no_class_name", sentence("a part of the boot key has no class name")
            )
        if class_name:
            found.append(class_name)
    return (found[0], found[1], found[2], found[3]) if len(found) == len(_BOOT_KEYS) else None


def collect_secrets(installation: Installation) -> list[SecretRow]:
    """Return one row each for CurrVal and OldVal; whether they open is for the chain to say."""
    security = RegistryView.of_machine(installation, "SECURITY")
    rows = []
    for generation, value, time in _GENERATIONS:
        path = f"{DPAPI_SYSTEM}\\{value}"
        key = security.key(path)
        if key is not None and generation == "current":
            security.expect(key, "")
        rows.append(
            SecretRow(
                machine_id=installation.machine_id,
                name="DPAPI_SYSTEM",
                generation=generation,
                outcome=_outcome(installation, security, path),
                set_at=security.time(f"{DPAPI_SYSTEM}\\{time}", ""),
                source_path=security.where(path, ""),
                source_time=key.timestamp if key else None,
            )
        )
    return rows


def _outcome(installation: Installation, security: RegistryView, path: str) -> State:
    hive = installation.hive_outcome("SECURITY")
    if not hive.is_there:
        return hive.state
    if security.data(path, "") is not None:
        return "present"
    seen = security.saw(path)
    # An empty OldVal is what a machine has whose secret was never changed.
    return "absent" if seen.state == "present" else "unreadable" if seen.state == "partial" else seen.state
