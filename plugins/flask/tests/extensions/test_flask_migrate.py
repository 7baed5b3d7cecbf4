"""Flask-Migrate: the ``flask db`` commands make, apply and take back a migration."""

import pytest
import sqlalchemy
from flask import Flask
from flask.cli import FlaskGroup
from flask_migrate import Migrate, upgrade
from flask_sqlalchemy import SQLAlchemy


@pytest.fixture
def app(tmp_path):
    app = Flask("shop", root_path=str(tmp_path), instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
    db = SQLAlchemy(app)

    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20))

    Migrate(app, db, directory=str(tmp_path / "migrations"))
    yield app
    with app.app_context():
        db.engine.dispose()


def tables(app):
    with app.app_context():
        return set(sqlalchemy.inspect(app.extensions["sqlalchemy"].engine).get_table_names())


def test_a_migration_is_made_applied_and_taken_back(app, tmp_path):
    runner = app.test_cli_runner()
    for arguments in (["init"], ["migrate", "-m", "items"], ["upgrade"]):
        done = runner.invoke(args=["db", *arguments])
        assert done.exit_code == 0, done.output
    assert tables(app) == {"alembic_version", "item"}
    assert len(list((tmp_path / "migrations" / "versions").glob("*_items.py"))) == 1
    assert runner.invoke(args=["db", "current"]).exit_code == 0
    assert runner.invoke(args=["db", "downgrade"]).exit_code == 0
    assert tables(app) == {"alembic_version"}
    with app.app_context():
        upgrade()
    assert "item" in tables(app)


def test_the_commands_stand_in_the_help(app, monkeypatch):
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")  # and taken back afterwards
    done = app.test_cli_runner().invoke(FlaskGroup(create_app=lambda: app), ["--help"])
    assert "Perform database migrations." in done.output
