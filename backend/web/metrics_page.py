"""/metrics: the figures of all workers together, in Prometheus's text format. Needs the API key."""

import os

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import backend.metrics  # noqa: F401  so that every figure exists from the start
from backend.web.openapi import CLOSED, SECURITY

blueprint = APIBlueprint("metrics", __name__, abp_tags=[Tag(name="health")], abp_security=SECURITY)


@blueprint.get(
    "/metrics",
    summary="Prometheus figures",
    responses={200: {"description": "text", "content": {"text/plain": {}}}, **CLOSED},
)
def metrics() -> Response:
    registry: CollectorRegistry = REGISTRY
    # The library's own switch, read the way it reads it: whether values are shared was settled at its import.
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
