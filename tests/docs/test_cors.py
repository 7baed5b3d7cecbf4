"""What the pages about ``trivet-cors`` say is what the plugin does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import msgspec
import pytest

import trivet_cors
from trivet import Blueprint, PluginError, Trivet, hookimpl
from trivet.views import MethodView
from trivet_cors import CORS, Options, PolicyError, PolicyOptions, cors, origins
from trivet_cors.code import Arguments
from trivet_cors.command import make_command

from .pages import DOCS, ROOT, Block, blocks, code_in, commands, pattern, sections, table
from .protocols import PROTOCOLS, Send
from .servers import environment
from .test_reference import flags

REFERENCE = DOCS / "reference" / "cors.md"
HOW_TO = DOCS / "how-to" / "cors.md"
APP = "https://app.example.com"

#: What the page calls the types of options.
KINDS = {
    bool: "boolean",
    bool | None: "boolean or nothing",
    str | tuple[str, ...]: "list of strings",
    Any: "list of [origins](#origins)",
    dict[str, str]: "table of strings",
    dict[str, dict[str, Any]]: "table of tables",
    str | tuple[Any, ...] | dict[Any, Any] | None: "string, list or table",
    int | timedelta | None: "number, span of time or nothing",
}


def rows(*titles: str, level: int = 2) -> list[list[str]]:
    """Return the rows of the tables of some sections of the reference."""
    return [row for title in titles for row in table(sections(REFERENCE, level)[title])]


OPTIONS = rows("Options of a policy", "Options of the application", "Names from Flask-CORS")
ERRORS = rows("At the call", level=3)
LATE = rows("When setup ends", level=3)


# -- the reference


def test_every_public_name_of_the_plugin_stands_on_the_page_and_no_other() -> None:
    said = re.findall(
        r"^\.\. (?:auto|py:)\w+:: trivet_cors\.(\w+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(said) == len(set(said))
    assert set(said) == set(trivet_cors.__all__)


def test_every_option_stands_in_the_tables_in_order_and_no_other() -> None:
    assert [code_in(row[0]) for row in OPTIONS] == list(Options.__struct_fields__)
    assert [code_in(row[0]) for row in rows("Options of a policy")] == list(PolicyOptions.__struct_fields__)


def test_every_default_is_the_one_that_an_option_has() -> None:
    made = Options()
    for row in OPTIONS:
        assert ast.literal_eval(code_in(row[2])) == getattr(made, code_in(row[0]))


def test_every_type_is_the_one_that_an_option_has() -> None:
    hints = get_type_hints(Options)
    for row in OPTIONS:
        kind = hints[code_in(row[0])]
        choices = re.findall(r'"([\w-]+)"', row[1])
        if choices:
            assert choices == list(kind.__args__[0].__args__)
        else:
            assert row[1] == KINDS[kind]


def test_the_table_of_the_command_lists_its_options_with_their_defaults() -> None:
    command = make_command(Trivet("docs", config_file=False)).commands["check"]
    said = rows("trivet cors check")
    assert {flag for row in said for flag in re.findall(r"`(--\w+)`", row[0])} == flags(command) - {"-h", "--help"}
    defaults = {flag: one.default for one in command.params for flag in one.opts}
    for row in said:
        if row[1]:
            assert code_in(row[1]) == str(defaults[code_in(row[0])])


# -- its errors


async def coroutine_function(origin: str) -> bool:
    """Stand for a function that cannot be asked."""
    return True


def failure(act: Callable[[], object]) -> PolicyError:
    """Return the error that something raises, also where the failed plugin is named first."""
    with pytest.raises((PolicyError, PluginError)) as caught:
        act()
    error = caught.value if isinstance(caught.value, PolicyError) else caught.value.__cause__
    assert isinstance(error, PolicyError)
    return error


def arguments(code: str) -> dict[str, Any]:
    """Read the arguments that a row shows."""
    names = {"re": re, "timedelta": timedelta, "coroutine_function": coroutine_function}
    found: dict[str, Any] = eval(f"dict({code})", names)
    # To be with credentials one has to let somebody in.
    return {"origins": APP, **found} if "origins" not in found and "credentials" in found else found


def bare(**options: Any) -> Trivet:
    """Return an application that reads no configuration file."""
    return Trivet("docs", config_file=False, static_folder=None, **options)


def written(options: Mapping[str, Any]) -> PolicyError:
    """Return the error for options that are written in code."""
    return failure(lambda: CORS(bare(), **options))


@pytest.mark.parametrize("row", ERRORS, ids=[f"{row[0]} {row[1]}" for row in ERRORS])
def test_what_is_written_wrongly_raises_what_the_page_says(row: list[str]) -> None:
    error = written(arguments(code_in(row[1])))
    assert row[2] in str(error)
    assert row[0] in (f"`{error.option}`", "any other")


def configured(**options: Any) -> Trivet:
    """Return an application with a route, a blueprint and these options."""
    app, api = bare(plugins=["cors"]), Blueprint("api", "docs", url_prefix="/api")
    app.config.update({f"CORS_{name.upper()}": value for name, value in options.items()})
    app.add_url_rule("/", "index", lambda: "here")
    app.register_blueprint(api)
    return app


def decorated(decorator: Any, **options: Any) -> Trivet:
    """Return an application with a decorated view."""
    app = configured(**options)
    app.add_url_rule("/decorated", "decorated", decorator(lambda: "here"))
    return app


def twice() -> None:
    """Write one policy in two places, of which the page speaks below its table."""
    app = bare()
    CORS(app, origins=APP)
    CORS(app, origins=APP)


class Shop:
    """A plugin that calls ``CORS(app)`` while it is set up itself."""

    name = "shop"

    @hookimpl
    def trivet_setup(self, app: Any) -> None:
        CORS(app, origins=APP)


def late() -> None:
    bare(plugins=["cors", Shop()]).seal()


def too_late() -> None:
    bare(plugins=[Shop()]).seal()


def at_a_method() -> None:
    """Put a policy where nobody looks for it."""

    class Items(MethodView):
        @cors(origins=APP)
        def get(self) -> str:
            return "items"

    app = configured()
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    app.seal()


def twice_at_one_function() -> None:
    cors(origins=APP)(cors(origins="*")(lambda: "here"))


#: What the page says in sentences.
SAID: tuple[Callable[[], object], ...] = (
    twice,
    late,
    too_late,
    at_a_method,
    twice_at_one_function,
    lambda: cors(origins=APP)(bare()),
    lambda: cors(origins=APP)(len),
)


def divided() -> None:
    """Give two rules of one endpoint different policies."""
    app = configured(resources={"/": "*"})
    app.add_url_rule("/second", "index")
    app.seal()


PARTNERS = {"partners": {"origins": APP}}
LATE_CASES: dict[str, Callable[[], object]] = {
    "`@cors` lets nobody in, and the policy it begins with lets nobody in either": lambda: decorated(cors()).seal(),
    '`@cors("name")` names a policy that is not there': lambda: decorated(cors("partner"), policies=PARTNERS).seal(),
    "a name is no blueprint": lambda: configured(policies=PARTNERS, blueprints={"apis": "partners"}).seal(),
    "a name is no endpoint": lambda: configured(policies=PARTNERS, routes={"indx": "partners"}).seal(),
    "it names a policy that is not there": lambda: configured(policies=PARTNERS, routes={"index": "partner"}).seal(),
    "a named policy is wrong together with what it takes over from `[cors]`": lambda: configured(
        origins=APP, credentials=True, policies={"public": {"origins": "*"}}
    ).seal(),
    "rules of one endpoint have different policies": divided,
}


def test_there_is_a_case_for_each_error_at_the_end_of_setup() -> None:
    assert [row[1] for row in LATE] == list(LATE_CASES)


@pytest.mark.parametrize("row", LATE, ids=[row[1] for row in LATE])
def test_what_is_found_when_setup_ends_raises_what_the_page_says(row: list[str]) -> None:
    error = failure(LATE_CASES[row[1]])
    assert row[2] in str(error)
    assert f"`{error.option}`" == row[0]


def texts_of_errors() -> Iterator[str]:
    """Yield of every error that the plugin's code raises the longest text that stands in the code."""
    for path in (ROOT / "plugins" / "cors" / "trivet_cors").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = getattr(node.exc.func, "id", "")
                texts = [one.value for one in ast.walk(node.exc) if isinstance(one, ast.Constant)]
                longest = max((one for one in texts if isinstance(one, str)), key=len, default="")
                if name in ("PolicyError", "OriginError") and len(longest) > 10:
                    yield longest
    yield from (advice for _, advice in origins._ADVICE)


