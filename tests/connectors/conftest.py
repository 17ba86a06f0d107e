"""What the connectors' tests share. The servers are modules beside this file, for other folders to import too."""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode leaves a test's folder out

import wordpress_server
from publications import LETTER, NOW, PHOTO

from connectors import Context, Request


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def ask() -> Callable[..., Request]:
    """A request to publish, with whatever a test wants to be different."""

    def make(key: str = "kasus:website:1", **different: Any) -> Request:
        usual: dict[str, Any] = {
            "title": 'Pengumuman "Jadwal" Pleno & Rekapitulasi',
            "summary": "Rapat pleno dibuka untuk umum.",
            "body": "Rapat pleno **terbuka** untuk umum.\n\n- hari Senin\n- hari Selasa",
            "kind": "pengumuman",
            "business_key": "INF-2026-0001",
            "images": [PHOTO],
            "attachments": [LETTER],
            "now": NOW,
        }
        return Request(key=key, **usual | different)

    return make


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path, "http://kantor.example")


@pytest.fixture(scope="session")
def wordpress_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], wordpress_server.WordPressServer]]:
    """A real WordPress by its kind of permalinks, set up when it is first asked for."""
    open_ones: dict[str, tuple[Any, wordpress_server.WordPressServer]] = {}

    def site(permalinks: str) -> wordpress_server.WordPressServer:
        if permalinks not in open_ones:
            manager = wordpress_server.running(tmp_path_factory.mktemp(permalinks) / "wp", permalinks)
            open_ones[permalinks] = (manager, manager.__enter__())
        return open_ones[permalinks][1]

    yield site
    for manager, _ in open_ones.values():
        manager.__exit__(None, None, None)


@pytest.fixture(params=["pretty", "plain"])
def wordpress(request: pytest.FixtureRequest, wordpress_sites: Callable[[str], Any]) -> wordpress_server.WordPressServer:
    return wordpress_sites(request.param)
