"""What a platform says in numbers is not believed to be one that can be counted with."""

import pytest

from connectors import MOST_WAIT, Context, Failure, http, meta
from connectors.telegram import Telegram
from connectors.x import KEYS, X

VALUES = ['"5"', "NaN", "Infinity", "-Infinity", "1e400", "-3", "9" * 400, "[1]", "{}", "null", "true", "", '"²"', '"2026-13-45"']


@pytest.mark.parametrize("value", VALUES)
def test_limits_and_waits_are_bounded(value, monkeypatch, tmp_path):
    bare = value.strip('"')
    headers = {"X-App-Usage": f'{{"call_count": {value}, "total_time": {value}}}', "Retry-After": bare, "RateLimit": f'"a";r={bare};t={bare}',
               "X-Business-Use-Case-Usage": f'{{"1": [{{"estimated_time_to_regain_access": {value}}}]}}',
               **{f"X-RateLimit-{what}": bare for what in ("Limit", "Remaining", "Reset")}}
    error = f'{{"error": {{"code": %s, "error_subcode": {value or 1}, "message": "no"}}, "parameters": {{"retry_after": {value or 1}}}}}'
    failures = []
    for status in (400, 429, 503):
        for code in (value or "1", "4", "190"):
            response = http.Response(status, headers, (error % code).encode(), "https://a.example")
            assert all(0 <= quota.remaining <= 100 for quota in meta.quotas(response))
            http.quotas(response)
            assert 0 <= (http.told_to_wait(response) or 0) <= MOST_WAIT
            meta.is_signed_out(response)
            failures.append(meta.refusal("Facebook", response, creates=True))
        telegram = Telegram({}, {}, Context(tmp_path, ""))
        failures.append(telegram._refusal(response, response.json() or {}))
    assert all(0 <= (failure.retry_after or 0) <= MOST_WAIT for failure in failures)


@pytest.mark.parametrize("value", [value for value in VALUES if value])
def test_x_is_looked_at_again_in_time(value, monkeypatch, tmp_path, ask):
    body = f'{{"data": {{"id": "1", "processing_info": {{"state": "pending", "check_after_secs": {value}}}}}}}'
    monkeypatch.setattr(http, "request", lambda *args, **options: http.Response(200, {}, body.encode(), "https://a.example"))
    with pytest.raises(Failure) as caught:
        X({}, dict.fromkeys(KEYS, "kunci"), Context(tmp_path, ""))._processed("1")
    assert 0 < caught.value.retry_after <= MOST_WAIT
