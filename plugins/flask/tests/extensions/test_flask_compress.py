"""Flask-Compress: large answers are compressed for who can read that, small ones are not."""

import gzip
import io

import brotli
import pytest
from flask import Flask, Response, send_file
from flask_compress import Compress

TEXT = "compress me " * 500


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    Compress(app)
    app.get("/large", endpoint="large")(lambda: TEXT)
    app.get("/small", endpoint="small")(lambda: "small")
    app.get("/json", endpoint="json")(lambda: {"text": TEXT})

    @app.get("/stream")
    def stream():
        return Response((TEXT for _ in range(3)), mimetype="text/plain")

    @app.get("/file")
    def file():
        return send_file(io.BytesIO(TEXT.encode()), mimetype="text/plain", etag="first")

    return app


def test_the_client_chooses_how(app):
    client = app.test_client()
    zipped = client.get("/large", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data).decode() == TEXT
    assert int(zipped.headers["Content-Length"]) == len(zipped.data)
    assert "Accept-Encoding" in zipped.headers["Vary"]
    broken = client.get("/large", headers={"Accept-Encoding": "gzip, br"})
    assert brotli.decompress(broken.data).decode() == TEXT


def test_who_asks_for_nothing_gets_it_as_it_is(app):
    answer = app.test_client().get("/large")
    assert ("Content-Encoding" in answer.headers, answer.text) == (False, TEXT)


def test_a_small_answer_is_not_worth_it(app):
    answer = app.test_client().get("/small", headers={"Accept-Encoding": "gzip"})
    assert (answer.text, "Content-Encoding" in answer.headers) == ("small", False)


@pytest.mark.parametrize("path", ["/json", "/stream", "/file"])
def test_json_streams_and_files_are_compressed(app, path):
    answer = app.test_client().get(path, headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert TEXT[:100] in brotli.decompress(answer.data).decode()
