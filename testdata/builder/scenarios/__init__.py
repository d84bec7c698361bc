"""Forged machines and the truth about every key on them, stated by hand."""

from __future__ import annotations

from testdata.builder.scenario import Builder
from testdata.builder.scenarios.attestation import attest_ca, attest_ca_bare, tpm_laptop, tpm_replaced
from testdata.builder.scenarios.before_sysprep import before_sysprep
from testdata.builder.scenarios.bound import bound
from testdata.builder.scenarios.broken_access import broken_access
from testdata.builder.scenarios.broken_claim import broken_claim
from testdata.builder.scenarios.broken_files import broken_files
from testdata.builder.scenarios.broken_secrets import broken_secrets
from testdata.builder.scenarios.cleaned_up import cleaned_up
from testdata.builder.scenarios.dirty import dirty_disk, dirty_registry, mbr
from testdata.builder.scenarios.disks import chain, sectors_4096, two_windows
from testdata.builder.scenarios.era2026 import clone_one, clone_two, secure_boot
from testdata.builder.scenarios.expiring import expiring
from testdata.builder.scenarios.golden_image import failed_generalize, generalized_not_booted, golden_image
from testdata.builder.scenarios.healthy import healthy
from testdata.builder.scenarios.hyperv_source import hyperv_source
from testdata.builder.scenarios.hyperv_target import hyperv_hgs, hyperv_target
from testdata.builder.scenarios.identity import restored_secrets, sid_changed, specialize_skips_crypto, upgraded
from testdata.builder.scenarios.laptop import laptop
from testdata.builder.scenarios.mixed import mixed
from testdata.builder.scenarios.odd_server import odd_server
from testdata.builder.scenarios.remote_desktop import rdp_2012_r2, rdp_2019
from testdata.builder.scenarios.server_2003 import server_2003
from testdata.builder.scenarios.server_roles import server_roles
from testdata.builder.scenarios.services import keyiso_disabled, no_security
from testdata.builder.scenarios.shadow_copies import copies_healthy, copies_master_key, copies_sysprep
from testdata.builder.scenarios.sysprepped import sample, sysprepped
from testdata.builder.scenarios.web_server import web_server

SCENARIOS: dict[str, Builder] = {
    "attest-ca": attest_ca,
    "attest-ca-bare": attest_ca_bare,
    "before-sysprep": before_sysprep,
    "bound": bound,
    "broken-access": broken_access,
    "broken-claim": broken_claim,
    "broken-files": broken_files,
    "broken-secrets": broken_secrets,
    "chain": chain,
    "cleaned-up": cleaned_up,
    "clone-one": clone_one,
    "clone-two": clone_two,
    "copies-healthy": copies_healthy,
    "copies-master-key": copies_master_key,
    "copies-sysprep": copies_sysprep,
    "dirty-disk": dirty_disk,
    "dirty-registry": dirty_registry,
    "generalized-not-booted": generalized_not_booted,
    "golden-image": golden_image,
    "expiring": expiring,
    "failed-generalize": failed_generalize,
    "healthy": healthy,
    "hyperv-hgs": hyperv_hgs,
    "hyperv-source": hyperv_source,
    "hyperv-target": hyperv_target,
    "keyiso-disabled": keyiso_disabled,
    "laptop": laptop,
    "mbr": mbr,
    "mixed": mixed,
    "odd-server": odd_server,
    "no-security": no_security,
    "restored-secrets": restored_secrets,
    "rdp-2012-r2": rdp_2012_r2,
    "rdp-2019": rdp_2019,
    "sample": sample,
    "sectors-4096": sectors_4096,
    "secure-boot": secure_boot,
    "server-2003": server_2003,
    "server-roles": server_roles,
    "sid-changed": sid_changed,
    "specialize-skips-crypto": specialize_skips_crypto,
    "sysprepped": sysprepped,
    "tpm-laptop": tpm_laptop,
    "tpm-replaced": tpm_replaced,
    "two-windows": two_windows,
    "web-server": web_server,
    "upgraded": upgraded,
}
