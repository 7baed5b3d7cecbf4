"""Fuzz the reading of origins, and the answers made of it: ``python fuzz_origins.py [corpus]``.

By Atheris where it is installed, whose options may follow; without it by random changes to known inputs, for
``--seconds``. A corpus is a folder with an input in each file; what fails is added to it.
"""

import argparse
import hashlib
import ipaddress
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from trivet import Trivet
from trivet_cors import CORS, cors
from trivet_cors.origins import OriginError, compile_origins, parse, parse_written

LISTED = (
    "https://app.example.com",
    "https://admin.example.com:8443",
    "http://localhost:3000",
    "http://127.0.0.1",
    "http://[::1]:3000",
    "https://xn--bcher-kva.example",
)
WILD = "https://*.wild.example"
#: More than any scheme with a name and a port has.
LONGEST = 320
#: What the wildcard above lets in, said once more and in another way.
BELOW = re.compile(r"https://(?:[a-z0-9_-]{1,63}\.)+wild\.example")
EXACT_ALLOWED = compile_origins(LISTED)
WILD_ALLOWED = compile_origins([WILD])

SEEDS: tuple[bytes, ...] = (
    *(origin.encode() for origin in LISTED),
    b"https://a.b.wild.example",
    b"https://wild.example",
    b"https://xwild.example",
    b"HTTPS://App.Example.COM:443",
    b"https://app.example.com/",
    b"https://app.example.com:0443",
    b"http://[::1]:3000:80",
    b"https://app.example.com:65536",
    b"https://app.example.com.evil.example",
    b"https://app.example.com@evil.example",
    b"https://evil.example#@app.example.com",
    b"https://evil.example\\@app.example.com",
    b"https://app%2eexample.com",
    b"https://app.example.com\r\nX-Injected: yes",
    b"https://app.example.com\x00",
    b"https://app.example.com, https://evil.example",
    b"https://[0:0:0:0:0:0:0:1]:3000",
    b"http://[::ffff:127.0.0.1]",
    b"http://0x7f.1",
    b"http://wild.example.0x1",
    b"http://127.0.0.01",
    b"https://xn--bcher-kva.wild.example",
    b"https://XN--99999999999.wild.example",
    "https://bücher.example".encode(),
    "https://bücher.example".encode("latin-1"),
    "https://\u212aelvin.wild.example".encode(),
    b"null",
    b"*",
    b"",
    b"://",
    b"file://",
    b"a" * 65536,
    b"https://" + b"a." * 32000 + b"wild.example",
)
PIECES: tuple[bytes, ...] = (
    *(b"://", b":443", b":80", b":0", b":", b".", b"..", b"*.", b"*", b"@", b"/", b"\\", b"%00", b"%2e", b"#", b"?"),
    *(b"[", b"]", b"::", b"xn--", b"xn--a", b"-", b"_", b" ", b"\t", b"\r\n", b"\x00", b"\x7f", b",", b";", b"null"),
    *(b"https", b"http", b"ws", b"localhost", b"127.0.0.1", b"0x", b"::1", b".wild.example", b".evil.example"),
    *("ü".encode(), "。".encode(), "\u212a".encode(), "\u00ad".encode(), b"\xff", b"\xc3", b"A" * 64, b"0" * 400),
)


# -- what must hold


def check_reading(text: str) -> None:
    """An origin that can be read is written in one form, and this form reads as the same origin."""
    origin = parse(text)
    if origin is None:
        return
    written = str(origin)
    assert parse(written) == origin, written
    assert str(parse(written)) == written
    assert written.isascii(), written
    assert written == written.lower(), written
    assert not re.search(r"[\s/@%\\]", written.replace("://", "", 1)), written
    assert len(written) <= LONGEST, written
    assert origin.port is None or 0 <= origin.port < 65536, written
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", origin.host.rpartition(".")[2]):
        assert str(ipaddress.IPv4Address(origin.host)) == origin.host


def check_writing(text: str) -> None:
    """A configured text is refused by the one error for it, or is an origin in its one form."""
    with suppress(OriginError):
        written = str(parse_written(text))
        assert str(parse(written)) == written
    with suppress(OriginError):
        compiled = compile_origins([text])
        assert all(one == "null" or str(parse(one)) == one for one in compiled.exact), compiled
        assert all(parse(str(parent)) == parent for parent in compiled.parents), compiled


def check_matching(text: str) -> None:
    """What is let in is listed literally, or below the listed domain, and what is spelled so is let in."""
    folded = fold(text)
    assert EXACT_ALLOWED.match(text) == (folded if folded in LISTED else None)
    below = WILD_ALLOWED.match(text)
    assert below is None or (below == folded and BELOW.fullmatch(below)), below
    for allowed in (EXACT_ALLOWED, WILD_ALLOWED):
        assert allowed.explain(text)


def check_answers(text: str) -> None:
    """Whatever stands in a header, nothing is answered with but a listed origin, alike on both protocols."""
    for path, allowed in (("/", EXACT_ALLOWED.match(text)), ("/below", WILD_ALLOWED.match(text))):
        for method, asked in (
            ("GET", {"Origin": text}),
            ("POST", {"Origin": text}),
            ("OPTIONS", {"Origin": text, "Access-Control-Request-Method": "POST"}),
            ("OPTIONS", {"Origin": text, "Access-Control-Request-Method": text}),
        ):
            _check_answer(method, path, asked, allowed)
    for name in ("Access-Control-Request-Method", "Access-Control-Request-Headers"):
        asked = {"Origin": LISTED[0], "Access-Control-Request-Method": "POST", name: text}
        _check_answer("OPTIONS", "/", asked, LISTED[0])


