"""Flask-Babel: dates, numbers and texts in the language of the request."""

from datetime import UTC, datetime

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string, request
from flask_babel import (
    Babel,
    force_locale,
    format_datetime,
    format_decimal,
    get_locale,
    gettext,
    lazy_gettext,
    ngettext,
)

TITLE = lazy_gettext("Hello")


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "translations" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="de")
    catalog.add("Hello", "Hallo")
    catalog.add(("%(num)s apple", "%(num)s apples"), ("%(num)s Apfel", "%(num)s Äpfel"))
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    app = Flask(__name__, root_path=str(tmp_path))

    Babel(
        app,
        locale_selector=lambda: request.accept_languages.best_match(["de", "en"]),
        timezone_selector=lambda: request.args.get("zone"),
    )

    @app.get("/")
    def index():
        return render_template_string(
            "{{ _('Hello') }} {{ title }} {{ ngettext('%(num)s apple', '%(num)s apples', 2) }} "
            "{{ 1234.5|numberformat }}",
            title=TITLE,
        )

    @app.get("/noon")
    def noon():
        return format_datetime(datetime(2026, 5, 17, 12, tzinfo=UTC), "d. MMMM, H:mm")

    @app.get("/forced")
    def forced():
        with force_locale("de"):
            inside = gettext("Hello")
        return f"{inside} {gettext('Hello')} {get_locale()}"

    return app


def test_texts_and_numbers_are_the_clients(app):
    client = app.test_client()
    assert client.get("/", headers={"Accept-Language": "de"}).text == "Hallo Hallo 2 Äpfel 1.234,5"
    assert client.get("/", headers={"Accept-Language": "en"}).text == "Hello Hello 2 apples 1,234.5"


def test_dates_are_in_the_clients_zone(app):
    client = app.test_client()
    answer = client.get("/noon?zone=Europe/Berlin", headers={"Accept-Language": "de"})
    assert answer.text == "17. Mai, 14:00"
    assert client.get("/noon", headers={"Accept-Language": "en"}).text == "17. May, 12:00"


def test_a_view_can_speak_another_language_for_a_while(app):
    assert app.test_client().get("/forced", headers={"Accept-Language": "en"}).text == "Hallo Hello en"


def test_it_works_in_a_context_without_a_request(app):
    app.extensions["babel"].locale_selector = None
    with app.app_context():
        assert format_decimal(1234.5) == "1,234.5"
        assert ngettext("%(num)s apple", "%(num)s apples", 1) == "1 apple"
