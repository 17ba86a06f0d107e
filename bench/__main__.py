"""`make bench`: measure, print a table, and with --write put it into docs/performance.md."""

import argparse
import contextlib
import os
import platform
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bench import apps, cases, evidence, load
from webui import create_app, serve

ROOT = Path(__file__).parent.parent
KINDS = {"bare": "Flask that does nothing", "rows": "Flask writing the same rows, no engine", "terbit": "**Terbit**",
         "spiff": "Flask + SpiffWorkflow, whole state serialized"}
CASES = {1: 60, 8: 200}  # cases of a round, by clients
TURNS = 1000
SPIFF_TURNS = 100  # its completions get slower with each turn


@contextlib.contextmanager
def served(kind: str, folder: Path) -> Iterator[int]:
    """One of the applications, in processes of its own; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.server", kind, str(folder), str(port)], cwd=ROOT,
                               env={**os.environ, serve.SUPERVISOR: str(os.getpid())})
    try:
        deadline = time.monotonic() + 30
        while not serve.port_answers("127.0.0.1", port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{kind} does not serve")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def throughput(kind: str, clients: int, count: int) -> load.Measured:
    """Every case of a round is completed once a step; only the completions count, not the questions for the next tasks."""
    with installation(kind) as (folder, pe, token), served(kind, folder) as port:
        first = _cases(kind, folder, pe, 16)
        for _, variables in cases.STEPS:  # warm-up: both workers have parsed, cached and connected
            load.send(port, _requests(kind, pe, first, variables, token), clients)
        instances = _cases(kind, folder, pe, count)
        total = load.Measured([], 0.0)
        for _, variables in cases.STEPS:
            total += load.send(port, _requests(kind, pe, instances, variables, token), clients)
        return total


@contextlib.contextmanager
def installation(kind: str) -> Iterator[tuple[Path, object, str]]:
    """A folder of its own on this disk, with an installation in it where the application works on one."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-") as name:
        pe, token = cases.prepare(Path(name)) if kind in ("terbit", "rows") else (None, "")
        yield Path(name), pe, token if kind == "terbit" else ""
        if pe:
            pe.close()


def _cases(kind: str, folder: Path, pe, count: int) -> list[str]:
    if pe:
        return cases.start(pe, count)
    ids = [f"{kind}-{time.monotonic_ns()}-{number}" for number in range(count)]
    if kind == "spiff":
        apps.start_spiff(folder, ids)
    return ids


def _requests(kind: str, pe, instances: list[str], variables: dict, token: str) -> list[bytes]:
    of = cases.open_tasks(pe, instances) if pe else {id: id for id in instances}
    return [cases.request(of[id], variables, token) for id in instances]


# What a completion does to the database ---------------------------------------------------------------------------------

