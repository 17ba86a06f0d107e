"""Trial runs: the real step without a case, time that is moved, calls that only show themselves, and steps that mean harm."""

import datetime as dt
import json
import pathlib

import pytest

from bpmn.errors import Invalid, worded
from engine import rehearsal, trials
from engine.working_time import WorkingCalendar
from tests.engine.drive import diagram, extension, io

NOW = dt.datetime(2026, 3, 2, 1, tzinfo=dt.timezone.utc)  # Monday 08:00 in Jakarta
SOP = {p.name: p.read_bytes() for p in pathlib.Path("bpmn/models/penerbitan-informasi").iterdir()}
TEXT = {"judul": "Rapat pleno terbuka", "ringkasan": "Ringkas.", "isi": "Isi lengkap.", "gambar": [], "lampiran": []}
CONTENT = {"jenis": "pengumuman", "klasifikasi": "berkala", **TEXT}
TO_DECIDE = [
    {"do": "start", "at": NOW.isoformat()},
    {"do": "complete", "task": "tugaskan", "variables": {"perihal": "Rapat", "kanal": ["website", "facebook"]}},
    {"do": "complete", "task": "perintahkan", "variables": {"penulis": None}},
    {"do": "complete", "task": "siapkan", "variables": CONTENT},
    {"do": "complete", "task": "periksa", "variables": CONTENT},
]
SENT_BACK = [*TO_DECIDE, {"do": "complete", "task": "putuskan", "variables": {"keputusan": "tidak", "catatan": "Perbaiki."}}]
APPROVED = [
    *SENT_BACK, {"do": "complete", "task": "periksa", "variables": CONTENT},
    {"do": "complete", "task": "putuskan", "variables": {"keputusan": "sesuai"}},
    {"do": "complete", "task": "serahkan", "variables": {}},
    {"do": "complete", "task": "terbitkan", "variables": {"terbit_pada": "2026-03-02T15:00:00+07:00"}},
]


def play(steps, resources=SOP, **rest):
    return trials.run(resources, steps, NOW, WorkingCalendar(), **rest)


def one(body, steps, **rest):
    return play([{"do": "start"}, *steps], {"p.bpmn": diagram(body, **rest)})


def words(trial):
    return [worded(e.message, e.params, str) for e in trial.log]


def test_nothing_done_yet_is_a_trial_that_has_not_begun():
    trial = play([])
    assert (trial.started, trial.tasks, trial.now) == (False, [], NOW)


def test_tidak_leads_back_and_the_second_round_goes_on():
    back = play(SENT_BACK)
    assert [t.element for t in back.tasks] == ["periksa"]
    assert back.tokens == [{"activity_id": "periksa", "count": 1}]
    assert ("sesuai", "periksa") in back.pairs
    assert back.seen[-2:] == [["putuskan"], ["periksa"]]
    assert play(APPROVED[:8]).tasks[0].element == "serahkan"


def test_a_task_has_its_people_its_form_and_its_due_time_in_working_hours():
    (task,) = play(TO_DECIDE).tasks
    assert (task.groups, task.form_key, task.variables["judul"]) == (("ketua-divisi",), "putuskan", "Rapat pleno terbuka")
    assert task.due_at == NOW + dt.timedelta(hours=1)


def test_time_moved_forward_lets_the_timer_fire_and_shows_what_each_channel_would_get():
    waiting = play(APPROVED)
    assert [(t.element, t.due_at) for t in waiting.timers] == [("tunggu_jadwal", dt.datetime(2026, 3, 2, 8, tzinfo=dt.timezone.utc))]
    after = play([*APPROVED, {"do": "time", "next": True}])
    assert after.now == waiting.timers[0].due_at and not after.timers
    assert [(j.element, j.number, j.topic, j.payload["kanal"]) for j in after.jobs] == [
        ("publikasi", 0, "publikasi", "website"), ("publikasi", 1, "publikasi", "facebook")]
    assert play([*APPROVED, {"do": "time", "working": 30}]).timers, "half an hour of work is not enough"
    assert not play([*APPROVED, {"do": "time", "to": "2026-03-02T20:00:00+07:00"}]).timers


def test_to_the_end_with_a_channel_that_fails_and_a_person_who_takes_over():
    trial = play([
        *APPROVED, {"do": "time", "next": True},
        {"do": "job", "element": "publikasi", "number": 1, "outcome": "permanent", "error": "Token tidak berlaku."},
        {"do": "job", "element": "publikasi", "outcome": "success", "result": {"url": "https://contoh.go.id/a"}},
        {"do": "complete", "task": "terbitkan_manual", "variables": {"tautan": "https://facebook.com/a"}},
        {"do": "job", "element": "dokumentasikan", "outcome": "success"}])
    assert trial.error is None
    assert trial.ended and trial.ends == ["selesai"] and not trial.tasks and not trial.jobs
    assert "“Publikasi” gagal: Token tidak berlaku." in words(trial)
    assert words(trial)[-1] == "Berkas selesai."


