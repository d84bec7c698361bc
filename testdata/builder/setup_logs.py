"""Lines of Setup's logs as Sysprep and a first boot write them, and the files Sysprep leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

SYSPREP = "Windows/System32/Sysprep"
SYSPREP_LOG = f"{SYSPREP}/Panther/setupact.log"
SYSPREP_ERRORS = f"{SYSPREP}/Panther/setuperr.log"
PANTHER_LOG = "Windows/Panther/setupact.log"
UNATTEND_LOG = "Windows/Panther/UnattendGC/setupact.log"
TAG_FILE = f"{SYSPREP}/Sysprep_succeeded.tag"
STATE_INI = "Windows/Setup/State/State.ini"
SPECIALIZE_XML = f"{SYSPREP}/ActionFiles/Specialize.xml"

_TAG = r"C:\Windows\System32\Sysprep\Sysprep_succeeded.tag"
_ACTIONS = r"C:\Windows\System32\Sysprep\ActionFiles"
_CAPISP = r"C:\Windows\System32\capisp.dll"


def log(time: datetime, lines: Sequence[str], encoding: str = "utf-8", level: str = "Info") -> bytes:
    """Return a log.

    Args:
        time: Local time of the computer, of all lines.
        lines: What stands behind the level; ``[windeploy.exe]`` lines begin with their bracket.
        encoding: ``utf-8``, ``cp1252`` or ``utf-16`` (with its byte order mark).
        level: ``Info``, ``Warning`` or ``Error``.
    """
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    return "".join(f"{stamp}, {level:<21} {line}\r\n" for line in lines).encode(encoding)


def generalize_lines(time: datetime) -> list[str]:
    """What Sysprep of Windows 8 to 10 writes of its own clean-up and generalize (``Sysprep\\Panther``)."""
    return [
        "SYSPRP ========================================================",
        "SYSPRP === Beginning of a new sysprep run ===",
        "SYSPRP ========================================================",
        f"[0x0f004d] SYSPRP The time is now {time:%Y-%m-%d %H:%M:%S}",
        "[0x0f004e] SYSPRP Initialized SysPrep log at C:\\Windows\\System32\\Sysprep\\Panther",
        "SYSPRP ParseCommands:Found supported command line option 'GENERALIZE'",
        "SYSPRP ParseCommands:Found supported command line option 'OOBE'",
        f"SYSPRP FCreateTagFile:Tag file {_TAG} does not already exist, no need to delete anything",
        f"SYSPRP SysprepSession::CreateSession: Successfully created instance with action file {_ACTIONS}\\Cleanup.xml",
        "SYSPRP RunDlls:Running platform actions for phase 3",
        f"SYSPRP ActionPlatform::LaunchModule: Found 'CryptoSysPrep_Clean' in {_CAPISP}; executing it",
        f"SYSPRP SysprepSession::CreateSession: Successfully created instance with action file {_ACTIONS}"
        "\\Generalize.xml",
        "SYSPRP RunDlls:Running platform actions for phase 1",
        f"SYSPRP ActionPlatform::LaunchModule: Found 'CAPISysPrep_Generalize' in {_CAPISP}; executing it",
    ]


def failure_lines() -> list[str]:
    """What Sysprep writes when a module gives up, here over an app that was installed for one user only."""
    return [
        "SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
        "SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'SysprepGeneralize' from "
        "C:\\Windows\\System32\\AppxSysprep.dll; dwRet = 0x3cf2",
        "SYSPRP RunPlatformActions:Failed while executing Sysprep session actions; dwRet = 0x3cf2",
    ]


def specialize_lines(machine_guid: str) -> list[str]:
    """What the first boot of a clone writes, with the MachineGuid it assigns."""
    return [
        f"SYSPRP SysprepSession::CreateSession: Successfully created instance with action file {_ACTIONS}"
        "\\Specialize.xml",
        f"SYSPRP ActionPlatform::LaunchModule: Executing method 'CryptoSysPrep_Specialize' from {_CAPISP}",
        "SYSPRP capisp.dll::CheckIFCryptoSysPrepSpecialized: returning 0",
        f'SYSPRP capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine guid "{machine_guid}"',
    ]


def upgrade_lines() -> list[str]:
    """What a feature upgrade writes into ``Windows\\Panther``: specialize again, but no generalize."""
    return [
        f"SYSPRP SysprepSession::CreateSession: Successfully created instance with action file {_ACTIONS}"
        "\\Specialize.xml",
        "SYSPRP RunDlls:Running platform actions for phase 1",
        f"SYSPRP SysprepSession::CreateSession: Successfully created instance with action file {_ACTIONS}"
        "\\Respecialize.xml",
    ]


def windeploy_lines() -> list[str]:
    """What the first boot of a generalized image writes into ``UnattendGC``."""
    return [
        "[windeploy.exe] Found generalization state [0x4], setup.exe completion flag [False] --> launching setup.exe."
    ]


def state_ini(state: str = "IMAGE_STATE_COMPLETE") -> bytes:
    """Return State.ini."""
    return f"[State]\r\nImageState={state}\r\n".encode("utf-16")


def specialize_xml(with_crypto: bool = True) -> bytes:
    """Return the action file of specialize, with or without the module that gives a clone its own machine keys."""
    modules = {"CryptoSysPrep_Specialize": "capisp.dll", "Sysprep_Specialize_Bcd": "spbcd.dll"}
    if not with_crypto:
        del modules["CryptoSysPrep_Specialize"]
    body = "".join(
        "  <imaging exclude=''>\r\n"
        f"    <sysprepModule methodName='{method}' moduleName='$(runtime.system32)\\{dll}'/>\r\n"
        "  </imaging>\r\n"
        for method, dll in modules.items()
    )
    text = f"<?xml version='1.0' encoding='utf-8'?>\r\n<sysprepInformation>\r\n{body}</sysprepInformation>\r\n"
    return text.encode()
