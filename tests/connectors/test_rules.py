"""Each channel counts in its own way; what is composed always fits; what does not is said."""

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Attachment, Request, rules
from connectors.rules import CHANNELS, JPEG, PNG, Image, Post, check, compose, count, fits

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.timezone.utc)
LIMITED = [name for name, each in CHANNELS.items() if each.limit]
# Texts as people write them, and as nobody should: emoji with all their joints, lone surrogates, addresses, markup.
PIECES = st.sampled_from(["Pemilu", " ", "\n", "👨‍👩‍👧‍👦", "🇮🇩", "👍🏽", "1️⃣", "©️", "é", "é", "日本", "ﷺ", "‍", "️", "\ud83d", "https://kpu.go.id/a(b)?c=d",
                          "kpu.go.id", "#Pemilu", "@kpu", "@kpu@mastodon.social", "<b>", "**tebal**", "a" * 70, ".", ","])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=80).map("".join)
POSTS = st.builds(Post, title=TEXTS, summary=TEXTS, body=TEXTS, url=st.sampled_from(["", "https://kpu.go.id/berita/sosialisasi-2029"]),
                  images=st.lists(st.just(Image("a.jpg", alt="Foto")), max_size=2))


@pytest.mark.parametrize(("text", "length"), [
    ("", 0), ("Halo", 4), ("Pemilu\n2029", 11), ("é", 1), ("é", 1), ("日本語", 6), ("한국", 4), ("“Pemilu” – 2029…", 17), ("ελ Ж ა", 6),
    ("👾", 2), ("🙋🏽", 2), ("👨‍🎤", 2), ("👨‍👩‍👧‍👦", 2), ("🇮🇩🇮🇩", 4), ("1️⃣", 2), ("❤️", 2), ("©", 1), ("©️", 2), ("™", 2), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
    ("https://kpu.go.id", 23), ("https://kpu.go.id/" + "a" * 300 + "?q=1&r=2#f", 23), ("Baca https://kpu.go.id/x.", 29),
    ("(https://kpu.go.id/x)", 25), ("https://id.wikipedia.org/wiki/Pemilu_(2029) ya", 26), ("https://kpu.go.id/x?a=1, ya", 27),
    ("kpu.go.id", 23), ("KPU.GO.ID/x", 23), ("surel@kpu.go.id", 15), ("a.n. Ketua s.d. 5", 17), ("berkas.pdf", 10), ("sore.Besok", 10),
    ("https://a.id https://b.id", 47), ("http://localhost", 16), ("#Pemilu2029 @kpu", 16),
])
def test_x_weighs_as_twitter_text_does(text, length):
    assert rules.x_length(text) == length


@pytest.mark.parametrize(("channel", "text", "used"), [
    ("telegram", "👨‍👩‍👧‍👦", 11), ("telegram", "é日", 2), ("instagram", "👾", 2), ("facebook", "Halo", 4), ("youtube", "é日👾", 9),
    ("tiktok", "👾a", 3), ("threads", "Halo 👾", 9), ("threads", "日本", 2), ("bluesky", "👨‍👩‍👧‍👦é", 2),
    ("mastodon", "https://kpu.go.id/" + "a" * 200, 23), ("mastodon", "@kpu@mastodon.social ya", 7), ("mastodon", "👨‍👩‍👧‍👦", 1),
    ("mastodon", "kpu.go.id", 9), ("website", "a" * 9000, 9000), ("kanal-sendiri", "abc", 3),
])
def test_each_channel_counts_in_its_own_way(channel, text, used):
    assert count(channel, text)[0] == used


def test_telegram_takes_less_under_pictures():
    assert count("telegram", "a") == (1, 4096) and count("telegram", "a", images=1) == (1, 1024)
    long = Post("J", own_text="a" * 2000)
    assert not check("telegram", long)
    assert [p.about for p in check("telegram", Post("J", own_text="a" * 2000, images=[Image()]))] == ["text"]


@pytest.mark.parametrize("channel", LIMITED)
def test_the_limit_itself_fits_and_one_more_does_not(channel):
    limit = CHANNELS[channel].limit
    assert not [p for p in check(channel, Post("Judul", own_text="a" * limit)) if p.about == "text"]
    problem = next(p for p in check(channel, Post("Judul", own_text="a" * (limit + 1))) if p.about == "text")
    assert problem.blocks and str(limit + 1) in problem.message % problem.params