def test_a_failure_for_a_while_is_tried_again_until_patience_ends():
    begun, fail = [*APPROVED, {"do": "time", "next": True}], {"do": "job", "element": "publikasi", "number": 0, "outcome": "temporary"}
    once = play([*begun, fail])
    assert (once.jobs[0].attempts, once.jobs[0].incident, once.error) == (1, False, None)
    last = play([*begun, *[fail] * 5])
    assert [t.element for t in last.tasks] == ["terbitkan_manual"], "the diagram caught it"


def test_a_failure_that_nothing_catches_is_an_incident():
    body = '<startEvent id="s"/><endEvent id="e"/>\n<serviceTask id="a" name="Kirim" camunda:type="external" camunda:topic="pos"/>\ns -> a -> e'
    for outcome in ("permanent", "unknown"):
        trial = one(body, [{"do": "job", "element": "a", "outcome": outcome, "error": "Ditolak."}])
        assert [(j.incident, j.error) for j in trial.jobs] == [(True, "Ditolak.")]
    again = one(body, [{"do": "job", "element": "a", "outcome": "permanent"}, {"do": "job", "element": "a", "outcome": "success"}])
    assert again.ended, "an admin who tries it again"


def test_messages_come_when_they_are_let_come_and_those_thrown_inside_by_themselves():
    top = '<message id="m" name="kabar"/>'
    catch = '<intermediateCatchEvent id="c"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
    trial = one(f'<startEvent id="s"/><endEvent id="e"/>\n{catch}\ns -> c -> e', [], top=top)
    assert [(w.element, w.kind, w.name) for w in trial.waits] == [("c", "message", "kabar")]
    came = one(f'<startEvent id="s"/><endEvent id="e"/>\n{catch}\ns -> c -> e',
               [{"do": "message", "element": "c", "variables": {"isi": 1}}], top=top)
    assert came.ended and came.variables == {"isi": 1}
    both = (f'<startEvent id="s"/><endEvent id="e"/>\n{catch}<parallelGateway id="g"/><userTask id="u"/>'
            '<intermediateThrowEvent id="t"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>\n'
            "s -> g -> c -> e\ng -> u -> t -> e")
    assert one(both, [{"do": "complete", "task": "u"}], top=top).ended


def test_a_cycle_at_the_border_fires_as_often_as_time_is_moved():
    timer = '<timerEventDefinition><timeCycle>R3/PT1H</timeCycle></timerEventDefinition>'
    body = (f'<startEvent id="s"/><endEvent id="e"/>\n<userTask id="a"/><boundaryEvent id="b" attachedToRef="a" cancelActivity="false">'
            f'{timer}</boundaryEvent><userTask id="u"/>\ns -> a -> e\nb -> u -> e')
    assert len(one(body, [{"do": "time", "to": (NOW + dt.timedelta(hours=2)).isoformat()}]).tasks) == 3
    assert len(one(body, [{"do": "time", "to": (NOW + dt.timedelta(days=2)).isoformat()}]).tasks) == 4
    pick = one(body, [{"do": "time", "to": (NOW + dt.timedelta(hours=2)).isoformat()}, {"do": "complete", "task": "u", "number": 1}])
    assert sorted((t.element, t.number) for t in pick.tasks) == [("a", 0), ("u", 0)]


def test_an_expression_that_fails_is_told_with_its_element_and_nothing_has_happened():
    script = "<scriptTask id='r'><script>hasil = 1 / nol</script></scriptTask>"
    body = f'<startEvent id="s"/><endEvent id="e"/>\n<userTask id="a"/>{script}\ns -> a -> r -> e'
    trial = one(body, [{"do": "complete", "task": "a", "variables": {"nol": 0}}, {"do": "complete", "task": "a"}])
    assert (trial.error.step, trial.error.element) == (1, "r")
    assert "pembagian dengan nol" in str(trial.error.reason)
    assert [t.element for t in trial.tasks] == ["a"] and trial.variables == {}


