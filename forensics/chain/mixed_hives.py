"""Tells that loose hives, copied into one folder, are not of one machine, where what they say can be compared.

Hives on the disk of a machine are its own by where they lie; those that somebody put together may be anybody's. What
cannot be compared says nothing: then nobody is accused.

References:
    - [MS-LSAD] 3.1.1.1 (the account domain: of a computer itself, and of a domain on its controllers)
    - Microsoft Learn, ProductType and InstallationType
    - Microsoft Learn, dcdiag on a new domain (rIDAllocationPool is 1100 to 1599)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

from forensics.collectors.evidence import Evidence
from forensics.collectors.machine import SAM_ACCOUNT
from forensics.collectors.profiles import PROFILE_LIST
from forensics.collectors.registry_view import RegistryView
from forensics.dpapi.lsa import DpapiSystem
from forensics.formats.errors import FormatError
from forensics.formats.policy_name import parse_policy_name
from forensics.language import joined, sentence
from forensics.sources.installation import HIVE_FOLDER

HiveName = Literal["SYSTEM", "SOFTWARE", "SECURITY", "SAM"]

_POLICY_STATE = "Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine"
_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
_COMMON_NAME = re.compile(r"CN=([^,]{1,64}),", re.IGNORECASE)
_ACCOUNT = re.compile(r"(S-1-5-21(?:-\d+){3})-(\d{1,10})", re.IGNORECASE | re.ASCII)
_SAM_USERS = f"{SAM_ACCOUNT}\\Users"
_SAM_USER = re.compile("[0-9A-F]{8}", re.IGNORECASE)
_FIRST_OF_USERS = 1000
_FIRST_OF_DOMAIN = 1100
"""Number from which a domain gives numbers to new accounts; a computer gives its own from 1000 on, one by one."""

_NETBIOS_LENGTH = 15
_MAX_PROFILES = 200
"""Work: profiles whose SIDs are compared with the machine's."""


def mixed_hives(evidence: Evidence, system: DpapiSystem) -> str | None:
    """Say which of the loose hives of an installation are not of one machine, and by what; None where nothing tells.

    It is a row of table ``problem`` then, and each of these hives was seen in part: what one of them says need not
    hold for the machine of the other.

    Args:
        evidence: What was read.
        system: What the boot key of SYSTEM opened in SECURITY.
    """
    installation = evidence.installation
    if not installation.is_loose:
        return None
    found = list(_Hives(evidence, system).contradictions())
    if not found:
        return None
    why = sentence(
        "its hives are of two machines, or of two states of one: {names}",
        names=joined((text for _, _, text in found), "; "),
    )
    path = installation.in_windows(HIVE_FOLDER)
    installation.problem(path, "mixed_hives", why)
    for name in sorted({name for one, other, _ in found for name in (one, other)}):
        installation.coverage.cut("hive", name, why, f"{path}/{name}")
    return why