def statements() -> tuple[float, float, list[str]]:
    """SQL statements and commits per completion over REST, authentication included; and the first completion's statements."""
    with installation("terbit") as (folder, pe, token):
        app = create_app(folder)
        client, seen, commits = app.test_client(), [], []
        db = app.extensions["terbit"].db
        instances = cases.start(pe, 2)
        completions = 0
        for number, instance in enumerate(instances):  # the first warms the caches
            if number == 1:
                sa.event.listen(db, "before_cursor_execute", lambda c, cursor, text, *_: seen.append(" ".join(text.split())))
                sa.event.listen(db, "commit", lambda c: commits.append(1))
            for _, variables in cases.STEPS:
                task = cases.open_tasks(pe, [instance])[instance]
                answer = client.post(f"/engine-rest/task/{task}/complete", data=cases.body(variables),
                                     content_type="application/json", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code in (200, 204), answer.text
                completions += number
                if completions == 1:
                    example = list(seen)
        writes = [text for text in seen if not text.startswith("BEGIN")]
        return len(writes) / completions, len([1 for text in seen if text.startswith("BEGIN")]) / completions, example


# The thousandth turn ---------------------------------------------------------------------------------------------------

def turns(kind: str, last: int, samples: int = 40) -> tuple[float, float]:
    """Median seconds of a completion near the 2nd and near the `last` turn of the TIDAK loop, measured alternately."""
    with installation(kind) as (folder, pe, token), served(kind, folder) as port:
        def complete(instance: str, variables: dict) -> float:
            return load.send(port, _requests(kind, pe, [instance], variables, token), 1).latencies[0]

        def turn(instance: str) -> list[float]:
            return [complete(instance, variables) for _, variables in cases.LOOP]

        def fresh() -> str:
            [instance] = _cases(kind, folder, pe, 1)
            for _, variables in cases.STEPS[:5]:  # to the end of the first turn
                complete(instance, variables)
            return instance

        old = fresh()
        for _ in range(last - samples):
            turn(old)
        early, late = [], []
        for _ in range(samples):
            new = fresh()
            early += turn(new)
            late += turn(old)
        return statistics.median(early), statistics.median(late)


# The report ------------------------------------------------------------------------------------------------------------

def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, to see that it works")
    parser.add_argument("--cases", type=int, nargs="+", default=evidence.SIZES, help="how many cases the analyst's pages are measured over")
    parser.add_argument("--verbose", action="store_true", help="show one completion's SQL")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    kinds = options.only or list(KINDS)
    results = {(kind, clients): throughput(kind, clients, count // part) for clients, count in CASES.items() for kind in kinds}
    lines = list(_table(kinds, results))
    if "terbit" in kinds:
        per, commits, example = statements()
        if options.verbose:
            print(*example, sep="\n")
        early, late = turns("terbit", TURNS // part, 40 // part)
        lines += ["", f"One completion over REST: {per:.1f} SQL statements and {commits:.1f} commits, the bearer token's check included.",
                  "", f"In one case's TIDAK loop a completion takes {early * 1000:.2f} ms at the 2nd turn and {late * 1000:.2f} ms at the "
                  f"{TURNS // part:,}th: {late / early:.2f} times."]
    if "spiff" in kinds:
        early, late = turns("spiff", SPIFF_TURNS // part, 20 // part)
        lines += [f"SpiffWorkflow with its whole state serialized: {early * 1000:.2f} ms at the 2nd, {late * 1000:.2f} ms at the "
                  f"{SPIFF_TURNS // part}th: {late / early:.1f} times."]
    if "terbit" in kinds:
        lines += ["", *evidence.report(tuple(size // part for size in options.cases))]
    print("\n".join(lines))
    if options.write:
        _write(lines)


def _table(kinds: list[str], results: dict[tuple[str, int], load.Measured]) -> Iterator[str]:
    yield "| one human task completed over HTTP | " + " | ".join(f"{c} client{'s' * (c > 1)}" for c in CASES) + " | of the rows' rate |"
    yield "|---|" + "---|" * (len(CASES) + 1)
    for kind in kinds:
        cells = [f"{m.rate:,.0f}/s, median {m.median * 1000:.1f} ms, p99 {m.p99 * 1000:.1f} ms" for m in (results[kind, c] for c in CASES)]
        shares = [f"{results[kind, c].rate / results['rows', c].rate:.2f}" for c in CASES] if "rows" in kinds else []
        yield f"| {KINDS[kind]} | " + " | ".join(cells) + f" | {' / '.join(shares)} |"


def _write(lines: list[str]) -> None:
    path = ROOT / "docs" / "performance.md"
    text = path.read_text("utf-8")
    start, end = "<!-- bench -->\n", "<!-- /bench -->\n"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    machine = (f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
               f"SQLite {sqlite3.sqlite_version}")
    path.write_text("\n".join([before + start + f"Measured on {cases.now():%Y-%m-%d}: {machine}.", "", *lines, end + after]), "utf-8")


if __name__ == "__main__":
    main()
