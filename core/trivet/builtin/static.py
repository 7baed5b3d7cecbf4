"""Files: sending them, and the static folders of the application and its blueprints."""

import os
from datetime import datetime
from typing import IO, Any, ClassVar

from werkzeug.utils import send_file as werkzeug_send_file
from werkzeug.utils import send_from_directory as werkzeug_send_from_directory
from werkzeug.wsgi import FileWrapper

#: How many bytes of a file are read and passed on at once, where the server has no way of its own.
CHUNK_BYTES = 128 * 1024


def _wrap(file: IO[bytes], buffer_size: int = 0) -> FileWrapper:
    return FileWrapper(file, CHUNK_BYTES)


def _arguments(ctx: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Complete the arguments of Werkzeug's functions with what the application has to say."""
    app = ctx.app
    environ = ctx.environ
    if "wsgi.file_wrapper" not in environ:
        environ = {**environ, "wsgi.file_wrapper": _wrap}
    if options.get("max_age") is None:
        options["max_age"] = app.get_send_file_max_age
    return {
        **options,
        "environ": environ,
        "use_x_sendfile": bool(app.config.get("USE_X_SENDFILE")),
        "response_class": app.response_class,
        "_root_path": app.root_path,
    }


def send_file(
    ctx: Any,
    path_or_file: str | os.PathLike[str] | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | int | float | None = None,
    max_age: Any = None,
) -> Any:
    """Return a response with the contents of a file.

    Never pass a path that comes from a user: for those there is :func:`send_from_directory`.

    :param ctx: the request's context.
    :param path_or_file: a path, relative to the application's ``root_path``, or a file opened in binary mode.
    :param mimetype: the content type; guessed from the name by default.
    :param as_attachment: whether the browser should save the file rather than show it.
    :param download_name: the name it is saved under; the path's by default.
    :param conditional: whether ``Range``, ``If-None-Match`` and their kin are answered (RFC 9110, 13 and 14).
    :param etag: the entity tag, or whether to make one from name, size and time of the file.
    :param last_modified: the time of the last change, if not the file's own.
    :param max_age: for how many seconds it may be kept, or a function ``(path) -> int | None``; the
        application's ``get_send_file_max_age`` by default.
    :raises TypeError: if the content type can neither be guessed nor is given.
    :raises ValueError: if a file opened in text mode is given.
    """
    options: dict[str, Any] = {
        "mimetype": mimetype,
        "as_attachment": as_attachment,
        "download_name": download_name,
        "conditional": conditional,
        "etag": etag,
        "last_modified": last_modified,
        "max_age": max_age,
    }
    return werkzeug_send_file(path_or_file, **_arguments(ctx, options))


def send_from_directory(
    ctx: Any, directory: str | os.PathLike[str], path: str | os.PathLike[str], **options: Any
) -> Any:
    """Return a response with a file of a folder, by a path that may come from a user.

    :param ctx: the request's context.
    :param directory: the folder, relative to the application's ``root_path``. It must not come from a user.
    :param path: the path below it.
    :param options: the other arguments of :func:`send_file`.
    :raises NotFound: 404, if there is no such file, or ``path`` leads out of the folder.
    """
    return werkzeug_send_from_directory(directory, path, **_arguments(ctx, options))


class Static:
    """The built-in plugin: gives an application that has a static folder the endpoint ``static``.

    Blueprints add their own when they are registered.

    :param app: the application.
    :raises AssertionError: for a ``static_host`` where rules do not name hosts, or none where they do.
    """

    name: ClassVar[str] = "static"

    def __init__(self, app: Any) -> None:
        self.app = app
        if app.has_static_folder:
            if bool(app.static_host) != app.url_map.host_matching:
                raise AssertionError(
                    f"{app.name!r}: a static folder needs static_host= if host_matching=True, and only then."
                )
            app.add_url_rule(
                f"{app.static_url_path}/<path:filename>",
                endpoint="static",
                view_func=self.send,
                host=app.static_host,
            )

    def send(self, filename: str) -> Any:
        """Answer a request for a file of the application's static folder."""
        return self.app.send_static_file(filename)
