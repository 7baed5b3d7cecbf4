"""What the reference of ``trivet-auth`` says is what the plugin does: options, flows, hooks, events, commands."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_type_hints

import msgspec
import pytest
from blinker import Signal

import trivet_auth
from trivet import Secret, Trivet, current_context, hookimpl
from trivet_auth import Auth, LoginManager, MemoryUsers, Options, hooks, login_user, options
from trivet_auth import accounts as service
from trivet_auth.command import make_command
from trivet_auth.flows import FLOWS
from trivet_auth.mail import Mail
from trivet_auth.oauth.pages import BLUEPRINT, PAGES
from trivet_auth.resolving import identity_in

from .pages import DOCS, ROOT, code_in, sections, table
from .test_reference import flags

REFERENCE = DOCS / "reference" / "auth.md"
PACKAGE = ROOT / "plugins" / "auth" / "trivet_auth"
HOOKS = {name: function for name, function in vars(hooks).items() if name.startswith("trivet_auth_")}
GOOD = "violet kettles hum at noon"

#: The sections that list options, with the class of each table.
TABLES: dict[str, type[msgspec.Struct]] = {
    "Realms": options.RealmOptions,
    "Passwords": options.PasswordOptions,
    "Throttling": options.ThrottleOptions,
    "Signed tokens": options.JWTOptions,
    "Providers": options.ProviderOptions,
    "Mail": options.MailOptions,
}
#: What the page calls the types of options.
KINDS: dict[Any, str] = {
    bool: "boolean",
    str: "string",
    options.Filled: "string, not empty",
    options.Positive: "number from 1",
    options.Natural: "number from 0",
    options.Natural | None: "number from 0 or nothing",
    Secret: "secret string",
    Secret | None: "secret string or nothing",
    list[str]: "list of strings",
    dict[str, list[str]]: "table of lists of strings",
    dict[str, list[str]] | None: "table of lists of strings or nothing",
    Literal["auto", "memory", "file", "redis", "db"]: '`"auto"`, `"memory"`, `"file"`, `"redis"` or `"db"`',
    Literal["optional", "required"]: '`"optional"` or `"required"`',
    Literal["cookie", "server"]: '`"cookie"` or `"server"`',
    dict[str, options.RealmOptions]: "tables by name",
    dict[str, options.ProviderOptions]: "tables by name",
    options.PasswordOptions: "table",
    options.ThrottleOptions: "table",
    options.MailOptions: "table",
    options.JWTOptions | None: "table or nothing",
}


def kind_of(hint: Any) -> str:
    """Return what the page calls a type, with what limits it."""
    if hint in KINDS:
        return KINDS[hint]
    base, limits = get_args(hint)
    if limits.min_length is not None:
        return {list[str]: "list of strings", list[Secret]: "list of secret strings"}[base] + ", not empty"
    return f"number from {limits.ge} to {limits.le}"


def rows(title: str, level: int = 2) -> list[list[str]]:
    """Return the rows of the tables of a section of the reference, without those of its subsections."""
    text = sections(REFERENCE, level)[title]
    return list(table(text.partition(f"\n{'#' * (level + 1)} ")[0]))


def bare(*plugins: Any, **config: Any) -> Trivet:
    """Return an application that reads no configuration file, with people in memory."""
    app = Trivet("docs", plugins=["auth", *plugins], config_file=False)
    cheap = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
    app.config.update(SECRET_KEY="only here", AUTH_STORE="memory", AUTH_PASSWORD=cheap, TESTING=True, **config)
    LoginManager(app, users=MemoryUsers())
    return app


# -- names


def test_every_public_name_of_the_plugin_stands_on_the_page_and_no_other() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    said = re.findall(r"^\.\. (?:auto|py:(?!module))\w+:: trivet_auth\.(\w+)(?:\(.*\))?$", text, re.MULTILINE)
    assert len(said) == len(set(said))
    assert {*said, *(code_in(row[0]) for row in rows("Signals"))} == set(trivet_auth.__all__)


def test_every_name_of_a_module_that_the_page_shows_is_there() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    found = re.findall(r"^\.\. auto\w+:: (trivet_auth\.[a-z_]+)\.(\w+)", text, re.MULTILINE)
    assert len(found) > 12
    for module, name in found:
        __import__(module)
        assert inspect.getdoc(getattr(__import__(module, fromlist=[name]), name))


def test_the_functions_for_plain_code_are_those_of_the_page() -> None:
    text = sections(REFERENCE, 3)["What is done to accounts"].rpartition("In plain code")[2]
    said = set(re.findall(r"`(\w+)`", text.partition(", each with")[0]))
    assert said == {name for name, one in vars(service).items() if getattr(one, "__wrapped__", None) is not None}


def test_every_signal_stands_in_the_table() -> None:
    said = {code_in(row[0]) for row in rows("Signals")}
    assert said == {name for name in trivet_auth.__all__ if isinstance(getattr(trivet_auth, name), Signal)}


# -- options


@pytest.mark.parametrize("title", ["Options", *TABLES])
def test_every_option_stands_in_its_table_in_order_with_type_and_default(title: str) -> None:
    cls = Options if title == "Options" else TABLES[title]
    found = rows(title, 2 if title == "Options" else 3)
    assert [code_in(row[0]) for row in found] == list(cls.__struct_fields__)
    hints = get_type_hints(cls, include_extras=True)
    for row, field in zip(found, msgspec.structs.fields(cls), strict=True):
        assert row[1] == kind_of(hints[field.name]), field.name
        assert row[2] == said_default(field), field.name


def said_default(field: msgspec.structs.FieldInfo) -> str:
    """Return what the page says of a default: nothing of that of a table, which stands in its own section."""
    if field.required:
        return "required"
    default: Any = field.default
    if default is msgspec.NODEFAULT:
        default = field.default_factory()
    if isinstance(default, msgspec.Struct) or field.name in ("realms", "oauth"):
        return ""
    return f"`{str(default)!r}`" if isinstance(default, Secret) else f"`{default!r}`"


def test_every_section_of_options_is_linked_from_the_first_table() -> None:
    text = sections(REFERENCE)["Options"]
    assert {title.lower().replace(" ", "-") for title in TABLES} == set(re.findall(r"\]\(#([a-z-]+)\)", text)) - {
        "flows",
        "trivet_auth_send_mail",
    }


def settings_in_the_code() -> set[str]:
    """Return the names of the settings that the plugin looks up and that are not Trivet's own."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        found |= set(re.findall(r"config\.get\(\s*\"([A-Z_]+)\"", path.read_text(encoding="utf-8")))
    return found - {"APPLICATION_ROOT"}


