"""One forged Windows machine: identity, secrets, key files, certificates, and the hives that tie them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from testdata.builder import acl, dpapi
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.certs import Certificate, key_prov_info, store_element
from testdata.builder.cng import CngKey, make_cng_key
from testdata.builder.files import FileSpec
from testdata.builder.folders import CRYPTO, LOCAL_SYSTEM, MACHINE, Owner, user
from testdata.builder.lsa import LsaStore
from testdata.builder.machine_hives import MachineFacts, MachineHives
from testdata.builder.names import capi_file_name, cng_file_name, pcp_file_name
from testdata.builder.pcpkey import make_pcpkey
from testdata.builder.regf import HiveWriter
from testdata.builder.seeded import Seeded

INSTALLED = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
KEYS_MADE = datetime(2024, 3, 4, 9, 15, tzinfo=UTC)
HIVE_FOLDER = "Windows/System32/config"
PCP_FOLDER = f"{CRYPTO}/PCPKSP/8f2d1e6c0b7a4953e2f1d0c9b8a7968574635241"


@dataclass
class ForgedMachine:
    """A machine under construction.

    Attributes:
        seed: Every secret follows from it.
        facts: What the hives say of the machine.
        secret: DPAPI_SYSTEM in CurrVal.
        previous: DPAPI_SYSTEM in OldVal; None leaves OldVal empty.
        lsa: Boot key and LSA key.
        files: Everything on the volume but the hives, by path.
        xp: Folders, hives and LSA secrets of XP and Server 2003; paths are given as since Vista all the same.
        missing_hives: Hives that are not written.
        suffix: MachineGuid that new key files carry; the machine's own unless a scenario changes it.
    """

    seed: str
    facts: MachineFacts
    secret: dpapi.DpapiSystem = field(repr=False)
    previous: dpapi.DpapiSystem | None = field(default=None, repr=False)
    lsa: LsaStore = field(init=False, repr=False)
    hives: MachineHives = field(init=False, repr=False)
    files: dict[str, FileSpec] = field(default_factory=dict, repr=False)
    xp: bool = False
    missing_hives: set[str] = field(default_factory=set)
    suffix: str = field(init=False)
    keys: dict[Owner, dpapi.MasterKey] = field(default_factory=dict, repr=False)
    users: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lsa = LsaStore.seeded(self.seed)
        self.hives = MachineHives(self.facts)
        self.suffix = self.facts.machine_guid
        for folder in _FOLDERS + (() if self.xp else _FOLDERS_SINCE_VISTA):
            self.files[folder] = FileSpec(folder, None, None, INSTALLED, INSTALLED)
        self.files[MACHINE.capi_folder] = FileSpec(MACHINE.capi_folder, None, _MACHINE_KEYS_SD, INSTALLED, INSTALLED)
        self.write("Windows/System32/ntoskrnl.exe", b"MZ forged", modified=INSTALLED)
        self.write("Windows/System32/Sysprep/ActionFiles/Specialize.xml", _SPECIALIZE_XML, modified=INSTALLED)

    # --- files

    def write(
        self,
        path: str,
        data: bytes,
        *,
        sd: bytes | None = None,
        created: datetime = KEYS_MADE,
        modified: datetime | None = None,
    ) -> str:
        """Put a file; returns its path."""
        self.files[path] = FileSpec(path, data, sd, created, modified or created)
        return path

    def change(self, path: str, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of a file that is there."""
        spec = self.files[path]
        assert spec.data is not None
        self.files[path] = replace(spec, data=change(spec.data))

    def protect(self, path: str, sd: bytes) -> None:
        """Change the security descriptor of a file that is there."""
        self.files[path] = replace(self.files[path], sd=sd)

    def remove(self, path: str) -> None:
        """Delete a file."""
        del self.files[path]

    def move(self, path: str, to: str) -> str:
        """Rename a file; returns its new path."""
        self.files[to] = replace(self.files.pop(path), path=to)
        return to

    # --- master keys

    def prekey(self, owner: Owner, secret: dpapi.DpapiSystem | None = None, password: str | None = None) -> bytes:
        """Return what opens the master keys of ``owner``."""
        secret = secret or self.secret
        if password is not None:
            return dpapi.password_prekey(password, owner.sid)
        if owner.shared:
            return secret.machine
        if owner.profile is None:
            return secret.user
        return dpapi.service_prekey(secret.user, owner.sid)

    def add_master_key(
        self,
        owner: Owner,
        label: str = "first",
        *,
        secret: dpapi.DpapiSystem | None = None,
        password: str | None = None,
        suite: dpapi.Suite = dpapi.AES_SHA512,
        created: datetime = INSTALLED,
        in_use: bool = True,
    ) -> dpapi.MasterKey:
        """Make a master key, put its file, and use it for the keys of ``owner`` from now on.

        Args:
            owner: Whose it is.
            label: Distinguishes several master keys of one owner.
            secret: DPAPI_SYSTEM that protects it; the machine's current one by default.
            password: The user's password.
            suite: AES-256 with SHA-512 or 3DES with HMAC-SHA1.
            created: Date of the file.
            in_use: Point ``Preferred`` and later keys at it.
        """
        kind = "machine" if owner.shared else owner.sid
        made = dpapi.make_master_key(
            f"{self.seed}/{kind}/{label}",
            owner.sid,
            self.prekey(owner, secret, password),
            suite=suite,
            flags=5 if password is not None else 6,
            system=secret or self.secret,
        )
        own = None if owner.profile is None else acl.owner_file_sd(owner.sid)
        self.write(f"{owner.protect_folder}/{made.guid}", made.file, sd=own or acl.KEY_FILE_SD, created=created)
        if in_use:
            self.keys[owner] = made
            renew = dpapi.preferred(made.guid, created + timedelta(days=90))
            self.write(f"{owner.protect_folder}/Preferred", renew, sd=own or acl.KEY_FILE_SD, created=created)
        return made

    def add_user(self, sid: str, name: str, password: str | None, nt_hash: bytes | None = None) -> Owner:
        """Add a user with a profile and a master key.

        Args:
            sid: The user's SID.
            name: Name of the profile folder.
            password: Password of a local user.
            nt_hash: NT hash of a domain user, whose master key the domain's backup key opens too.
        """
        owner = user(sid, name)
        self.users[sid] = name
        self.hives.add_profile(sid, f"C:\\Users\\{name}", INSTALLED)
        hive = HiveWriter(f"\\??\\C:\\Users\\{name}\\ntuser.dat", INSTALLED)
        hive.key("Software\\Microsoft\\Windows\\CurrentVersion").sz("", "")
        self.write(f"Users/{name}/NTUSER.DAT", hive.build(), sd=acl.owner_file_sd(sid), created=INSTALLED)
        if nt_hash is None:
            self.add_master_key(owner, password=password)
        else:
            self._add_domain_master_key(owner, nt_hash)
        return owner

    def _add_domain_master_key(self, owner: Owner, nt_hash: bytes) -> None:
        made = dpapi.make_master_key(
            f"{self.seed}/{owner.sid}",
            owner.sid,
            dpapi.nt_hash_prekey(nt_hash, owner.sid),
            flags=0,
            credhist=None,
            domain=True,
        )
        self.keys[owner] = made
        sd = acl.owner_file_sd(owner.sid)
        self.write(f"{owner.protect_folder}/{made.guid}", made.file, sd=sd, created=INSTALLED)
        renew = dpapi.preferred(made.guid, INSTALLED + timedelta(days=90))
        self.write(f"{owner.protect_folder}/Preferred", renew, sd=sd, created=INSTALLED)

    # --- key files

    def put_capi(
        self,
        container: str,
        *,
        exchange: Slot | None = None,
        signature: Slot | None = None,
        owner: Owner = MACHINE,
        suffix: str | None = None,
        master_key: dpapi.MasterKey | None = None,
        suite: dpapi.Suite = dpapi.AES_SHA512,
        sd: bytes | None = None,
        created: datetime = KEYS_MADE,
    ) -> str:
        """Put a CryptoAPI key file; returns its path."""
        data = make_capi_key(
            f"{self.seed}/{owner.sid}/{container}/{suffix}",
            container,
            master_key or self.keys[owner],
            exchange=exchange,
            signature=signature,
            suite=suite,
            flags=dpapi.LOCAL_MACHINE if owner.shared else 0,
        )
        path = f"{owner.capi_folder}/{capi_file_name(container, suffix or self.suffix)}"
        return self.write(path, data, sd=sd or _key_sd(owner), created=created)

    def put_cng(
        self,
        container: str,
        key: CngKey,
        *,
        owner: Owner = MACHINE,
        suffix: str | None = None,
        master_key: dpapi.MasterKey | None = None,
        sd: bytes | None = None,
        created: datetime = KEYS_MADE,
        **options: object,
    ) -> str:
        """Put a key file of the Software Key Storage Provider; returns its path.

        ``options`` go to :func:`testdata.builder.cng.make_cng_key`.
        """
        data = make_cng_key(
            f"{self.seed}/{owner.sid}/{container}/{suffix}",
            container,
            master_key or self.keys[owner],
            key,
            flags=dpapi.LOCAL_MACHINE if owner.shared else 0,
            modified=created,
            **options,  # type: ignore[arg-type]
        )
        path = f"{owner.cng_folder}/{cng_file_name(container, suffix or self.suffix)}"
        return self.write(path, data, sd=sd or _key_sd(owner), created=created)

    def put_tpm(
        self,
        container: str,
        key_type: str,
        blob: bytes,
        *,
        sealed: bool = False,
        folder: str = PCP_FOLDER,
        created: datetime = KEYS_MADE,
    ) -> str:
        """Put a key file of the Platform Crypto Provider; ``sealed`` protects it with DPAPI. Returns its path."""
        master_key = self.keys[MACHINE] if sealed else None
        data = make_pcpkey(f"{self.seed}/{container}", container, key_type, blob, master_key=master_key)
        return self.write(f"{folder}/{pcp_file_name(container)}", data, sd=acl.KEY_FILE_SD, created=created)

    # --- certificates

    def put_certificate(
        self,
        certificate: Certificate,
        *,
        link: bytes | None = None,
        store: str = "MY",
        owner: Owner = MACHINE,
        service: str | None = None,
        when: datetime = KEYS_MADE,
        **properties: object,
    ) -> None:
        """Put a certificate into a machine store, or into the personal store of a service or user.

        Args:
            certificate: What to store.
            link: KEY_PROV_INFO.
            store: Machine store.
            owner: Whose store; of a service account or user it lies in files.
            service: Service whose personal store it is, in the registry.
            when: Time of the registry key or file.
            properties: Further properties, see :func:`testdata.builder.certs.store_element`.
        """
        data = store_element(certificate, link=link, **properties)  # type: ignore[arg-type]
        if service:
            self.hives.add_service_certificate(service, certificate.thumbprint, data)
        elif owner.shared:
            self.hives.add_certificate(store, certificate.thumbprint, data, when)
        else:
            path = f"{owner.my_folder}/{certificate.thumbprint}"
            self.write(path, data, sd=_key_sd(owner), created=when)

    # --- the whole

    def volume(self) -> list[FileSpec]:
        """Return every file of the system volume."""
        if self.xp:
            self.hives.add_xp_secrets(self.lsa, self.secret, self.previous)
        elif "SECURITY" not in self.missing_hives:
            self.hives.add_secrets(self.lsa, self.secret, self.previous)
        self.hives.add_boot_key(self.lsa.boot_key)
        files = dict(self.files)
        for name, hive in self.hives.all().items():
            path = f"{HIVE_FOLDER}/{name}"
            if name not in self.missing_hives and path not in files:
                files[path] = FileSpec(path, hive.build(), None, INSTALLED, INSTALLED)
        return [replace(files[path], path=self.on_disk(path)) for path in sorted(files)]

    def on_disk(self, path: str) -> str:
        """Return where this Windows keeps what lies at ``path`` since Vista."""
        if self.xp:
            for since_vista, before in _XP_FOLDERS.items():
                if path.startswith(since_vista):
                    return before + path.removeprefix(since_vista)
        return path


