"""Who is asking, and may they: sign-in, sessions, tokens and permissions for Trivet."""

from .access import TokenInfo
from .accounts import Accounts, Ended, SessionInfo
from .bearer import Claims
from .current import current_user
from .deciding import authorize, authorize_async, can, explain, explain_async, requires, rule
from .decorators import fresh_login_required, login_required, public
from .errors import AuthConfigError, TakenError, WeakPasswordError
from .identity import AnonymousUserMixin, Identity, UserMixin
from .manager import LoginManager
from .models import DatabaseUsers, UserColumns, UserModel
from .options import Options
from .permissions import Decision
from .records import StoreError
from .resolving import load_identity
from .signals import (
    session_protected,
    user_accessed,
    user_loaded_from_cookie,
    user_loaded_from_request,
    user_logged_in,
    user_logged_out,
    user_login_confirmed,
    user_needs_refresh,
    user_unauthorized,
)
from .signing_in import confirm_login, login_fresh, login_remembered, login_user, logout_user, set_login_view
from .state import Auth, Event
from .testing import FlaskLoginClient as FlaskLoginClient
from .urls import login_url, make_next_param
from .users import MemoryUsers, Users

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