def test_every_setting_of_flask_login_that_is_understood_stands_in_the_table() -> None:
    said = [code_in(row[0]) for row in rows("Settings", 3)]
    assert said == sorted(settings_in_the_code())


# -- flows


def test_every_flow_stands_in_the_table_with_its_endpoints_methods_and_paths() -> None:
    said = [[code_in(row[0]), code_in(row[1]), row[2], code_in(row[3])] for row in rows("Flows") if len(row) == 4]
    made = [[name, f"auth.{one.name}", methods_of(one), one.rule] for name, pages in FLOWS.items() for one in pages]
    assert said == made


def test_every_page_of_providers_stands_in_the_table() -> None:
    said = [[code_in(row[0]), row[1], code_in(row[2])] for row in rows("Flows") if len(row) == 3]
    assert said == [[f"{BLUEPRINT}.{one.name}", methods_of(one), f"/oauth{one.rule}"] for one in PAGES]


def methods_of(flow: type[Any]) -> str:
    """Return the methods that a flow has, as the page writes them."""
    return ", ".join(f"`{name.upper()}`" for name in ("get", "post", "delete") if hasattr(flow, name))


# -- hooks


def test_every_hook_has_a_section_in_the_order_of_the_contract() -> None:
    assert [title for title in sections(REFERENCE, 3) if title.startswith("trivet_auth_")] == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_of_a_hook_says_its_signature_whose_result_counts_and_an_example(hook: str) -> None:
    section = sections(REFERENCE, 3)[hook]
    parameters = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert section.lstrip().startswith(f"`{hook}({parameters})`\n")
    [kind] = re.findall(r"^:Kind: (?:request; )?(.*)$", section, re.MULTILINE)
    assert kind == ("first result" if HOOKS[hook].trivet_spec["firstresult"] else "every implementation")
    assert re.search(rf"^@hookimpl\ndef {hook}\(", section, re.MULTILINE)


