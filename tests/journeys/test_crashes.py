"""`kill -9` of web, worker or both, at any moment: cases go on, nothing happens twice, nothing is gone."""

import collections
import contextlib
import http.client
import random
import re
import sqlite3
import threading
import time

import psutil
import pytest

from engine import archive
from engine.process_engine import open_engine

KILLS = 40
CLIENTS = 3
CONTENT = {"jenis": "pengumuman", "klasifikasi": "berkala", "ringkasan": "Ringkas.", "isi": "Isi **pengumuman**.", "gambar": [],
           "lampiran": []}
STEPS = (
    ("tugaskan", {"sumber": "disposisi", "perihal": "Pleno", "kanal": ["website"]}),
    ("perintahkan", {"penulis": None, "arahan": "Siapkan."}),
    ("siapkan", CONTENT),
    ("periksa", {"kebenaran_diperiksa": True, "narasumber_dikonfirmasi": True, "kalimat_diperbaiki": True}),
    ("putuskan", {"keputusan": "tidak", "catatan": "Lengkapi."}),
    ("periksa", {}),
    ("putuskan", {"keputusan": "sesuai"}),
    ("serahkan", {"disposisi_web_admin": "Unggah."}),
    ("terbitkan", {"terbit_pada": None}),
)
ONCE = {"mulai", "tugaskan", "perintahkan", "siapkan", "serahkan", "terbitkan", "publikasi", "dokumentasikan", "selesai"}


class Client(threading.Thread):
    """Somebody at work: takes case after case from MULAI to the publication, and insists when the server is away."""

    def __init__(self, server, name, stop):
        super().__init__(name=name, daemon=True)
        self.server, self.stop, self.cases, self.problem = server, stop, [], None

    def run(self):
        try:
            while not self.stop.is_set():
                self.case(f"{self.name}-{len(self.cases) + 1}")
        except Exception as problem:  # shown by the test
            self.problem = problem

    def call(self, method, path, body=None):
        """The answer, sooner or later. A call whose answer was lost may be made twice."""
        deadline = time.monotonic() + 180  # what died must start anew, on a machine that may have other work
        while True:
            try:
                status, answer = self.server.rest(method, path, body)
            except (OSError, ValueError, http.client.HTTPException):  # away, or an answer cut short
                status, answer = 0, None
            if status and (status < 500 or "type" in answer and "sudah selesai" in str(answer)):
                return status, answer
            assert time.monotonic() < deadline, (method, path, status, answer)
            time.sleep(0.1)

    def case(self, key):
        self.cases.append(key)
        self.call("POST", "/process-definition/key/penerbitan-informasi/start", {"businessKey": key})
        [instance] = self.call("GET", f"/process-instance?businessKey={key}")[1]
        for activity, values in STEPS:
            values = {"judul": f"Pengumuman {key}", **values} if activity == "siapkan" else values
            [task] = self.call("GET", f"/task?processInstanceId={instance['id']}")[1]
            assert task["taskDefinitionKey"] == activity
            status, answer = self.call("POST", f"/task/{task['id']}/complete",
                                       {"variables": {name: {"value": value} for name, value in values.items()}})
            if status >= 400:  # the answer to the first was lost, but it was done
                done = self.call("GET", f"/history/task?taskId={task['id']}")[1]
                assert done[0]["endTime"], answer


def victims(server, dice):
    """Whom to kill now: a process within web or worker, one of them as a whole, or everything but `terbit up`."""
    web, worker = server.child("web"), server.child("worker")
    alive = [each for each in (web, worker) if each]
    inner = [child for each in alive for child in each.children()]
    kind = dice.random()
    if kind < 0.6 and inner:
        return [dice.choice(inner)]
    if kind < 0.9 and alive:
        return [dice.choice(alive)]
    return server.family.children(recursive=True)


@pytest.mark.service
def test_cases_survive_forty_kills(served):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    server, stop = served(TERBIT_LEASE_SECONDS="3"), threading.Event()
    clients = [Client(server, f"C{number}", stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(KILLS):
        server.wait_until_it_answers()  # or else nothing would ever be under way to be killed
        time.sleep(dice.uniform(0, 0.6))
        for process in victims(server, dice):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    stop.set()
    for client in clients:
        client.join(120)
        assert not client.is_alive()
        assert client.problem is None, client.problem
    cases = [key for client in clients for key in client.cases]
    assert len(cases) >= CLIENTS
    wait_until_ended(server, cases)
    check(server, cases)


def wait_until_ended(server, cases, seconds=240):  # a page that was away is fetched again after 10, 30 and 90 s
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            _, running = server.rest("GET", "/process-instance")
            if not running:
                return
            assert time.monotonic() < deadline, [(each, server.rest("GET", f"/job?processInstanceId={each['id']}")) for each in running]
        time.sleep(0.5)


def check(server, cases):
    with sqlite3.connect(server.folder / "terbit.sqlite3") as db:
        for key in cases:
            [instance] = db.execute("SELECT id FROM process_instance WHERE business_key = ?", (key,)).fetchall()
            entered = collections.Counter(row[0] for row in db.execute("SELECT activity_id FROM activity_instance WHERE instance_id = ?",
                                                                       instance))
            assert {activity: entered[activity] for activity in ONCE} == dict.fromkeys(ONCE, 1), key
            assert entered["periksa"] == entered["putuskan"] == 2, key
            types = collections.Counter(row[0] for row in db.execute("SELECT type FROM event WHERE instance_id = ?", instance))
            assert types["instance.started"] == types["instance.ended"] == 1
            assert types["task.completed"] == len(STEPS)
            still_open = db.execute("SELECT count(*) FROM activity_instance WHERE instance_id = ? AND ended_at IS NULL", instance)
            assert still_open.fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM process_instance").fetchone() == (len(cases),)
        assert db.execute("SELECT count(*) FROM incident WHERE resolved_at IS NULL").fetchone() == (0,)
    titles = re.findall(r"Pengumuman C\d+-\d+(?=<)", sitemap_pages(server))
    assert sorted(titles) == sorted(f"Pengumuman {key}" for key in cases)
    pe = open_engine(server.folder)
    assert archive.verify(pe) == []
    pe.close()


def sitemap_pages(server):
    """The headings of every page that the public may find, one after the other."""
    addresses = re.findall(r"<loc>[^<]*?(/situs/[^<]*)</loc>", server.get("/situs/sitemap.xml").decode())
    pages = [server.get(address).decode() for address in addresses]
    return "".join(heading for page in pages for heading in re.findall(r"<h1[^>]*>.*?</h1>", page, re.S) if "Pengumuman C" in heading)
