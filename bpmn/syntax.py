"""Reading an expression or a script into a syntax tree that holds nothing but what is allowed."""

import ast
import re
from functools import lru_cache

from simpleeval import DISALLOW_METHODS

from bpmn.errors import N_
from bpmn.evaluation import CONSTANTS, FUNCTIONS, METHODS, Problem

MAX_LENGTH = 10_000  # characters of an expression
MAX_DEPTH = 60  # of its syntax tree
NODES = (
    ast.Expression, ast.Name, ast.Load, ast.Store, ast.Constant, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.Eq,
    ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.IfExp, ast.Call, ast.keyword,
    ast.Subscript, ast.Slice, ast.Attribute, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.GeneratorExp,
    ast.DictComp, ast.comprehension,
)



@lru_cache(4096)
def parse(expression: str) -> ast.expr:
    if not expression.strip():
        raise Problem(N_("kosong"))
    if len(expression) > MAX_LENGTH:
        raise Problem(N_("terlalu panjang"))
    tree = _ast(_python(expression.strip()), "eval").body
    _check_tree(tree)
    return tree


@lru_cache(1024)
def assignments(script: str) -> list[tuple[str, ast.expr]]:
    """Return the (name, expression) pairs of a script: one assignment a statement. Raises Problem."""
    if len(script) > MAX_LENGTH:
        raise Problem(N_("terlalu panjang"))
    pairs = []
    for statement in _ast(_python(_dedent(script)), "exec").body:
        if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)):
            raise Problem(N_("baris %(line)d bukan penugasan `nama = ekspresi`"), line=statement.lineno)
        name = statement.targets[0].id
        _check_name(name)
        if name in CONSTANTS or name in FUNCTIONS:
            raise Problem(N_("%(name)s tidak dapat dipakai sebagai nama variabel"), name=name)
        _check_tree(statement.value)
        pairs.append((name, statement.value))
    return pairs


def _dedent(script: str) -> str:
    return "\n".join(line.strip() if not line[:1].strip() else line.rstrip() for line in script.splitlines())


def _ast(source: str, mode: str):
    try:
        return ast.parse(source, mode=mode)
    except SyntaxError as error:
        raise Problem(N_("salah tulis (%(problem)s)"), problem=error.msg) from error
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; nested too deeply for the parser
        raise Problem(N_("tidak dapat dibaca")) from error


_TOKENS = re.compile(r"""(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(?P<comment>\#[^\n]*)|(?P<and>&&)|(?P<or>\|\|)|(?P<not>!(?!=))"""
                     r"""|(?P<ternary>\?)|(?P<empty>(?<![\w.])empty\s+(?P<path>[^\W\d]\w*(?:\.[^\W\d]\w*)*))"""
                     r"""|(?P<word>(?<![\w.])(?:eq|ne|lt|gt|le|ge|div|mod)(?![\w.(\s]*=(?!=))(?=\s))""", re.VERBOSE | re.DOTALL)
_WORDS = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "div": "/", "mod": "%"}


def _python(source: str) -> str:
    """Return JUEL's cheap and unambiguous words as Python's: && || ! empty eq ne lt gt le ge div mod."""
    def replace(match):
        kind = match.lastgroup if match.lastgroup != "path" else "empty"
        if kind in ("text", "comment"):
            return match.group()
        if kind == "ternary":
            raise Problem(N_("tulis `a if syarat else b`, bukan `syarat ? a : b`"))
        if kind == "empty":
            return f"empty({match.group('path')})"
        return {"and": " and ", "or": " or ", "not": " not "}.get(kind) or _WORDS[match.group()]
    return _TOKENS.sub(replace, source).strip()


def _check_tree(tree: ast.AST) -> None:
    _check_depth(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.FormattedValue):
            raise Problem(N_("f-string tidak diterima"))
        if isinstance(node, ast.Lambda):
            raise Problem(N_("lambda tidak diterima"))
        if not isinstance(node, NODES):
            raise Problem(N_("%(what)s tidak diterima"), what=type(node).__name__)
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):
            raise Problem(N_("%(what)s tidak diterima"), what=type(node.value).__name__)
        if isinstance(node, ast.comprehension) and node.is_async:
            raise Problem(N_("%(what)s tidak diterima"), what="async")
        if isinstance(node, ast.Name):
            _check_name(node.id)
            if node.id == "execution":
                raise Problem(N_("`execution` tidak ada di sini; tulis nama variabelnya saja, atau get('nama')"))
        if isinstance(node, ast.Attribute):
            _check_name(node.attr)
            if node.attr in DISALLOW_METHODS or node.attr.startswith(("gi_", "cr_", "ag_", "tb_")):
                raise Problem(N_("%(what)s tidak diterima"), what=node.attr)
        if isinstance(node, ast.Call):
            _check_call(node)


def _check_call(node: ast.Call) -> None:
    if isinstance(node.func, ast.Attribute):
        if node.func.attr not in METHODS:
            raise Problem(N_("metode %(name)s tidak diterima"), name=node.func.attr)
    elif not isinstance(node.func, ast.Name):
        raise Problem(N_("hanya fungsi bernama yang dapat dipanggil"))
    elif node.func.id not in FUNCTIONS:
        raise Problem(N_("fungsi %(name)s tidak dikenal"), name=node.func.id)
    if any(k.arg is None for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
        raise Problem(N_("%(what)s tidak diterima"), what="*")


def _check_name(name: str) -> None:
    if name.startswith("_") or name.startswith("func_"):
        raise Problem(N_("nama yang diawali garis bawah tidak diterima: %(name)s"), name=name)


def _check_depth(tree: ast.AST) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Problem(N_("terlalu dalam"))
        level = [child for node in level for child in ast.iter_child_nodes(node)]
