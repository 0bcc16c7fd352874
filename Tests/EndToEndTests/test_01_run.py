"""A newcomer's first command: the example runs, and Ctrl-C leaves nothing behind."""

import os
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

from harness import WHERRY, free_port, wait_for

RUN = Path(__file__).resolve().parents[2] / "deploy/example/run.sh"


def processes_mentioning(text: str) -> list[str]:
    """In their command line or working directory: mosquitto's files are named relative to that."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                directory = os.readlink(entry / "cwd")
            except OSError:
                continue
            if text in line or text in directory:
                found.append(f"{entry.name}: {line}")
    return found


def test_make_run_reaches_ready_serves_the_page_and_ctrl_c_leaves_nothing(place):
    port = free_port()
    home = place / "home"
    process = subprocess.Popen([str(RUN), WHERRY], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               env={**os.environ, "WHERRY_PORT": str(port), "WHERRY_HOME": str(home)})
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        wait_for(lambda: any(line.startswith("ready:") for line in lines) or process.poll() is not None,
                 "the ready line", 90)
        text = "".join(lines)
        assert "\nready: " in text, text
        assert "Ready" in text and "Running" in text and "kubectl --kubeconfig" in text, text
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode()
        assert "Hello from Wherry" in page
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    reader.join(10)
    wait_for(lambda: not processes_mentioning(str(home)), f"no process left: {processes_mentioning(str(home))}", 30)
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
    assert not list(Path("/sys/fs/cgroup").glob("*/wherry/*hello*")), "cgroups left behind"
