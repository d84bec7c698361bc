"""Opens sources, each in a process of its own, and prints which rare readers that imported.

``python -m tests.forms.opener PLAIN...`` takes lines of JSON, ``[path, options of Unlock and Choices, whether to
examine it whole]``. Plain sources that are named are opened first: what they import, no other has to.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields
from pathlib import Path

import forensics
from forensics.disk.unlock import Unlock
from forensics.sources.choices import Choices
from forensics.sources.open import open_source

READERS = (
    *("dissect.archive", "dissect.evidence", "dissect.fve", "dissect.hypervisor", "dissect.target", "dissect.volume"),
    *("py7zr", "pyzipper", "backports.zstd", "lzma", "bz2", "zipfile", "tarfile"),
)
"""What a plain disk does not need."""


def imported() -> list[str]:
    """Return the readers that are there; libwim is no module but a library that ctypes loads."""
    maps = Path("/proc/self/maps")
    has_libwim = maps.exists() and "libwim" in maps.read_text()
    return [reader for reader in READERS if reader in sys.modules] + ["libwim"] * has_libwim


def main() -> None:
    """Answer each line with the readers that are there afterwards."""
    for plain in sys.argv[1:]:
        open_source(Path(plain)).close()
    for line in sys.stdin:
        path, options, whole = json.loads(line)
        child = os.fork()
        if not child:
            if whole:
                forensics.examine(path)
            else:
                options.pop("passwords", None)
                chosen = {each.name: options.pop(each.name) for each in fields(Choices) if each.name in options}
                open_source(path, Unlock(**options), choices=Choices(**chosen)).close()
            print(json.dumps(imported()), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            print("null", flush=True)


if __name__ == "__main__":
    main()
