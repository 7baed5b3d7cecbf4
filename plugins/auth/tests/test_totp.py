"""Second factors: codes of authenticator apps as RFC 6238 has them, used once, and recovery codes."""

import base64
import re
import threading
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.stores.memory import MemoryStore
from trivet_auth.totp import (
    RECOVERY_KIND,
    STEP_KIND,
    RecoveryCodes,
    UsedSteps,
    new_secret,
    qr_svg,
    uri,
    verify,
)

#: The secret of RFC 6238, appendix B, for SHA-1.
SECRET = base64.b32encode(b"12345678901234567890").decode()
#: Seconds and codes of that appendix. It has eight digits; codes of six are the last of them (RFC 4226, 5.3).
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
NOW = 1_111_111_111.0
OWNER = "default:7"


def code_at(now: float, secret: str = SECRET) -> str:
    return pyotp.TOTP(secret).at(int(now))


@pytest.mark.parametrize(("now", "code"), VECTORS)
def test_the_codes_of_the_rfc_are_right(now: int, code: str) -> None:
    assert verify(SECRET, code[-6:], now=now) == now // 30


@pytest.mark.parametrize("now", [0.0, 29.9, NOW])
def test_the_code_before_and_the_code_after_are_right_too(now: float) -> None:
    step = int(now) // 30
    steps = {verify(SECRET, pyotp.TOTP(SECRET).generate_otp(one), now=now) for one in range(max(step - 1, 0), step + 2)}
    assert steps == set(range(max(step - 1, 0), step + 2))


@pytest.mark.parametrize("away", [-60, 60])
def test_codes_of_two_periods_away_are_wrong(away: int) -> None:
    assert verify(SECRET, code_at(NOW + away), now=NOW) is None


def test_the_time_is_that_of_the_clock_where_none_is_given() -> None:
    assert verify(SECRET, pyotp.TOTP(SECRET).now()) is not None


@pytest.mark.parametrize("spaced", ["{0}{1} ", " {0} {1}", "{0}  {1}"])
def test_spaces_in_a_code_do_not_matter(spaced: str) -> None:
    code = code_at(NOW)
    assert verify(SECRET, spaced.format(code[:3], code[3:]), now=NOW) is not None


def test_a_code_of_another_secret_is_wrong() -> None:
    assert verify(SECRET, code_at(NOW, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"), now=NOW) is None


@pytest.mark.parametrize(("last_step", "right"), [(-1, True), (0, False), (1, False)])
def test_a_code_of_the_last_step_or_an_earlier_one_is_refused(last_step: int, right: bool) -> None:
    step = int(NOW) // 30
    assert verify(SECRET, code_at(NOW), step + last_step, now=NOW) == (step if right else None)


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary(), st.text(st.characters(categories=["Nd", "Zs"]))))
def test_what_is_not_six_ascii_digits_is_wrong_and_does_not_raise(code: object) -> None:
    if not (isinstance(code, str) and re.fullmatch("[0-9]{6}", code.replace(" ", ""))):
        assert verify(SECRET, code, now=NOW) is None


def test_a_code_in_digits_of_another_script_is_wrong() -> None:
    assert verify(SECRET, code_at(NOW).translate({ord("0") + n: 0x0660 + n for n in range(10)}), now=NOW) is None


def test_a_secret_has_160_bits_and_differs_each_time() -> None:
    one, other = new_secret(), new_secret()
    assert len(base64.b32decode(one)) == 20
    assert one != other


# -- what apps read


def test_the_uri_is_read_by_an_authenticator_app_as_it_was_meant() -> None:
    read = pyotp.parse_uri(uri(SECRET, "ada@example.org", "Engine Shop"))
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer) == (SECRET, "ada@example.org", "Engine Shop")
    assert (read.digits, read.interval) == (6, 30)


def test_neither_part_of_the_label_can_divide_it() -> None:
    parts = urlsplit(uri(SECRET, "a:b/c", "Shop: all / new"))
    assert unquote(parts.path) == "/Shop all new:a b c"
    assert parse_qs(parts.query)["issuer"] == ["Shop all new"]


def test_the_qr_code_is_an_svg_element_with_nothing_a_strict_policy_refuses() -> None:
    svg = qr_svg(uri(SECRET, "ada@example.org", "Shop"), title="QR code <1>")
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.findtext("title") == "QR code <1>"
    assert not re.search(r"style|script|href|\son\w+=", svg)


def test_qr_codes_of_different_texts_differ() -> None:
    assert qr_svg("one") != qr_svg("two")


# -- used once


