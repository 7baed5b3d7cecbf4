"""Pages: by number and by key in both directions, their limits, and what wrong numbers get."""

# mypy: disable-error-code="misc, name-defined"

import base64
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivet import Trivet, request
from trivet_db import KeysetPage, PageError, Pagination, SQLAlchemy
from trivet_db.pagination import Keyset, number, offset_of

from .serving import Server

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]


class Library:
    """An application with thirty-five books, and views that show pages of them."""

    def __init__(self, app: Trivet) -> None:
        self.app = app
        db = self.db = SQLAlchemy(app)

        class Book(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            title = db.Column(db.String(20))
            shelf = db.Column(db.Integer)
            chapters = db.relationship("Chapter")

        class Chapter(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            book_id = db.Column(db.ForeignKey("book.id"))

        self.Book, self.Chapter = Book, Chapter
        self.select = sa.select(Book).order_by(Book.id)
        app.add_url_rule("/select", "select", lambda: shown(db.paginate(self.select)))
        app.add_url_rule("/query", "query", lambda: shown(Book.query.order_by(Book.id).paginate()))
        app.add_url_rule("/soft", "soft", lambda: shown(db.paginate(self.select, error_out=False)))
        app.add_url_rule("/soft-query", "soft-query", lambda: shown(Book.query.paginate(error_out=False)))
        app.add_url_rule("/uncounted", "uncounted", lambda: shown(db.paginate(self.select, count=False)))
        app.add_url_rule("/keyset", "keyset", lambda: cursors(db.keyset(sa.select(Book), [Book.shelf, Book.id.desc()])))

        @app.get("/async")
        async def asynchronous() -> dict[str, Any]:
            return shown(await db.async_session.paginate(self.select))

        @app.get("/async-keyset")
        async def asynchronous_keyset() -> dict[str, Any]:
            return cursors(await db.async_session.keyset(sa.select(Book), [Book.shelf, Book.id.desc()]))

    def fill(self, count: int = 35) -> None:
        self.db.create_all()
        for ident in range(1, count + 1):
            chapters = [self.Chapter() for _ in range(3)]
            self.db.session.add(self.Book(id=ident, title=f"Book {ident}", shelf=ident % 4, chapters=chapters))
        self.db.session.commit()


def shown(page: Pagination[Any]) -> dict[str, Any]:
    return {"page": page.page, "per_page": page.per_page, "ids": [one.id for one in page], "total": page.total}


def cursors(page: KeysetPage[Any]) -> dict[str, Any]:
    return {"ids": [one.id for one in page], "next": page.next_cursor, "prev": page.prev_cursor}


@pytest.fixture
def library(make_app: Make, sqlite_database: str) -> Library:
    library = Library(make_app(SQLALCHEMY_DATABASE_URI=sqlite_database))
    with library.app.app_context():
        library.fill()
    return library


@pytest.fixture
def inside(library: Library) -> Iterator[Library]:
    with library.app.app_context():
        yield library


# -- the numbers of a page


def page(number: int, per_page: int, total: int | None, items: int = 1, more: bool | None = None) -> Pagination[int]:
    def again(number: int, error_out: bool, total: int | None) -> Pagination[int]:
        raise NotImplementedError

    return Pagination(number, per_page, None, range(items), total, again, more)


def test_a_page_knows_where_it_is() -> None:
    middle = page(2, 10, 25, 10)
    assert (middle.first, middle.last, middle.pages) == (11, 20, 3)
    assert (middle.has_prev, middle.prev_num, middle.has_next, middle.next_num) == (True, 1, True, 3)
    last = page(3, 10, 25, 5)
    assert (last.first, last.last, last.has_next, last.next_num) == (21, 25, False, None)
    empty = page(1, 10, 0, 0)
    assert (empty.first, empty.last, empty.pages, empty.has_prev, empty.prev_num) == (0, 0, 0, False, None)


def test_without_a_count_a_page_knows_whether_there_is_another() -> None:
    assert page(1, 10, None, 10, True).next_num == 2
    assert page(2, 10, None, 10, False).next_num is None
    assert page(2, 10, None, 10, False).pages == 0


def test_a_total_may_be_set_by_hand() -> None:
    uncounted = page(1, 10, None, 10, True)
    uncounted.total = 10
    assert (uncounted.pages, uncounted.has_next) == (1, False)


def links(count: int, current: int, **edges: int) -> list[int | None]:
    return list(page(current, 10, count * 10).iter_pages(**edges))


def test_links_leave_out_what_is_far() -> None:
    assert links(20, 7) == [1, 2, None, 5, 6, 7, 8, 9, 10, 11, None, 19, 20]
    assert links(20, 1) == [1, 2, 3, 4, 5, None, 19, 20]
    assert links(20, 20) == [1, 2, None, 18, 19, 20]
    assert links(3, 2) == [1, 2, 3]
    assert links(0, 1) == []
    assert links(20, 10, left_edge=0, left_current=1, right_current=1, right_edge=0) == [None, 9, 10, 11, None]


edges = st.integers(0, 6)


@given(st.integers(0, 40), st.integers(1, 60), edges, edges, edges, edges)
def test_links_ascend_with_a_gap_wherever_something_is_missing(
    count: int, current: int, left: int, before: int, after: int, right: int
) -> None:
    made = links(count, current, left_edge=left, left_current=before, right_current=after, right_edge=right)
    numbers = [one for one in made if one is not None]
    assert numbers == sorted(set(numbers))
    assert all(1 <= one <= count for one in numbers)
    assert current in numbers or current > count
    for one, other in pairwise(made):
        assert (one is None) + (other is None) < 2
        assert one is None or other is None or other == one + 1


@pytest.mark.skipif(importlib.util.find_spec("flask_sqlalchemy") is None, reason="Flask-SQLAlchemy is not installed")
@given(st.integers(0, 40), st.integers(1, 40))
def test_links_are_those_of_flask_sqlalchemy(count: int, current: int) -> None:
    peer: Any = importlib.import_module("flask_sqlalchemy.pagination").Pagination
    theirs = peer.__new__(peer)
    theirs.page, theirs.per_page, theirs.total = current, 10, count * 10
    if current <= count:
        assert links(count, current) == list(theirs.iter_pages())


# -- reading numbers


@given(st.integers(-3, 10**30) | st.text() | st.none() | st.floats())
def test_a_page_number_is_a_number_from_one_on_or_refused(value: Any) -> None:
    with suppress(PageError):
        assert 1 <= number(value, 7, "page") < 2**63


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_an_offset_is_one_that_databases_take(page: int, per_page: int) -> None:
    assert 0 <= offset_of(page, per_page) < 2**63


# -- pages by number


def test_a_page_of_a_statement_and_of_a_query_are_the_same(inside: Library) -> None:
    for found in (
        inside.db.paginate(inside.select, page=2, per_page=10),
        inside.db.session.paginate(inside.select, page=2, per_page=10),
        inside.Book.query.order_by(inside.Book.id).paginate(page=2, per_page=10),
    ):
        assert [book.id for book in found] == [book.id for book in found.items] == list(range(11, 21))
        assert (found.total, found.pages, found.first, found.last) == (35, 4, 11, 20)
        assert (found.has_prev, found.has_next) == (True, True)


def statements(db: SQLAlchemy) -> tuple[list[str], Callable[..., None]]:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    return seen, note


@pytest.mark.parametrize("kind", ["select", "query"])
def test_walking_on_counts_once(inside: Library, kind: str) -> None:
    seen, _ = statements(inside.db)
    found: Any = (
        inside.db.paginate(inside.select, per_page=10)
        if kind == "select"
        else inside.Book.query.order_by(inside.Book.id).paginate(per_page=10)
    )
    ids = [book.id for book in found]
    while found.has_next:
        found = found.next()
        ids += [book.id for book in found]
        assert found.total == 35
    assert ids == list(range(1, 36))
    assert [book.id for book in found.prev()] == list(range(21, 31))
    assert sum("count(" in statement for statement in seen) == 1


@pytest.mark.parametrize("kind", ["select", "query"])
def test_beyond_the_ends_there_is_nothing_or_a_404(inside: Library, kind: str) -> None:
    found: Any = (
        inside.db.paginate(inside.select, per_page=20)
        if kind == "select"
        else inside.Book.query.order_by(inside.Book.id).paginate(per_page=20)
    )
    assert [book.id for book in found.prev()] == list(range(1, 21))
    assert found.next().next().items == []
    with pytest.raises(Exception, match="404"):
        found.prev(error_out=True)
    with pytest.raises(Exception, match="404"):
        found.next().next(error_out=True)


@pytest.mark.parametrize("kind", ["select", "query"])
def test_without_a_count_there_is_one_statement_and_a_look_ahead(inside: Library, kind: str) -> None:
    seen, _ = statements(inside.db)

    def ask(number: int) -> Any:
        if kind == "select":
            return inside.db.paginate(inside.select, page=number, per_page=5, count=False)
        return inside.Book.query.order_by(inside.Book.id).paginate(page=number, per_page=5, count=False)

    assert (ask(1).total, ask(1).has_next, len(ask(1).items)) == (None, True, 5)
    assert (ask(7).has_next, len(ask(7).items)) == (False, 5)
    assert not any("count(" in statement for statement in seen)
    assert [book.id for book in ask(1).next().next()] == [11, 12, 13, 14, 15]
    assert ask(1).next().has_next


def test_rows_that_are_joined_with_their_collections_come_once(inside: Library) -> None:
    joined = inside.select.options(sa.orm.joinedload(inside.Book.chapters))
    found = inside.db.paginate(joined, per_page=10)
    assert [book.id for book in found] == list(range(1, 11))
    assert found.total == 35
    assert len(found.items[0].chapters) == 3
    by_key = inside.db.keyset(joined.order_by(None), inside.Book.id, per_page=10)
    assert [book.id for book in by_key] == list(range(1, 11))


def test_of_columns_the_first_counts_and_doubles_stay(inside: Library) -> None:
    found = inside.db.paginate(sa.select(inside.Book.shelf, inside.Book.id).order_by(inside.Book.id), per_page=6)
    assert found.items == [1, 2, 3, 0, 1, 2]


def test_a_union_has_pages_too(inside: Library) -> None:
    even, odd = (sa.select(inside.Book.id).where(inside.Book.id % 2 == rest) for rest in (0, 1))
    found = inside.db.paginate(sa.union_all(even, odd).order_by("id"), per_page=3)
    assert (found.items, found.total, found.next().items) == ([1, 2, 3], 35, [4, 5, 6])


def test_a_limit_holds_whoever_asks(make_app: Make) -> None:
    library = Library(make_app(SQLALCHEMY_DATABASE_URI="sqlite://", DB_MAX_PER_PAGE=8, DB_PER_PAGE=4))
    client = library.app.test_client()
    with library.app.app_context():
        library.fill()
        assert library.db.paginate(library.select, per_page=1000).per_page == 8
        assert library.db.paginate(library.select, per_page=1000, max_per_page=20).per_page == 20
        assert library.db.paginate(library.select, per_page=1000, max_per_page=None).per_page == 1000
        assert library.Book.query.paginate(per_page=1000, max_per_page=None).max_per_page is None

    def ask(path: str) -> Any:
        return client.get(path).json

    assert ask("/select")["per_page"] == ask("/query")["per_page"] == 4
    assert ask("/select?per_page=1000")["per_page"] == ask("/query?per_page=1000")["per_page"] == 8
    assert len(ask("/keyset?per_page=1000")["ids"]) == 8


@pytest.mark.parametrize("path", ["/select", "/query", "/async"])
def test_the_url_says_which_page(library: Library, serve: Serve, path: str) -> None:
    server = serve(library.app)
    assert server.ask(path).json == {"page": 1, "per_page": 20, "ids": list(range(1, 21)), "total": 35}
    assert server.ask(f"{path}?page=4&per_page=10").json["ids"] == [31, 32, 33, 34, 35]


NO_PAGES = ("", "x", "0", "-1", "1.5", "9", 2**63 - 1, "9" * 5000, "%00", "%F0%9F%98%80", "None", "1e3", "%C2%B2")


@pytest.mark.parametrize("path", ["/select", "/query", "/async", "/uncounted"])
@pytest.mark.parametrize("query", [*(f"page={one}" for one in NO_PAGES), "per_page=x", "per_page=0"])
def test_a_page_that_is_no_number_or_not_there_is_not_found(library: Library, path: str, query: str) -> None:
    client = library.app.test_client()
    assert client.get(f"{path}?{query}").status_code == 404
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/soft", "/soft-query"])
def test_softly_it_is_the_first_page_or_empty(library: Library, path: str) -> None:
    client = library.app.test_client()
    first: Any = client.get(f"{path}?page=x&per_page=-3").json
    assert (first["page"], first["per_page"]) == (1, 20)
    for far in (9, 2**62, 2**63 - 1):
        beyond: Any = client.get(f"{path}?page={far}&per_page=100").json
        assert beyond["ids"] == []


def test_an_asynchronous_page_says_why_it_cannot_ask_for_the_next(library: Library, serve: Serve) -> None:
    found: list[str] = []

    @library.app.get("/next")
    async def ask_on() -> str:
        page = await library.db.async_session.paginate(library.select)
        with pytest.raises(TypeError) as caught:
            page.next()
        found.append(str(caught.value))
        return str(page.next_num)

    assert serve(library.app).ask("/next").text == "2"
    assert "next_num" in found[0]


# -- pages by key


@pytest.mark.parametrize("path", ["/keyset", "/async-keyset"])
def test_pages_by_key_go_on_and_back_by_url(library: Library, serve: Serve, path: str) -> None:
    server = serve(library.app)
    expected = sorted(range(1, 36), key=lambda ident: (ident % 4, -ident))
    found = server.ask(f"{path}?per_page=10").json
    ids, seen = found["ids"], [found["ids"]]
    assert found["prev"] is None
    while found["next"]:
        found = server.ask(f"{path}?per_page=10&cursor={found['next']}").json
        ids = ids + found["ids"]
        seen.append(found["ids"])
    assert ids == expected
    while found["prev"]:
        found = server.ask(f"{path}?per_page=10&cursor={found['prev']}").json
        seen.append(found["ids"])
    assert seen == [expected[:10], expected[10:20], expected[20:30], expected[30:], *_backwards(expected)]


def _backwards(expected: list[int]) -> list[list[int]]:
    return [expected[20:30], expected[10:20], expected[:10]]


def test_a_page_by_key_skips_nothing_while_rows_are_added_and_removed(inside: Library) -> None:
    first = inside.db.keyset(sa.select(inside.Book), inside.Book.id, per_page=10)
    inside.db.session.delete(first.items[-1])
    inside.db.session.add(inside.Book(id=36, title="new"))
    inside.db.session.commit()
    second = inside.db.keyset(sa.select(inside.Book), inside.Book.id, per_page=10, cursor=first.next_cursor)
    assert [book.id for book in second] == list(range(11, 21))
    back = inside.db.keyset(sa.select(inside.Book), inside.Book.id, per_page=10, cursor=second.prev_cursor)
    assert [book.id for book in back] == list(range(1, 10))
    assert (back.has_prev, back.has_next) == (False, True)


def test_the_order_of_the_statement_makes_way_for_the_key(inside: Library) -> None:
    found = inside.db.keyset(inside.select.order_by(inside.Book.title), inside.Book.id.desc(), per_page=2)
    assert [book.id for book in found] == [35, 34]


def test_columns_may_be_paged_too(inside: Library) -> None:
    statement = sa.select(inside.Book.id, inside.Book.title)
    found = inside.db.keyset(statement, inside.Book.id.asc().nulls_last(), per_page=2)
    assert found.items == [1, 2]
    assert inside.db.keyset(statement, inside.Book.id, cursor=found.next_cursor, per_page=2).items == [3, 4]


@pytest.mark.parametrize("by", [[], ["id"], "id"])
def test_an_order_of_no_columns_is_a_mistake_of_the_program(inside: Library, by: Any) -> None:
    with pytest.raises(TypeError, match="keyset pages"):
        inside.db.keyset(sa.select(inside.Book), by)


def test_a_key_that_is_null_or_of_no_order_is_told(inside: Library) -> None:
    inside.db.session.add_all([inside.Book(id=ident) for ident in (50, 51)])
    inside.db.session.commit()
    with pytest.raises(TypeError, match="NoneType"):
        inside.db.keyset(sa.select(inside.Book).where(inside.Book.id > 49), inside.Book.shelf, per_page=1)


# -- keysets over random rows, on every database

KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "number": (sa.Integer, st.integers(0, 5)),
    "word": (sa.String(10), st.text("abcAB 'é%", max_size=3)),
    "moment": (
        sa.DateTime,
        st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    ),
    "day": (sa.Date, st.dates(date(1990, 1, 1), date(1990, 1, 4))),
    "price": (sa.Numeric(8, 2), st.decimals(-3, 3, places=2)),
    "flag": (sa.Boolean, st.booleans()),
    "token": (sa.Uuid, st.integers(0, 3).map(lambda n: UUID(int=n << 64))),
    "big": (sa.BigInteger, st.sampled_from([-(2**62), 0, 2**62])),
}


@pytest.fixture
def shelf(make_app: Make, database: str) -> Iterator[Any]:
    app = make_app(SQLALCHEMY_DATABASE_URI=database)
    db = SQLAlchemy(app)
    columns = [sa.Column(name, kind, nullable=False) for name, (kind, _) in KINDS.items()]
    table = db.Table("rows", sa.Column("id", sa.Integer, primary_key=True), *columns)
    with app.app_context():
        db.create_all()
        yield app, db, table


rows = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in KINDS.items()}), max_size=12)
orders = st.lists(st.tuples(st.sampled_from([*KINDS]), st.booleans()), max_size=3, unique_by=lambda one: one[0])


