"""Changing by hand where a case stands: what is cancelled, what is started. The step itself, pure as `engine.step` is.

The instructions are Camunda 7's (process instance modification). All of them are one step: nothing moves before the
last of them, and a scope that is empty then, and was not before, ends with them. Places are named as migration plans
name them: an element's id, and `key:id` in a process that is called.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.util.task import TaskState

from bpmn.errors import N_, Conflict, Invalid
from engine import gateways, loops, state, subprocesses, tasks, waits
from engine.intents import Live, Outcome
from engine.migration_plan import Place, places, ref_of
from engine.nodes import Node, read_parameters
from engine.run import Run, Token
from engine.spec import Spec
from engine.step import NewId

CANCEL, BEFORE, AFTER, ALONG = "cancel", "startBeforeActivity", "startAfterActivity", "startTransition"
KINDS = (CANCEL, BEFORE, AFTER, ALONG)
MOST = 100  # instructions at once
BODY = "#multiInstanceBody"

NO_PLACE = N_("“%(name)s” tidak ada di diagram berkas ini.")
NO_START = N_("“%(name)s” tidak dapat dimulai dengan tangan: ia dimulai oleh yang ditunggunya.")
NOTHING_AFTER = N_("Tidak ada alur yang keluar dari “%(name)s”.")
NOT_AFTER = N_("Sesudah “%(name)s” tidak dapat dilanjutkan dengan tangan: jalannya ditentukan oleh yang ditunggunya.")
WHICH_SCOPE = N_("“%(name)s” ada di dalam “%(scope)s” yang berjalan lebih dari sekali. Pilih yang mana.")
NO_SCOPE = N_("“%(name)s” ada di dalam “%(scope)s” yang tidak sedang berjalan. Mulailah dari “%(scope)s”.")
OTHER_SCOPE = N_("“%(name)s” tidak ada di dalam kegiatan yang dipilih.")
NOT_OPEN = N_("“%(name)s” tidak sedang berjalan.")
NOTHING_LEFT = N_("Sesudah perubahan ini tidak ada lagi yang berjalan. Batalkan berkasnya bila itu maksudnya.")
ONE_AT_A_TIME = N_("“%(name)s” berulang satu per satu; giliran tidak dapat ditambah.")


@dataclass(frozen=True)
class Instruction:
    """One of KINDS. `element`: a place, of ALONG a sequence flow's. Of CANCEL, `token` (an activity instance id) instead is
    that one alone. `within` is the activity instance in which it is started, where that is not the only one."""

    kind: str
    element: str = ""
    token: str = ""
    within: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


def modify(spec: Spec, live: Live, instructions: Sequence[Instruction], now: dt.datetime, new_id: NewId) -> Outcome:
    """Do all instructions, or raise Invalid (with the element) or Conflict (it ended meanwhile): then nothing happened."""
    run = state.load(spec, live, now, new_id)
    _Modification(spec, run).go(instructions)
    run.settle()
    return run.outcome(state.dump(run))


def begin(spec: Spec, variables: Mapping[str, Any], instructions: Sequence[Instruction], now: dt.datetime, new_id: NewId,
          business_key: str = "") -> Outcome:
    """Begin a case at other places than its start."""
    run = Run(spec, Live({"k": business_key}, {}), now, new_id)
    root = Token(run, spec.root, None, TaskState.STARTED, "")
    run.set_local(root, variables)
    for event in spec.root.event_starts():
        event.wait_on(root)
    _Modification(spec, run).go(instructions)
    run.settle()
    return run.outcome(state.dump(run))


def renew(spec: Spec, live: Live, activity_instance_id: str, now: dt.datetime, new_id: NewId) -> tuple[Outcome, dict[str, Any]]:
    """Read a waiting call's input once more from the variables as they are now. Return what changed, and the job's new payload."""
    run = state.load(spec, live, now, new_id)
    token = run.find(activity_instance_id)
    node = token.task_spec
    if not isinstance(node, tasks.ExternalTask):
        raise Conflict(N_("Pekerjaan ini bukan panggilan yang gagal."))
    inputs = node.element.inputs
    own = run.store.variables.get(token.id, {})
    rest = {name: value for name, value in own.items() if name not in dict(inputs)}  # a turn's own; not what was read before
    seen = run.store.names(token.chain()[1:]).inner(rest)
    payload = read_parameters(run, inputs, seen, node.bpmn_id) if inputs else seen.merged()
    if inputs and node.element.outputs:
        run.set_local(token, payload)
    run.settle()
    return run.outcome(state.dump(run)), payload


def startable(spec: Spec) -> list[Place]:
    """Return the places before which a token can be put by hand, in the diagram's order."""
    return [place for place in places(spec).values() if not _refuses_start(place)]


