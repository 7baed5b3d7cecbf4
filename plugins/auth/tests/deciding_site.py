"""An application whose people have roles, and every way in which its views can ask for permissions."""

from collections.abc import Callable
from typing import Any, ClassVar

from trivet import Blueprint, Trivet, hookimpl
from trivet.views import MethodView, View
from trivet_auth import LoginManager, MemoryUsers, login_user
from trivet_auth.deciding import authorize, authorize_async, requires
from trivet_auth.state import Auth

Make = Callable[..., Trivet]
ROLES = {"reader": ["tasks:read"], "editor": ["@reader", "tasks:write"], "admin": ["*"]}


class Task:
    """Something that belongs to somebody."""

    def __init__(self, owner: str) -> None:
        self.owner = owner


class Policy:
    """A plugin with a policy of its own."""

    name = "policy"

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.events: list[Any] = []

    @hookimpl
    def trivet_auth_authorize(self, permission: str, resource: Any) -> Any:
        """Answer as the test says."""
        self.asked.append((permission, resource))
        return self.answers.get(permission)

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        """Note an event."""
        self.events.append(event)


class Site:
    """An application with Ada, who edits, Bob, who reads, and Eve, who has no role."""

    def __init__(self, make_app: Make, *plugins: Any, **config: Any) -> None:
        settings = {"SECRET_KEY": "only here", "AUTH_STORE": "memory", "AUTH_ROLES": ROLES, **config}
        self.app = app = make_app(plugins=["auth"], config=settings)
        self.policy = Policy()
        app.plugins.register(self.policy)
        for one in plugins:
            app.plugins.register(one)
        self.users = MemoryUsers()
        self.manager: LoginManager[Any] = LoginManager(app, users=self.users)
        self.ada = self.users.create("ada", roles=["editor"])
        self.bob = self.users.create("bob", roles=["reader"])
        self.eve = self.users.create("eve")

        @app.post("/login/<name>")
        def login(name: str) -> str:
            return str(login_user(self.users.find(name)))

    @property
    def auth(self) -> Auth:
        """The state, sealed."""
        return Auth.of(self.app)

    def token(self, user: Any, scopes: list[str] | None) -> dict[str, str]:
        """Return the header with a new token."""
        return {"Authorization": f"Bearer {self.auth.tokens.create(f'default:{user.id}', 'x', scopes, 60)[0]}"}


def enter(make_client: Callable[..., Any], site: Site, name: str = "") -> Any:
    """Return a browser that somebody, or nobody, has signed in with."""
    client = make_client(site.app)
    if name:
        assert client.post(f"/login/{name}").text == "True"
    return client


# -- ways of asking


def add_plain(site: Site) -> str:
    """Add a plain view."""

    @site.app.route("/write", methods=["GET", "POST"])
    @requires("tasks:write")
    def write() -> str:
        return "written"

    return "/write"


def add_async(site: Site) -> str:
    """Add an asynchronous view."""

    @site.app.route("/write", methods=["GET", "POST"])
    @requires("tasks:write")
    async def write() -> str:
        return "written"

    return "/write"


def add_class(site: Site) -> str:
    """Add a class-based view that is decorated itself."""

    @requires("tasks:write")
    class Write(MethodView):
        def get(self) -> str:
            return "written"

    site.app.add_url_rule("/write", view_func=Write.as_view("write"))
    return "/write"


def add_async_class(site: Site) -> str:
    """Add a class-based view whose methods are asynchronous."""

    @requires("tasks:write")
    class Write(MethodView):
        async def get(self) -> str:
            return "written"

    site.app.add_url_rule("/write", view_func=Write.as_view("write"))
    return "/write"


def add_listed_class(site: Site) -> str:
    """Add a class-based view that lists the requirement among its decorators."""

    class Write(View):
        decorators: ClassVar[list[Callable[..., Any]]] = [requires("tasks:write")]

        def dispatch_request(self) -> str:
            return "written"

    site.app.add_url_rule("/write", view_func=Write.as_view("write"))
    return "/write"


def add_method(site: Site) -> str:
    """Add a class-based view of which one method is decorated."""

    class Write(MethodView):
        @requires("tasks:write")
        def get(self) -> str:
            return "written"

    site.app.add_url_rule("/write", view_func=Write.as_view("write"))
    return "/write"


def add_blueprint(site: Site) -> str:
    """Add a view of a blueprint that asks for all its views."""
    tasks = Blueprint("tasks", __name__, url_prefix="/tasks")
    tasks.before_request(requires("tasks:write").check)
    tasks.add_url_rule("/write", view_func=lambda: "written", endpoint="write")
    site.app.register_blueprint(tasks)
    return "/tasks/write"


def add_async_blueprint(site: Site) -> str:
    """Add an asynchronous view of a blueprint that asks for all its views."""
    tasks = Blueprint("tasks", __name__, url_prefix="/tasks")

    @tasks.before_request
    async def check() -> None:
        await authorize_async("tasks:write")

    @tasks.get("/write")
    async def write() -> str:
        return "written"

    site.app.register_blueprint(tasks)
    return "/tasks/write"


def add_authorize(site: Site) -> str:
    """Add a plain view that asks itself."""

    @site.app.get("/write")
    def write() -> str:
        authorize("tasks:write")
        return "written"

    return "/write"


def add_async_authorize(site: Site) -> str:
    """Add an asynchronous view that asks itself."""

    @site.app.get("/write")
    async def write() -> str:
        await authorize_async("tasks:write")
        return "written"

    return "/write"


def add_authorize_in_place(site: Site) -> str:
    """Add an asynchronous view that asks without waiting."""

    @site.app.get("/write")
    async def write() -> str:
        authorize("tasks:write")
        return "written"

    return "/write"


#: All of them.
WAYS = (
    *(add_plain, add_async, add_class, add_async_class, add_listed_class, add_method, add_blueprint),
    *(add_async_blueprint, add_authorize, add_async_authorize, add_authorize_in_place),
)
