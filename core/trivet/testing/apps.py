"""Applications for tests, apart from the project's configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..app import Trivet


def make_app(plugins: Sequence[Any] = (), config: Mapping[str, Any] | None = None, name: str = "testapp") -> Trivet:
    """Return an application of its own for a test.

    No configuration file is read; exceptions reach the test, as ``TESTING`` is on.

    :param plugins: names, paths, modules or objects of plugins to enable.
    :param config: values for ``app.config``.

    ::

        app = make_app(plugins=["cors"], config={"CORS_ORIGINS": ["https://a.example"]})
        assert app.test_client().get("/").status_code == 404
    """
    app = Trivet(name, plugins=plugins, config_file=False)
    app.config.update({"TESTING": True, **(config or {})})
    return app
