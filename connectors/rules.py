"""What each channel takes, counted as that channel counts: used by preview, validation and connector alike.

Pure: texts and numbers in, numbers and problems out. Sources, each looked up when this was written (2026):

- X: https://docs.x.com/fundamentals/counting-characters (weights of twitter-text's config v3: URL 23, emoji 2, most scripts
  1, CJK and others 2; limit 280), https://docs.x.com/x-api/media/quickstart/best-practices (4 photos of at most 5 MB, or 1 video of at
  most 512 MB).
- Facebook: https://developers.facebook.com/docs/graph-api/reference/page/photos (10 MB; PNG best below 1 MB) and …/page/videos; the
  length, 63,206, is in no reference and is what the page itself enforces.
- Instagram: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media (caption of 2,200
  characters, 30 hashtags, 20 mentions; JPEG of at most 8 MB, 4:5 to 1.91:1; no post without a picture) and …/content-publishing
  (10 in a carousel). It does not say what a character is: UTF-16 units are counted, the strictest reading.
- Threads: https://developers.facebook.com/docs/threads/posts (500 characters, an emoji counts as its UTF-8 bytes; 20 pictures).
- YouTube: https://developers.google.com/youtube/v3/docs/videos (title 100 characters, description 5,000 bytes, no < or > in either),
  …/docs/videos/insert (256 GB) and …/docs/thumbnails/set (the one picture: JPEG or PNG of at most 2 MB).
- TikTok: https://developers.tiktok.com/doc/content-posting-api-reference-direct-post (a video's caption of 2,200 UTF-16 runes; a photo
  post's description may have 4,000, and has one text with it here), …-photo-post (35 photos) and …/content-posting-api-media-transfer-guide
  (JPEG or WebP of at most 20 MB and "1080p", taken as 1080 and 1920 together; a video of at most 4 GB).
- Telegram: https://core.telegram.org/bots/api#sendmessage, #sendphoto, #sendmediagroup (4,096 characters after entities parsing, 1,024
  as a caption, 10 pictures of at most 10 MB, width + height at most 10,000; #sendvideo: MP4 of at most 50 MB, which may stand among
  the 10); lengths are UTF-16 units as in #messageentity.
- Mastodon: https://docs.joinmastodon.org/user/posting/ (500, a link counts 23, of a mention only the name; 4 pictures of 16 MB);
  counted in graphemes, as its status_length_validator.rb does. A server may have other limits (`/api/v2/instance`, which the connector
  keeps to when it publishes); what is shown before approval are these.
- Bluesky: the lexicon app.bsky.feed.post (300 graphemes and 3,000 bytes) and app.bsky.embed.images (4 of at most 1,000,000 bytes).
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import regex

from connectors import N_, Request, content

MB = 1_000_000
JPEG, PNG, WEBP, GIF = "image/jpeg", "image/png", "image/webp", "image/gif"
ALL_IMAGES = (JPEG, PNG, WEBP, GIF)
MOST_PARTS = 25  # of a thread


@dataclass(frozen=True)
class Rules:
    """One channel. Without `limit`, a text of any length fits."""

    name: str
    limit: int | None = None
    length: Callable[[str], int] = len
    caption: int | None = None  # the limit of a text that stands under pictures, where it is another
    title: int | None = None  # characters, where the channel has a title of its own
    bytes: int | None = None  # a second limit, in UTF-8
    hashtags: int | None = None
    mentions: int | None = None
    forbidden: str = ""  # characters that neither title nor text may hold
    links: bool = True  # whether a link in the text can be followed
    needs: Literal["", "image", "video"] = ""
    images: int | None = None  # how many one post shows; those after are left out
    formats: tuple[str, ...] = ALL_IMAGES
    size: int | None = None  # bytes of one picture
    ratio: tuple[float, float] | None = None  # width / height
    sides: int | None = None  # width + height
    videos: int = 0  # how many one post shows, which take the places of pictures
    video_size: int | None = None  # bytes of one
    video_formats: tuple[str, ...] = ("video/mp4",)
    fold: int | None = None  # characters before "selengkapnya", as its readers see it


@dataclass(frozen=True)
class Image:
    name: str = ""
    media_type: str = JPEG
    size: int = 0  # bytes
    width: int = 0  # 0: not known
    height: int = 0
    alt: str = ""


@dataclass(frozen=True)
class Post:
    """What is to be published; `own_text` is what somebody wrote for this channel alone."""

    title: str
    summary: str = ""
    body: str = ""  # Markdown
    url: str = ""  # where the whole can be read
    own_text: str = ""
    images: Sequence[Image] = ()
    videos: Sequence[Image] = ()
    notes: Sequence[str] = ()  # of corrections: they stand before the text, which is shortened for them


def of_request(request: Request, url: str = "") -> Post:
    """The post that a connector is asked for; the pictures' sides are not looked at."""
    def shown(files: Sequence[Any]) -> list[Image]:
        return [Image(a.name, a.media_type, len(a.content), alt=a.alt) for a in files]

    return Post(request.title, request.summary, request.body, url, request.text, shown(request.images), tuple(shown(request.videos)),
                tuple(content.correction(note.at, note.note) for note in request.corrections))


