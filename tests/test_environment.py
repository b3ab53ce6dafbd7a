"""The files that install and start the course say the same thing, once."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
posix = pytest.mark.skipif(os.name == "nt", reason="bash scripts")


def conda():
    """The entries of environment.yml: those of conda, and those of pip."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    return (
        [entry for entry in entries if isinstance(entry, str)],
        [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]],
    )


def line_after(marker):
    """The one line in the README's code block after a marker."""
    (line,) = re.findall(rf"<!-- {marker} -->\n```sh\n(.*)\n```\n", README)
    return line


def tracked():
    """The files that git tracks."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_same_dependencies():
    """environment.yml asks for the packages of pyproject.toml in the same versions, for pip, and for Python as
    repo2docker reads it: `python=3.14` and no other spelling."""
    packages, by_pip = conda()
    assert "python=3.14" in packages
    squeezed = [entry.replace(" ", "") for entry in packages]
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["cluster"]]
    wanted = [entry.replace(" ", "") for entry in wanted]
    assert sorted(squeezed) == sorted([*wanted, "python=3.14", "pip"])
    assert all(re.match(r"(-e )?\.", line) for line in by_pip)  # at most the course itself
    assert len(wanted) >= 7


@posix
def test_binder_reads_the_same_file():
    """What Binder reads is a link to the file at the root, and its script stops at the first error."""
    assert (ROOT / "binder/environment.yml").is_symlink()
    assert (ROOT / "binder/environment.yml").resolve() == (ROOT / "environment.yml").resolve()
    script = (ROOT / "binder/postBuild").read_text(encoding="utf-8").splitlines()
    assert script[:2] == ["#!/usr/bin/env bash", "set -e"] and os.access(ROOT / "binder/postBuild", os.X_OK)
    assert "announcements" in "\n".join(script) and "default_setting_overrides.json" in "\n".join(script)


def test_python_is_new_enough():
    """The Python that runs here is one that pyproject.toml allows."""
    (least,) = re.findall(r">=3\.(\d+)", PROJECT["requires-python"])
    assert sys.version_info >= (3, int(least))
    assert f"Python 3.{least} or newer" in README


@posix
def test_ci_runs_the_line_of_the_readme(tmp_path):
    """CI runs whatever the README's test line says, then the slow tests, and fails when one of them fails."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".ci/run").write_text((ROOT / ".ci/run").read_text(encoding="utf-8"))
    for name in (".venv/bin/pytest", ".venv/bin/chromium", ".venv/bin/google-chrome"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@" | tee -a ran\n! [ "$4" = "$FAILS" ]\n')
        (tmp_path / name).chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path / '.venv/bin'}:{os.environ['PATH']}"}
    line, browser = line_after("the test line"), "tests/test_browser.py"

    def ci(instead, fails="nothing"):
        (tmp_path / "README.md").write_text(README.replace(line, instead))
        command, variables = ["bash", ".ci/run"], env | {"FAILS": fails}
        done = subprocess.run(command, cwd=tmp_path, env=variables, timeout=60, capture_output=True, text=True)
        assert done.returncode == 0 or "--slow" not in done.stdout or f"--ignore={browser}" in done.stdout
        return done.returncode

    assert ci("echo a line that says pytest >ran") == 0
    first, *slow = (tmp_path / "ran").read_text().splitlines()
    assert first == "a line that says pytest"
    assert sorted(slow) == [f"--slow -m slow --ignore={browser}", f"--slow -m slow {browser}"]
    assert ci("true pytest", f"--ignore={browser}") != 0 and ci("true pytest", browser) != 0
    assert ci("false && echo pytest") != 0
    assert ci("echo no such word") != 0


@posix
def test_ci_installs_a_browser(tmp_path):
    """Where there is no browser, CI installs one without asking, also through a sudo that keeps no variable.

    The packages are installed meanwhile.
    """
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / ".ci/run").write_text((ROOT / ".ci/run").read_text(encoding="utf-8"))
    for name in ("bash", "env", "sh", "dirname", "sed", "grep"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    programs = {
        "id": "echo 1000",
        "pip": "echo packages >>ran",
        "sudo": 'exec env -i PATH="$PATH" "$@"',
        "apt-get": 'echo "$DEBIAN_FRONTEND" "$@" >>ran',
    }
    for name, line in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    command = [shutil.which("bash"), ".ci/run"]
    (tmp_path / "README.md").write_text(README.replace(line_after("the test line"), "pip && false pytest"))
    subprocess.run(command, cwd=tmp_path, env={"PATH": str(tmp_path / "bin")}, timeout=60, capture_output=True)
    ran = (tmp_path / "ran").read_text().splitlines()
    assert [line for line in ran if line != "packages"] == [" -qq update", "noninteractive -qq install -y chromium"]
    assert ran.count("packages") == 2  # beside the browser, and once more as the line says


def test_the_checkers_are_content():
    """ruff has nothing to say about the code and the notebooks, and nbstripout would take nothing out of these."""
    notebooks = [str(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert len(notebooks) > 9
    for command in (
        ["ruff", "check"],
        ["ruff", "format", "--check", "conc_lab", "tests"],
        ["nbstripout", "--keep-id", "--verify", *notebooks],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_imports_upwards():
    """The engine imports no room above it, nor does drawing, nor do experiments; what measures imports no chart."""
    above = ["claim_table", "student", "ipywidgets"]
    measuring = [*above, "drawing", "pandas", "matplotlib"]
    rooms = {
        "engine/*": [*above, "drawing", "modelling", "matplotlib"],
        "modelling/*": [*above, "drawing", "experiments", "matplotlib"],
        "drawing/*": [*above, r"experiments\."],
        "experiments/*/*": above,
        "experiments/*/measure": measuring,
        "experiments/*/worker": measuring,
    }
    for pattern, forbidden in rooms.items():
        words = "|".join(forbidden)
        paths = list((ROOT / "conc_lab").glob(f"{pattern}.py"))
        assert len(paths) > 2, pattern
        for path in paths:
            text = path.read_text(encoding="utf-8")
            found = re.findall(
                rf"^ *(?:(?:from|import) \.*(?:{words})\b|from \.+ import .*\b(?:{words})\b).*", text, re.M
            )
            assert not found, f"{path}: {found}"


def test_the_lines_of_the_readme():
    """The course line starts the installed command; the test line installs what the tests need and runs pytest."""
    course, test = line_after("the course line"), line_after("the test line")
    assert course.endswith("/conc-lab") and PROJECT["scripts"] == {"conc-lab": "conc_lab.__main__:main"}
    assert "-e ." in course and "'.[test]'" in test and test.endswith("/pytest")


def test_links_of_the_readme_resolve():
    """Every file that the README links or shows is there, and every lesson is in its table."""
    for target in re.findall(r"\]\(([^)\s]+)\)", README):
        if not re.match(r"https?:|#", target):
            assert (ROOT / target).exists(), target
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{path.name})" in README


def test_what_is_tracked():
    """No lock file is tracked, nothing that a student makes or a tool leaves, and no word of another registry."""
    files = tracked()
    names = [path.relative_to(ROOT).as_posix() for path in files]
    assert not [name for name in names if re.search(r"my_work/|\.ipynb_checkpoints|__pycache__|\.egg-info", name)]
    assert len(files) > 20 and not [path for path in files if path.name in ("uv.lock", "poetry.lock", "Pipfile.lock")]
    for path in files:
        if path != Path(__file__):
            found = re.search(rb"index-url|find-links|index_url", path.read_bytes())
            assert not found, f"{path.name}: {found}"
