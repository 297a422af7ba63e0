"""backend/web/api.py"""

from flask.testing import FlaskClient


def test_every_documented_address_is_served_and_every_operation_says_what_it_answers(client: FlaskClient) -> None:
    """The document is generated from the blueprints in the list; one that is missing there is missing here."""
    document = client.get("/openapi.json").get_json()
    addresses = set(document["paths"])

    assert {"/api/agents", "/api/agents/{agent_id}", "/api/calls", "/healthz", "/readyz", "/metrics"} <= addresses
    for path, operations in document["paths"].items():
        for name, operation in operations.items():
            assert operation["responses"], f"{name} {path} documents no answer"