@dataclass(frozen=True)
class Problem:
    """`about` what: text, title or images. An error would be refused by the channel; a warning says what it will do by itself.
    `message` is an Indonesian template (a gettext msgid) filled from `params`."""

    about: Literal["text", "title", "images"]
    message: str
    params: dict[str, Any] = field(default_factory=dict)
    blocks: bool = True


# Lengths --------------------------------------------------------------------------------------------------------------

def utf16(text: str) -> int:
    """UTF-16 code units: what JavaScript's `length` says, an emoji mostly 2."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def graphemes(text: str) -> list[str]:
    """What readers see as single characters (extended grapheme clusters)."""
    return regex.findall(r"\X", text)


_EMOJI = regex.compile(r"\p{RI}\p{RI}|.\ufe0f?\u20e3|(?![©®](?!\ufe0f))\p{Extended_Pictographic}(?!\ufe0e)|.\ufe0f", regex.DOTALL)


def is_emoji(grapheme: str) -> bool:
    return _EMOJI.match(grapheme) is not None


# Endings that X takes for an address also where no "https://" stands before it: all of countries, the usual others.
_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca cc cd cf cg ch ci "
    "ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp "
    "gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk "
    "lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe "
    "pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf "
    "tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw")
_OTHERS = (
    "aero app art asia biz blog cat club com coop dev digital edu email events gov guru info int jobs link live media mil mobi museum "
    "name net news ngo one online ong org page press pro school shop site social space store team tech tel top travel university "
    "video website wiki work world xyz")
_DOMAIN = r"(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.){1,12}"
_PLAIN = r"[^\s()<>\"'“”?]*"
_REST = (rf"(?::\d+)?(?:/{_PLAIN}(?:\([^\s()<>]*\){_PLAIN})*(?<=[\p{{L}}\p{{N}}+\-/=_#&)~]))?"
         r"(?:\?[^\s<>\"“”]*(?<=[\p{L}\p{N}\-_&=#/]))?")
_ADDRESS = regex.compile(rf"(?<![\p{{L}}\p{{N}}@＠$#＃])(?:https?://{_DOMAIN}[a-z]{{2,63}}|(?<![-_./]){_DOMAIN}\L<endings>)(?![0-9a-z@+-]){_REST}",
                         regex.IGNORECASE, endings=(_COUNTRIES + " " + _OTHERS).split())
_HTTP = regex.compile(r"https?://[^\s<>\"“”]+(?<=[\p{L}\p{N}\-_&=#/+)~])", regex.IGNORECASE)
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # twitter-text, config v3: what weighs one, all else two


def x_length(text: str) -> int:
    """X's weighted length: NFC, each address 23, each emoji 2, other characters 1 or 2 by their script."""
    bare, addresses = _ADDRESS.subn("", unicodedata.normalize("NFC", text))
    # An address's place keeps its neighbours apart only where they would join: counted per character, that makes no difference.
    return addresses * 23 + sum(2 if is_emoji(g) else sum(_weight(ord(c)) for c in g) for g in graphemes(bare))


def _weight(code: int) -> int:
    return 1 if any(first <= code <= last for first, last in _LIGHT) else 2


def mastodon_length(text: str) -> int:
    short = regex.sub(r"(?<![\w/=])@(\w+)@[\w.-]+\w", r"@\1", _HTTP.sub("x" * 23, text))
    return len(graphemes(short))


def threads_length(text: str) -> int:
    return sum(utf8(g) if is_emoji(g) else len(g) for g in graphemes(text))


def without_addresses(text: str) -> str:
    """The text without every address in it, also those before which no "https://" stands."""
    return _ADDRESS.sub(" ", regex.sub(r"https?://[^\s<>\"“”]+", " ", text, flags=regex.IGNORECASE))


def hashtags(text: str) -> list[str]:
    return regex.findall(r"(?<![\w&/])[#＃]([\w·]*\p{L}[\w·]*)", text)