def machine(
    seed: str,
    *,
    with_keys: bool = True,
    xp: bool = False,
    **facts: object,
) -> ForgedMachine:
    """Return a sound machine with its own secret and master keys; ``facts`` override :class:`MachineFacts`."""
    stream = Seeded(seed + "/identity")
    given: dict[str, object] = {"machine_guid": stream.guid(), "machine_sid": _account_domain(stream)}
    made = ForgedMachine(seed, MachineFacts(**(given | facts)), dpapi.DpapiSystem.seeded(seed), xp=xp)  # type: ignore[arg-type]
    if with_keys:
        made.add_master_key(MACHINE)
        made.add_master_key(LOCAL_SYSTEM)
    return made


def _account_domain(stream: Seeded) -> str:
    return "S-1-5-21-" + "-".join(str(int.from_bytes(stream.bytes(4), "little")) for _ in range(3))


def _key_sd(owner: Owner) -> bytes:
    return acl.KEY_FILE_SD if owner.profile is None else acl.owner_file_sd(owner.sid)


def capi_link(
    container: str, provider: str, *, machine_keyset: bool = True, key_spec: int = 1, type_: int = 1
) -> bytes:
    """Return KEY_PROV_INFO of a CryptoAPI key."""
    return key_prov_info(container, provider, type_=type_, flags=0x20 if machine_keyset else 0, key_spec=key_spec)


