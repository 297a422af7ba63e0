"""How a program without gevent (the command line, the smoke test) connects to a TTS worker with grpcio. A web worker does
not: see engines/grpc_channel.py."""

CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    # Without this one a stopped worker went unnoticed for a minute.
    ("grpc.http2.ping_timeout_ms", 1_500),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also how long connecting may take.
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two workers on one address must not share a socket through gRPC's global pool after a restart.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy of the environment is for the world outside.
    ("grpc.enable_http_proxy", 0),
)
