"""Expressions: what they give, what Camunda's users may write, and that no known way out of them works."""

import datetime as dt
import hashlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpmn import expressions
from bpmn.errors import Invalid

NOW = dt.datetime(2026, 1, 5, 8, 30, tzinfo=dt.timezone.utc)
NAMES = {"a": 1, "b": {"c": [1, 2], "judul": "J", "keys": "k"}, "kanal": ["website", "facebook"], "kosong": None, "teks": "Satu dua",
"t": "",
         "besar": list(range(9_999)), "panjang": "x" * 200_000}


@pytest.mark.parametrize(("expression", "value"), [
    ("a + 1", 2), ("${a + 1}", 2), ("#{a == 1}", True), ("  ${ a }  ", 1), ("true and not false", True), ("null", None), ("None", None),
    ("b.c[1]", 2), ("b['judul']", "J"), ("b.keys", "k"), ("b.get('tiada', 0)", 0), ("kanal[-1]", "facebook"), ("kanal[:1]", ["website"]),
    ("'website' in kanal", True), ("kanal.contains('x')", False), ("len(kanal)", 2), ("kanal.size()", 2), ("teks.upper()", "SATU DUA"),
    ("teks.split(' ')", ["Satu", "dua"]), ("', '.join(kanal)", "website, facebook"), ("[k for k in kanal if k != 'website']", ["facebook"]),
    ("{k: 1 for k in kanal}", {"website": 1, "facebook": 1}), ("any(k == 'x' for k in kanal)", False), ("sum([1, 2, 3])", 6),
    ("'j' if a > 1 else 'k'", "k"), ("1 < a + 1 < 3", True), ("7 // 2 * 2 ** 3 % 5", 4), ("-a", -1), ("round(1.25, 1)", 1.2),
    ("str(1) + 'x'", "1x"),
    ("int('7')", 7), ("sorted([3, 1])", [1, 3]), ("(1, 2)", [1, 2]), ("{2, 1}", [1, 2]), ("get('tiada')", None), ("get('a', 5)", 1),
    ("get('tiada') or 'x'", "x"), ("now()", "2026-01-05T08:30:00+00:00"), ("now() + duration('P1D')", "2026-01-06T08:30:00+00:00"),
    ("duration('PT90M')", "PT1H30M"), ("now().year", 2026), ("date('2026-02-01')", "2026-02-01"), ("date('2026-02-01') >"
                                                                                                   " date('2026-01-01')", True),
    ("datetime('2026-01-05T08:30:00') == now()", True), ("datetime('2026-01-01') < now()", True),
    ("sha256({'b': 1, 'a': ['é']})", hashlib.sha256('{"a":["é"],"b":1}'.encode()).hexdigest()),
    ("sha256([panjang])", hashlib.sha256(('["' + "x" * 200_000 + '"]').encode()).hexdigest()), ("len(panjang)", 200_000),
    # as Camunda's users write it
    ("a == 1 && !false", True), ("a == 2 || a != 1", False), ("empty kosong", True), ("not empty b.c", True),
    ("!empty kanal && empty t", True),
    ("a eq 1 and a le 1", True), ("a gt 1 or a ne 1", False), ("7 div 2 ge 3.5", True), ("7 mod 2", 1), ("teks.length()", 8),
    ("'a && b || !c'", "a && b || !c"), ("'x eq y'", "x eq y"), ("a != 2", True), ("kanal.isEmpty()", False),
])
def test_what_an_expression_gives(expression, value):
    assert expressions.evaluate(expression, NAMES, NOW) == value


