"""The hooks that trivet-auth brings: for whoever knows more people, has rules of their own, or wants to be told."""

from typing import Any

from trivet import hookspec


@hookspec(firstresult=True)
def trivet_auth_authenticate(ctx: Any, realm: str) -> Any:
    """Say who is asking, where neither a session nor a token nor a loader has told.

    Runs once for each request and realm in which somebody asks for the identity. The first plugin that knows somebody
    is believed; a user whose ``is_active`` is false is nobody.

    :param realm: the realm whose person is asked for.
    :return: a user object, an :class:`trivet_auth.Identity`, or ``None`` if you do not know either. Anything else is an
        :class:`~trivet_auth.AuthConfigError`.

    ::

        @hookimpl
        def trivet_auth_authenticate(ctx, realm):
            if ctx.header("X-Api-Key") == ctx.app.config["ROBOT_KEY"]:
                return load_user("robot")
    """


@hookspec(firstresult=True)
def trivet_auth_authorize(ctx: Any, identity: Any, permission: str, resource: Any) -> bool | None:
    """Decide whether somebody may do something, before roles and rules are asked.

    A credential's scopes limit what this grants as well, and nobody is never asked about: it may nothing.

    :param identity: the :class:`trivet_auth.Identity`.
    :param permission: such as ``"tasks:write"``.
    :param resource: what it is to be done to; ``None``: nothing in particular.
    :return: ``True`` grants, ``False`` refuses, ``None`` leaves it to others. Anything else is an
        :class:`~trivet_auth.AuthConfigError`.

    ::

        @hookimpl
        def trivet_auth_authorize(identity, permission):
            if permission == "reports:read" and identity.user.email.endswith("@example.com"):
                return True
    """


@hookspec
def trivet_auth_logged_in(ctx: Any, identity: Any) -> None:
    """Do something when somebody has signed in; the session is the new one already.

    An asynchronous implementation is awaited before the answer is sent. An exception is one of the request's.

    ::

        @hookimpl
        def trivet_auth_logged_in(ctx, identity):
            ctx.session["greeted"] = False
    """


@hookspec
def trivet_auth_logged_out(ctx: Any, identity: Any) -> None:
    """Do something when somebody has signed out; the session is empty already.

    An asynchronous implementation is awaited before the answer is sent. An exception is one of the request's.

    :param identity: who it was.

    ::

        @hookimpl
        def trivet_auth_logged_out(ctx, identity):
            ctx.app.logger.info("%s has left", identity.user.get_id())
    """


@hookspec
def trivet_auth_registered(ctx: Any, user: Any) -> None:
    """Do something when somebody new has an account, however it was made: by a flow, by a command, in code.

    An asynchronous implementation is awaited before the answer is sent. The account is there, whatever is raised here.

    :param ctx: the active context, without a request for a command; ``None`` if there is none.

    ::

        @hookimpl
        def trivet_auth_registered(ctx, user):
            ctx.app.logger.info("welcome, %s", user.get_id())
    """


@hookspec(firstresult=True)
def trivet_auth_send_mail(app: Any, mail: Any) -> Any:
    """Send a mail; it is called in a thread after the answer has been sent, so that its time tells nothing.

    An exception is logged, and told as the event ``"mail.failed"``.

    :param mail: with ``to``, ``subject``, ``text`` and ``kind``, the flow that sends it.
    :return: ``True`` if it was sent, ``None`` to leave it to others, and at last to ``[auth.mail]``.

    ::

        @hookimpl
        def trivet_auth_send_mail(app, mail):
            my_mailer.send(mail.to, mail.subject, mail.text)
            return True
    """


@hookspec
def trivet_auth_event(app: Any, event: Any) -> None:
    """Be told what happened: somebody signed in, failed to, was throttled, a token was used twice, and so on.

    It has happened, so an exception is logged and changes nothing. An asynchronous implementation is awaited before the
    answer is sent. The same is logged by ``trivet.auth``.

    :param event: with ``name``, ``realm``, ``user`` (an identifier or ``""``), ``address`` and ``facts``; no secrets.

    ::

        @hookimpl
        def trivet_auth_event(app, event):
            if event.name == "remember.reused":
                alert(f"a stolen cookie of user {event.user} came from {event.address}")
    """
