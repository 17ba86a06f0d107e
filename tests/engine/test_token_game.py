"""The engine, bounded as it runs and through JSON between its steps, against the token game, over random diagrams."""

import datetime as dt
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import spec, step
from engine.ids import source
from engine.intents import Entered, Left, Live
from tests.engine.diagrams import Diagram, Tangle
from tests.engine.token_game import Game

NOW = dt.datetime(2026, 1, 5, 1, tzinfo=dt.timezone.utc)
SEEDS, CHUNK, STEPS = 2_000, 50, 60


class Play:
    """The engine played as production plays it: state and variables go through JSON, activities are known by their intents."""

    def __init__(self, diagram: bytes, variables: dict):
        self.spec, self.new_id = spec.compile({"p.bpmn": diagram}), source(NOW)
        self.paths: dict[str, tuple] = {"": ()}
        self.ordinals: dict[tuple, int] = {}
        self.open: set[str] = set()
        self.ended = False
        self.take(step.start(self.spec, variables, NOW, self.new_id))

    def take(self, outcome):
        for intent in outcome.intents:
            if isinstance(intent, Entered):
                assert intent.id not in self.paths, "an id is entered once"
                key = (intent.scope_id or "", intent.activity_id)
                ordinal = self.ordinals[key] = self.ordinals.get(key, -1) + 1
                self.paths[intent.id] = (*self.paths[intent.scope_id or ""], (intent.activity_id, intent.loop_counter, ordinal))
                self.open.add(intent.id)
            elif isinstance(intent, Left):
                assert intent.id in self.open, "what left was there, and leaves once"
                self.open.remove(intent.id)
        self.ended = outcome.ended
        self.live = Live(json.loads(json.dumps(outcome.live.state)), json.loads(json.dumps(outcome.live.variables)))
        held = {t["i"] for t in self.live.state.get("t", ())} - {""}
        assert held == self.open, "the state holds what was entered and did not leave, and nothing else"
        assert set(self.live.variables) <= held | {""}, "the variables of what is over are gone"

    def tasks(self):
        types = {t["i"]: t["e"] for t in self.live.state.get("t", ())}
        return {self.paths[i]: i for i in step.open_activities(self.live) if types[i].startswith("t")}

    def waits(self):
        return {(self.paths[t["i"]], w["e"]): w["i"] for t in self.live.state.get("t", ()) for w in t.get("w", ())}

    def complete(self, path, variables):
        self.take(step.complete(self.spec, self.live, self.tasks()[path], variables, NOW, self.new_id))

    def occur(self, path, event):
        self.take(step.trigger(self.spec, self.live, self.waits()[path, event], NOW, self.new_id))


def turn(rnd: random.Random, game, engine, variables: dict, tasks: list, waits: list) -> None:
    """Let the same happen in both: something awaited, or the completion of a task with variables drawn anew."""
    if waits and (not tasks or rnd.random() < 0.15):
        chosen = rnd.choice(waits)
        game.occur(*chosen)
        engine.occur(*chosen)
        return
    variables["pick"] = rnd.randint(0, 5)
    for name in variables:
        if name.startswith("again_") and rnd.random() < 0.4:
            variables[name] -= 1
    chosen = rnd.choice(tasks)
    game.complete(chosen, variables)
    engine.complete(chosen, dict(variables))


def play(seed: int, depth: int = 3, kind: type[Diagram] = Diagram) -> int:
    """Play one random diagram in both; return how many steps it took."""
    rnd = random.Random(seed)
    diagram = kind(rnd, depth)
    xml = diagram.build()
    variables = {"pick": rnd.randint(0, 5), **{f"again_{g}": 2 for g in diagram.loops}}
    game, engine = Game(xml, variables), Play(xml, variables)
    for count in range(STEPS):
        assert sorted(game.open_tasks(), key=str) == sorted(engine.tasks(), key=str), f"seed {seed}, after {count} steps"
        assert sorted(game.waits(), key=str) == sorted(engine.waits(), key=str), f"seed {seed}, after {count} steps"
        assert game.ended == engine.ended, f"seed {seed}, after {count} steps"
        tasks, waits = sorted(game.open_tasks(), key=str), sorted(game.waits(), key=str)
        if not tasks and not waits:
            return count
        turn(rnd, game, engine, variables, tasks, waits)
    return STEPS


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_same_tasks_are_open_as_in_the_token_game(first):
    for seed in range(first, first + CHUNK):
        play(seed)


@pytest.mark.parametrize("first", range(0, 500, CHUNK))
def test_a_tangle_of_gateways_does_what_the_token_game_does(first):
    for seed in range(first, first + CHUNK):
        play(seed, kind=Tangle)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(10_000, 2**32), depth=st.integers(1, 4))
def test_whatever_diagram_it_is(seed, depth):
    play(seed, depth)
