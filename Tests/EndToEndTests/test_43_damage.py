"""A store that is damaged in every way flash has: the daemon comes up with the last good state and says so; what runs, runs on."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import SLEEP, Agent, deployment, import_busybox, pod, wait_for


def checksum(path: Path) -> str:
    """FNV-1a, 64 bits: what a snapshot's name ends with."""
    value = 0xcbf29ce484222325
    for byte in path.read_bytes():
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{value:016x}"


class Device:
    """An agent with a pod that its newest snapshot knows, and pods that came later."""

    def __init__(self, place: Path, images: Path):
        self.place = place
        self.agent = Agent(place / "a", "--node-name", "dev1")
        self.agent.data.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "wherry-damage", self.agent.data], check=True)
        self.agent.start()
        import_busybox(self.agent, images)
        self.agent.apply([pod("early", SLEEP), pod("renewed", SLEEP)])
        wait_for(lambda: self.agent.running("early") and self.agent.running("renewed"), "both run")
        self.agent.stop()
        self.snapshot()
        self.agent.start()
        self.agent.kubectl("delete", "pod", "renewed", "--now")
        self.agent.apply(pod("renewed", SLEEP))
        self.renewed = wait_for(lambda: self.agent.running("renewed"), "the new one of the same name runs")["metadata"]["uid"]
        self.agent.kubectl("create", "namespace", "site")
        self.agent.kubectl("apply", "-n", "site", "-f", "-", input=json.dumps(pod("other", SLEEP)))
        self.agent.apply(deployment("late", 2, SLEEP))
        wait_for(lambda: self.agent.running("other", "site"), "other runs")
        wait_for(lambda: all(self.agent.running(p["metadata"]["name"]) for p in self.late()) and len(self.late()) == 2, "late runs")
        self.pids = self.agent.container_pids()
        assert len(self.pids) == 5

    def late(self):
        return self.agent.pods("app=late")

    @property
    def state(self) -> Path:
        return self.agent.data / "state.db"

    def snapshot(self):
        copy = self.place / "copy.db"
        copy.unlink(missing_ok=True)
        with sqlite3.connect(self.state) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        connection.close()
        shutil.copy(copy, f"{self.state}.snapshot-1-{checksum(copy)}")

    def sql(self, *statements: str):
        connection = sqlite3.connect(self.state)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    def cut(self):
        """The power goes, as far as the daemon is concerned."""
        self.agent.kill()
        self.agent.log.write_text("")

    def back(self) -> str:
        """Starts again; gives what the log says about the store. Everything that ran must be there, untouched."""
        self.agent.start()
        wait_for(lambda: self.agent.running("early") and self.agent.running("other", "site") and len(self.late()) == 2
                 and all(self.agent.running(p["metadata"]["name"]) for p in self.late()), "all is known again")
        # More than one pass of what removes leftovers.
        self.agent.kubectl("create", "configmap", f"after-{os.urandom(4).hex()}")
        assert self.agent.container_pids() == self.pids
        assert self.agent.running("renewed")["metadata"]["uid"] == self.renewed, "what runs, not what the snapshot knew"
        for pid in self.pids.values():
            os.kill(pid, 0)
        return "\n".join(line for line in self.agent.log.read_text().splitlines() if "database" in line)

    def close(self):
        self.agent.remove_everything()
        subprocess.run(["umount", "-l", self.agent.data], check=False)
        shutil.rmtree(self.place, ignore_errors=True)


@pytest.fixture(scope="module")
def device(images):
    device = Device(Path(tempfile.mkdtemp(prefix="w-", dir="/tmp")), images)
    yield device
    device.close()


def overwrite(path: Path, offset: int, data: bytes):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def folded(device) -> Path:
    """The file with all that the log held, which could mend it."""
    device.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return device.state


