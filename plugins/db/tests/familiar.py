"""Programs for Flask-SQLAlchemy, each with a function ``run(folder)``, which returns what the program saw."""

#: Code that every program begins with. ``made`` collects what has to be closed.
HEAD = """
import sqlalchemy as sa
import sqlalchemy.orm as sa_orm
from flask import Flask, Blueprint, abort, jsonify, redirect, render_template_string, request, url_for
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, DeclarativeBaseNoMeta, Mapped, MappedAsDataclass, declared_attr
from sqlalchemy.orm import mapped_column

made = []


def make_app(folder, db=None, uri="sqlite://", **config):
    app = Flask("program", instance_path=folder)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    app.config.update(config)
    if db is not None:
        db.init_app(app)
        made.append((app, db))
    return app


def caught(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        code = getattr(error, "code", None)
        return code if isinstance(code, int) else "error"
"""

PROGRAMS = {
    "the typed quick start": """
class Base(DeclarativeBase):
    pass

db = SQLAlchemy(model_class=Base)

class User(db.Model):
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    username: Mapped[str] = mapped_column(String, unique=True, nullable=False)
    email: Mapped[str] = mapped_column(String)

def run(folder):
    app = make_app(folder, db, "sqlite:///project.db")

    with app.app_context():
        db.create_all()

    @app.route("/users")
    def user_list():
        users = db.session.execute(db.select(User).order_by(User.username)).scalars()
        return render_template_string("{% for user in users %}{{ user.username }};{% endfor %}", users=users)

    @app.route("/users/create", methods=["GET", "POST"])
    def user_create():
        if request.method == "POST":
            user = User(username=request.form["username"], email=request.form["email"])
            db.session.add(user)
            db.session.commit()
            return redirect(url_for("user_detail", id=user.id))
        return "form"

    @app.route("/user/<int:id>")
    def user_detail(id):
        user = db.get_or_404(User, id)
        return f"{user.id} {user.username} {user.email}"

    @app.route("/user/<int:id>/delete", methods=["GET", "POST"])
    def user_delete(id):
        user = db.get_or_404(User, id)
        if request.method == "POST":
            db.session.delete(user)
            db.session.commit()
            return redirect(url_for("user_list"))
        return "sure?"

    client = app.test_client()
    seen = []
    for name in ("bob", "ada"):
        answer = client.post("/users/create", data={"username": name, "email": name + "@example.com"})
        seen.append((answer.status_code, answer.headers["Location"]))
    for path in ("/users", "/users/create", "/user/1", "/user/9", "/user/1/delete"):
        seen.append((client.get(path).status_code, client.get(path).get_data(as_text=True)))
    seen.append(client.post("/user/1/delete").status_code)
    seen.append(client.get("/users").get_data(as_text=True))
    return seen
""",
    "the first example": """
import os

db = SQLAlchemy()

class Task(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80), nullable=False)
    done = db.Column(db.Boolean, default=False, nullable=False)

def run(folder):
    app = make_app(folder, db, "sqlite:///app.db")
    with app.app_context():
        db.create_all()
        db.session.add_all([Task(title="one"), Task(title="two", done=True)])
        db.session.commit()

    @app.route("/api/tasks")
    def tasks():
        return jsonify([{"id": t.id, "title": t.title, "done": t.done} for t in Task.query.all()])

    return app.test_client().get("/api/tasks").get_json(), sorted(os.listdir(folder))
""",
    "names of tables": """
db = SQLAlchemy()

def name(model):
    return model.__table__.name

def run(folder):
    class FOOBar(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class BazBar(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class Ham(db.Model):
        __tablename__ = "spam"
        id = db.Column(db.Integer, primary_key=True)

    class Duck(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class Donald(Duck):
        pass

    class Mallard(Duck):
        id = db.Column(db.ForeignKey(Duck.id), primary_key=True)

    class Base(db.Model):
        __abstract__ = True
        id = db.Column(db.Integer, primary_key=True)
        @declared_attr
        def number(cls):
            return db.Column(db.Integer)

    class Concrete(Base):
        pass

    class NamedAbstract(db.Model):
        __abstract__ = True
        __tablename__ = "from_abstract"
        id = db.Column(db.Integer, primary_key=True)

    class Below(NamedAbstract):
        pass

    class NamedMixin:
        __tablename__ = "from_mixin"

    class Mixed(NamedMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class DeclaredMixin:
        @declared_attr
        def __tablename__(cls):
            return cls.__name__.upper()

    class Declared(DeclaredMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class DeclaredBelow(Declared):
        pass

    class KeyMixin:
        @declared_attr
        def id(cls):
            return db.Column(db.Integer, primary_key=True)

    class WithMixedKey(KeyMixin, db.Model):
        pass

    class Schemed(db.Model):
        __table_args__ = {"schema": "other"}
        id = db.Column(db.Integer, primary_key=True)

    class Constrained(db.Model):
        a = db.Column(db.Integer)
        b = db.Column(db.Integer)
        __table_args__ = (db.PrimaryKeyConstraint("a", "b"),)

    class NoName(Duck):
        __tablename__ = None

    class HTTPServer2Log(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    models = [FOOBar, BazBar, Ham, Duck, Donald, Mallard, Concrete, Below, Mixed, Declared, DeclaredBelow, WithMixedKey]
    models += [Schemed, Constrained, NoName, HTTPServer2Log]
    return (
        [name(model) for model in models],
        Donald.__table__ is Duck.__table__,
        "__tablename__" in Donald.__dict__,
        caught(type, "Keyless", (db.Model,), {"x": db.Column(db.Integer)}),
        sorted(db.metadata.tables),
    )
""",
    "what rows look like": """
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

class Pair(db.Model):
    left = db.Column(db.Integer, primary_key=True)
    right = db.Column(db.String(5), primary_key=True)

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        user, pair = User(), Pair(left=1, right="x")
        seen = [repr(user) == f"<User (transient {id(user)})>"]
        db.session.add_all([user, pair])
        seen.append(repr(user) == f"<User (pending {id(user)})>")
        db.session.flush()
        seen += [repr(user), repr(pair)]
        db.session.commit()
        seen.append(repr(user))
        db.session.delete(user)
        seen.append(repr(user))
        seen.append(repr(db))
    seen += [repr(user), repr(db)]
    return seen
""",
    "queries for views": """
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20))

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        db.session.add_all([User(id=1, name="ada"), User(id=2, name="bob"), User(id=3, name="bob")])
        db.session.commit()

    ways = {
        "get": lambda value: db.get_or_404(User, value),
        "get-described": lambda value: db.get_or_404(User, value, description=f"No user {value}."),
        "get-options": lambda value: db.get_or_404(User, value, populate_existing=True),
        "first": lambda value: db.first_or_404(db.select(User).filter_by(name=value)),
        "first-described": lambda value: db.first_or_404(db.select(User).filter_by(name=value), description="None."),
        "one": lambda value: db.one_or_404(db.select(User).filter_by(name=value)),
        "one-described": lambda value: db.one_or_404(db.select(User).filter_by(name=value), description="Not one."),
        "first-column": lambda value: User(name=db.first_or_404(db.select(User.name).filter_by(name=value))),
        "query-first": lambda value: User.query.filter_by(name=value).first_or_404(),
        "query-first-described": lambda value: User.query.filter_by(name=value).first_or_404("None."),
        "query-one": lambda value: User.query.filter_by(name=value).one_or_404(),
        "query-one-described": lambda value: User.query.filter_by(name=value).one_or_404(description="Not one."),
        "session-query": lambda value: db.session.query(User).filter_by(name=value).first_or_404(),
    }

    @app.route("/<way>/<value>")
    def view(way, value):
        return ways[way](value).name

    client = app.test_client()
    values = {way: ("1", "9") if way.startswith("get") else ("ada", "bob", "eve") for way in ways}
    return {
        (way, value): (client.get(f"/{way}/{value}").status_code, client.get(f"/{way}/{value}").get_data(as_text=True))
        for way in ways for value in values[way]
    }
""",
    "a query by key": """
import warnings

db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    tasks = db.relationship("Task")

class Task(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"))

def run(folder):
    app = make_app(folder, db)
    with app.app_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        warnings.simplefilter("ignore", sa.exc.SADeprecationWarning)
        db.create_all()
        db.session.add(User(id=1, tasks=[Task(), Task()]))
        db.session.commit()
        user = User.query.options(sa_orm.joinedload(User.tasks)).get_or_404(1)
        return (
            user.id,
            "tasks" in user.__dict__,
            User.query.get_or_404(1).id,
            caught(User.query.get_or_404, 2),
            caught(User.query.get_or_404, 2, "described"),
            caught(User.query.filter_by(id=1).get_or_404, 1),
            User.query.get(1).id,
        )
""",
    "pages": """
db = SQLAlchemy()

class Todo(db.Model):
    id = db.Column(db.Integer, primary_key=True)

def described(page):
    if isinstance(page, int):
        return page
    return {
        "page": page.page, "per_page": page.per_page, "items": [one.id for one in page.items], "total": page.total,
        "first": page.first, "last": page.last, "pages": page.pages, "has_prev": page.has_prev,
        "prev_num": page.prev_num, "has_next": page.has_next, "next_num": page.next_num,
        "iterated": [one.id for one in page],
        "links": [] if page.page > page.pages else [
            list(page.iter_pages()),
            list(page.iter_pages(left_edge=1, left_current=1, right_current=1, right_edge=1)),
        ],
    }

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        db.session.add_all([Todo() for _ in range(250)])
        db.session.commit()
        db.session.execute(db.delete(Todo).where(Todo.id > 247))
        db.session.commit()
        select = db.select(Todo).order_by(Todo.id)
        query = Todo.query.order_by(Todo.id)
        wanted = [{}, {"page": 2}, {"per_page": 10}, {"page": 13, "per_page": 20}, {"page": 3, "per_page": 100}]
        wanted += [{"page": 7, "per_page": 12, "max_per_page": 12}, {"per_page": 50, "max_per_page": 7}]
        wanted += [{"page": 0}, {"page": -1}, {"per_page": 0}, {"page": 99}, {"page": 0, "error_out": False}]
        wanted += [{"page": 99, "error_out": False}, {"per_page": -5, "error_out": False}]
        seen = [described(caught(db.paginate, select, **one)) for one in wanted]
        seen += [described(caught(query.paginate, **one)) for one in wanted]
        for page in (db.paginate(select, per_page=20), query.paginate(per_page=20)):
            seen.append([described(page.next()), described(page.next().next().prev())])
            last = page
            while last.has_next:
                last = last.next()
            seen.append([described(last), described(last.next()), caught(last.next, error_out=True)])
        uncounted = db.paginate(select, per_page=20, count=False)
        seen.append((uncounted.total, uncounted.pages, len(uncounted.items)))
        uncounted.total = 247
        seen.append(described(uncounted))
        seen.append(described(db.paginate(db.select(Todo).where(Todo.id < 0))))

    @app.route("/select")
    def by_select():
        return jsonify(described(db.paginate(select)))

    @app.route("/query")
    def by_query():
        return jsonify(described(Todo.query.order_by(Todo.id).paginate()))

    @app.route("/soft")
    def softly():
        return jsonify(described(db.paginate(select, error_out=False)))

    @app.route("/given")
    def given():
        return jsonify(described(db.paginate(select, page=2, per_page=5)))

    client = app.test_client()
    for path in ("/select", "/query", "/soft", "/given"):
        for args in ("", "?page=2", "?page=2&per_page=7", "?page=x", "?per_page=x", "?page=0", "?page=99", "?page="):
            answer = client.get(path + args)
            seen.append((path + args, answer.status_code, answer.get_json() if answer.status_code == 200 else None))
    return seen
""",
    "a widget for pages": '''
db = SQLAlchemy()

class Todo(db.Model):
    id = db.Column(db.Integer, primary_key=True)

TEMPLATE = """
{%- macro render_pagination(pagination, endpoint) %}
  {{ pagination.first }} - {{ pagination.last }} of {{ pagination.total }}
  {% for page in pagination.iter_pages() %}
    {% if page %}{% if page != pagination.page %}<a href="{{ url_for(endpoint, page=page) }}">{{ page }}</a>
    {% else %}<strong>{{ page }}</strong>{% endif %}{% else %}…{% endif %}
  {% endfor %}
{% endmacro %}
{% for todo in page %}<li>{{ todo.id }}{% endfor %}{{ render_pagination(page, "index") }}"""

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        db.session.add_all([Todo() for _ in range(300)])
        db.session.commit()

    @app.route("/")
    def index():
        return render_template_string(TEMPLATE, page=db.paginate(db.select(Todo).order_by(Todo.id)))

    return [app.test_client().get(f"/?page={page}").get_data(as_text=True).split() for page in (1, 7, 15)]
''',
    "several databases": """
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

class Event(db.Model):
    __bind_key__ = "meta"
    id = db.Column(db.Integer, primary_key=True)

class Detail(Event):
    id = db.Column(db.ForeignKey(Event.id), primary_key=True)

class Login(db.Model):
    __bind_key__ = "auth"
    id = db.Column(db.Integer, primary_key=True)

notes = db.Table("notes", db.Column("id", db.Integer), bind_key="auth")

class Other(db.Model):
    __bind_key__ = "unused"
    __table__ = db.Table("other", db.Column("id", db.Integer, primary_key=True), bind_key="meta")

def names():
    return {key: sorted(sa.inspect(engine).get_table_names()) for key, engine in db.engines.items()}

def run(folder):
    app = make_app(
        folder, db, "sqlite:///main.db",
        SQLALCHEMY_BINDS={"meta": "sqlite:///meta.db", "auth": {"url": "sqlite:///auth.db", "pool_size": 3}},
    )
    with app.app_context():
        seen = [sorted(map(str, db.metadatas)), sorted(map(str, db.engines))]
        db.create_all()
        seen.append(names())
        db.drop_all(bind_key="auth")
        seen.append(names())
        db.drop_all(bind_key=[None, "meta"])
        seen.append(names())
        db.create_all(bind_key=None)
        seen.append(names())
        db.create_all("meta")
        db.create_all(["auth"])
        seen.append(names())
        db.session.add_all([User(id=1), Event(id=2), Detail(id=3), Login(id=4), Other(id=5)])
        db.session.commit()
        db.session.execute(notes.insert().values(id=6))
        db.session.commit()
        for model in (User, Event, Detail, Login, Other):
            seen.append(sorted(one.id for one in db.session.scalars(db.select(model))))
            seen.append(model.query.count())
            seen.append([str(model.__table__.metadata.info["bind_key"]), db.session.get_bind(model).url.database[-8:]])
        seen.append(db.session.scalar(sa.select(notes.c.id), bind_arguments={"bind": db.engines["auth"]}))
        seen.append(db.session.execute(
            sa.text("SELECT count(*) FROM event"), bind_arguments={"bind": db.engines["meta"]}
        ).scalar())
        seen.append([db.engines["auth"].pool.size(), db.engine is db.engines[None], db.metadata is db.metadatas[None]])
        db.session.execute(db.update(Login).values(id=7))
        db.session.execute(db.delete(Event.__table__).where(Event.__table__.c.id == 99))
        seen.append(Login.query.one().id)
        seen.append(caught(lambda: db.engines["nope"]))
        seen.append(caught(db.create_all, "nope"))
    return seen
""",
    "binds that nobody has configured": """
db = SQLAlchemy()

class Event(db.Model):
    __bind_key__ = "nope"
    id = db.Column(db.Integer, primary_key=True)

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        seen = [caught(db.create_all), caught(Event.query.all)]
        try:
            db.session.execute(db.select(Event))
        except sa.exc.UnboundExecutionError:
            seen.append("unbound")
        db.create_all(None)
    return seen
""",
    "only binds": """
db = SQLAlchemy()

class Event(db.Model):
    __bind_key__ = "meta"
    id = db.Column(db.Integer, primary_key=True)

def run(folder):
    app = make_app(folder, db, None, SQLALCHEMY_BINDS={"meta": "sqlite://"})
    with app.app_context():
        db.create_all("meta")
        db.session.add(Event(id=1))
        db.session.commit()
        return Event.query.count(), None in db.engines, "meta" in db.engines
""",
    "conventions for names": """
convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
db = SQLAlchemy(metadata=MetaData(naming_convention=convention))

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=convention)

typed = SQLAlchemy(model_class=Base)

def add(db, key):
    user = type(db.Model)(f"User{key}", (db.Model,), {
        "__tablename__": "user",
        "__bind_key__": key,
        "id": db.Column(db.Integer, primary_key=True),
        "name": db.Column(db.String(20), unique=True, index=True),
        "parent_id": db.Column(db.ForeignKey("user.id")),
    })
    table = user.__table__
    return sorted(str(one.name) for one in [*table.constraints, *table.indexes])

def run(folder):
    seen = [add(one, None) for one in (db, typed)]
    return [*seen, *(add(one, "meta") for one in (db, typed))]
""",
    "relationships": """
db = SQLAlchemy()

tags = db.Table(
    "tags",
    db.Column("tag_id", db.ForeignKey("tag.id"), primary_key=True),
    db.Column("page_id", db.ForeignKey("page.id"), primary_key=True),
)

class Page(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    tags = db.relationship("Tag", secondary=tags, lazy="subquery", backref=db.backref("pages", lazy=True))
    notes = db.relationship("Note", backref="page", lazy="dynamic")
    lines = db.dynamic_loader("Line", backref=db.backref("page", lazy="joined"))

class Tag(db.Model):
    id = db.Column(db.Integer, primary_key=True)

class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    page_id = db.Column(db.ForeignKey("page.id"))

class Line(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    page_id = db.Column(db.ForeignKey("page.id"))

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        page = Page(id=1, tags=[Tag(id=1), Tag(id=2)])
        page.notes.append(Note(id=5))
        page.lines.extend([Line(id=number) for number in range(1, 6)])
        db.session.add(page)
        db.session.commit()
        return (
            [tag.id for tag in page.tags], [one.id for one in Tag.query.first().pages],
            isinstance(page.notes, db.Query), page.notes.first_or_404().page.id,
            page.lines.order_by(Line.id.desc()).paginate(per_page=2).items[0].id,
            page.lines.count(), caught(page.notes.filter_by(id=9).first_or_404),
            isinstance(tags, db.Table), isinstance(tags, sa.Table), tags.metadata is db.metadata,
            sorted(db.metadata.tables),
        )
""",
    "tables": """
db = SQLAlchemy()
other = MetaData()

def run(folder):
    one = db.Table("one", db.Column("id", db.Integer))
    two = db.Table("two", db.Column("id", db.Integer), bind_key="meta")
    three = db.Table("three", other, db.Column("id", db.Integer))
    four = db.Table("one", db.Column("more", db.Integer), extend_existing=True)
    five = db.Table("five", db.Column("id", db.Integer), schema="elsewhere")
    return (
        [table.metadata is db.metadata for table in (one, two, three, four, five)],
        two.metadata.info["bind_key"], two.metadata is db.metadatas["meta"], three.metadata is other,
        sorted(one.columns.keys()), one is four, five.fullname, caught(db.Table),
        [isinstance(table, db.Table) for table in (one, two, three)], issubclass(db.Table, sa.Table),
    )
""",
    "options of sessions": """
from flask_sqlalchemy.session import Session

class OwnSession(Session):
    def __init__(self, db, **kwargs):
        super().__init__(db, **kwargs)
        self.extra = len(db.engines)

    def get_bind(self, mapper=None, clause=None, bind=None, **kwargs):
        self.asked = True
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)

db = SQLAlchemy(session_options={"class_": OwnSession, "autoflush": False, "info": {"a": 1}})
current = [1]
scoped = SQLAlchemy(session_options={"scopefunc": lambda: current[0]})

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

def run(folder):
    app = make_app(folder, db)
    other = make_app(folder, scoped)
    with app.app_context():
        db.create_all()
        User.query.all()
        seen = [type(db.session()).__name__, db.session().extra, db.session().asked, db.session.autoflush]
        seen += [db.session.info, db.session() is db.session(), isinstance(db.session(), Session)]
    with other.app_context():
        first = scoped.session()
        seen.append(scoped.session() is first)
        current[0] = 2
        seen.append(scoped.session() is first)
        scoped.session.remove()
        current[0] = 1
        seen.append(scoped.session() is first)
        scoped.session.remove()
    return seen
""",
    "classes of models and queries": """
from flask_sqlalchemy.model import DefaultMeta, Model
from flask_sqlalchemy.query import Query

class IdModel(Model):
    @declared_attr
    def id(cls):
        for base in cls.__mro__[1:-1]:
            if getattr(base, "__table__", None) is not None:
                return sa.Column(sa.ForeignKey(base.id), primary_key=True)
        return sa.Column(sa.Integer, primary_key=True)

class GetOrQuery(Query):
    def get_or(self, ident, default=None):
        return self.filter_by(id=ident).first() or default

db = SQLAlchemy(model_class=IdModel, query_class=GetOrQuery)

class CustomMeta(DefaultMeta):
    def __init__(cls, name, bases, body, **kwargs):
        super().__init__(name, bases, body, **kwargs)
        cls.shouted = name.upper()

meta = SQLAlchemy(model_class=sa_orm.declarative_base(cls=Model, metaclass=CustomMeta, name="Model"))

class User(db.Model):
    name = db.Column(db.String(10))
    posts = db.relationship("Post", lazy="dynamic")

class Employee(User):
    title = db.Column(db.String(10))

class Special(Query):
    pass

class Post(db.Model):
    query_class = Special
    user_id = db.Column(db.ForeignKey("user.id"))

class Marked(meta.Model):
    id = meta.Column(meta.Integer, primary_key=True)

def run(folder):
    app = make_app(folder, db)
    with app.app_context():
        db.create_all()
        db.session.add(Employee(name="ada", title="chief"))
        db.session.commit()
        return (
            User.query.get_or(9, "nobody"), User.query.get_or(1).name, db.session.query(User).get_or(9, 7),
            type(User.query.first().posts).__mro__[1].__name__, type(Post.query).__name__, db.Query is GetOrQuery,
            User.__table__.name, Employee.__table__.name, Employee.query.one().id, isinstance(db.Model, DefaultMeta),
            Marked.shouted, Marked.__table__.name, issubclass(User, Model), db.Model.query_class is GetOrQuery,
        )
""",
    "typed bases": """
from flask_sqlalchemy.model import Model

def models(db):
    class TimestampMixin:
        created: Mapped[int] = mapped_column(Integer, default=1)

    class Abstract(db.Model):
        __abstract__ = True
        updated: Mapped[int] = mapped_column(Integer, default=2)

    class UserAccount(TimestampMixin, db.Model):
        id: Mapped[int] = mapped_column(Integer, primary_key=True)
        kind: Mapped[str] = mapped_column(String(10), default="x")

    class Admin(UserAccount):
        level: Mapped[int] = mapped_column(Integer, nullable=True)

    class Post(Abstract):
        id: Mapped[int] = mapped_column(Integer, primary_key=True)

    class Elsewhere(db.Model):
        __bind_key__ = "meta"
        id: Mapped[int] = mapped_column(Integer, primary_key=True)

    return UserAccount, Admin, Post, Elsewhere

def run(folder):
    seen = []
    for base in (DeclarativeBase, DeclarativeBaseNoMeta):
        own = type("Base", (base,), {})
        db = SQLAlchemy(model_class=own)
        app = make_app(folder, db, SQLALCHEMY_BINDS={"meta": "sqlite://"})
        made_models = models(db)
        with app.app_context():
            db.create_all()
            for number, model in enumerate(made_models):
                db.session.add(model(id=number))
            db.session.commit()
            seen += [model.__table__.name for model in made_models]
            seen += [sorted(model.__table__.columns.keys()) for model in made_models]
            seen += [model.query.count() for model in made_models]
            seen += [repr(model.query.first()) for model in made_models]
            seen += [db.Model.metadata is own.metadata, issubclass(db.Model, Model), db.metadata is own.metadata]
            seen.append(str(made_models[3].metadata.info["bind_key"]))
    named = SQLAlchemy(model_class=type("Base", (DeclarativeBase,), {}), disable_autonaming=True)
    body = {"id": mapped_column(Integer, primary_key=True)}
    seen.append(caught(type(named.Model), "Nameless", (named.Model,), dict(body)))
    given = type(named.Model)("Named", (named.Model,), {"__tablename__": "given", **body})
    seen.append(given.__table__.name)
    return seen
""",
    "reflection": """
db = SQLAlchemy()

def run(folder):
    binds = {"meta": "sqlite:///meta.db"}
    app = make_app(folder, db, "sqlite:///main.db", SQLALCHEMY_BINDS=binds)
    with app.app_context():
        for key in (None, "meta"):
            with db.engines[key].begin() as connection:
                connection.execute(sa.text(f"CREATE TABLE user_{str(key).lower()} (id INTEGER PRIMARY KEY, name TEXT)"))
        db.reflect()
        seen = [sorted(db.metadatas[key].tables) for key in (None, "meta")]

        class User(db.Model):
            __table__ = db.metadatas["meta"].tables["user_meta"]

        class UserNone(db.Model):
            pass

        db.session.add_all([User(id=1, name="a"), UserNone(id=2, name="b")])
        db.session.commit()
        seen += [User.query.one().name, UserNone.query.one().name]
        one = SQLAlchemy()
    other = make_app(folder, one, "sqlite:///main.db", SQLALCHEMY_BINDS=binds)
    with other.app_context():
        one.reflect("meta")
        seen += [sorted(one.metadatas[key].tables) for key in (None, "meta")]
    return seen
""",
    "recorded queries": """
from flask_sqlalchemy.record_queries import get_recorded_queries

db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

def run(folder):
    app = make_app(folder, db, SQLALCHEMY_RECORD_QUERIES=True)

    @app.route("/")
    def index():
        db.session.execute(db.select(User).filter(User.id < 5)).scalars()
        return jsonify([
            (one.statement, one.parameters, one.duration == one.end_time - one.start_time, type(one.location).__name__)
            for one in get_recorded_queries()
        ])

    with app.app_context():
        db.create_all()
        seen = [len(get_recorded_queries()) > 0]
    return seen, app.test_client().get("/").get_json(), app.test_client().get("/").get_json()
""",
    "options of engines": """
from sqlalchemy.pool import NullPool, StaticPool

db = SQLAlchemy(engine_options={"pool_recycle": 11, "pool_size": 4})

def run(folder):
    app = make_app(
        folder, db, sa.engine.URL.create("sqlite", database="main.db"),
        SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 5},
        SQLALCHEMY_BINDS={
            "a": {"url": sa.engine.make_url("sqlite:///a.db"), "pool_size": 6}, "b": "sqlite:///b.db",
            "text": {"url": "sqlite:///c.db", "pool_size": "7", "echo": "false"},
        },
    )
    plain = SQLAlchemy()
    memory = make_app(folder, plain, "sqlite://", SQLALCHEMY_BINDS={"file": "sqlite:///file:u.db?uri=true"})
    noisy = SQLAlchemy()
    quiet = {"quiet": {"url": "sqlite://", "echo": False}}
    echo = make_app(folder, noisy, "sqlite://", SQLALCHEMY_ECHO=True, SQLALCHEMY_BINDS=quiet)
    with app.app_context():
        seen = [(str(key), engine.pool.size(), engine.pool._recycle) for key, engine in db.engines.items()]
        seen += [str(engine.url).replace(folder, "") for engine in db.engines.values()]
    with memory.app_context():
        seen += [str(plain.engine.url), type(plain.engine.pool).__name__]
        seen.append(str(plain.engines["file"].url).replace(folder, ""))
    with echo.app_context():
        seen += [noisy.engine.echo, bool(noisy.engine.pool.echo), noisy.engines["quiet"].echo]
    return sorted(map(str, seen))
""",
    "several applications": """
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20))

def create_app(folder, name):
    app = make_app(folder, db, f"sqlite:///{name}.db")
    part = Blueprint("part", "program")

    @part.route("/names")
    def names():
        return jsonify([user.name for user in User.query.order_by(User.name)])

    with app.app_context():
        db.create_all()
        db.session.add(User(name=name))
        db.session.commit()
    app.register_blueprint(part, url_prefix="/part")
    return app

def run(folder):
    apps = [create_app(folder, name) for name in ("one", "two")]
    seen = [app.test_client().get("/part/names").get_json() for app in apps]
    seen.append(caught(SQLAlchemy, apps[0]))
    seen.append(caught(lambda: db.session.execute(sa.select(1))))
    seen.append(caught(lambda: db.engine))
    seen.append(apps[0].extensions["sqlalchemy"] is db)
    with Flask("other").app_context():
        seen.append(caught(lambda: db.engine))
    with apps[0].app_context():
        first = db.session()
        with apps[1].app_context():
            seen.append(db.session() is first)
            seen.append([user.name for user in User.query])
        seen.append(db.session() is first)
    return seen
""",
    "the shell": """
db = SQLAlchemy()
hidden = SQLAlchemy(add_models_to_shell=False)

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

class Secret(hidden.Model):
    id = hidden.Column(hidden.Integer, primary_key=True)

def run(folder):
    names = {"db", "User", "Secret"}
    shells = []
    for one in (db, hidden):
        app = make_app(folder, one)
        with app.app_context():
            shells.append(app.make_shell_context())
    return [sorted(names & set(shell)) for shell in shells], shells[0]["db"] is db, shells[0]["User"] is User
""",
    "tracked changes": """
from flask_sqlalchemy.track_modifications import before_models_committed, models_committed

db = SQLAlchemy()

class Todo(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(20))

def run(folder):
    app = make_app(folder, db, SQLALCHEMY_TRACK_MODIFICATIONS=True)
    seen = []

    def before(sender, changes):
        seen.append(("before", sender is app, [(type(model).__name__, what) for model, what in changes]))

    def after(sender, changes):
        seen.append(("after", sender is app, [(type(model).__name__, what) for model, what in changes]))

    with before_models_committed.connected_to(before), models_committed.connected_to(after), app.app_context():
        db.create_all()
        todo = Todo(title="one")
        db.session.add(todo)
        db.session.commit()
        todo.title = "two"
        db.session.rollback()
        db.session.commit()
        todo.title = "three"
        db.session.flush()
        db.session.commit()
        db.session.delete(todo)
        db.session.commit()
    return seen
""",
    "the life of a session": """
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20), unique=True)

def run(folder):
    app = make_app(folder, db, "sqlite:///app.db")
    with app.app_context():
        db.create_all()

    @app.route("/add/<name>")
    def add(name):
        db.session.add(User(name=name))
        if request.args.get("commit"):
            db.session.commit()
        return "added"

    @app.route("/fail/<name>")
    def fail(name):
        db.session.add(User(name=name))
        db.session.flush()
        abort(409)

    @app.route("/names")
    def names():
        return jsonify(list(db.session.scalars(db.select(User.name).order_by(User.name))))

    @app.errorhandler(sa.exc.IntegrityError)
    def taken(error):
        db.session.rollback()
        return "taken", 409

    kept = Flask("kept", instance_path=folder)
    kept.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///app.db"
    db.init_app(kept)
    made.append((kept, db))

    @kept.route("/add/<name>")
    def add_kept(name):
        db.session.add(User(name=name))
        return "added"

    @kept.teardown_request
    def commit(error):
        db.session.commit()

    client = app.test_client()
    seen = []
    for path in ("/add/lost", "/add/ada?commit=1", "/add/ada?commit=1", "/fail/eve", "/names", "/add/bob?commit=1"):
        seen.append((path, client.get(path).status_code))
    seen.append(client.get("/names").get_json())
    seen.append(kept.test_client().get("/add/kept").status_code)
    seen.append(client.get("/names").get_json())
    with app.test_request_context():
        db.session.add(User(name="test"))
        db.session.commit()
        seen.append(User.query.count())
    return seen
""",
    "names of SQLAlchemy": """
db = SQLAlchemy()

def run(folder):
    names = "Column Integer String ForeignKey select func text relationship backref joinedload Mapped event and_ desc"
    return (
        [getattr(db, name) is getattr(sa, name, None) or getattr(db, name) is getattr(sa_orm, name, None)
         for name in names.split()],
        caught(lambda: db.NoSuchName), hasattr(db, "_private"), hasattr(db, "Nope"),
    )
""",
}

#: Programs that Flask-SQLAlchemy 3.1 cannot run with SQLAlchemy 2.1, and what they see.
OURS = {
    "dataclasses": (
        """
def run(folder):
    seen = []
    for bases in ((MappedAsDataclass, DeclarativeBase), (DeclarativeBase, MappedAsDataclass)):
        db = SQLAlchemy(model_class=type("Base", bases, {}))
        app = make_app(folder, db)

        class UserAccount(db.Model):
            id: Mapped[int] = mapped_column(primary_key=True, init=False)
            name: Mapped[str]
            age: Mapped[int] = mapped_column(default=7)

        with app.app_context():
            db.create_all()
            db.session.add(UserAccount("ada"))
            db.session.commit()
            user = UserAccount.query.one()
            seen.append((user.id, user.name, user.age, UserAccount.__table__.name, user == user))
    return seen
""",
        [(1, "ada", 7, "user_account", True)] * 2,
    ),
}