def cng_link(container: str, provider: str, *, machine_keyset: bool = True, key_spec: int = 0) -> bytes:
    """Return KEY_PROV_INFO of a CNG key."""
    return key_prov_info(container, provider, type_=0, flags=0x20 if machine_keyset else 0, key_spec=key_spec)


_FOLDERS = (
    LOCAL_SYSTEM.capi_folder,
    MACHINE.protect_folder,
    LOCAL_SYSTEM.protect_folder,
    "Windows/System32/config/systemprofile/AppData/Roaming/Microsoft",
)
_FOLDERS_SINCE_VISTA = (
    "Users",
    MACHINE.cng_folder,
    LOCAL_SYSTEM.cng_folder,
    f"{CRYPTO}/PCPKSP",
    "Windows/ServiceProfiles/LocalService/AppData/Roaming/Microsoft",
    "Windows/ServiceProfiles/NetworkService/AppData/Roaming/Microsoft",
)
_XP_FOLDERS = {"ProgramData/": "Documents and Settings/All Users/Application Data/", "Windows/": "WINDOWS/"}
_MACHINE_KEYS_SD = acl.security_descriptor(
    [acl.Ace(acl.EVERYONE, 0x0012019F), acl.Ace(acl.ADMINISTRATORS)], owner=acl.SYSTEM
)

_SPECIALIZE_XML = b"""<?xml version="1.0" encoding="utf-8"?>
<sysprepInformation>
  <imaging exclude="">
    <assemblyIdentity name="Microsoft-Windows-Cryptography-Sysprep" processorArchitecture="amd64"/>
    <sysprepOrder order="0x1100"/>
    <sysprepModule methodName="CryptoSysPrep_Specialize" moduleName="$(runtime.system32)\\capisp.dll"/>
  </imaging>
</sysprepInformation>
"""
