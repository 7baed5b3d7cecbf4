"""Django with django-cors-headers: the application of the table, under a policy."""

from collections.abc import Callable
from typing import Any

import corsheaders  # noqa: F401 - so that the peer is skipped where it is missing
import django
from benchmarks.cors.saying import LIMIT, METHODS, SAFELISTED, Ask, CannotSay, Policy, refuse, split
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path
from django.views.static import serve
from plugins.cors.tests.asking import over_wsgi

TITLE = "Django with django-cors-headers"
DISTRIBUTIONS = ("django", "django-cors-headers")
#: What its preflights know of the application.
KNOWS: frozenset[str] = frozenset()

Answer = Callable[..., HttpResponseBase]


def make(policy: Policy, folder: str) -> Ask:
    refuse(policy, "timing_origins", "resource_policy")
    if policy.get("max_age") == 0:
        raise CannotSay("max_age: 0 means that it is left out")
    literal, patterns = split(policy["origins"])
    options: dict[str, Any] = {
        "CORS_ALLOWED_ORIGINS": [] if literal == ["*"] else literal,
        "CORS_ALLOW_ALL_ORIGINS": literal == ["*"],
        "CORS_ALLOWED_ORIGIN_REGEXES": patterns,
        "CORS_ALLOW_METHODS": list(policy.get("methods", METHODS)),
        "CORS_ALLOW_HEADERS": [*SAFELISTED, *policy.get("allow_headers", ())],
        "CORS_EXPOSE_HEADERS": list(policy.get("expose_headers", ())),
        "CORS_ALLOW_CREDENTIALS": policy.get("credentials", False),
        "CORS_ALLOW_PRIVATE_NETWORK": policy.get("private_network", False),
        "CORS_PREFLIGHT_MAX_AGE": policy.get("max_age", 86400) or 0,
    }
    return _served(options, folder)


def plain(
    folder: str, *, pattern: str | None = None, origins: list[str] | None = None, credentials: bool = False
) -> Ask:
    options: dict[str, Any] = {"CORS_ALLOW_CREDENTIALS": credentials}
    if pattern is not None:
        options["CORS_ALLOWED_ORIGIN_REGEXES"] = [pattern]
    if origins == ["*"]:
        options["CORS_ALLOW_ALL_ORIGINS"] = True
    elif origins is not None:
        options["CORS_ALLOWED_ORIGINS"] = origins
    return _served(options, folder)


def _served(options: dict[str, Any], folder: str) -> Ask:
    if not settings.configured:
        _configure(folder)
    app = get_wsgi_application()

    def ask(*asked: Any, **more: Any) -> tuple[int, dict[str, str]]:
        with override_settings(**options):  # Django has one set of settings for the process
            answer = over_wsgi(app, *asked, **more)
        return answer.status, answer.headers

    return ask


def _configure(folder: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["corsheaders"],
        MIDDLEWARE=["corsheaders.middleware.CorsMiddleware", "django.middleware.common.CommonMiddleware"],
        LOGGING_CONFIG=None,
        STATIC_FOLDER=folder,
    )
    django.setup()


def _text(headers: dict[str, str] | None = None, status: int = 200) -> Answer:
    return lambda request, **values: HttpResponse("text", status=status, headers=headers)


def _to_items(status: int) -> HttpResponse:
    return HttpResponse(status=status, headers={"Location": "/items"})


def _broken(request: HttpRequest) -> HttpResponseBase:
    raise LookupError("broken on purpose")


def _at(route: str, answer: Answer, *methods: str) -> Any:
    allowed = ["GET", "HEAD", "OPTIONS", *methods]

    def view(request: HttpRequest, **values: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(headers={"Allow": ", ".join(allowed)})
        if request.method not in allowed:
            return HttpResponseNotAllowed(allowed)
        if len(request.body) > LIMIT:
            return HttpResponse("too large", status=413)
        return answer(request, **values)

    return path(route, view)


urlpatterns = [
    _at("items", _text(), "POST"),
    _at("items/<int:number>", _text(), "PATCH", "DELETE"),
    _at("files/<path:name>", _text(), "PUT"),
    _at("tables", _text(), "REPORT"),
    _at("folder/", _text(), "PATCH"),
    _at("café", _text(), "PUT"),
    _at("a+b", _text(), "PUT"),
    _at("report", _text({"X-Total": "3", "X-Page": "1", "ETag": '"1"', "Set-Cookie": "seen=1"})),
    _at("own", _text({"Access-Control-Allow-Origin": "https://old.example"})),
    _at("cookie", _text({"Vary": "Cookie"})),
    _at("everything", _text({"Vary": "*"})),
    _at("stream", lambda request: StreamingHttpResponse(iter(["one", "two"]))),
    _at("empty", lambda request: HttpResponse(status=204)),
    _at("unchanged", lambda request: HttpResponse(status=304, headers={"ETag": '"1"'})),
    _at("old", lambda request: _to_items(302)),
    _at("moved/<int:status>", lambda request, status: _to_items(status)),
    _at("status/<int:status>", lambda request, status: _text({"Retry-After": "1"}, status)(request)),
    _at("broken", _broken),
    _at("static/<path:name>", lambda request, name: serve(request, name, document_root=settings.STATIC_FOLDER)),
]
