"""Programs for Flask-Login: browsers that are remembered, and sessions that come from somewhere else."""

REMEMBERING = {
    "a browser that is remembered": """
def run(folder):
    app = make_app(folder, SESSION_PROTECTION=None)
    make_manager(app)
    add_pages(app)
    client, heard = browser(app), listen(app)
    result = visit(client, "/in/1?remember=yes", "/who", "/deep")
    close_browser(client)
    result += [answer[:4] for answer in visit(client, "/who", "/who", "/inside", "/deep", "/confirm", "/deep", "/who")]
    close_browser(client)
    result += [answer[:4] for answer in visit(client, "/inside", "/who")]
    result += visit(client, "/out", "/who")
    close_browser(client)
    result += visit(client, "/who", "/inside")
    return result, heard
""",
    "only when it is asked for": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    client, result = browser(app), []
    for query in ("", "?remember=no"):
        result += visit(client, f"/in/1{query}", "/who")
        close_browser(client)
        result += visit(client, "/who", "/in/1", "/out")
    result += visit(client, "/in/3?remember=yes", "/who")
    return result
""",
    "attributes of the cookie": """
def described(line):
    name, *attributes = line.split("; ")
    found = dict(one.partition("=")[::2] for one in attributes)
    expires = found.pop("Expires", None)
    left = None
    if expires is not None:
        then = datetime.datetime.strptime(expires, "%a, %d %b %Y %H:%M:%S GMT")
        left = round((then - datetime.datetime(1970, 1, 1)).total_seconds() - time.time(), -2)
        left = left if left > 0 else 0
    return name.partition("=")[0], sorted(found.items()), left


def run(folder):
    result = []
    given = {"REMEMBER_COOKIE_SAMESITE": "Lax", "REMEMBER_COOKIE_DURATION": 3600, "REMEMBER_COOKIE_SECURE": False}
    for more in (
        {}, {"NAME": "mine"}, {"DURATION": datetime.timedelta(days=2)}, {"DURATION": 172800}, {"SECURE": True},
        {"HTTPONLY": False}, {"SAMESITE": "Strict"}, {"SAMESITE": None}, {"PATH": "/inside"},
        {"DOMAIN": "example.com"}, {"DOMAIN": ".example.com", "PATH": "/", "SECURE": True, "HTTPONLY": True},
    ):
        app = make_app(folder, **{**given, **{f"REMEMBER_COOKIE_{name}": value for name, value in more.items()}})
        make_manager(app)
        add_pages(app)
        client = browser(app)
        for path in ("/in/1?remember=yes", "/out"):
            answer = client.get(path, base_url="https://www.example.com")
            lines = [one for one in answer.headers.getlist("Set-Cookie") if not one.startswith("session=")]
            found = [described(one) for one in lines]
            result.append(found if path != "/out" else [one[0] for one in found])
    return result


import time
""",
    "how long it is remembered": """
import time


def expires_of(client):
    return round(client.get_cookie("remember_token").expires.timestamp() - time.time(), -2)


def run(folder):
    app = make_app(folder, REMEMBER_COOKIE_DURATION=7200)
    make_manager(app)

    @app.route("/in/<int:hours>")
    def sign_in(hours):
        duration = datetime.timedelta(hours=hours, seconds=0.5) if hours else None
        return str(login_user(PEOPLE["1"], remember=True, duration=duration))

    result = []
    for hours in (0, 7, 24 * 30):
        client = browser(app)
        client.get(f"/in/{hours}")
        result.append(expires_of(client))
    return result
""",
    "durations that are none": """
def run(folder):
    result = []
    for setting, given in (("123", None), (None, "123"), (None, [1])):
        app = make_app(folder)
        if setting is not None:
            app.config["REMEMBER_COOKIE_DURATION"] = setting
        make_manager(app)

        @app.route("/in")
        def sign_in():
            return str(login_user(PEOPLE["1"], remember=True, duration=given))

        result.append(browser(app).get("/in").status_code)
    return result
""",
    "cookies that are not right": """
def run(folder):
    app = make_app(folder)
    make_manager(app)
    add_pages(app)
    result = []
    for value in ("", "x", "1", "1|", "|", "1|x", "1|" + "0" * 128, "0" * 5000, "a b", '"1"', "%00"):
        client, headers = browser(app, use_cookies=False), {"Cookie": f"remember_token={value}"}
        result += [answer[:3] for answer in visit(client, "/who", "/inside", "/in/1", "/out", headers=headers)]
    return result
""",
    "sessions that come from somewhere else": """
def run(folder):
    app = make_app(folder)
    manager = make_manager(app)
    add_pages(app)
    elsewhere = {"User-Agent": "another"}

    @app.route("/permanent")
    def permanent():
        session.permanent = True
        return str(login_user(PEOPLE["1"]))

    result = []
    for protection in (None, "basic", "strong"):
        for by_setting in (False, True):
            app.config.pop("SESSION_PROTECTION", None)
            manager.session_protection = None if by_setting else protection
            if by_setting:
                app.config["SESSION_PROTECTION"] = protection
            for start in ("/in/1", "/in/1?fresh=no", "/permanent"):
                client, heard = browser(app), listen(app)
                found = visit(client, start, "/who", "/deep", "/who", cookies=("session",))
                found += visit(client, "/who", headers=elsewhere, cookies=("session",))
                found += visit(client, "/deep", "/who", "/who", cookies=("session",))
                result.append((protection, by_setting, start, found, heard))
    return result
""",
}
