"""The WordPress connector against a real WordPress, with pretty and with plain permalinks."""

import json
import multiprocessing
import os
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import faulty_server as faults
import pytest
from lxml import html as lxml_html
from publications import LETTER, NOW, PHOTO, picture

from connectors import Attachment, Context, Correction, Denied, Failure, http, standing
from connectors import wordpress as module
from connectors.testing import Contract, Served
from connectors.wordpress import WordPress

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def empty(request, monkeypatch):
    """Without what earlier tests wrote."""
    monkeypatch.setattr(module, "READ_BACK_AFTER", (0.0, 0.2))
    if "wordpress" in request.fixturenames:
        request.getfixturevalue("wordpress").php("""
            $ours = ['numberposts' => -1, 'post_status' => 'any', 'post_type' => ['post', 'attachment'], 'exclude' => [1]];
            foreach (get_posts($ours) as $p) wp_delete_post($p->ID, true);
            foreach (get_terms(['taxonomy' => 'category', 'hide_empty' => false]) as $t) wp_delete_term($t->term_id, 'category');""")


def connector(site, tmp_path, user="webadmin", url="", password=""):
    host = (url or site.url).removeprefix("http://")
    context = Context(tmp_path, "http://x", frozenset({host}))
    return WordPress({"url": url or site.url, "username": user}, {"application_password": password or site.passwords[user]}, context)


@pytest.fixture
def terbit(wordpress, tmp_path):
    return connector(wordpress, tmp_path)


@pytest.fixture
def proxied(wordpress, tmp_path):
    """(a connector, the faulty server between it and WordPress)"""
    with faults.faulty(upstream=wordpress.url) as between:
        yield connector(wordpress, tmp_path, url=between.url), between


def counts(site):
    code = """echo json_encode(['post' => count(get_posts(['numberposts' => -1, 'post_status' => 'any', 'exclude' => [1]])),
        'attachment' => count(get_posts(['numberposts' => -1, 'post_type' => 'attachment'])),
        'category' => count(get_terms(['taxonomy' => 'category', 'hide_empty' => false])) - 1]);"""
    return json.loads(site.php(code))


ONE = {"post": 1, "attachment": 2, "category": 1}


def seen_by_a_visitor(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_a_post_is_published_with_picture_attachment_and_category(wordpress, terbit, ask):
    result = terbit.publish(ask())
    assert not result.scheduled and result.details["status"] == "publish"
    page = seen_by_a_visitor(result.url)
    assert http.contains_title(page, ask().title) and "<strong>terbuka</strong>" in page
    tree = lxml_html.fromstring(page)
    (shown,) = tree.xpath("//article/img")
    assert shown.get("alt") == PHOTO.alt and http.get(shown.get("src"), allowed_private_hosts=frozenset({wordpress.host})).ok
    (link,) = tree.xpath("//li/a[contains(., 'Surat Édaran')]/@href")
    assert http.get(link, allowed_private_hosts=frozenset({wordpress.host})).body == LETTER.content
    (post,) = wordpress.posts()
    assert (str(post["ID"]), post["post_excerpt"]) == (result.platform_id, "Rapat pleno dibuka untuk umum.")
    category = wordpress.php(f"echo json_encode(wp_get_post_categories({result.platform_id}, ['fields' => 'all']));")
    assert [(c["slug"], c["name"]) for c in json.loads(category)] == [("pengumuman", "Pengumuman")]


def test_a_post_stands_as_approved_until_a_hand_changes_hides_or_deletes_it(wordpress, terbit, ask):
    request = ask(title="Jadwal & \u201cPleno\u201d <3 Pulau>", images=[PHOTO, replace(PHOTO, name="kedua.jpg")])
    done = terbit.publish(request)
    id = done.platform_id

    def stands():
        return terbit.verify(request, id, done.url)

    assert stands() == standing.STANDS
    wordpress.php(f"wp_update_post(['ID' => {id}, 'post_content' => get_post({id})->post_content . ' ']);")  # saved by hand as it is
    assert stands() == standing.STANDS
    wordpress.php(f"wp_update_post(['ID' => {id}, 'post_content' => str_replace('Selasa', 'Rabu', get_post({id})->post_content)]);")
    words = stands()
    assert words.state == "changed" and "Selasa" in words.params["approved"] and "Rabu" in words.params["now"]
    wordpress.php(f"wp_update_post(['ID' => {id}, 'post_title' => 'Judul lain']);")
    title = stands()
    assert title.state == "changed" and title.params["now"] == "Judul lain" and title.found != words.found
    terbit.update(request, id, done.url)
    assert stands() == standing.STANDS
    for status in ("draft", "private"):
        wordpress.php(f"wp_update_post(['ID' => {id}, 'post_status' => '{status}']);")
        assert (stands().state, stands().params) == ("gone", {"status": status})
    wordpress.php(f"wp_update_post(['ID' => {id}, 'post_status' => 'publish']); wp_trash_post({id});")
    assert (stands().state, stands().params) == ("gone", {"status": "trash"})
    wordpress.php(f"wp_delete_post({id}, true);")
    assert stands() == standing.gone()


def test_the_same_key_gives_the_same_post(wordpress, terbit, ask):
    first = terbit.publish(ask())
    assert terbit.publish(ask(now=NOW + timedelta(days=1))) == first
    assert counts(wordpress) == ONE


def test_another_key_is_another_post_in_the_same_category(wordpress, terbit, ask):
    assert terbit.publish(ask("a")).url != terbit.publish(ask("b")).url
    assert counts(wordpress) == {"post": 2, "attachment": 4, "category": 1}


def test_two_runs_of_one_request_at_once_leave_one_post(wordpress, terbit, ask):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(terbit.publish, [ask(images=[], attachments=[])] * 4))
    assert len({result.platform_id for result in results}) == counts(wordpress)["post"] == 1


