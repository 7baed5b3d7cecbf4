"""How often something may be tried: the buckets of the flows, and the answer to who has tried too often."""

import ipaddress
import math
from typing import Any

from ..driving import Driver
from ..state import Auth
from ..throttle import Bucket
from .sent import Refused

#: Mails, and accounts from one address, are counted by the hour.
HOUR = 3600.0
#: So many times the mails that one network may cause are sent to an address whoever causes them: a stranger can neither
#: fill somebody's mailbox nor, from a few networks, keep them from asking for a mail (ASVS 5, 6.1.1).
NETWORKS = 5


def network_of(ctx: Any) -> str:
    """Return what counts as one address: of IPv6 the first 64 bits, all of which one customer of a provider has."""
    text = ctx.environ.get("REMOTE_ADDR") or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return str(text)
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped if mapped is not None else ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Tries:
    """A try that may fail, in all of its buckets.

    :param what: names the limits, as ``"login"``.
    :param whose: what is tried: an account, or a link.
    """

    def __init__(self, ctx: Any, auth: Auth, driver: Driver, what: str, whose: str) -> None:
        given, address = auth.options.throttle, network_of(ctx)
        self._ctx = ctx
        self._auth = auth
        self._driver = driver
        self._what = what
        self._buckets = (
            Bucket(f"{what}.account", f"{whose}\0{address}", given.account, given.window),
            Bucket(f"{what}.anywhere", whose, given.account_anywhere, given.window),
            Bucket(f"{what}.address", address, given.address, given.window),
        )

    async def take(self) -> None:
        """Take a try.

        :raises Refused: there were too many: 429.
        """
        await _take(self._ctx, self._auth, self._driver, self._what, self._buckets)

    async def failed(self) -> None:
        """Say that it has failed."""
        await self._driver.block(self._auth.throttle.failed, *self._buckets)

    async def succeeded(self) -> None:
        """Say that it has succeeded."""
        await self._driver.block(self._auth.throttle.succeeded, *self._buckets)


async def count_mail(ctx: Any, auth: Auth, driver: Driver, to: str, what: str) -> None:
    """Count a mail that somebody causes, whether or not it is sent: by where it goes, and where the request came from.

    :raises Refused: there were too many in an hour: 429.
    """
    limit, network = auth.options.throttle.mails, network_of(ctx)
    buckets = (
        Bucket("mail.to", f"{to}\0{network}", limit, HOUR),
        Bucket("mail.anywhere", to, limit * NETWORKS, HOUR),
        Bucket(f"{what}.mails", network, limit, HOUR),
    )
    # A try that is never said to have ended counts as one that has failed, and so does each of these.
    await _take(ctx, auth, driver, what, buckets)


async def _take(ctx: Any, auth: Auth, driver: Driver, what: str, buckets: tuple[Bucket, ...]) -> None:
    wait = await driver.block(auth.throttle.reserve, *buckets)
    if wait:
        auth.event(f"{what}.throttled", ctx, wait=math.ceil(wait))
        seconds = max(1, math.ceil(wait))
        raise Refused(
            429,
            "too_many_tries",
            f"There were too many tries. Please wait {_duration(seconds)}.",
            headers={"Retry-After": str(seconds)},
        )


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds" if seconds != 1 else "a second"
    return f"{math.ceil(seconds / 60)} minutes"
