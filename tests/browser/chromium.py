"""A real Chromium for tests: Debian's, installed by this file where it is missing (pip and npm have none).

`path()` is its executable. Without it and without the right to install one, `ChromiumMissing` says what to do: a machine
that cannot run these tests must be told so, not look as if it had passed them.
"""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # it looks up its makers' hosts at every start otherwise
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


class ChromiumMissing(RuntimeError):
    """There is none, and none can be installed."""


def path() -> str:
    """The browser's executable."""
    return _find() or _install()


def _find() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _install() -> str:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ChromiumMissing("browser tests need Chromium: apt-get install chromium, as root")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise ChromiumMissing(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    found = _find()
    if found is None:
        raise ChromiumMissing("apt-get installed no Chromium")
    return found
