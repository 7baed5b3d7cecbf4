"""Programs for Flask-Login: what those get who have not signed in, or not just now."""

REFUSING = {
    "where strangers are sent": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)

    @app.route("/login")
    def login():
        return repr(get_flashed_messages(with_categories=True))

    client, result = browser(app), []
    for view in (None, "", "login", "/login", "/login?a=1&a=2&next=x", "https://id.example.com/login?x=ü", "/über"):
        manager.login_view = view
        result += visit(client, "/inside", "/deep", "/inside?page=2&q=a%26b%20c&empty=", "/inside?q=ü", "/login")
        result.append(seen(client.post("/inside")))
    return result
""",
    "what strangers are told": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    manager.login_view = "/login"
    client, result = browser(app), []
    for message, category in ((None, "message"), ("", "info"), ("Bonvolu ensaluti.", "info"), ("<b>Log in!</b>", "x")):
        manager.login_message, manager.login_message_category = message, category
        result += visit(client, "/inside", "/messages", "/messages")
    manager.localize_callback = lambda text: text.upper()
    result += visit(client, "/inside", "/inside", "/messages")
    return result
""",
    "handlers": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    manager.login_view = manager.refresh_view = "/login"
    result = []

    @manager.unauthorized_handler
    def unauthorized():
        return f"{request.endpoint} is not for you", 403, {"X-Why": "nobody"}

    @manager.needs_refresh_handler
    def needs_refresh():
        return f"{request.endpoint} is not for {current_user.name} now", 403

    client = browser(app)
    result += visit(client, "/inside", "/deep", "/in/1?fresh=no", "/inside", "/deep", "/messages")
    manager.unauthorized_handler(lambda: abort(404))
    manager.needs_refresh_handler(lambda: redirect("/again"))
    result += visit(client, "/deep", "/out", "/inside", "/messages")
    return result, unauthorized is not None, manager.unauthorized_callback is not unauthorized
""",
    "blueprints": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    parts = {name: Blueprint(name, name) for name in ("shop", "staff", "plain")}
    for name, part in parts.items():
        part.add_url_rule("/login", view_func=lambda: "login", endpoint="login")
        part.add_url_rule("/inside", view_func=login_required(lambda: "inside"), endpoint="inside")
        app.register_blueprint(part, url_prefix=f"/{name}")
    client, result = browser(app), []
    manager.login_view = "/login"
    manager.blueprint_login_views = {"shop": "shop.login", "staff": "/staff/login?x=1"}
    result += visit(client, "/inside", "/shop/inside", "/staff/inside", "/plain/inside", cookies=("none",))
    manager.blueprint_login_views = {None: "/outside", "shop": "shop.login"}
    result += visit(client, "/inside", "/shop/inside", "/plain/inside", cookies=("none",))
    return result
""",
    "login views that are set one by one": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    shop = Blueprint("shop", "shop")
    shop.add_url_rule("/inside", view_func=login_required(lambda: "inside"), endpoint="inside")
    app.register_blueprint(shop, url_prefix="/shop")
    result = []
    with app.app_context():
        set_login_view("/login")
    client = browser(app)
    result += visit(client, "/inside", "/shop/inside")
    with app.app_context():
        set_login_view("/shop/login", blueprint=shop)
    return result + visit(client, "/inside", "/shop/inside")
""",
    "the next page in the session": """
def run(folder):
    app = make_app(folder, USE_SESSION_FOR_NEXT=True)
    manager = make_manager(app)
    add_pages(app)
    manager.login_view = manager.refresh_view = "/login?x=1"

    @app.route("/next")
    def show_next():
        return repr(session.get("next"))

    @app.route("/login")
    def login():
        login_user(PEOPLE["1"])
        return redirect(session.pop("next", "/"))

    client, result = browser(app), []
    for protection in (None, "basic"):
        app.config["SESSION_PROTECTION"] = protection
        result += visit(client, "/next", "/inside?a=1", "/next", "/messages", "/login", "/next", "/out", "/next")
        result += visit(client, "/in/1?fresh=no", "/deep", "/next", "/messages", "/login", "/deep", "/out")
    manager.login_view = "https://id.example.com/login"
    return result + visit(client, "/inside?a=1", "/next")