def test_a_category_that_the_site_has_under_another_slug_is_used(wordpress, terbit, ask):
    wordpress.php("wp_insert_term('Pengumuman', 'category', ['slug' => 'info-kantor']);")
    terbit.publish(ask())
    assert counts(wordpress)["category"] == 1


def test_a_post_for_later_is_scheduled_under_the_address_that_it_will_have(wordpress, terbit, ask):
    at = (NOW + timedelta(days=400)).replace(second=7)
    result = terbit.publish(ask(publish_at=at))
    assert (result.scheduled, result.published_at, result.details["status"]) == (True, at, "future")
    assert terbit.publish(ask(publish_at=at)) == result
    later = at + timedelta(days=40)
    moved = [terbit.reschedule(ask(), result.platform_id, later) for _ in range(2)]
    assert {each.published_at for each in moved} == {later}
    result = terbit.publish(ask(publish_at=at))
    assert moved == [result, result]  # another month: another address, where the site's addresses have the date
    wordpress.php(f"wp_publish_post({result.platform_id});")
    assert wordpress.php(f"echo get_permalink({result.platform_id});") == result.url
    with pytest.raises(Failure, match="tidak lagi menunggu"):
        terbit.reschedule(ask(), result.platform_id, at)
    assert http.contains_title(seen_by_a_visitor(result.url), ask().title)


def test_hostile_words_stay_words(terbit, ask):
    hostile = '<script>alert(1)</script> [caption]x[/caption] "><img src=x onerror=alert(1)> &amp;'
    photo = replace(PHOTO, alt=hostile, name=hostile + ".jpg")
    photos = [photo, replace(photo, name="../../a.jpg", content=picture((50, 50)))]
    letter = replace(LETTER, name=f'"; filename="x.php" {hostile}\r\nX: y.pdf')
    result = terbit.publish(ask(title=hostile, summary=hostile, body=f"{hostile}\n\n[gallery]", images=photos, attachments=[letter]))
    page = seen_by_a_visitor(result.url)
    article = lxml_html.fromstring(page).xpath("//article")[0]
    assert not article.xpath(".//script | .//@onerror") and "[gallery]" in article.text_content()
    assert [image.get("alt") for image in article.xpath(".//figure/img")] == [hostile]
    assert http.contains_title(page, hostile)


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.php"])
def test_what_a_browser_or_server_would_run_is_not_sent(wordpress, terbit, ask, name):
    with pytest.raises(Failure) as failure:
        terbit.publish(ask(attachments=[Attachment(name, "application/pdf", b"x", "")]))
    assert failure.value.kind == "permanent"
    assert counts(wordpress)["attachment"] == 0