def mentions(text: str) -> list[str]:
    return regex.findall(r"(?<![\w.@/])@([A-Za-z0-9_](?:[A-Za-z0-9_.]*[A-Za-z0-9_])?)", text)


# The channels ---------------------------------------------------------------------------------------------------------

CHANNELS = {
    "website": Rules("Website"),
    "facebook": Rules("Facebook", 63_206, utf16, size=10 * MB, videos=1, video_size=1_000 * MB, fold=480),
    "instagram": Rules("Instagram", 2_200, utf16, hashtags=30, mentions=20, links=False, needs="image", images=10, formats=(JPEG,),
                       size=8 * MB, ratio=(4 / 5, 1.91), videos=10, video_size=300 * MB, fold=125),
    "threads": Rules("Threads", 500, threads_length, images=20, formats=(JPEG, PNG), size=8 * MB, videos=20, video_size=1_000 * MB),
    "x": Rules("X", 280, x_length, images=4, size=5 * MB, videos=1, video_size=512 * MB),
    "youtube": Rules("YouTube", 5_000, utf8, title=100, forbidden="<>", needs="video", images=1, formats=(JPEG, PNG), size=2 * MB,
                     videos=1, video_size=256_000 * MB, video_formats=("video/mp4", "video/webm", "video/quicktime"), fold=150),
    "tiktok": Rules("TikTok", 2_200, utf16, links=False, needs="image", images=35, formats=(JPEG, WEBP), size=20 * MB, sides=3_000,
                    videos=1, video_size=4_000 * MB, video_formats=("video/mp4", "video/webm", "video/quicktime"), fold=100),
    "telegram": Rules("Telegram", 4_096, utf16, caption=1_024, images=10, formats=(JPEG, PNG, WEBP), size=10 * MB, sides=10_000,
                      videos=10, video_size=50 * MB),
    "mastodon": Rules("Mastodon", 500, mastodon_length, images=4, size=16 * MB, videos=1, video_size=99 * MB,
                      video_formats=("video/mp4", "video/webm", "video/quicktime")),
    "bluesky": Rules("Bluesky", 300, lambda text: len(graphemes(text)), bytes=3_000, images=4, size=MB),
}


def of(channel: str) -> Rules:
    """The channel's rules; one that is not known takes everything."""
    return CHANNELS.get(channel) or Rules(channel)


def count(channel: str, text: str, images: int = 0) -> tuple[int, int | None]:
    """(used, limit) of a text that goes out with so many pictures; limit None: as long as one likes."""
    rules = of(channel)
    limit = rules.caption if rules.caption and images else rules.limit
    return rules.length(text), limit


def fits(channel: str, text: str, images: int = 0) -> bool:
    rules, (used, limit) = of(channel), count(channel, text, images)
    return (limit is None or used <= limit) and (rules.bytes is None or utf8(text) <= rules.bytes)


# What is posted -------------------------------------------------------------------------------------------------------

def compose(channel: str, post: Post) -> str:
    """The very text that is posted: what somebody wrote for the channel, else made of the rest so that it always fits.

    Where the whole can be read at `url`: title, summary, address. Where not: title, summary and the body itself.
    """
    rules, own, shown = of(channel), content.clean(post.own_text).strip(), len(post.images) + len(post.videos[: of(channel).videos])
    if own and not post.notes:
        return own
    text, tail = _whole(rules, post)
    if rules.limit:
        text = text[: rules.limit * 8 + 2_000]  # far more than fits: the rest need not be counted
    return _shortened(text, tail, lambda text: fits(channel, text, shown)).strip()


def parts(channel: str, post: Post, thread: bool = False) -> list[str]:
    """The texts of the posts that go out, each an answer to the one before: one, unless `thread` is wished and the text is too long."""
    if thread and not fits(channel, whole := "".join(_whole(of(channel), post)).strip()):
        found = split(channel, whole)
        if len(found) > 1:
            return found
    return [compose(channel, post)]


def split(channel: str, text: str) -> list[str]:
    """The text in as many parts as it needs, each within the channel's limit and numbered "2/3": cut between paragraphs, else
    between sentences, else between words; a word, and so a link, is never cut. Where it fits: the text alone. Where it has a word too
    long for a part, or would need more than MOST_PARTS: the text alone, shortened."""
    found: list[str] = []
    rest = content.clean(text).strip()
    if fits(channel, rest):
        return [rest]
    while rest and len(found) < MOST_PARTS and (end := _end_of_part(channel, rest)):
        found.append(rest[:end])
        rest = rest[end:].strip()
    if rest:
        return [_shortened(text[: (of(channel).limit or 0) * 8 + 2_000], "", lambda text: fits(channel, text)).strip()]
    return [f"{part}\n\n{number}/{len(found)}" for number, part in enumerate(found, 1)]


