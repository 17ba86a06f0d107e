"""A case's picture goes to Instagram: from the archive, through the web's own address, into a process that fetches it over HTTP."""

import datetime as dt
import io
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image
from werkzeug.serving import make_server

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

import fake_server
from meta_contract import Served
from meta_server import ME, SECRET

from connectors import NotYet
from connectors.testing import proxy
from engine import channels, documents, public_files, tokens
from engine.publication import publish
from engine.store import read, run
from engine.tables import publication
from tests.engine.a_case import content, make_case, make_definition, make_job, upload


@pytest.fixture
def web(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def between(pe, now, admin, web, monkeypatch):
    """The way to an Instagram of the tests' own, where the channel `instagram` is signed in; what the web shows is reached from there."""
    monkeypatch.setattr(public_files, "is_reachable", lambda address: True)  # though it is neither https nor far away
    with fake_server.running("instagram_server") as server, proxy.faulty(server.url) as between:
        pe.config.update(BASE_URL=web, ALLOWED_PRIVATE_HOSTS=[between.host])
        config = {"client_id": "1", "account": ME, "api": between.url}
        channels.save_channel(pe, admin, now, id="instagram", name="Instagram", connector="instagram", config=config,
                              secrets={"client_secret": SECRET})
        tokens.keep(pe, admin, dt.datetime.now(dt.timezone.utc), "instagram", {"access_token": "EAA-panjang-0", "expires_in": 5_184_000})
        between.server = Served(server)
        yield between


def test_a_picture_of_the_archive_is_fetched_and_posted_once_though_the_answer_is_lost(pe, now, penulis, between):
    make_definition(pe, now)
    case, png = make_case(pe, now), io.BytesIO()
    Image.new("RGBA", (2000, 900), "teal").save(png, "PNG")
    brought = upload(pe, penulis, now, png.getvalue(), "foto.png")
    picture = run(pe, lambda db: documents.bind(db, penulis, now, case, {"x": brought}))["x"]
    job = make_job(pe, now, case, "publikasi", content(kanal="instagram", gambar=[{**picture, "alt": "Rapat"}]))
    between.begin(proxy.lost_after)
    between.when = lambda method, path: path.endswith("/media_publish")
    with pytest.raises(NotYet):
        publish(pe, job, now)
    between.begin()
    posts = between.server.posts()
    assert len(posts) == 1 and publish(pe, job, now + dt.timedelta(minutes=1))["url"] == f"https://www.instagram.com/p/{next(iter(posts))}"
    assert between.server.posts() == posts and between.server.get("/_state")["shown"][next(iter(posts))]["parts"] == [["IMAGE", "Rapat"]]
    with read(pe) as db:
        assert db.scalar(sa.select(publication.c.state)) == "published"
    assert len(list((pe.folder / "public/archive").glob("??/*"))) == 1


def test_the_channel_is_well_and_its_token_is_renewed_long_before_its_end(pe, now, admin, between):
    connector = channels.connector_for(pe, "kpu", "instagram")
    assert connector.check(now).params["user"] == "kpuseribu" and between.server.renewals() == 0
    tokens.keep(pe, admin, dt.datetime.now(dt.timezone.utc), "instagram", {"access_token": "EAA-panjang-0", "expires_in": 9 * 86_400})
    connector.check(now)
    connector.check(now)
    assert between.server.renewals() == 1 and connector.tokens.expires_at() > dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=59)
