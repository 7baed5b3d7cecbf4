"""Keys of bearer tokens: how they are rotated and chosen, and which are too weak, unreadable or of no use."""

import json
import math
from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from joserfc.jwk import ECKey, OctKey, RSAKey

from trivet_auth.bearer import Bearers

from .bearer_tokens import (
    AUDIENCE,
    ISSUER,
    LONG_SECRET,
    OTHER_SECRET,
    SECRET,
    bearers,
    claims,
    decoded,
    ec_key,
    encoded,
    header,
    jwk_of,
    key_for,
    private_pem,
    public_pem,
    rsa_key,
    signed,
)

# -- rotation


def test_the_first_key_signs_and_old_ones_verify() -> None:
    old, new = private_pem(ec_key(1)), private_pem(ec_key(2))
    before, during, after = (bearers(*keys, algorithms=("ES256",)) for keys in ([old], [new, old], [new]))
    earlier, later = before.issue("7"), during.issue("7")
    assert during.check(earlier).ok
    assert during.check(later).ok
    assert after.check(later).ok
    assert after.check(earlier).reason == "key"
    assert before.check(later).reason == "key"


def test_rotation_goes_from_one_algorithm_to_another() -> None:
    new = private_pem(ec_key())
    before, during = bearers(SECRET), bearers(new, SECRET, algorithms=("ES256", "HS256"))
    assert during.check(before.issue("7")).ok
    assert decoded(during.issue("7").split(".")[0])["alg"] == "ES256"


def test_a_token_without_kid_is_tried_with_each_key_that_fits() -> None:
    made = bearers(OTHER_SECRET, SECRET)
    assert made.check(signed(header(), claims(), SECRET)).ok
    assert made.check(signed(header(), claims(), OTHER_SECRET)).ok
    assert made.check(signed(header(), claims(), SECRET[::-1])).reason == "signature"


def test_kid_chooses_the_key_and_no_other_is_tried() -> None:
    made = bearers(OTHER_SECRET, SECRET)
    first, second = (one.id for one in made._keys)
    assert made.check(signed(header(kid=second), claims(), SECRET)).ok
    assert made.check(signed(header(kid=first), claims(), SECRET)).reason == "signature"


def test_the_public_half_verifies_what_the_private_half_signs() -> None:
    for key, algorithm in ((rsa_key(), "RS256"), (ec_key(), "ES256")):
        service, api = (bearers(pem(key), algorithms=(algorithm,)) for pem in (private_pem, public_pem))
        assert api.check(service.issue("7")).ok
        with pytest.raises(ValueError, match="The first of the keys is a public one"):
            api.issue("7")


def test_a_jwk_keeps_its_own_kid() -> None:
    jwk = json.dumps(ECKey.import_key(ec_key()).as_dict(private=True, kid="2026-05"))
    text = bearers(jwk, algorithms=("ES256",)).issue("7")
    assert decoded(text.split(".")[0])["kid"] == "2026-05"


def test_the_kid_of_pem_is_the_thumbprint_of_the_key() -> None:
    text = bearers(private_pem(ec_key()), algorithms=("ES256",)).issue("7")
    assert decoded(text.split(".")[0])["kid"] == ECKey.import_key(ec_key()).thumbprint()


def test_a_jwk_only_verifies_the_algorithm_that_it_says() -> None:
    jwk = json.dumps(RSAKey.import_key(rsa_key()).as_dict(private=True, alg="RS512", use="sig"))
    made = bearers(jwk, SECRET, algorithms=("HS256", "RS512"))
    assert decoded(made.issue("7").split(".")[0])["alg"] == "RS512"
    text = bearers(private_pem(rsa_key()), algorithms=("RS256",)).issue("7")
    both = bearers(jwk, key_for("RS256", other=True), algorithms=("RS256", "RS512"))
    assert both.check(text).reason == "key"


def test_a_private_jwk_that_may_only_sign_verifies_its_own_tokens() -> None:
    made = bearers(
        json.dumps(ECKey.import_key(ec_key()).as_dict(private=True, key_ops=["sign"])), algorithms=("ES256",)
    )
    assert made.check(made.issue("7")).ok


def test_a_private_jwk_that_may_only_verify_does_not_sign() -> None:
    jwk = jwk_of(ECKey.import_key(ec_key()), key_ops=["verify"])
    with pytest.raises(ValueError, match="can only verify"):
        bearers(jwk, algorithms=("ES256",)).issue("7")


def test_pem_from_an_environment_variable_is_read() -> None:
    pem = private_pem(ec_key())
    for text in (pem.replace("\n", "\\n"), f"\n  {pem}\n\n", pem.replace("\n", "\r\n")):
        assert bearers(text, algorithms=("ES256",)).issue("7")


# -- keys that are refused


def weak_rsa_jwk() -> str:
    """Return a public RSA key of 1024 bits as a JWK."""
    return json.dumps({"kty": "RSA", "e": "AQAB", "n": encoded(b"\xc1" * 128)})


