"""The server with faults that ships with the contract suite, under the name that these tests know it by."""

from connectors.testing.proxy import *  # noqa: F403