@given(rows=rows, order=orders, per_page=st.integers(1, 5), down=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_walk_visits_every_row_once_in_both_directions(
    shelf: Any, rows: list[dict[str, Any]], order: list[tuple[str, bool]], per_page: int, down: bool
) -> None:
    _, db, table = shelf
    db.session.rollback()
    db.session.execute(table.delete())
    if rows:
        db.session.execute(table.insert(), [{"id": ident, **row} for ident, row in enumerate(rows, 1)])
    by = [table.c[name].desc() if descending else table.c[name] for name, descending in order]
    by.append(table.c.id.desc() if down else table.c.id)
    statement = sa.select(table.c.id)
    expected = list(db.session.scalars(statement.order_by(*by)))

    pages = [db.keyset(statement, by, per_page=per_page)]
    while pages[-1].has_next:
        pages.append(db.keyset(statement, by, per_page=per_page, cursor=pages[-1].next_cursor))
    assert [one for page in pages for one in page] == expected
    assert not pages[0].has_prev
    back = [pages[-1]]
    while back[-1].has_prev:
        back.append(db.keyset(statement, by, per_page=per_page, cursor=back[-1].prev_cursor))
    assert [one for page in reversed(back) for one in page] == expected
    assert not back[-1].has_prev
    assert len(pages) == max(1, -(-len(expected) // per_page))


# -- cursors that somebody has written


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["\ud800", "\0", 2**31, 2**63, -(2**63), 2**64, 10**400, "9999-99-99", "", "2020-01-01T00:00:00+09:00"]
    )
)
ODD = (
    ["n", "NaN"],
    ["n", "Infinity"],
    ["n", "1E+999999"],
    ["n", "sNaN"],
    ["n", "1e59"],
    ["n", "123456789012345678901234567890.1234567"],
    ["t", "0001-01-01"],
    ["t", "2020-01-01T00:00:00Z"],
    ["d", "9999-12-31"],
    ["u", "0"],
)
tagged = st.tuples(st.sampled_from(["t", "d", "n", "u", "x", ""]), scalars).map(list) | st.sampled_from(ODD)
invented = st.lists(scalars | tagged | st.lists(scalars), max_size=5).map(encoded) | scalars.map(encoded)
mangled = (
    st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode()) | invented
)