REFUSED: Mapping[str, tuple[Callable[[], str], str, str]] = {
    "short": (lambda: SECRET[:-1], "HS256", "too weak: a secret .* at least 32 bytes"),
    "short for HS512": (lambda: SECRET, "HS512", "too weak: a secret .* at least 64 bytes"),
    "empty": (lambda: "", "HS256", "too weak"),
    "repeated": (lambda: "changeme" * 8, "HS256", "too weak"),
    "short jwk": (lambda: json.dumps({"kty": "oct", "k": encoded(b"12345678")}), "HS256", "too weak"),
    "empty jwk": (lambda: json.dumps({"kty": "oct", "k": ""}), "HS256", "looks like a JWK"),
    "small rsa": (lambda: private_pem(rsa_key(1024)), "RS256", "an RSA key of 1024 bits"),
    "small public rsa": (lambda: public_pem(rsa_key(1024)), "RS256", "an RSA key of 1024 bits"),
    "small rsa jwk": (weak_rsa_jwk, "RS256", "an RSA key of 1024 bits"),
    "wrong curve": (lambda: key_for("ES384"), "ES256", "fits none of the algorithms ES256.* P-384"),
    "wrong kind": (lambda: SECRET, "ES256", "fits none of the algorithms ES256.* a secret"),
    "pem for hmac": (lambda: public_pem(rsa_key()), "HS256", "fits none of the algorithms HS256.* RSA"),
    "no signatures": (lambda: private_pem(x25519.X25519PrivateKey.generate()), "EdDSA", "does not sign"),
    "broken pem": (lambda: private_pem(ec_key()).replace("A", "B"), "ES256", "looks like PEM"),
    "half a pem": (lambda: private_pem(ec_key())[:60], "ES256", "looks like PEM"),
    "ssh": (lambda: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEr0X0", "EdDSA", "is in the format of SSH"),
    "broken jwk": (lambda: '{"kty": "EC"', "ES256", "looks like a JWK"),
    "jwk of no kind": (lambda: '{"kty": "XX"}', "ES256", "looks like a JWK"),
    "jwk without kind": (lambda: "{}", "ES256", "looks like a JWK"),
    "jwk off its curve": (
        lambda: jwk_of(ECKey.import_key(ec_key()), x=encoded(b"1" * 32)),
        "ES256",
        "looks like a JWK",
    ),
    "jwk for encryption": (lambda: jwk_of(ECKey.import_key(ec_key()), use="enc"), "ES256", "is not for signatures"),
    "jwk for derivation": (
        lambda: jwk_of(ECKey.import_key(ec_key()), key_ops=["deriveKey"]),
        "ES256",
        "is not for signatures",
    ),
    "jwk for another": (lambda: jwk_of(OctKey.import_key(LONG_SECRET), alg="HS512"), "HS256", "fits none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_that_is_weak_or_unreadable_or_does_not_fit_is_refused(name: str) -> None:
    make, algorithm, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"key 1 .*{message}"):
        bearers(make(), algorithms=(algorithm,))


def test_an_encrypted_key_is_refused() -> None:
    pem = ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    with pytest.raises(ValueError, match="key 1 is encrypted"):
        bearers(pem, algorithms=("ES256",))


def test_the_key_that_is_wrong_is_named_by_its_number_and_never_shown() -> None:
    weak = "not so secret"
    with pytest.raises(ValueError, match="key 2 is too weak") as caught:
        bearers(SECRET, weak)
    assert weak not in str(caught.value)


def test_keys_are_not_shown() -> None:
    made = bearers()
    assert SECRET not in repr(made) + repr(made._keys) + str(made)
    assert SECRET not in made.issue("7")


def test_two_keys_that_are_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="Two of the keys are the same"):
        bearers(SECRET, SECRET)


# -- configuration that is refused


@pytest.mark.parametrize("name", ["none", "None", "", "HS1", "hs256", "RSA-OAEP", "dir", "ES256K"])
def test_an_algorithm_that_is_unknown_or_signs_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be signed by '{name}'. There are HS256, "):
        bearers(algorithms=(name,))


def test_an_algorithm_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="None of the keys fits the algorithm 'ES256'"):
        bearers(SECRET, algorithms=("HS256", "ES256"))


def test_a_list_is_needed_and_must_not_be_empty() -> None:
    with pytest.raises(TypeError, match="The algorithms of bearer tokens are a list"):
        Bearers([SECRET], [], ISSUER, AUDIENCE)
    with pytest.raises(TypeError, match="The algorithms of bearer tokens are a list"):
        Bearers([SECRET], "HS256", ISSUER, AUDIENCE)
    with pytest.raises(TypeError, match="a list of at least one key"):
        Bearers([], ["HS256"], ISSUER, AUDIENCE)
    with pytest.raises(TypeError, match="a list of at least one key"):
        Bearers(SECRET, ["HS256"], ISSUER, AUDIENCE)


@pytest.mark.parametrize(("issuer", "audience"), [("", AUDIENCE), (ISSUER, "")])
def test_an_issuer_and_an_audience_are_needed(issuer: str, audience: str) -> None:
    with pytest.raises(ValueError, match="need an issuer and an audience"):
        bearers(issuer=issuer, audience=audience)


@pytest.mark.parametrize("leeway", [-1, math.inf, math.nan])
def test_what_cannot_be_a_leeway_is_refused(leeway: float) -> None:
    with pytest.raises(ValueError, match="the leeway one from 0"):
        bearers(leeway=leeway)
