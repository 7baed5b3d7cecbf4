"""Trivet: Flask's programming model on a minimal kernel whose every feature is a plugin."""

from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException

from .app import Trivet
from .blueprints import Blueprint, BlueprintNameError, BlueprintSetupState
from .builtin.csrf import csrf_exempt
from .builtin.json import Request, Response
from .builtin.signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_request_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
)
from .builtin.websockets import Disconnect, WebSocket
from .config import Config
from .globals import (
    app_context as current_context,
)
from .globals import (
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    websocket,
)
from .helpers import (
    abort,
    after_response,
    after_this_request,
    copy_current_request_context,
    flash,
    get_flashed_messages,
    get_template_attribute,
    jsonify,
    make_response,
    redirect,
    render_template,
    render_template_string,
    safe_redirect_target,
    send_file,
    send_from_directory,
    stream_template,
    stream_template_string,
    stream_with_context,
    url_for,
)
from .hookspecs import hookimpl, hookspec
from .kernel.chains import specialised
from .kernel.errors import (
    ConfigError,
    ConflictError,
    OutsideContextError,
    SealedError,
    SetupError,
    TrivetError,
)
from .kernel.stash import Stash, StashKey
from .kernel.version import __version__
from .plugins import Plugin, PluginError, PluginManager, Secret

__all__ = [
    "Blueprint",
    "BlueprintNameError",
    "BlueprintSetupState",
    "Config",
    "ConfigError",
    "ConflictError",
    "Disconnect",
    "HTTPException",
    "Markup",
    "OutsideContextError",
    "Plugin",
    "PluginError",
    "PluginManager",
    "Request",
    "Response",
    "SealedError",
    "Secret",
    "SetupError",
    "Stash",
    "StashKey",
    "Trivet",
    "TrivetError",
    "WebSocket",
    "__version__",
    "abort",
    "after_response",
    "after_this_request",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "copy_current_request_context",
    "csrf_exempt",
    "current_app",
    "current_context",
    "escape",
    "flash",
    "g",
    "get_flashed_messages",
    "get_template_attribute",
    "got_request_exception",
    "has_app_context",
    "has_request_context",
    "hookimpl",
    "hookspec",
    "jsonify",
    "make_response",
    "message_flashed",
    "redirect",
    "render_template",
    "render_template_string",
    "request",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "safe_redirect_target",
    "send_file",
    "send_from_directory",
    "session",
    "specialised",
    "stream_template",
    "stream_template_string",
    "stream_with_context",
    "template_rendered",
    "url_for",
    "websocket",
]
