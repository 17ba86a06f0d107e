"""The retry policy, by a table."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.retry import GiveUp, Policy, Retry

POLICY = Policy(base=10, factor=3, cap=600, longest_wait=7200)


@pytest.mark.parametrize(("given", "expected"), [
    ({"failures": 1, "retries": 4}, 10),
    ({"failures": 2, "retries": 3}, 30),
    ({"failures": 4, "retries": 1}, 270),
    ({"failures": 5, "retries": 1}, 600),
    ({"failures": 10**6, "retries": 1}, 600),
    ({"failures": 1, "retries": 1, "jitter": 1}, 7.5),
    ({"failures": 1, "retries": 1, "retry_after": 120}, 120),
    ({"failures": 2, "retries": 1, "retry_after": 5}, 30),
    ({"failures": 1, "retries": 1, "retry_after": 10**9}, 7200),
])
def test_a_temporary_failure_is_tried_again_later(given, expected):
    assert POLICY.decide(kind="temporary", **given) == Retry(dt.timedelta(seconds=expected))


@pytest.mark.parametrize(("given", "expected"), [
    ({"kind": "temporary", "failures": 5, "retries": 0}, GiveUp()),
    ({"kind": "permanent", "failures": 1, "retries": 4}, GiveUp()),
    ({"kind": "unknown", "failures": 1, "retries": 4}, GiveUp(unknown=True)),
    ({"kind": "unknown", "failures": 1, "retries": 4, "retry_after": 5}, GiveUp(unknown=True)),
])
def test_what_time_does_not_mend_is_given_up(given, expected):
    assert POLICY.decide(**given) == expected


@given(st.integers(1, 1000), st.integers(1, 100), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e12))
def test_a_wait_is_bounded_and_never_shorter_than_was_asked(failures, retries, jitter, retry_after):
    retry = POLICY.decide(kind="temporary", failures=failures, retries=retries, jitter=jitter, retry_after=retry_after)
    after = retry.after.total_seconds()
    assert 7.5 - 1e-6 <= after <= 7200
    assert after >= min(retry_after or 0, 7200) - 1e-6
