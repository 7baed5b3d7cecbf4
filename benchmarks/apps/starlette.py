"""Starlette; its hooks are plain ASGI middleware, which its documentation calls the one without limitations."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from ..workloads import HELLO, ROWS, SECRET, TEMPLATES, TITLE


async def greeting(request):
    return JSONResponse({"message": HELLO})


async def plaintext(request):
    return PlainTextResponse(HELLO)


async def users(request):
    page = int(request.query_params["page"])
    return JSONResponse({"id": request.path_params["id"], "slug": request.path_params["slug"], "page": page})


async def echo(request):
    data = await request.json()
    return JSONResponse({"name": data["name"], "count": data["count"]})


async def form(request):
    async with request.form() as data:
        return JSONResponse(dict(data))


async def visit(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse({"visits": request.session["visits"]})


class Hooks:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_after(message):
            await send(message)

        await self.app(scope, receive, send_after)


def numbered(number):
    async def route(request):
        return JSONResponse({"route": number, "x": request.path_params["x"]})

    return Route(f"/route{number}/{{x:int}}", route)


def make_template_app():
    templates = Jinja2Templates(directory=TEMPLATES)
    templates.env.auto_reload = False

    async def table(request):
        return templates.TemplateResponse(request, "table.html", {"title": TITLE, "rows": ROWS})

    return Starlette(routes=[Route("/template", table)])


def make_app(part, size, style):
    json_route = Route("/json", greeting)
    match part:
        case "base":
            routes = [
                Route("/plaintext", plaintext),
                json_route,
                Route("/users/{id:int}/posts/{slug}", users),
                Route("/echo", echo, methods=["POST"]),
                Route("/form", form, methods=["POST"]),
            ]
            return Starlette(routes=routes)
        case "template":
            return make_template_app()
        case "session":
            sessions = Middleware(SessionMiddleware, secret_key=SECRET)
            return Starlette(routes=[Route("/session", visit), json_route], middleware=[sessions])
        case "routes":
            return Starlette(routes=[numbered(number) for number in range(size)])
        case "hooks":
            return Starlette(routes=[json_route], middleware=[Middleware(Hooks) for _ in range(size)])
    return None
