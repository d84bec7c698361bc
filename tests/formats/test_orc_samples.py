"""Lists of samples of DFIR-ORC."""

from __future__ import annotations

import pytest

from forensics.formats import orc_samples
from forensics.formats.errors import FormatError
from forensics.formats.orc_samples import Sample, parse_orc_samples

HEADER = "ComputerName,VolumeID,FullName,SampleName,ContentType,AttrName,SnapshotID\r\n"
LIVE = "{00000000-0000-0000-0000-000000000000}"
LINE = f'WEB01,0x48D0,"\\Windows\\a, b","kept\\1_2_a,_b.data",data,,{LIVE}\r\n'
SAMPLE = Sample("WEB01", "0x48D0", "Windows/a, b", "kept/1_2_a,_b.data", True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert parse_orc_samples((HEADER + LINE).encode(encoding)) == [SAMPLE]


def test_what_is_no_whole_file_is_left_out() -> None:
    lines = (
        f"WEB01,0x1,\\a,s.data,strings,,{LIVE}",
        f"WEB01,0x1,\\a:b,s.data,data,b,{LIVE}",
        f"WEB01,0x1,\\a,,data,,{LIVE}",
        f"WEB01,0x1,,s.data,data,,{LIVE}",
        "WEB01,0x1",
        "",
    )
    assert parse_orc_samples((HEADER + "\r\n".join(lines)).encode()) == []


def test_samples_of_a_shadow_copy() -> None:
    line = LINE.replace("00000000-0000", "1F0D6C58-3D2B")
    assert [sample.is_present for sample in parse_orc_samples((HEADER + line).encode())] == [False]


def test_paths_lead_nowhere_else() -> None:
    line = f"WEB01,0x1,\\..\\.\\a//b,../../etc/passwd,data,,{LIVE}"
    (sample,) = parse_orc_samples((HEADER + line).encode())
    assert (sample.path, sample.stored_as) == ("a/b", "etc/passwd")


@pytest.mark.parametrize("data", [b"", b"a,b,c\r\n1,2,3", b"\0\xff\xfe", b'"' + b"x" * 200_000])
def test_another_csv(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_orc_samples(data)


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orc_samples, "MAX_SAMPLES", 2)
    assert parse_orc_samples((HEADER + LINE * 2).encode()) == [SAMPLE, SAMPLE]
    with pytest.raises(FormatError):
        parse_orc_samples((HEADER + LINE * 3).encode())