_PARAGRAPH = regex.compile(r"\s*\n\s*\n")
_SENTENCE = regex.compile(r"(?:\p{Ll}{3}|\d\d|[)”\"’%])[.!?…][”\"’)]?$")  # an abbreviation mostly has fewer small letters


def _end_of_part(channel: str, text: str) -> int:
    """Where the first part ends; 0 where not one word fits."""
    ends = [m.end() for m in islice(regex.finditer(r"\S+", text), of(channel).limit)]
    kept = bisect_right(ends, False, key=lambda end: not fits(channel, f"{text[:end]}\n\n{MOST_PARTS}/{MOST_PARTS}"))
    if not kept or ends[kept - 1] == len(text):
        return ends[kept - 1] if kept else 0
    near = ends[kept // 2: kept]  # a break further up would leave a part half empty
    paragraphs = [end for end in near if _PARAGRAPH.match(text, end)]
    return (paragraphs or [end for end in near if _SENTENCE.search(text[max(0, end - 8): end])] or near)[-1]


def _whole(rules: Rules, post: Post) -> tuple[str, str]:
    """The text, however long, and what must stand at its end."""
    notes, own = "\n".join(_allowed(rules, note) for note in post.notes), content.clean(post.own_text).strip()
    if own:
        return (f"{notes}\n\n{own}" if notes else own), ""
    title, summary = (_allowed(rules, part) for part in (post.title, post.summary))
    parts = [notes] if rules.title else [notes, title]
    if post.url:
        parts.append(summary or _allowed(rules, content.excerpt(post.body)))
    else:
        parts += [summary, _allowed(rules, _plain(post.body))]
    return "\n\n".join(part for part in parts if part), post.url and f"\n\n{post.url}"


_plain = lru_cache(maxsize=8)(content.text)  # the same body for every channel


def _allowed(rules: Rules, text: str) -> str:
    return "".join(c for c in content.clean(text).strip() if c not in rules.forbidden)


def _shortened(text: str, tail: str, fit: Callable[[str], bool]) -> str:
    """`text` and `tail`, the text cut between words (one long word: between its characters) and ended by … where it must be."""
    if fit(text + tail):
        return text + tail
    for pattern in (r"\S+", r"\X"):
        ends = [m.end() for m in regex.finditer(pattern, text)]
        kept = bisect_right(ends, False, key=lambda end: not fit(_cut(text, end) + tail))
        if kept:
            return _cut(text, ends[kept - 1]) + tail
    return tail if fit(tail) else ""


def _cut(text: str, end: int) -> str:
    return text[:end].rstrip(" ,;:.-–\n") + "…"


def taken(channel: str, images: Sequence[Any]) -> list[Any]:
    """The pictures that one post of the channel shows: the first so many."""
    most = of(channel).images
    return list(images if most is None else images[:most])


def videos_taken(channel: str, videos: Sequence[Any]) -> list[Any]:
    """The videos that one post of the channel shows: the first so many of those that it takes."""
    rules = of(channel)
    return [video for video in videos if not _video(rules, video)][: rules.videos]


# What does not fit ----------------------------------------------------------------------------------------------------

def check(channel: str, post: Post, thread: bool = False) -> list[Problem]:
    """Everything about the post that the channel would refuse (`blocks`) or change by itself. `thread`: as for `parts`."""
    rules, shown = of(channel), len(taken(channel, post.images))
    text = [problem for part in parts(channel, post, thread) for problem in _text(channel, rules, part, shown)]
    return [*_title(rules, post), *text, *_images(channel, rules, post), *_videos(channel, rules, post)]


def _title(rules: Rules, post: Post) -> list[Problem]:
    found = []
    if rules.title and len(post.title) > rules.title:
        found.append(Problem("title", N_("Judul di %(channel)s paling banyak %(limit)d huruf; sekarang %(count)d."),
                             {"channel": rules.name, "limit": rules.title, "count": len(post.title)}))
    if rules.title and any(c in post.title for c in rules.forbidden):
        found.append(Problem("title", N_("Tanda %(signs)s tidak boleh dipakai di %(channel)s."),
                             {"channel": rules.name, "signs": " ".join(rules.forbidden)}))
    return found


def _text(channel: str, rules: Rules, text: str, images: int) -> list[Problem]:
    name, (used, limit) = {"channel": rules.name}, count(channel, text, images)
    found = []
    if limit is not None and used > limit:
        message = N_("Paling banyak %(limit)d menurut hitungan %(channel)s; sekarang %(count)d.")
        if rules.caption and images:
            message = N_("Teks di bawah gambar paling banyak %(limit)d menurut hitungan %(channel)s; sekarang %(count)d.")
        found.append(Problem("text", message, {**name, "limit": limit, "count": used}))
    elif rules.bytes and utf8(text) > rules.bytes:
        found.append(Problem("text", N_("Paling banyak %(limit)d bita di %(channel)s; sekarang %(count)d."),
                             {**name, "limit": rules.bytes, "count": utf8(text)}))
    for most, what, message in ((rules.hashtags, hashtags, N_("Paling banyak %(limit)d tagar di %(channel)s; sekarang %(count)d.")),
                                (rules.mentions, mentions, N_("Paling banyak %(limit)d sebutan @ di %(channel)s; sekarang %(count)d."))):
        if most is not None and len(what(text)) > most:
            found.append(Problem("text", message, {**name, "limit": most, "count": len(what(text))}))
    if any(c in text for c in rules.forbidden):
        found.append(Problem("text", N_("Tanda %(signs)s tidak boleh dipakai di %(channel)s."),
                             {**name, "signs": " ".join(rules.forbidden)}))
    if not rules.links and _HTTP.search(text):
        found.append(Problem("text", N_("Tautan dalam teks %(channel)s tidak dapat diklik."), name, blocks=False))
    return found


def _images(channel: str, rules: Rules, post: Post) -> list[Problem]:
    name, images = {"channel": rules.name}, taken(channel, post.images)
    found = []
    if rules.needs == "image" and not post.images and not post.videos[: rules.videos]:
        found.append(Problem("images", N_("%(channel)s memerlukan sedikitnya satu gambar."), name))
    if rules.needs == "video" and not post.videos[: rules.videos]:
        found.append(Problem("images", N_("%(channel)s memerlukan video; Web Admin mengunggahnya dengan tangan."), name, blocks=False))
    if rules.images and len(post.images) > rules.images:
        found.append(Problem("images", N_("Hanya %(limit)d gambar pertama yang tampil di %(channel)s."), {**name, "limit": rules.images},
                             blocks=False))
    for image in images:
        found += [Problem("images", message, {**name, "name": image.name}, blocks=False) for message in _image(rules, image)]
    return found


def _image(rules: Rules, image: Image) -> list[str]:
    """What a machine or the channel's app mends by itself, and somebody should know: none of it stops a post."""
    found = []
    if image.media_type not in rules.formats:
        found.append(N_("%(name)s perlu diubah menjadi JPEG untuk %(channel)s."))
    if (rules.size and image.size > rules.size) or (rules.sides and image.width + image.height > rules.sides):
        found.append(N_("%(name)s terlalu besar untuk %(channel)s dan perlu diperkecil."))
    if rules.ratio and image.height and not rules.ratio[0] - 0.005 <= image.width / image.height <= rules.ratio[1] + 0.005:
        found.append(N_("%(name)s terlalu panjang sisinya dan akan dipotong di %(channel)s."))
    return found


def _videos(channel: str, rules: Rules, post: Post) -> list[Problem]:
    """What of the videos does not go out, of a channel that shows any: the post goes without them."""
    if not rules.videos:
        return []
    name, found = {"channel": rules.name}, [(video, _video(rules, video)) for video in post.videos]
    problems = [Problem("images", message, {**name, "name": video.name, "limit": (rules.video_size or 0) // MB}, blocks=False)
                for video, message in found if message]
    if sum(not message for _, message in found) > rules.videos:
        problems.append(Problem("images", N_("Hanya %(limit)d video pertama yang tampil di %(channel)s."),
                                {**name, "limit": rules.videos}, blocks=False))
    if rules.videos == 1 and rules.needs != "video" and post.images and any(not message for _, message in found):
        problems.append(Problem("images", N_("Di %(channel)s video tampil sendiri: gambar tidak ikut."), name, blocks=False))
    return problems


def _video(rules: Rules, video: Any) -> str:
    """Why the channel does not take it; "" where it does."""
    if video.media_type not in rules.video_formats:
        return N_("Video %(name)s tidak ikut di %(channel)s: jenisnya tidak diterima.")
    size = video.size if isinstance(video, Image) else len(video.content)
    if rules.video_size and size > rules.video_size:
        return N_("Video %(name)s tidak ikut di %(channel)s: paling besar %(limit)d MB.")
    return ""
