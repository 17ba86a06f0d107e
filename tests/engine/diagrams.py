"""Random diagrams: blocks in blocks, with what goes wrong in engines (joins in loops, borders, several instances).

A block is a pair (id of its first node, id of its last). Conditions read `pick` and `again_…`, which the one who plays
sets. Everything that waits for an event waits for a message of the event's own name, so that a play can say which.
"""

import itertools
import random

NS = ('xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
      'xmlns:camunda="http://camunda.org/schema/1.0/bpmn"')
Block = tuple[str, str]


class Diagram:
    def __init__(self, rnd: random.Random, depth: int = 3):
        self.rnd, self.count, self.depth = rnd, 0, depth
        self.xml: list[str] = []
        self.messages: list[str] = []
        self.loops: list[str] = []
        self.errors = 0

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def flow(self, a: str, b: str, condition: str | None = None, ident: str | None = None) -> None:
        body = f'<conditionExpression xsi:type="tFormalExpression">${{{condition}}}</conditionExpression>' if condition else ""
        self.xml.append(f'<sequenceFlow id="{ident or self.new("f")}" sourceRef="{a}" targetRef="{b}">{body}</sequenceFlow>')

    def message(self, event: str) -> str:
        self.messages.append(f'<message id="m_{event}" name="{event}"/>')
        return f'<messageEventDefinition messageRef="m_{event}"/>'

    def several(self, chance: float) -> str:
        """Perhaps a loop for an activity."""
        if self.rnd.random() >= chance:
            return ""
        if self.rnd.random() < 0.25:
            gate = self.new("x")
            self.loops.append(gate)
            before = self.rnd.choice(["true", "false"])
            return (f'<standardLoopCharacteristics testBefore="{before}" loopMaximum="3"><loopCondition>${{again_{gate} &gt; 0}}'
                    "</loopCondition></standardLoopCharacteristics>")
        stop = ("<completionCondition>${nrOfCompletedInstances &gt;= " + str(self.rnd.choice([1, 2])) + "}</completionCondition>"
                if self.rnd.random() < 0.3 else "")
        return (f'<multiInstanceLoopCharacteristics isSequential="{self.rnd.choice(["true", "false"])}">'
                f"<loopCardinality>{self.rnd.choice([0, 1, 2, 2, 3, 3])}</loopCardinality>{stop}</multiInstanceLoopCharacteristics>")

    # Blocks ---------------------------------------------------------------------------------------------------------

    def block(self, depth: int) -> Block:
        if depth == 0:
            return self.task()
        kinds = [(self.task, 18), (self.sequence, 20), (self.loop, 12), (self.fork, 18), (self.choice, 8), (self.border, 9),
                 (self.subprocess, 9), (self.event_gateway, 3), (self.merge, 2), (self.split, 2)]
        make = self.rnd.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        return make(depth)

    def task(self, depth: int = 0) -> Block:
        name = self.new("t")
        self.xml.append(f'<userTask id="{name}">{self.several(0.12)}</userTask>')
        return name, name

    def sequence(self, depth: int) -> Block:
        parts = [self.block(depth - 1) for _ in range(self.rnd.randint(2, 3))]
        for a, b in itertools.pairwise(parts):
            self.flow(a[1], b[0])
        return parts[0][0], parts[-1][1]

    def loop(self, depth: int) -> Block:
        merge, gate, default, after = self.new("m"), self.new("x"), self.new("f"), self.new("n")
        inner, stop = self.block(depth - 1), self.new("t")  # a task that is not looped, else it might turn without a rest
        self.xml.append(f'<userTask id="{stop}"/>')
        self.xml.append(f'<exclusiveGateway id="{merge}"/><exclusiveGateway id="{gate}" default="{default}"/><task id="{after}"/>')
        self.flow(merge, inner[0])
        self.flow(inner[1], stop)
        self.flow(stop, gate)
        self.flow(gate, merge, f"again_{gate} &gt; 0")
        self.flow(gate, after, ident=default)
        self.loops.append(gate)
        return merge, after

    def fork(self, depth: int) -> Block:
        kind, split, join = self.rnd.choice(["parallelGateway", "inclusiveGateway"]), self.new("a"), self.new("z")
        inclusive = kind == "inclusiveGateway"
        branches = [self.block(depth - 1) for _ in range(self.rnd.randint(2, 3))]
        if inclusive and self.rnd.random() < 0.3:
            branches[-1] = self.leaky(branches[-1])
        default = self.new("f") if inclusive else None
        self.xml.append(f'<{kind} id="{split}"' + (f' default="{default}"' if default else "") + f'/><{kind} id="{join}"/>')
        for i, branch in enumerate(branches):
            if default and i == 0:
                self.flow(split, branch[0], ident=default)
            else:
                self.flow(split, branch[0], f"pick % {i + 1} == 0" if inclusive else None)
            self.flow(branch[1], join)
        return split, join

    def leaky(self, block: Block) -> Block:
        """A block after which the token may go to an end instead: a join behind it must not wait for it for ever."""
        gate, end, out, default = self.new("x"), self.new("e"), self.new("n"), self.new("f")
        self.xml.append(f'<exclusiveGateway id="{gate}" default="{default}"/><endEvent id="{end}"/><task id="{out}"/>')
        self.flow(block[1], gate)
        self.flow(gate, end, "pick % 2 == 1")
        self.flow(gate, out, ident=default)
        return block[0], out

    def choice(self, depth: int) -> Block:
        split, join, default = self.new("a"), self.new("z"), self.new("f")
        self.xml.append(f'<exclusiveGateway id="{split}" default="{default}"/><exclusiveGateway id="{join}"/>')
        one, two = self.block(depth - 1), self.block(depth - 1)
        self.flow(split, one[0], "pick % 2 == 0")
        self.flow(split, two[0], ident=default)
        self.flow(one[1], join)
        self.flow(two[1], join)
        return split, join

    def merge(self, depth: int) -> Block:
        """Two tokens go through what follows, one after the other: no join."""
        split, one, two, out = self.new("a"), self.task(), self.task(), self.new("z")
        self.xml.append(f'<parallelGateway id="{split}"/><exclusiveGateway id="{out}"/>')
        for branch in (one, two):
            self.flow(split, branch[0])
            self.flow(branch[1], out)
        return split, out

    def split(self, depth: int) -> Block:
        """A task with two flows out of it, both taken; one leads to an end of its own."""
        task, side, end = self.task(), self.block(depth - 1), self.new("e")
        out = self.new("n")
        self.xml.append(f'<endEvent id="{end}"/><task id="{out}"/>')
        self.flow(task[1], side[0])
        self.flow(task[1], out)
        self.flow(side[1], end)
        return task[0], out

    def border(self, depth: int) -> Block:
        """An activity with one or two boundary events, which interrupt it or not."""
        activity = self.subprocess(depth) if depth > 1 and self.rnd.random() < 0.4 else self.task()
        out = self.new("z")
        self.xml.append(f'<exclusiveGateway id="{out}"/>')
        self.flow(activity[1], out)
        for _ in range(self.rnd.randint(1, 2)):
            event, after, cancels = self.new("b"), self.task(), self.rnd.random() < 0.5
            self.xml.append(f'<boundaryEvent id="{event}" attachedToRef="{activity[0]}" cancelActivity="{str(cancels).lower()}">'
                            f"{self.message(event)}</boundaryEvent>")
            self.flow(event, after[0])
            if cancels:
                self.flow(after[1], out)
            else:
                end = self.new("e")
                self.xml.append(f'<endEvent id="{end}"/>')
                self.flow(after[1], end)
        return activity[0], out

    def event_gateway(self, depth: int) -> Block:
        gate, out = self.new("g"), self.new("z")
        self.xml.append(f'<eventBasedGateway id="{gate}"/><exclusiveGateway id="{out}"/>')
        for _ in range(2):
            event, after = self.new("c"), self.task()
            self.xml.append(f'<intermediateCatchEvent id="{event}">{self.message(event)}</intermediateCatchEvent>')
            self.flow(gate, event)
            self.flow(event, after[0])
            self.flow(after[1], out)
        return gate, out

    def subprocess(self, depth: int) -> Block:
        name, outer, self.xml = self.new("sp"), self.xml, []
        self.level(self.block(depth - 1), depth)
        error = self.ends_in_error() if self.rnd.random() < 0.2 else None
        body, self.xml = "".join(self.xml), outer
        self.xml.append(f'<subProcess id="{name}">{self.several(0.25)}{body}</subProcess>')
        if not error:
            return name, name
        event, after, out = self.new("b"), self.task(), self.new("z")
        self.xml.append(f'<exclusiveGateway id="{out}"/><boundaryEvent id="{event}" attachedToRef="{name}">'
                        f'<errorEventDefinition errorRef="{error}"/></boundaryEvent>')
        self.flow(name, out)
        self.flow(event, after[0])
        self.flow(after[1], out)
        return name, out

    def level(self, block: Block, depth: int) -> None:
        """Close a (sub)process around a block: start, end, and perhaps an event subprocess."""
        start, end = self.new("s"), self.new("e")
        self.xml.append(f'<startEvent id="{start}"/><endEvent id="{end}"/>')
        self.flow(start, block[0])
        self.flow(block[1], end)
        if depth > 1 and self.rnd.random() < 0.12:
            self.event_subprocess()
        if self.rnd.random() < 0.1:
            self.side_end("<terminateEventDefinition/>", start)

    def side_end(self, definition: str, start: str) -> None:
        """A task beside all else, after which the scope ends at once."""
        task, end = self.task(), self.new("e")
        self.xml.append(f'<endEvent id="{end}">{definition}</endEvent>')
        self.flow(start, task[0])
        self.flow(task[1], end)

    def ends_in_error(self) -> str:
        """Add a task after which the scope ends in an error of its own; return that."""
        start = next(x for x in reversed(self.xml) if x.startswith("<startEvent"))
        error = self.new("err")
        self.messages.append(f'<error id="{error}" errorCode="{error}"/>')
        self.side_end(f'<errorEventDefinition errorRef="{error}"/>', start.split('"')[1])
        return error

    def event_subprocess(self) -> None:
        name, start, task, end = self.new("es"), self.new("s"), self.new("t"), self.new("e")
        interrupts = self.rnd.choice(["true", "false"])
        self.xml.append(f'<subProcess id="{name}" triggeredByEvent="true"><startEvent id="{start}" isInterrupting="{interrupts}">'
                        f'{self.message(start)}</startEvent><userTask id="{task}"/><endEvent id="{end}"/>')
        self.flow(start, task)
        self.flow(task, end)
        self.xml.append("</subProcess>")

    def build(self) -> bytes:
        self.level(self.rnd.choice([self.sequence, self.loop, self.fork])(self.depth), self.depth)
        return (f'<definitions {NS} id="d" targetNamespace="t">{"".join(self.messages)}'
                f'<process id="p" isExecutable="true">{"".join(self.xml)}</process></definitions>').encode()


