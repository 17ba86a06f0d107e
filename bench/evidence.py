"""How long the analyst's pages take at the server, over few and over many cases: `python -m bench.evidence 1000 100000`.

Each number of made-up cases (`terbit sample-data`, five years) is an installation of its own; --keep DIR lets it lie there, and takes it
up again the next time. Measured are whole answers of the application in this process, over the whole five years, the slower case.
"""

import argparse
import contextlib
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine import installation
from engine.evidence import rollup, sample
from engine.process_engine import DEFAULT_TENANT, ProcessEngine, open_engine
from webui import create_app
from webui.security import limiter

ROOT = Path(__file__).parent.parent
_BOTH = "compare=1&version=1&version2=2"
PAGES = {"mutu baku": "mutu-baku", "mutu baku, two versions": f"mutu-baku?{_BOTH}", "heat": "peta", "heat, two versions": f"peta?{_BOTH}",
         "TIDAK": "tidak", "paths": "jalur", "paths, two versions": f"jalur?{_BOTH}", "what was put out": "terbitan",
         "late cases of a step": "di-balik?what=activity&element=periksa&measure=overdue"}
SIZES = (1000, 2000)  # of `make bench`
TIMES = 5


def measure(pe: ProcessEngine, times: int = TIMES) -> dict[str, float]:
    """Median seconds of each of PAGES, the first answer left out."""
    app = create_app(process_engine=pe)
    limiter.enabled = False
    with app.test_client() as client:
        page = client.get("/sign-in").text
        token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
        client.post("/sign-in", data={"csrf_token": token, "user_id": "analis", "password": "terbit-demo"})
        return {name: _median(client, f"/reports/{path}{'&' if '?' in path else '?'}since=", times) for name, path in PAGES.items()}


def _median(client, address: str, times: int) -> float:
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        answer = client.get(address)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, (address, answer.status_code)
    return statistics.median(taken[1:])


@contextlib.contextmanager
def office(cases: int, keep: Path | None = None) -> Iterator[tuple[ProcessEngine, float, float]]:
    """An installation with so many made-up cases; the seconds that making and counting them took, 0 where it was there already."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-") as temporary:
        folder = keep / f"evidence-{cases}" if keep else Path(temporary)
        there = (folder / "terbit.sqlite3").exists()
        now = dt.datetime.now(dt.timezone.utc)
        pe = open_engine(folder) if there else installation.prepare(folder, now, demo=True)
        began = time.perf_counter()
        if not there:
            sample.make(pe, now, DEFAULT_TENANT, cases=cases)
        made = time.perf_counter()
        while rollup.count_some(pe, limit=1000):
            pass
        counted = time.perf_counter()
        try:
            yield pe, made - began, counted - made
        finally:
            pe.close()


def report(sizes: tuple[int, ...], keep: Path | None = None) -> Iterator[str]:
    """The lines of a table: each page over each number of cases."""
    found, speeds = {}, []
    for cases in sizes:
        with office(cases, keep) as (pe, made, counted):
            found[cases] = measure(pe)
            if made > 1:
                speeds.append(f"{cases:,} cases were made at {cases / made * 60:,.0f} and counted at {cases / counted * 60:,.0f} a minute")
    yield "| the analyst's pages, five years | " + " | ".join(f"{cases:,} cases" for cases in sizes) + " |"
    yield "|---|" + "---|" * len(sizes)
    for name in PAGES:
        yield f"| {name} | " + " | ".join(f"{found[cases][name] * 1000:.0f} ms" for cases in sizes) + " |"
    yield ""
    yield "; ".join(speeds) + "." if speeds else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.evidence")
    parser.add_argument("cases", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--keep", type=Path, help="keep the installations in this folder, and use what is there")
    options = parser.parse_args()
    print("\n".join(report(tuple(options.cases), options.keep)))


if __name__ == "__main__":
    main()
