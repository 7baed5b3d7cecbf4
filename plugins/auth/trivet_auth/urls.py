"""Where people are sent to sign in, and how they come back."""

from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from trivet import current_context, url_for


def make_next_param(login_url: str, current_url: str) -> str:
    """Return the part of an address that has to be said on the page that it is given to.

    ::

        make_next_param("http://localhost/login", "http://localhost/tasks?page=2")  # "/tasks?page=2"
    """
    there, here = urlsplit(login_url), urlsplit(current_url)
    if (not there.scheme or there.scheme == here.scheme) and (not there.netloc or there.netloc == here.netloc):
        return urlunsplit(("", "", _path_alone(here.path), here.query, ""))
    return current_url


def _path_alone(path: str) -> str:
    """Return a path that names no host when it stands alone, as ``//host`` would (RFC 3986, 4.2)."""
    return "/" + path.lstrip("/\\") if path[:1] == "/" and path[1:2] in ("/", "\\") else path


def address_of(view: str) -> str:
    """Return the address of an endpoint; an address is returned as it is."""
    return view if view.startswith(("https://", "http://", "/")) else url_for(view)


def login_url(login_view: str, next_url: str | None = None, next_field: str = "next") -> str:
    """Return the address of the page to sign in on.

    ``FORCE_HOST_FOR_REDIRECTS`` is the host that it names, where ``next_url`` is given.

    :param login_view: its endpoint, or its address.
    :param next_url: where to go afterwards.
    :param next_field: the name that this has in the query.
    """
    base = address_of(login_view)
    if next_url is None:
        return base
    parts = urlsplit(base)
    query = parse_qs(parts.query, keep_blank_values=True)
    query[next_field] = [make_next_param(base, next_url)]
    netloc: str = current_context().app.config.get("FORCE_HOST_FOR_REDIRECTS") or parts.netloc
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query, doseq=True), parts.fragment))
