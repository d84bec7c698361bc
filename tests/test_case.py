"""Case: tables as data frames with proper types, and pandas only when asked for."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics import case as case_module
from forensics.case_tables import CaseTables
from forensics.tables.registry import CONTRACT_TABLES
from tests.hand_made import ALIVE, AS_OF, DEAD, PAST, case, chain
from tests.paths import PROJECT


def test_tables_are_data_frames_under_name_and_plural() -> None:
    frame = case().key_chain
    assert list(frame.thumbprint) == [DEAD, ALIVE, PAST]
    assert case().certificates.equals(case().certificate)


def test_dtypes() -> None:
    whole = case()
    assert {str(whole.key_chain[c].dtype) for c in ("thumbprint", "subject", "reason")} == {"string"}
    assert list(whole.key_chain.public_key.cat.categories) == ["match", "mismatch", "not_stored", "not_examined"]
    assert (whole.key_chain.verdict == "unusable").tolist() == [True, False, False]
    assert str(whole.key_chain.recoverable.dtype) == "boolean"
    assert str(whole.key_chain.not_after.dtype) == "datetime64[us, UTC]"
    assert str(whole.machine.ubr.dtype) == "Int64"
    assert whole.certificate.eku[0] == ["serverAuth", "1.2.3"]


def test_dtypes_do_not_depend_on_there_being_rows() -> None:
    empty, full = CaseTables(), case()
    for table in CONTRACT_TABLES:
        assert list(empty.frame(table).dtypes.items()) == list(full.frame(table).dtypes.items())


def test_missing_values_are_missing() -> None:
    frame = case().key_chain
    assert list(frame.recoverable.isna()) == [False, True, True]
    assert frame.broken_at.isna().sum() == 2
    assert frame[frame.recoverable.fillna(False)].thumbprint.tolist() == [DEAD]


def test_dates_beyond_nanoseconds() -> None:
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    frame = CaseTables([chain(not_after=end), chain(not_after=datetime(1601, 1, 1, tzinfo=UTC))]).key_chain
    assert frame.not_after[0].to_pydatetime() == end
    assert frame.not_after[1].year == 1601


def test_frames_can_be_compared_with_the_cases_date() -> None:
    frame = case().key_chain
    assert frame[frame.not_after < AS_OF].thumbprint.tolist() == [PAST]


def test_names_that_are_no_table() -> None:
    with pytest.raises(AttributeError, match="a case has no 'key_chian'; its tables are machine, certificate"):
        case().key_chian  # noqa: B018
    with pytest.raises(KeyError, match="no table 'keys'"):
        case().rows("keys")
    assert "key_chain" in dir(case())


def test_repr_names_what_is_filled() -> None:
    assert repr(CaseTables()) == "<Case of 0 sources; empty>"
    assert "key_chain: 3" in repr(case())


def test_public_names_are_loaded_when_first_used() -> None:
    assert forensics.Case is case_module.Case
    assert issubclass(case_module.Case, CaseTables)
    assert {"Case", "examine", "open_case", "__version__"} <= set(dir(forensics))
    with pytest.raises(AttributeError, match="no attribute 'examin'"):
        forensics.examin  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    ["import forensics", "from forensics.cli.main import cli", "import forensics.case_tables", "import forensics.case"],
)
def test_heavy_libraries_are_not_imported_before_they_are_needed(statement: str) -> None:
    code = (
        f"{statement}; import sys; print(sorted({{'pandas', 'numpy', 'impacket', 'rich', 'dissect', 'dissect.target', "
        "'cryptography', 'logging'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_only_a_data_frame_imports_pandas(tmp_path: Path) -> None:
    case().save(tmp_path / "case.sqlite")
    code = (
        "import sys, forensics\n"
        "case = forensics.open_case(sys.argv[1])\n"
        "shown = repr(case), case._repr_html_(), dir(case), case.rows('key_chain')\n"
        "rendered = [forensics.render(case, form) for form in ('screen', 'text', 'json', 'html')]\n"
        "print('pandas' in sys.modules)\n"
        "case.key_chain\n"
        "print('pandas' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "case.sqlite")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