@given(POSTS, st.sampled_from(sorted(CHANNELS)))
def test_what_is_composed_always_fits_and_can_be_sent(post, channel):
    text = compose(channel, post)
    text.encode()  # no lone surrogates
    assert fits(channel, text, len(post.images))
    assert not [p for p in check(channel, post) if p.about == "text" and p.blocks and channel != "instagram"]


@given(TEXTS, st.sampled_from(LIMITED))
def test_own_text_goes_out_as_it_was_written(text, channel):
    own = compose(channel, Post("Judul", own_text=text))
    assert own == compose(channel, Post("Lain", "lain", "lain", own_text=own)) or not own.strip()


WORDS = st.lists(PIECES | st.sampled_from([" kata", ". ", ".\n\n", " pemilihan umum serentak ", " https://kpu.go.id/" + "a" * 90 + " "]) | st.text(max_size=5),
                 max_size=600).map("".join)


@given(WORDS, st.sampled_from(["x", "mastodon", "threads"]))
def test_a_thread_holds_every_word_once_each_part_within_the_limit(text, channel):
    found = rules.split(channel, text)
    assert 1 <= len(found) <= rules.MOST_PARTS and all(fits(channel, part) for part in found)
    if len(found) > 1:
        bodies = [part.removesuffix(f"\n\n{number}/{len(found)}") for number, part in enumerate(found, 1)]
        assert all(bodies) and [body != part for body, part in zip(bodies, found, strict=True)] == [True] * len(found)
        assert " ".join(bodies).split() == rules.content.clean(text).split()


def test_a_thread_is_cut_between_paragraphs_else_sentences_else_words():
    sentence, link = "Pemungutan suara berlangsung di seluruh Kepulauan Seribu menurut Kab. Adm. ini. ", "https://kpu.go.id/" + "a" * 300
    first, second, last = rules.split("x", (sentence * 2).strip() + "\n\n" + sentence * 3 + f"kata {link} " + "kata " * 30)
    assert first == (sentence * 2).strip() + "\n\n1/3" and second.endswith("ini.\n\n2/3") and link in last
    assert rules.split("x", "kata " * 55 + "\n")[0] == ("kata " * 55).strip()
    assert rules.split("x", "kata " * 57)[0] == ("kata " * 54).strip() + "\n\n1/2"


def test_what_no_thread_can_hold_is_shortened():
    for text in ("kata " * 2_000, "baru " + "a" * 300):
        (only,) = rules.split("x", text)
        assert only.endswith("…") and fits("x", only)
    post = Post("Judul", "Ringkas. " * 40, url="https://kpu.go.id/a")
    assert rules.parts("x", post) == [compose("x", post)] and len(rules.parts("x", post, thread=True)) == 2
    own = Post("Judul", own_text="kata " * 100)
    assert check("x", own) and not check("x", own, thread=True) and check("x", Post("Judul", own_text="kata " * 3_000), thread=True)


@given(TEXTS, TEXTS)
def test_lengths_add_up(first, second):
    for length in (rules.x_length, rules.mastodon_length, rules.threads_length, rules.utf16, rules.utf8):
        assert length(f"{first}|\n{second}") == length(first) + 2 + length(second)


@given(TEXTS)
def test_an_emoji_weighs_two_and_never_more_than_its_units(text):
    assert 0 <= len(rules.graphemes(text)) <= len(text) <= rules.utf16(text) <= rules.utf8(text)


def test_a_composed_text_keeps_title_and_address_and_is_cut_between_words():
    text = compose("x", Post("Jadwal Pemilu 2029", "Tahapan pemilu dimulai pada bulan Juni. " * 20, url="https://kpu.go.id/a"))
    assert text.startswith("Jadwal Pemilu 2029\n\nTahapan") and text.endswith("…\n\nhttps://kpu.go.id/a")
    assert text.split("…")[0].split()[-1] in ("Tahapan", "pemilu", "dimulai", "pada", "bulan", "Juni")
    assert 270 < rules.x_length(text) <= 280


def test_without_an_address_the_body_itself_is_posted():
    assert compose("facebook", Post("Judul", "Ringkas.", "Isi **tebal** [KPU](https://kpu.go.id)")) == "Judul\n\nRingkas.\n\nIsi tebal KPU (https://kpu.go.id)"
    assert compose("facebook", Post("Judul", "", "Isi.", url="https://kpu.go.id/a")) == "Judul\n\nIsi.\n\nhttps://kpu.go.id/a"