def test_every_error_of_the_plugin_stands_in_the_tables() -> None:
    raised = [str(written(arguments(code_in(row[1])))) for row in ERRORS]
    raised += [str(failure(case)) for case in (*LATE_CASES.values(), *SAID)]
    assert [text for text in texts_of_errors() if not any(text in said for said in raised)] == []


# -- the how-to guide

TOML = blocks(HOW_TO, "toml")


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str], Path]:
    """Put the application of the page into a folder, with a configuration."""

    def put(configuration: str) -> Path:
        [code] = [one.text for one in blocks(HOW_TO, "python") if one.file == "shop.py"]
        (tmp_path / ".git").mkdir()
        (tmp_path / "shop.py").write_text(code, encoding="utf-8")
        head = "" if "plugins" in configuration else 'app = "shop:app"\nplugins = ["cors"]\n'
        (tmp_path / "trivet.toml").write_text(head + configuration, encoding="utf-8")
        return tmp_path

    return put


def type_in(command: str, folder: Path) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("block", TOML, ids=[one.title for one in TOML])
def test_a_configuration_of_the_page_fits_its_application(block: Block, shop: Callable[[str], Path]) -> None:
    seal = f'{sys.executable} -W error -c "import shop; shop.app.seal()"'
    assert type_in(seal, shop(block.text)) == ""


