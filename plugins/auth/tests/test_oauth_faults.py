"""Providers that are away, slow, broken or lying: a clear answer, nothing leaked, and the next one works."""

import datetime
import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trivet import Response, redirect
from trivet_auth.oauth import fetching
from trivet_auth.oauth import provider as providers

from .provider import Provider, serve, visit
from .provider_site import Make, Site, begin, configured, plain, sign_in, who

Clients = Callable[..., Any]
CONFIGURATION = "/.well-known/openid-configuration"
SECRETS = ("Traceback", "a secret of the client", "stack")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def site(make_app: Make, provider: Provider) -> Site:
    return Site(make_app, {"main": configured(provider)})


def json(text: str, status: int = 200) -> Callable[[], Response]:
    """Return what answers with a text that says it is JSON."""
    return lambda: Response(text, status, mimetype="application/json")


def slow() -> Any:
    """Answer piece by piece, and for a long time."""

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.05)
            yield b" "

    return Response(pieces(), mimetype="application/json")


def silent() -> str:
    """Answer late."""
    time.sleep(1)
    return "{}"


BROKEN: dict[str, tuple[Callable[[], Any], int]] = {
    "500": (json("{}", 500), 503),
    "503": (json("", 503), 503),
    "429": (json("", 429), 503),
    "404": (json("{}", 404), 502),
    "201": (json("{}", 201), 502),
    "a redirect": (lambda: redirect("http://127.0.0.1:1/"), 502),
    "HTML": (lambda: "<h1>Hello</h1>", 502),
    "nothing": (json(""), 502),
    "half of JSON": (json('{"a": '), 502),
    "a list": (json("[]"), 502),
    "null": (json("null"), 502),
    "NaN": (json('{"a": NaN}'), 502),
    "not UTF-8": (lambda: Response(b'{"a": "\xff"}', mimetype="application/json"), 502),
    "60,000 brackets": (json("[" * 60_000), 502),
    "300,000 bytes": (json('{"a": "' + "x" * 300_000 + '"}'), 502),
    "no end": (lambda: Response(iter(lambda: b"x" * 65_536, b""), mimetype="application/json"), 502),
    "compressed": (lambda: Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), 502),
}
#: One of each way in which an answer is read.
SOME = ("503", "404", "a list", "300,000 bytes")


def healthy(site: Site, client: Any) -> None:
    """See to it that nobody got in, and that the next one who comes gets in."""
    assert who(client) == "nobody"
    assert sign_in(client).status_code == 303
    assert who(client) == "ada@example.com"


def clear(answer: Any, status: int) -> None:
    """See to it that an answer is a page that tells what it should, and no more."""
    assert answer.status_code == status
    assert "That did not work" in answer.text
    assert "Main " in answer.text
    assert all(one not in answer.text for one in SECRETS)
    assert ("Retry-After" in answer.headers) is (status == 503)


# -- broken answers


@pytest.mark.parametrize("name", BROKEN)
def test_broken_metadata_is_told(site: Site, provider: Provider, make_client: Clients, name: str) -> None:
    answer, status = BROKEN[name]
    provider.answers[CONFIGURATION] = answer
    client = make_client(site.app)
    clear(client.post("/auth/oauth/main"), status)
    provider.answers.clear()
    healthy(site, client)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("path", ["/token", "/keys"])
def test_a_broken_answer_is_told(site: Site, provider: Provider, make_client: Clients, path: str, name: str) -> None:
    answer, status = BROKEN[name]
    provider.answers[path] = answer
    client = make_client(site.app)
    clear(sign_in(client), status)
    provider.answers.clear()
    healthy(site, client)


