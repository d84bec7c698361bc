"""Commands about Windows itself: its clock, its firmware, BitLocker, encrypted files.

References:
    Microsoft Learn, manage-bde -protectors; Suspend-BitLocker; certutil -SCInfo; reg.
    Microsoft KB5068202 (AvailableUpdates, the task Secure-Boot-Update); KB5073121 (DisableCapiOverrideForRSA).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_VOLUME = {"volume": Parameter(kind.letter, "C:")}
_SECURE_BOOT = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecureBoot"
_WORK = {"work": Parameter(kind.flags)}
_RUN_TASK = 'Start-ScheduledTask -TaskName "\\Microsoft\\Windows\\PI\\Secure-Boot-Update"'

COMMANDS = (
    Command(
        "add-recovery-password",
        ("manage-bde -protectors -add <volume> -RecoveryPassword", "manage-bde -protectors -get <volume>"),
        "gives a volume a recovery password, and shows it",
        _VOLUME,
    ),
    Command(
        "show-recovery-password",
        ("manage-bde -protectors -get <volume>",),
        "shows the recovery password of a volume",
        _VOLUME,
        changes=False,
    ),
    Command(
        "suspend-bitlocker",
        ("Suspend-BitLocker -MountPoint <volume> -RebootCount 0",),
        "lays a clear key on a volume, until resume-bitlocker",
        _VOLUME,
    ),
    Command(
        "resume-bitlocker",
        ("Resume-BitLocker -MountPoint <volume>",),
        "takes the clear key away from a volume again",
        _VOLUME,
    ),
    Command(
        "begin-secure-boot-update",
        (f"reg add {_SECURE_BOOT} /v AvailableUpdates /t REG_DWORD /d <work> /f", _RUN_TASK),
        "lets Windows exchange the certificates of Secure Boot; not after an event that holds the exchange back",
        _WORK,
    ),
    Command(
        "run-secure-boot-task",
        (_RUN_TASK,),
        "runs the task that exchanges the certificates of Secure Boot, where begin-secure-boot-update may begin it",
        _WORK,
    ),
    Command(
        "show-secure-boot-status",
        (f"reg query {_SECURE_BOOT}\\Servicing /v UEFICA2023Status",),
        "shows how far the exchange of the certificates of Secure Boot got, after run-secure-boot-task",
        _WORK,
        changes=False,
    ),
    Command(
        "set-smart-card-override",
        (
            "reg add HKLM\\SOFTWARE\\Microsoft\\Cryptography\\Calais /v DisableCapiOverrideForRSA /t REG_DWORD "
            "/d <value> /f",
        ),
        "says whether smart cards are used through key storage providers: 1, as by default, or 0",
        {"value": Parameter(kind.number)},
    ),
    Command(
        "show-smart-cards",
        ("certutil -scinfo",),
        "shows the cards in the readers and their certificates; asks for the PIN of each key",
        changes=False,
    ),
    Command(
        "show-machine-guid",
        ("reg query HKLM\\SOFTWARE\\Microsoft\\Cryptography /v MachineGuid",),
        "shows the MachineGuid",
        changes=False,
    ),
    Command("show-clock", ("w32tm /query /status",), "shows whence Windows has its time", changes=False),
    Command("refresh-policy", ("gpupdate /target:computer /force",), "fetches and applies the policy of the computer"),
    Command(
        "make-recovery-agent",
        ("Set-Location -LiteralPath $folder", "cipher /r:NEWAGENT"),
        "writes the certificate of a new recovery agent of EFS, and its PFX file, into the folder of private-folder",
        changes=False,
    ),
    Command(
        "update-encrypted-files",
        ("cipher /u",),
        "gives the user's encrypted files the recovery agents and the key of today",
        shell="user",
    ),
)