def test_the_command_prints_what_the_page_shows(shop: Callable[[str], Path]) -> None:
    folder = shop(TOML[0].text + TOML[1].text)
    [block] = blocks(HOW_TO, "console")
    for command, expected in commands(block):
        assert pattern(expected).fullmatch(type_in(command, folder))


@pytest.fixture
def module() -> Callable[[str], ModuleType]:
    """Run the Python block of the page that contains some text."""

    def load(containing: str) -> ModuleType:
        [found] = [one for one in blocks(HOW_TO, "python") if containing in one.text]
        made = ModuleType(f"block_{found.line}")
        exec(found.text, vars(made))
        return made

    return load


def allowed(send: Send, app: Trivet, path: str, origin: str, method: str = "GET") -> str | None:
    """Return which origin an answer names."""
    headers = [("Host", "here.example"), ("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    return send(app, method, path, headers).headers.get("access-control-allow-origin")


@pytest.fixture(params=PROTOCOLS)
def send(request: pytest.FixtureRequest) -> Send:
    """How a request reaches the application."""
    return PROTOCOLS[request.param]


def test_a_policy_in_code_holds_where_it_stands(send: Send, module: Callable[[str], ModuleType]) -> None:
    app = module("CORS(api").app
    partner = "https://partner.example.net"
    assert allowed(send, app, "/api/prices", partner) == "*"
    assert allowed(send, app, "/api/missing", partner) == partner
    assert allowed(send, app, "/missing", partner) is None


def test_patterns_and_functions_let_in_whom_the_page_says(send: Send, module: Callable[[str], ModuleType]) -> None:
    app = module("is_customer").app
    for origin in (APP, "http://localhost:5173", "https://two.example.net"):
        assert allowed(send, app, "/", origin) == origin
    assert allowed(send, app, "/", "https://three.example.net") is None


def test_a_view_for_everybody_takes_votes_from_everywhere(send: Send, module: Callable[[str], ModuleType]) -> None:
    app = module("@csrf_exempt").app
    headers = [("Host", "here.example"), ("Origin", "https://elsewhere.example"), ("Sec-Fetch-Site", "cross-site")]
    assert send(app, "POST", "/api/votes", headers).status == 204


#: The settings of Flask-CORS 6, without ``CORS_``.
FLASK_CORS = [
    "origins",
    "methods",
    "allow_headers",
    "expose_headers",
    "supports_credentials",
    "max_age",
    "resources",
    "send_wildcard",
    "vary_header",
    "always_send",
    "intercept_exceptions",
    "automatic_options",
    "allow_private_network",
]


def test_every_argument_of_flask_cors_stands_in_the_table_and_is_an_option() -> None:
    said = [code_in(row[0]) for row in table(sections(HOW_TO)["Come from Flask-CORS"])]
    assert said == ["CORS(app)", *FLASK_CORS]
    assert set(FLASK_CORS) <= set(Options.__struct_fields__)
    known = {one.name for one in msgspec.structs.fields(Options)} - set(PolicyOptions.__struct_fields__)
    assert known - {"policies", "blueprints", "routes"} <= set(FLASK_CORS)


def test_every_name_that_a_page_imports_from_the_plugin_is_public() -> None:
    for page in (HOW_TO, REFERENCE, ROOT / "plugins" / "cors" / "README.md"):
        for names in re.findall(r"from trivet_cors import ([\w, ]+)", page.read_text(encoding="utf-8")):
            assert set(re.findall(r"\w+", names)) <= set(trivet_cors.__all__)


def test_a_decorator_takes_every_option_but_those_of_the_application() -> None:
    taken = set(get_type_hints(Arguments))
    assert taken == {code_in(row[0]) for row in OPTIONS} - {"policies", "blueprints", "routes", "resources"}
