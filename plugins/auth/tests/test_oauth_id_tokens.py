"""ID tokens that a provider must not get away with; each by the whole way, as its own endpoint gives it out."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from trivet_auth.oauth.errors import Refused
from trivet_auth.oauth.tokens import ALGORITHMS, UnknownKeyError, read_keys, verify

from .provider import ANY, CLIENT, SECRET, Provider, serve
from .provider_site import Make, Site, configured, sign_in, who

Clients = Callable[..., Any]
NOW = int(time.time())
#: Changes of the claims; ``None`` takes one away.
WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "an issuer that is a list": {"iss": ["https://evil.example"]},
    "another audience": {"aud": "another-client"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "an audience of numbers": {"aud": [7]},
    "several audiences without azp": {"aud": [CLIENT, "another-client"]},
    "another azp": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "another azp of one audience": {"azp": "another-client"},
    "an azp that is a number": {"azp": 7},
    "expired": {"exp": NOW - 3600},
    "no expiry": {"exp": None},
    "an expiry as text": {"exp": str(NOW + 60)},
    "an expiry that is true": {"exp": True},
    "made in the future": {"iat": NOW + 3600},
    "no time": {"iat": None},
    "not valid yet": {"nbf": NOW + 3600},
    "another nonce": {"nonce": "n" * 43},
    "no nonce": {"nonce": None},
    "an empty nonce": {"nonce": ""},
    "a nonce that is a list": {"nonce": ["n"]},
    "the digest of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "a digest beyond ASCII": {"at_hash": "ü"},
    "a digest that is a number": {"at_hash": 7},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a long subject": {"sub": "x" * 256},
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def site(make_app: Make, provider: Provider) -> Site:
    return Site(make_app, {"main": configured(provider)})


def is_refused(site: Site, client: Any) -> None:
    """See to it that a token is refused, and says nothing of why but in the log."""
    answer = sign_in(client)
    assert (answer.status_code, site.reasons()[-1:]) == (502, ["provider"])
    assert "has given an answer that cannot be used" in answer.text
    assert "ID token" not in answer.text
    assert site.seen.named("oauth.refused")[-1].facts["detail"]
    assert who(client) == "nobody"


@pytest.mark.parametrize("name", WRONG)
def test_a_token_with_a_wrong_claim_is_refused(site: Site, provider: Provider, name: str) -> None:
    def change(claims: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in {**claims, **WRONG[name]}.items() if value is not None}

    provider.claims = change
    is_refused(site, site.app.test_client())


@pytest.mark.parametrize(
    ("said", "is_known"),
    [
        (lambda: {"auth_time": int(time.time()) - 200}, True),
        (lambda: {"auth_time": int(time.time()) - 500}, False),
        (dict, False),
        (lambda: {"auth_time": "now"}, False),
    ],
    ids=["recently", "long ago", "unsaid", "no number"],
)
def test_who_has_not_signed_in_there_recently_is_turned_away(
    make_app: Make, provider: Provider, said: Callable[[], dict[str, Any]], is_known: bool
) -> None:
    site = Site(make_app, {"main": configured(provider, max_age=300)})
    provider.claims = lambda claims: {**claims, **said()}
    client = site.app.test_client()
    if not is_known:
        is_refused(site, client)
        return
    assert sign_in(client).status_code == 303
    assert who(client) != "nobody"


def test_several_audiences_are_fine_if_the_token_was_made_for_us(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    provider.claims = lambda claims: {**claims, "aud": [CLIENT, "another-client"], "azp": CLIENT}
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_a_token_without_the_digest_of_the_access_token_is_fine(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    provider.claims = lambda claims: {name: value for name, value in claims.items() if name != "at_hash"}
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


# -- signatures


def part(data: Any) -> str:
    """Return JSON as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def test_a_token_without_a_signature_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    def unsign(answer: dict[str, Any]) -> dict[str, Any]:
        claims = answer["id_token"].split(".")[1]
        return {**answer, "id_token": f"{part({'alg': 'none'})}.{claims}."}

    provider.tokens = unsign
    is_refused(site, make_client(site.app))


def test_a_token_that_says_none_with_a_signature_is_refused(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    def unsign(answer: dict[str, Any]) -> dict[str, Any]:
        _, claims, signature = answer["id_token"].split(".")
        return {**answer, "id_token": f"{part({'alg': 'none'})}.{claims}.{signature}"}

    provider.tokens = unsign
    is_refused(site, make_client(site.app))


@pytest.mark.parametrize("which", ["the client's secret", "the public key"])
def test_what_is_known_to_others_cannot_sign(site: Site, provider: Provider, make_client: Clients, which: str) -> None:
    text = SECRET if which == "the client's secret" else json.dumps(provider.key.as_dict(private=False))
    forged = OctKey.import_key(text, {"kid": "first"})
    real = provider.key

    def sign(answer: dict[str, Any]) -> dict[str, Any]:
        claims = jwt.decode(answer["id_token"], real, registry=ANY).claims
        return {**answer, "id_token": jwt.encode({"alg": "HS256", "kid": "first"}, claims, forged, registry=ANY)}

    provider.tokens = sign
    is_refused(site, make_client(site.app))


def test_an_algorithm_that_the_metadata_does_not_name_is_refused(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = ["RS256"]
    is_refused(site, make_client(site.app))


def test_a_key_of_somebody_else_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    own = provider.key
    provider.answers["/keys"] = lambda: {"keys": [own.as_dict(private=False)]}
    provider.key = ECKey.generate_key("P-256", {"kid": "first"})
    is_refused(site, make_client(site.app))


def test_a_changed_token_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        header, claims, signature = answer["id_token"].split(".")
        data = json.loads(base64.urlsafe_b64decode(claims + "=="))
        return {**answer, "id_token": f"{header}.{part({**data, 'sub': 'bob'})}.{signature}"}

    provider.tokens = change
    is_refused(site, make_client(site.app))


@pytest.mark.parametrize(
    "header",
    [{"crit": ["exp"], "exp": 1}, {"typ": 7}, {"b64": False, "crit": ["b64"]}, {"typ": "at+jwt"}, {"kid": "unknown"}],
    ids=str,
)
def test_a_token_with_a_strange_header_is_refused(site: Site, provider: Provider, header: dict[str, Any]) -> None:
    real = provider.key

    def sign(answer: dict[str, Any]) -> dict[str, Any]:
        claims = answer["id_token"].split(".")[1]
        head = part({"alg": "ES256", "kid": "first", **header})
        der = real.private_key.sign(f"{head}.{claims}".encode(), ECDSA(SHA256()))
        signature = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))
        encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        return {**answer, "id_token": f"{head}.{claims}.{encoded}"}

    provider.tokens = sign
    is_refused(site, site.app.test_client())


