"""Flask-SQLAlchemy: models, requests that write and read, pagination, 404 for what is not there."""

import asyncio

import httpx
import pytest
from flask import Flask, jsonify, render_template_string, request
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.record_queries import get_recorded_queries
from sqlalchemy.orm import Mapped, mapped_column

db = SQLAlchemy()


class Book(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///books.db"
    app.config["SQLALCHEMY_RECORD_QUERIES"] = True
    db.init_app(app)

    @app.post("/books")
    def add():
        book = Book(title=request.get_json()["title"])
        db.session.add(book)
        db.session.commit()
        return jsonify(id=book.id, title=book.title), 201

    @app.get("/books/<int:number>")
    def show(number):
        return jsonify(title=db.get_or_404(Book, number).title, queries=len(get_recorded_queries()))

    @app.get("/books")
    def page():
        books = db.paginate(db.select(Book).order_by(Book.title), per_page=2)
        return render_template_string("{{ books.total }}:{% for b in books %}{{ b.title }},{% endfor %}", books=books)

    @app.get("/async")
    async def count():
        return str(db.session.scalar(db.select(db.func.count()).select_from(Book)))

    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


def test_a_row_written_by_one_request_is_read_by_the_next(app):
    client = app.test_client()
    made = client.post("/books", json={"title": "Emma"})
    assert (made.status_code, made.json) == (201, {"id": 1, "title": "Emma"})
    assert client.get("/books/1").json == {"title": "Emma", "queries": 1}
    assert client.get("/books/2").status_code == 404


def test_a_page_takes_its_number_from_the_query(app):
    client = app.test_client()
    for title in ("A", "B", "C"):
        client.post("/books", json={"title": title})
    assert client.get("/books").text == "3:A,B,"
    assert client.get("/books?page=2").text == "3:C,"
    assert client.get("/books?page=3").status_code == 404


def test_a_failed_request_leaves_no_session_behind(app):
    client = app.test_client()
    client.post("/books", json={"title": "Emma"})
    assert client.post("/books", json={"title": "Emma"}).status_code == 500
    assert client.post("/books", json={"title": "Persuasion"}).status_code == 201


def test_each_context_has_a_session_of_its_own(app):
    with app.app_context():
        outer = db.session()
        with app.app_context():
            assert db.session() is not outer
        assert db.session() is outer


def test_a_request_within_a_context_shares_its_session(app):
    with app.app_context():
        outer = db.session()
        with app.test_request_context():
            assert db.session() is outer


def test_work_outside_of_a_context_is_refused():
    with pytest.raises(RuntimeError, match="application context"):
        db.session.get(Book, 1)


@pytest.mark.skipif(not hasattr(Flask, "asgi_context_class"), reason="Flask itself has no ASGI")
def test_it_answers_the_same_under_asgi(app):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            made = await client.post("/books", json={"title": "Emma"})
            found = await asyncio.gather(*(client.get("/books/1") for _ in range(5)))
            return made, found, await client.get("/async"), await client.get("/books/9")

    made, found, count, missing = asyncio.run(ask())
    assert (made.status_code, made.json()["id"]) == (201, 1)
    assert [one.json() for one in found] == [{"title": "Emma", "queries": 1}] * 5
    assert count.text == "1"
    assert missing.status_code == 404