class Tangle(Diagram):
    """A diagram that is no blocks: gateways, tasks and flows at random, forward and back; joins may starve.

    At most one inclusive gateway joins, since of two the standard does not say which goes first.
    """

    def build(self) -> bytes:
        nodes = self.nodes()
        flows = self.flows(nodes)
        for ident, kind in nodes:
            out = [f for f in flows if f[0] == ident]
            choosing = kind in ("exclusiveGateway", "inclusiveGateway")
            default = f"{ident}_0" if choosing and len(out) > 1 else None
            self.xml.append(f'<{kind} id="{ident}"' + (f' default="{default}"' if default else "") + "/>")
            for i, (a, b) in enumerate(out):
                self.flow(a, b, f"pick % {i + 1} == 0" if default and i else None, f"{ident}_{i}")
        return (f'<definitions {NS} id="d" targetNamespace="t"><process id="p" isExecutable="true">'
                f'{"".join(self.xml)}</process></definitions>').encode()

    def nodes(self) -> list[tuple[str, str]]:
        kinds, inner = {"g": "exclusiveGateway", "p": "parallelGateway", "t": "userTask"}, []
        for _ in range(self.rnd.randint(6, 14)):
            letter = self.rnd.choices("gpt", [3, 3, 5])[0]
            inner.append((self.new(letter), kinds[letter]))
        if self.rnd.random() < 0.8:
            inner.insert(self.rnd.randint(len(inner) // 2, len(inner)), (self.new("i"), "inclusiveGateway"))
        return [("s", "startEvent"), ("t0", "userTask"), *inner, ("e", "endEvent")]

    def flows(self, nodes: list[tuple[str, str]]) -> list[tuple[str, str]]:
        found = [("s", "t0")]
        for place, (ident, kind) in enumerate(nodes[1:-1], 1):
            later = [n for n, _ in nodes[place + 1:place + 6]]
            count = 1 if kind == "userTask" and self.rnd.random() < 0.8 else self.rnd.randint(1, 3)
            found += [(ident, self.rnd.choice(later)) for _ in range(count)]
            if kind == "exclusiveGateway" and place > 3 and self.rnd.random() < 0.3:
                found.append((ident, self.rnd.choice([n for n, k in nodes[1:place] if k == "userTask"])))
        return found
