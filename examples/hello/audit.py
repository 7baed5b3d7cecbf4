"""A hook of the application's own: a local file is a plugin too."""

from typing import Any

from trivet import Response, hookimpl


@hookimpl
def trivet_after_request(ctx: Any, response: Response) -> None:
    """Say on every answer which application gave it."""
    response.headers["X-Handled-By"] = ctx.app.name