@pytest.mark.parametrize("name", SOME)
def test_broken_userinfo_is_told(make_app: Make, provider: Provider, make_client: Clients, name: str) -> None:
    answer, status = BROKEN[name]
    site = Site(make_app, {"main": plain(provider)})
    provider.answers["/userinfo"] = answer
    client = make_client(site.app)
    clear(sign_in(client), status)
    provider.answers.clear()
    healthy(site, client)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": 7},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user:password@evil.example/"},
        {"userinfo_endpoint": "ftp://evil.example/"},
        {"userinfo_endpoint": "https://evil.example:port/"},
        {"id_token_signing_alg_values_supported": "ES256"},
        {"token_endpoint_auth_methods_supported": 7},
        {"authorization_response_iss_parameter_supported": "yes"},
    ],
    ids=str,
)
def test_metadata_that_cannot_be_right_is_refused(
    site: Site, provider: Provider, make_client: Clients, change: dict[str, Any]
) -> None:
    provider.metadata = change
    client = make_client(site.app)
    clear(client.post("/auth/oauth/main"), 502)
    provider.metadata = {}
    healthy(site, client)


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "a\r\nb"},
        {"access_token": "ü"},
        {"access_token": ["a"]},
        {"token_type": "mac"},
        {"token_type": 7},
    ],
    ids=str,
)
def test_tokens_that_cannot_be_right_are_refused(
    site: Site, provider: Provider, make_client: Clients, change: dict[str, Any]
) -> None:
    provider.tokens = lambda answer: {**answer, **change}
    client = make_client(site.app)
    clear(sign_in(client), 502)
    provider.tokens = dict
    healthy(site, client)


@pytest.mark.parametrize(
    ("by", "error", "status", "said"),
    [
        (400, "invalid_grant", 400, "does not know the code"),
        (200, "bad_verification_code", 400, "does not know the code"),
        (401, "invalid_client", 502, "invalid_client"),
        (400, "<script>", 502, "an unknown error"),
        (400, ["a"], 502, "an unknown error"),
        (200, {"a": 1}, 502, "an unknown error"),
    ],
)
def test_an_error_of_the_token_endpoint_is_told(
    site: Site, provider: Provider, make_client: Clients, by: int, error: Any, status: int, said: str
) -> None:
    provider.answers["/token"] = lambda: ({"error": error, "error_description": "a secret of the client"}, by)
    client = make_client(site.app)
    clear(sign_in(client), status)
    detail = site.seen.named("oauth.refused")[-1].facts["detail"]
    assert said in detail
    assert "secret" not in detail
    provider.answers.clear()
    healthy(site, client)


def test_a_wrong_secret_of_ours_is_a_502(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider, client_secret="wrong")})
    client = make_client(site.app)
    clear(sign_in(client), 502)
    assert "invalid_client" in site.seen.named("oauth.refused")[-1].facts["detail"]


@pytest.mark.parametrize("text", [b"[" + b"[]," * 3000 + b"[]]", b"[" * 1500 + b"]" * 1500, b"NaN", b"\xff", b""])
def test_json_that_is_strange_is_none(text: bytes) -> None:
    assert fetching.parse(text) is None


# -- errors that come with the browser


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("access_denied", 403),
        ("temporarily_unavailable", 503),
        ("server_error", 503),
        ("invalid_scope", 502),
        ("unauthorized_client", 502),
        ("<script>alert(1)</script>", 502),
        ("", 502),
    ],
)
def test_an_error_that_comes_back_is_told(
    site: Site, provider: Provider, make_client: Clients, error: str, status: int
) -> None:
    provider.back = lambda params: {
        "error": error,
        "error_description": "<b>You have won</b>",
        "state": params["state"],
        "iss": params["iss"],
    }
    client = make_client(site.app)
    answer = sign_in(client)
    assert answer.status_code == status
    assert "You have won" not in answer.text
    assert "alert(" not in answer.text + repr(site.seen.events)
    assert ("Retry-After" in answer.headers) is (status == 503)
    provider.back = dict
    healthy(site, client)