CHECKS: tuple[Callable[[str], None], ...] = (check_reading, check_writing, check_matching, check_answers)


def check(data: bytes) -> None:
    """Check everything for one input: as a header, whose bytes are characters, and as text in a file."""
    header = data.decode("latin-1")
    for one in CHECKS:
        one(header)
    text = data.decode(errors="replace")
    if text != header:
        for one in CHECKS[:3]:
            one(text)


def fold(text: str) -> str | None:
    """Fold what RFC 6454 §4 says makes no difference, by other means than the code that is tested."""
    found = re.fullmatch(r"(https?)://(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]+)?", text.lower()) if text.isascii() else None
    if found is None:
        return None
    scheme, host, port = found.groups("")
    if host[0] == "[":
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            return None
    return f"{scheme}://{host}{'' if port == {'http': ':80', 'https': ':443'}[scheme] else port}"


# -- an application, asked without a server and without an event loop: none of its views waits for anything


class Answer(NamedTuple):
    """What came back, with names in small letters."""

    status: int
    fields: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


@cache
def application() -> Trivet:
    app = Trivet("fuzzed", config_file=False, static_folder=None)
    CORS(app, origins=LISTED, credentials=True, expose_headers=["ETag"])

    @app.route("/", methods=["GET", "POST"])
    async def index() -> str:
        return "index"

    @app.route("/below", methods=["GET", "POST"])
    @cors(origins=WILD)
    async def below() -> str:
        return "below"

    app.start()
    return app


def by_wsgi(method: str, path: str, asked: dict[str, str]) -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.items()},
    }
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = application().wsgi(environ, lambda status, fields, _=None: started.append((status, fields)))
    b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    status, fields = started[-1]
    return Answer(int(status[:3]), [(name.lower(), value) for name, value in fields])


def by_asgi(method: str, path: str, asked: dict[str, str]) -> Answer:
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in asked.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *fields],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        application().asgi(scope, receive, send).send(None)
    except StopIteration:
        pass
    else:
        raise AssertionError("something waited")
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return Answer(sent[0]["status"], pairs)


def _check_answer(method: str, path: str, asked: dict[str, str], allowed: str | None) -> None:
    answers = [ask(method, path, asked) for ask in (by_wsgi, by_asgi)]
    for answer in answers:
        assert answer.status < 500, answer
        assert answer.values("access-control-allow-origin") == ([allowed] if allowed is not None else []), answer
        assert answer.values("access-control-allow-credentials") == (["true"] if allowed is not None else []), answer
        assert len(answer.values("vary")) == 1, answer
        assert "Origin" in answer.values("vary")[0].split(", "), answer
        assert all(value.isprintable() and value.isascii() for _, value in answer.fields), answer
        if method == "OPTIONS":
            assert answer.status == (204 if allowed is not None else 403), answer
            assert answer.values("access-control-allow-methods") == (
                ["GET, HEAD, OPTIONS, POST"] if allowed is not None else []
            ), answer
    assert answers[0].status == answers[1].status, answers
    assert sorted(answers[0].fields) == sorted(answers[1].fields), answers


# -- inputs


def inputs(seed: int, known: Sequence[bytes] = SEEDS) -> Iterator[bytes]:
    """Give the known inputs, then without end what chance makes of them; the same for the same ``seed``."""
    yield from known
    chance = random.Random(seed)
    while True:
        data = chance.choice(known)
        for _ in range(chance.randint(1, 5)):
            data = _changed(data, chance, known)
        yield data[:70_000]


def _changed(data: bytes, chance: random.Random, known: Sequence[bytes]) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.randint(0, 8))
    match chance.randrange(7):
        case 0:  # a piece put in or put in place of something
            return data[:start] + chance.choice(PIECES) + data[chance.choice((start, end)) :]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:start] + data[start:end] * chance.randint(1, 3) + data[end:]
        case 3:
            return data[:start] + data[start:end].swapcase() + data[end:]
        case 4:
            return data[:start] + chance.randbytes(1) + data[start + 1 :]
        case 5:
            other = chance.choice(known)
            return data[:start] + other[chance.randint(0, len(other)) :]
        case _:
            return data[start:] + data[:start]


# -- as a program


def main() -> int:
    """Fuzz until something fails, or the time is over."""
    parser = argparse.ArgumentParser(description="Fuzz the reading of origins and the answers made of it.")
    parser.add_argument("corpus", nargs="?", type=Path, help="a folder with an input in each file")
    parser.add_argument("--seconds", type=float, default=60, help="how long, without Atheris")
    parser.add_argument("--seed", type=int, default=0, help="where chance begins, without Atheris")
    options, others = parser.parse_known_args()
    corpus: Path | None = options.corpus
    if corpus is not None:
        corpus.mkdir(parents=True, exist_ok=True)
    if find_spec("atheris") is None:
        return _by_chance(corpus, options.seconds, options.seed)
    atheris: Any = import_module("atheris")
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *others, *([str(corpus)] if corpus is not None else [])], check)
    atheris.Fuzz()
    return 0


def _by_chance(corpus: Path | None, seconds: float, seed: int) -> int:
    found = sorted(path for path in corpus.iterdir() if path.is_file()) if corpus is not None else []
    known = (*SEEDS, *(path.read_bytes() for path in found))
    end, count = time.monotonic() + seconds, 0
    for count, data in enumerate(inputs(seed, known), start=1):
        try:
            check(data)
        except Exception:
            print(f"Input {count} fails: {data[:200]!r}, {len(data)} bytes", file=sys.stderr)
            if corpus is not None:
                path = corpus / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
                path.write_bytes(data)
                print(f"It is in {path}.", file=sys.stderr)
            raise
        if time.monotonic() > end:
            break
    print(f"{count} inputs, nothing found.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