def example(hook: str, **names: Any) -> Any:
    """Run the example of a hook's docstring; return a plugin that has what it defines."""
    _, mark, code = (inspect.getdoc(HOOKS[hook]) or "").partition("::\n")
    assert mark, f"{hook} has no example"
    scope: dict[str, Any] = {"hookimpl": hookimpl, **names}
    exec(compile(dedent(code), hook, "exec"), scope)
    return SimpleNamespace(name="example", **{hook: scope[hook]})


@pytest.fixture
def site() -> Iterator[Any]:
    """Make applications with the example of a hook; what they have opened is closed when the test ends."""
    apps: list[Trivet] = []

    def make(hook: str, **names: Any) -> Trivet:
        app = bare(example(hook, **names), ROBOT_KEY="sesame")
        apps.append(app)
        app.seal()
        return app

    yield make
    for app in apps:
        app.lifespan.stop()


def ada(app: Trivet) -> Any:
    """Make an account."""
    with app.app_context():
        return service.create(Auth.of(app), "default", "ada@example.com", GOOD)


def test_the_example_of_the_hook_that_knows_people_knows_the_robot(site: Any) -> None:
    robot = SimpleNamespace(get_id=lambda: "robot", is_active=True, is_authenticated=True)
    app = site("trivet_auth_authenticate", load_user=lambda name: robot)
    with app.test_request_context("/", headers={"X-Api-Key": "sesame"}) as ctx:
        assert (ctx.identity.user, ctx.identity.method) == (robot, "plugin")
    with app.test_request_context("/", headers={"X-Api-Key": "wrong"}) as ctx:
        assert not ctx.identity.known


def test_the_example_of_the_hook_that_decides_grants_what_it_says(site: Any) -> None:
    from trivet_auth.deciding import can

    app = site("trivet_auth_authorize")
    with app.test_request_context("/"):
        login_user(ada(app))
        assert can("reports:read")
        assert not can("reports:write")


def test_the_example_of_the_hook_for_signing_in_writes_to_the_new_session(site: Any) -> None:
    app = site("trivet_auth_logged_in")
    with app.test_request_context("/") as ctx:
        login_user(ada(app))
        assert ctx.session["greeted"] is False