def zeroed_pages(device):
    folded(device)
    size = device.state.stat().st_size
    overwrite(device.state, size // 8192 * 4096, b"\0" * 8192)


DAMAGES = {
    "truncated": lambda d: os.truncate(d.state, d.state.stat().st_size // 2 // 4096 * 4096 + 100),
    "cut to nothing": lambda d: os.truncate(d.state, 0),
    "zeroed pages": zeroed_pages,
    "header of something else": lambda d: overwrite(folded(d), 0, b"\x7fELF" + b"\xa5" * 96),
    "noise": lambda d: d.state.write_bytes(os.urandom(200_000)),
    "missing": lambda d: d.state.unlink(),
    "newer schema": lambda d: d.sql("INSERT INTO migrations (id) VALUES (9999)"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_replaced_by_its_snapshot_and_what_runs_is_found_again(device, damage):
    device.cut()
    DAMAGES[damage](device)
    said = device.back()
    assert '"level":"critical"' in said.replace(" ", "") or "critical" in said.lower(), said
    assert "was set aside as" in said and ".snapshot-1-" in said, said
    metrics = device.agent.get("/metrics")[1].decode()
    assert "wherry_store_restored 1" in metrics
    assert any(e["reason"] == "Recovered" for e in device.agent.events("other", "site"))
    assert list(device.agent.data.glob("state.db.damaged-*")), "nothing is thrown away"


def test_found_pods_go_on_as_pods_do(device):
    """They are supervised, and their owner takes them in when it comes back."""
    before = {p["metadata"]["uid"] for p in device.late()}
    assert not any("ownerReferences" in p["metadata"] for p in device.late())
    device.agent.apply(deployment("late", 2, SLEEP))
    wait_for(lambda: device.agent.json("/apis/apps/v1/namespaces/default/deployments/late")["status"].get("readyReplicas") == 2,
             "the deployment has its pods")
    assert {p["metadata"]["uid"] for p in device.late()} == before
    assert all(p["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet" for p in device.late())
    assert device.agent.container_pids() == device.pids


@pytest.mark.parametrize("damage", ["missing", "zeroed"])
def test_without_its_log_the_store_lacks_the_last_changes_only(device, damage):
    # What the log holds when the power goes is what came since the last checkpoint.
    device.cut()
    log = Path(f"{device.state}-wal")
    if damage == "missing":
        log.unlink()
    else:
        log.write_bytes(b"\0" * max(log.stat().st_size, 8192))
    said = device.back()
    assert "log was missing or damaged" in said and "critical" in said.lower(), said


def test_an_older_schema_is_brought_up_and_leaves_a_way_back(device):
    before = device.agent.kubectl("get", "pods", "-A", "--no-headers", "-o", "name").stdout
    device.agent.stop()
    device.agent.log.write_text("")
    connection = sqlite3.connect(device.state)
    newest = connection.execute("SELECT max(id) FROM migrations").fetchone()[0]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    assert newest >= 200 and "objects" in tables
    # The newest step is one of the bundles' tables.
    dropped = [table for table in tables if "bundle" in table or "receipt" in table]
    assert dropped, tables
    device.sql(*[f"DROP TABLE {table}" for table in dropped], f"DELETE FROM migrations WHERE id = {newest}")
    snapshots = set(device.agent.data.glob("state.db.snapshot-*"))
    assert device.back() == ""
    assert device.agent.kubectl("get", "pods", "-A", "--no-headers", "-o", "name").stdout == before
    assert set(device.agent.data.glob("state.db.snapshot-*")) - snapshots, "a snapshot from before"


def test_a_full_disk_keeps_the_daemon_up(device):
    device.cut()
    filler = device.agent.data / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65536):
                pass
        except OSError:
            pass
    try:
        device.agent.start()
        wait_for(lambda: device.agent.running("early"), "it knows its pods")
        done = device.agent.kubectl("create", "configmap", "big", "--from-literal=a=" + "x" * 100_000, check=False)
        assert done.returncode == 1 and "disk" in done.stderr.lower(), done.stderr
        assert device.agent.container_pids() == device.pids
        # What frees space works.
        device.agent.kubectl("delete", "pod", "other", "-n", "site", "--now")
    finally:
        filler.unlink()
    device.pids = {name: pid for name, pid in device.agent.container_pids().items()}
    assert len(device.pids) == 4
    device.agent.kubectl("create", "configmap", "big", "--from-literal=a=1")
    device.agent.kubectl("apply", "-n", "site", "-f", "-", input=json.dumps(pod("other", SLEEP)))
    wait_for(lambda: device.agent.running("other", "site"), "other runs again")
    device.pids = device.agent.container_pids()


def test_on_a_read_only_disk_the_device_goes_on_in_memory(device):
    agent = device.agent
    agent.stop()
    agent.log.write_text("")
    before = {path: path.read_bytes() for path in agent.data.glob("*.db*")}
    subprocess.run(["mount", "-o", "remount,ro", agent.data], check=True)
    try:
        agent.start()
        assert "file system is read-only: going on in memory" in agent.log.read_text()
        wait_for(lambda: agent.running("early"), "it knows its pods")
        assert agent.container_pids() == device.pids
        conditions = json.loads(agent.kubectl("get", "node", "dev1", "-o", "json").stdout)["status"]["conditions"]
        assert any(c["type"] == "ReadonlyFilesystem" and c["status"] == "True" for c in conditions), conditions
        assert "wherry_data_read_only 1" in agent.get("/metrics")[1].decode()
        # What cannot be kept is not promised.
        for change in (["create", "configmap", "a", "--from-literal=a=1"], ["delete", "pod", "early"], ["label", "pod", "early", "a=b"]):
            done = agent.kubectl(*change, check=False)
            assert done.returncode == 1 and "is on a read-only file system, so no change can be kept" in done.stderr, done.stderr
        done = agent.cli("bundle", "install", "/dev/null", check=False)
        assert done.returncode != 0 and "read-only file system" in done.stderr, done.stderr
        # It supervises, and a second start goes on from the first.
        container = agent.running("early")["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        os.kill(device.pids[container], signal.SIGKILL)
        restarted = lambda: agent.running("early")["status"]["containerStatuses"][0]["restartCount"] == 1
        wait_for(restarted, "early was started again")
        wait_for(lambda: agent.kubectl("exec", "early", "--", "sh", "-c", "echo kept > /file; cat /file").stdout == "kept\n", "it has a root to write to")
        pids = agent.container_pids()
        agent.kill()
        agent.start()
        wait_for(restarted, "it knows of the start")
        assert agent.container_pids() == pids
        assert {path: path.read_bytes() for path in agent.data.glob("*.db*")} == before
        agent.log.write_text("")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", agent.data], check=True)
    # It sees by itself that there is a disk again.
    wait_for(lambda: "starting again" in agent.log.read_text(), "it starts again", 90)
    wait_for(lambda: agent.kubectl("create", "configmap", "kept", "--from-literal=a=1", check=False).returncode == 0, "changes are taken")
    assert agent.container_pids() == pids
    agent.kubectl("delete", "configmap", "kept")
    assert "wherry_data_read_only 0" in agent.get("/metrics")[1].decode()
    # The container that was started in memory still has its files; a second time begins with what the disk has by then.
    agent.kubectl("create", "configmap", "between", "--from-literal=a=1")
    agent.stop()
    agent.log.write_text("")
    subprocess.run(["mount", "-o", "remount,ro", agent.data], check=True)
    try:
        agent.start()
        assert "going on in memory" in agent.log.read_text()
        wait_for(lambda: agent.running("early"), "it knows its pods")
        assert agent.kubectl("get", "configmap", "between", "-o", "jsonpath={.data.a}").stdout == "1"
        assert agent.cli("images", "--check", "--no-repair").returncode == 0
        assert agent.kubectl("exec", "early", "--", "cat", "/file").stdout == "kept\n"
        agent.stop()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", agent.data], check=True)
    agent.start()
    wait_for(lambda: agent.running("early"), "it knows its pods")
    assert agent.container_pids() == pids and not list(agent.run_dir.glob("read-only-data-2"))
    agent.kubectl("delete", "configmap", "between")
    device.pids = pids


def test_with_nothing_left_of_the_store_what_runs_is_found(device):
    device.cut()
    for path in device.agent.data.glob("state.db*"):
        path.unlink()
    device.state.write_bytes(os.urandom(100_000))
    said = device.back()
    assert "no snapshot was usable" in said and "started empty" in said, said
    device.agent.kill(signal.SIGTERM)


def test_a_disk_that_gives_up_under_a_running_agent(place, images):
    """As ext4 does after an error, with errors=remount-ro."""
    agent, disk = Agent(place / "a", "--node-name", "dev1"), place / "disk"
    agent.data.mkdir(parents=True)
    subprocess.run(["truncate", "-s", "200M", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", disk, agent.data], check=True)
    try:
        source = subprocess.run(["findmnt", "-no", "SOURCE", agent.data], check=True, capture_output=True, text=True).stdout.strip()
        agent.start()
        import_busybox(agent, images)
        agent.apply(pod("web", SLEEP))
        wait_for(lambda: agent.running("web"), "web runs")
        pids, process = agent.container_pids(), agent.process.pid
        Path(f"/sys/fs/ext4/{os.path.basename(source)}/trigger_fs_error").write_text("test\n")
        wait_for(lambda: "going on in memory" in agent.log.read_text(), "it has seen it", 120)
        agent.wait_ready()
        wait_for(lambda: agent.running("web"), "web is known")
        assert agent.container_pids() == pids and agent.process.poll() is None
        assert os.readlink(f"/proc/{process}/exe") == os.path.realpath(agent.binary)
        done = agent.kubectl("create", "configmap", "a", check=False)
        assert done.returncode == 1 and "no change can be kept" in done.stderr, done.stderr
        os.kill(*pids.values(), signal.SIGKILL)
        wait_for(lambda: agent.running("web")["status"]["containerStatuses"][0]["restartCount"] == 1, "it supervises")
    finally:
        agent.remove_everything()
        subprocess.run(["umount", "-l", agent.data], check=False)


def test_the_rest_of_a_first_start_is_taken_up(place):
    """The power went after the authority's key was written, or its certificate was lost: who trusts it goes on."""
    agent = Agent(place / "a", "--node-name", "dev1").start()
    agent.kubectl("get", "nodes")  # fetches a kubeconfig with the certificate of now
    certificate = agent.data / "tls/ca.pem"
    before = certificate.read_text()
    agent.kill()
    certificate.unlink()
    agent.start()
    assert agent.kubectl("get", "nodes", "-o", "name").stdout.strip() == "node/dev1"
    assert certificate.read_text() != before
    agent.remove_everything()


def test_a_stop_while_the_agent_starts_itself_again_is_a_stop(place):
    agent = Agent(place / "a", "--node-name", "dev1")
    agent.data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "wherry-damage", agent.data], check=True)
    try:
        agent.start()
        agent.stop()
        subprocess.run(["mount", "-o", "remount,ro", agent.data], check=True)
        agent.start()
        subprocess.run(["mount", "-o", "remount,rw", agent.data], check=True)
        wait_for(lambda: "starting again" in agent.log.read_text(), "it starts again", 90, 0.001)
        agent.process.send_signal(signal.SIGTERM)
        # By the signal itself, when the program that it has become was not there yet to heed it.
        assert agent.process.wait(30) in (0, -signal.SIGTERM)
    finally:
        agent.remove_everything()
        subprocess.run(["umount", "-l", agent.data], check=False)
