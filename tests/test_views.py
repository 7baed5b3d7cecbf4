"""Views that are classes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from trivet import Trivet, request
from trivet.views import MethodView, View

from .asking import Ask, by_asgi, by_wsgi


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("views", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


class Greeting(View):
    """Greets."""

    def __init__(self, word: str, mark: str = "!") -> None:
        self.word, self.mark = word, mark

    def dispatch_request(self, name: str) -> str:  # type: ignore[override]
        return f"{self.word}, {name}{self.mark}"


def test_a_view_class_is_made_with_what_as_view_was_given(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/hello/<name>", view_func=Greeting.as_view("hello", "Hello"))
    app.add_url_rule("/bye/<name>", view_func=Greeting.as_view("bye", "Bye", mark="."))
    assert (ask(app, "/hello/Ada").text, ask(app, "/bye/Ada").text) == ("Hello, Ada!", "Bye, Ada.")


def test_the_view_function_tells_of_its_class() -> None:
    view = Greeting.as_view("hello", "Hello")
    assert (view.__name__, view.__doc__, view.__module__, view.view_class) == ("hello", "Greets.", __name__, Greeting)


def test_a_view_without_an_answer_says_what_is_missing(app: Trivet, caplog: pytest.LogCaptureFixture) -> None:
    class Empty(View):
        pass

    app.add_url_rule("/", view_func=Empty.as_view("empty"))
    assert by_wsgi(app).status == 500
    assert "Empty must define dispatch_request()" in caplog.text


@pytest.mark.parametrize(("every", "counts"), [(True, ["1", "1"]), (False, ["1", "2"])])
def test_an_instance_is_made_for_each_request_or_once(app: Trivet, ask: Ask, every: bool, counts: list[str]) -> None:
    class Counter(View):
        init_every_request = every

        def __init__(self) -> None:
            self.count = 0

        def dispatch_request(self) -> str:
            self.count += 1
            return str(self.count)

    app.add_url_rule("/", view_func=Counter.as_view("counter"))
    assert [ask(app).text, ask(app).text] == counts


def bracketed(brackets: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    def decorator(view: Callable[..., str]) -> Callable[..., str]:
        return lambda **values: brackets[0] + view(**values) + brackets[1]

    return decorator


def test_decorators_are_put_around_the_first_one_innermost(app: Trivet, ask: Ask) -> None:
    class Decorated(Greeting):
        decorators: ClassVar[list[Any]] = [bracketed("()"), bracketed("[]")]

    app.add_url_rule("/<name>", view_func=Decorated.as_view("decorated", "Hi"))
    assert ask(app, "/Ada").text == "[(Hi, Ada!)]"


def test_methods_of_the_class_are_those_of_the_rule_unless_it_says_otherwise(app: Trivet) -> None:
    class Poster(View):
        methods: ClassVar[Any] = ["POST"]

        def dispatch_request(self) -> str:
            return request.method

    app.add_url_rule("/class", view_func=Poster.as_view("class"))
    app.add_url_rule("/rule", view_func=Poster.as_view("rule"), methods=["PUT"])
    assert [by_wsgi(app, "/class", method).status for method in ("GET", "POST", "PUT")] == [405, 200, 405]
    assert [by_wsgi(app, "/rule", method).status for method in ("GET", "POST", "PUT")] == [405, 405, 200]


@pytest.mark.parametrize(("automatic", "status"), [(None, 200), (True, 200), (False, 405)])
def test_options_is_answered_unless_the_class_does_not_want_that(
    app: Trivet, automatic: bool | None, status: int
) -> None:
    class Plain(View):
        provide_automatic_options = automatic

        def dispatch_request(self) -> str:
            return "text"

    app.add_url_rule("/", view_func=Plain.as_view("plain"))
    assert by_wsgi(app, "/", "OPTIONS").status == status


class Items(MethodView):
    def get(self, number: int | None = None) -> str:
        return f"get {number}"

    def post(self) -> str:
        return "post"


class AsyncItems(MethodView):
    async def get(self, number: int | None = None) -> str:
        await asyncio.sleep(0)
        return f"get {number}"

    def post(self) -> str:
        return "post"


@pytest.mark.parametrize("cls", [Items, AsyncItems])
def test_the_method_of_the_requests_name_answers(app: Trivet, ask: Ask, cls: type[MethodView]) -> None:
    view = cls.as_view("items")
    app.add_url_rule("/items", view_func=view)
    app.add_url_rule("/items/<int:number>", view_func=view, methods=["GET"])
    assert ask(app, "/items").text == "get None"
    assert ask(app, "/items/7").text == "get 7"
    assert ask(app, "/items", "POST").text == "post"
    assert ask(app, "/items/7", "POST").status == 405
    refused = ask(app, "/items", "DELETE")
    assert (refused.status, refused.header("Allow")) == (405, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize("cls", [Items, AsyncItems])
def test_head_is_answered_by_get_where_there_is_no_head(app: Trivet, ask: Ask, cls: type[MethodView]) -> None:
    class WithHead(MethodView):
        def get(self) -> str:
            return "got"

        def head(self) -> Any:
            return "", {"X-Head": "own"}

    app.add_url_rule("/plain", view_func=cls.as_view("plain"))
    app.add_url_rule("/own", view_func=WithHead.as_view("own"))
    answer = ask(app, "/plain", "HEAD")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "8")
    assert ask(app, "/own", "HEAD").header("X-Head") == "own"


def test_methods_are_inherited_and_added_to() -> None:
    class More(Items):
        def delete(self) -> str:
            return "deleted"

    class Only(Items):
        methods: ClassVar[Any] = {"GET"}

    class Putting(MethodView):
        def put(self) -> str:
            return "put"

    class Mixed(Items, Putting):
        pass

    assert (Items.methods, More.methods, Only.methods) == ({"GET", "POST"}, {"GET", "POST", "DELETE"}, {"GET"})
    assert Mixed.methods == {"GET", "POST", "PUT"}
    assert MethodView.methods is None


def test_a_method_of_the_rule_that_the_class_does_not_have_is_named(
    app: Trivet, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/", view_func=Items.as_view("items"), methods=["PUT"])
    assert by_wsgi(app, "/", "PUT").status == 500
    assert "Unimplemented method 'PUT'" in caplog.text


def test_a_class_whose_dispatcher_is_a_coroutine_function_is_awaited(app: Trivet, ask: Ask) -> None:
    class Slow(View):
        async def dispatch_request(self, name: str) -> str:  # type: ignore[override]
            await asyncio.sleep(0)
            return name

    app.add_url_rule("/<name>", view_func=Slow.as_view("slow"))
    assert ask(app, "/Ada").text == "Ada"


def test_decorators_are_put_around_asynchronous_classes_too(app: Trivet, ask: Ask) -> None:
    calls: list[str] = []

    def noting(view: Any) -> Any:
        async def noted(**values: Any) -> Any:
            calls.append("noted")
            return await view(**values)

        return noted

    class Decorated(AsyncItems):
        decorators: ClassVar[list[Any]] = [noting]

    app.add_url_rule("/", view_func=Decorated.as_view("items"))
    assert (ask(app).text, calls) == ("get None", ["noted"])
