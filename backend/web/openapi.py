"""The Flask application before anything is registered on it: our errors, our limits, and the OpenAPI document at
/openapi.json, generated from the models and signatures of the views."""

from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from backend import __name__ as package
from backend.web import access, bodies, errors, security_headers

API_VERSION = "1"
BEARER = "api_key"
SESSION = "session"

SECURITY: list[dict[str, list[Any]]] = [{BEARER: []}, {SESSION: []}]
"""For blueprints under /api."""

CLOSED: dict[str | int, Any] = {status: errors.ErrorAnswer for status in (401, 403, 500, 503)}
"""What every address under /api may answer."""

WITH_BODY: dict[str | int, Any] = {status: errors.ErrorAnswer for status in (400, 413, 415, 422)}
"""And what one that takes JSON may answer besides."""


class OffhookApp(OpenAPI):
    """flask-openapi3 documents a 422 for every address, whether or not it can happen; we document what does happen."""

    def generate_spec_json(self) -> None:
        declared = {
            id(operation): set(operation.responses or ())
            for item in self.paths.values()
            for operation in (item.get, item.post, item.put, item.patch, item.delete)
            if operation is not None
        }
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        for rule, item in self.paths.items():
            for method in ("get", "post", "put", "patch", "delete"):
                operation = getattr(item, method)
                if operation is not None and "422" not in declared[id(operation)]:
                    self.spec_json["paths"][rule][method]["responses"].pop("422", None)


def new_app() -> OffhookApp:
    """An app without addresses. `backend/app.py` adds them and the services."""
    app = OffhookApp(
        package,
        info=Info(title="Offhook", version=API_VERSION, description="An AI phone agent that you host yourself."),
        security_schemes={
            BEARER: {"type": "http", "scheme": "bearer"},
            SESSION: {"type": "apiKey", "in": "cookie", "name": access.COOKIE},
        },
        validation_error_model=errors.ErrorAnswer,
        validation_error_callback=errors.invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.add_url_rule("/openapi.json", "openapi_document", lambda: app.api_doc, methods=["GET"])
    errors.install(app)
    security_headers.install(app)
    access.install(app)
    bodies.install(app)
    return app