@given(st.sampled_from([*KINDS]), mangled)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_invented_cursor_is_400_or_a_place_in_the_list(shelf: Any, name: str, cursor: str) -> None:
    _, db, table = shelf
    db.session.rollback()
    try:
        db.keyset(sa.select(table.c.id), [table.c[name], table.c.id], cursor=cursor)
    except Exception as error:
        assert getattr(error, "code", None) == 400, (cursor, error)  # noqa: PT017
    assert db.session.scalar(sa.select(1)) == 1


@given(invented, st.integers(0, 1))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_so_is_one_that_is_nearly_right(shelf: Any, text: str, direction: int) -> None:
    _, db, table = shelf
    values = json.loads(base64.urlsafe_b64decode(text + "=="))
    values = values if isinstance(values, list) else [values]
    for name in KINDS:
        for value in values[:2]:
            try:
                db.keyset(sa.select(table.c.id), [table.c[name], table.c.id], cursor=encoded([direction, value, 7]))
            except Exception as error:
                assert getattr(error, "code", None) == 400, (value, error)  # noqa: PT017
    assert db.session.scalar(sa.select(1)) == 1


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_so_it_is_for_asynchronous_drivers(shelf: Any, serve: Serve) -> None:
    app: Trivet = shelf[0]
    db, table = shelf[1:]

    @app.get("/")
    async def index() -> list[int]:
        column = table.c[request.args["by"]]
        return list(await db.async_session.keyset(sa.select(table.c.id), [column, table.c.id]))

    server = serve(app)
    odd = [*ODD, 2**31, 2**63 - 1, -(2**63) + 1, 0, 0.5, "", "\\", True, ["t", "2020-01-01"], ["d", "0001-01-01"]]
    for name in KINDS:
        for value in odd:
            assert server.ask(f"/?by={name}&cursor={encoded([0, value, 7])}").status in (200, 400), (name, value)
        assert server.ask(f"/?by={name}").status == 200


