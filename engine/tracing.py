"""OpenTelemetry traces, where OTEL_EXPORTER_OTLP_ENDPOINT is set and `terbit[otel]` installed. Else nothing of it is even imported.

What goes into a span is what the instrumentations put there: addresses, and statements with placeholders instead of values.
"""

import os

import structlog

from engine.process_engine import ProcessEngine

log = structlog.get_logger()
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # in config.toml or, as OpenTelemetry has it, in the environment


def start(pe: ProcessEngine, service: str) -> bool:
    """Trace this process's statements and messages, as `service`. Call it after the fork. False where it is not set up."""
    endpoint = pe.config.get(ENDPOINT) or os.environ.get(ENDPOINT)
    if not endpoint:
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.celery import CeleryInstrumentor
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("tracing.not_installed", error=str(error), advice="pip install terbit[otel]")
        return False
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
    SQLAlchemyInstrumentor().instrument(engine=pe.db, skip_dep_check=True)  # it asks for < 2.1, and works with 2.1 (tested)
    CeleryInstrumentor().instrument()
    return True