def test_a_file_that_wordpress_forbids_is_a_permanent_failure(terbit, ask):
    program = Attachment("surat.pdf", "application/pdf", b"MZ\x90" + bytes(300), "")
    with pytest.raises(Failure, match="WordPress menolak dokumen") as failure:
        terbit.publish(ask(attachments=[program]))
    assert failure.value.kind == "permanent"


def test_the_connection_is_tested_without_changing_anything(wordpress, terbit, tmp_path):
    assert terbit.check(NOW).params == {"url": wordpress.url, "user": "webadmin"}
    assert connector(wordpress, tmp_path, "penulis").check(NOW)
    assert counts(wordpress)["post"] == 0


@pytest.mark.parametrize("what", ["check", "publish"])
def test_a_wrong_password_is_said_to_be_one(wordpress, tmp_path, ask, what):
    wrong = connector(wordpress, tmp_path, password="salah-semua-ini")
    with pytest.raises(Denied, match="menolak nama pengguna atau kata sandi") as failure:
        wrong.check(NOW) if what == "check" else wrong.publish(ask())
    assert failure.value.kind == "permanent" and "salah-semua-ini" not in str(failure.value)


def test_an_account_that_may_not_publish_is_said_so(wordpress, tmp_path, ask):
    weak = connector(wordpress, tmp_path, "kontributor")
    with pytest.raises(Failure, match="publish_posts, upload_files"):
        weak.check(NOW)
    with pytest.raises(Failure, match="tidak berhak") as failure:
        weak.publish(ask(images=[], attachments=[]))
    assert failure.value.kind == "permanent"
    assert counts(wordpress)["post"] == 0


def test_an_author_publishes_though_they_may_make_no_category(wordpress, tmp_path, ask):
    author = connector(wordpress, tmp_path, "penulis")
    assert author.publish(ask()) == author.publish(ask())
    assert counts(wordpress) == {"post": 1, "attachment": 2, "category": 0}


def test_a_post_that_a_person_has_withdrawn_is_left_to_them(wordpress, terbit, ask):
    result = terbit.publish(ask())
    wordpress.php(f"wp_update_post(['ID' => {result.platform_id}, 'post_status' => 'draft']);")
    with pytest.raises(Failure, match="berstatus draft") as failure:
        terbit.publish(ask())
    assert failure.value.kind == "permanent"
    assert counts(wordpress) == ONE


# Corrected and withdrawn ------------------------------------------------------------------------------------------------

NOTE = Correction(NOW, "Semula tertulis <Senin>.")


def corrected(ask, **different):
    usual = {"title": "Pengumuman Selasa", "body": "Rapat hari **Selasa**. [gallery]", "corrections": (NOTE,)}
    return ask("ralat:website:2", **usual | different)


def status_of(site, id):
    return site.php(f"echo get_post_status({id});")


def test_a_correction_changes_the_post_at_its_address(wordpress, terbit, ask):
    first = terbit.publish(ask())
    for _ in range(2):
        result = terbit.update(corrected(ask), first.platform_id, first.url)
        assert (result.url, result.platform_id) == (first.url, first.platform_id)
    page = seen_by_a_visitor(first.url)
    assert http.contains_title(page, "Pengumuman Selasa") and "<strong>Selasa</strong>" in page and "terbuka" not in page
    assert "Ralat, 24 November 2026:" in page and "Semula tertulis &lt;Senin&gt;." in page
    assert counts(wordpress) == ONE and status_of(wordpress, first.platform_id) == "publish"  # the files of before are gone


def test_a_withdrawn_post_is_in_the_trash_and_its_files_are_gone(wordpress, terbit, ask):
    first = terbit.publish(ask())
    wordpress.php("wp_insert_attachment(['post_title' => 'logo', 'post_mime_type' => 'image/png', 'post_name' => 'logo']);")
    for _ in range(2):
        terbit.withdraw(first.platform_id, first.url, "penurunan")
    assert status_of(wordpress, first.platform_id) == "trash"
    with pytest.raises(urllib.error.HTTPError) as gone:
        seen_by_a_visitor(first.url)
    assert gone.value.code == 404 and counts(wordpress)["attachment"] == 1  # what is not ours stays
    wordpress.php(f"wp_delete_post({first.platform_id}, true);")
    terbit.withdraw(first.platform_id, first.url, "penurunan")


