"""Programs for Flask-Login: signing in and out, and who it is."""

SIGNING_IN = {
    "the example of the documentation": """
def run(folder):
    app = make_app(folder)
    login_manager = LoginManager()
    login_manager.init_app(app)
    login_manager.login_view = "login"

    @login_manager.user_loader
    def load_user(user_id):
        return PEOPLE.get(user_id)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            user = next((one for one in PEOPLE.values() if one.name == request.form["name"]), None)
            if user is None:
                return "no such user", 400
            login_user(user)
            flash("Logged in successfully.")
            return redirect(request.args.get("next") or url_for("index"))
        return " ".join(get_flashed_messages())

    @app.route("/")
    def index():
        return render_template_string(
            "{% if current_user.is_authenticated %}Hi {{ current_user.name }}!{% else %}Hi!{% endif %}"
            "{% for message in get_flashed_messages() %} {{ message }}{% endfor %}"
        )

    @app.route("/settings")
    @login_required
    def settings():
        return f"settings of {current_user.name}"

    @app.route("/logout")
    @login_required
    def logout():
        logout_user()
        return redirect(url_for("index"))

    client = browser(app)
    result = visit(client, "/", "/settings", "/login?next=%2Fsettings")
    result.append(seen(client.post("/login", data={"name": "mallory"})))
    result.append(seen(client.post("/login?next=%2Fsettings", data={"name": "ada"})))
    result += visit(client, "/settings", "/", "/", "/logout", "/", "/settings", "/logout")
    result.append(app.login_manager is login_manager)
    return result
""",
    "arguments of login_user": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    result = []
    for query in ("", "?fresh=no", "?fresh=yes", "?remember=no", "?force=no", "?force=yes"):
        client = browser(app)
        result.append(visit(client, f"/in/1{query}", "/who", "/inside", "/deep", "/out", "/who"))
    for query in ("", "?force=no"):
        client = browser(app)
        result.append(visit(client, f"/in/3{query}", "/who", "/inside"))
    with app.test_request_context():
        result.append((login_user(PEOPLE["3"]), who_is(current_user), login_user(PEOPLE["3"], force=True)))
        result.append((current_user.name, current_user.is_authenticated, current_user.is_active))
    with app.test_request_context():
        result.append((login_user(PEOPLE["1"], False, None, False, False), login_fresh(), current_user.name))
    return result
""",
    "somebody who is signed in by force": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    app.add_url_rule("/name", view_func=lambda: getattr(current_user, "name", "nobody"), endpoint="name")
    client = browser(app)
    result = visit(client, "/in/3?force=yes", "/name", "/inside", "/in/1", "/name")
    return result + visit(client, "/in/3?force=yes", "/name", "/out", "/name")
""",
    "one after another": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    client, other = browser(app), browser(app)
    result = visit(client, "/in/1", "/who", "/in/2", "/who")
    result += visit(other, "/who", "/out", "/in/1", "/who")
    result += visit(client, "/who", "/out", "/out", "/who", "/in/2", "/who")
    return result
""",
    "what is in the session": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    client = browser(app)
    result = []
    for path in ("/who", "/in/1", "/who", "/in/2?fresh=no", "/confirm", "/out"):
        client.get(path)
        with client.session_transaction() as found:
            result.append((path, str(found.get("_user_id")), found.get("_fresh"), "_id" in found))
    return result
""",
    "a user put into the session by a test": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    make_manager(app)
    add_pages(app)
    result = []
    for id in ("1", "2", "9"):
        client = browser(app)
        with client.session_transaction() as found:
            found["_user_id"] = id
            found["_fresh"] = id == "1"
        result.append([answer[:3] for answer in visit(client, "/who", "/deep", "/who")])
    return result
""",
    "the client that knows how to sign in": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    app.test_client_class = FlaskLoginClient
    result = []
    for protection in (None, "basic", "strong"):
        app.config["SESSION_PROTECTION"] = protection
        for options in ({}, {"user": PEOPLE["1"]}, {"user": PEOPLE["2"], "fresh_login": False}):
            with app.test_client(**options) as client:
                result.append(client.get("/who").get_data(as_text=True))
    return result
""",
    "loaders": """
def run(folder):
    app = make_app(folder)
    manager = LoginManager(app)
    asked = []

    @manager.user_loader
    def load(id):
        asked.append((type(id), id))
        return PEOPLE.get(id)

    add_pages(app)
    client = browser(app)
    result = visit(client, "/who", "/in/1", "/who", "/inside")
    gone = PEOPLE.pop("1")
    result += [answer[:2] for answer in visit(client, "/who", "/inside", "/who")]
    PEOPLE["1"] = gone
    return result, asked[:3], load is not None, manager.user_callback is load
""",
    "a request loader": """
def run(folder):
    app = make_app(folder)
    manager = make_manager(app)

    @manager.request_loader
    def load(request):
        key = request.headers.get("Authorization") or request.args.get("key")
        return {"Key ada": PEOPLE["1"], "bob": PEOPLE["2"]}.get(key)

    add_pages(app)
    result = []
    for options in ({}, {"headers": {"Authorization": "Key ada"}}, {"headers": {"Authorization": "Key x"}}):
        client = browser(app)
        heard = listen(app)
        result += visit(client, "/who", "/inside", "/deep", "/who?key=bob", "/inside?key=x", **options)
        result.append(heard[:])
        heard.clear()
        # Who is in the session comes first.
        result += visit(client, "/in/2", "/who", "/out", "/who", **options)
        result.append(heard)
    return result, manager.request_callback is load
""",
    "only a request loader": """
def run(folder):
    app = make_app(folder)
    manager = LoginManager(app)
    manager.request_loader(lambda request: PEOPLE.get(request.args.get("key") or session.get("_user_id")))
    add_pages(app)
    app.add_url_rule("/name", view_func=lambda: who_is(current_user), endpoint="name")
    client = browser(app)
    return visit(client, "/who", "/who?key=1", "/in/1", "/inside", "/name", "/name?key=2", "/out", "/inside")
""",
    "a header loader": """
def run(folder):
    app = make_app(folder)
    manager = make_manager(app)
    manager.header_loader(lambda value: PEOPLE.get(value.replace("Basic ", "", 1)))
    add_pages(app)
    result = []
    for headers in ({}, {"Authorization": "Basic 1"}, {"Authorization": "Basic 9"}, {"X-Key": "2"}):
        for name in ("Authorization", "X-Key"):
            app.config["AUTH_HEADER_NAME"] = name
            client = browser(app)
            result += visit(client, "/who", "/inside", headers=headers)
    return result
""",
    "somebody who is nobody": """
class Nobody(AnonymousUserMixin):
    name = "guest"
    permissions = ("read",)


def run(folder):
    app = make_app(folder)
    manager = make_manager(app)
    result = []

    @app.route("/")
    def index():
        user = current_user._get_current_object()
        return repr((
            type(user).__name__, user.is_active, user.is_authenticated, user.is_anonymous, user.get_id(),
            getattr(current_user, "name", None), getattr(current_user, "permissions", None), bool(current_user),
        ))

    add_pages(app)
    client = browser(app)
    for make in (AnonymousUserMixin, Nobody, lambda: Nobody()):
        manager.anonymous_user = make
        result += visit(client, "/", "/in/1", "/", "/out", "/")
    return result, bool(current_user), current_user == None
""",
    "identifiers of another name": """
class Member(User):
    def get_id(self):
        return f"member-{self.id}-ü"

    def get_alternative_id(self):
        return f"{self.name}|佐藤"


def run(folder):
    app = make_app(folder)
    manager = LoginManager(app)
    ada, asked = Member(1, "ada"), []

    @manager.user_loader
    def load(id):
        asked.append(id)
        return ada if id in (ada.get_id(), ada.get_alternative_id()) else None

    PEOPLE["1"] = ada
    add_pages(app)
    result = []
    for attribute in ("get_id", "get_alternative_id"):
        manager.id_attribute = attribute
        client = browser(app)
        result.append([answer[:3] for answer in visit(client, "/in/1?remember=yes", "/who")])
        close_browser(client)
        result.append([answer[:3] for answer in visit(client, "/who", "/out")])
    return result, asked
""",
    "signals": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    make_manager(app)
    add_pages(app)
    app.add_url_rule("/quiet", view_func=lambda: "quiet", endpoint="quiet")
    app.add_url_rule("/twice", view_func=lambda: who_is(current_user) + who_is(current_user), endpoint="twice")
    client = browser(app)
    heard, result = listen(app), []
    for path in (
        "/quiet", "/who", "/twice", "/inside", "/deep", "/in/3", "/in/1?fresh=no", "/quiet", "/twice", "/inside",
        "/deep", "/confirm", "/deep", "/out", "/who", "/in/2?remember=yes", "/who", "/close", "/who", "/out", "/out",
    ):
        if path == "/close":
            close_browser(client)
        else:
            result.append((path, client.get(path).status_code, heard[:]))
        heard.clear()
    return result
""",
    "who it was, while the signals are sent": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    result = []

    def note(sender, **values):
        result.append(who_is(current_user))

    for signal in (user_logged_in, user_logged_out, user_login_confirmed):
        signal.connect(note, sender=app)
    visit(browser(app), "/in/1?fresh=no", "/confirm", "/out")
    return result
""",
    "the mixins": """
class Slotted(UserMixin):
    __slots__ = ()

    def __init__(self, id):
        self.id = id


class Other:
    id = 1


def caught(function):
    try:
        return function()
    except Exception as error:
        return type(error).__name__


def run(folder):
    one, same, two, nobody = Slotted(1), Slotted(1), Slotted(2), AnonymousUserMixin()
    return (
        one.get_id(), one.is_active, one.is_authenticated, one.is_anonymous, caught(UserMixin().get_id),
        one == same, one != same, one == two, one != two, one == "1", one != "1", one == Other(), one == PEOPLE["1"],
        len({one, same}), one in [same], PEOPLE["3"].is_authenticated,
        nobody.get_id(), nobody.is_active, nobody.is_authenticated, nobody.is_anonymous,
    )
""",
    "templates": """
def run(folder):
    result = []
    for options in ({}, {"add_context_processor": True}, {"add_context_processor": False}):
        app = make_app(folder)
        manager = LoginManager(app, **options)
        manager.user_loader(PEOPLE.get)
        add_pages(app)

        @app.route("/page")
        def page():
            return render_template_string(
                "{% if current_user is defined %}{{ current_user.name or 'nobody' }} {{ current_user.is_active }}"
                "{% else %}no user{% endif %}"
            )

        result += visit(browser(app), "/page", "/in/1", "/page")
    return result
""",
}
