"""OpenTelemetry: a request becomes a span, whether one application is instrumented or all are."""

import asyncio

import flask
import httpx
import pytest
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def options(exporter, reader):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return {
        "tracer_provider": provider,
        "meter_provider": MeterProvider([reader]),
        "excluded_urls": "health",
        "response_hook": lambda span, status, headers: headers.append(("X-Traced", str(bool(span)))),
    }


def declare(app):
    @app.get("/users/<int:number>")
    def user(number):
        get_current_span().set_attribute("number", number)
        return f"user {number}"

    @app.get("/fail")
    def fail():
        raise ZeroDivisionError

    @app.get("/stream")
    def stream():
        return flask.Response(iter(["a", "b"]))

    @app.get("/health")
    def health():
        return "ok"

    return app


@pytest.fixture(params=["one", "all"])
def app(request, options):
    if request.param == "one":
        app = flask.Flask(__name__)
        FlaskInstrumentor.instrument_app(app, **options)
        yield declare(app)
        FlaskInstrumentor.uninstrument_app(app)
    else:
        FlaskInstrumentor().instrument(**options)
        yield declare(flask.Flask(__name__))
        FlaskInstrumentor().uninstrument()


def test_a_request_becomes_a_span(app, exporter):
    answer = app.test_client().get("/users/7")
    assert (answer.text, answer.headers["X-Traced"]) == ("user 7", "True")
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("GET /users/<int:number>", SpanKind.SERVER)
    assert span.attributes["http.route"] == "/users/<int:number>"
    assert span.attributes["http.status_code"] == 200
    assert span.attributes["number"] == 7


def test_the_span_continues_the_trace_of_the_client(app, exporter):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    app.test_client().get("/users/7", headers={"traceparent": f"00-{trace}-{parent}-01"})
    (span,) = exporter.get_finished_spans()
    assert format(span.context.trace_id, "032x") == trace
    assert format(span.parent.span_id, "016x") == parent


def test_errors_are_in_the_span(app, exporter):
    client = app.test_client()
    client.get("/fail")
    client.get("/nothing")
    failed, missing = exporter.get_finished_spans()
    assert (failed.attributes["http.status_code"], failed.status.status_code) == (500, StatusCode.ERROR)
    assert missing.attributes["http.status_code"] == 404


def test_a_streamed_answer_has_its_span(app, exporter):
    assert app.test_client().get("/stream").text == "ab"
    assert [span.name for span in exporter.get_finished_spans()] == ["GET /stream"]


def test_some_paths_are_left_out(app, exporter):
    assert app.test_client().get("/health").text == "ok"
    assert exporter.get_finished_spans() == ()


def test_requests_are_measured(app, reader):
    app.test_client().get("/users/7")
    (resource,) = reader.get_metrics_data().resource_metrics
    names = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    assert names == {"http.server.duration", "http.server.active_requests"}


def test_an_application_can_be_freed_of_it(options, exporter):
    app = declare(flask.Flask(__name__))
    FlaskInstrumentor.instrument_app(app, **options)
    app.test_client().get("/users/7")
    FlaskInstrumentor.uninstrument_app(app)
    app.test_client().get("/users/8")
    assert len(exporter.get_finished_spans()) == 1


@pytest.mark.skipif(not hasattr(flask.Flask, "asgi_context_class"), reason="Flask itself has no ASGI")
def test_a_request_under_asgi_becomes_a_span(app, exporter):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/users/7")

    assert asyncio.run(ask()).text == "user 7"
    assert [span.name for span in exporter.get_finished_spans()] == ["GET /users/<int:number>"]