@pytest.mark.parametrize("text", [None, "", 7, "a.b", "a.b.c", "é.é.é", "x" * 20_000, ["a.b.c"], "....", "e30.e30.e30"])
def test_what_is_no_token_is_refused(site: Site, provider: Provider, text: Any) -> None:
    provider.tokens = lambda answer: {**answer, "id_token": text}
    is_refused(site, site.app.test_client())


def test_a_missing_token_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.tokens = lambda answer: {name: value for name, value in answer.items() if name != "id_token"}
    is_refused(site, make_client(site.app))


# -- keys


def test_a_new_key_is_fetched_when_it_is_first_seen(site: Site, provider: Provider, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    provider.rotate()
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"
    assert provider.asked.count("/keys") == 2


def test_a_key_that_was_replaced_under_its_name_is_fetched(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    sign_in(make_client(site.app))
    provider.rotate("first")
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_a_key_that_was_taken_back_does_not_work_any_more(site: Site, provider: Provider, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    old = provider.key
    provider.rotate()
    sign_in(make_client(site.app))
    new, provider.key = provider.key, old
    provider.answers["/keys"] = lambda: {"keys": [new.as_dict(private=False)]}
    is_refused(site, make_client(site.app))


def test_keys_are_fetched_once_more_for_a_token_and_no_oftener(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    provider.answers["/keys"] = lambda: {"keys": []}
    is_refused(site, make_client(site.app))
    assert provider.asked.count("/keys") == 2


@pytest.mark.parametrize("keys", [None, [], "a", {"keys": "a"}, {"keys": None}, {}, 7], ids=str)
def test_what_is_no_set_of_keys_is_refused(site: Site, provider: Provider, keys: Any) -> None:
    provider.answers["/keys"] = lambda: site.app.response_class(json.dumps(keys), mimetype="application/json")
    is_refused(site, site.app.test_client())


def test_keys_that_cannot_be_used_do_not_spoil_the_others() -> None:
    good = ECKey.generate_key("P-256", {"kid": "good"}).as_dict(private=False)
    small = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "small"}
    secret = OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True)
    broken: list[Any] = [
        None,
        7,
        "x",
        [],
        {},
        {"kty": "XX"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
        {"kty": "RSA"},
    ]
    encryption = {**ECKey.generate_key("P-256", {"kid": "enc"}).as_dict(private=False), "use": "enc"}
    assert [one.id for one in read_keys({"keys": [*broken, small, secret, encryption, good]})] == ["good"]


# -- properties

KEY = RSAKey.generate_key(2048, {"kid": "k"})
KEYS = read_keys({"keys": [KEY.as_dict(private=False)]})
CLAIMS = {"iss": "https://i", "sub": "s", "aud": CLIENT, "exp": NOW + 9000, "iat": NOW, "nonce": "n"}
TOKEN = jwt.encode({"alg": "RS256", "kid": "k"}, CLAIMS, KEY, registry=ANY)


def check(text: object) -> Any:
    """Verify a token of the tests of properties."""
    return verify(text, KEYS, ALGORITHMS, issuer="https://i", client_id=CLIENT, nonce="n", access_token="t")


def test_the_token_of_the_properties_is_valid() -> None:
    assert check(TOKEN)["sub"] == "s"


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="utf-8"))
def test_a_token_with_one_character_changed_is_refused(at: int, character: str) -> None:
    text = TOKEN[:at] + character + TOKEN[at + 1 :]
    if _bytes(text) != _bytes(TOKEN):
        with pytest.raises((Refused, UnknownKeyError)):
            check(text)


def _bytes(text: str) -> Any:
    try:
        return [base64.urlsafe_b64decode(one + "==") for one in text.split(".")]
    except ValueError:
        return None


@given(st.text(max_size=300) | st.binary(max_size=300) | st.integers() | st.none())
def test_whatever_is_no_token_is_refused(text: object) -> None:
    with pytest.raises((Refused, UnknownKeyError)):
        check(text)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*CLAIMS, "azp", "at_hash", "nbf", "amr"]),
        st.none() | st.integers() | st.text() | st.lists(st.text(max_size=3), max_size=3) | st.floats(allow_nan=False),
        max_size=4,
    )
)
def test_signed_claims_of_any_kind_are_valid_or_refused(changes: dict[str, Any]) -> None:
    claims = {**CLAIMS, **changes}
    try:
        found = check(jwt.encode({"alg": "RS256"}, claims, KEY, registry=ANY))
    except Refused:
        return
    assert (found["iss"], found["nonce"]) == ("https://i", "n")
    assert CLIENT in ([found["aud"]] if isinstance(found["aud"], str) else found["aud"])
    assert found["exp"] > NOW - 120
