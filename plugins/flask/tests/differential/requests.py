"""The requests that are put to the application: ordinary, odd and malformed."""

from __future__ import annotations

from typing import NamedTuple

Headers = tuple[tuple[str, str], ...]


class Ask(NamedTuple):
    """One request. Those with the same ``client`` share its cookies; ``app`` names the configuration asked."""

    target: str
    method: str = "GET"
    headers: Headers = ()
    body: bytes = b""
    client: str = ""
    app: str = "plain"

    def __str__(self) -> str:
        parts = [self.method, self.target, *(f"{name}: {value}" for name, value in self.headers)]
        parts += [repr(self.body[:40])] if self.body else []
        parts += [f"({self.app})"] if self.app != "plain" else []
        return " ".join(parts)


def gets(*targets: str, app: str = "plain", client: str = "") -> list[Ask]:
    """Return plain requests."""
    return [Ask(target, app=app, client=client) for target in targets]


def post(target: str, body: bytes, kind: str | None = None, length: str | None = "", **headers: str) -> Ask:
    """Return a request with a body; ``length=None`` announces none."""
    found = [(name.replace("_", "-"), value) for name, value in headers.items()]
    found += [("Content-Type", kind)] if kind is not None else []
    found += [("Content-Length", length or str(len(body)))] if length is not None else []
    return Ask(target, "POST", tuple(found), body)


def json(target: str, body: bytes, kind: str = "application/json") -> Ask:
    """Return a request with a JSON body."""
    return post(target, body, kind)


