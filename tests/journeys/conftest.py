"""A served installation that has the demo's people and nothing else."""

import pytest

from engine import installation
from tests.server import Up
from webui.cli.common import now


@pytest.fixture
def served(tmp_path):
    """A function that brings `terbit up --demo` up on the test's folder, again on the same port if need be."""
    folder, started = tmp_path / "instance", []
    installation.prepare(folder, now(), demo=True).close()

    def up(**environment):
        started.append(Up(folder, "--demo", port=started[0].port if started else 0, **environment))
        started[-1].wait_until_it_answers()
        return started[-1]

    yield up
    for each in started:
        each.clean()
