"""A case whose tokens were moved by hand, at any moment, goes on as the token game does from the same marking."""

import copy
import random

import pytest

from bpmn.errors import Conflict, Invalid
from engine import modification
from engine.intents import Live
from engine.modification import ALONG, BEFORE, CANCEL, Instruction
from tests.engine.diagrams import Diagram, Tangle
from tests.engine.test_token_game import NOW, STEPS, Play, turn
from tests.engine.token_game import Game, kind

BODY = "#multiInstanceBody"


class Mended(Play):
    def modify(self, instructions):
        before = copy.deepcopy((self.live.state, self.live.variables))
        try:
            outcome = modification.modify(self.spec, self.live, instructions, NOW, self.new_id)
        finally:
            assert (self.live.state, self.live.variables) == before, "what it began with is untouched"
        self.take(outcome)

    def id_of(self, path):
        return next(i for i, p in self.paths.items() if p == path and (not i or i in self.open))


def changed(game: Game, engine: Mended, rnd: random.Random) -> list[Instruction]:
    """Do up to three changes in the game, without letting it move, and return what the engine is told of them."""
    found = []
    for _ in range(rnd.randint(1, 3)):
        if rnd.random() < 0.4:
            chosen = [i for i in game.everything() if not (i.parent.name.endswith(BODY))]
            if not chosen:
                continue
            gone = rnd.choice(chosen)
            found.append(Instruction(CANCEL, token=engine.id_of(gone.path)))
            cancel(gone)
        else:
            scope = rnd.choice([i for i in [game.root, *game.everything()] if i.level is not None])
            where = engine.id_of(scope.path)
            flow = rnd.choice([f for f in sorted(scope.level.flows)  # the game knows catch events behind their gateway only
                               if kind(scope.level.nodes[scope.level.target(f)]) != "intermediateCatchEvent"])
            if rnd.random() < 0.3:
                found.append(Instruction(ALONG, flow, within=where))
            else:
                name = scope.level.target(flow)
                several = any(c.tag.endswith("LoopCharacteristics") for c in scope.level.nodes[name])
                found.append(Instruction(BEFORE, name + BODY if several else name, within=where))
                if kind(scope.level.nodes[name]) in ("parallelGateway", "inclusiveGateway"):
                    into = scope.level.into[name]
                    flow = next((f for f in into if not scope.tokens[f]), into[0])
            scope.tokens[flow] += 1
    return found


def cancel(instance) -> None:
    above = instance.parent
    instance.kill()
    while above.parent is not None and not above.inside and not sum(above.tokens.values()):
        instance, above = above, above.parent
        instance.kill()


def play(seed: int, make: type[Diagram] = Diagram) -> tuple[int, int]:
    """Play one random diagram in both and change it by hand now and then. Return how often it was changed, and refused."""
    rnd = random.Random(seed)
    diagram = make(rnd, 3)
    xml = diagram.build()
    variables = {"pick": rnd.randint(0, 5), **{f"again_{g}": 2 for g in diagram.loops}}
    game, engine, done, refused = Game(xml, variables), Mended(xml, variables), 0, 0
    for count in range(STEPS):
        where = f"seed {seed}, after {count} steps"
        assert sorted(game.open_tasks(), key=str) == sorted(engine.tasks(), key=str), where
        assert sorted(game.waits(), key=str) == sorted(engine.waits(), key=str), where
        assert game.ended == engine.ended, where
        tasks, waits = sorted(game.open_tasks(), key=str), sorted(game.waits(), key=str)
        if not tasks and not waits:
            break
        if rnd.random() < 0.25:
            told = changed(game, engine, rnd)
            if not told:
                continue
            if game.root.inside or sum(game.root.tokens.values()):
                game.play()
                engine.modify(told)
                done += 1
                continue
            with pytest.raises((Invalid, Conflict)):  # nothing would be left
                engine.modify(told)
            return done, refused + 1
        turn(rnd, game, engine, variables, tasks, waits)
    return done, refused


@pytest.mark.parametrize("make", [Diagram, Tangle])
def test_what_was_moved_by_hand_goes_on_as_the_token_game_says(make):
    counts = [play(seed, make) for seed in range(300)]
    assert sum(done for done, _ in counts) > 200 and sum(refused for _, refused in counts) > 3


def test_what_is_refused_changes_nothing():
    diagram = Diagram(random.Random(7), 3)
    engine = Mended(diagram.build(), {"pick": 1, **{f"again_{g}": 2 for g in diagram.loops}})
    before = Live(engine.live.state, engine.live.variables)
    for told in ([Instruction(CANCEL, token=i) for i in engine.open], [Instruction(BEFORE, "nowhere")], [Instruction("sing", "p")], []):
        with pytest.raises((Invalid, Conflict)):
            engine.modify(told)
        assert engine.live == before
