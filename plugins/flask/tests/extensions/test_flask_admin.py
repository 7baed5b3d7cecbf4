"""Flask-Admin: a list, forms and deletion over SQLAlchemy, a view of one's own, files."""

import io

import pytest
from flask import Flask, flash
from flask_admin import Admin, AdminIndexView, BaseView, expose
from flask_admin.actions import action
from flask_admin.contrib.fileadmin import FileAdmin
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)

    def __str__(self):
        return self.name


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(50), nullable=False)
    author_id = db.Column(db.Integer, db.ForeignKey(Author.id))
    author = db.relationship(Author, backref="books")


class Books(ModelView):
    column_searchable_list = ("title",)
    column_filters = ("title", "author.name")
    column_editable_list = ("title",)
    can_export = True

    @action("shout", "Shout")
    def shout(self, ids):
        for book in Book.query.filter(Book.id.in_(ids)):
            book.title = book.title.upper()
        db.session.commit()
        flash("shouted")


class Home(AdminIndexView):
    @expose("/")
    def index(self):
        return self.render("admin/index.html")


class Numbers(BaseView):
    @expose("/")
    def index(self):
        return f"{Book.query.count()} books; {self.get_url('.index')}"

    def is_accessible(self):
        return Book.query.count() < 2


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="for the tests", SQLALCHEMY_DATABASE_URI="sqlite:///books.db")
    db.init_app(app)
    Babel(app)  # Flask-Admin wants it wherever it is installed
    admin = Admin(app, name="Library", index_view=Home())
    admin.add_view(ModelView(Author, db, category="People"))
    admin.add_view(Books(Book, db))
    admin.add_view(Numbers(name="Numbers", endpoint="numbers"))
    (tmp_path / "files").mkdir()
    admin.add_view(FileAdmin(str(tmp_path / "files"), name="Files"))
    with app.app_context():
        db.create_all()
        db.session.add(Book(title="Emma", author=Author(name="Jane Austen")))
        db.session.commit()
    yield app
    with app.app_context():
        db.engine.dispose()


def titles(app):
    with app.app_context():
        return [book.title for book in Book.query.order_by(Book.id)]


def test_the_front_page_has_the_menu(app):
    page = app.test_client().get("/admin/")
    assert page.status_code == 200
    for name in ("Library", "People", "/admin/book/", "/admin/numbers/"):
        assert name in page.text


def test_the_list_can_be_searched_filtered_and_sorted(app):
    client = app.test_client()
    assert "Jane Austen" in client.get("/admin/book/").text
    assert "Emma" in client.get("/admin/book/?search=Em&sort=0&desc=1").text
    assert "Emma" not in client.get("/admin/book/?search=Persuasion").text
    assert client.get("/admin/book/?flt0_0=Emma").status_code == 200


def test_a_row_is_made_edited_and_deleted(app):
    client = app.test_client()
    assert 'name="title"' in client.get("/admin/book/new/").text
    made = client.post("/admin/book/new/", data={"title": "Persuasion", "author": "1"})
    assert made.location == "/admin/book/"
    assert "successfully created" in client.get("/admin/book/").text
    assert 'value="Persuasion"' in client.get("/admin/book/edit/?id=2").text
    client.post("/admin/book/edit/?id=2&url=/admin/book/", data={"title": "Sanditon"})
    assert titles(app) == ["Emma", "Sanditon"]
    client.post("/admin/book/ajax/update/", data={"list_form_pk": "2", "title": "Lady Susan"})
    assert titles(app) == ["Emma", "Lady Susan"]
    client.post("/admin/book/delete/", data={"id": "2"})
    assert titles(app) == ["Emma"]


def test_a_form_that_is_not_right_comes_back(app):
    answer = app.test_client().post("/admin/book/new/", data={"title": ""})
    assert (answer.status_code, titles(app)) == (200, ["Emma"])
    assert "This field is required." in answer.text


def test_an_action_works_on_several_rows(app):
    client = app.test_client()
    client.post("/admin/book/action/", data={"action": "shout", "rowid": ["1"]}, follow_redirects=True)
    assert titles(app) == ["EMMA"]


def test_the_list_is_exported(app):
    answer = app.test_client().get("/admin/book/export/csv/")
    assert answer.mimetype == "text/csv"
    assert "Emma" in answer.text


def test_a_view_of_ones_own_can_be_closed(app):
    client = app.test_client()
    assert client.get("/admin/numbers/").text == "1 books; /admin/numbers/"
    client.post("/admin/book/new/", data={"title": "Persuasion"})
    assert client.get("/admin/numbers/").status_code == 403


def test_files_are_uploaded_and_fetched(app):
    client = app.test_client()
    sent = {"upload": (io.BytesIO(b"text"), "a.txt")}
    assert client.post("/admin/fileadmin/upload/", data=sent).status_code == 302
    assert "a.txt" in client.get("/admin/fileadmin/").text
    assert client.get("/admin/fileadmin/download/a.txt").data == b"text"


def test_its_static_files_are_served(app):
    assert app.test_client().get("/admin/static/admin/css/bootstrap4/admin.css").status_code == 200
