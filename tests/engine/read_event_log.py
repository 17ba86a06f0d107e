"""Reads an event log with pm4py and says as JSON what it finds; a process of its own, as pm4py brings pandas and takes seconds to come up.

Source: https://processintelligence.solutions/static/api/2.7.11/ (read_xes, get_variants, discover_dfg, get_case_duration).
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import pm4py  # noqa: E402

log = pm4py.read_xes(sys.argv[1])
done = pm4py.filter_event_attribute_values(log, "lifecycle:transition", ["complete"], level="event")
follows, begin, end = pm4py.discover_dfg(done, activity_key="id_langkah")
cases = log.groupby("case:concept:name").first()
print(json.dumps({
    "events": len(log),
    "variants": [[list(path), count] for path, count in pm4py.get_variants(done, activity_key="id_langkah").items()],
    "follows": [[one, two, int(count)] for (one, two), count in follows.items()],
    "begin": {each: int(count) for each, count in begin.items()}, "end": {each: int(count) for each, count in end.items()},
    "seconds": {case: pm4py.get_case_duration(log, case) for case in cases.index},
    "working_seconds": {case: int(seconds) for case, seconds in cases["case:detik_kerja"].items()},
    "steps": {step: int(seconds) for step, seconds in done.groupby("id_langkah")["detik_kerja"].sum().items()},
}))