ESCAPES = [
    "__import__('os')", "().__class__", "a.__class__.__mro__", "''.__class__.__subclasses__()", "b._x", "_a", "b.c.__len__", "len.__self__",
    "(lambda: 1)()", "lambda: a", "f'{a}'", "f'{a.__class__}'", "'{0.__class__}'.format(a)", "'{}'.format_map(b)", "'%s' % a",
    "'%999999999d' % 1",
    "open('/etc/passwd')", "eval('1')", "exec('1')", "compile('1', '', 'eval')", "globals()", "locals()", "vars()", "dir(a)",
    "getattr(a, 'real')",
    "setattr(b, 'x', 1)", "type(a)", "isinstance(a, int)", "object", "print(a)", "input()", "breakpoint()", "help()", "repr(a)", "chr(97)",
    "range(9)",
    "import os", "(x := 1)", "[x for x in kanal].append(1)", "kanal.append(1)", "kanal.sort()", "b.pop('c')", "b.update({})", "b.clear()",
    "kanal.copy.__self__", "len", "[len]", "[len][0](kanal)", "{'f': len}['f'](kanal)", "get.__self__", "now.__func__", "a.real",
    "a.bit_length()",
    "teks.encode()", "teks.translate({})", "teks.maketrans('a', 'b')", "(x for x in kanal).gi_frame", "(x for x in kanal).gi_code",
    "await a",
    "yield a", "b'x'", "1j", "...", "a if", "a; b", "a\nb", "*kanal", "[*kanal]", "sum(*[kanal])", "sorted(**b)", "del a", "assert a",
    "~a", "a << 9",
    "1 | 2", "kanal @ kanal", "now().tzinfo", "now().strftime('%s')", "datetime.datetime", "execution.getVariable('a')",
    "execution.processBusinessKey", "a ? 1 : 2", "[i async for i in kanal]", "not_a_function(1)", "b.judul.__add__", "func_x",
    "a.func_code",
    "kanal.__iter__", "[].__class__.__base__", "str.format", "str.__class__", "''.join.__self__", "{}.__class__", "(1).__class__",
    "1 .__class__",
    "[c for c in"
    " ().__class__.__base__.__subclasses__()]", "(lambda x: x.__globals__)(1)", "sorted(kanal, key=len)", "max(kanal, key=len)", "$a",
    "${a} + ${b}", "a + ", "", " ", "${}", "\0", "((((((((((", "bean.call()", "a.b.c()", "self", "super().x", "str(object)",
]


@pytest.mark.parametrize("expression", ESCAPES)
def test_ways_out_are_refused(expression):
    with pytest.raises(Invalid):
        expressions.evaluate(expression, NAMES, NOW)


SEEN_AT_RUN_TIME = {"a.real", "len", "[len]", "object", "now().tzinfo", "datetime.datetime", "self", "str.format", "''.join.__self__",
"'%s' % a",
                    "'%999999999d' % 1", "sorted(kanal, key=len)", "max(kanal, key=len)", "str(object)"}


@pytest.mark.parametrize("expression", [e for e in ESCAPES if e not in SEEN_AT_RUN_TIME])
def test_they_are_refused_when_the_diagram_is_deployed(expression):
    with pytest.raises(Invalid) as caught:
        expressions.check(expression, file="p.bpmn", line=7, element="x")
    assert caught.value.where == {"file": "p.bpmn", "line": 7, "element": "x"}


BOMBS = [
    "9 ** 9 ** 9", "2 ** 100000", "10 ** 1000 ** 2", "(2 ** 4000) * (2 ** 4000)", "'x' * 10 ** 9", "10 ** 9 * 'x'", "[0] * 10 ** 9",
    "[[0] * 10000] * 10000", "'ab' * 2000000 + 'ab' * 2000000", "[[x for x in besar] for y in besar]", "[1 for x in besar for y in besar]",
    "sum([1 for x in besar for y in besar])", "[besar == [y for y in besar] for x in besar]", "'x'.join([panjang] * 100)",
    "panjang.replace('x',"
    " panjang)", "panjang.replace('', panjang)", "int('9' * 100000)", "str(2 ** 4000) * 2000", "[[besar] * 9] * 9 == [[besar] * 9] * 9",
    "sha256([besar] * 100)", "str([besar] * 100)", "[panjang] * 100", "-(2 ** 4095) ** 2", "[besar in [besar] for x in"
                                                                                           " besar]", "1e308 * 10",
    "{str(x): [besar] for x in"
    " besar}", "sorted([besar for x in besar])", "2 ** -10000000", "0 ** -1", "1 / 0", "1 % 0", "max([])", "kanal[9]", "b.tiada",
    "b['tiada']", "tiada", "a + 'x'", "len(1)", "int('x')", "duration('x')", "date('kemarin')", "datetime('2026-13-45')",
    "now() + duration('P1Y') * 10 ** 9",
    "now() + duration('P9999Y')", "(" * 90 + "a" + ")" * 90 + " + " + "+".join(["a"] * 80), "[" * 70 + "]" * 70, "-" * 200 + "1",
    "a" * 20000,
    "not " * 100 + "a", "b" + ".c" * 100,
]


