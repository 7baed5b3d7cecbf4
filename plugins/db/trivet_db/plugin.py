"""The plugin: options, commands, and what happens to sessions around a request."""

from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any

from werkzeug.exceptions import InternalServerError

from trivet import HTTPException, Plugin, hookimpl, specialised

from . import health, hooks
from .errors import is_away
from .options import Options
from .state import NAME, State

plugin = Plugin(
    name=NAME,
    summary="Databases: SQLAlchemy sessions, migrations, pages.",
    options=Options,
)


def enable(app: Any) -> None:
    """Enable the plugin unless configuration has done so."""
    found = app.plugins.found.get(NAME)
    if found is not None:
        if found.enabled:
            return
        del app.plugins.found[NAME]
    app.plugins.register(import_module(__name__))


@hookimpl
def trivet_addhooks(manager: Any) -> None:
    """Bring the hooks of :mod:`trivet_db.hooks`."""
    manager.add_hookspecs(hooks)


@hookimpl
def trivet_setup(app: Any, options: Options) -> None:
    """Check what is configured, without connecting to anything."""
    state = State.of(app)
    state.check()
    if not state.faces:
        state.find_faces()
    for face in state.faces:
        for key in state.engines:
            face.metadatas.get_or_make(key)


@hookimpl
def trivet_shutdown(app: Any) -> Any:
    """Close the connections that are idle; those of the event loop only if there are any."""
    state = app.extensions.get("trivet_db")
    if state is None or "engines" not in state.__dict__:
        return None
    state.engines.dispose()
    return state.engines.dispose_on_loop() if state.engines.has_loops else None


@hookimpl
def trivet_commands(app: Any) -> Any:
    """Bring ``trivet db``."""
    from .command import make_command  # here, because serving does without Alembic

    return make_command(app)


@hookimpl
def trivet_shell_context(app: Any) -> dict[str, Any]:
    """Give the shell the database and the models."""
    names: dict[str, Any] = {}
    for face in State.of(app).faces:
        if face.add_models_to_shell:
            names |= {one.class_.__name__: one.class_ for one in face.Model.registry.mappers}
            names["db"] = face
    return names


@hookimpl
def trivet_describe(app: Any) -> list[str]:
    """Say which databases there are, whether they can be reached, and the state of their pools."""
    return [str(one) for one in health.examine(State.of(app).engines, app.instance_path)]


# -- requests


@hookimpl(trylast=True)  # what others do after the view is committed too
@specialised("bind_commit", by_route=True)
def trivet_after_request(ctx: Any, response: Any) -> None:
    """Commit the request's sessions, if configuration wants that and the request has succeeded."""
    run = bind_commit(ctx.plan, ctx.app.loops.bridge)
    if run is not None:
        run(ctx, response)


def bind_commit(route: Any, bridge: Any) -> Callable[[Any, Any], Any] | None:
    """Return what ends a unit of work, in one flavour; nothing if views commit by themselves."""
    state = State.of(route.app)
    if state.options.commit != "on-success":
        return None

    def commit(ctx: Any, response: Any) -> list[Any]:
        """Commit plain sessions; return the asynchronous ones."""
        if response.status_code >= 400 or (ctx.failures and not isinstance(ctx.error, HTTPException)):
            return []  # the end of the context rolls them back
        for face in state.faces:
            for session in face.session.registry.peek(ctx):
                session.commit()
        return [session for face in state.faces for session in face.async_session.registry.peek(ctx)]

    async def commit_async(ctx: Any, response: Any) -> None:
        for session in commit(ctx, response):
            await session.commit()

    def commit_plain(ctx: Any, response: Any) -> None:
        for session in commit(ctx, response):
            bridge(session.commit)()

    return commit_async if bridge is None else commit_plain


@hookimpl(wrapper=True)
def trivet_handle_error(ctx: Any, error: Exception) -> Generator[None, Any, Any]:
    """Turn a 500 that nobody has handled into a 503 if a database cannot be reached: others may try again."""
    answer = yield
    if not isinstance(answer, InternalServerError) or not is_away(error):
        return answer
    text = "The database cannot be reached at the moment. Please try again.\n"
    return ctx.app.response_class(text, status=503, headers={"Retry-After": "5"}, mimetype="text/plain")
