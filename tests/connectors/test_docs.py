"""What docs/connectors.md shows is run as it stands there; its example is built, installed and found, and passes its own tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import Failure, all_connectors

HERE = Path(__file__).parents[2]
TEXT = (HERE / "docs/connectors.md").read_text()


def snippets(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def files():
    """{name: content} of the snippets that say which file they are."""
    found = [(re.match(r"# (\S+\.\w+)\n", code), code) for code in snippets(r"(?:python|toml)")]
    return {name[1]: code for name, code in found if name}


def test_the_snippets_do_what_they_say():
    names = {}
    for code in snippets("python"):
        if code.startswith("raise "):
            with pytest.raises(Failure) as failure:
                exec(code, names)  # our own documentation
            assert (failure.value.kind, failure.value.retry_after) == ("temporary", 3600)
        elif not code.startswith("# test_"):
            exec(code, names)


def test_the_example_is_a_package_that_terbit_finds_and_that_keeps_the_contract(tmp_path):
    assert set(files()) == {"pyproject.toml", "papan.py", "test_papan.py"}
    for name, code in files().items():
        (tmp_path / name).write_text(code)
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": tmp_path}
    installed = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
                                "--target", tmp_path / "site", "."], **quiet)
    assert installed.returncode == 0, installed.stdout
    (tmp_path / "papan.py").unlink()  # what is tried is what was built
    tried = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_papan.py"], **quiet,
                           env={**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{HERE}"})
    assert tried.returncode == 0 and " passed" in tried.stdout, tried.stdout


def test_the_table_names_every_connector_that_is_installed():
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT.split("## Writing one")[0], re.MULTILINE)) == set(all_connectors())