@pytest.mark.parametrize("expression", BOMBS)
def test_nothing_runs_without_bound(expression):
    began = time.perf_counter()
    with pytest.raises(Invalid):
        expressions.evaluate(expression, NAMES, NOW)
    assert time.perf_counter() - began < 2


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.sampled_from(["a", "b.c", "kanal", "teks", "1", "'x'", "[]", "{}", "besar", "null"]), lambda part: st.one_of(
    st.builds("({} {} {})".format, part, st.sampled_from(["+", "-", "*", "/", "**", "%", "==", "<", "in", "and", "or", "&&"]), part),
    st.builds("{}({})".format, st.sampled_from(["len", "str", "sum", "sorted", "sha256", "empty", "list", "not ", "-", "max", "int"]),
    part),
    st.builds("[{} for i in {}]".format, part, part),
    st.builds("({}).{}({})".format, part, st.sampled_from(sorted(expressions.METHODS)), part)),
    max_leaves=12))
def test_an_expression_gives_a_json_value_or_invalid_and_soon(expression):
    import json
    began = time.perf_counter()
    try:
        json.dumps(expressions.evaluate(expression, NAMES, NOW), allow_nan=False)
    except Invalid:
        pass
    assert time.perf_counter() - began < 5


def test_values_are_not_changed_by_expressions():
    import copy
    before = copy.deepcopy(NAMES)
    for expression in ("[x for x in kanal]", "{**b, 'x': 1}", "sorted(kanal)", "kanal + [1]"):
        expressions.evaluate(expression, NAMES, NOW)
    assert before == NAMES


def test_a_failed_comprehension_leaves_no_names_behind():
    with pytest.raises(Invalid):
        expressions.evaluate("[1 / 0 for rahasia in kanal]", NAMES, NOW)
    with pytest.raises(Invalid, match="rahasia"):
        expressions.evaluate("rahasia", NAMES, NOW)


def test_without_a_time_there_is_no_now():
    with pytest.raises(Invalid):
        expressions.evaluate("now()", NAMES)


@pytest.mark.parametrize(("text", "value"), [
    ("teks biasa", "teks biasa"), ("${a}", 1), ("Surat ${a} dari ${b.judul}", "Surat 1 dari J"), ("${kosong}", None), ("x${kosong}y", "xy"),
    ("#{a}-${a}", "1-1"), ("${'}' + '{'}!", "}{!"), ("${ {'x': 1}.x }", 1), ("{a}", "{a}"), ("${kanal}", ["website", "facebook"]),
    ("k: ${kanal}", 'k: ["website", "facebook"]'),
])
def test_texts_are_interpolated(text, value):
    assert expressions.interpolate(text, NAMES, NOW) == value


@pytest.mark.parametrize("text", ["${a", "x ${a", "${a.__class__}", "a ${b + } c", "${'a}"])
def test_a_wrong_place_in_a_text_is_refused_at_deployment(text):
    with pytest.raises(Invalid):
        expressions.check_interpolated(text, file="p", line=1, element="x")


def test_the_names_that_an_expression_reads():
    assert expressions.check("${judul or get('x') and [k for k in kanal if k > len(b.c)]}") == {"judul", "kanal", "b"}


def test_a_script_s_lines_see_those_before_them():
    assert expressions.run_script("x = a + 1\ny = x * 2\n\n# ok\nz = [x,\n     y]", NAMES, NOW) == {"x": 2, "y": 4, "z": [2, 4]}


@pytest.mark.parametrize("script", [
    "import os", "x", "x = 1 = 2", "x, y = 1, 2", "x.y = 1", "x[0] = 1", "x += 1", "def f(): pass", "for i in kanal: x = i", "if a: x = 1",
    "_x = 1",
    "len = 1", "true = 1", "x = __import__('os')", "while True: x = 1", "with a: x = 1", "class X: pass", "x: int = 1", "del a",
    "global a", "x = y = 1",
    "lambda: 1", "print(a)", "x = lambda: 1", "exec('x')", "try:\n  x = 1\nexcept: pass", "raise a", "x = (yield)", "return 1", "pass",
])
def test_a_script_is_assignments_and_nothing_else(script):
    with pytest.raises(Invalid):
        expressions.check_script(script, file="p", line=1, element="x")
    with pytest.raises(Invalid):
        expressions.run_script(script, NAMES, NOW)
