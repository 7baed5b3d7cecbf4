"""Prints the public names of Flask's documented modules and classes, and what their functions take, as JSON.

``python -m differential.names flask|trivet``
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from typing import Any

MODULES = {
    "flask": """
        Blueprint Config Flask Request Response abort after_this_request appcontext_popped appcontext_pushed
        appcontext_tearing_down before_render_template copy_current_request_context current_app flash g
        get_flashed_messages get_template_attribute got_request_exception has_app_context has_request_context json
        jsonify make_response message_flashed redirect render_template render_template_string request request_finished
        request_started request_tearing_down send_file send_from_directory session stream_template
        stream_template_string stream_with_context template_rendered url_for
    """,
    "flask.app": "Flask Request Response",
    "flask.blueprints": "Blueprint BlueprintSetupState",
    "flask.cli": """
        AppGroup FlaskGroup NoAppException ScriptInfo cli load_dotenv main pass_script_info routes_command run_command
        shell_command with_appcontext find_best_app find_app_by_string locate_app prepare_import get_version
        CertParamType SeparatedPathType show_server_banner
    """,
    "flask.config": "Config ConfigAttribute",
    "flask.ctx": """
        AppContext RequestContext _AppCtxGlobals after_this_request copy_current_request_context has_app_context
        has_request_context
    """,
    "flask.debughelpers": "DebugFilesKeyError FormDataRoutingRedirect UnexpectedUnicodeError",
    "flask.globals": "app_ctx current_app g request request_ctx session",
    "flask.helpers": """
        abort flash get_debug_flag get_flashed_messages get_load_dotenv get_root_path get_template_attribute
        make_response redirect send_file send_from_directory stream_with_context url_for
    """,
    "flask.json": "dump dumps jsonify load loads provider",
    "flask.json.provider": "DefaultJSONProvider JSONProvider",
    "flask.json.tag": """
        JSONTag PassDict PassList TagBytes TagDateTime TagDict TagMarkup TagTuple TagUUID TaggedJSONSerializer
    """,
    "flask.logging": "create_logger default_handler has_level_handler wsgi_errors_stream",
    "flask.sansio.app": "App",
    "flask.sansio.blueprints": "Blueprint BlueprintSetupState",
    "flask.sansio.scaffold": "Scaffold find_package setupmethod",
    "flask.sessions": """
        NullSession SecureCookieSession SecureCookieSessionInterface SessionInterface SessionMixin
        session_json_serializer
    """,
    "flask.signals": """
        appcontext_popped appcontext_pushed appcontext_tearing_down before_render_template got_request_exception
        message_flashed request_finished request_started request_tearing_down template_rendered
    """,
    "flask.templating": """
        DispatchingJinjaLoader Environment render_template render_template_string stream_template
        stream_template_string
    """,
    "flask.testing": "EnvironBuilder FlaskClient FlaskCliRunner",
    "flask.typing": """
        AfterRequestCallable BeforeRequestCallable ErrorHandlerCallable HeadersValue ResponseReturnValue ResponseValue
        RouteCallable ShellContextProcessorCallable StatusCode TeardownCallable TemplateContextProcessorCallable
        TemplateFilterCallable TemplateGlobalCallable TemplateTestCallable URLDefaultCallable
        URLValuePreprocessorCallable
    """,
    "flask.views": "MethodView View http_method_funcs",
    "flask.wrappers": "Request Response",
}


def parameters(function: Any) -> list[tuple[str, str, bool]]:
    """Return name, kind and whether there is a default, for each parameter of a function."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.kind.name, one.default is not one.empty) for one in found]


def members(cls: type) -> dict[str, Any]:
    """Return the public members of a class, those of an object included where the class says so by annotations."""
    found: dict[str, Any] = {}
    for name in dir(cls):
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        static = inspect.getattr_static(cls, name)
        function = getattr(static, "__func__", static)
        found[name] = parameters(function) if inspect.isfunction(function) else None
    return found


def main() -> None:
    """Print everything; a name that is missing is left out."""
    if sys.argv[1] == "trivet":
        import_module("trivet_flask").install()
    told: dict[str, Any] = {}
    for name, documented in MODULES.items():
        module = import_module(name)
        for one in documented.split():
            if not hasattr(module, one):
                continue
            value = inspect.getattr_static(module, one)
            told[f"{name}.{one}"] = parameters(value) if inspect.isfunction(value) else None
            if inspect.isclass(value):
                told |= {f"{name}.{one}.{key}": found for key, found in members(value).items()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
