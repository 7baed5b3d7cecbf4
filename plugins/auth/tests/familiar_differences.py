"""Programs for Flask-Login in which trivet-auth does something else on purpose."""

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A program, and what it returns with each."""

    program: str
    theirs: Any
    ours: Any


#: Pages that read and write what an application keeps in the session.
_START = """
def start(folder, **config):
    app = make_app(folder, **config)
    manager = make_manager(app)
    add_pages(app)

    @app.route("/put/<name>")
    def put(name):
        session[name] = True
        return "put"

    @app.route("/names")
    def names():
        return " ".join(sorted(name for name in session if not name.startswith("_")))

    return app, manager


def texts(client, *paths, **options):
    return [client.get(path, **options).get_data(as_text=True) for path in paths]


def statuses(client, *paths, **options):
    return [client.get(path, **options).status_code for path in paths]


def remembered(client):
    found = client.get_cookie("remember_token")
    return found.value if found is not None else None


def run(folder):
"""


def _of(body: str, theirs: Any, ours: Any) -> Difference:
    lines = body.strip("\n").splitlines()
    return Difference(_START + "\n".join(f"    {line}" for line in lines) + "\n", theirs, ours)


ABOUT_SESSIONS = {
    "what was in the session before signing in is gone, except what [auth] keep names": _of(
        """
app, _ = start(folder, AUTH_KEEP=["cart"])
client = browser(app)
return texts(client, "/put/planted", "/put/cart", "/in/1", "/names")[-1]
""",
        "cart planted",
        "cart",
    ),
    "what was in the session is gone after signing out": _of(
        """
app, _ = start(folder)
return texts(browser(app), "/in/1", "/put/draft", "/names", "/out", "/names")[2:]
""",
        ["draft", "True", "draft"],
        ["draft", "True", ""],
    ),
    "messages of before signing in are gone, those of the very request are not": _of(
        """
app, _ = start(folder)
app.add_url_rule("/flash/<text>", view_func=lambda text: flash(text) or "", endpoint="flash")
app.add_url_rule("/both", view_func=lambda: flash("now") or str(login_user(PEOPLE["1"])), endpoint="both")
return texts(browser(app), "/flash/before", "/both", "/messages")[-1]
""",
        "[('message', 'before'), ('message', 'now')]",
        "[('message', 'now')]",
    ),
    "a session whose user is gone is over with all that was in it": _of(
        """
app, _ = start(folder)
client = browser(app)
texts(client, "/in/1", "/put/draft")
del PEOPLE["1"]
return texts(client, "/who", "/names")
""",
        ["nobody fresh=True remembered=False", "draft"],
        ["nobody fresh=False remembered=False", ""],
    ),
    "another password ends sessions and remembered browsers": _of(
        """
app, _ = start(folder)
PEOPLE["1"].password_hash = "one"
client, other = browser(app), browser(app)
for one in (client, other):
    texts(one, "/in/1?remember=yes")
close_browser(other)
PEOPLE["1"].password_hash = "two"
return statuses(client, "/inside", "/inside") + statuses(other, "/inside")
""",
        [200, 200, 200],
        [401, 401, 401],
    ),
    "an account that is not active any more is nobody's": _of(
        """
class Stubborn(User):
    is_authenticated = True


PEOPLE["1"] = Stubborn(1, "ada")
app, _ = start(folder)
client = browser(app)
texts(client, "/in/1?remember=yes")
PEOPLE["1"].active = False
found = statuses(client, "/inside")
close_browser(client)
return found + statuses(client, "/inside")
""",
        [200, 200],
        [401, 401],
    ),
    "nobody confirms nothing": _of(
        """
app, _ = start(folder)
heard = listen(app)
texts(browser(app), "/confirm")
return [name for name, _, _ in heard]
""",
        ["accessed", "login-confirmed"],
        ["accessed"],
    ),
    "what a proxy is said to have said is not believed": _of(
        """
