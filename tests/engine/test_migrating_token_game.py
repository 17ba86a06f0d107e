"""A case brought, at any moment, to a copy of its diagram in which every id is another goes on as the token game says."""

import json
import random
import re

import pytest

from bpmn.errors import Invalid
from engine import migrating, spec, step
from engine.ids import source as ids
from engine.intents import Dropped, Entered, JobWanted, Left, Live, Outcome, SubscriptionWanted
from engine.migration_plan import Plan, check, places, propose
from tests.engine.diagrams import Diagram, Tangle
from tests.engine.test_token_game import NOW, STEPS, Play, turn
from tests.engine.token_game import Game

IDS = re.compile(r'\b(id|sourceRef|targetRef|default|attachedToRef)="(?!d"|p"|m_|err)(\w+)"')


def renamed(xml: bytes) -> bytes:
    """The same diagram with other ids of nodes and flows."""
    return IDS.sub(r'\1="\2z"', xml.decode()).encode()


class Mover(Play):
    """The engine, as it is played; `move` brings the case to the renamed copy, where names are told without the `z`."""

    moved = False

    def take(self, outcome):
        if self.moved:
            outcome = type(outcome)(outcome.live, tuple(
                Entered(i.id, plain(i.activity_id), i.name, i.type, i.scope_id, i.loop_counter, i.task) if isinstance(i, Entered) else i
                for i in outcome.intents), outcome.changed, outcome.ended)
        super().take(outcome)

    def waits(self):
        return {(path, plain(event)): id for (path, event), id in super().waits().items()}

    def move(self, xml: bytes) -> None:
        target = spec.compile({"p.bpmn": renamed(xml)})
        plan = Plan({ref: f"{ref}z" for ref in places(self.spec)})
        assert [f for f in check(plan, self.spec, target) if f.severity == "error"] == []
        done = migrating.migrate(self.spec, target, self.live, plan, NOW, self.new_id)
        assert not done.outcome.intents and not done.goes_on, "nothing happens to what is only named otherwise"
        assert {m.id for m in done.moved} == self.open
        assert {k.id for k in done.kept} == {w["i"] for t in self.live.state.get("t", ()) for w in t.get("w", ())}
        before, after = self.live, done.outcome.live
        assert after.variables == before.variables
        assert [t["i"] for t in after.state["t"]] == [t["i"] for t in before.state["t"]], "every token keeps its id and place"
        self.spec, self.moved = target, True
        self.live = Live(json.loads(json.dumps(after.state)), json.loads(json.dumps(after.variables)))


def plain(name: str) -> str:
    return name.replace("z#", "#").removesuffix("z")


def play(seed: int, kind: type[Diagram] = Diagram, depth: int = 3) -> bool:
    """Play one random diagram in both, moving the case at a random step. Tell whether it was moved."""
    rnd = random.Random(seed)
    diagram = kind(rnd, depth)
    xml = diagram.build()
    variables = {"pick": rnd.randint(0, 5), **{f"again_{g}": 2 for g in diagram.loops}}
    game, engine, when = Game(xml, variables), Mover(xml, variables), rnd.choice([0, 1, 2, 3, 5, 8])
    for count in range(STEPS):
        assert sorted(game.open_tasks(), key=str) == sorted(engine.tasks(), key=str), f"seed {seed}, after {count} steps"
        assert sorted(game.waits(), key=str) == sorted(engine.waits(), key=str), f"seed {seed}, after {count} steps"
        assert game.ended == engine.ended, f"seed {seed}, after {count} steps"
        tasks, waits = sorted(game.open_tasks(), key=str), sorted(game.waits(), key=str)
        if not tasks and not waits:
            return engine.moved
        if count == when:
            engine.move(xml)
        turn(rnd, game, engine, variables, tasks, waits)
    return engine.moved


@pytest.mark.parametrize("kind", [Diagram, Tangle])
def test_a_case_goes_on_in_a_renamed_copy_as_in_its_own_version(kind):
    moved = sum(play(seed, kind) for seed in range(300))
    assert moved > 120, "most of them were still running when their moment came"


@pytest.mark.parametrize("seed", range(0, 60))
def test_what_kept_its_ids_is_proposed_whole(seed):
    xml = Diagram(random.Random(seed)).build()
    source, target = spec.compile({"p.bpmn": xml}), spec.compile({"p.bpmn": xml + b"\n"})
    found = propose(source, target)
    assert found.plan.activities == {ref: ref for ref, place in places(source).items() if place.waits}
    assert not found.guesses and not check(found.plan, source, target)




