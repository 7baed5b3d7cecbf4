"""The blueprints of the application: nested, prefixed, registered twice, with callbacks and files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, render_template, request, url_for

from .events import note

HERE = Path(__file__).parent


def add_blueprints(app: Flask) -> None:
    """Register them all."""
    shop = make_shop()
    shop.register_blueprint(make_cart())
    app.register_blueprint(shop)
    twice = make_twice()
    app.register_blueprint(twice, url_prefix="/once")
    app.register_blueprint(twice, name="again", url_prefix="/again/<int:number>")
    app.register_blueprint(make_language())


def make_shop() -> Blueprint:
    """Return the outer blueprint: before and after functions, handlers, templates and static files."""
    shop = Blueprint(
        "shop",
        __name__,
        url_prefix="/shop",
        root_path=str(HERE / "shop"),
        template_folder="templates",
        static_folder="static",
    )

    @shop.before_request
    def before() -> Any:
        note("shop before")
        g.steps.append("shop")
        return "closed" if request.args.get("closed") else None

    @shop.after_request
    def after(response: Response) -> Response:
        note("shop after")
        response.headers["X-Shop"] = "yes"
        return response

    @shop.teardown_request
    def teardown(error: BaseException | None) -> None:
        note(f"shop teardown {error!r}")

    @shop.errorhandler(404)
    def missing(error: Any) -> Any:
        return "not in the shop", 404

    @shop.errorhandler(LookupError)
    def lookup(error: LookupError) -> Any:
        return f"shop looked up {error!r}", 400

    @shop.app_errorhandler(409)
    def conflict(error: Any) -> Any:
        return "conflict anywhere", 409

    @shop.before_app_request
    def everywhere() -> None:
        note("shop before all")

    @shop.context_processor
    def processor() -> dict[str, Any]:
        return {"site": "the shop"}

    @shop.route("/")
    def index() -> str:
        return render_template("shop.html", page="plain.txt", value="<shop>")

    @shop.route("/page")
    def page() -> str:
        return render_template("page.html", title="Of the application", items=[])

    @shop.route("/fail/<int:code>")
    def fail(code: int) -> Any:
        abort(code)

    @shop.route("/lookup")
    def fail_lookup() -> Any:
        return dict[str, str]()["missing"]

    return shop


def make_cart() -> Blueprint:
    """Return the inner blueprint."""
    cart = Blueprint("cart", __name__, url_prefix="/cart")

    @cart.before_request
    def before() -> None:
        note("cart before")
        g.steps.append("cart")

    @cart.after_request
    def after(response: Response) -> Response:
        note("cart after")
        response.headers["X-Cart"] = " ".join(request.blueprints)
        return response

    @cart.errorhandler(KeyError)
    def key(error: KeyError) -> Any:
        return "cart has no such key", 400

    @cart.route("/", methods=["GET", "POST"])
    def index() -> Any:
        return {"here": url_for(".index"), "outer": url_for("shop.index"), "blueprints": request.blueprints}

    @cart.route("/key")
    def fail_key() -> Any:
        return dict[str, str]()["missing"]

    @cart.route("/index")
    def fail_index() -> Any:
        return [][0]

    @cart.route("/fail/<int:code>")
    def fail(code: int) -> Any:
        abort(code)

    return cart


def make_twice() -> Blueprint:
    """Return a blueprint that is registered under two names."""
    twice = Blueprint("twice", __name__)

    @twice.route("/where")
    def where(number: int = 0) -> Any:
        there = url_for("again.where", number=number + 1)
        return {"name": request.blueprint, "endpoint": request.endpoint, "number": number, "there": there}

    return twice


def make_language() -> Blueprint:
    """Return a blueprint whose views do not know of the language in their URLs."""
    language = Blueprint("language", __name__, url_prefix="/<any(de, en):language>")

    @language.url_value_preprocessor
    def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.language = (values or {}).pop("language", None)
        note(f"language {g.language} for {endpoint}")

    @language.url_defaults
    def give(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("language", g.get("language", "en"))

    @language.route("/about")
    @language.route("/about/<topic>")
    def about(topic: str = "all") -> Any:
        return {"language": g.language, "topic": topic, "next": url_for(".about", topic="next", language="de")}

    return language