def test_programs_are_told_in_json(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.back = lambda params: {"error": "access_denied", "state": params["state"], "iss": params["iss"]}
    client = make_client(site.app)
    answer = client.get(visit(begin(client)), headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "oauth_denied"


# -- away


def test_a_provider_that_is_away_is_a_503(make_app: Make, make_client: Clients) -> None:
    with serve(Provider()) as gone:
        port = int(gone.issuer.rpartition(":")[2])
        site = Site(make_app, {"main": configured(gone)})
    client = make_client(site.app)
    clear(client.post("/auth/oauth/main"), 503)
    with serve(gone, port=port):
        healthy(site, client)


def test_a_provider_that_goes_away_on_the_way_is_a_503(make_app: Make, make_client: Clients) -> None:
    with serve(Provider()) as gone:
        port = int(gone.issuer.rpartition(":")[2])
        site = Site(make_app, {"main": configured(gone)})
        client = make_client(site.app)
        back = visit(begin(client))
    clear(client.get(back), 503)
    with serve(gone, port=port):
        healthy(site, client)


def test_what_was_known_is_used_while_the_metadata_cannot_be_had(
    site: Site, provider: Provider, make_client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(site.app)
    begin(client)
    monkeypatch.setattr(providers, "FRESH", 0.0)
    provider.answers[CONFIGURATION] = json("", 503)
    assert sign_in(client).status_code == 303


def test_what_was_known_is_not_used_for_ever(
    site: Site, provider: Provider, make_client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(site.app)
    begin(client)
    monkeypatch.setattr(providers, "FRESH", 0.0)
    monkeypatch.setattr(providers, "USABLE", 0.0)
    provider.answers[CONFIGURATION] = json("", 503)
    clear(client.post("/auth/oauth/main"), 503)


@pytest.mark.parametrize("path", ["/token", "/keys"])
def test_a_slow_provider_is_not_waited_for(
    site: Site, provider: Provider, make_client: Clients, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = make_client(site.app)
    back = visit(begin(client))
    provider.answers[path] = slow
    monkeypatch.setattr(fetching, "TOTAL", 0.4)
    answer = client.get(back)
    monkeypatch.undo()
    clear(answer, 503)
    provider.answers.clear()
    healthy(site, client)


def test_a_provider_that_says_nothing_is_not_waited_for(
    site: Site, provider: Provider, make_client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.answers[CONFIGURATION] = silent
    monkeypatch.setattr(fetching, "STEP", 0.2)
    client = make_client(site.app)
    answer = client.post("/auth/oauth/main")
    monkeypatch.undo()
    clear(answer, 503)
    provider.answers.clear()
    healthy(site, client)


# -- TLS


def certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's side of TLS whose certificate it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    (folder / "public.pem").write_bytes(made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_has_signed_is_refused(make_app: Make, make_client: Clients, tmp_path: Path) -> None:
    with serve(Provider(), certificate(tmp_path)) as fake:
        site = Site(make_app, {"main": configured(fake)})
        clear(make_client(site.app).post("/auth/oauth/main"), 502)
        assert fake.asked == []
    assert "certificate" in site.seen.named("oauth.refused")[-1].facts["detail"]


def test_an_authority_of_one_s_own_can_be_trusted(
    make_app: Make, make_client: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Provider(), certificate(tmp_path)) as own:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
        site = Site(make_app, {"main": configured(own)})
        assert make_client(site.app).post("/auth/oauth/main").status_code == 303
    assert own.asked == [CONFIGURATION]


def test_a_server_that_speaks_no_http_is_refused(make_app: Make, make_client: Clients, tmp_path: Path) -> None:
    with serve(Provider(), certificate(tmp_path)) as odd:
        odd.issuer = odd.issuer.replace("https:", "http:")
        site = Site(make_app, {"main": configured(odd)})
        clear(make_client(site.app).post("/auth/oauth/main"), 502)


def test_what_is_wrong_is_logged_for_who_runs_the_site(
    site: Site, provider: Provider, make_client: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    provider.answers[CONFIGURATION] = json("{}")
    make_client(site.app).post("/auth/oauth/main")
    [record] = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage().startswith("Signing in by the provider 'main' does not work: its metadata")