def _refuses_start(place: Place) -> bool:
    if isinstance(place.inner, subprocesses.EventSubProcess | waits.Boundary):
        return True
    return isinstance(place.node, waits.StartEvent) and place.node.sub is not None


class _Modification:
    def __init__(self, spec: Spec, run: Run):
        self.spec, self.run, self.places = spec, run, places(spec)
        self.emptied: list[Token] = []

    def go(self, instructions: Sequence[Instruction]) -> None:
        if not 0 < len(instructions) <= MOST:
            raise Invalid(N_("Sebutkan 1 sampai %(most)s perubahan."), field="instructions", most=MOST)
        for each in instructions:
            do = {CANCEL: self._cancel, BEFORE: self._before, AFTER: self._after, ALONG: self._along}.get(each.kind)
            if do is None:
                raise Invalid(N_("Perubahan ini tidak dikenal."), field="type")
            do(each)
        for scope in self.emptied:
            self._close(scope)
        if not self.run.tasks[""]._children:
            raise Invalid(NOTHING_LEFT, field="instructions")

    # Cancelling ---------------------------------------------------------------------------------------------------

    def _cancel(self, of: Instruction) -> None:
        if of.token:
            gone = [self.run.find(of.token)]
        else:
            place = self._place(of)
            gone = [t for t in self.run.tasks.values() if t.id and self._ref(t) == place.ref]
            if not gone:
                raise Conflict(NOT_OPEN, element=place.ref, name=place.label)
        for token in gone:
            if token.is_live:  # not in one of those before it
                scope = token.parent
                token.cancel()
                self._one_less(scope)
                self.emptied.append(scope)

    def _one_less(self, scope: Token) -> None:
        """A parallel body has one turn less that is active."""
        if isinstance(scope.task_spec, loops.MultiInstance) and scope._children:
            self.run.set_local(scope, {"nrOfActiveInstances": len(scope._children)})

    def _close(self, scope: Token) -> None:
        while scope.is_live and scope.id and not scope._children:
            above = scope.parent
            scope.cancel()
            self._one_less(above)
            scope = above

    # Starting -----------------------------------------------------------------------------------------------------

    def _before(self, of: Instruction) -> None:
        place = self._place(of)
        if _refuses_start(place):
            raise Invalid(NO_START, element=place.ref, name=place.label)
        body = None if of.element.endswith(BODY) else self._body(place, of.within)
        if body is not None:
            self._turn(body, place, of)
            return
        scope = self._scope(place, of)
        self._put(scope, of)
        place.node.arrive(scope, _free_flow(place.node, scope))

    def _after(self, of: Instruction) -> None:
        place = self._place(of)
        node = place.node
        if isinstance(node, gateways.EventGateway):
            raise Invalid(NOT_AFTER, element=place.ref, name=place.label)
        if not node.flows:
            raise Invalid(NOTHING_AFTER, element=place.ref, name=place.label)
        scope = self._scope(place, of)
        self._put(scope, of)
        node.go_on(scope, scope)

    def _along(self, of: Instruction) -> None:
        for place in self.places.values():
            for flow in place.node.flows:
                if ref_of(self.spec.key, place.process, flow.id) == of.element:
                    scope = self._scope(place, of)
                    self._put(scope, of)
                    flow.target.arrive(scope, flow.id)
                    return
        raise self._unknown(of)

    def _body(self, place: Place, within: str) -> Token | None:
        """Return the running body to which a start of the looped activity adds a turn."""
        if not isinstance(place.node, loops.Body):
            return None
        found = [t for t in self.run.tasks.values() if t.task_spec is place.node and within in ("", t.id)]
        if len(found) > 1:
            raise Invalid(WHICH_SCOPE, element=place.ref, name=place.label, scope=place.label)
        return found[0] if found else None

    def _turn(self, body: Token, place: Place, of: Instruction) -> None:
        loop, data = place.node.loop, body.internal_data
        if loop.kind != "parallel":
            raise Invalid(ONE_AT_A_TIME, element=place.ref, name=place.label)
        if data["n"] >= loops.MAX_TURNS:
            raise Invalid(N_("Jumlah pengulangan harus bilangan bulat 0 sampai %(most)d"), element=place.ref, most=loops.MAX_TURNS)
        number = data["n"]
        data["n"] = number + 1
        if loop.output:
            data["out"].append(None)
        self.run.set_local(body, {"nrOfInstances": number + 1, "nrOfActiveInstances": len(body._children) + 1})
        place.node.begin(body, number, dict(of.variables))

    def _put(self, scope: Token, of: Instruction) -> None:
        self.run.write(scope, of.variables)

    def _scope(self, place: Place, of: Instruction) -> Token:
        """Return the scope in which a place is started: one that is open, or new ones in that."""
        nearest = self._within(place, of.within) if of.within else self._only(place)
        here = self._position(nearest)
        missing = place.scopes[place.scopes.index(here) + 1 if here else 0:]
        for ref in missing:
            around = self.places[ref]
            if not around.may_vanish:  # several turns, or an event subprocess: only what it waits for begins it
                raise Invalid(NO_SCOPE, element=place.ref, name=place.label, scope=around.label)
            nearest = self._open(nearest, around.node)
        return nearest

    def _only(self, place: Place) -> Token:
        """Return the one innermost open scope around a place."""
        for ref in reversed(place.scopes):
            around = self.places[ref]
            found = [t for t in self.run.tasks.values() if t.task_spec is around.inner]
            if len(found) > 1:
                raise Invalid(WHICH_SCOPE, element=place.ref, name=place.label, scope=around.label)
            if found:
                return found[0]
        if place.process == self.spec.key:
            return self.run.tasks[""]
        calls = [t for t in self.run.tasks.values() if _called(t) == place.process]
        if len(calls) != 1:
            raise Invalid(WHICH_SCOPE if calls else NO_SCOPE, element=place.ref, name=place.label, scope=place.process)
        return calls[0]

    def _within(self, place: Place, id: str) -> Token:
        """Return the open scope that somebody chose, if the place is in it."""
        token = self.run.tasks.get(id)
        if token is None:
            raise Conflict(N_("Kegiatan ini sudah berakhir"))
        is_around = (token.id == "" and place.process == self.spec.key) or _called(token) == place.process or (
            isinstance(token.task_spec, subprocesses.SubProcess) and self._ref(token) in place.scopes)
        if not is_around:
            raise Invalid(OTHER_SCOPE, element=place.ref, name=place.label)
        return token

    def _open(self, above: Token, node: Node) -> Token:
        """Begin a subprocess with nothing in it yet."""
        new = above._add_child(node, TaskState.STARTED)
        node.enter(new)
        node.listen(new)
        for event in node.starts.values():
            event.wait_on(new)
        return new

    # Names --------------------------------------------------------------------------------------------------------

    def _place(self, of: Instruction) -> Place:
        place = self.places.get(of.element.removesuffix(BODY))
        if place is None:
            raise self._unknown(of)
        return place

    def _unknown(self, of: Instruction) -> Invalid:
        return Invalid(NO_PLACE, element=of.element, name=of.element)

    def _ref(self, token: Token) -> str:
        return ref_of(self.spec.key, self._process(token), token.task_spec.bpmn_id)

    def _process(self, token: Token) -> str:
        """Return the key of the process in which a token stands."""
        while token._parent is not None:
            token = token.parent
            if _called(token):
                return _called(token)
        return self.spec.key

    def _position(self, scope: Token) -> str:
        """Return the place of the scope itself; '' for a process, called or not."""
        return "" if scope._parent is None or _called(scope) else self._ref(scope)


def _called(token: Token) -> str:
    return token.task_spec.called.bpmn_id if isinstance(token.task_spec, subprocesses.CallActivity) else ""


def _free_flow(node: Node, scope: Token) -> str | None:
    """Return the flow by which a token is taken to have come to a join: the first on which none waits."""
    if not isinstance(node, gateways.Join) or len(node.incoming) < 2:
        return None
    waiting = node.waiting(scope)
    return next((flow for flow in node.incoming if flow not in waiting), node.incoming[0])
