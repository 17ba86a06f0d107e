"""How an expression's syntax tree gives its value: simpleeval, narrowed, with every operator, text, list and loop bounded."""

import ast
import datetime as dt
import hashlib
import json
import math
import operator
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import isodate
from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, NameNotDefined

from bpmn.errors import N_, Told

MAX_STEPS = 50_000  # parts evaluated in one evaluation
MAX_VALUES = 100_000  # in what it makes or compares, parts of parts counted
MAX_TEXT = 5_000_000  # characters in the same
MAX_BITS = 4_096  # of an integer

CONSTANTS = {"true": True, "false": False, "null": None}
DATE_PARTS = {"year", "month", "day", "hour", "minute", "second"}


class Names(Protocol):
    """What expressions read names from: KeyError for one that is not there."""

    def __getitem__(self, name: str, /) -> Any: ...


class Problem(Told):
    """What is wrong with an expression; leaves `bpmn.expressions` as the reason within an Invalid."""


_local = threading.local()  # .evaluator: one for each thread, since making one is slow


# Values -------------------------------------------------------------------------------------------------------------

def to_json(value: Any) -> Any:
    """Return `value` as JSON knows it: dates as ISO 8601, tuples and sets as lists. Raises Problem when it is too large."""
    _bounded(value)
    return _to_json(value)


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Problem(N_("hasilnya bukan bilangan"))
        return value
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta | isodate.Duration):
        return isodate.duration_isoformat(value)
    if isinstance(value, Mapping):
        return {_key(k): _to_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((_to_json(v) for v in value), key=lambda v: (str(type(v)), v))
    raise Problem(N_("hasilnya bukan nilai JSON"))


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Problem(N_("kunci harus berupa teks"))
    return key


def canonical(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no blanks, as UTF-8 text. Two equal values have the same."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(value: Any) -> str:
    """Return the SHA-256 of `value`'s canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(to_json(value)).encode()).hexdigest()


def _bounded(value: Any) -> Any:
    """Return `value` when it is small enough to be worked on further, and charge the evaluation for looking at it."""
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise Problem(N_("bilangan terlalu besar"))
    elif isinstance(value, str | list | tuple | dict | set):
        _size(value)
    return value


def _size(value: Any) -> tuple[int, int]:
    """Return how many values and characters are in `value`, shared parts counted each time they occur."""
    count, text, stack = 0, 0, [value]
    while stack:
        part = stack.pop()
        count += 1
        if isinstance(part, str):
            text += len(part)
        elif isinstance(part, dict):
            stack.extend(part.keys())
            stack.extend(part.values())
        elif isinstance(part, list | tuple | set):
            stack.extend(part)
        if count + len(stack) > MAX_VALUES or text > MAX_TEXT:
            raise Problem(N_("nilainya terlalu besar"))
    _charge(count // 10 + text // 1000)
    return count, text


def spent() -> int:
    """Return how many steps this thread has evaluated so far, so that one who evaluates much can bound it."""
    evaluator = getattr(_local, "evaluator", None)
    return 0 if evaluator is None else evaluator.total


def _charge(steps: int) -> None:
    evaluator = getattr(_local, "evaluator", None)
    if evaluator is not None:
        evaluator.steps += steps
        evaluator.total += steps
        if evaluator.steps > MAX_STEPS:
            raise Problem(N_("terlalu banyak langkah"))


# Operators, functions, methods ----------------------------------------------------------------------------------------

def _checked(function):
    def run(a, b):
        return _bounded(function(_bounded(a), _bounded(b)))
    return run


def _power(a, b):
    if not all(isinstance(v, int | float) for v in (a, b)):
        raise Problem(N_("pangkat hanya untuk bilangan"))
    if isinstance(a, int) and isinstance(b, int) and abs(b) * max(1, a.bit_length()) > MAX_BITS:
        raise Problem(N_("bilangan terlalu besar"))
    return a ** b


def _multiply(a, b):
    for many, times in ((a, b), (b, a)):
        if isinstance(many, str | list | tuple):
            count, text = _size(many)
            if not isinstance(times, int) or times * count > MAX_VALUES or times * text > MAX_TEXT:
                raise Problem(N_("nilainya terlalu besar"))
    return a * b


def _modulo(a, b):
    if isinstance(a, str):  # "%1000000000d" % 1 is a bomb, and a format string besides
        raise Problem(N_("format teks dengan tanda persen tidak diterima"))
    return a % b


def _in(item, container):
    return operator.contains(container, item)


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    **{node: DEFAULT_OPERATORS[node] for node in (ast.Not, ast.USub, ast.UAdd, ast.Is, ast.IsNot)},
    ast.Add: _checked(operator.add), ast.Sub: _checked(operator.sub), ast.Mult: _checked(_multiply), ast.Div: _checked(operator.truediv),
    ast.FloorDiv: _checked(operator.floordiv), ast.Mod: _checked(_modulo), ast.Pow: _checked(_power), ast.Eq: _checked(operator.eq),
    ast.NotEq: _checked(operator.ne), ast.Gt: _checked(operator.gt), ast.Lt: _checked(operator.lt), ast.GtE: _checked(operator.ge),
    ast.LtE: _checked(operator.le), ast.In: _checked(lambda a, b: _in(a, b)), ast.NotIn: _checked(lambda a, b: not _in(a, b)),
}


def _text(value=""):
    return value if isinstance(value, str) else str(to_json(value))


def _integer(value=0):
    if isinstance(value, str) and len(value) > 1000:
        raise Problem(N_("bilangan terlalu besar"))
    return _bounded(int(value))


def _duration(text):
    return isodate.parse_duration(text)


def _datetime(text):
    value = isodate.parse_datetime(text) if "T" in text else dt.datetime.combine(isodate.parse_date(text), dt.time())
    return value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)


def _split(text, separator=None):
    return text.split(separator)


def _replace(text, old, new):
    if (text.count(old) if old else len(text) + 1) * len(new) + len(text) > MAX_TEXT:
        raise Problem(N_("nilainya terlalu besar"))
    return text.replace(old, new)


def _join(separator, items):
    if sum(len(i) for i in items) + len(separator) * len(items) > MAX_TEXT:
        raise Problem(N_("nilainya terlalu besar"))
    return separator.join(items)


def _plain(function):
    """A function that works on one bounded value."""
    def run(*arguments, **named):
        for a in arguments:
            _bounded(a)
        return function(*arguments, **named)
    return run


def _empty(value):
    return value is None or (isinstance(value, str | list | dict | tuple | set) and not value)


FUNCTIONS = {
    **{f.__name__: _plain(f) for f in (len, min, max, sum, abs, bool, sorted, list, any, all)},
    "round": _plain(round), "str": _plain(_text), "int": _plain(_integer), "float": _plain(float), "empty": _empty, "sha256": sha256,
    "duration": _duration, "date": isodate.parse_date, "datetime": _datetime, "now": None, "get": None,  # two that know their context
}

METHODS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "lower": (str, str.lower), "upper": (str, str.upper), "strip": (str, str.strip), "title": (str, str.title),
    "capitalize": (str, str.capitalize), "startswith": (str, str.startswith), "endswith": (str, str.endswith),
    "startsWith": (str, str.startswith), "endsWith": (str, str.endswith), "split": (str, _split), "replace": (str, _replace),
    "join": (str, _join), "toLowerCase": (str, str.lower), "toUpperCase": (str, str.upper), "trim": (str, str.strip),
    "get": (Mapping, lambda d, key, default=None: d.get(key, default)), "keys": (Mapping, lambda d: list(d.keys())),
    "values": (Mapping, lambda d: list(d.values())), "items": (Mapping, lambda d: [list(i) for i in d.items()]),
    "count": ((str, list), lambda s, item: s.count(item)), "contains": ((str, list, Mapping), lambda s, item: item in s),
    "size": ((list, Mapping), len), "length": (str, len), "isEmpty": ((str, list, Mapping), lambda s: not s),
    "isoformat": ((dt.datetime, dt.date), lambda d: d.isoformat()),
}


class _Evaluator(EvalWithCompoundTypes):
    """simpleeval, narrowed: no value in it is ever callable, so no attribute chain leads anywhere."""

    def __init__(self):
        super().__init__(operators=OPERATORS, functions={}, names={})
        self.functions = {**FUNCTIONS, "now": self._now, "get": self._get}
        self.total = 0

    def run(self, tree, names, now):
        self.names, self.now, self.steps = names, now, 0
        self.nodes[ast.Name] = self._eval_name  # a comprehension that failed leaves its own here
        return self.eval("", previously_parsed=tree)

    def _eval(self, node):
        _charge(1)
        try:
            return self.nodes[type(node)](node)
        except KeyError as error:
            if type(node) in self.nodes:
                raise
            raise Problem(N_("%(what)s tidak diterima"), what=type(node).__name__) from error

    def _eval_name(self, node):
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        try:
            return self.names[node.id]
        except KeyError:
            raise NameNotDefined(node.id, "") from None

    def _eval_attribute(self, node):
        value = self._eval(node.value)
        if isinstance(value, Mapping):
            if node.attr in value:
                return value[node.attr]
        elif isinstance(value, dt.datetime | dt.date) and node.attr in DATE_PARTS:
            return getattr(value, node.attr, 0)
        raise Problem(N_("tidak ada %(name)s di dalamnya"), name=node.attr)

    def _eval_call(self, node):
        arguments = [self._eval(a) for a in node.args]
        named = {k.arg: self._eval(k.value) for k in node.keywords}
        if isinstance(node.func, ast.Name):
            return _bounded(self.functions[node.func.id](*arguments, **named))
        kind, method = METHODS[node.func.attr]
        value = _bounded(self._eval(node.func.value))
        if not isinstance(value, kind):
            raise Problem(N_("metode %(name)s tidak ada pada nilai ini"), name=node.func.attr)
        return _bounded(method(value, *[_bounded(a) for a in arguments], **named))

    def _now(self):
        if self.now is None:
            raise Problem(N_("now() tidak dapat dipakai di sini"))
        return self.now

    def _get(self, name, default=None):
        try:
            return self.names[_key(name)]
        except KeyError:
            return default


def run(tree: ast.expr, names, now: dt.datetime | None) -> Any:
    evaluator = getattr(_local, "evaluator", None)
    if evaluator is None:
        evaluator = _local.evaluator = _Evaluator()
    try:
        return evaluator.run(tree, names, now)
    except Problem:
        raise
    except NameNotDefined as error:
        raise Problem(N_("variabel %(name)s tidak ada"), name=error.name) from error
    except ZeroDivisionError as error:
        raise Problem(N_("pembagian dengan nol")) from error
    except KeyError as error:
        raise Problem(N_("tidak ada %(name)s di dalamnya"), name=str(error.args[0])[:100]) from error
    except Exception as error:  # an expression is data: whatever it makes Python raise is the author's mistake, told as such
        raise Problem(N_("gagal (%(problem)s)"), problem=f"{type(error).__name__}: {error}"[:200]) from error
    finally:
        evaluator.names = {}
