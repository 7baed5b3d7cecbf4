"""The policy written in code: ``CORS(app, ...)``."""

import difflib
from collections.abc import Collection
from typing import Any, TypedDict, Unpack

import msgspec

from trivet import Trivet

from . import plugin
from .origins import Rule
from .policy import Options, PolicyError, compile_policy


class Arguments(TypedDict, total=False):
    """The options as arguments; see :class:`trivet_cors.Options`."""

    origins: str | Collection[Rule]
    methods: Collection[str]
    allow_headers: Collection[str]
    expose_headers: Collection[str]
    credentials: bool
    max_age: int | None


def CORS(app: Trivet, **options: Unpack[Arguments]) -> None:
    """Enable the plugin for an application, with these options.

    They are kept in ``app.config``, as ``CORS_ORIGINS`` and so on, so what the environment says still wins.

    :param options: as :class:`trivet_cors.Options` describes them.
    :raises PolicyError: at the call, for an unknown option, a value that does not fit or a contradiction.

    ::

        app = Trivet(__name__)
        CORS(app, origins=["https://app.example.com", re.compile(r"http://localhost(:[0-9]+)?")])
    """
    app.check_open("CORS(app)")
    compile_policy(_typed(dict(options)))
    for name, value in options.items():
        key = f"CORS_{name.upper()}"
        if key in app.config:
            raise PolicyError(name, f"app.config[{key!r}] is set already; write the policy in one place")
        app.config[key] = value
    _enable(app)


def _typed(options: dict[str, Any]) -> Options:
    known = [field.name for field in msgspec.structs.fields(Options)]
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise PolicyError(name, f"there is no such option; {advice}")
        try:
            msgspec.convert({name: value}, Options)
        except msgspec.ValidationError as error:
            raise PolicyError(name, f"{error} (it is {value!r})") from None
    return msgspec.convert(options, Options)


def _enable(app: Trivet) -> None:
    """Enable the plugin unless configuration has done so, or has switched it off."""
    found = app.plugins.found.get(plugin.NAME)
    if found is not None:
        if found.enabled or found.why_disabled.startswith("disabled by"):
            return
        del app.plugins.found[plugin.NAME]
    app.plugins.register(plugin)
