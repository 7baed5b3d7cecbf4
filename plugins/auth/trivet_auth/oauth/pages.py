"""The pages and endpoints of signing in by providers, and of connecting accounts."""

import math
from collections.abc import Awaitable
from typing import Any, ClassVar

from trivet import abort, safe_redirect_target, url_for

from ..flows import NAME as FLOWS
from ..flows import proving
from ..flows import sent as flow
from ..flows.base import BY_BROWSER, Flow
from ..flows.codes import has_second_factor
from ..flows.limits import network_of
from ..state import logger
from ..throttle import Bucket
from .arriving import Arrival
from .attempts import MAX_NEXT, Attempt, begin, is_state
from .errors import REASONS, Refused
from .provider import Profile, Provider, is_code
from .service import OAuth

#: What a provider may say when somebody is not to be signed in (RFC 6749, 4.1.2.1), and what that means here.
_SAID = {"access_denied": "denied", "temporarily_unavailable": "unavailable", "server_error": "unavailable"}
BLUEPRINT = "auth_oauth"


class Page(Flow):
    """What all of these have in common."""

    template = "auth/refused.html"

    provider: Provider

    def __init__(self, ctx: Any, driver: Any) -> None:
        super().__init__(ctx, driver)
        self.oauth = OAuth.of(ctx.app)

    async def answer(self, **values: Any) -> Any:
        """Answer the request; a provider that is not configured is a page that is not there."""
        if "provider" not in values:
            return await super().answer()
        if values["provider"] not in self.oauth.providers:
            abort(404)
        self.provider = self.oauth.providers[values["provider"]]
        return await super().answer()

    async def page(self, status: int = 200, template: str = "", **names: Any) -> Any:
        """Return a page, which may lead to where one signs in."""
        enter = self.url("login") if "login" in self.services.on else url_for(f"{BLUEPRINT}.accounts")
        return await super().page(status, template, **{"login_url": enter, **names})

    async def within(self, work: Awaitable[Any]) -> Any:
        """Return what some work returns, and say in words of ours why it cannot be done."""
        try:
            return await work
        except Refused as refused:
            facts = {"provider": self.provider.name, "reason": refused.reason, "detail": refused.detail}
            self.tell("oauth.refused", self.identity.user if self.identity.known else None, **facts)
            if refused.is_fault_of_provider:
                logger.warning("Signing in by the provider %r does not work: %s.", self.provider.name, refused.detail)
            reason = REASONS[refused.reason]
            raise flow.Refused(
                reason.status,
                f"oauth_{refused.reason}",
                self.labelled(reason.text),
                headers={"Retry-After": str(refused.wait)} if refused.wait else {},
                template=Page.template,
            ) from None

    def labelled(self, sentence: str) -> str:
        """Return a sentence about the provider, in the language of the person."""
        return self.say(sentence).format(label=self.provider.label)

    def url(self, name: str, **values: Any) -> str:
        """Return the path of a ready-made flow; these pages go on there with the second factor."""
        return url_for(f"{FLOWS}.{name}", **values)

    async def send_there(self, attempt: Attempt) -> Any:
        """Send somebody to a provider; with 303, so that nothing that was posted here is posted there."""
        address = await self.driver.call(self.provider.address, attempt)
        response = self.done(address, url=address)
        self.oauth.attempts.give(self.ctx, response, self.provider.name, attempt)
        return response

    def described(self, provider: Provider) -> dict[str, str]:
        """Return what a page shows of a provider."""
        url = url_for(f"{BLUEPRINT}.begin", provider=provider.name)
        return {"name": provider.name, "label": provider.label, "url": url}


class Begin(Page):
    """Begins to sign in: ``POST``, which no other site can make a browser do; ``GET`` shows the button for it."""

    name = "begin"
    rule = "/<provider>"
    template = "auth/oauth_begin.html"

    async def context(self) -> dict[str, Any]:
        """Return what the page says of the provider."""
        return {"provider": self.described(self.provider)}

    async def get(self) -> Any:
        """Show the button."""
        return self.done("", provider=self.described(self.provider)) if self.json else await self.page()

    async def post(self) -> Any:
        """Send somebody to the provider."""
        wanted = self.next_sent
        attempt = begin(next=wanted if len(wanted) <= MAX_NEXT else "", remember=self.sent.flag("remember"))
        return await self.within(self.send_there(attempt))


