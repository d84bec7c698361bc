"""Repeats a proof with impacket, which shares no code with this project."""

from __future__ import annotations

from typing import Any, Literal

from forensics.dpapi.domain_backup import DomainBackupKey
from forensics.formats.alg_id import CALG_HMAC, CALG_SHA1
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.master_key import MasterKeyFile
from forensics.lack_of_memory import pass_on

Opinion = Literal["agrees", "disagrees", "cannot_judge"]

_IMPACKET_DOMAIN_VERSION = 2


def second_master_key(raw_file: bytes, pre: bytes, ours: bytes | None) -> Opinion:
    """Open a master key file once more.

    Args:
        raw_file: The whole file.
        pre: Pre-key.
        ours: The 64 bytes we found, None when the pre-key opened nothing.
    """
    library = _impacket()
    try:
        file = library.MasterKeyFile(raw_file)
        start = len(file)
        theirs = library.MasterKey(raw_file[start : start + file["MasterKeyLen"]]).decrypt(pre)
    except Exception as error:
        pass_on(error)
        # impacket raises whatever its structures ran into: then it has no opinion.
        return "cannot_judge"
    return "agrees" if theirs == ours else "disagrees"


def second_domain_section(file: MasterKeyFile, key: DomainBackupKey, ours: bytes | None) -> Opinion:
    """Open a domain section of version 2 once more; impacket reads version 3 as if it were 2, and gets a wrong key.

    Args:
        file: The master key file.
        key: The backup key.
        ours: The 64 bytes we found, None when the key opened nothing.
    """
    if file.domain is None or file.domain.version != _IMPACKET_DOMAIN_VERSION or key.key.d is None:
        return "cannot_judge"
    library = _impacket()
    from Crypto.Cipher import PKCS1_v1_5
    from Crypto.PublicKey import RSA

    numbers = key.key
    assert numbers.d is not None
    try:
        cipher = PKCS1_v1_5.new(RSA.construct((numbers.n, numbers.e, numbers.d, numbers.p, numbers.q)))
        clear = cipher.decrypt(file.domain.secret[::-1], None)
        theirs = None
        if clear is not None:
            structure = library.DPAPI_DOMAIN_RSA_MASTER_KEY(clear)
            theirs = structure["buffer"][: structure["cbMasterKey"]]
    except ValueError:
        # A section of another length than the key: its way to say no.
        theirs = None
    except Exception as error:
        pass_on(error)
        return "cannot_judge"
    return "agrees" if theirs == ours else "disagrees"


def second_blob(blob: DpapiBlob, master_key: bytes, entropy: bytes, ours: bytes | None) -> Opinion:
    """Open a blob once more.

    impacket derives the key of a SHA-1 blob with entropy the RFC way, which Windows does not: it cannot judge those.

    Args:
        blob: The blob.
        master_key: 64 bytes.
        entropy: Second secret, may be empty.
        ours: The clear text we found, None when the MAC did not fit.
    """
    if entropy and blob.hash_algorithm in (CALG_SHA1, CALG_HMAC):
        return "cannot_judge"
    library = _impacket()
    try:
        theirs = library.DPAPI_BLOB(blob.raw).decrypt(master_key, entropy or None)
    except ValueError:
        # impacket looks at the padding before the MAC: broken padding is its way to say no.
        theirs = None
    except Exception as error:
        pass_on(error)
        return "cannot_judge"
    return "agrees" if theirs == ours else "disagrees"


def _impacket() -> Any:
    # Imported here, since it takes longer than a whole examination.
    import impacket.dpapi

    return impacket.dpapi