def test_youtube_keeps_its_title_apart_and_takes_no_angle_brackets():
    post = Post("Judul <resmi>", "Ringkas <ini>", url="https://kpu.go.id/a")
    assert compose("youtube", post) == "Ringkas ini\n\nhttps://kpu.go.id/a"
    assert [(p.about, p.blocks) for p in check("youtube", post)] == [("title", True), ("images", False)]
    assert "title" in [p.about for p in check("youtube", Post("a" * 101))]
    assert not check("youtube", Post("a", images=[Image("a.jpg")], videos=[Image("a.mp4", "video/mp4", 64_000_000)]))  # with its thumbnail
    assert "text" in [p.about for p in check("youtube", Post("a", own_text="<b>"))]


def test_instagram_wants_a_picture_and_few_tags():
    assert [p.about for p in check("instagram", Post("Judul", "Ringkas")) if p.blocks] == ["images"]
    tags = Post("Judul", own_text=" ".join(f"#tagar{n}" for n in range(31)), images=[Image()])
    assert [(p.about, p.params["count"]) for p in check("instagram", tags) if p.blocks] == [("text", 31)]
    assert [p.blocks for p in check("instagram", Post("Judul", own_text="https://kpu.go.id", images=[Image()]))] == [False]


@pytest.mark.parametrize(("channel", "image", "said"), [
    ("instagram", Image("a.png", PNG), "diubah menjadi JPEG"), ("instagram", Image("a.jpg", JPEG, 9_000_000), "terlalu besar"),
    ("instagram", Image("a.jpg", JPEG, 1, 100, 200), "dipotong"), ("instagram", Image("a.jpg", JPEG, 1, 400, 200), "dipotong"),
    ("tiktok", Image("a.png", PNG), "diubah menjadi JPEG"), ("telegram", Image("a.jpg", JPEG, 1, 9000, 2000), "terlalu besar"),
])
def test_what_a_machine_can_mend_in_a_picture_is_said_and_stops_nothing(channel, image, said):
    problem, = check(channel, Post("Judul", "Ringkas", images=[image]))
    assert said in problem.message % problem.params and "a." in problem.message % problem.params and not problem.blocks


@pytest.mark.parametrize("size", [(1080, 1350), (1080, 566), (1080, 1080), (0, 0)])
def test_a_picture_of_a_right_shape_passes(size):
    assert not check("instagram", Post("Judul", "Ringkas", images=[Image("a.jpg", JPEG, 1, *size)]))


def test_more_pictures_than_a_channel_shows_are_left_out_and_that_is_said():
    images = [Image(f"{n}.jpg") for n in range(6)]
    problem, = check("x", Post("Judul", images=images))
    assert not problem.blocks and problem.params["limit"] == 4
    assert [i.name for i in rules.taken("x", images)] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert rules.taken("website", images) == images and rules.taken("youtube", images) == images[:1]


def test_a_video_that_a_channel_does_not_take_is_told_and_left_out():
    good, big, other = Image("a.mp4", "video/mp4", 5), Image("b.mp4", "video/mp4", 600_000_000), Image("c.webm", "video/webm", 5)
    assert rules.videos_taken("x", [big, other, good, good]) == [good] and rules.videos_taken("mastodon", [other]) == [other]
    told = [problem.message % problem.params for problem in check("x", Post("J", images=[Image("f.jpg")], videos=[big, other, good]))]
    assert told == ["Video b.mp4 tidak ikut di X: paling besar 512 MB.", "Video c.webm tidak ikut di X: jenisnya tidak diterima.",
                    "Di X video tampil sendiri: gambar tidak ikut."]
    assert not any(problem.blocks for problem in check("facebook", Post("J", videos=[good, good])))


@pytest.mark.parametrize("text", ["a." * 50_000, "https://" * 12_000, "https://a.id/" + "(" * 90_000, "https://a.id/?" + "." * 90_000,
                                  "@a" * 50_000, "#" * 100_000, "‍👨" * 30_000, "a" * 100_000])
def test_no_text_takes_long_to_count(text):
    began = time.monotonic()
    for channel in CHANNELS:
        check(channel, Post("Judul", own_text=text))
        compose(channel, Post("Judul", summary=text))
    rules.split("x", text)
    assert time.monotonic() - began < 8


def test_a_request_becomes_the_post_that_was_previewed():
    request = Request("k", "Judul", "Ringkas", "Isi", "berita", NOW, "Khusus X", [Attachment("a.png", PNG, b"123", "Peta")])
    assert rules.of_request(request, "https://kpu.go.id/a") == Post(
        "Judul", "Ringkas", "Isi", "https://kpu.go.id/a", "Khusus X", [Image("a.png", PNG, 3, alt="Peta")])
    assert compose("x", rules.of_request(request)) == "Khusus X"