app, _ = start(folder, SESSION_PROTECTION="strong")
client = browser(app)
texts(client, "/in/1", headers={"X-Forwarded-For": "10.1.1.1"})
return statuses(client, "/inside", headers={"X-Forwarded-For": "10.1.1.2"})
""",
        [401],
        [200],
    ),
}

ABOUT_REMEMBERING = {
    "the cookie tells nothing and is another one each time": _of(
        """
app, _ = start(folder)
found = []
for _ in range(2):
    client = browser(app)
    client.get("/in/1?remember=yes")
    found.append(remembered(client))
return found[0] == found[1], found[0].startswith("1")
""",
        (True, True),
        (False, False),
    ),
    "the cookie is replaced when it is used": _of(
        """
app, _ = start(folder)
client = browser(app)
client.get("/in/1?remember=yes")
before = remembered(client)
close_browser(client)
client.get("/who")
return remembered(client) == before
""",
        True,
        False,
    ),
    "a copy of the cookie is worth nothing after signing out": _of(
        """
app, _ = start(folder)
client = browser(app)
client.get("/in/1?remember=yes")
copy = {"Cookie": "remember_token=" + remembered(client)}
client.get("/out")
return statuses(browser(app, use_cookies=False), "/inside", headers=copy)
""",
        [200],
        [401],
    ),
    "the cookie expires here too": _of(
        """
app, _ = start(folder, REMEMBER_COOKIE_DURATION=0)
answer = browser(app).get("/in/1?remember=yes")
line = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("remember_token="))
return statuses(browser(app, use_cookies=False), "/inside", headers={"Cookie": line.partition(";")[0]})
""",
        [200],
        [401],
    ),
    "who is remembered does not come back after somebody else has signed in and out": _of(
        """
app, _ = start(folder)
client = browser(app)
texts(client, "/in/1?remember=yes", "/in/2")
close_browser(client)
return texts(client, "/who")
""",
        ["ada fresh=False remembered=True"],
        ["nobody fresh=False remembered=False"],
    ),
    "strict protection of sessions lets remembered browsers be": _of(
        """
app, _ = start(folder, SESSION_PROTECTION="strong")
client = browser(app)
texts(client, "/in/1?remember=yes")
close_browser(client)
return statuses(client, "/inside", "/inside") + statuses(client, "/inside", headers={"User-Agent": "another"})
""",
        [200, 401, 401],
        [200, 200, 200],
    ),
    "a session that a remembered browser has begun is not taken for one from somewhere else": _of(
        """
app, _ = start(folder)
client, heard = browser(app), listen(app)
texts(client, "/in/1?remember=yes")
close_browser(client)
texts(client, "/who", "/who")
return [name for name, _, _ in heard]
""",
        ["logged-in", "accessed", "loaded-from-cookie", "accessed", "session-protected"],
        ["logged-in", "accessed", "loaded-from-cookie", "accessed"],
    ),
    "REMEMBER_COOKIE_REFRESH_EACH_REQUEST does nothing: it would have everybody remembered for ever": _of(
        """
app, _ = start(folder, REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)
client = browser(app)
texts(client, "/in/1", "/who")
return remembered(client) is None
""",
        False,
        True,
    ),
    "the cookie is for this site only, by https if the request came by it, and for 30 days": _of(
        """
app, _ = start(folder)
answer = browser(app).get("/in/1?remember=yes", base_url="https://localhost")
line = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("remember_token="))
expires = line.partition("Expires=")[2].partition(";")[0]
days = (datetime.datetime.strptime(expires, "%a, %d %b %Y %H:%M:%S GMT") - datetime.datetime.utcnow()).days
return "SameSite=Lax" in line, "Secure" in line, "HttpOnly" in line, days in (364, 365), days in (29, 30)
""",
        (False, False, True, True, False),
        (True, True, True, False, True),
    ),
}

ABOUT_REFUSING = {
    "a handler that returns nothing does not let anybody in, and is no error": _of(
        """
