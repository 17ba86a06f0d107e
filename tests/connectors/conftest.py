"""What the connectors' tests share. The servers are modules beside this file, for other folders to import too."""

import io
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode leaves a test's folder out

import wordpress_server

from connectors import Attachment, Context, Request

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


def picture(size: tuple[int, int] = (320, 180), kind: str = "JPEG", colour: str = "teal", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


PHOTO = Attachment("Dermaga Pulau Pramuka.JPG", "image/jpeg", picture(), "Dermaga di waktu pagi")
LETTER = Attachment("Surat Édaran No. 12.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n", "")


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