# To another version altogether ----------------------------------------------------------------------------------------

def edited(xml: bytes, rnd: random.Random) -> bytes:
    """The diagram with a task put into one of its flows, or a task or gateway's worth of ids changed."""
    text = xml.decode()
    if rnd.random() < 0.6:
        flow = rnd.choice(re.findall(r'<sequenceFlow id="(\w+)" sourceRef="[^g]\w+" targetRef="\w+">', text))
        return re.sub(rf'(<sequenceFlow id="{flow}" sourceRef="\w+" targetRef=)"(\w+)">(.*?)</sequenceFlow>',
                      r'\1"new">\3</sequenceFlow><userTask id="new"/><sequenceFlow id="after_new" sourceRef="new" targetRef="\2"/>',
                      text).encode()
    name = rnd.choice(re.findall(r'id="([tz]\d+)"', text))
    return re.sub(rf'"{name}"', f'"{name}other"', text).encode()


def held(live: Live) -> set[str]:
    return {t["i"] for t in live.state.get("t", ())} - {""}


def waited(live: Live) -> set[str]:
    return {w["i"] for t in live.state.get("t", ()) for w in t.get("w", ()) if w["k"] != "conditional"}


def check_books(before: Live, done: migrating.Migrated) -> None:
    """What the rows will say is what the state says."""
    of = {kind: {i.id for i in done.outcome.intents if isinstance(i, kind)} for kind in (Entered, Left, JobWanted, SubscriptionWanted, Dropped)}
    assert {m.id for m in done.moved} <= held(before)
    assert held(done.outcome.live) == (held(before) | of[Entered]) - of[Left]
    assert {m.id for m in done.moved} | of[Left] >= held(before), "every row that is open is moved or ended"
    wanted = of[JobWanted] | of[SubscriptionWanted]
    assert waited(done.outcome.live) == (waited(before) | wanted) - of[Dropped]
    assert waited(before) - of[Dropped] <= {k.id for k in done.kept}


def play_on(target: spec.Spec, outcome: Outcome, variables: dict, rnd: random.Random, new_id) -> None:
    """Complete whatever is open until the end, or for a while: nothing may break."""
    for _ in range(40):
        live = Live(json.loads(json.dumps(outcome.live.state)), json.loads(json.dumps(outcome.live.variables)))
        tasks = sorted(i for i, e in step.open_elements(live).items() if e.startswith(("t", "new")))
        if outcome.ended or not tasks:
            return
        values = {**variables, "pick": rnd.randint(0, 5), **{name: rnd.randint(-1, 1) for name in variables if name != "pick"}}
        outcome = step.complete(target, live, rnd.choice(tasks), values, NOW, new_id)


def migrated(seed: int, xml: bytes, other: bytes, loops: list[str]) -> bool:
    rnd = random.Random(seed)
    variables = {"pick": rnd.randint(0, 5), **{f"again_{g}": 2 for g in loops}}
    source, target, new_id = spec.compile({"p.bpmn": xml}), spec.compile({"p.bpmn": other}), ids(NOW)
    plan = propose(source, target).plan
    assert not [f for f in check(plan, source, target) if f.severity == "error"]
    outcome = step.start(source, variables, NOW, new_id)
    for _ in range(rnd.randint(0, 6)):
        tasks = sorted(i for i, e in step.open_elements(outcome.live).items() if e.startswith("t"))
        if tasks:
            outcome = step.complete(source, outcome.live, rnd.choice(tasks), {**variables, "pick": rnd.randint(0, 5)}, NOW, new_id)
    if outcome.ended:
        return False
    try:
        done = migrating.migrate(source, target, outcome.live, plan, NOW, new_id)
    except Invalid as refused:
        assert refused.where.get("element"), "a refusal says where"
        return False
    check_books(outcome.live, done)
    play_on(target, done.outcome, variables, rnd, new_id)
    return True


def test_an_edited_version_takes_the_case_or_says_why_not():
    count = 0
    for seed in range(300):
        rnd = random.Random(seed)
        diagram = Diagram(rnd)
        xml = diagram.build()
        count += migrated(seed, xml, edited(xml, rnd), diagram.loops)
    assert count > 150, "most edits let most cases through"


def test_a_version_that_has_nothing_in_common_breaks_nothing():
    count = 0
    for seed in range(300):
        one, other = Diagram(random.Random(seed)), Diagram(random.Random(seed + 1_000))
        count += migrated(seed, one.build(), other.build(), one.loops + other.loops)
    assert count > 10
