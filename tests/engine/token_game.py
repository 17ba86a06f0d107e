"""BPMN 2.0's token game (clauses 13.2 to 13.5), played naively on the diagram itself, as an oracle for the engine.

Tokens lie on sequence flows. A place that waits at a join is a flow with a token before the join; nothing else is kept
of the past. It is written from the standard, knows nothing of Terbit or SpiffWorkflow, and need not be fast.
"""

import xml.etree.ElementTree as ET
from collections import Counter

NS = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
ACTIVITIES = {"userTask", "task", "subProcess"}


class Level:
    """A process or subprocess as drawn: its nodes and flows, not those of subprocesses in it."""

    def __init__(self, node):
        self.id = node.get("id")
        self.nodes = {c.get("id"): c for c in node if c.tag != NS + "sequenceFlow" and c.get("id")}
        self.flows = {c.get("id"): c for c in node if c.tag == NS + "sequenceFlow"}
        self.out = {n: [f for f, e in self.flows.items() if e.get("sourceRef") == n] for n in self.nodes}
        self.into = {n: [f for f, e in self.flows.items() if e.get("targetRef") == n] for n in self.nodes}
        self.levels = {n: Level(e) for n, e in self.nodes.items() if kind(e) == "subProcess"}
        self.borders = {n: [b for b, e in self.nodes.items() if e.get("attachedToRef") == n] for n in self.nodes}
        self.event_levels = [n for n, e in self.nodes.items() if e.get("triggeredByEvent") == "true"]

    def target(self, flow):
        return self.flows[flow].get("targetRef")

    def starts(self):
        return [n for n, e in self.nodes.items() if kind(e) == "startEvent"]


def kind(element):
    return element.tag.removeprefix(NS)


def definition(element):
    """The event definition's element, if there is one."""
    return next((c for c in element if c.tag.endswith("EventDefinition")), None)


class Instance:
    """Something under way: a task, a waiting event or gateway, a subprocess, a body of several instances, the process."""

    def __init__(self, game, name, node, parent, loop=None, level=None):
        self.game, self.name, self.node, self.parent, self.loop = game, name, node, parent, loop
        self.level = level  # of a (sub)process: what is drawn inside
        self.tokens = Counter()  # flow -> how many
        self.inside = []
        self.alive, self.told, self.done, self.count, self.subscribed = True, False, 0, 0, True
        game.keep.append(self)  # ids of objects name them below, so none may be freed
        if parent is not None:
            self.ordinal = game.ordinals[(id(parent), name)]
            game.ordinals[(id(parent), name)] += 1
            parent.inside.append(self)

    @property
    def path(self):
        return () if self.parent is None else (*self.parent.path, (self.name, self.loop, self.ordinal))

    def kill(self):
        for other in list(self.inside):
            other.kill()
        self.alive = False
        self.tokens.clear()
        if self.parent is not None:
            self.parent.inside.remove(self)


