"""The requests that are timed, what each answer has to be, and who is asked."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HELLO = "Hello, World!"
SECRET = "a key that only signs cookies of this benchmark"
TEMPLATES = Path(__file__).resolve().parent / "apps" / "templates"
TITLE = "Spare parts & tools"
#: What the template shows; some names need escaping, so that autoescaping has something to do.
ROWS = [
    {"number": number, "name": name, "stock": stock}
    for number, (name, stock) in enumerate(
        [
            ("Axle", 14), ("Bell & bracket", 3), ("Chain <9-speed>", 52), ("Derailleur", 8),
            ('Eyelet "M5"', 310), ("Fork", 6), ("Grip, left & right", 40), ("Hub <front>", 11),
            ("Inner tube", 96), ("Jockey wheel", 27), ("Kick's stand", 5), ("Lamp", 33),
        ],
        start=1,
    )
]  # fmt: skip


class WrongAnswer(Exception):
    """An answer that is not what the workload asks for; it is never timed."""


@dataclass(frozen=True)
class Answer:
    """An answer as a server gets it; the names of its headers are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


Check = Callable[[Answer], None]


@dataclass(frozen=True)
class Workload:
    """One request to one application.

    :ivar part: which application of ``apps/*.py`` answers it.
    :ivar size: how many routes, hook pairs or plugins that application has.
    :ivar with_cookie: whether the request carries the cookie that a first, untimed answer has set.
    """

    part: str
    path: str
    check: Check
    size: int = 0
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    with_cookie: bool = False

    def headers(self, cookie: str = "") -> list[tuple[str, str]]:
        """Return what a browser's request carries."""
        found = [
            ("Host", "localhost:8000"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("Accept-Language", "en-GB,en;q=0.7"),
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Connection", "keep-alive"),
        ]
        if cookie:
            found.append(("Cookie", cookie))
        if self.body:
            found += [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        return found


def expect(true: bool, what: str, answer: Answer) -> None:
    if not true:
        raise WrongAnswer(f"{what}: status {answer.status}, headers {answer.headers}, body {answer.body[:200]!r}")


def check_frame(answer: Answer, status: int, content_type: str) -> None:
    """Check status, type and length. A missing length is let through here; the tables note it."""
    expect(answer.status == status, f"the status is not {status}", answer)
    expect(answer.header("content-type").startswith(content_type), f"the type is not {content_type}", answer)
    expect(answer.header("content-length") in ("", str(len(answer.body))), "the length is wrong", answer)


def is_json(value: object) -> Check:
    """Return the check that the answer is this value, with the same types (3 is not "3")."""
    wanted = json.dumps(value, sort_keys=True)

    def check(answer: Answer) -> None:
        check_frame(answer, 200, "application/json")
        try:
            found = json.dumps(json.loads(answer.body), sort_keys=True)
        except ValueError:
            found = "no JSON"
        expect(found == wanted, f"the JSON is not {wanted}", answer)

    return check


def is_plaintext(answer: Answer) -> None:
    check_frame(answer, 200, "text/plain")
    expect(answer.body == HELLO.encode(), "the text is wrong", answer)


def is_missing(answer: Answer) -> None:
    check_frame(answer, 404, "")


def is_table(answer: Answer) -> None:
    check_frame(answer, 200, "text/html")
    text = answer.body.decode()
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>", text)
    found = [tuple(html.unescape(cell) for cell in row) for row in rows]
    expect(found == [tuple(str(cell) for cell in row.values()) for row in ROWS], "the rows are wrong", answer)
    expect("Chain &lt;9-speed&gt;" in text and "Bell &amp; bracket" in text, "it is not escaped", answer)
    expect(f"<h1>{html.escape(TITLE)}</h1>" in text and "</footer>" in text, "the base template is missing", answer)


def is_second_visit(answer: Answer) -> None:
    is_json({"visits": 2})(answer)
    expect(answer.header("set-cookie") != "", "no cookie is set", answer)


GREETING = is_json({"message": HELLO})

WORKLOADS = {
    "plaintext": Workload("base", "/plaintext", is_plaintext),
    "json": Workload("base", "/json", GREETING),
    "users": Workload(
        "base", "/users/42/posts/on-speed", is_json({"id": 42, "slug": "on-speed", "page": 3}), query="page=3"
    ),
    "echo": Workload(
        "base",
        "/echo",
        is_json({"name": "Grace", "count": 7}),
        method="POST",
        body=b'{"name": "Grace", "count": 7}',
        content_type="application/json",
    ),
    "form": Workload(
        "base",
        "/form",
        is_json({"name": "Grace", "count": "7", "note": "two words"}),
        method="POST",
        body=b"name=Grace&count=7&note=two+words",
        content_type="application/x-www-form-urlencoded",
    ),
    "missing": Workload("base", "/missing", is_missing),
    "template": Workload("template", "/template", is_table),
    "session": Workload("session", "/session", is_second_visit, with_cookie=True),
    "json_sess": Workload("session", "/json", GREETING),
    "hooks0": Workload("hooks", "/json", GREETING, size=0),
    "hooks10": Workload("hooks", "/json", GREETING, size=10),
    "plugins0": Workload("plugins", "/json", GREETING, size=0),
    "plugins20": Workload("plugins", "/json", GREETING, size=20),
    "routes50": Workload("routes", "/route25/7", is_json({"route": 25, "x": 7}), size=50),
    "routes5000": Workload("routes", "/route2500/7", is_json({"route": 2500, "x": 7}), size=5000),
}


@dataclass(frozen=True)
class Contender:
    """A framework on one protocol.

    :ivar app: the module in ``apps/`` that has its applications.
    :ivar package: what ``import`` times.
    :ivar style: ``"sync"`` or ``"async"``: how the views are written.
    """

    app: str
    protocol: str
    style: str
    package: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "package", self.package or self.app)


CONTENDERS = {
    "flask": Contender("flask", "wsgi", "sync"),
    "falcon": Contender("falcon", "wsgi", "sync"),
    "bottle": Contender("bottle", "wsgi", "sync"),
    "trivet": Contender("trivet", "wsgi", "sync"),
    "quart": Contender("quart", "asgi", "async"),
    "starlette": Contender("starlette", "asgi", "async", package="starlette.applications"),
    "blacksheep": Contender("blacksheep", "asgi", "async"),
    "falcon-asgi": Contender("falcon", "asgi", "async", package="falcon.asgi"),
    "trivet-asgi": Contender("trivet", "asgi", "async"),
    "trivet-asgi-sync": Contender("trivet", "asgi", "sync"),
}
