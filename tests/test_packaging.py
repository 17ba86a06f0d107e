"""The wheel: complete, and as good as a checkout where there is nothing else."""

import base64
import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    aside = shutil.ignore_patterns(".*", "node_modules", "build", "*.egg-info", "instance", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=aside)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, folder / "source")  # a copy: it leaves build/ behind
    [made] = folder.glob("*.whl")
    return made


def test_the_wheel_carries_every_file_that_the_code_reads(wheel):
    carried = set(zipfile.ZipFile(wheel).namelist())
    wanted = ["bpmn/models/**/*.*", "webui/templates/**/*.*", "webui/static/**/*.*", "webui/translations/**/*.mo", "engine/**/*.typ",
              "engine/migrations/versions/*.py", "engine/migrations/*.mako", "**/*.py"]
    for package in ("bpmn", "engine", "connectors", "webui"):
        for path in (ROOT / package).rglob("*"):
            inside = path.relative_to(ROOT)
            if path.is_file() and "node_modules" not in inside.parts and any(inside.match(pattern) for pattern in wanted):
                assert str(inside) in carried or "__pycache__" in inside.parts or path.name.startswith(".")
    assert "webui/static/dist/manifest.json" in carried
    assert not [name for name in carried if name.startswith(("webui/assets/", "tests/", "bench/", "instance/")) or "__pycache__" in name]


def test_every_translation_is_compiled(wheel):
    carried = set(zipfile.ZipFile(wheel).namelist())
    for source in (ROOT / "webui" / "translations").rglob("*.po"):
        assert str(source.relative_to(ROOT).with_suffix(".mo")) in carried


@pytest.mark.service
def test_the_wheel_runs_in_an_empty_environment_elsewhere(wheel, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(re.findall(r"^[a-z0-9][^ ]*==\S+(?: ; .*?)?(?= \\$)", (ROOT / "requirements.lock").read_text(), re.M)))
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "install", "-q", "--no-compile", "-c", constraints, wheel, cwd=tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([tmp_path / "venv/bin/terbit", "up", "--demo", "--instance", tmp_path / "instance", "--port", str(port)],
                               cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        page = _get(port, "/", process).decode()
        for asset in set(re.findall(r'"(/static/[^"]+)"', page)):
            assert _get(port, asset, process)
        found = json.loads(_get(port, "/engine-rest/process-definition", process, user="admin"))
        assert {definition["key"] for definition in found} == {"penerbitan-informasi", "ralat", "penurunan", "tinjauan-sop"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def _get(port, path, process, user=None, seconds=60):
    headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:terbit-demo".encode()).decode()} if user else {}
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=10).read()
        except ConnectionError as error:
            refused = error
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            refused = error
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, refused
        time.sleep(0.2)


@pytest.mark.parametrize("lock, extras", [("requirements.lock", {"redis", "otel"}), ("test.lock", {"redis", "otel", "test"})])
def test_a_lock_pins_every_dependency(lock, extras):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = "\n".join([setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)])
    pinned = _pinned(lock)
    for line in wanted.split("\n"):
        if line.strip():
            name = re.split(r"[\[<>=!~; ]", line.strip())[0].lower().replace("_", "-")
            assert name in pinned, f"{name}: make lock"


def test_what_is_tested_is_what_is_installed():
    tested = _pinned("test.lock")
    assert {name: tested.get(name) for name in _pinned("requirements.lock")} == _pinned("requirements.lock")


def _pinned(lock):
    """{package: its versions}, as a lock has them."""
    found = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / lock).read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found