class Callback(Page):
    """Takes the provider's answer."""

    name = "callback"
    rule = "/<provider>/callback"
    _state = ""

    async def answer(self, **values: Any) -> Any:
        """Answer, and have the browser forget the attempt."""
        response = await super().answer(**values)
        if self._state:
            self.oauth.attempts.drop(response, self._state)
        return response

    async def get(self) -> Any:
        """Sign somebody in, or connect an account."""
        return await self.within(self._arrive())

    async def _arrive(self) -> Any:
        attempt = self._attempt()
        await self.driver.block(self.oauth.attempts.use, attempt)
        bucket = await self._take_try()
        try:
            profile = await self._profile(attempt)
            response = await self._welcome(attempt, profile)
        except Refused as refused:
            settle = self.auth.throttle.succeeded if refused.is_fault_of_provider else self.auth.throttle.failed
            await self.driver.block(settle, bucket)
            raise
        await self.driver.block(self.auth.throttle.succeeded, bucket)
        return response

    def _attempt(self) -> Attempt:
        state = self._single("state") or ""
        if not is_state(state):
            raise Refused("attempt", "there is no state of ours in the answer")
        attempt = self.oauth.attempts.take(self.ctx, self.provider.name, state)
        self._state = state
        return attempt

    def _single(self, name: str) -> str | None:
        """Return a parameter, which must not be there twice (RFC 6749, 3.1)."""
        found: list[str] = self.ctx.request.args.getlist(name)
        if len(found) > 1:
            raise Refused("request", "a parameter is there more than once")
        return found[0] if found else None

    async def _take_try(self) -> Bucket:
        given = self.auth.options.throttle
        bucket = Bucket("oauth.address", network_of(self.ctx), given.address, given.window)
        wait = await self.driver.block(self.auth.throttle.reserve, bucket)
        if wait:
            raise Refused("throttled", "too many attempts from this address", math.ceil(wait))
        return bucket

    async def _profile(self, attempt: Attempt) -> Profile:
        await self.driver.call(self.provider.check_issuer, self._single("iss"))
        error, code = self._single("error"), self._single("code")
        if error is not None:
            raise Refused(_SAID.get(error, "provider"), _error_detail(error))
        if code is None or not is_code(code):
            raise Refused("request", "there is no code in the answer")
        found: Profile = await self.driver.call(self.provider.identify, code, attempt)
        return found

    async def _welcome(self, attempt: Attempt, profile: Profile) -> Any:
        provider = self.provider
        arrival = Arrival(self.auth, self.realm, self.driver, provider, profile)
        if attempt.purpose == "link":
            user = self.identity.user
            if not self.identity.known or self.accounts.owner_of(user) != attempt.owner:
                raise Refused("person", "the user who has begun to connect an account is not signed in")
            await arrival.link(user)
            proving.renew(self, proven=False)
            to = attempt.next or url_for(f"{BLUEPRINT}.accounts")
            return self.done(safe_redirect_target(to), self.labelled("Your account of {label} is connected now."))
        user = await arrival.user(must_be_verified=self.services.must_verify)
        if has_second_factor(user) and "login" not in self.services.on:
            raise Refused("account", "the user has a second factor, and the flow that asks for it, login, is off")
        to, method = safe_redirect_target(attempt.next, ""), f"oauth:{provider.name}"
        return await proving.sign_in(self, user, remember=attempt.remember, to=to, method=method)


def _error_detail(error: str) -> str:
    known = error.isascii() and error.replace("_", "").isalpha() and len(error) <= 40
    return f"the provider has answered with {error if known else 'an unknown error'}"


class Accounts(Page):
    """Lists the providers, and the accounts that somebody who has signed in has connected."""

    name = "accounts"
    rule = ""
    template = "auth/oauth.html"

    async def context(self) -> dict[str, Any]:
        """Return what is listed, and what has to be proved before a change: ``asks`` for a password, or to sign in."""
        known, user = self.identity.method in BY_BROWSER, self.identity.user
        owner = self.accounts.owner_of(user) if known else ""
        links = await self.driver.block(self.oauth.links.of, owner, self.oauth.providers)
        labels = {name: one.label for name, one in self.oauth.providers.items()}
        asks = "" if proving.is_recent(self) else "password" if getattr(user, "password_hash", None) else "sign-in"
        return {
            "links": [{**one._asdict(), "label": labels[one.provider]} for one in links],
            "providers": [self.described(one) for one in self.oauth.providers.values()],
            "known": known,
            "asks": asks,
            **proving.asked(self),
        }

    async def get(self) -> Any:
        """Show the list."""
        return self.done("", **await self.context()) if self.json else await self.page()


class Link(Accounts):
    """Begins to connect an account of a provider with that of somebody who is signed in."""

    name = "link"
    rule = "/<provider>/link"
    guarded: ClassVar[bool] = True

    async def post(self) -> Any:
        """Send somebody to the provider."""
        if await proving.prove(self):
            proving.renew(self, proven=True)
        owner, wanted = self.accounts.owner_of(self.identity.user), self.next_sent
        attempt = begin(purpose="link", owner=owner, next=wanted if len(wanted) <= MAX_NEXT else "")
        return await self.within(self.send_there(attempt))


class Unlink(Accounts):
    """Disconnects an account of a provider."""

    name = "unlink"
    rule = "/<provider>/unlink"
    guarded: ClassVar[bool] = True

    async def post(self) -> Any:
        """Disconnect the account with the ``id`` that was sent, or the only one of the provider."""
        proven = await proving.prove(self)
        return await self.within(self._remove(proven))

    async def _remove(self, proven: bool) -> Any:
        user, provider = self.identity.user, self.provider
        owner = self.accounts.owner_of(user)
        links = await self.driver.block(self.oauth.links.of, owner, [provider.name])
        wanted = self.sent.line("id")
        self.sent.check()
        ids = [one.id for one in links if wanted in ("", one.id)]
        if len(ids) != 1:
            raise Refused("absent", "there is no such link, or it was not said which one is meant")
        await self.driver.block(self.oauth.remove_way, user, owner, ids[0])
        self.tell("oauth.unlinked", user, provider=provider.name)
        # Whoever has signed in by it, in whatever browser, is out as well (ASVS 5, 7.4.3).
        await self.accounts.end_sessions(user, keep=self.identity.credential)
        proving.renew(self, proven=proven)
        to = self.next_sent or url_for(f"{BLUEPRINT}.accounts")
        return self.done(to, self.labelled("Your account of {label} is not connected any more."))


PAGES = (Accounts, Begin, Callback, Link, Unlink)
