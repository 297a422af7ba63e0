"""backend/web/build_console.py, over a small frontend and an npm that does what it is told."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.web import build_console
from backend.web.build_console import BuildError, build, compress, digest_of_sources, find_npm, is_built, main

NPM = """#!/bin/sh
echo "npm $*" >> "$CALLS"
case "$1" in
  ci) mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json;;
  run) [ -z "$BREAKS" ] || { echo "src/App.tsx(1,1): error TS1005"; exit 2; }
       mkdir -p "$5"; echo "<html>" > "$5/index.html";;
esac
"""


@pytest.fixture
def frontend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources, and `npm` and `node` at the head of PATH."""
    tools, folder = tmp_path / "tools", tmp_path / "frontend"
    (folder / "src").mkdir(parents=True)
    tools.mkdir()
    for name, text in {"npm": NPM, "node": "#!/bin/sh\necho v22.1.0\n"}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (folder / "src" / "App.tsx").write_text("one")
    (folder / "index.html").write_text("<html>")
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text('{"packages": {"node_modules/a": {"version": "1.0.0"}}}')
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return folder


def calls(frontend: Path) -> list[str]:
    file = frontend.parent / "calls"
    return [line.split()[1] for line in file.read_text().splitlines()] if file.exists() else []


def test_it_builds_once_and_again_only_when_a_source_has_changed(frontend: Path) -> None:
    """A touched file is no change, a test is no source, what is installed stays installed."""
    assert build(frontend) and not build(frontend)
    os.utime(frontend / "src" / "App.tsx", (1, 1))
    (frontend / "src" / "App.test.tsx").write_text("a test")
    assert not build(frontend)
    (frontend / "src" / "App.tsx").write_text("two")
    assert not is_built(frontend) and build(frontend) and is_built(frontend)

    assert calls(frontend) == ["ci", "run", "run"]
    assert sorted(path.name for path in frontend.glob("dist*")) == ["dist"]


def test_new_versions_are_installed_first(frontend: Path) -> None:
    """The lock file is a source too."""
    build(frontend)
    (frontend / "package-lock.json").write_text('{"packages": {"node_modules/a": {"version": "2.0.0"}}}')
    build(frontend)

    assert calls(frontend) == ["ci", "run", "ci", "run"]


def test_a_build_that_fails_leaves_the_old_one_and_says_why(frontend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last lines of npm, and no stamp that would hide it."""
    build(frontend)
    (frontend / "src" / "App.tsx").write_text("broken")
    monkeypatch.setenv("BREAKS", "1")
    with pytest.raises(BuildError, match="TS1005"):
        build(frontend)

    assert (frontend / "dist" / "index.html").exists() and not is_built(frontend)


def test_the_command_fails_or_warns(
    frontend: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make demo` goes on without a console, `make console` does not."""
    monkeypatch.setattr(build_console.build, "__defaults__", (frontend,))
    monkeypatch.setenv("BREAKS", "1")

    assert (main([]), main(["--or-warn"])) == (1, 0)
    said = capsys.readouterr().err
    assert said.count("TS1005") == 2 and said.count("going on without it") == 1


def test_two_at_once_build_once(frontend: Path) -> None:
    """The second waits and finds it done."""
    code = "import sys, pathlib, backend.web.build_console as b; print(b.build(pathlib.Path(sys.argv[1])))"
    racing = [
        subprocess.Popen([sys.executable, "-c", code, str(frontend)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0].splitlines()[-1] for process in racing]

    assert sorted(said) == ["False", "True"] and calls(frontend).count("run") == 1


def test_a_node_that_is_too_old_is_not_used(frontend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that cannot be started."""
    node = frontend.parent / "tools" / "node"
    assert find_npm()[0] == [str(node.with_name("npm"))]
    node.write_text("#!/bin/sh\necho v18.20.0\n")
    monkeypatch.setattr(build_console, "ROOT", frontend)  # no requirements-console.txt: pip has nothing to install
    wheel = find_npm_or_error()

    assert str(node.with_name("npm")) not in wheel


def find_npm_or_error() -> str:
    try:
        return str(find_npm()[0])
    except BuildError as error:
        return str(error)


def test_twins_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Text only: a font is compressed already."""
    (tmp_path / "a.js").write_text("x" * 1000)
    (tmp_path / "b.woff2").write_bytes(b"x")
    compress(tmp_path)
    first = (tmp_path / "a.js.gz").read_bytes()
    compress(tmp_path)

    assert gzip.decompress(first) == b"x" * 1000 and (tmp_path / "a.js.gz").read_bytes() == first
    assert not (tmp_path / "b.woff2.gz").exists()


def test_a_renamed_source_is_a_change(frontend: Path) -> None:
    """Names are part of it."""
    before = digest_of_sources(frontend)
    (frontend / "src" / "App.tsx").rename(frontend / "src" / "Page.tsx")

    assert digest_of_sources(frontend) != before
