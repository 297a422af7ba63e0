"""The voice protocol: voice.proto and the Python generated from it (see generate.py). Nothing here is written by hand
except the .proto, so the generated files are checked for being fresh, not for style."""