""",
    "hosts": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    client, result = browser(app), []
    for view in ("/login", "https://id.example.com/login"):
        manager.login_view = manager.refresh_view = view
        for host in (None, "good.example.com"):
            app.config["FORCE_HOST_FOR_REDIRECTS"] = host
            result += visit(client, "/inside", base_url="http://other.example.com")
            result += visit(client, "/inside", headers={"X-Forwarded-Host": "evil.example.com"})
    return result
""",
    "addresses": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    app.add_url_rule("/sign-in", view_func=lambda: "", endpoint="login")
    here, there = "http://localhost/profile?x=1", "https://id.example.com/login?a=b#top"
    result = [
        make_next_param(login, here)
        for login in (
            "/login", "http://localhost/login", "https://localhost/login", "http://id.localhost/login", "login", there,
        )
    ]
    result += [make_next_param("/login", url) for url in ("/profile", "/profile?x=1#y", "http://localhost", "")]
    with app.test_request_context():
        for view in ("login", "/login", "/login?a=1&b=&a=2", "/login?next=old&z=1", there, "http://localhost/login"):
            result += [login_url(view), login_url(view, here), login_url(view, "/profile", next_field="n")]
            result.append(login_url(view, next_url="/ü?ö=ä&ß"))
    return result, login_url("/foo")
""",
    "fresh logins": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)
    client, result = browser(app), []
    manager.login_view, manager.refresh_view = "/login", None
    result += visit(client, "/deep", "/messages", "/in/1?fresh=no", "/inside", "/deep", "/who", "/confirm", "/deep")
    result += visit(client, "/who", "/out")
    manager.refresh_view = "/refresh"
    manager.needs_refresh_message_category = "info"
    result += visit(client, "/deep", "/messages", "/in/1?fresh=no", "/deep?a=b", "/messages", "/confirm", "/deep")
    manager.needs_refresh_message = "Who is it?"
    manager.localize_callback = lambda text: text[::-1]
    result += visit(client, "/out", "/in/2?fresh=no", "/deep", "/messages", "/in/2", "/deep")
    manager.needs_refresh_message = None
    return result + visit(client, "/in/2?fresh=no", "/deep", "/messages")
""",
    "by hand": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    manager = make_manager(app)
    add_pages(app)

    @app.route("/hand")
    def hand():
        if not current_user.is_authenticated:
            return app.login_manager.unauthorized()
        if not login_fresh():
            return app.login_manager.needs_refresh()
        return "by hand"

    before = Blueprint("before", "before")
    before.before_request(login_required(lambda: None))
    before.add_url_rule("/before", view_func=lambda: "before", endpoint="page")
    app.register_blueprint(before)
    client, result = browser(app), []
    for view in (None, "/login"):
        manager.login_view = manager.refresh_view = view
        result += visit(client, "/hand", "/before", "/messages", "/in/1?fresh=no", "/hand", "/before", "/messages")
        result += visit(client, "/in/1", "/hand", "/out")
    return result
""",
    "checks that are switched off": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    make_manager(app)
    add_pages(app)
    client, result = browser(app), []
    for disabled in (False, True, None):
        app.config["LOGIN_DISABLED"] = disabled
        for method in ("GET", "HEAD", "OPTIONS"):
            for path in ("/inside", "/deep"):
                answer = client.open(path, method=method)
                allowed = sorted((answer.headers.get("Allow") or "").split(", "))
                result.append((disabled, method, path, answer.status_code, allowed))
    return result + visit(client, "/who")
""",
    "views of every kind": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    make_manager(app)
    add_pages(app)

    class Listed(MethodView):
        decorators = [login_required, fresh_login_required]

        def get(self):
            return f"get of {current_user.name}"

        def options(self):
            return "options"

    class Marked(MethodView):
        @login_required
        def get(self, id):
            return f"{id} of {current_user.name}"

        def post(self, id):
            return "for everybody"

    app.add_url_rule("/listed", view_func=Listed.as_view("listed"))
    app.add_url_rule("/marked/<id>", view_func=Marked.as_view("marked"))

    @app.route("/async/<id>")
    @login_required
    async def asynchronous(id):
        return f"{id} of {who_is(current_user)}"

    @app.route("/async-deep")
    @fresh_login_required
    async def asynchronous_deep():
        return f"deep of {who_is(current_user)}"

    client, result = browser(app), []
    paths = ("/listed", "/marked/7", "/async/7", "/async-deep")
    result += visit(client, *paths, "/in/1?fresh=no", *paths, "/confirm", *paths)
    for path in ("/listed", "/marked/7", "/async/7"):
        answers = [browser(app).open(path, method=method) for method in ("OPTIONS", "POST")]
        result += [(path, answer.status_code, sorted((answer.headers.get("Allow") or "").split(", ")))
                   for answer in answers]
    return result, asynchronous.__name__, Listed.__name__
""",
}
