"""Which API this is, and which engines there are: one, named `default` as Camunda's is."""

from webui.rest.declare import STRING, Call, array, named, operation

CAMUNDA = "7.24.0"  # whose REST API this is; a client may look


@operation("GET", "/version", tag="Version", summary="The version of the REST API", result=named("Version", {"version": STRING}))
def get_version(call: Call) -> dict:
    return {"version": CAMUNDA}


@operation("GET", "/engine", tag="Engine", summary="The names of the engines", result=array(named("Engine", {"name": STRING})))
def get_engines(call: Call) -> list:
    return [{"name": "default"}]