def test_a_post_in_the_trash_is_not_corrected(wordpress, terbit, ask):
    first = terbit.publish(ask())
    terbit.withdraw(first.platform_id, first.url, "penurunan")
    for id in (first.platform_id, "999999", "bukan-nomor"):
        with pytest.raises(Failure) as failure:
            terbit.update(corrected(ask), id, first.url)
        assert failure.value.kind == "permanent"


def test_a_weak_account_withdraws_nothing_and_is_said_so(wordpress, terbit, tmp_path, ask):
    first = terbit.publish(ask())
    with pytest.raises(Failure, match="tidak berhak"):
        connector(wordpress, tmp_path, "kontributor").withdraw(first.platform_id, first.url, "x")
    assert status_of(wordpress, first.platform_id) == "publish" and counts(wordpress) == ONE


# What breaks between ----------------------------------------------------------------------------------------------------


one_is_enough = pytest.mark.parametrize("wordpress", ["pretty"], indirect=True)  # of permalinks


def creating(collection):
    return lambda method, path: method == "POST" and f"/{collection}" in path.replace("%2F", "/")


@one_is_enough
@pytest.mark.parametrize("fault", [faults.lost_after, faults.gateway_timeout_after])
def test_a_post_whose_answer_was_lost_is_found_again_at_once(wordpress, proxied, ask, fault):
    terbit, between = proxied
    between.fault, between.when = fault, creating("posts")
    result = terbit.publish(ask())
    between.fault = None
    assert terbit.publish(ask()) == result
    assert counts(wordpress) == ONE


@one_is_enough
@pytest.mark.parametrize("fault", [faults.silent, faults.reset, faults.truncated])
def test_a_post_that_never_arrived_is_unknown_and_once_repaired_one(wordpress, proxied, ask, fault):
    terbit, between = proxied
    between.fault, between.when = fault, creating("posts")
    with pytest.raises(Failure) as failure:
        terbit.publish(ask())
    assert failure.value.kind == "unknown"
    assert counts(wordpress)["post"] == 0
    between.fault = None
    terbit.publish(ask())
    assert counts(wordpress) == ONE


@one_is_enough
@pytest.mark.parametrize("collection", ["posts", "media", "categories"])
@pytest.mark.parametrize(("answer", "wait"), [(faults.status(429, "Retry-After: 77"), 77), (faults.status(503), None)])
def test_a_busy_site_is_a_temporary_failure_that_says_when(wordpress, proxied, ask, collection, answer, wait):
    terbit, between = proxied
    between.fault, between.when = answer, creating(collection)
    with pytest.raises(Failure) as failure:
        terbit.publish(ask())
    assert (failure.value.kind, failure.value.retry_after) == ("temporary", wait)
    between.fault = None
    terbit.publish(ask())
    assert counts(wordpress) == ONE


@one_is_enough
@pytest.mark.parametrize("collection", ["media", "categories"])
def test_an_upload_or_category_whose_answer_was_lost_is_not_doubled(wordpress, proxied, ask, collection):
    terbit, between = proxied
    between.fault, between.when = faults.lost_after, creating(collection)
    with pytest.raises(Failure) as failure:
        terbit.publish(ask())
    assert failure.value.kind == "temporary"
    between.fault = None
    terbit.publish(ask())
    assert counts(wordpress) == ONE


@one_is_enough
@pytest.mark.parametrize("user", ["webadmin", "penulis"])
def test_a_title_changed_after_a_try_that_failed_finds_the_post_of_that_try(wordpress, tmp_path, ask, user):
    """The post was made, its answer and the looking afterwards failed: temporary, as far as Terbit knows nothing is there."""
    with faults.faulty(upstream=wordpress.url) as between:
        terbit = connector(wordpress, tmp_path, user, url=between.url)

        def made_yet_busy(exchange):
            exchange.pass_on()
            between.fault, between.when = faults.status(503), lambda method, path: True

        between.fault, between.when = made_yet_busy, creating("posts")
        with pytest.raises(Failure):
            terbit.publish(ask())
        between.fault = None
        counted = counts(wordpress)
        result = terbit.publish(ask(title="Judul & kata yang <baru>", body="Rapat **dipindah**."))
        assert result == terbit.publish(ask(title="Judul & kata yang <baru>", body="Rapat **dipindah**."))
        page = seen_by_a_visitor(result.url)
    assert counts(wordpress) == counted and counted["post"] == 1
    assert http.contains_title(page, "Judul & kata yang <baru>") and "dipindah" in page and "terbuka" not in page


