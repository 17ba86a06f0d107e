"""The command line: what each command does, and what it says when it cannot."""

import datetime as dt
import getpass
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import tarfile
import threading
import time
import uuid
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bpmn import blank, package
from engine import installation
from engine.archive import append
from engine.process_engine import open_engine
from engine.store import run as in_transaction
from tests.server import ROOT, Up, free_port, gone
from webui.cli import main
from webui.cli.common import now

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/{}")
PASSWORD = "lumba-lumba-di-pulau"
MODEL = ROOT / "bpmn" / "models" / "penerbitan-informasi"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "instance"
    installation.prepare(folder, now(), demo=True).close()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """An installation of the test's own, with the demo's people."""
    return Path(shutil.copytree(made, tmp_path / "instance"))


def terbit(*arguments, input=None, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


# Making and looking after ---------------------------------------------------------------------------------------------

def test_upgrade_makes_an_installation_and_twice_is_harmless(tmp_path):
    folder = tmp_path / "new"
    terbit("db", "upgrade", "--instance", folder)
    key = (folder / "secret.key").read_text()
    terbit("db", "upgrade", "--instance", folder)
    assert (folder / "secret.key").read_text() == key
    assert (folder / "secret.key").stat().st_mode & 0o077 == 0
    with sqlite3.connect(folder / "terbit.sqlite3") as db:
        made = db.execute("SELECT key, version FROM process_definition ORDER BY key").fetchall()
        assert made == [("penerbitan-informasi", 1), ("penurunan", 1), ("ralat", 1), ("tinjauan-sop", 1)]
        assert db.execute("SELECT count(*) FROM user_account").fetchone() == (0,)


@pytest.mark.parametrize("command", [["web"], ["worker"], ["backup", "x"], ["doctor"], ["archive", "verify"], ["audit", "verify"], ["user", "add", "a"],
                                     ["deploy", str(MODEL)]])
def test_a_folder_without_an_installation_is_said_to_be_one(command, tmp_path):
    assert "there is no installation in" in terbit(*command, "--instance", tmp_path / "nowhere", code=1)


def test_a_broken_config_is_one_line(folder):
    (folder / "config.toml").write_text("BASE_URL = ")
    assert "config.toml cannot be read" in terbit("doctor", "--instance", folder, code=1)


def test_an_unreachable_database_is_one_line(folder):
    (folder / "config.toml").write_text('DATABASE_URL = "postgresql://nobody@127.0.0.1:9/none"')
    assert "the database cannot be used" in terbit("user", "add", "a", "--instance", folder, code=1)
    assert "BAD   database" in terbit("doctor", "--instance", folder, code=1)


def test_a_person_is_added_with_a_password_from_standard_input(folder):
    terbit("user", "add", "sari", "--name", "Sari", "--group", "pelaksana", "--password-stdin", "--instance", folder, input=f"{PASSWORD}\n")
    terbit("user", "add", "budi", "--instance", folder, input=f"{PASSWORD}\n{PASSWORD}\n")  # asked for, twice
    from engine import credentials

    pe = open_engine(folder)
    assert credentials.authenticate(pe, "sari", PASSWORD)["groups"] == {"pelaksana"}
    assert credentials.authenticate(pe, "budi", PASSWORD)
    pe.close()


def test_a_token_is_made_once_for_an_account_that_is_there(folder):
    token = terbit("user", "token", "ketua", "arsip", "--instance", folder).strip()
    from engine import api_tokens

    pe = open_engine(folder)
    assert api_tokens.authenticate(pe, token, dt.datetime.now(dt.UTC))["id"] == "ketua"
    pe.close()
    assert "Error: " in terbit("user", "token", "nobody", "arsip", "--instance", folder, code=1)


def test_an_administrator_who_is_locked_out_is_let_in_from_the_shell(folder):
    from engine import password_links

    link = terbit("user", "link", "admin", "--instance", folder).strip()
    pe, now = open_engine(folder), dt.datetime.now(dt.UTC)
    assert password_links.find(pe, link.removeprefix("/set-password/"), now)["id"] == "admin"
    pe.close()
    terbit("user", "reset-second-factor", "admin", "--reason", "hilang", "--instance", folder, code=1)
    (folder / "config.toml").write_text('OIDC_ISSUER = "http://127.0.0.1:9"\nLOCAL_PASSWORDS = "entah"\n')
    found = terbit("doctor", "--instance", folder, code=1)
    (folder / "config.toml").unlink()
    assert "BAD   sign-in: LOCAL_PASSWORDS is 'entah'" in found and "does not answer" in found and "OIDC_CLIENT_ID" in found


@pytest.mark.parametrize("arguments, password", [(["sari"], "short"), (["sari", "--group", "nobody"], PASSWORD), (["ketua"], PASSWORD),
                                                 (["Not an id"], PASSWORD), (["sari", "--tenant", "elsewhere"], PASSWORD)])
def test_a_wrong_account_is_refused_with_a_reason(folder, arguments, password):
    assert "Error: " in terbit("user", "add", *arguments, "--password-stdin", "--instance", folder, input=f"{password}\n", code=1)


def test_deploying_the_same_files_again_makes_no_version(folder, tmp_path):
    model = Path(shutil.copytree(MODEL, tmp_path / MODEL.name))
    assert "nothing new" in terbit("deploy", model, "--instance", folder)
    diagram = model / "penerbitan-informasi.bpmn"
    diagram.write_text(diagram.read_text().replace("Menugaskan Kasubbag", "Menugaskan Kepala Sub Bagian"))
    assert "penerbitan-informasi: version 2" in terbit("deploy", *model.iterdir(), "--instance", folder)
    terbit("db", "upgrade", "--instance", folder)  # does not put the shipped one back
    assert "nothing new" in terbit("deploy", model, "--instance", folder)


def test_a_zip_and_a_repository_of_models_are_deployed_twice_without_effect(folder, tmp_path):
    repository = tmp_path / "repo"
    for key in ("satu", "dua"):
        (repository / "models" / key).mkdir(parents=True)
        (repository / "models" / key / f"{key}.bpmn").write_bytes(blank.diagram(key, key, [("pelaksana", "Pelaksana")]))
        (repository / "models" / key / "catatan.form").write_bytes(blank.form("catatan"))
    (repository / "models" / "satu" / "README.md").write_text("x")
    (repository / "models" / "satu" / "pinjam.form").symlink_to("/etc/passwd")
    (repository / ".git").mkdir()
    (repository / ".git" / "x.bpmn").write_text("x")
    output = terbit("deploy", repository, "--instance", folder)
    assert "satu: version 1, of 2 files" in output and "dua: version 1" in output
    assert "left out README.md, pinjam.form" in output and "x.bpmn" not in output
    assert terbit("deploy", repository, "--instance", folder).count("nothing new") == 2
    (tmp_path / "satu.zip").write_bytes(package.pack(package.unpack(zipped(repository / "models" / "satu")).files))
    assert "satu: nothing new" in terbit("deploy", tmp_path / "satu.zip", "--instance", folder)


def zipped(folder):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in folder.iterdir():
            if not path.is_symlink():
                archive.write(path, f"{folder.name}/{path.name}")
    return out.getvalue()


@pytest.mark.parametrize("content", [b"bukan zip", b"PK\x03\x04"])
def test_a_zip_that_is_none_and_a_folder_without_a_diagram_are_said_to_be_so(folder, tmp_path, content):
    (tmp_path / "model.zip").write_bytes(content)
    assert "model.zip:" in terbit("deploy", tmp_path / "model.zip", "--instance", folder, code=1)
    (tmp_path / "kosong").mkdir()
    assert "no diagram" in terbit("deploy", tmp_path / "kosong", "--instance", folder, code=1)


def test_a_broken_diagram_is_refused_with_file_and_line(folder, tmp_path):
    diagram = tmp_path / "broken.bpmn"
    diagram.write_text("<definitions>\n<process>\n</definitions>")
    assert "broken.bpmn:" in terbit("deploy", diagram, "--instance", folder, code=1)


def test_the_doctor_finds_a_sound_installation_sound(folder):
    output = terbit("doctor", "--instance", folder)
    assert "known demo passwords" in output
    assert "BAD" not in output


def test_the_doctor_names_what_is_wrong_and_the_cure(folder):
    (folder / "secret.key").chmod(0o644)
    with sqlite3.connect(folder / "terbit.sqlite3") as db:
        db.execute("DROP TABLE alembic_version")
    output = terbit("doctor", "--instance", folder, code=1)
    assert "chmod 600" in output
    assert "terbit db upgrade" in output
    assert "terbit db upgrade" in terbit("web", "--instance", folder, code=1)


def test_a_changed_archive_is_told(folder):
    pe = open_engine(folder)
    for number in range(3):
        in_transaction(pe, lambda db, number=number: append(db, "kpu", now(), "documentation", None, {"number": number}))
    pe.close()
    assert "whole" in terbit("archive", "verify", "--instance", folder)
    with sqlite3.connect(folder / "terbit.sqlite3") as db:
        db.execute("""UPDATE archive_entry SET content = '{"number":7}' WHERE number = 2""")
    assert "problem(s) in the archive" in terbit("archive", "verify", "--instance", folder, code=1)


def test_the_history_is_verified_and_names_who_gave_a_command(folder):
    terbit("user", "add", "sari", "--password-stdin", "--instance", folder, input=PASSWORD)
    with sqlite3.connect(folder / "terbit.sqlite3") as db:
        assert db.execute("SELECT actor FROM event WHERE type = 'user.created' AND actor IS NOT NULL").fetchone() == (
            f"os:{getpass.getuser()}",)
    head = terbit("audit", "head", "--instance", folder).strip()
    assert "whole" in terbit("audit", "verify", "--known", head, "--instance", folder)
    assert "NUMBER:HASH" in terbit("audit", "verify", "--known", "1", "--instance", folder, code=2)
    with sqlite3.connect(folder / "terbit.sqlite3") as db:
        db.execute("DROP TRIGGER event_is_never_changed")
        db.execute("UPDATE event SET actor = 'orang-lain' WHERE type = 'user.created'")
    output = terbit("audit", "verify", "--instance", folder, code=1)
    assert "problem(s) in the history" in output


# Backup and restore ---------------------------------------------------------------------------------------------------

def test_a_backup_taken_while_people_work_is_consistent(folder, tmp_path):
    done = threading.Event()

    def work():
        pe, number = open_engine(folder), 0
        while not done.is_set():
            number += 1
            in_transaction(pe, lambda db, number=number: append(db, "kpu", now(), "documentation", None, {"number": number}))
        pe.close()

    (folder / "archive" / "ab").mkdir(parents=True)
    (folder / "archive" / "ab" / "abc").write_bytes(b"kept")
    (folder / "broker").mkdir(exist_ok=True)
    (folder / "broker" / "wake").write_text("worth nothing")
    worker = threading.Thread(target=work)
    worker.start()
    try:
        time.sleep(0.2)
        output = terbit("backup", tmp_path / "b.tar.gz", "--instance", folder)
    finally:
        done.set()
        worker.join()
    assert "secret.key" in output
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o077 == 0
    restored = tmp_path / "restored"
    terbit("restore", tmp_path / "b.tar.gz", "--instance", restored)
    assert "whole" in terbit("archive", "verify", "--instance", restored)
    assert (restored / "secret.key").read_bytes() == (folder / "secret.key").read_bytes()
    assert (restored / "secret.key").stat().st_mode & 0o077 == 0
    assert (restored / "archive" / "ab" / "abc").read_bytes() == b"kept"
    assert not (restored / "broker" / "wake").exists()
    with sqlite3.connect(restored / "terbit.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM archive_entry").fetchone()[0] > 0


def test_nothing_is_overwritten(folder, tmp_path):
    terbit("backup", tmp_path / "b.tar.gz", "--instance", folder)
    before = (tmp_path / "b.tar.gz").read_bytes()
    terbit("backup", tmp_path / "b.tar.gz", "--instance", folder, code=1)
    assert (tmp_path / "b.tar.gz").read_bytes() == before
    terbit("restore", tmp_path / "b.tar.gz", "--instance", folder, code=1)


def test_a_file_that_is_no_backup_puts_nothing_anywhere(folder, tmp_path):
    def tar(name, kind=tarfile.REGTYPE):
        with tarfile.open(tmp_path / "bad", "w:gz") as archive:
            about = json.dumps({"format": 1, "database": "sqlite"}).encode()
            for each, content in (("terbit.json", about), ("database.sqlite3", b""), (name, b"x")):
                entry = tarfile.TarInfo(each)
                entry.size, entry.type = (len(content), tarfile.REGTYPE) if each != name else (1, kind)
                archive.addfile(entry, io.BytesIO(content))

    terbit("backup", tmp_path / "good", "--instance", folder)
    half = (tmp_path / "good").read_bytes()[:-5000]
    for make in (lambda: (tmp_path / "bad").write_bytes(b"no tar"), lambda: (tmp_path / "bad").write_bytes(half),
                 lambda: tar("../outside"), lambda: tar("instance/link", tarfile.SYMTYPE)):
        make()
        terbit("restore", tmp_path / "bad", "--instance", tmp_path / "restored", code=1)
        assert not list((tmp_path / "restored").glob("*"))
        assert not (tmp_path / "outside").exists()
    assert not list(tmp_path.glob(".terbit-*"))


@pytest.fixture
def databases():
    """Two PostgreSQL databases, empty."""
    server = sa.create_engine(POSTGRES.format("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    names = [f"terbit_cli_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    with server.connect() as db:
        for name in names:
            db.exec_driver_sql(f'CREATE DATABASE "{name}"')
    yield [POSTGRES.format(name) for name in names]
    with server.connect() as db:
        for name in names:
            db.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.service
def test_a_postgresql_installation_is_backed_up_and_restored(databases, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, url in zip((first, second), databases, strict=True):
        folder.mkdir()
        (folder / "config.toml").write_text(f'DATABASE_URL = "{url}"')
    terbit("db", "upgrade", "--instance", first)
    terbit("user", "add", "sari", "--group", "admin", "--password-stdin", "--instance", first, input=PASSWORD)
    terbit("backup", tmp_path / "b", "--instance", first)
    terbit("restore", tmp_path / "b", "--instance", second)
    assert second.joinpath("secret.key").read_bytes() == first.joinpath("secret.key").read_bytes()
    assert databases[1] in (second / "config.toml").read_text()
    terbit("archive", "verify", "--instance", second)
    assert "1 administrator" in terbit("doctor", "--instance", second)
    third = tmp_path / "third"
    assert "Error" in terbit("restore", tmp_path / "b", "--instance", third, code=1)  # the first's database is not empty


# up -------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def up(folder):
    started = []

    def start(*arguments):
        started.append(Up(folder, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.clean()


@pytest.mark.service
def test_up_starts_what_dies_again_and_stops_all_on_sigterm(up):
    server = up("--demo")
    server.wait_until_it_answers()
    for command in ("web", "worker"):
        dead = server.child(command)
        dead.kill()
        deadline = time.monotonic() + 20
        while True:
            if server.child(command) not in (None, dead):
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
    time.sleep(2)  # the web's old workers see that their master is gone, and the new one gets the port
    server.wait_until_it_answers()
    family = server.family.children(recursive=True)
    assert len(family) >= 4  # web and its two workers, worker
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(25) == 0
    assert gone(family)
    assert "was killed by SIGKILL" in server.log.read_text()


@pytest.mark.service
def test_ctrl_c_in_a_terminal_stops_all(up):
    server = up("--demo")
    server.wait_until_it_answers()
    family = server.family.children(recursive=True)
    os.killpg(server.process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    assert server.process.wait(25) == 0
    assert gone(family)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.service
def test_when_up_itself_is_killed_nothing_stays_behind_and_it_can_be_started_again(up):
    server = up("--demo")
    server.wait_until_it_answers()
    family = server.family.children(recursive=True)
    server.process.kill()
    server.process.wait()
    assert gone(family)
    again = up("--demo")
    again.wait_until_it_answers()


def test_up_says_that_the_port_is_taken(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "is taken" in terbit("up", "--instance", folder, "--port", taken.getsockname()[1], code=1)


def test_the_demo_never_listens_beyond_this_machine(folder):
    assert "this machine only" in terbit("up", "--demo", "--host", "0.0.0.0", "--instance", folder, code=2)
    assert "everybody knows the password" in terbit("up", "--host", "0.0.0.0", "--port", free_port(), "--instance", folder, code=1)
    assert "everybody knows the password" in terbit("web", "--host", "0.0.0.0", "--port", free_port(), "--instance", folder, code=1)


# Printing -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ending, magic", [("pdf", b"%PDF"), ("docx", b"PK")])
def test_a_procedure_is_printed_from_its_key_or_its_file(folder, tmp_path, ending, magic):
    by_key, by_file = tmp_path / f"key.{ending}", tmp_path / f"file.{ending}"
    assert "kB" in terbit("sop", "print", "penerbitan-informasi", "--instance", folder, "-o", by_key)
    terbit("sop", "print", MODEL / "penerbitan-informasi.bpmn", "-o", by_file)
    assert by_key.read_bytes().startswith(magic) and len(by_key.read_bytes()) == len(by_file.read_bytes())


def test_what_cannot_be_printed_is_one_line(folder, tmp_path):
    without = tmp_path / "x.bpmn"
    without.write_text('<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="p"><task id="a"/></process></definitions>')
    assert "lane" in terbit("sop", "print", without, "-o", tmp_path / "x.pdf", code=1)
    terbit("sop", "print", "nope", "--instance", folder, "-o", tmp_path / "x.pdf", code=1)
    assert ".docx" in terbit("sop", "print", without, "-o", tmp_path / "x.txt", code=2)
    assert not (tmp_path / "x.pdf").exists()
