"""The four operations that every list has: GET and POST, each as the rows and as their number."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine import conditions, listing
from engine.listing import Listing
from webui.rest.declare import ANY, COUNT, STRING, TYPES, Call, Parameter, array, named, operation, optional, read_date
from webui.rest.errors import BadRequest

PAGING = (Parameter("firstResult", "integer", "The index of the first row, from 0"),
          Parameter("maxResults", "integer", f"How many rows at most; {listing.MOST_ROWS} is the most that one answer holds"))
ORDERS = ("asc", "desc")
CONDITION = named("VariableCondition", {"name": STRING, "operator": {"type": "string", "enum": list(conditions.OPERATORS)}, "value": ANY})
CONDITIONS = optional({"type": "array", "maxItems": 20, "items": CONDITION})
_WRITTEN = re.compile(r"(.+?)_(" + "|".join(conditions.OPERATORS) + r")_(.*)", re.DOTALL)


def declare_list(path: str, tag: str, what: Listing, row: dict, show: Callable[[Call, dict], dict], *, post: bool = True,
                 variables: tuple[str, str] | None = None,
                 beside: Callable[[Call, list[dict]], list[dict]] = lambda _call, rows: rows) -> None:
    """Declare GET `path` and `path/count`, and with `post` the same by POST, with all that the listing can be asked.

    `row` is the schema of what `show` makes of a row; `beside` adds to all rows at once what it needs besides the listing's columns.
    `variables`: what the filter by variables is called, and the listing's filter by ids of cases.
    """
    filters = tuple(Parameter(name, each.type) for name, each in what.filters.items())
    if variables:
        filters += (Parameter(variables[0], "list", "name_operator_value, the value a text; one of " + ", ".join(conditions.OPERATORS)),)

    def narrowed(call: Call, criteria: dict, wanted: list[conditions.Condition]) -> dict:
        if not variables or not wanted:
            return criteria
        return criteria | {variables[1]: conditions.cases_that_meet(call.pe, call.actor, what, criteria, wanted)}

    def of_query(call: Call) -> tuple[dict, list[tuple[str, bool]]]:
        criteria, order = _from_query(what, call.query)
        return narrowed(call, criteria, _written(call.query.get(variables[0])) if variables else []), order

    def of_body(call: Call) -> tuple[dict, list[tuple[str, bool]]]:
        criteria, order = _from_body(what, call.body)
        asked = call.body.get(variables[0]) or () if variables else ()
        return narrowed(call, criteria, [conditions.Condition(**each) for each in asked]), order

    def shown(call: Call, criteria: dict, order: list[tuple[str, bool]]) -> list:
        return [show(call, row) for row in beside(call, _rows(call, what, criteria, order))]

    sorting = (Parameter("sortBy", "string", "One of " + ", ".join(what.sorts)), Parameter("sortOrder", "string", "asc or desc"))
    plural = f"{tag} list" if path.startswith("/history") else f"{tag}s"

    def get_list(call: Call) -> list:
        return shown(call, *of_query(call))

    def get_count(call: Call) -> dict:
        return {"count": listing.count(call.pe, call.actor, what, of_query(call)[0], now=call.now)}

    def post_list(call: Call) -> list:
        return shown(call, *of_body(call))

    def post_count(call: Call) -> dict:
        return {"count": listing.count(call.pe, call.actor, what, of_body(call)[0], now=call.now)}

    operation("GET", path, tag=tag, summary=f"List: {plural}", query=filters + sorting + PAGING, result=array(row))(get_list)
    operation("GET", f"{path}/count", tag=tag, summary=f"Count: {plural}", query=filters + sorting, result=COUNT)(get_count)
    if post:
        body = _body(tag, what, variables[0] if variables else None)
        operation("POST", path, tag=tag, summary=f"List: {plural} (POST)", query=PAGING, body=body, body_required=False,
                  result=array(row))(post_list)
        operation("POST", f"{path}/count", tag=tag, summary=f"Count: {plural} (POST)", body=body, body_required=False,
                  result=COUNT)(post_count)


def rows_of(call: Call, what: Listing, **criteria: Any) -> list[dict]:
    """All rows of a listing that meet the criteria and that the caller sees."""
    return listing.find(call.pe, call.actor, what, criteria, now=call.now)


def row_of(call: Call, what: Listing, row_id: str, kind: str) -> dict:
    """The row with this id, or a 404 in Camunda's words."""
    row = listing.get(call.pe, call.actor, what, row_id)
    if row is None:
        raise BadRequest(f"No matching {kind} with id {row_id[:80]}", status=404)
    return row


def _rows(call: Call, what: Listing, criteria: dict, order: list[tuple[str, bool]]) -> list[dict]:
    first, most = call.query.get("firstResult") or 0, call.query.get("maxResults")
    if first < 0 or most is not None and most < 0:
        raise BadRequest("firstResult and maxResults must not be negative")
    return listing.find(call.pe, call.actor, what, criteria, now=call.now, sorting=order, first=first, limit=most)


def _from_query(what: Listing, query: Mapping[str, Any]) -> tuple[dict, list[tuple[str, bool]]]:
    by, order = query.get("sortBy"), query.get("sortOrder")
    if (by is None) != (order is None):
        raise BadRequest("Only a single sorting parameter specified. sortBy and sortOrder required")
    criteria = {name: value for name, value in query.items() if name in what.filters}
    return criteria, [] if by is None else [_order(what, by, str(order))]


def _from_body(what: Listing, body: Mapping[str, Any]) -> tuple[dict, list[tuple[str, bool]]]:
    criteria = criteria_of(what, body)
    if what.alternatives and body.get("orQueries"):
        criteria["orQueries"] = [criteria_of(what, each) for each in body["orQueries"]]
    return criteria, [_order(what, each["sortBy"], each["sortOrder"]) for each in body.get("sorting") or ()]


def _written(given: list[str] | None) -> list[conditions.Condition]:
    """Camunda's `name_operator_value`, which is always a text here; a name may have underscores of its own."""
    found = [(each, _WRITTEN.fullmatch(each)) for each in given or () if each]
    for each, match in found:
        if match is None:
            raise BadRequest(f"variable query parameter has to have format name_operator_value: {each[:80]}")
    return [conditions.Condition(*match.groups()) for _, match in found if match]


def criteria_of(what: Listing, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a query in a body asks of a listing, as `listing.find` takes it."""
    return {name: read_date(value, name) if what.filters[name].type == "date" else value
            for name, value in body.items() if name in what.filters and value is not None}


def _order(what: Listing, by: str, order: str) -> tuple[str, bool]:
    if by not in what.sorts:
        raise BadRequest(f"sortBy parameter has invalid value: {by[:80]}")
    if order not in ORDERS:
        raise BadRequest(f"sortOrder parameter has invalid value: {order[:80]}")
    return by, order == "desc"


def _body(tag: str, what: Listing, variables: str | None) -> dict:
    name = tag.title().replace(" ", "") + "Query"
    fields = {each: optional(TYPES[one.type]) for each, one in what.filters.items()}
    sorting = {"type": "object", "required": ["sortBy", "sortOrder"],
               "properties": {"sortBy": STRING, "sortOrder": STRING, "parameters": optional({"type": "object"})}}
    if what.alternatives:
        fields["orQueries"] = optional({"type": "array", "maxItems": 20, "items": named(f"{name}Alternative", dict(fields), required=())})
    if variables:
        fields[variables] = CONDITIONS
    return named(name, {**fields, "sorting": optional({"type": "array", "maxItems": 10, "items": sorting})}, required=())
