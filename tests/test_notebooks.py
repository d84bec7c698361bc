"""The notebooks run from the first cell to the last on the test disks, and are kept without outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.paths import PROJECT

FOLDER = PROJECT / "notebooks"
NAMES = [
    *("01_one_disk", "02_expiry_audit", "03_hyperv_migration", "04_write_a_rule", "05_before_and_after", "06_fleet"),
    "07_history",
]

# What a reader must have seen at the end, by notebook; from the truth of the images.
SHOWN = {
    "01_one_disk": ["Sysprep generalized this Windows", "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162", "ldap"],
    "02_expiry_audit": ["CN=mail.contoso.test", "http.sys", "long-ago.contoso.test"],
    "03_hyperv_migration": ["HV01", "BranchGuardian", "New-HgsGuardian"],
    "04_write_a_rule": ["1 rule is valid", "3 examples (1 match, 1 miss, 1 unknown)", "CN=web.contoso.test"],
    "05_before_and_after": ["te-WebServer-mail was made anew", "nothing that was compared has changed", "iisWasKey"],
    "07_history": ["change_journal", "deleted_record", "together with 212 other files", "deleted, file record 98"],
    "06_fleet": ["Of 4 inputs 3 were examined", "does not exist", "SQL Server", "virtual machine GONE01"],
}
CHARTS = {
    "01_one_disk": 2,
    "02_expiry_audit": 2,
    "03_hyperv_migration": 1,
    "04_write_a_rule": 0,
    "05_before_and_after": 1,
    "06_fleet": 1,
    "07_history": 1,
}
MOST_CELLS = 20
"""Of a notebook that is read to its end."""


# Nothing of the notebook before is left: neither names nor settings.
FRESH = """
import altair, pandas
altair.renderers.enable("default")
pandas.reset_option("display.max_colwidth")
%reset -f
# A fresh interpreter has it, and asks for it when it starts another process.
__spec__ = None
"""


def _read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_the_list_above_is_whole() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    assert all(f"`{name}`" in (FOLDER / "README.md").read_text(encoding="utf-8") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_kept_without_outputs_and_without_places_of_a_machine(name: str) -> None:
    book = _read(name)
    nbformat.validate(book)
    assert len(book.cells) <= MOST_CELLS
    for cell in book.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
        # No place of anybody's machine: neither from the root nor from a drive.
        assert not re.search(r"""(?:^|[\s"'(=])(?:~?/\w+/\w|[A-Z]:\\)""", cell.source)
    assert set(book.metadata) == {"kernelspec", "language_info"}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One kernel for all notebooks: most of what each takes is to start one and to load libraries."""
    folder = tmp_path_factory.mktemp("jupyter")
    manager = KernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(PROJECT))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        manager.start_kernel(cwd=str(FOLDER))
        yield manager
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_to_its_end(name: str, kernel: KernelManager) -> None:
    book = _read(name)
    book.cells.insert(0, nbformat.v4.new_code_cell(FRESH))
    NotebookClient(book, km=kernel, timeout=60, resources={"metadata": {"path": str(FOLDER)}}).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []
    data = [output.get("data", {}) for output in outputs]
    shown = "\n".join(str(d.get("text/html") or d.get("text/plain", "")) for d in data)
    shown += "\n".join(o.text for o in outputs if o.output_type == "stream")
    for text in SHOWN[name]:
        assert text in shown
    charts = [d["image/png"] for d in data if "image/png" in d]
    assert all(len(chart) > 20_000 for chart in charts), "axes and marks, not an empty picture"
    assert len(charts) == CHARTS[name]