@pytest.mark.parametrize("path", ["/keyset", "/async-keyset"])
@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=WzAsMV0", "cursor=%FF", "cursor=W10", "per_page=x", "per_page=0"]
)
def test_wrong_cursors_and_sizes_are_400_by_url(library: Library, serve: Serve, path: str, query: str) -> None:
    server = serve(library.app)
    assert server.ask(f"{path}?{query}").status == 400
    assert server.ask(path).status == 200


def test_a_cursor_of_one_list_is_none_of_another(inside: Library) -> None:
    by_title = inside.db.keyset(sa.select(inside.Book), [inside.Book.title, inside.Book.id], per_page=2)
    with pytest.raises(Exception, match="400"):
        inside.db.keyset(sa.select(inside.Book), [inside.Book.shelf, inside.Book.id], cursor=by_title.next_cursor)


@given(st.data())
def test_what_a_cursor_holds_it_gives_back(data: st.DataObject) -> None:
    columns = [sa.column(name, kind) for name, (kind, _) in KINDS.items()]
    row = tuple(data.draw(values) for _, values in KINDS.values())
    first = Keyset(columns, None, 1).page([row, row], lambda row: row)
    assert first.next_cursor is not None
    assert Keyset(columns, first.next_cursor, 1)._at == [*row]
    assert first.next_cursor.isascii()
    assert not set(first.next_cursor) & set("+/=&?#")


def test_moments_with_a_zone_are_kept() -> None:
    column = sa.column("at", sa.DateTime(timezone=True))
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    made = Keyset([column], None, 1).page([(moment,), (moment,)], lambda row: row)
    assert Keyset([column], made.next_cursor, 1)._at == [moment]
    with pytest.raises(PageError):
        Keyset([sa.column("at", sa.DateTime)], made.next_cursor, 1)


def test_a_value_without_an_order_cannot_be_a_key() -> None:
    keyset = Keyset([sa.column("data", sa.LargeBinary)], None, 1)
    with pytest.raises(TypeError, match="bytes"):
        keyset.page([(b"x",), (b"y",)], lambda row: row)
