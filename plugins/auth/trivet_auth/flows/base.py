"""A flow: one request to a ready-made page, and what all of them have in common."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from trivet import abort, flash, jsonify, make_response, redirect, render_template, safe_redirect_target, url_for

from ..accounts import Accounts, words_of
from ..driving import Driver
from ..identity import Identity
from ..mail import is_address
from ..resolving import identity_in, load_identity
from ..signals import send, user_unauthorized
from ..state import Auth
from ..telling import add_last
from . import form_tokens, limits
from .sent import Refused, Sent, read, wants_json
from .services import Services

#: How people are known who may look after their account: by a session, and not by a token that was given to a program.
BY_BROWSER = ("session", "remember")


class Flow:
    """One request to a flow. Subclasses have a method for each request method: ``get``, ``post``, ``delete``.

    A subclass of a flow that is put into ``auth.flows`` takes its place::

        class MyRegister(Register):
            def fields(self, sent):
                return {"name": sent.line("name", missing="Enter your name.")}

        Auth.of(app).flows["register"] = MyRegister

    :ivar ctx: the context of the request.
    :ivar auth: the state of the application.
    :ivar services: what all flows share.
    :ivar realm: the realm whose people it is about.
    :ivar accounts: what can be done to their accounts.
    :ivar identity: who is asking.
    :ivar sent: what was sent.
    :ivar json: whether the answer is JSON.
    """

    #: The endpoint, in the blueprint ``auth``.
    name: ClassVar[str]
    #: The path below the prefix.
    rule: ClassVar[str]
    #: The page.
    template: ClassVar[str]
    #: Whether it is only for people who have signed in.
    guarded: ClassVar[bool] = False
    #: The endpoint of the page on which the form is, if that is another one.
    on_page: ClassVar[str] = ""
    #: Names of fields that are shown again beside what is wrong with them.
    shown: ClassVar[tuple[str, ...]] = ()

    identity: Identity
    sent: Sent
    json: bool

    def __init__(self, ctx: Any, driver: Driver) -> None:
        self.ctx = ctx
        self.driver = driver
        self.auth = Auth.of(ctx.app)
        self.services = Services.of(ctx.app)
        self.manager = self.auth.realm_of(ctx.plan.scopes)
        self.realm: str = self.manager.realm
        self.accounts = Accounts(self.auth, self.realm, driver)
        self.sent = Sent({}, is_json=False)

    # -- the whole

    async def answer(self, **values: Any) -> Any:
        """Answer the request."""
        add_last(self.ctx, complete, first=True)
        self.json = wants_json(self.ctx)
        ctx = self.ctx
        try:
            self.identity = await load_identity(ctx, self.realm) if ctx.on_loop else identity_in(ctx, self.realm)
            if self.guarded:
                stranger = await self._refuse_strangers()
                if stranger is not None:
                    return stranger
            if ctx.method not in ("GET", "HEAD"):
                self._read()
            return await getattr(self, "get" if ctx.method == "HEAD" else ctx.method.lower())(**values)
        except Refused as refused:
            return await self._say(refused)

    def _read(self) -> None:
        try:
            self.sent = read(self.ctx)
        except RequestEntityTooLarge:
            raise Refused(413, "too_large", "That is too much.") from None
        except HTTPException as error:
            raise Refused(error.code or 400, "bad_request", "The request could not be read.") from None
        if self.auth.options.csrf_tokens:
            form_tokens.check(self.ctx, self.sent)

    # -- who may

    async def _refuse_strangers(self) -> Any:
        """Answer those who have not signed in, and programs; ``None`` for others.

        :raises Refused: a program has a token, which is not for this.
        """
        if not self.identity.user.is_authenticated:
            if self.json and self.manager.unauthorized_callback is None:
                send(self.ctx, user_unauthorized)
                raise Refused(401, "unauthorized", "Please sign in.", headers=self.challenge)
            return await self._send_to_sign_in()
        if self.identity.method not in BY_BROWSER:
            raise Refused(
                403,
                "session_required",
                "This is only for people who have signed in with a browser.",
                template="auth/refused.html",
            )
        return None

    async def _send_to_sign_in(self) -> Any:
        """Answer with what the realm says; who has sent a form comes back to the page of the form."""
        manager = self.manager
        own = manager.unauthorized_callback is None and manager.login_view == f"{self.ctx.plan.scopes[0]}.login"
        if own and self.on_page and self.ctx.method != "GET":
            send(self.ctx, user_unauthorized)
            return self.done(self.url("login", next=self.url(self.on_page)), manager.login_message or "")
        answer = await self.driver.call(manager.unauthorized)
        return make_response(answer if answer is not None else abort(401))

    @property
    def challenge(self) -> dict[str, str]:
        """Return the header that a 401 has to have (RFC 9110, 11.6.1); browsers ask nobody for a name because of it."""
        return {"WWW-Authenticate": f'Form realm="{self.realm}"'}

    # -- answers

    async def context(self) -> dict[str, Any]:
        """Return what the page shows, beside what is sent and what is wrong."""
        return {}

    async def page(self, status: int = 200, template: str = "", **names: Any) -> Any:
        """Return a page."""
        token = form_tokens.token_for(self.ctx) if self.auth.options.csrf_tokens else ""
        given = {
            "flows": self.services.on,
            "site": self.services.site,
            "csrf_token": token,
            "errors": {},
            "problem": "",
            "next": self.next_sent,
            "login_url": self.url("login") if "login" in self.services.on else "",
            "when": when,
            "values": {name: self.sent.text(name) for name in self.shown},
            **({} if template else await self.context()),
            **names,
        }
        return make_response(render_template(template or self.template, **given), status)

    def done(self, to: str, message: str = "", status: int = 200, **data: Any) -> Any:
        """Return the answer to something that was done: for browsers a page to go to, which shows the message.

        :param to: its address; it is used as it is.
        :param data: for programs.
        """
        if self.json:
            response = jsonify({**data, **({"message": self.say(message)} if message else {})})
            response.status_code = status
            return response
        if message:
            flash(self.say(message))
        return redirect(to, 303)

    async def _say(self, refused: Refused, template: str = "") -> Any:
        message = self.say(refused.message)
        fields = {name: [self.say(one) for one in sentences] for name, sentences in refused.fields.items()}
        if self.json:
            error: dict[str, Any] = {"code": refused.code, "message": message}
            if fields:
                error["fields"] = fields
            response = jsonify({"error": error})
            response.status_code = refused.status
        else:
            self.sent.errors.clear()
            try:
                response = await self.page(refused.status, template or refused.template, problem=message, errors=fields)
            except Refused:  # there is nothing any more that the page could show
                return await self._say(refused, "auth/refused.html")
        response.headers.update(refused.headers)
        return response

    def say(self, sentence: str) -> str:
        """Return a sentence in the language of the person, if the realm has a ``localize_callback``."""
        translate: Callable[[str], Any] | None = self.manager.localize_callback
        return str(translate(sentence)) if translate is not None and sentence else sentence

    def url(self, name: str, **values: Any) -> str:
        """Return the path of another flow."""
        return url_for(f"{self.ctx.plan.scopes[0]}.{name}", **values)

    def link_to(self, name: str, token: str = "") -> str:
        """Return the address of another flow, for a mail."""
        endpoint = f"{self.ctx.plan.scopes[0]}.{name}"
        return self.services.address_of(endpoint, **({"token": token} if token else {}))

    @property
    def next_sent(self) -> str:
        """Where to go afterwards, if it was said and is on this site; else empty."""
        wanted = self.sent.text("next") or self.ctx.request.args.get("next", "")
        if not wanted and self.ctx.app.config.get("USE_SESSION_FOR_NEXT", False):
            wanted = self.ctx.session.get("next", "")
        return safe_redirect_target(wanted, "")

    def user_facts(self, user: Any) -> dict[str, Any]:
        """Return what programs are told of a user."""
        return {"id": self.manager.id_of(user), "email": getattr(user, "email", None)}

    # -- doing

    def tries(self, what: str, whose: str) -> limits.Tries:
        """Return a try that may fail; see :class:`~trivet_auth.flows.limits.Tries`."""
        return limits.Tries(self.ctx, self.auth, self.driver, what, f"{self.realm}\0{whose}")

    async def check_strength(self, password: str, whose: Any) -> None:
        """Note what is wrong with a new password, if it is too weak.

        :param whose: the user, or the address of one who is yet to be.
        """
        words = words_of(self.auth, whose)
        self.sent.wrong("password", *await self.driver.block(self.auth.strength, password, words))

    async def count_mail(self, to: str) -> None:
        """Count a mail that is about to be sent, or seems to be.

        :raises Refused: there were too many: 429.
        """
        await limits.count_mail(self.ctx, self.auth, self.driver, to, self.name)

    def mail(self, kind: str, to: str, sends: bool = True, **values: Any) -> None:
        """Send a mail, when the answer is out.

        :param sends: whether it is sent: an answer that must not tell is made in the same way without.
        """
        self.services.post(kind, to, sends, **values)

    def mail_user(self, kind: str, user: Any, **values: Any) -> None:
        """Tell a user something by mail, if they have an address."""
        email = getattr(user, "email", None)
        if isinstance(email, str) and is_address(email):
            self.mail(kind, email, **values)

    def tell(self, event: str, user: Any = None, **facts: Any) -> None:
        """Log something that matters for security."""
        self.auth.event(event, self.ctx, self.realm, user, **facts)


def complete(response: Any) -> None:
    """Keep an answer to who has asked, now and later: RFC 9111, 5.2.2.5; Referrer Policy, 3.1; CSP 3, 6.4.2.

    This is done last, so that a policy of the application's own is there already.
    """
    response.cache_control.no_store = True
    response.vary.add("Accept")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Content-Security-Policy", "frame-ancestors 'none'")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


def when(at: float | None) -> str:
    """Return a time, in Unix seconds, for people: to the minute, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else "never"
