"""What a second of a call costs the server: our media path and Pipecat's, in turns, under the same load.

    python -m tests.bench.media_cost [--calls 20] [--seconds 10] [--rounds 2] [--ours-only]

CPU is the time on the processor of all threads of the serving process (/proc/PID/task/*/schedstat); what
gunicorn's arbiter or the load generator uses is not in it. Each call has 4 s of speech, then 6 s of silence, again and
again; 20 ms PCMU frames come in and go out at the same time; Silero listens. Needs `.venv-bench` for Pipecat
(requirements-bench.txt): `--install` makes it.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH_VENV = ROOT / ".venv-bench"
TARGET_MS = 4.0


@dataclass
class Server:
    """A serving process under measurement."""

    name: str
    path: str
    port: int
    process: subprocess.Popen[bytes]
    pid: int

    def get(self, path: str) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name: str, path: str, command: list[str], port: int, *, has_worker: bool) -> Server:
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd="/", env=env)  # away from the product's gunicorn.conf.py
    server = Server(name, path, port, process, process.pid)
    for _ in range(600):
        try:
            server.get("/edges")
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    else:
        raise TimeoutError(f"{name} did not start")
    if has_worker:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        server.pid = int(children[0])
    return server


def start_ours() -> Server:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "--graceful-timeout", "1", "--log-level", "warning", "tests.bench.our_app:app"]
    return start("ours, 20 ms out", "/media", command, port, has_worker=True)


def start_pipecat() -> Server:
    port = free_port()
    command = [str(BENCH_VENV / "bin/python"), str(ROOT / "tests/bench/pipecat_app.py"), str(port)]
    return start("pipecat 1.14", "/media", command, port, has_worker=False)


def cpu_s(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass  # that thread has just ended
    return total / 1e9


def make_speech(path: Path) -> None:
    """4 s of speech, 6 s of the line's silence, μ-law."""
    from backend.audio import g711
    from tests.engines.speech import SENTENCES, silence, spoken

    speech = b"".join(spoken(text) + silence(0.1) for text in SENTENCES[:2] + SENTENCES[3:4])
    path.write_bytes(g711.encode_ulaw((speech[: 16000 * 4]).ljust(16000 * 10, b"\0")))


def measure(server: Server, path: str, calls: int, seconds: float, speech: Path) -> tuple[float, dict[str, float]]:
    """Milliseconds of CPU per call-second, in the middle of the load."""
    command = [sys.executable, "-m", "tests.bench.media_load", str(server.port), path, str(calls)]
    load = subprocess.Popen([*command, str(seconds + 3), str(speech)], cwd=ROOT, stdout=subprocess.PIPE)
    time.sleep(2)
    before, began_at = cpu_s(server.pid), time.monotonic()
    time.sleep(seconds)
    used, took = cpu_s(server.pid) - before, time.monotonic() - began_at
    output, _ = load.communicate(timeout=30)
    time.sleep(1)
    return 1000 * used / (calls * took), json.loads(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--install", action="store_true", help="make .venv-bench first")
    options = parser.parse_args()
    if options.install and not BENCH_VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", str(BENCH_VENV)], check=True)
        (BENCH_VENV / ".gitignore").write_text("*\n")
        pip = [str(BENCH_VENV / "bin/pip"), "install", "-q", "-r", str(ROOT / "requirements-bench.txt")]
        subprocess.run(pip, check=True)

    ours = start_ours()
    runs: list[tuple[str, Server, str]] = [
        ("ours, 20 ms frames out", ours, "/media?frame_ms=20"),
        ("ours, 200 ms frames out", ours, "/media?frame_ms=200"),
    ]
    if not options.ours_only:
        runs.insert(1, ("pipecat 1.14, 20 ms frames out", start_pipecat(), "/media"))
    results: dict[str, list[float]] = {name: [] for name, _, _ in runs}
    notes: dict[str, dict[str, float]] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            speech = Path(folder) / "speech.ulaw"
            make_speech(speech)
            for _ in range(options.rounds):
                for name, server, path in runs:
                    cost, flow = measure(server, path, options.calls, options.seconds, speech)
                    results[name].append(cost)
                    notes[name] = flow | {"edges": server.get("/edges")["edges"]}
    finally:
        for server in {id(server): server for _, server, _ in runs}.values():
            server.process.send_signal(signal.SIGQUIT if server is ours else signal.SIGTERM)
            server.process.wait(15)

    print(f"{'ms CPU per call-second':42} {'min':>7} {'median':>7}   frames/s in, out, edges so far")
    for name, costs in results.items():
        flow = notes[name]
        if flow["received_per_s"] < 45 and "20 ms" in name:
            name += " (saturated)"  # it does less than its work: the cost is understated
        counts = f"{flow['sent_per_s']:.1f}, {flow['received_per_s']:.1f}, {flow['edges']:.0f}"
        print(f"{name:42} {min(costs):7.2f} {statistics.median(costs):7.2f}   {counts}")
    processor = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{processor.partition(':')[2].strip()}, {os.cpu_count()} cores, load average {load}")
    best = statistics.median(results["ours, 20 ms frames out"])
    if "pipecat 1.14, 20 ms frames out" in results:
        ratio = statistics.median(results["pipecat 1.14, 20 ms frames out"]) / best
        print(f"ratio pipecat / ours: {ratio:.1f}")
    print(f"target for ours: at most {TARGET_MS} ms: {'met' if best <= TARGET_MS else 'MISSED'}")


if __name__ == "__main__":
    main()
