"""An OpenID provider on a port of its own: a small application that checks what a provider has to check."""

import base64
import hashlib
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.serving import WSGIRequestHandler, make_server

from trivet import Trivet, abort, redirect, request
from trivet.testing import make_app

CLIENT, SECRET = "our-client", "a secret of the client"
ANY = JWSRegistry(algorithms=list(JWSRegistry.algorithms))

#: Made once, as reading all authorities takes time.
TRUST = httpx.create_ssl_context()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


class Provider:
    """One provider, which everybody has signed in to and who agrees to everything.

    :ivar person: who that is: the claims about them.
    :ivar metadata: what is said besides, or instead.
    :ivar claims: changes the claims of the next ID tokens.
    :ivar tokens: changes the answers of the token endpoint.
    :ivar back: changes what is sent back with the browser.
    :ivar answers: what is answered instead, by path.
    :ivar asked: the paths that were asked for.
    """

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "ada@example.com", "email_verified": True}
        self.metadata: dict[str, Any] = {}
        self.claims: Callable[[dict[str, Any]], Any] = dict
        self.tokens: Callable[[dict[str, Any]], Any] = dict
        self.back: Callable[[dict[str, str]], dict[str, str]] = dict
        self.answers: dict[str, Callable[[], Any]] = {}
        self.asked: list[str] = []
        self.key: Any = ECKey.generate_key("P-256", {"kid": "first"})
        self.algorithm = "ES256"
        self.header: dict[str, Any] = {}
        self.email_in_token = True
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self.app = make_app(name="provider")
        self._add_views(self.app)

    def _add_views(self, app: Trivet) -> None:
        @app.before_request
        def note() -> Any:
            self.asked.append(request.path)
            answer = self.answers.get(request.path)
            return answer() if answer is not None else None

        app.add_url_rule("/.well-known/openid-configuration", view_func=self._metadata)
        app.add_url_rule("/authorize", view_func=self._authorize)
        app.add_url_rule("/token", view_func=self._token, methods=["POST"])
        app.add_url_rule("/keys", view_func=self._keys)
        app.add_url_rule("/userinfo", view_func=self._userinfo)

    # -- what it says about itself

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def _keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    # -- the flow

    def _authorize(self) -> Any:
        asked = request.args.to_dict()
        if asked["response_type"] != "code" or asked["client_id"] != CLIENT or asked["code_challenge_method"] != "S256":
            abort(400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = self.back({"code": code, "state": asked["state"], "iss": self.issuer})
        return redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

    def _token(self) -> Any:
        form = request.form
        asked = self._codes.pop(form["code"], None)
        if not self._knows_client():
            return {"error": "invalid_client"}, 401
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or form["redirect_uri"] != asked["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return {"error": "invalid_grant"}, 400
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 60}
        if "openid" in asked["scope"].split():
            answer["id_token"] = self.sign(self._claims_for(asked, token))
        return self.tokens(answer)

    def _knows_client(self) -> bool:
        sent = request.authorization
        if sent is not None:
            return (sent.username, sent.password) == (CLIENT, SECRET)
        return (request.form.get("client_id"), request.form.get("client_secret")) == (CLIENT, SECRET)

    def _claims_for(self, asked: dict[str, str], token: str) -> Any:
        about = self.person if self.email_in_token else {"sub": self.person["sub"]}
        now = int(time.time())
        half = hashlib.sha256(token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": asked.get("nonce"),
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **about,
        }
        return self.claims(claims)

    def sign(self, claims: Any) -> str:
        """Return an ID token."""
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        return jwt.encode(header, claims, self.key, registry=ANY)

    def _userinfo(self) -> Any:
        sent = request.authorization
        if sent is None or sent.token not in self._tokens:
            abort(401)
        return self.person

    # -- keys

    def rotate(self, kid: str = "second", kind: str = "EC") -> None:
        """Sign with another key from now on."""
        if kind == "RSA":
            self.key, self.algorithm = RSAKey.generate_key(2048, {"kid": kid}), "RS256"
        elif kind == "oct":
            self.key, self.algorithm = OctKey.generate_key(256, {"kid": kid}), "HS256"
        else:
            self.key, self.algorithm = ECKey.generate_key("P-256", {"kid": kid}), "ES256"


@contextmanager
def serve(provider: Provider, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Provider]:
    """Serve a provider on a port, by http or by https."""
    server = make_server("127.0.0.1", port, provider.app, threaded=True, request_handler=_Quiet, ssl_context=tls)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    provider.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def visit(address: str) -> str:
    """Go to a provider as a browser does, and return where it sends one back to: path and query."""
    answer = httpx.get(address, follow_redirects=False, verify=TRUST)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def query_of(address: str) -> dict[str, str]:
    """Return the parameters of an address, each of which is there once."""
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}