app, manager = start(folder)
manager.unauthorized_handler(lambda: None)
manager.needs_refresh_handler(lambda: None)
client = browser(app)
return statuses(client, "/inside", "/deep", "/in/1?fresh=no", "/deep")
""",
        [500, 500, 200, 500],
        [401, 401, 200, 401],
    ),
    "programs get a 401 and no page": _of(
        """
app, manager = start(folder)
manager.login_view = manager.refresh_view = "/login"
client = browser(app)
found = statuses(client, "/inside", headers={"Accept": "application/json"})
found += statuses(client, "/inside", headers={"Authorization": "Basic eDp5"})
found += statuses(client, "/inside", headers={"Accept": "text/html,application/json;q=0.9"})
return found + statuses(client, "/in/1?fresh=no", "/deep", headers={"Accept": "application/json"})
""",
        [302, 302, 302, 200, 302],
        [401, 401, 302, 200, 401],
    ),
    "a 401 says that a token would do": _of(
        """
app, _ = start(folder)
return browser(app).get("/inside").headers.get("WWW-Authenticate")
""",
        None,
        'Bearer realm="default"',
    ),
    "blueprints without a page of their own get that of the one around, or that of all": _of(
        """
app, manager = start(folder)
outer, inner, other = (Blueprint(name, name) for name in ("outer", "inner", "other"))
for part in (outer, inner, other):
    part.add_url_rule(f"/{part.name}", view_func=login_required(lambda: "inside"), endpoint="page")
outer.register_blueprint(inner)
for part in (outer, other):
    app.register_blueprint(part)
with app.app_context():
    set_login_view("/login")
    set_login_view("/outer/login", blueprint=outer)
client = browser(app)
found = [client.get(path).headers.get("Location") for path in ("/inside", "/outer", "/inner", "/other")]
manager.blueprint_login_views, manager.login_view = {"other": None}, "/login"
return found, client.get("/other").headers.get("Location")
""",
        (["/login?next=%2Finside", "/outer/login?next=%2Fouter", None, None], None),
        (
            [
                "/login?next=%2Finside",
                "/outer/login?next=%2Fouter",
                "/outer/login?next=%2Finner",
                "/login?next=%2Fother",
            ],
            None,
        ),
    ),
    "a path that begins with two slashes names no host": _of(
        """
found = [make_next_param("/login", f"http://localhost{path}") for path in ("//evil.example", "///x", "/x//y")]
return [one.startswith("//") for one in found]  # how many slashes there are depends on the Python
""",
        [True, True, False],
        [False, False, False],
    ),
    "a mode of protection that there is not is an error": _of(
        """
app, manager = start(folder)
client = browser(app)
client.get("/in/1")
manager.session_protection = "storng"
return statuses(client, "/inside")
""",
        [200],
        [500],
    ),
    "a second LoginManager of one application is an error": _of(
        """
app, manager = start(folder)
try:
    LoginManager(app)
except Exception as error:
    return type(error).__name__
return None
""",
        None,
        "AuthConfigError",
    ),
    "pages for everybody need no loader": _of(
        """
app = make_app(folder)
LoginManager(app)
add_pages(app)
return statuses(browser(app), "/who", "/inside")
""",
        [500, 500],
        [200, 401],
    ),
    "somebody a header tells of is somebody a request tells of": _of(
        """
app, manager = start(folder)
manager.header_loader(PEOPLE.get)
heard = listen(app)
texts(browser(app), "/who", headers={"Authorization": "1"})
return [name for name, _, _ in heard]
""",
        ["accessed"],
        ["accessed", "loaded-from-request"],
    ),
}

DIFFERENCES = {**ABOUT_SESSIONS, **ABOUT_REMEMBERING, **ABOUT_REFUSING}
