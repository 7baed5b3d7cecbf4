"""Signed bearer tokens: what they say, which are refused and why, and that nothing that is sent raises anything."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from trivet_auth.bearer import MAX_LENGTH, Claims
from trivet_auth.bearer_keys import ALGORITHMS

from .bearer_tokens import (
    AUDIENCE,
    ISSUER,
    NOW,
    OTHER_SECRET,
    SECRET,
    Clock,
    bearers,
    claims,
    decoded,
    ec_key,
    encoded,
    header,
    key_for,
    private_pem,
    public_pem,
    rsa_key,
    signed,
    token,
)

NOTHING = Claims("malformed")


# -- what is made


def test_a_token_says_what_it_was_made_with() -> None:
    made = bearers()
    found = made.check(made.issue("7", ["tasks:write", "tasks:read"], {"team": "blue"}))
    assert found.ok
    assert (found.reason, found.subject) == ("", "7")
    assert found.scopes == frozenset({"tasks:read", "tasks:write"})
    assert found.all["team"] == "blue"
    assert found.all["jti"] == found.id != ""


def test_a_token_has_the_claims_and_the_header_of_access_tokens() -> None:
    text = bearers(lifetime=600).issue("7", ["b:c", "a:b"])
    head, said = decoded(text.split(".")[0]), decoded(text.split(".")[1])
    assert (head["typ"], head["alg"]) == ("at+jwt", "HS256")
    assert said.pop("jti")
    assert said == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "7",
        "scope": "a:b b:c",
        "iat": int(NOW),
        "nbf": int(NOW),
        "exp": int(NOW) + 600,
    }


def test_two_tokens_have_different_identifiers() -> None:
    made = bearers()
    assert len({made.check(made.issue("7")).id for _ in range(10)}) == 10


def test_no_scopes_are_no_limit_and_an_empty_list_is_the_tightest() -> None:
    made = bearers()
    assert made.check(made.issue("7")).scopes is None
    assert made.check(made.issue("7", [])).scopes == frozenset()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_signs_and_verifies(algorithm: str) -> None:
    made = bearers(key_for(algorithm), algorithms=(algorithm,))
    text = made.issue("7")
    assert decoded(text.split(".")[0])["alg"] == algorithm
    assert made.check(text).subject == "7"


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp"])
def test_a_claim_that_is_set_already_cannot_be_given(claim: str) -> None:
    with pytest.raises(ValueError, match=f"The claim '{claim}' is set by issue"):
        bearers().issue("7", None, {claim: "other"})


@pytest.mark.parametrize("subject", ["", "x" * 256, "\0", "half \ud800"])
def test_what_cannot_be_a_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="The subject of a bearer token"):
        bearers().issue(subject)


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "tâche", "x" * 101])
def test_what_cannot_be_a_scope_is_refused(scope: str) -> None:
    with pytest.raises(ValueError, match="cannot be a scope"):
        bearers().issue("7", [scope])


def test_one_text_in_place_of_scopes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"\['tasks:read'\]"):
        bearers().issue("7", "tasks:read")


@pytest.mark.parametrize("lifetime", [0, -1, math.inf, math.nan])
def test_what_cannot_be_a_lifetime_is_refused(lifetime: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        bearers().issue("7", lifetime=lifetime)
    with pytest.raises(ValueError, match="positive number of seconds"):
        bearers(lifetime=lifetime)


def test_a_token_that_would_be_refused_for_its_length_is_not_made() -> None:
    with pytest.raises(ValueError, match="and 8192 are accepted: say less"):
        bearers().issue("7", None, {"all": "x" * MAX_LENGTH})


def test_the_longest_token_that_is_made_is_accepted() -> None:
    made = bearers()
    rest = MAX_LENGTH - len(made.issue("7", None, {"all": ""}))
    assert made.check(made.issue("7", None, {"all": "x" * (rest * 3 // 4 - 3)})).ok


# -- what is accepted from others


def test_a_token_made_by_hand_is_accepted() -> None:
    assert bearers().check(token()).subject == "7"


@pytest.mark.parametrize("name", ["jwt", "application/jwt", "at+jwt", "application/at+jwt", "JWT", "AT+JWT", None])
def test_a_token_of_a_type_that_means_access_is_accepted(name: str | None) -> None:
    assert bearers().check(signed(header(typ=name), claims())).ok


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
def test_an_audience_with_this_site_among_them_is_accepted(audience: object) -> None:
    assert bearers().check(token(aud=audience)).ok


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({}, None),
        ({"scope": ""}, set()),
        ({"scope": "a:b"}, {"a:b"}),
        ({"scope": " a:b  c:d "}, {"a:b", "c:d"}),
        ({"scope": ["a:b", "c:d"]}, {"a:b", "c:d"}),
        ({"scp": "a:b c:d"}, {"a:b", "c:d"}),
        ({"scp": ["a:b"]}, {"a:b"}),
        ({"scope": "a:b c:d", "scp": ["c:d", "e:f"]}, {"c:d"}),
    ],
)
def test_scopes_are_read_in_each_form_that_issuers_write(said: dict[str, Any], scopes: set[str] | None) -> None:
    assert bearers().check(token(**said)).scopes == scopes


def test_a_token_without_an_identifier_is_accepted() -> None:
    assert bearers().check(token()).id == ""


def test_header_parameters_that_nobody_knows_are_ignored() -> None:
    assert bearers().check(signed(header(ver="2", tenant=["a"]), claims())).ok


# -- what is refused


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": None}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": None}, "audience"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": AUDIENCE.upper()}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": {AUDIENCE: 1}}, "audience"),
        ({"aud": f"{AUDIENCE} https://other.example"}, "audience"),
        ({"exp": None}, "claims"),
        ({"exp": str(NOW + 60)}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": math.nan}, "claims"),
        ({"exp": math.inf}, "claims"),
        ({"exp": [NOW + 60]}, "claims"),
        ({"exp": 0}, "expired"),
        ({"exp": -(10**30)}, "expired"),
        ({"nbf": NOW + 3600}, "not yet valid"),
        ({"nbf": 10**400}, "not yet valid"),
        ({"nbf": "soon"}, "claims"),
        ({"nbf": math.nan}, "claims"),
        ({"iat": NOW + 3600}, "not yet valid"),
        ({"iat": {}}, "claims"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "a\0b"}, "subject"),
        ({"sub": "\ud800"}, "subject"),
        ({"jti": 7}, "claims"),
        ({"jti": "x" * 256}, "claims"),
        ({"scope": 7}, "scope"),
        ({"scope": ["a:b", 7]}, "scope"),
        ({"scope": "a:b", "scp": {}}, "scope"),
    ],
)
def test_a_token_with_wrong_claims_is_refused_though_it_is_signed(changes: dict[str, Any], reason: str) -> None:
    found = bearers().check(token(**changes))
    assert (found.ok, found.reason) == (False, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alg": None}, "malformed"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "None"}, "algorithm"),
        ({"alg": "hs256"}, "algorithm"),
        ({"alg": "HS512"}, "algorithm"),
        ({"alg": ["HS256"]}, "algorithm"),
        ({"alg": {}}, "algorithm"),
        ({"typ": "logout+jwt"}, "type"),
        ({"typ": "dpop+jwt"}, "type"),
        ({"typ": ["JWT"]}, "type"),
        ({"kid": "other"}, "key"),
        ({"kid": ""}, "key"),
        ({"kid": ["a"]}, "key"),
        ({"kid": {"a": 1}}, "key"),
        ({"crit": []}, "critical"),
        ({"crit": ["exp"], "exp": 1}, "critical"),
        ({"crit": [["x"]]}, "critical"),
        ({"crit": 7}, "critical"),
        ({"b64": True}, "critical"),
        ({"b64": False}, "malformed"),
        ({"b64": False, "crit": ["b64"]}, "critical"),
    ],
)
def test_a_token_with_a_wrong_header_is_refused_though_it_is_signed(changes: dict[str, Any], reason: str) -> None:
    assert bearers().check(signed(header(**changes), claims())).reason == reason


def test_only_types_that_are_listed_are_accepted() -> None:
    def reason(head: dict[str, Any]) -> str:
        return bearers(types=["at+jwt"]).check(signed(head, claims())).reason

    untold = {name: value for name, value in header().items() if name != "typ"}
    assert [reason(header(typ=kind)) for kind in ("at+jwt", "application/AT+JWT")] == ["", ""]
    assert [reason(head) for head in (header(typ="JWT"), header(typ="application/jwt"), untold)] == ["type"] * 3


@pytest.mark.parametrize("head", [[], "alg", "", 7, None, True, ["alg"], "x" * 100])
def test_a_header_that_is_no_object_is_refused(head: object) -> None:
    assert bearers().check(signed(head, claims())) == NOTHING


@pytest.mark.parametrize("said", [[], "sub", 7, None, b"", b"{", b"\xff\xfe", b"[" * 4000, b'{"exp": 1' + b"0" * 5000])
def test_claims_that_are_no_object_are_refused(said: object) -> None:
    assert not bearers().check(signed(header(), said)).ok


def test_a_refused_token_says_nothing_about_anybody() -> None:
    found = bearers().check(token(exp=1, scope="a:b", jti="x"))
    assert found == Claims("expired")
    assert (found.subject, found.scopes, found.id, found.all) == ("", frozenset(), "", {})


def test_a_token_that_is_too_long_is_refused_before_it_is_read() -> None:
    assert bearers().check("x" * (MAX_LENGTH + 1)).reason == "too long"
    assert bearers().check(token(all="x" * MAX_LENGTH)).reason == "too long"


def test_a_header_that_is_too_long_is_refused() -> None:
    assert bearers().check(signed(header(jku="https://" + "x" * 3000), claims())) == NOTHING


# -- time


@pytest.mark.parametrize(("after", "reason"), [(0, ""), (89, ""), (90, "expired"), (100, "expired")])
def test_a_token_expires_when_its_leeway_is_over(after: int, reason: str) -> None:
    clock = Clock()
    made = bearers(clock=clock, leeway=30)
    text = made.issue("7", lifetime=60)
    clock.now = NOW + after
    assert made.check(text).reason == reason


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "reason"), [(30, ""), (31, "not yet valid")])
def test_a_token_from_the_future_is_accepted_within_the_leeway(claim: str, ahead: int, reason: str) -> None:
    assert bearers(leeway=30).check(token(**{claim: NOW + ahead})).reason == reason


# -- forgery


def test_a_token_without_a_signature_is_refused() -> None:
    text = f"{encoded(header(alg='none'))}.{encoded(claims())}."
    assert bearers().check(text) == NOTHING
    assert bearers().check(text + "AA").reason == "algorithm"
    assert bearers().check(f"{encoded(header())}.{encoded(claims())}.") == NOTHING


def test_a_token_signed_with_another_secret_is_refused() -> None:
    assert bearers().check(signed(header(), claims(), OTHER_SECRET)).reason == "signature"


@pytest.mark.parametrize("secret", ["", "\0", SECRET[:-1], SECRET + "\n"])
def test_a_secret_that_is_nearly_right_is_wrong(secret: str) -> None:
    assert bearers().check(signed(header(), claims(), secret)).reason == "signature"


@pytest.mark.parametrize("key", [rsa_key, ec_key])
@pytest.mark.parametrize("algorithms", [(), ("HS256",)])
def test_a_public_key_is_no_secret(key: Callable[[], Any], algorithms: tuple[str, ...]) -> None:
    """The classic confusion: a token is signed by HS256 with the text of the public key, which everybody has."""
    own = "RS256" if key is rsa_key else "ES256"
    secrets = [SECRET] if algorithms else []
    made = bearers(public_pem(key()), *secrets, algorithms=(own, *algorithms))
    pem = public_pem(key())
    der = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem.encode(), pem.strip().encode(), der, b""):
        assert made.check(signed(header(), claims(), secret)).reason == ("signature" if algorithms else "algorithm")
        named = header(kid=made._keys[0].id)
        assert made.check(signed(named, claims(), secret)).reason == ("key" if algorithms else "algorithm")


def test_a_key_that_a_token_brings_along_is_not_used() -> None:
    attacker = OctKey.import_key(OTHER_SECRET)
    jwk = attacker.as_dict()
    for changes in ({"jwk": jwk}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/x"}):
        assert bearers().check(signed(header(**changes), claims(), OTHER_SECRET)).reason == "signature"


def test_the_signature_of_another_token_is_refused() -> None:
    one, other = token(sub="1").split("."), token(sub="2").split(".")
    assert bearers().check(".".join([*one[:2], other[2]])).reason == "signature"


def test_an_ecdsa_signature_of_zeros_is_refused() -> None:
    made = bearers(private_pem(ec_key()), algorithms=("ES256",))
    head, body, _ = made.issue("7").split(".")
    assert made.check(f"{head}.{body}.{encoded(bytes(64))}").reason == "signature"
    assert made.check(f"{head}.{body}.{encoded(bytes(63))}").reason == "signature"


def test_a_signature_by_another_algorithm_of_the_same_key_is_refused_unless_it_is_accepted() -> None:
    pem = private_pem(rsa_key())
    text = bearers(pem, algorithms=("PS256",)).issue("7")
    assert bearers(pem, algorithms=("RS256",)).check(text).reason == "algorithm"
    assert bearers(pem, algorithms=("RS256", "PS256")).check(text).ok


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("change", ["=", "==", "\n", " ", "+", "/", "é", "\0", ".", ".e30"])
def test_what_is_not_base64url_is_refused(part: int, change: str) -> None:
    parts = token().split(".")
    parts[part] += change
    assert not bearers().check(".".join(parts)).ok


def test_the_bits_that_base64_leaves_over_cannot_be_set() -> None:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = token()
    last = digits.index(text[-1])
    assert bearers().check(text).ok
    assert not any(bearers().check(text[:-1] + one).ok for one in digits if digits.index(one) != last)


# -- whatever is sent


@settings(max_examples=300)
@given(st.text() | st.binary() | st.none() | st.integers() | st.lists(st.text()))
def test_whatever_is_sent_is_refused_with_a_reason(text: object) -> None:
    found = bearers().check(text)
    assert not found.ok
    assert found.reason


@settings(max_examples=300)
@given(st.lists(st.from_regex(r"[A-Za-z0-9_-]{0,40}", fullmatch=True), min_size=3, max_size=3))
def test_whatever_looks_like_a_token_is_refused_with_a_reason(parts: list[str]) -> None:
    assert bearers().check(".".join(parts)).reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
HEADERS = ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "x5t", "x5u", "cty", "zip", "enc"]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(HEADERS), json_values), st.booleans())
def test_whatever_a_header_says_raises_nothing(said: dict[str, Any], right: bool) -> None:
    found = bearers().check(signed({**said, **({"alg": "HS256"} if right else {})}, claims()))
    assert isinstance(found, Claims)
    assert found.ok == (found.reason == "")


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp"]), json_values))
def test_whatever_a_signed_token_claims_raises_nothing(said: dict[str, Any]) -> None:
    found = bearers().check(signed(header(), {**claims(), **said}))
    assert isinstance(found.subject, str)
    assert isinstance(found.id, str)
    assert found.scopes is None or all(isinstance(one, str) for one in found.scopes)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(["HS256", "ES256"]))
def test_a_token_with_any_character_changed_or_cut_off_is_refused(data: st.DataObject, algorithm: str) -> None:
    made = bearers(SECRET if algorithm == "HS256" else private_pem(ec_key()), algorithms=(algorithm,))
    text = made.issue("7")
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda one: one != text[place]))
    assert made.check(text[:place] + other + text[place + 1 :]).reason
    assert made.check(text[:place]).reason
    assert made.check(text[:place] + other + text[place:]).reason