def test_the_example_of_the_hook_for_signing_out_says_who_has_left(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = site("trivet_auth_logged_out")
    with app.test_request_context("/"), caplog.at_level("INFO"):
        login_user(ada(app))
        trivet_auth.logout_user()
    assert "1 has left" in caplog.messages


def test_the_example_of_the_hook_for_new_accounts_welcomes_them(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        ada(site("trivet_auth_registered"))
    assert "welcome, 1" in caplog.messages


def test_the_example_of_the_hook_for_mail_sends_it(site: Any) -> None:
    sent: list[tuple[str, ...]] = []
    mailer = SimpleNamespace(send=lambda *what: sent.append(what))
    app = site("trivet_auth_send_mail", my_mailer=mailer)
    mail = Mail("ada@example.com", "Hello", "Good day.", "verify")
    assert app.hook.trivet_auth_send_mail(app=app, mail=mail) is True
    assert sent == [("ada@example.com", "Hello", "Good day.")]


def test_the_example_of_the_hook_for_events_sounds_the_alarm(site: Any) -> None:
    alerts: list[str] = []
    app = site("trivet_auth_event", alert=alerts.append)
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.7"}) as ctx:
        Auth.of(app).event("login", ctx, "default", "7")
        Auth.of(app).event("remember.reused", ctx, "default", "7")
    assert alerts == ["a stolen cookie of user 7 came from 192.0.2.7"]


# -- events


def events_in_the_code() -> dict[str, set[str]]:
    """Return the names of the events that the plugin tells, with the names of their facts."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("event", "tell", "_tell"):
                name = name_of_event(node.args[0])
                if name is not None:
                    found.setdefault(name, set()).update(one.arg or "**" for one in node.keywords)
    return found


def name_of_event(node: ast.expr) -> str | None:
    """Return a name that stands in the code; ``None`` for one that is passed on."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[-1], ast.Constant):
        return f"*{node.values[-1].value!s}"
    return None


def test_every_event_stands_in_the_table_with_its_facts() -> None:
    said = {code_in(row[0]): set(re.findall(r"`(\w+)`", row[2])) for row in rows("Events")}
    made = events_in_the_code()
    assert set(said) == {name.replace("*", "login") for name in made}
    for name, facts in made.items():
        if "**" not in facts:
            assert said[name.replace("*", "login")] == facts, name


def test_an_event_is_logged_as_the_page_says(caplog: pytest.LogCaptureFixture) -> None:
    app = bare()
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.7"}) as ctx, caplog.at_level("INFO"):
        Auth.of(app).event("login.failed", ctx, "default", "7")
    [record] = [one for one in caplog.records if one.name == "trivet.auth"]
    assert (record.levelname, record.getMessage()) == ("INFO", "login.failed")
    facts = {"name": "login.failed", "realm": "default", "user": "7", "address": "192.0.2.7", "facts": {}}
    assert record.__dict__["auth"] == facts


# -- commands

GROUP = make_command(Trivet("docs", plugins=["auth"], config_file=False))
COMMANDS = [title.split()[2] for title in sections(REFERENCE, 3) if re.fullmatch(r"trivet auth [\w-]+", title)]


def test_every_command_has_a_section_and_no_section_is_stale() -> None:
    assert sorted(COMMANDS) == sorted(GROUP.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_of_a_command_lists_its_options(command: str) -> None:
    said = {flag for row in rows(f"trivet auth {command}", 3) for flag in re.findall(r"`(-[\w-]+)`", row[0])}
    assert said == flags(GROUP.commands[command]) - {"-h", "--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_usage_of_a_command_is_the_one_of_its_help(command: str) -> None:
    usage = code_in(sections(REFERENCE, 3)[f"trivet auth {command}"].partition("\n\n")[2])
    context = GROUP.commands[command].make_context(command, [], resilient_parsing=True)
    arguments = [one for one in GROUP.commands[command].collect_usage_pieces(context) if one != "[OPTIONS]"]
    assert usage.split()[3:] == " ".join(arguments).split()


def test_a_plugin_that_says_by_what_it_knows_somebody_is_believed(tmp_path: Path) -> None:
    """The example of the page, which limits what the robot may do."""
    [code] = re.findall(r"```python\n(.*?)```", sections(REFERENCE, 3)["trivet_auth_authenticate"], re.DOTALL)
    scope: dict[str, Any] = {}
    exec(compile(code, str(tmp_path / "robot.py"), "exec"), scope)
    plugin = SimpleNamespace(name="robots", trivet_auth_authenticate=scope["trivet_auth_authenticate"])
    with bare(plugin, ROBOT_KEY="sesame").test_request_context("/", headers={"X-Api-Key": "sesame"}):
        found = identity_in(current_context(), "default")
    assert (found.method, found.scopes) == ("api key", frozenset({"tasks:read"}))
