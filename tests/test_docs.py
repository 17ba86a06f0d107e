"""What the documents say can be done, and where they point to is there.

Every fenced `sh` block of a document is run, in order, in one shell in an empty folder; `sh notest` marks what only an
administrator of a machine may do. `make X` is checked to exist (a dry run), and `terbit up` is brought up, seen to be
ready, and stopped.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
UP = """#!{python}
import signal, subprocess, sys
process = subprocess.Popen([{terbit!r}, *sys.argv[1:], "--port", "{port}"], stderr=subprocess.PIPE, text=True)
for line in process.stderr:
    print(line, end="")
    if "ready at" in line:
        process.send_signal(signal.SIGTERM)
sys.exit(process.wait())
"""


def blocks(document):
    return re.findall(r"^```sh\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)


def shims(folder):
    """`make` and `terbit` as the documents' commands find them."""
    bin = folder / "bin"
    bin.mkdir()
    terbit = str(Path(sys.executable).parent / "terbit")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (bin / "up").write_text(UP.format(python=sys.executable, terbit=terbit, port=port))
    (bin / "terbit").write_text(f'#!/bin/sh\n[ "$1" = up ] && exec {bin}/up "$@"\nexec {terbit} "$@"\n')
    (bin / "make").write_text(f'#!/bin/sh\nexec {shutil.which("make")} -n -C {ROOT} "$@" >/dev/null\n')
    for path in bin.iterdir():
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return bin


@pytest.mark.service
@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d)], ids=lambda d: d.name)
def test_every_command_of_the_documents_works(document, tmp_path):
    # /tmp of the documents is the test's own; the rest of the machine is left alone
    script = "set -eux\n" + "\n".join(blocks(document)).replace("/tmp/", f"{tmp_path}/")
    environment = {**os.environ, "PATH": f"{shims(tmp_path)}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_every_link_leads_somewhere(document):
    text = document.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_setting_of_the_sample_is_one_that_the_code_reads():
    sample = (ROOT / "instance" / "config.sample.toml").read_text("utf-8")
    code = "".join(path.read_text("utf-8") for package in ("engine", "webui", "connectors") for path in (ROOT / package).glob("**/*.py")
                   if "node_modules" not in path.parts)
    for name in re.findall(r"^# ([A-Z_]+) = ", sample, re.M):
        assert f'"{name}"' in code, name
