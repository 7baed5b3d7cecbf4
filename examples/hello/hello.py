"""The first program: one route, answered in JSON."""

from trivet import Response, Trivet, jsonify, request

app = Trivet(__name__)


@app.route("/api/hello")
def hello() -> Response:
    """Greet whoever is named in the query: ``/api/hello?name=Ada``."""
    name = request.args.get("name", "World")
    return jsonify({"message": f"Hello, {name}"})