@pytest.mark.parametrize("step, said", [
    ({"do": "complete", "task": "periksa"}, "Tugas “Memeriksa bahan informasi” tidak sedang terbuka."),
    ({"do": "complete", "task": "tugaskan", "number": 4}, "Tugas “Menugaskan Kasubbag” tidak sedang terbuka."),
    ({"do": "complete", "task": "tak-ada"}, "Tugas “tak-ada” tidak sedang terbuka."), ({"do": "start"}, "Percobaan ini sudah dimulai."),
    ({"do": "time", "next": True}, "Tidak ada pewaktu yang ditunggu."), ({"do": "job", "element": "publikasi"}, "“Publikasi” tidak sedang menunggu."),
    ({"do": "message", "element": "x"}, "“x” tidak sedang menunggu."),
    ({"do": "time", "to": "2020-01-01T00:00:00+00:00"}, "Waktu hanya dapat dimajukan, dan tidak terlalu jauh."),
    ({"do": "time", "to": "8999-01-01T00:00:00+00:00"}, "Waktu hanya dapat dimajukan, dan tidak terlalu jauh."),
])
def test_what_cannot_be_done_is_said(step, said):
    trial = play([{"do": "start"}, step])
    assert trial.error.step == 1 and worded(trial.error.reason.message, trial.error.reason.params, str) == said


@pytest.mark.parametrize("steps", [
    None, "x", {}, [1], [{}], [{"do": "x"}], [{"do": "start", "x": 1}], [{"do": "start", "variables": []}], [{"do": "start", "at": "kemarin"}],
    [{"do": "start", "at": "2026-01-01T00:00:00"}], [{"do": "start", "variables": {"a": float("nan")}}], [{"do": "start", "variables": {"": 1}}],
    [{"do": "complete", "task": 5}], [{"do": "complete", "task": "x\0"}], [{"do": "complete", "task": "a", "number": -1}],
    [{"do": "complete", "task": "a", "number": True}], [{"do": "time", "working": 10 ** 9}], [{"do": "job", "element": "a", "outcome": "x"}],
    [{"do": "start"}] * (trials.MOST_STEPS + 1), [{"do": "start", "event": "x" * 3000}],
    [{"do": "complete", "task": "a", "variables": json.loads("[" * 200 + "]" * 200)}], [{"do": ["start"]}],
])
def test_steps_that_are_none_are_refused(steps):
    with pytest.raises(Invalid):
        play(steps)


def test_a_round_without_end_is_stopped():
    body = ('<startEvent id="s"/><exclusiveGateway id="m"/><exclusiveGateway id="x" default="d"/><task id="t"/><endEvent id="e"/>\n'
            's -> m -> t -> x\nx -> e : ${1 == 2}\n<sequenceFlow id="d" sourceRef="x" targetRef="m"/>')
    assert "berputar tanpa henti" in str(one(body, []).error.reason)


def test_what_cannot_run_is_refused_with_its_problems():
    with pytest.raises(Invalid) as refused:
        play([], {"p.bpmn": diagram('<startEvent id="s"/>\n<serviceTask id="a"/>\ns -> a')})
    assert [p.where["element"] for p in refused.value.problems] == ["a"]


def test_a_called_process_is_tried_with_it():
    called = {"dipanggil": {"q.bpmn": diagram('<startEvent id="s"/><userTask id="di_dalam"/>\ns -> di_dalam', key="dipanggil")}}
    body = {"p.bpmn": diagram('<startEvent id="s"/><callActivity id="c" calledElement="dipanggil"/><endEvent id="e"/>\ns -> c -> e')}
    trial = play([{"do": "start"}], body, called=called)
    assert [t.element for t in trial.tasks] == ["di_dalam"]
    assert play([{"do": "start"}, {"do": "complete", "task": "di_dalam"}], body, called=called).ended


def test_the_same_steps_always_give_the_same():
    assert play(APPROVED) == play(APPROVED)


# What a call would send -----------------------------------------------------------------------------------------------

CHANNELS = {"website": ("Website", "site"), "facebook": ("Facebook", "manual"), "x": ("X", "wordpress")}


def sent(**changed):
    job = play([*APPROVED, {"do": "time", "next": True}]).jobs[0]
    return rehearsal.would_send(job.topic, {**job.payload, **changed}, CHANNELS)


def test_a_publication_shows_the_very_words_and_whether_a_machine_does_it():
    shown = sent()
    assert (shown.params, shown.text, shown.by_hand, shown.refused) == ({"channel": "Website"}, "Isi lengkap.", False, None)
    by_hand = sent(kanal="facebook")
    assert by_hand.by_hand and "Rapat pleno terbuka" in by_hand.text and "Isi lengkap." in by_hand.text


def test_what_terbit_itself_would_refuse_is_said():
    assert "berbeda dari yang disetujui" in str(sent(isi="Lain.").refused)
    assert "dikecualikan" in str(sent(klasifikasi="dikecualikan").refused)


def test_a_topic_of_others_shows_what_it_is_given():
    body = (f'<startEvent id="s"/><serviceTask id="a" camunda:type="external" camunda:topic="pos">{extension(io({"kepada": "${1 + 1}"}))}'
            "</serviceTask>\ns -> a")
    (job,) = one(body, []).jobs
    assert rehearsal.would_send(job.topic, job.payload, CHANNELS).facts == [("kepada", "2")]