class Game:
    def __init__(self, xml, variables):
        process = next(e for e in ET.fromstring(xml) if e.tag == NS + "process")
        self.errors = {e.get("id"): e.get("errorCode") for e in ET.fromstring(xml) if e.tag == NS + "error"}
        self.variables, self.ordinals, self.keep = dict(variables), Counter(), []
        self.root = Instance(self, "", process, None, level=Level(process))
        self.begin(self.root, self.root.level.starts()[0])
        self.play()

    # What the player sees and does ---------------------------------------------------------------------------------

    def everything(self, instance=None):
        instance = instance or self.root
        for other in list(instance.inside):
            yield other
            yield from self.everything(other)

    def open_tasks(self):
        return [i.path for i in self.everything() if kind(i.node) == "userTask" and not i.name.endswith("#multiInstanceBody")]

    def waits(self):
        """Give (path of who waits, event) for every message that is waited for."""
        found = []
        for i in [self.root, *self.everything()]:
            if not self.is_body_or_plain(i):
                continue
            if i.parent is not None:
                level = self.level_of(i)
                found += [(i.path, b) for b in level.borders.get(i.node.get("id"), []) if self.is_message(level.nodes[b])]
                if kind(i.node) == "eventBasedGateway":
                    found += [(i.path, level.target(f)) for f in level.out[i.node.get("id")]]
        for i in [self.root, *self.everything()]:
            if i.level is not None and i.alive and i.subscribed:
                found += [(i.path, i.level.levels[e].starts()[0]) for e in i.level.event_levels]
        return found

    def level_of(self, instance):
        """The level that the instance's node is drawn in."""
        above = instance.parent
        while above.level is None:
            above = above.parent
        return above.level

    def is_body_or_plain(self, i):
        return i.parent is None or not i.parent.name.endswith("#multiInstanceBody")

    def is_message(self, element):
        return definition(element) is not None and definition(element).tag == NS + "messageEventDefinition"

    def find(self, path):
        return next(i for i in [self.root, *self.everything()] if i.path == path)

    def complete(self, path, variables):
        self.variables.update(variables)
        self.finish(self.find(path))
        self.play()

    def occur(self, path, event):
        """The message comes that `event` waits for, at the instance with this path."""
        holder = self.find(path)
        if holder.level is not None and event in [s for e in holder.level.event_levels for s in holder.level.levels[e].starts()]:
            self.open_event_level(holder, event)
        elif kind(holder.node) == "eventBasedGateway":
            scope = holder.parent
            holder.kill()
            self.produce(scope, event)
        else:
            self.border_event(holder, event)
        self.play()

    # Rules ----------------------------------------------------------------------------------------------------------

    def begin(self, scope, start):
        scope.tokens.update(scope.level.out[start])

    def produce(self, scope, node):
        """A node is done: a token on each flow out of it (an activity's or event's flows have no conditions here)."""
        scope.tokens.update(scope.level.out[node])

    def border_event(self, holder, event):
        scope, element = holder.parent, self.level_of(holder).nodes[event]
        if element.get("cancelActivity", "true") == "true":
            holder.kill()
        self.produce(scope, event)

    def open_event_level(self, scope, start):
        name = next(e for e in scope.level.event_levels if start in scope.level.levels[e].starts())
        level = scope.level.levels[name]
        if level.nodes[start].get("isInterrupting", "true") == "true":
            for other in list(scope.inside):
                other.kill()
            scope.tokens.clear()
            scope.subscribed = False
        self.begin(Instance(self, name, scope.level.nodes[name], scope, level=level), start)

    def holds(self, expression):
        return bool(eval(expression.strip().removeprefix("${").removesuffix("}"), {}, self.variables))

    def condition(self, level, flow):
        found = level.flows[flow].find(NS + "conditionExpression")
        return None if found is None else found.text

    def play(self):
        """Fire what can fire until nothing can; inclusive joins only when all else rests."""
        while any(self.fire(s) for s in self.scopes()) or any(self.fire_inclusive(s) for s in self.scopes()):
            pass

    def scopes(self):
        return [i for i in [self.root, *self.everything()] if i.level is not None and i.alive]

    def fire(self, scope):
        for flow in [f for f, n in scope.tokens.items() if n > 0]:
            if self.take(scope, flow, scope.level.target(flow)):
                return True
        if scope.alive and not scope.inside and not sum(scope.tokens.values()) and not scope.told:
            scope.told = True
            self.finish(scope)
            return True
        return False

    def take(self, scope, flow, name):
        """Let `name` consume the token on `flow` (a parallel join: one on each of its flows). False when it must wait."""
        level, node = scope.level, scope.level.nodes[name]
        what = kind(node)
        if what == "parallelGateway":
            if any(scope.tokens[f] < 1 for f in level.into[name]):
                return False
            scope.tokens.subtract(level.into[name])
            self.produce(scope, name)
            return True
        if what == "inclusiveGateway" and len(level.into[name]) > 1:
            return False
        scope.tokens[flow] -= 1
        if what == "inclusiveGateway":
            self.split_inclusive(scope, name)
        elif what == "exclusiveGateway":
            self.choose(scope, name)
        elif what == "endEvent":
            self.end(scope, node)
        elif what == "eventBasedGateway":
            Instance(self, name, node, scope)
        elif what == "task":
            self.produce(scope, name)
        else:
            self.enter(scope, name, node)
        return True

    def choose(self, scope, name):
        level = scope.level
        default = level.nodes[name].get("default")
        for flow in level.out[name]:
            condition = self.condition(level, flow)
            if flow != default and (condition is None or self.holds(condition)):
                scope.tokens[flow] += 1
                return
        scope.tokens[default] += 1

    def split_inclusive(self, scope, name):
        level = scope.level
        default = level.nodes[name].get("default")
        taken = [f for f in level.out[name] if f != default and (
            self.condition(level, f) is None or self.holds(self.condition(level, f)))]
        scope.tokens.update(taken or [default])

    def fire_inclusive(self, scope):
        """13.4.3: at least one flow has a token, and every token elsewhere that could come to an empty flow of the
        gateway without visiting it could as well come to one that has a token."""
        level = scope.level
        for name, node in level.nodes.items():
            if kind(node) != "inclusiveGateway" or len(level.into[name]) < 2:
                continue
            full = {f for f in level.into[name] if scope.tokens[f]}
            empty = set(level.into[name]) - full
            elsewhere = {level.target(f) for f, n in scope.tokens.items() if n > 0 and f not in full}
            elsewhere |= {i.node.get("id") for i in scope.inside}
            if full and all(not self.reached(level, e, name) & empty or self.reached(level, e, name) & full for e in elsewhere):
                scope.tokens.subtract(full)
                self.split_inclusive(scope, name)
                return True
        return False

    def reached(self, level, start, gateway):
        """The flows into `gateway` that a token at `start` can come to without visiting it."""
        found, seen, todo = set(), set(), [start]
        while todo:
            here = todo.pop()
            if here in seen or here == gateway:
                continue
            seen.add(here)
            for source in [here, *level.borders.get(here, [])]:
                for flow in level.out.get(source, []):
                    if level.target(flow) == gateway:
                        found.add(flow)
                    todo.append(level.target(flow))
        return found

    def end(self, scope, node):
        what = definition(node)
        if what is None:
            return
        if what.tag == NS + "terminateEventDefinition":
            for other in list(scope.inside):
                other.kill()
            scope.tokens.clear()
        elif what.tag == NS + "errorEventDefinition":
            self.throw(scope, self.errors[what.get("errorRef")])

    def throw(self, instance, code):
        """An error goes outward to the first boundary event that catches it."""
        while instance.parent is not None:
            level = self.level_of(instance)
            for border in level.borders.get(instance.node.get("id"), []) if self.is_body_or_plain(instance) else []:
                caught = definition(level.nodes[border])
                if caught.tag == NS + "errorEventDefinition" and self.errors[caught.get("errorRef")] == code:
                    self.border_event(instance, border)
                    return
            instance = instance.parent

    # Activities (13.3) ------------------------------------------------------------------------------------------------

    def enter(self, scope, name, node):
        standard = node.find(NS + "standardLoopCharacteristics")
        several = node.find(NS + "multiInstanceLoopCharacteristics")
        if standard is None and several is None:
            self.activity(scope, name, node)
            return
        body = Instance(self, f"{name}#multiInstanceBody", node, scope)
        if standard is not None:
            if standard.get("testBefore") == "true" and not self.again(body, standard):
                self.finish(body)
            else:
                self.activity(body, name, node, 0)
            return
        body.count = int(several.find(NS + "loopCardinality").text)
        if body.count == 0:
            self.finish(body)
        for i in range(min(body.count, 1) if several.get("isSequential") == "true" else body.count):
            self.activity(body, name, node, i)

    def activity(self, parent, name, node, loop=None):
        level = None
        if kind(node) == "subProcess":
            above = parent if parent.level is not None else parent.parent
            level = above.level.levels[name]
        instance = Instance(self, name, node, parent, loop, level)
        if level is not None:
            self.begin(instance, level.starts()[0])

    def again(self, body, standard):
        return body.done < int(standard.get("loopMaximum")) and self.holds(standard.find(NS + "loopCondition").text)

    def finish(self, instance):
        """An activity is done: what stands around it learns of it."""
        parent, node = instance.parent, instance.node
        if parent is None:
            instance.alive = False
            return
        instance.kill()
        if not parent.name.endswith("#multiInstanceBody"):
            if node.get("triggeredByEvent") != "true":
                self.produce(parent, node.get("id"))
            return
        parent.done += 1
        standard = node.find(NS + "standardLoopCharacteristics")
        if standard is not None:
            if self.again(parent, standard):
                self.activity(parent, node.get("id"), node, parent.done)
            else:
                self.finish(parent)
            return
        several = node.find(NS + "multiInstanceLoopCharacteristics")
        stop = several.find(NS + "completionCondition")
        stopped = stop is not None and bool(eval(stop.text[2:-1], {}, {"nrOfCompletedInstances": parent.done}))
        if stopped or parent.done == parent.count:
            for other in list(parent.inside):
                other.kill()
            self.finish(parent)
        elif several.get("isSequential") == "true":
            self.activity(parent, node.get("id"), node, parent.done)

    @property
    def ended(self):
        return not self.root.alive
