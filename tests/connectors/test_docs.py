"""What docs/connectors.md shows is run as it stands there."""

import configparser
import json
import re
from pathlib import Path

import faulty_server as faults
import pytest
from publications import NOW

from connectors import Context, Failure, Health, all_connectors

TEXT = (Path(__file__).parents[2] / "docs/connectors.md").read_text()


def snippets(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def names():
    """What the snippets define, run in their order; the one that raises is shown to raise."""
    names = {}
    for code in snippets("python"):
        if code.startswith("raise "):
            with pytest.raises(Failure) as failure:
                exec(code, names)  # our own documentation
            assert (failure.value.kind, failure.value.retry_after) == ("temporary", 3600)
        else:
            exec(code, names)
    return names


def test_the_example_connector_publishes(names, ask, tmp_path):
    body = json.dumps({"url": "https://papan.example/1", "id": "1"}).encode()
    with faults.faulty() as server:
        server.fault = faults.status(200, body=body)
        board = names["Board"]({"url": server.url}, {"token": "rahasia"}, Context(tmp_path, "", frozenset({server.host})))
        assert board.check(NOW) == Health("Tersambung.")
        assert board.publish(ask()).url == "https://papan.example/1"
        assert server.seen == ["GET /me", "POST /notes"] and b"Bearer rahasia" in server.raw[0]
        server.fault = faults.status(503)
        with pytest.raises(Failure) as failure:
            board.publish(ask())
        assert failure.value.kind == "temporary"


def test_the_entry_point_is_written_as_our_own_are():
    (example,) = snippets("ini")
    shown, ours = (configparser.ConfigParser() for _ in range(2))
    shown.read_string(example)
    ours.read(Path(__file__).parents[2] / "setup.cfg")
    assert shown.get("options.entry_points", "terbit.connectors").strip() == "board = my_package.board:Board"
    assert "site = connectors.site:Site" in ours.get("options.entry_points", "terbit.connectors")


def test_the_table_names_every_connector_that_is_installed():
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT.split("## Writing one")[0], re.MULTILINE)) == set(all_connectors())
