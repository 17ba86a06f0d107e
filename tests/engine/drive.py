"""A case driven through the step alone, its state through JSON each time, as production does."""

import datetime as dt
import itertools
import json

from engine import spec, step
from engine.ids import source
from engine.intents import Dropped, Entered, JobWanted, Left, Live, SubscriptionWanted, Thrown

NOW = dt.datetime(2026, 1, 5, 1, tzinfo=dt.timezone.utc)
NS = ('xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
      'xmlns:camunda="http://camunda.org/schema/1.0/bpmn"')


def diagram(body: str, top: str = "", key: str = "p", attributes: str = "") -> bytes:
    """A file with one process; `a -> b` lines in the body are flows, `a -> b : condition` conditional ones."""
    lines = []
    for number, line in enumerate(body.strip().splitlines()):
        flow, _, condition = line.partition(" : ")
        if "->" in flow and "<" not in flow:
            chain = [part.strip() for part in flow.split("->")]
            expression = f'<conditionExpression xsi:type="tFormalExpression"><![CDATA[{condition}]]></conditionExpression>'
            inner = expression if condition else ""
            for i, (a, b) in enumerate(itertools.pairwise(chain)):
                ident = f"f{number}_{i}"
                lines.append(f'<sequenceFlow id="{ident}" sourceRef="{a}" targetRef="{b}">{inner}</sequenceFlow>')
        else:
            lines.append(line)
    return (f'<definitions {NS} id="d" targetNamespace="t">{top}<process id="{key}" isExecutable="true" {attributes}>'
            f'{chr(10).join(lines)}</process></definitions>').encode()


def extension(*content: str) -> str:
    return f"<extensionElements>{''.join(content)}</extensionElements>"


def io(inputs: dict | None = None, outputs: dict | None = None) -> str:
    given = "".join(f'<camunda:inputParameter name="{k}"><![CDATA[{v}]]></camunda:inputParameter>' for k, v in (inputs or {}).items())
    back = "".join(f'<camunda:outputParameter name="{k}"><![CDATA[{v}]]></camunda:outputParameter>' for k, v in (outputs or {}).items())
    return f"<camunda:inputOutput>{given}{back}</camunda:inputOutput>"


class Case:
    """What happened is in `entered`, `left`, `thrown`; what is owed in `jobs` and `subscriptions`, by id."""

    def __init__(self, body, variables=None, *, top="", files=None, called=None, start_event=None, attributes=""):
        resources = {"p.bpmn": body if isinstance(body, bytes) else diagram(body, top, attributes=attributes), **(files or {})}
        self.spec, self.now = spec.compile(resources, called), NOW
        self.new_id = source(NOW)
        self.entered, self.left, self.jobs, self.subscriptions = {}, {}, {}, {}
        self.thrown, self.changed, self.ended = [], [], False
        self.take(step.start(self.spec, variables or {}, NOW, self.new_id, business_key="INF-1", start_event=start_event))

    def take(self, outcome):
        for intent in outcome.intents:
            if isinstance(intent, Entered):
                self.entered[intent.id] = intent
            elif isinstance(intent, Left):
                assert intent.id in self.entered and intent.id not in self.left
                self.left[intent.id] = intent
            elif isinstance(intent, JobWanted):
                self.jobs[intent.id] = intent
            elif isinstance(intent, SubscriptionWanted):
                self.subscriptions[intent.id] = intent
            elif isinstance(intent, Dropped):
                assert (self.jobs.pop(intent.id, None) or self.subscriptions.pop(intent.id, None)) is not None
            elif isinstance(intent, Thrown):
                self.thrown.append(intent)
        self.live = Live(json.loads(json.dumps(outcome.live.state)), json.loads(json.dumps(outcome.live.variables)))
        self.ended = outcome.ended
        self.changed.append(outcome.changed)
        if self.ended:
            assert set(self.entered) == set(self.left), "at the end nothing is open"
        else:
            assert not self.jobs.keys() - self.held() and not self.subscriptions.keys() - self.held()
        return self

    def held(self):
        return {w["i"] for t in self.live.state["t"] for w in t.get("w", ())}

    @property
    def open(self):
        return sorted(step.open_elements(self.live).values())

    @property
    def variables(self):
        return self.live.variables[""]

    def ids(self, element):
        return [i for i, e in step.open_elements(self.live).items() if e == element]

    def complete(self, element, number=0, **variables):
        return self.take(step.complete(self.spec, self.live, self.ids(element)[number], variables, self.now, self.new_id))

    def fire(self, element, number=0, **payload):
        """The timer, message or signal of this element comes."""
        owed = [i for i, w in {**self.jobs, **self.subscriptions}.items()
                if w.activity_id == element and getattr(w, "type", "") != "external"]
        return self.take(step.trigger(self.spec, self.live, owed[number], self.now, self.new_id, payload))

    def error(self, element, code, message="", number=0, **variables):
        outcome = step.throw_error(self.spec, self.live, self.ids(element)[number], code, message, self.now, self.new_id, variables)
        return None if outcome is None else self.take(outcome)

    def set(self, _scope="", **variables):
        return self.take(step.set_variables(self.spec, self.live, _scope, variables, self.now, self.new_id))

    def job(self, element, number=0):
        return [j for j in self.jobs.values() if j.activity_id == element][number]

    def trail(self):
        """The elements entered, in their order."""
        return [e.activity_id for e in self.entered.values()]

    def canceled(self):
        return sorted(self.entered[i].activity_id for i, left in self.left.items() if left.canceled)

    def seen(self, element, number=0):
        return step.visible(self.live, self.ids(element)[number])