class Clock:
    """A clock that stands still."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def used(store: MemoryStore, clock: Clock) -> UsedSteps:
    return UsedSteps(store, clock)


def test_a_right_code_is_right_once(used: UsedSteps) -> None:
    assert used.verify(OWNER, SECRET, code_at(NOW))
    assert not used.verify(OWNER, SECRET, code_at(NOW))


def test_the_next_code_is_right_after_it(used: UsedSteps, clock: Clock) -> None:
    used.verify(OWNER, SECRET, code_at(NOW))
    clock.now += 30
    assert used.verify(OWNER, SECRET, code_at(clock.now))


def test_an_earlier_code_is_refused_after_a_later_one(used: UsedSteps) -> None:
    used.verify(OWNER, SECRET, code_at(NOW))
    assert not used.verify(OWNER, SECRET, code_at(NOW - 30))


def test_a_wrong_code_uses_nothing(used: UsedSteps) -> None:
    assert not used.verify(OWNER, SECRET, code_at(NOW + 90))
    assert used.verify(OWNER, SECRET, code_at(NOW))


def test_the_step_of_one_person_is_not_that_of_another(used: UsedSteps) -> None:
    used.verify(OWNER, SECRET, code_at(NOW))
    assert used.verify("default:8", SECRET, code_at(NOW))


def test_a_new_secret_starts_anew_once_the_step_is_forgotten(used: UsedSteps) -> None:
    used.verify(OWNER, SECRET, code_at(NOW))
    used.forget(OWNER)
    assert used.verify(OWNER, SECRET, code_at(NOW))


def test_the_record_belongs_to_the_owner_so_that_it_goes_with_the_account(used: UsedSteps, store: MemoryStore) -> None:
    used.verify(OWNER, SECRET, code_at(NOW))
    assert len(store.owned(STEP_KIND, OWNER)) == 1


def together(count: int, job: Callable[[], bool]) -> int:
    """Do a job in several threads at once, and return how often it said yes."""
    barrier, said = threading.Barrier(count), list[bool]()

    def run() -> None:
        barrier.wait()
        said.append(job())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(said)


def test_of_concurrent_uses_of_a_code_exactly_one_is_right(used: UsedSteps) -> None:
    assert together(16, lambda: used.verify(OWNER, SECRET, code_at(NOW))) == 1


# -- recovery codes


@pytest.fixture
def recovery(store: MemoryStore) -> RecoveryCodes:
    return RecoveryCodes(store)


def test_there_are_ten_different_recovery_codes_of_60_bits(recovery: RecoveryCodes) -> None:
    codes = recovery.issue(OWNER)
    assert len(set(codes)) == recovery.left(OWNER) == 10
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code) for code in codes)


def test_a_recovery_code_is_right_once(recovery: RecoveryCodes) -> None:
    code = recovery.issue(OWNER)[3]
    assert recovery.use(OWNER, code)
    assert not recovery.use(OWNER, code)
    assert recovery.left(OWNER) == 9


def test_the_other_codes_stay_right(recovery: RecoveryCodes) -> None:
    codes = recovery.issue(OWNER)
    recovery.use(OWNER, codes[0])
    assert recovery.use(OWNER, codes[9])


def test_a_code_may_be_typed_as_people_type(recovery: RecoveryCodes) -> None:
    code = recovery.issue(OWNER)[0]
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert recovery.use(OWNER, typed)


def test_new_codes_take_the_place_of_the_old_ones(recovery: RecoveryCodes) -> None:
    old = recovery.issue(OWNER)[0]
    recovery.issue(OWNER)
    assert not recovery.use(OWNER, old)
    assert recovery.left(OWNER) == 10


def test_a_code_of_somebody_else_is_wrong(recovery: RecoveryCodes) -> None:
    recovery.issue(OWNER)
    assert not recovery.use(OWNER, recovery.issue("default:8")[0])


def test_nobody_has_codes_before_they_are_issued_or_after_they_were_revoked(recovery: RecoveryCodes) -> None:
    assert (recovery.left(OWNER), recovery.use(OWNER, "7K2M-9QXW-4HBT")) == (0, False)
    code = recovery.issue(OWNER)[0]
    recovery.revoke(OWNER)
    assert (recovery.left(OWNER), recovery.use(OWNER, code)) == (0, False)


def test_no_code_is_in_the_store(recovery: RecoveryCodes, store: MemoryStore) -> None:
    codes = recovery.issue(OWNER)
    (_, record), *others = store.owned(RECOVERY_KIND, OWNER)
    assert not others
    assert not [code for code in codes if code in str(record) or code.replace("-", "") in str(record)]


def test_every_set_of_codes_has_a_salt_of_its_own(recovery: RecoveryCodes, store: MemoryStore) -> None:
    recovery.issue(OWNER)
    recovery.issue("default:8")
    (_, one), (_, other) = (store.owned(RECOVERY_KIND, owner)[0] for owner in (OWNER, "default:8"))
    assert one.data["salt"] != other.data["salt"]


def test_of_concurrent_uses_of_a_recovery_code_exactly_one_is_right(recovery: RecoveryCodes) -> None:
    code = recovery.issue(OWNER)[0]
    assert together(8, lambda: recovery.use(OWNER, code)) == 1
    assert recovery.left(OWNER) == 9


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary()))
def test_anything_else_is_not_a_recovery_code_and_does_not_raise(code: object) -> None:
    assert not RecoveryCodes(MemoryStore()).use(OWNER, code)
