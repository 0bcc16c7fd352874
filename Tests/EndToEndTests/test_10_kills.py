"""The agent is killed again and again while the hub applies changes: nothing acknowledged is lost.

The short form kills 25 times; `make soak` kills 200 times.
"""

import random
import shutil
import sqlite3
import threading

from harness import SOAK, wait_for

KILLS = 200 if SOAK else 25


def test_kills_at_random_moments_lose_nothing(fleet):
    hub, agent = fleet
    wait_for(lambda: any(c["type"] == "Ready" and c["status"] == "True"
                         for c in hub.json("/api/v1/nodes/dev1")["status"]["conditions"]), "ready")
    random.seed(7)
    applied = 0
    stop = threading.Event()
    failures = []

    def config(value):
        return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stream"}, "data": {"value": str(value)}},
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "holder"}, "spec": {
                    "terminationGracePeriodSeconds": 0, "containers": [{
                        "name": "main", "image": "busybox:test", "command": ["sleep", "100000"],
                        "envFrom": [{"configMapRef": {"name": "stream"}}]}]}}]

    hub.apply(config(0))

    def changes():
        nonlocal applied
        while not stop.is_set():
            try:
                hub.kubectl("patch", "configmap", "stream", "--type=merge", "-p",
                            '{"data":{"value":"%d"}}' % (applied + 1))
                applied += 1
            except Exception as error:  # the test fails with what was seen
                failures.append(error)
                return
            stop.wait(0.2)

    def floor():
        database = sqlite3.connect(f"file:{agent.data}/state.db?mode=ro", uri=True)
        try:
            return tuple(database.execute("SELECT generation, number FROM link_revision").fetchone() or (0, 0))
        finally:
            database.close()

    writer = threading.Thread(target=changes)
    writer.start()
    highest = (0, 0)
    try:
        for _ in range(KILLS):
            threading.Event().wait(random.uniform(0.02, 0.9))
            agent.kill()
            seen = floor()
            assert seen >= highest, f"the revision went back from {highest} to {seen}"
            acknowledged = max((tuple(row) for row in hub_acks(hub)), default=(0, 0))
            assert seen >= acknowledged, f"acknowledged {acknowledged}, but only {seen} is on disk"
            highest = seen
            agent.start()
    finally:
        stop.set()
        writer.join()
    assert not failures, failures
    wait_for(lambda: agent.json("/api/v1/namespaces/default/configmaps/stream")["data"]["value"] == str(applied),
             f"the device converges to change {applied}", 60)
    wait_for(lambda: agent.running("holder"), "the workload runs")
    agent.stop()
    for name in ("state.db", "spool.db", "images.db"):
        database = sqlite3.connect(f"file:{agent.data}/{name}?mode=ro", uri=True)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), name
        database.close()
    agent.start()


def hub_acks(hub):
    """From a copy: the running hub has its database to itself. Taken anew if a checkpoint came in between."""
    path, copy = hub.data / "state.db", hub.directory / "copy.db"

    def copied() -> bool:
        def state():
            with open(f"{path}-wal", "rb") as log:
                return log.read(32), path.stat().st_mtime_ns
        before = state()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        return state() == before
    wait_for(copied, "a copy of the hub's database")
    database = sqlite3.connect(copy)
    try:
        return database.execute("SELECT acked_generation, acked_revision FROM fleet_devices").fetchall()
    finally:
        database.close()