def form(target: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> Ask:
    """Return a request with a form."""
    return post(target, body, kind)


def part(name: str, value: str, more: str = "") -> bytes:
    """Return a part of a multipart form."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'.encode()


def multipart(body: bytes, boundary: str = "; boundary=edge", target: str = "/echo/form") -> Ask:
    """Return a request with a multipart form."""
    return post(target, body, f"multipart/form-data{boundary}")


END = b"--edge--\r\n"
FILE = '; filename="a.txt"\r\nContent-Type: text/plain'

ROUTING = [
    *gets("/", "/index", "", "?x=1", "/?", "//", "///", "/./", "/%2e/", "/%2F", "*", "/leaf", "/leaf/", "//leaf"),
    *gets("/folder", "/folder/", "/folder?x=1&y=%C3%A4", "/folder//", "//folder", "/loose", "/loose/", "/LEAF"),
    *gets("/items/5", "/items/05", "/items/-5", "/items/five", "/items/", "/items/5/", "/items/٥", "/items/5%20"),
    *gets("/items/99999999999999999999", "/items//5", "/items/%35", "/items/5.0", "/items/+5", "/items/5%0A"),
    *gets(
        "/signed/-5", "/signed/5", "/bounded/2", "/bounded/3", "/bounded/10", "/fixed/007", "/fixed/7", "/fixed/1234"
    ),
    *gets("/weights/1.5", "/weights/1", "/weights/1e5", "/weights/.5", "/weights/-1.5", "/weights/nan"),
    *gets(
        "/paths/a/b", "/paths/a//b", "/paths/a/b/end", "/paths/end", "/paths//end", "/paths/", "/paths/a/", "/paths//a"
    ),
    *gets("/paths/../x", "/paths/%2e%2e/x", "/paths/a%2Fb", "/paths/a;b=c", "/paths/a%00b"),
    *gets("/texts/a%20b", "/texts/a+b", "/texts/%C3%A4", "/texts/ä", "/texts/%E4", "/texts/%FF%FE", "/texts/%"),
    *gets("/texts/%zz", "/texts/%2", "/texts/a%2Fb", "/texts/a/b", "/texts/%25", "/texts/a%0D%0Ab", "/texts/<b>"),
    *gets(
        "/three/abc", "/three/ab", "/three/%C3%A4%C3%B6%C3%BC", "/kinds/one", "/kinds/three", "/two/1-b-c", "/two/x-b"
    ),
    *gets("/uuids/00000000-0000-0000-0000-000000000005", "/uuids/00000000-0000-0000-0000-00000000000G"),
    *gets("/uuids/ABCDEFAB-0000-0000-0000-000000000005", "/lists/a+b", "/lists/a", "/lists/a+", "/lists/A"),
    *gets(
        "/pages/", "/pages/1", "/pages/2", "/pages", "/pages/1?x=1", "/gr%C3%B6%C3%9Fe/x", "/größe/x", "/gr%F6%DFe/x"
    ),
    *gets("/old/3", "/old/3?x=1", "/mixed/known", "/mixed/other", "/mixed/known/post", "/mixed/", "/late", "/urls"),
    *[
        Ask("/methods", method)
        for method in ("POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "get", "BREW", "TRACE")
    ],
    *[Ask("/leaf", method) for method in ("HEAD", "OPTIONS", "POST", "PUT")],
    *[Ask("/own-options", method) for method in ("GET", "OPTIONS", "POST")],
    *[Ask("/shown", method) for method in ("GET", "POST", "HEAD", "DELETE")],
    *[Ask("/missing", method) for method in ("GET", "HEAD", "OPTIONS", "POST", "BREW")],
    *[Ask("/folder", method) for method in ("POST", "HEAD", "OPTIONS")],
    *[Ask("/pages/1", method) for method in ("POST", "HEAD")],
    *[Ask("/mixed/known", "POST"), Ask("/mixed/known/post", "OPTIONS"), Ask("/texts/a%0A", "OPTIONS")],
    *[Ask("/things/", method) for method in ("GET", "OPTIONS", "DELETE")],
    *[Ask("/things/4", method) for method in ("GET", "PATCH", "OPTIONS", "POST", "HEAD")],
    json("/things/", b'{"a": [1, "\xc3\xa4"]}'),
]

BLUEPRINTS = [
    *gets("/shop/", "/shop", "/shop/page", "/shop/missing", "/shop/fail/404", "/shop/fail/403", "/shop/fail/409"),
    *gets("/shop/lookup", "/shop/?closed=1", "/shop/cart/", "/shop/cart", "/shop/cart/key", "/shop/cart/index"),
    *gets("/shop/cart/fail/404", "/shop/cart/fail/500", "/shop/cart/missing", "/shop/cart/?closed=1"),
    Ask("/shop/cart/", "OPTIONS"),
    Ask("/shop/cart/", "DELETE"),
    *gets("/shop/static/shop.txt", "/shop/static/missing.txt", "/once/where", "/again/3/where", "/again/x/where"),
    *gets("/en/about", "/de/about/bees", "/fr/about", "/de/about/", "/de/missing"),
]

ERRORS = [
    *gets(*(f"/error/{code}" for code in (400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 503, 299, 999))),
    *gets("/error/403?description=%3Cb%3E", "/error/404?description=nothing", "/error/response", "/error/unauthorized"),
    *gets("/error/refused", "/error/really", "/error/teapot", "/error/teapot?again=1", "/error/boom", "/error/key"),
    *gets("/error/type", "/error/base", "/leaf?stop=before", "/missing?stop=before", "/leaf?stop=raise"),
    *gets("/missing?stop=raise", "/leaf?stop=after", "/leaf?stop=replace", "/error/boom?stop=after"),
    *gets("/shop/lookup?stop=replace", "/static/hello.txt?stop=before"),
    Ask("/error/boom", "HEAD"),
    Ask("/leaf?stop=before", "OPTIONS"),
]

JSON_BODIES = [
    *[
        json("/echo/json", body)
        for body in (b"{}", b"[1, 2.50, null]", b'"text"', b"5", b"", b"{", b"nul", b"{'a': 1}")
    ],
    *[
        json("/echo/json", body)
        for body in (b'{"a": NaN}', b'{"a": 1, "a": 2}', b'"\xff"', b"\xef\xbb\xbf{}", b"{} {}")
    ],
    *[json("/echo/json", body) for body in ('"ä"'.encode("utf-16"), '"ä"'.encode("utf-32"), b'"\\ud800"', b"1e999")],
    *[json(f"/echo/json?how={how}", b"{") for how in ("silent", "force", "attribute")],
    *[json(f"/echo/json?how={how}", b"{}", "text/plain") for how in ("get", "silent", "force", "attribute")],
    *[json("/echo/json", b"{}", kind) for kind in ("application/vnd.api+json", "application/json; charset=latin-1")],
    *[json("/echo/json", b"{}", kind) for kind in ("APPLICATION/JSON", "application/jsonp", "text/json", "", ";")],
    post("/echo/json", b"{}", None),
    json("/echo/json", b"[" * 9_900),
    json("/echo/json", b'"' + b"x" * 12_000 + b'"'),
]

FORM_BODIES = [
    *[form("/echo/form", body) for body in (b"a=1&a=2&b=", b"", b"=x&y", b"a=%C3%A4+%2B", b"a=%zz&b=%", b"a=\xc3\xa4")],
    *[form("/echo/form", body) for body in (b"a=%FF", b"a=\xff", b"a;b=1", b"&&&", b"a=1=2", b"a=" + b"x" * 6000)],
    *[form("/echo/form", b"&".join(b"a%d=1" % number for number in range(count))) for count in (20, 21, 900)],
    form("/echo/form?a=query&b=2", b"a=form"),
    form("/echo/form", b"a=1", "application/x-www-form-urlencoded; charset=latin-1"),
    form("/echo/form", b"a=1", "text/plain"),
    post("/echo/form", b"a=1", None),
    Ask("/echo/form?a=1"),
    form("/echo/field", b"name=Ada"),
    form("/echo/field", b"other=Ada"),
    form("/echo/field?file=1", b"name=Ada"),
    multipart(part("a", "1") + part("a", "ä") + part("f", "content", FILE) + END),
    multipart(part("f", "content", '; filename="../../x\\y.txt"\r\nContent-Type: text/html; charset=x') + END),
    multipart(part("f", "", '; filename=""') + END),
    multipart(part("f", "x", "; filename*=UTF-8''%C3%A4.txt") + END),
    multipart(part("a", "1")),
    multipart(part("a", "1") + b"--edge"),
    multipart(part("a", "1") + END, ""),
    multipart(part("a", "1") + END, "; boundary=other"),
    multipart(part("a", "1") + END, "; boundary="),
    multipart(part("a", "1") + END, '; boundary="e d\xffge"'),
    multipart(b"nonsense"),
    multipart(b""),
    multipart(b"--edge\r\n\r\nno name\r\n" + END),
    multipart(b"--edge\r\nContent-Disposition: attachment\r\n\r\nx\r\n" + END),
    multipart(part("a", "x" * 6000) + END),
    multipart(part("f", "x" * 6000, FILE) + END),
    multipart(part("f", "x" * 12_000, FILE) + END),
    multipart(b"".join(part(f"a{number}", "1") for number in range(21)) + END),
    multipart(b"preamble\r\n" + part("a", "1") + END + b"epilogue"),
    multipart(part("a", "1").replace(b"\r\n", b"\n") + END),
    multipart(part("other", "1") + END, target="/echo/field"),
]

OTHER_BODIES = [
    *[post(target, b"0123456789") for target in ("/echo/raw", "/echo/stream", "/echo/limited", "/methods", "/leaf")],
    post("/echo/raw", b"\xff\x00"),
    post("/echo/raw", b"x" * 10_000),
    post("/echo/raw", b"x" * 10_001),
    post("/methods", b"x" * 20_000),
    *[post("/echo/raw", b"0123456789", length=length) for length in ("3", "0", "-1", "ten", "1e3", "+5", "5,5", " 5 ")],
    *[post("/echo/raw", b"0123456789", length=length) for length in ("5_0", "0x5", "٥", None, "00000000005", "5.0")],
    *[post("/echo/form", b"a=1", "application/x-www-form-urlencoded", length=length) for length in ("many", None)],
    post("/echo/json", b"{}", "application/json", length="-5"),
    post("/methods", b"x", length="many"),
    Ask("/echo/request", "POST", (("Content-Type", "text/plain; charset=utf-8; x=y"), ("Content-Length", "3")), b"abc"),
]

QUERIES = [
    *[
        Ask(f"/echo/args?{query}")
        for query in ("a=1&a=2&b", "", "number=5", "number=five", "number=", "a=%C3%A4", "a=ä")
    ],
    *[
        Ask(f"/echo/args?{query}")
        for query in ("a=%FF", "a=%zz", "a=%", "&&=", "a=b=c", "a;b", "a+b=c+d", "a=%00", "?a=1")
    ],
]

HOSTS = [
    *[
        Ask("/echo/request", headers=(("Host", host),))
        for host in ("example.com", "example.com:8080", "EXAMPLE.com", "")
    ],
    *[
        Ask("/echo/request", headers=(("Host", host),))
        for host in ("a b", "a/b", "a@b", "[::1]:80", "[::1", "x:y", "ä")
    ],
    *[
        Ask("/echo/request", headers=(("Host", host),))
        for host in ("x:99999", "xn--bcher-kva.example", "a,b", "<b>", "x:443")
    ],
    *[
        Ask(target, headers=(("Host", "a b"),))
        for target in ("/folder", "/leaf", "/missing", "/go", "/static/hello.txt")
    ],
    Ask("/folder", headers=(("Host", "evil.example"),)),
    Ask("/urls", headers=(("Host", "other.example:81"),)),
    *[
        Ask(target, headers=(("Host", host),), app="named")
        for host in ("shop.example", "sub.shop.example", "other.example", "deep.sub.shop.example", "shop.example:81")
        for target in ("/here", "/leaf", "/urls", "/folder")
    ],
    *[
        Ask("/leaf", headers=(("Host", host),), app="trusting")
        for host in ("good.example", "a.good.example", "bad.example")
    ],
    *[Ask("/missing", headers=(("Host", host),), app="trusting") for host in ("good.example", "bad.example", "a b")],
    Ask("/leaf", headers=(("Host", "a.fine.example"),), app="trusting"),
]

HEADERS = [
    Ask("/echo/request?q=%C3%A4&r", headers=(("Accept", "text/html;q=0.5, application/json, */*;q=0.1"),)),
    *[Ask("/echo/request", headers=(("Accept", value),)) for value in ("", ";q=x", "*/*;q=2", "text/*;q=-1", ",,,")],
    Ask("/echo/request", headers=(("Cookie", 'a=1; b="x y"; a=2; =c; d; e=%20; ä=ö'),)),
    *[
        Ask("/echo/request", headers=(("Authorization", value),))
        for value in ("Basic YTpi", "Basic !", "Bearer x", "x")
    ],
    *[Ask("/echo/request", headers=(("Range", value),)) for value in ("bytes=0-1", "bytes=1", "x")],
    Ask("/echo/request", headers=(("If-None-Match", 'W/"a", "b"'), ("If-Modified-Since", "never"))),
    Ask("/echo/request/a//b%20c", headers=(("X-Many", "1, 2"), ("Referer", "http://x/ÿ"), ("X_Odd", "1"))),
    Ask("/echo/request", "OPTIONS"),
    Ask("/echo/request", "HEAD"),
]

ANSWERS = [
    *gets("/answers/text", "/answers/bytes", "/answers/dict", "/answers/list", "/answers/tuple2", "/answers/tuple3"),
    *gets("/answers/headers", "/answers/response", "/answers/generator", "/answers/exception", "/answers/wsgi"),
    *gets("/answers/none", "/answers/number", "/answers/tuple4", "/answers/tuple1", "/answers/empty"),
    *gets("/answers/unmodified", "/answers/unserializable", "/answers/injected", "/answers/no-such", "/json"),
    Ask("/answers/generator", "HEAD"),
    *gets("/go", "/go?code=301", "/go?code=303", "/go?code=200", "/go?to=//evil.example", "/go?to=http://x/ä%20b"),
    *gets("/go?to=a%0D%0ASet-Cookie:x", "/go?to=../x", "/go?to=%3Cb%3E&code=308", "/stream?word=a", "/cookies"),
    Ask("/cookies", headers=(("Cookie", 'a=1; plain="x\\073"'),)),
    Ask("/go", "HEAD"),
]

SESSIONS = [
    *gets("/session/get", "/session/set?a=1&b=%C3%A4", "/session/get", "/session-untouched", client="Ada"),
    *gets("/session/nested?name=x", "/session/get", "/session/nested?name=y&modified=1", "/session/get", client="Ada"),
    *gets("/session/pop?key=a", "/session/permanent", "/session/get", "/session-untouched", client="Ada"),
    *gets("/session/permanent?not=1", "/session/clear", "/session/get", client="Ada"),
    *gets("/session/types", "/session/get", "/session/large", "/string", "/session/clear", client="Bob"),
    *gets("/flash?message=Hi&message=%3Cb%3E&category=info", "/flashed?only=other", "/flashed", client="Eve"),
    *gets("/flash?message=one", "/flash?message=two&category=error", "/flashed?only=error", client="Eve"),
    *gets("/flash?message=%3Ci%3E", "/pages-of/page", "/pages-of/page", client="Eve"),
    *gets("/session/set?a=1", "/session/get?stop=before", "/session/set?b=2&stop=after", "/session/get", client="Sue"),
    *[
        Ask("/session/get", headers=(("Cookie", f"session={value}"),))
        for value in (
            "",
            "x",
            "a.b.c",
            "eyJhIjoxfQ.ZkzZkg.AAAA",
            ".eJw.x.y",
            "=",
            '"',
            "\xff",
            "..",
            "e30." + "x" * 5000,
        )
    ],
]

FILES = [
    *gets(
        "/static/hello.txt", "/static/style.css?v=1", "/static/missing.txt", "/static/", "/static", "/static//hello.txt"
    ),
    *gets("/static/inner", "/static/inner/", "/static/inner/two%20words.txt", "/static/hello.txt/", "/static/%00"),
    *gets("/static/../application.py", "/static/%2e%2e/application.py", "/static/..%2fapplication.py", "/static/C:/x"),
    *gets("/static//etc/passwd", "/static/..%5capplication.py", "/static/inner/../hello.txt", "/static/h%00"),
    *gets("/files/letters.txt", "/files/letters.txt?plain=1", "/files/../application.py", "/files/inner", "/resource"),
    *gets(
        "/file", "/file?age=1", "/nameless", "/download", "/download?name=gr%C3%B6%C3%9Fe.txt", "/download?name=a%22b"
    ),
    *gets("/download?name=%E6%97%A5%E6%9C%AC.txt", "/download?name=a/b.txt", "/etag"),
    *[Ask(target, method) for target in ("/static/hello.txt", "/file") for method in ("HEAD", "OPTIONS", "POST")],
    *[
        Ask(target, headers=(("Range", value),))
        for target in ("/file", "/static/letters.txt")
        for value in (
            "bytes=0-4",
            "bytes=5-",
            "bytes=-3",
            "bytes=30-",
            "bytes=0-1,3-4",
            "bytes=x",
            "items=0-1",
            "bytes=4-2",
        )
    ],
    *[
        Ask("/download", headers=(("Range", value),))
        for value in ("bytes=0-4", "bytes=-1000", "bytes=0-0", "bytes=1-,2-")
    ],
    Ask("/file", "HEAD", (("Range", "bytes=0-4"),)),
    *[
        Ask("/file", headers=(("Range", "bytes=0-4"), ("If-Range", value)))
        for value in ('"x"', "Mon, 01 Jan 2024 00:00:00 GMT")
    ],
    *[
        Ask(target, headers=((name, value),))
        for target in ("/file", "/etag", "/static/letters.txt")
        for name, value in (
            ("If-None-Match", "*"),
            ("If-None-Match", '"other"'),
            ("If-None-Match", "broken"),
            ("If-Modified-Since", "Wed, 01 Jan 2098 00:00:00 GMT"),
            ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
            ("If-Modified-Since", "yesterday"),
            ("If-Match", '"other"'),
            ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        )
    ],
]

PAGES = [
    *gets(
        "/pages-of/page", "/pages-of/fails", "/pages-of/missing", "/string", "/first-found", "/streamed-page", "/macro"
    ),
    *gets("/broken-page", "/pages-of/..", "/pages-of/%00"),
    Ask("/streamed-page", "HEAD"),
]

DEBUGGING = [
    *gets("/leaf", "/missing", "/error/boom", "/error/key", "/error/refused", "/error/teapot?again=1", app="debug"),
    *gets("/leaf?stop=raise", "/answers/none", "/pages-of/missing", "/error/500", app="debug"),
    *[Ask(one.target, one.method, one.headers, one.body, app="debug") for one in FORM_BODIES if "field" in one.target],
    *[Ask("/folder", method, app="debug") for method in ("GET", "POST", "PUT")],
    *[Ask(one.target, one.method, one.headers, one.body, app="debug") for one in JSON_BODIES[4:8]],
    *gets("/error/404", "/error/refused", "/error/key", "/error/boom", "/missing", "/folder", app="trapping"),
    *gets("/session/get", "/session/set?a=1", "/flash?message=x", "/flashed", "/leaf", app="keyless"),
    *gets("/session/set?a=1", "/session/get", "/session/permanent", "/session/clear", app="cookies", client="Zoe"),
    *gets("/leaf", "/urls", "/json", "/answers/dict", app="cookies"),
]

ALL = [
    *ROUTING,
    *BLUEPRINTS,
    *ERRORS,
    *JSON_BODIES,
    *FORM_BODIES,
    *OTHER_BODIES,
    *QUERIES,
    *HOSTS,
    *HEADERS,
    *ANSWERS,
    *SESSIONS,
    *FILES,
    *PAGES,
    *DEBUGGING,
]
