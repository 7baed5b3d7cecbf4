"""``trivet cors``: what a browser would be told, and which rule decides it."""

import json
from collections.abc import Iterable
from typing import Any

import click

from .policy import ORIGIN, REQUEST_HEADERS, REQUEST_METHOD

SAFE_METHODS = ("GET", "HEAD", "POST")
#: Fetch, "CORS-safelisted request-header"; of Content-Type some values.
_SAFE_NAMES = frozenset({"accept", "accept-language", "content-language"})
_SAFE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_STANDARD = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})


def make_command(app: Any) -> click.Group:
    """Make the command for an application."""

    @click.group("cors")
    def cors() -> None:
        """Look into cross-origin resource sharing."""

    @cors.command("check")
    @click.argument("url")
    @click.option("--origin", required=True, help="Where the page is from, such as https://app.example.com.")
    @click.option("--method", default="GET", show_default=True, help="The method that the page uses.")
    @click.option("--header", "headers", multiple=True, help="A request header that it sets: a name, or 'Name: value'.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def check(url: str, origin: str, method: str, headers: tuple[str, ...], as_json: bool) -> None:
        """Say what a page of an ORIGIN would be answered at a URL, and which rule decides.

        No view is called. The exit status is 1 if the browser would keep the answer from the page.
        """
        if not all(text.isprintable() for text in (url, origin, method, *headers)):
            raise click.UsageError("URL, origin, method and headers are one line of printable text each.")
        try:
            said = explain(app, url, origin, method, headers)
        except ValueError as error:
            raise click.UsageError(f"{url!r} is not a URL: {error}.") from error
        if as_json:
            click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        else:
            _print(said)
        if not said["allowed"]:
            raise click.exceptions.Exit(1)

    return cors


def explain(app: Any, url: str, origin: str, method: str, headers: Iterable[str]) -> dict[str, Any]:
    """Return what is known of a request that a page might make, in plain types."""
    if method.upper() in _STANDARD:
        method = method.upper()  # as browsers do (Fetch, "normalize"); other names keep their case
    app.seal()
    policies = app.extensions["cors"]
    with app.test_request_context(url, method=method, headers={ORIGIN: origin}) as ctx:
        policy = policies.of_request(ctx)
        said: dict[str, Any] = {
            "url": ctx.request.url,
            "method": method,
            "origin": origin,
            "endpoint": ctx.endpoint,
            "routing": _routing(ctx),
            "policy": policies.whence(ctx.endpoint, policy),
            "rule": policy.origins.explain(origin) if policy is not None else "no policy covers this path",
            "answer": dict(policy.answer(origin)) if policy is not None else {},
        }
    shared = said["answer"].get("Access-Control-Allow-Origin") in ("*", origin)
    problems = [] if shared else ["the answer does not name the origin, so the page cannot read it"]
    said["preflight"] = None
    names = _unsafe_names(headers)
    if method not in SAFE_METHODS or names:
        problems += _preflight(app, said, url, names)
    said["problems"] = problems
    said["allowed"] = not problems
    return said


def _routing(ctx: Any) -> str:
    if ctx.rule is not None:
        return str(ctx.rule.rule)
    return f"{ctx.routing_error.code} {ctx.routing_error.name}"


def _unsafe_names(headers: Iterable[str]) -> list[str]:
    """Return the names that need a preflight, in small letters and sorted, as browsers send them."""
    names = set()
    for header in headers:
        name, _, value = header.partition(":")
        name = name.strip().lower()
        safe_type = name == "content-type" and value.partition(";")[0].strip().lower() in _SAFE_TYPES
        if name and name not in _SAFE_NAMES and not safe_type:
            names.add(name)
    return sorted(names)


def _preflight(app: Any, said: dict[str, Any], url: str, names: list[str]) -> list[str]:
    """Send the preflight, note the answer, and return what the browser would object to."""
    asked = {ORIGIN: said["origin"], REQUEST_METHOD: said["method"]}
    if names:
        asked[REQUEST_HEADERS] = ",".join(names)
    with app.test_client().open(url, method="OPTIONS", headers=asked) as response:
        answer = dict(response.headers)
        said["preflight"] = {"status": response.status_code, "headers": answer}
        if not 200 <= response.status_code < 300:
            return [f"the preflight is answered with {response.status_code}"]
    problems = []
    if answer.get("Access-Control-Allow-Origin") not in ("*", said["origin"]):
        problems.append("the preflight's answer does not name the origin")
    methods = _listed(answer, "Access-Control-Allow-Methods")
    if said["method"] not in (*methods, *SAFE_METHODS):
        problems.append(f"the preflight allows {', '.join(methods) or 'no methods'}, not {said['method']}")
    allowed = {name.lower() for name in _listed(answer, "Access-Control-Allow-Headers")}
    for name in names:
        if name not in allowed and ("*" not in allowed or name == "authorization"):
            problems.append(f"the preflight does not allow the header {name}")
    return problems


def _listed(answer: dict[str, str], name: str) -> list[str]:
    return [part.strip() for part in answer.get(name, "").split(",") if part.strip()]


def _print(said: dict[str, Any]) -> None:
    click.echo(f"{said['method']} {said['url']} for a page of {said['origin']}")
    click.echo(f"  route      {said['routing']}" + (f" ({said['endpoint']})" if said["endpoint"] else ""))
    click.echo(f"  policy     {said['policy']}")
    click.echo(f"  origin     {said['rule']}")
    if said["preflight"] is not None:
        click.echo(f"  preflight  {said['preflight']['status']}")
        _print_fields(said["preflight"]["headers"])
    else:
        click.echo("  preflight  none: browsers send this request at once")
    click.echo("  answer")
    _print_fields(said["answer"])
    if said["allowed"]:
        with_cookies = "Access-Control-Allow-Credentials" in said["answer"]
        click.echo(f"The page may read the answer, {'with' if with_cookies else 'without'} credentials.")
    for problem in said["problems"]:
        click.echo(f"Refused: {problem}.")


def _print_fields(fields: dict[str, str]) -> None:
    for name, value in fields.items():
        click.echo(f"             {name}: {value}")