class _Hives:
    def __init__(self, evidence: Evidence, system: DpapiSystem) -> None:
        installation = evidence.installation
        self.machine = evidence.machine
        self.wrong_boot_key = any(problem.kind == "wrong_boot_key" for problem in system.problems)
        self.system = RegistryView.of_machine(installation, "SYSTEM")
        self.software = RegistryView.of_machine(installation, "SOFTWARE")
        self.sam = RegistryView.of_machine(installation, "SAM")
        self.security = RegistryView.of_machine(installation, "SECURITY")
        self.control_set = installation.control_set()
        product = self.system.text(f"{self.control_set}\\Control\\ProductOptions", "ProductType")
        self.product = (product or "").casefold()
        account_is_domain = self.machine.domain_sid is not None and self.machine.domain_sid in (
            self.machine.machine_sid_policy,
            self.machine.machine_sid_sam,
        )
        self.is_controller = self.product == "lanmannt" or account_is_domain
        self.is_in_no_domain = self.security.hive is not None and self.machine.domain_sid is None

    def contradictions(self) -> Iterator[tuple[HiveName, HiveName, str]]:
        """Yield two hives and how they contradict each other."""
        if self.wrong_boot_key:
            yield "SYSTEM", "SECURITY", sentence("the boot key in SYSTEM does not open the secrets in SECURITY")
        yield from self._names()
        yield from self._products()
        sam, policy = self.machine.machine_sid_sam, self.machine.machine_sid_policy
        if sam and policy and sam != policy and not self.is_controller:
            yield (
                "SAM",
                "SECURITY",
                sentence("the machine SID is {sam} in SAM and {policy} in SECURITY", sam=sam, policy=policy),
            )
        yield from self._profiles()

    def _names(self) -> Iterator[tuple[HiveName, HiveName, str]]:
        # While Setup or Sysprep is at work the name is about to change, in one hive after the other.
        if self.machine.setup_in_progress or (self.machine.image_state or "").find("RESEAL") >= 0:
            return
        tcpip = f"{self.control_set}\\Services\\Tcpip\\Parameters"
        hosts = (self.system.text(tcpip, name) for name in ("Hostname", "NV Hostname"))
        own = {_netbios(name) for name in (self.machine.computer_name, *hosts) if name}
        if not own:
            return
        shown = self.machine.computer_name or min(own)
        account = None if self.is_controller else self._account_domain()
        if account and _netbios(account) not in own:
            yield (
                "SYSTEM",
                "SECURITY",
                sentence(
                    "the computer is called {shown} in SYSTEM and {account} in SECURITY", shown=shown, account=account
                ),
            )
        joined = _COMMON_NAME.match(self.software.text(_POLICY_STATE, "Distinguished-Name") or "")
        # A computer that left its domain likely keeps the name that it had there.
        if joined and not self.is_in_no_domain and _netbios(joined[1]) not in own:
            yield (
                "SYSTEM",
                "SOFTWARE",
                sentence(
                    "the computer is called {shown} in SYSTEM and {joined} in SOFTWARE", shown=shown, joined=joined[1]
                ),
            )

    def _account_domain(self) -> str | None:
        data = self.security.data("Policy\\PolAcDmN", "")
        with suppress(FormatError):
            return parse_policy_name(data) if data is not None else None
        return None

    def _products(self) -> Iterator[tuple[HiveName, HiveName, str]]:
        installed = (self.software.text(_VERSION, "InstallationType") or "").casefold()
        named = self.machine.product_name or ""
        server = True if installed.startswith("server") or " Server" in named else None
        client = True if installed == "client" else None
        if self.product == "winnt" and server and not client:
            yield (
                "SYSTEM",
                "SOFTWARE",
                sentence("SYSTEM is a client's, SOFTWARE is of {named}", named=named or sentence("a server")),
            )
        elif self.product in ("servernt", "lanmannt") and client and not server:
            yield (
                "SYSTEM",
                "SOFTWARE",
                sentence("SYSTEM is a server's, SOFTWARE is of {named}", named=named or sentence("a client")),
            )

    def _profiles(self) -> Iterator[tuple[HiveName, HiveName, str]]:
        """Of a machine without domain every account is its own, of the cloud, or of a domain that it left."""
        own = {sid for sid in (self.machine.machine_sid_sam, self.machine.machine_sid_policy) if sid}
        if not own or not self.is_in_no_domain:
            return
        matches = (_ACCOUNT.match(key.name) for key in self.software.subkeys(PROFILE_LIST, _MAX_PROFILES))
        found = {(match[1].upper(), int(match[2])) for match in matches if match}
        foreign = {sid for sid, _ in found} - own
        # The built-in accounts have the same numbers everywhere.
        users = {number for _, number in found if number >= _FIRST_OF_USERS}
        known = self._numbers_in_sam()
        # The same number in both: the SID of the machine may have been changed.
        if len(foreign) != len({sid for sid, _ in found}) or not users or not known or users & known:
            return
        if max(users) >= _FIRST_OF_DOMAIN:
            return
        text = sentence(
            "the accounts in SOFTWARE are of {names} and not in SAM, the machine SID is {own}",
            names=", ".join(sorted(foreign)[:3]),
            own=joined(sorted(own), " or "),
        )
        yield "SOFTWARE", "SAM", text

    def _numbers_in_sam(self) -> set[int]:
        """Return the numbers of the local accounts; none where SAM was not read."""
        keys = [key.name for key in self.sam.subkeys(_SAM_USERS)]
        return {int(name, 16) for name in keys if _SAM_USER.fullmatch(name)}


def _netbios(name: str) -> str:
    return name.strip().casefold()[:_NETBIOS_LENGTH]
