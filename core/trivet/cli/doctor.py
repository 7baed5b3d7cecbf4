"""``trivet doctor``: what is wrong with the application, its plugins and its settings."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

from ..app import Trivet
from ..hookspecs import CONTRACT_VERSION
from ..kernel.errors import SetupError, place_of
from ..kernel.version import __version__
from ..plugins.masking import mask_text
from .commands import collect
from .decorators import own_command
from .failures import format_error, relative, summary
from .loader import Loader, Seen
from .tables import print_json

#: Secret keys that everybody knows, because they stand in tutorials.
KNOWN_KEYS = frozenset(
    {"dev", "development", "secret", "secret-key", "secret_key", "changeme", "test", "key", "default"}
)
_COLOURS = {"error": "red", "warning": "yellow", "ok": "green"}


class Finding(NamedTuple):
    """One line of the report.

    :ivar level: ``"error"``, ``"warning"`` or ``"ok"``.
    :ivar about: a plugin's name, or what part of the application it is about.
    """

    level: str
    about: str
    message: str


@own_command("doctor")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is an error or a warning, as a build needs it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, loader: Loader, strict: bool, as_json: bool) -> None:
    """Say what is wrong with the application, its plugins and its settings."""
    seen = loader.look()
    root = ctx.find_root().command
    own: Mapping[str, click.Command] = root.commands if isinstance(root, click.Group) else {}
    findings = examine(seen, own)
    wrong = [one for one in findings if one.level != "ok"]
    if as_json:
        print_json([one._asdict() for one in findings])
    else:
        for one in findings:
            click.secho(f"{one.level:8}", fg=_COLOURS[one.level], nl=False)
            click.echo(f"{one.about}: {one.message}")
        if seen.failure is not None and not isinstance(seen.failure, SetupError):
            click.echo("\n" + format_error(seen.failure))
        errors = sum(one.level == "error" for one in wrong)
        click.echo(f"\n{errors} errors, {len(wrong) - errors} warnings.")
    if strict and wrong:
        ctx.exit(1)


def examine(seen: Seen, own: Mapping[str, click.Command]) -> list[Finding]:
    """Return everything that can be said about an application, its plugins first of all."""
    app = seen.app
    findings = [Finding("ok", "trivet", f"version {__version__}, contract {CONTRACT_VERSION}")]
    findings += _application(seen)
    findings += [Finding("error", "plugins", problem) for problem in seen.problems]
    findings += [Finding("error", "commands", str(problem)) for problem in collect(app, own).problems]
    if seen.failure is None:
        findings += [*_secret_key(app), *_debug(app), *_wrapped(app)]
    findings += _described(app)
    return [one._replace(message=mask_text(one.message)) for one in findings]


def _application(seen: Seen) -> Iterator[Finding]:
    if seen.failure is not None:
        failure = seen.failure
        said = str(failure) if isinstance(failure, SetupError) else f"could not be loaded: {summary(failure)}"
        yield Finding("error", "application", said)
        return
    app = seen.app
    project = app.plugins.project
    where = str(project.path) if project.path is not None else "no configuration file"
    routes = sum(1 for _ in app.url_map.iter_rules())
    enabled = sum(one.enabled for one in app.plugins.enabled)
    yield Finding("ok", "application", f"{app.name!r}, {routes} routes, {enabled} plugins enabled ({where})")


def _secret_key(app: Trivet) -> Iterator[Finding]:
    """Look for a key that everybody knows; whether there is one and how long it is, the plugin of sessions says."""
    if str(app.config["SECRET_KEY"]).lower() in KNOWN_KEYS:
        advice = "Make one: python -c 'import secrets; print(secrets.token_hex())'"
        yield Finding(
            "warning", "SECRET_KEY", f"stands in tutorials, and whoever guesses it can forge sessions. {advice}"
        )


def _debug(app: Trivet) -> Iterator[Finding]:
    if app.debug:
        origin = app.config.places.get("DEBUG", "TRIVET_DEBUG, --debug or code of the application")
        yield Finding("warning", "DEBUG", f"on ({origin}); `trivet run` switches it on by itself, so leave it out")
    if app.testing:
        yield Finding("warning", "TESTING", "on, so exceptions reach the server instead of being answered with a 500")


def _wrapped(app: Trivet) -> Iterator[Finding]:
    wrapper = app.__dict__.get("wsgi_app")
    if wrapper is not None:
        kind = type(wrapper)
        yield Finding(
            "warning",
            "wsgi_app",
            f"wrapped by {kind.__module__}.{kind.__qualname__}, which ASGI servers go around. A wrapper of the hook "
            "trivet_handle_request works on both protocols.",
        )


def _described(app: Trivet) -> Iterator[Finding]:
    """Give what the plugins say of themselves by ``trivet_describe``."""
    for impl in reversed(app.hook.trivet_describe.get_hookimpls()):
        try:
            lines = app.ensure_sync(impl.function)(*[app for _ in impl.argnames])
        except Exception as error:
            place = relative(place_of(impl.function))
            yield Finding("error", impl.plugin_name, f"trivet_describe ({place}) failed: {summary(error)}")
            continue
        yield from (_finding(impl.plugin_name, line) for line in _lines(lines))


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(line) for line in value]


def _finding(plugin: str, line: str) -> Finding:
    level, colon, rest = line.partition(":")
    if colon and level.strip().lower() in ("warning", "error"):
        return Finding(level.strip().lower(), plugin, rest.strip())
    return Finding("ok", plugin, line)
