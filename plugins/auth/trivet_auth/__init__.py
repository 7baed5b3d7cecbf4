"""Who is asking, and may they: sign-in, sessions, tokens and permissions for Trivet."""

from importlib import import_module
from typing import Any

__all__ = [
    "Accounts",
    "AnonymousUserMixin",
    "Auth",
    "AuthConfigError",
    "Claims",
    "DatabaseUsers",
    "Decision",
    "Ended",
    "Event",
    "FlaskLoginClient",
    "Identity",
    "LoginManager",
    "MemoryUsers",
    "Options",
    "SessionInfo",
    "StoreError",
    "TakenError",
    "TokenInfo",
    "UserColumns",
    "UserMixin",
    "UserModel",
    "Users",
    "WeakPasswordError",
    "authorize",
    "authorize_async",
    "can",
    "confirm_login",
    "current_user",
    "explain",
    "explain_async",
    "fresh_login_required",
    "load_identity",
    "login_fresh",
    "login_remembered",
    "login_required",
    "login_url",
    "login_user",
    "logout_user",
    "make_next_param",
    "public",
    "requires",
    "rule",
    "session_protected",
    "set_login_view",
    "user_accessed",
    "user_loaded_from_cookie",
    "user_loaded_from_request",
    "user_logged_in",
    "user_logged_out",
    "user_login_confirmed",
    "user_needs_refresh",
    "user_unauthorized",
]

# Imported when they are asked for, so that an application pays for what it uses. What type checkers read is in
# __init__.pyi.
_HOMES = {
    "Accounts": "accounts",
    "AnonymousUserMixin": "identity",
    "Auth": "state",
    "AuthConfigError": "errors",
    "Claims": "bearer",
    "DatabaseUsers": "models",
    "Decision": "permissions",
    "Ended": "accounts",
    "Event": "state",
    "FlaskLoginClient": "testing",
    "Identity": "identity",
    "LoginManager": "manager",
    "MemoryUsers": "users",
    "Options": "options",
    "SessionInfo": "accounts",
    "StoreError": "records",
    "TakenError": "errors",
    "TokenInfo": "access",
    "UserColumns": "models",
    "UserMixin": "identity",
    "UserModel": "models",
    "Users": "users",
    "WeakPasswordError": "errors",
    "authorize": "deciding",
    "authorize_async": "deciding",
    "can": "deciding",
    "confirm_login": "signing_in",
    "current_user": "current",
    "explain": "deciding",
    "explain_async": "deciding",
    "fresh_login_required": "decorators",
    "load_identity": "resolving",
    "login_fresh": "signing_in",
    "login_remembered": "signing_in",
    "login_required": "decorators",
    "login_url": "urls",
    "login_user": "signing_in",
    "logout_user": "signing_in",
    "make_next_param": "urls",
    "public": "decorators",
    "requires": "deciding",
    "rule": "deciding",
    "session_protected": "signals",
    "set_login_view": "signing_in",
    "user_accessed": "signals",
    "user_loaded_from_cookie": "signals",
    "user_loaded_from_request": "signals",
    "user_logged_in": "signals",
    "user_logged_out": "signals",
    "user_login_confirmed": "signals",
    "user_needs_refresh": "signals",
    "user_unauthorized": "signals",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    """Name what can be imported, too."""
    return sorted({*globals(), *_HOMES})
