import json
import pickle

import pytest
from publications import NOW

from connectors import MOST_WAIT, Context, Failure, NotByMachine, NotYet, Throttled, all_connectors, find, manual


def test_every_installed_connector_keeps_to_the_protocol(tmp_path):
    assert {"site", "wordpress", "manual"} <= set(all_connectors())
    for name, kind in all_connectors().items():
        assert find(name) is kind and kind.name == name and kind.title
        assert len({field.name for field in kind.fields}) == len(kind.fields)
        connector = kind({}, {}, Context(tmp_path, "http://x"))
        assert callable(connector.publish) and callable(connector.check)


def test_an_unknown_connector_is_a_permanent_failure():
    with pytest.raises(Failure, match="tidak terpasang") as failure:
        find("tidak-ada")
    assert failure.value.kind == "permanent"


def test_without_settings_a_connector_fails_plainly(tmp_path, ask):
    for name in ("wordpress", "manual"):
        with pytest.raises(Failure) as failure:
            find(name)({}, {}, Context(tmp_path, "http://x")).publish(ask())
        assert failure.value.kind == "permanent"


def test_what_is_published_by_hand_is_never_published_by_machine(tmp_path, ask):
    by_hand = find("manual")({}, {}, Context(tmp_path, "http://x"))
    with pytest.raises(NotByMachine):
        by_hand.publish(ask())
    assert by_hand.check(NOW).quotas == ()


def test_the_package_to_copy_holds_all_that_a_person_pastes(ask):
    package = manual.package(ask(title=" Judul\x00 ", summary=""))
    assert json.loads(json.dumps(package)) == package
    assert package["title"] == "Judul"
    assert package["summary"].startswith("Rapat pleno terbuka untuk umum.")
    assert package["text"] == "Rapat pleno terbuka untuk umum.\n\n• hari Senin\n• hari Selasa"
    assert "<strong>terbuka</strong>" in package["html"]
    assert package["images"] == [{"name": "Dermaga Pulau Pramuka.JPG", "media_type": "image/jpeg", "size": len(ask().images[0].content),
                                  "alt": "Dermaga di waktu pagi"}]  # fmt: skip
    assert [file["name"] for file in package["attachments"]] == ["Surat Édaran No. 12.pdf"]


def test_a_failures_message_is_filled_and_its_template_kept():
    failure = Failure("Server menjawab %(status)s.", "temporary", 5, status=503)
    assert (str(failure), failure.message, failure.params, failure.kind, failure.retry_after) == (
        "Server menjawab 503.", "Server menjawab %(status)s.", {"status": 503}, "temporary", 5)  # fmt: skip
    assert str(Failure("100% gagal")) == "100% gagal"
    assert NotYet(9).kind == "temporary"


@pytest.mark.parametrize(("said", "waits"), [(7, 7), (float("inf"), MOST_WAIT), (float("nan"), MOST_WAIT), (-1, MOST_WAIT), (10**400, MOST_WAIT)])
def test_no_platform_can_ask_for_more_than_a_day(said, waits):
    assert Throttled(said).retry_after == waits


def test_a_request_can_be_kept_and_sent_between_processes(ask):
    assert pickle.loads(pickle.dumps(ask())) == ask()
