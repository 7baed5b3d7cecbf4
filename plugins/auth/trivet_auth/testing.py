"""What tests of applications with people use: clients with which somebody has signed in."""

from typing import Any

from trivet.testing import TestClient

from .resolving import FRESH, USER_ID, session_name
from .state import Auth


def sign_in(client: Any, user: Any, *, fresh: bool = True, realm: str = "default") -> None:
    """Have somebody be signed in with a client, without a request.

    The session says nothing of where it was begun. With ``SESSION_PROTECTION = "basic"``, the default, it is therefore
    not fresh, and with ``"strong"`` it is over; set it to ``None`` in tests that need it.

    :param client: a test client, for either protocol.

    ::

        def test_the_account_is_shown(make_app, make_client):
            client = make_client(app)
            sign_in(client, ada)
            assert client.get("/account").status_code == 200
    """
    manager = Auth.of(client.application).realm(realm)
    with client.session_transaction() as session:
        session[session_name(USER_ID, realm)] = manager.id_of(user)
        session[session_name(FRESH, realm)] = fresh


class FlaskLoginClient(TestClient):
    """A test client with which somebody has signed in; see :func:`sign_in`.

    ::

        app.test_client_class = FlaskLoginClient
        with app.test_client(user=ada) as client:
            client.get("/account")

    :param user: who has; nobody by default.
    :param fresh_login: whether in this session, rather than that they were remembered.
    """

    def __init__(self, *args: Any, user: Any = None, fresh_login: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user is not None:
            sign_in(self, user, fresh=fresh_login)
