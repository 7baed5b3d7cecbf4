"""Flask-Mail: a view sends a message that a test can read."""

import pytest
from flask import Flask, render_template_string
from flask_mail import Mail, Message, email_dispatched


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config.update(TESTING=True, MAIL_DEFAULT_SENDER=("The shop", "shop@example.com"))
    app.mail = Mail(app)

    @app.post("/order/<int:number>")
    def order(number):
        message = Message(f"Order {number}", recipients=["ada@example.com"])
        message.html = render_template_string("<b>{{ number }}</b>", number=number)
        message.attach("bill.txt", "text/plain", "1 Euro")
        app.mail.send(message)
        return "sent"

    return app


def test_a_view_sends_a_message(app):
    with app.app_context(), app.mail.record_messages() as sent:
        assert app.test_client().post("/order/7").text == "sent"
    (message,) = sent
    assert message.subject == "Order 7"
    assert "The shop" in message.sender
    assert message.html == "<b>7</b>"
    assert message.attachments[0].filename == "bill.txt"


def test_the_signal_tells_of_it(app):
    told = []

    def tell(app, message):
        told.append((app.name, message.subject))

    with email_dispatched.connected_to(tell):
        app.test_client().post("/order/8")
    assert told == [(app.name, "Order 8")]