@one_is_enough
def test_killed_after_the_post_was_accepted_and_run_again_it_is_one_post(wordpress, proxied, ask):
    terbit, between = proxied
    process = multiprocessing.get_context("fork").Process(target=terbit.publish, args=(ask(),))

    def killing(exchange):
        exchange.pass_on()
        os.kill(process.pid, signal.SIGKILL)

    between.fault, between.when = killing, creating("posts")
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert counts(wordpress) == ONE
    between.fault = None
    assert terbit.publish(ask()).platform_id == str(wordpress.posts()[0]["ID"])
    assert counts(wordpress) == ONE


@one_is_enough
@pytest.mark.parametrize("answer", [faults.status(200, body=b"<h1>Pemeliharaan</h1>"), faults.status(503), faults.status(200, body=b"{}")])
def test_nothing_is_created_while_it_cannot_be_seen_what_is_there(wordpress, proxied, ask, answer):
    terbit, between = proxied
    between.fault, between.when = answer, lambda method, path: "posts" in path
    with pytest.raises(Failure) as failure:
        terbit.publish(ask())
    assert failure.value.kind == "temporary"
    assert not [line for line in between.seen if line.startswith("POST")]
    assert counts(wordpress)["post"] == 0


@one_is_enough
@pytest.mark.parametrize("fault", [faults.lost_after, faults.reset])
def test_a_correction_or_withdrawal_whose_answer_was_lost_may_be_done_again(wordpress, proxied, ask, fault):
    terbit, between = proxied
    first = terbit.publish(ask(images=[], attachments=[]))
    changes = (lambda: terbit.update(corrected(ask, images=[], attachments=[]), first.platform_id, first.url),
               lambda: terbit.withdraw(first.platform_id, first.url, "x"))
    for change in changes:
        between.fault, between.when = fault, lambda method, path: method in ("POST", "DELETE")
        with pytest.raises(Failure) as failure:
            change()
        assert failure.value.kind == "temporary"
        between.fault = None
        change()
    assert status_of(wordpress, first.platform_id) == "trash" and counts(wordpress)["post"] == 0


# Where the password may go ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://kantor.example", "ftp://kantor.example", "", "https://u:p@kantor.example", "https://10.0.0.1"])
def test_only_a_public_https_address_gets_the_password(tmp_path, ask, url, monkeypatch):
    monkeypatch.setattr(http, "create_connection", lambda *_: pytest.fail("it connected"))
    terbit = WordPress({"url": url, "username": "a"}, {"application_password": "b"}, Context(tmp_path, ""))
    for call in (lambda: terbit.check(NOW), lambda: terbit.publish(ask())):
        with pytest.raises(http.Refused):
            call()


def test_a_site_cannot_send_the_password_elsewhere(tmp_path):
    with faults.faulty() as site, faults.faulty() as thief:
        site.fault = faults.status(200, f'Link: <{thief.url}/wp-json/>; rel="https://api.w.org/"', body=b"<h1>x</h1>")
        allowed = frozenset({site.host, thief.host})
        terbit = WordPress({"url": site.url, "username": "a"}, {"application_password": "b"}, Context(tmp_path, "", allowed))
        with pytest.raises(Failure, match="tidak ditemukan WordPress"):
            terbit.check(NOW)
        assert thief.seen == []
        assert not any(b"Authorization" in raw for raw in site.raw)


# The contract -----------------------------------------------------------------------------------------------------------

class TestContract(Contract):
    """Against the real WordPress. A picture each would take longer and try the same."""

    images = 0
    samples, steps = 2, 2
    refusals, breakdowns = (401, 422), (502,)

    @pytest.fixture
    def platform(self, wordpress_sites):
        site = wordpress_sites("plain")
        self.site = site
        seen = f"{site.url}/?rest_route=/wp/v2/posts&per_page=100&_fields=id,title"
        return Served(site.url, lambda: {str(post["id"]): post["title"]["rendered"] for post in json.loads(seen_by_a_visitor(seen))})

    def connect(self, url, context):
        return WordPress({"url": url, "username": "webadmin"}, {"application_password": self.site.passwords["webadmin"]}, context)
