"""The connectors that call nobody keep the contract too: the office's own site, and a person's hand."""

import pytest

from connectors import Context
from connectors.manual import Manual
from connectors.site import Site
from connectors.testing import Contract, Served


class TestSite(Contract):
    over_http = False

    @pytest.fixture
    def platform(self, tmp_path):
        return Served("http://127.0.0.1:9", lambda: {p.parent.name: p.read_text() for p in (tmp_path / "situs").glob("*/index.html")
                                                     if p.parent.name not in ("arsip", "halaman")})

    def connect(self, url, context: Context):
        return Site({}, {}, context)


class TestManual(Contract):
    over_http = False

    @pytest.fixture
    def platform(self):
        return Served("http://127.0.0.1:9", dict)

    def connect(self, url, context: Context):
        return Manual({}, {}, context)
