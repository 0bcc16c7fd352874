"""The image store on a small disk, on a disk that rots, and under kills."""

import contextlib
import hashlib
import json
import mmap
import os
import random
import re
import subprocess
import threading
import time
import zlib
from pathlib import Path

import pytest

import guest
from harness import SLEEP, SOAK, WHERRY, Agent, Registry, deployment, import_busybox, oci_layout, pod, run, wait_for

MEGABYTE = 1 << 20


class SmallDisk:
    """An ext4 file system in a file, mounted where only the agent sees it."""

    def __init__(self, directory: Path, megabytes: int):
        self.image, self.point = directory / "disk", directory / "a"
        self.point.mkdir(parents=True)
        with open(self.image, "wb") as file:
            file.truncate(megabytes * MEGABYTE)
        run("mkfs.ext4", "-q", "-m", "0", self.image)

    @property
    def prefix(self) -> tuple[str, ...]:
        mount = f'mount -o loop "{self.image}" "{self.point}" && exec "$@"'
        return ("unshare", "-m", "--propagation", "private", "sh", "-c", mount, "sh")


class SmallAgent(Agent):
    """An agent whose data and run directories are on a disk of its own."""

    def __init__(self, directory: Path, megabytes: int, *options: str):
        self.disk = SmallDisk(directory, megabytes)
        super().__init__(self.disk.point, "--node-name", "small", *options, prefix=self.disk.prefix)
        # The socket must be reachable from outside the mount namespace, and the log must not fill the disk.
        self.run_dir, self.log = directory / "run", directory / "agent.log"

    def inside(self, path: str = "") -> Path:
        return Path(f"/proc/{self.process.pid}/root{self.disk.point}/{path}")

    def free(self) -> int:
        info = os.statvfs(self.inside())
        return info.f_bavail * info.f_frsize

    def fill(self, leave: int = 0):
        """Takes all but some bytes of the disk."""
        with open(self.inside("filler"), "ab") as file:
            with contextlib.suppress(OSError):
                while (rest := self.free() - leave) > 4096:
                    os.posix_fallocate(file.fileno(), file.seek(0, 2), min(rest, 4 * MEGABYTE))
                    file.seek(0, 2)

    def empty(self):
        self.inside("filler").unlink(missing_ok=True)


@pytest.fixture
def small(place, images, request):
    agent = SmallAgent(place / "s", *request.param)
    agent.start()
    import_busybox(agent, images)
    yield agent
    agent.remove_everything()


def noise(path: Path, size: int, seed: int):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(random.Random(seed).randbytes(size))


def image_of(place: Path, registry: Registry, name: str, *layers: tuple[str, int]):
    """Pushes busybox with further layers: ("noise", bytes) does not compress, ("sparse", bytes) does, twentyfold."""
    layout = oci_layout(place / "layout", SLEEP)
    path = str(layout).rsplit(":", 1)[0]
    run("umoci", "tag", "--image", f"{path}:latest", name)
    for number, (kind, size) in enumerate(layers):
        file = place / "content" / name / str(number) / f"{kind}-{name}-{number}"
        if kind == "noise":
            noise(file, size, seed=zlib.crc32(name.encode()) + number)
        else:
            noise(file, MEGABYTE // 20, seed=number)
            piece = file.read_bytes().ljust(MEGABYTE, b"\0")
            with open(file, "wb") as out:
                for turn in range(size // MEGABYTE):
                    out.write(random.Random(turn).randbytes(MEGABYTE // 20) + piece[MEGABYTE // 20:])
        run("umoci", "insert", "--image", f"{path}:{name}", file, f"/srv/{file.name}")
    registry.push(f"{name}:1", Path(f"{path}:{name}"))
    return f"{registry.host}/{name}:1"


def waiting(agent: Agent, name: str) -> str:
    """Why a pod's container does not run yet."""
    statuses = agent.pod(name).get("status", {}).get("containerStatuses", [])
    messages = [e["message"] for e in agent.events(name) if e["type"] == "Warning"]
    return " ".join([json.dumps(s["state"]) for s in statuses] + messages)


def check(agent: Agent, *options: str, code: int = 0) -> str:
    done = agent.cli("images", "--check", *options, check=False)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{agent.tail()}"
    return done.stdout + done.stderr


def layers(agent: Agent) -> list[str]:
    root = agent.inside("data") if isinstance(agent, SmallAgent) else agent.data
    return sorted(p.name for p in (root / "layers").iterdir() if len(p.name) == 64)


# MARK: Small disk


@pytest.mark.parametrize("small", [(160,)], indirect=True)
def test_a_full_disk_before_a_pull_holds_the_pod_until_space_is_freed(small, place, registry):
    reference = image_of(place, registry, "big", ("noise", 12 * MEGABYTE))
    small.apply(pod("runs", SLEEP))
    before = wait_for(lambda: small.running("runs"), "a pod runs")
    small.fill(leave=20 * MEGABYTE)
    small.apply(pod("waits", SLEEP, image=reference))
    text = wait_for(lambda: (t := waiting(small, "waits")) and "MiB are free" in t and t, "the pull is refused")
    assert f"on the disk of {small.data}" in text
    assert len(layers(small)) == 1, "nothing of it was fetched"
    small.empty()
    wait_for(lambda: small.running("waits"), "freed space lets the pod go on", 60)
    assert small.running("runs")["status"]["containerStatuses"][0]["restartCount"] == 0
    assert small.running("runs")["status"]["startTime"] == before["status"]["startTime"]
    check(small)


@pytest.mark.parametrize("small", [(200,)], indirect=True)
def test_a_disk_that_fills_during_unpacking_keeps_finished_layers(small, place, registry):
    # The last layer is twenty times as much unpacked, where the admission reckons with three.
    reference = image_of(place, registry, "grows", ("noise", 3 * MEGABYTE), ("sparse", 90 * MEGABYTE))
    small.apply(pod("runs", SLEEP))
    wait_for(lambda: small.running("runs"), "a pod runs")
    small.fill(leave=95 * MEGABYTE)
    small.apply(pod("waits", SLEEP, image=reference))
    wait_for(lambda: "free space" in waiting(small, "waits"), "unpacking meets the end of the disk", 60)
    finished = layers(small)
    assert len(finished) >= 2, "the layers before it stay"
    inodes = {name: (small.inside("data/layers") / name).stat().st_ino for name in finished}
    small.empty()
    wait_for(lambda: small.running("waits"), "freed space lets the pod go on", 90)
    for name, inode in inodes.items():
        assert (small.inside("data/layers") / name).stat().st_ino == inode, "a finished layer was not made anew"
    assert small.running("runs")["status"]["containerStatuses"][0]["restartCount"] == 0
    assert "0 damaged" in check(small)


@pytest.mark.parametrize("small", [(160,)], indirect=True)
def test_a_disk_full_to_the_last_byte_at_any_moment_leaves_nothing_half(small, place, registry):
    reference = image_of(place, registry, "rounds", ("noise", 5 * MEGABYTE), ("noise", 5 * MEGABYTE))
    small.apply(pod("runs", SLEEP))
    wait_for(lambda: small.running("runs"), "a pod runs")
    chance = random.Random(31)
    failures = 0
    for _ in range(60 if SOAK else 6):
        pull = subprocess.Popen([small.binary, "pull", reference, "--run-dir", str(small.run_dir)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Event().wait(chance.uniform(0.02, 0.5))  # the moment is the input of this test
        small.fill()
        output = pull.communicate(timeout=60)[0]
        failures += pull.returncode != 0
        assert pull.returncode == 0 or "disk" in output, output
        assert small.process.poll() is None, small.tail()
        assert small.get("/readyz")[0] == 200
        small.empty()
        assert "0 damaged" in check(small)
        small.cli("rmi", reference, check=pull.returncode == 0)
    assert failures, "no pull met the full disk: the test tests nothing"
    small.cli("pull", reference)
    assert small.running("runs")["status"]["containerStatuses"][0]["restartCount"] == 0
    reserve = small.inside("data/reserve")
    wait_for(lambda: reserve.exists() and reserve.stat().st_size >= 8 * MEGABYTE, "the reserve is back", 30)


@pytest.mark.parametrize("small", [(220, "--image-minimum-age", "0")], indirect=True)
def test_collection_takes_what_nothing_needs_and_never_what_is_pinned(small, place, registry):
    names = {name: image_of(place, registry, name, ("noise", 4 * MEGABYTE))
             for name in ("current", "previous", "used", "unused")}
    small.cli("pull", names["unused"])
    small.apply(pod("user", SLEEP, image=names["used"]))
    small.apply(deployment("web", 1, SLEEP, image=names["previous"]))
    wait_for(lambda: small.pods("app=web") and small.running(small.pods("app=web")[0]["metadata"]["name"]), "web runs")
    small.apply(deployment("web", 1, SLEEP, image=names["current"]))

    def rolled():
        pods = small.pods("app=web")
        assert len(pods) == 1 and pods[0]["spec"]["containers"][0]["image"] == names["current"]
        return small.running(pods[0]["metadata"]["name"])
    wait_for(rolled, "web runs the new image")
    wait_for(lambda: small.running("user"), "user runs")
    small.fill(leave=25 * MEGABYTE)

    def listed() -> str:
        return small.cli("images").stdout
    wait_for(lambda: names["unused"] not in listed(), "the unused image goes", 30)
    # Nothing else can bring the disk below its mark, and still nothing else goes.
    for _ in range(3):
        stamp = small.tail()
        wait_for(lambda: True, "a look", 1)
        assert all(names[name] in listed() for name in ("current", "previous", "used")), f"{listed()}\n{stamp}"
    small.empty()
    check(small)


# MARK: Rot


def flip(path: Path, offset: int | None = None):
    """Changes one byte and gives the file its times back, as a failing medium does."""
    info = path.stat()
    with open(path, "r+b") as file:
        file.seek(info.st_size // 2 if offset is None else offset)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 0x20]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def parts(agent: Agent, reference: str) -> dict[str, Path]:
    """A file of each kind that an image is stored in."""
    image = next(i for i in agent.json("/images/json") if reference in i["RepoTags"])
    blobs = agent.data / "blobs" / "sha256"
    config = blobs / image["Id"].split(":")[1]
    manifest = next(b for b in blobs.iterdir() if b != config and image["Id"] in b.read_bytes().decode("latin-1"))
    layer = next((agent.data / "layers").glob("*/srv")).parent
    found = {"layer file": next((layer / "srv").iterdir()), "layer index": Path(f"{layer}.index"), "config": config,
             "manifest": manifest}
    kept = [b for b in blobs.iterdir() if b.stat().st_size > MEGABYTE]
    return {**found, "kept blob": kept[0]} if kept else found


@pytest.mark.parametrize("keeps", [False, True], ids=["blobs dropped", "blobs kept"])
def test_a_flipped_byte_is_found_reported_and_repaired(place, registry, keeps):
    agent = Agent(place / "a", "--node-name", "dev1", *(["--keep-blobs"] if keeps else [])).start()
    try:
        reference = image_of(place, registry, "rot", ("noise", 2 * MEGABYTE))
        agent.cli("pull", reference)
        originals = {kind: path.read_bytes() for kind, path in parts(agent, reference).items()}
        assert ("kept blob" in originals) == keeps
        if keeps:
            registry.stop()  # what was kept must do
        for kind, path in parts(agent, reference).items():
            if keeps and kind in ("config", "manifest"):
                continue
            flip(path)
            text = check(agent)
            assert "repaired" in text and "1 damaged, 1 repaired" in text, f"{kind}: {text}"
            assert kind == "kept blob" or path.read_bytes() == originals[kind], kind
            assert "0 damaged" in check(agent), kind
        agent.apply(pod("runs", SLEEP, image=reference))
        wait_for(lambda: agent.running("runs"), "the repaired image runs")
    finally:
        agent.remove_everything()


def test_a_damaged_image_is_never_started_and_comes_back_by_itself(place, registry):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        reference = image_of(place, registry, "rot", ("noise", 2 * MEGABYTE))
        agent.cli("pull", reference)
        registry.stop()
        file = parts(agent, reference)["layer file"]
        flip(file)
        text = check(agent, code=1)
        assert file.name in text and "1 damaged, 0 repaired" in text
        assert "(damaged)" in agent.cli("images").stdout
        agent.apply(pod("p", SLEEP, image=reference))
        text = wait_for(lambda: (t := waiting(agent, "p")) and "damaged" in t and t, "the pod says why it waits")
        assert file.name in text
        assert not agent.container_pids(), "nothing was started"
        # A restart of the agent does not forget.
        agent.kill()
        agent.start()
        assert not agent.container_pids()
        registry.start()
        wait_for(lambda: agent.running("p"), "with the registry back it is repaired and runs", 60)
        assert "0 damaged" in check(agent)
    finally:
        agent.remove_everything()


SUM_OF_NOISE = ["sh", "-c", "md5sum /srv/noise*; sleep 1000000"]


def sums(agent: Agent, name: str) -> set[str]:
    """What a pod's program read of its image, over all its lives."""
    logs = agent.cli("logs", name, check=False).stdout + agent.cli("logs", "--previous", name, check=False).stdout
    return {line.split()[0] for line in logs.splitlines() if "/srv/noise" in line}


def test_a_changed_byte_is_found_before_anything_of_the_image_runs(place, registry):
    """The agent runs, the image ran before, and the file has its time back: no check was asked for."""
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        reference = image_of(place, registry, "rot", ("noise", 2 * MEGABYTE))
        agent.cli("pull", reference)
        file = parts(agent, reference)["layer file"]
        good = hashlib.md5(file.read_bytes()).hexdigest()
        agent.apply(pod("before", SUM_OF_NOISE, image=reference))
        wait_for(lambda: sums(agent, "before") == {good}, "it runs")
        flip(file)
        agent.apply(pod("after", SUM_OF_NOISE, image=reference))
        wait_for(lambda: sums(agent, "after"), "it runs after the repair", 60)
        assert sums(agent, "after") == {good}
        reasons = [(e["reason"], e["message"]) for e in agent.events("after")]
        assert any(r == "ImageDamaged" and file.name in m for r, m in reasons), reasons
        assert any(r == "ImageRepaired" for r, _ in reasons), reasons
        assert hashlib.md5(file.read_bytes()).hexdigest() == good
    finally:
        agent.remove_everything()


def flip_on_medium(disk: Path, content: bytes):
    """Changes a byte of a file's content on the raw disk, where no file system sees it."""
    with open(disk, "r+b") as file, mmap.mmap(file.fileno(), 0) as raw:
        needle = content[len(content) // 2:][:64]
        at, found = raw.find(needle), 0
        while at >= 0:
            raw[at] ^= 0x20
            found += 1
            at = raw.find(needle)
        raw.flush()
    assert found, "the content is not on the disk"


def test_rot_of_the_medium_is_found_before_anything_of_the_image_runs(place, registry):
    agent = SmallAgent(place / "s", 200).start()
    try:
        reference = image_of(place, registry, "rot", ("noise", 2 * MEGABYTE))
        agent.cli("pull", reference)
        content = next(agent.inside("data/layers").glob("*/srv/noise*")).read_bytes()
        good = hashlib.md5(content).hexdigest()
        assert agent.stop() == 0
        # The mount went with the agent's namespace.
        wait_for(lambda: str(agent.disk.image) not in run("losetup", "-a").stdout, "the disk is not in use")
        registry.stop()
        flip_on_medium(agent.disk.image, content)
        agent.start()
        agent.apply(pod("p", SUM_OF_NOISE, image=reference))
        text = wait_for(lambda: (t := waiting(agent, "p")) and "damaged" in t and t, "the pod says why it waits")
        assert "noise-rot" in text and not agent.container_pids() and not sums(agent, "p"), text
        registry.start()
        wait_for(lambda: sums(agent, "p"), "with the registry back it is repaired and runs", 60)
        assert sums(agent, "p") == {good}
    finally:
        agent.remove_everything()


VERITY_SCRIPT = """
mkdir -p /data
mount -t ext4 /dev/vda /data
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
mkdir -p /data/wherry
echo '{"mirrors": {"registry.test": {"endpoint": ["http://10.0.2.2:PORT"]}}}' > /data/wherry/registries.yaml
/bin/wherry agent --node-name guest --data-dir /data/wherry --run-dir /run/wherry > /tmp/log 2>&1 &
i=0; while [ $i -lt 200 ] && ! [ -S /run/wherry/wherry.sock ]; do i=$((i+1)); sleep 0.1; done
/bin/wherry pull registry.test/rot:1 --run-dir /run/wherry || tail -20 /tmp/log
cat /data/wherry/layers/*/srv/noise* | md5sum | sed 's/^/before: /'
/bin/wherry images --check --run-dir /run/wherry
sync; echo "guest-synced"
i=0; while [ $i -lt 300 ]; do
  echo 3 > /proc/sys/vm/drop_caches
  cat /data/wherry/layers/*/srv/noise* > /dev/null 2> /tmp/error || break
  i=$((i+1)); sleep 0.1
done
sed 's/^/error: /' /tmp/error
/bin/wherry apply -f /root/pod.json --run-dir /run/wherry
i=0; while [ $i -lt 600 ] && ! /bin/wherry logs p --run-dir /run/wherry 2>/dev/null | grep -q "content: "; do i=$((i+1)); sleep 0.2; done
/bin/wherry logs p --run-dir /run/wherry
grep -E "damaged|repaired" /tmp/log | sed 's/^/log: /'
echo 3 > /proc/sys/vm/drop_caches
/bin/wherry images --check --run-dir /run/wherry
"""


def test_where_the_kernel_verifies_files_rot_is_an_error_and_gets_mended(place, registry):
    """ext4 with fs-verity in a guest with Debian's kernel; the host changes a byte of its disk while it runs.

    Large files are not read before a start there: the program meets the error, fails, and that has its image read."""
    reference = image_of(place, registry, "rot", ("noise", 2 * MEGABYTE))
    content = next((place / "content/rot").glob("*/noise*")).read_bytes()
    good = hashlib.md5(content).hexdigest()
    disk = place / "disk"
    with disk.open("wb") as file:
        file.truncate(128 * MEGABYTE)
    run("mkfs.ext4", "-q", "-b", "4096", "-O", "verity", disk)
    program = "cat /srv/noise* > /tmp/x || { echo failed; exit 1; }; echo content: $(md5sum < /tmp/x); sleep 1000000"
    (place / "pod.json").write_text(json.dumps(
        pod("p", ["sh", "-c", program], image="registry.test/rot:1", hostNetwork=True)))
    machine = guest.Machine({"/bin/wherry": WHERRY, **guest.libraries(WHERRY), "/root/pod.json": str(place / "pod.json")},
                            VERITY_SCRIPT.replace("PORT", str(registry.port)), place, disk=disk, network=True,
                            modules=["overlay", "virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4"])
    console = machine.start()
    try:
        wait_for(lambda: "guest-synced" in console.text() or console.ended(), "the image is on the guest's disk", 240)
        assert not console.ended(), console.text()[-4000:]
        flip_on_medium(disk, content)
        console.wait(300)
    finally:
        console.kill()
    text = console.text()
    assert f"before: {good}" in text, text[-4000:]
    assert "error: cat" in text and "Input/output error" in text, f"the kernel did not refuse the rotten page\n{text[-4000:]}"
    assert f"content: {good}" in text, f"it did not come back by itself\n{text[-4000:]}"
    assert len(re.findall("content: (?!" + good + ")", text)) == 0, "a rotten byte was served"
    assert re.search("log: .*cannot be read", text), text[-4000:]
    assert text.count("0 damaged") == 2, text[-4000:]


def test_after_an_unclean_stop_every_layer_is_looked_at(place, registry):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        reference = image_of(place, registry, "cut", ("noise", 2 * MEGABYTE))
        agent.cli("pull", reference)
        file = parts(agent, reference)["layer file"]
        content = file.read_bytes()
        agent.kill()
        os.truncate(file, 0)  # what a power cut does to a file whose blocks were not written
        agent.start()
        wait_for(lambda: file.stat().st_size == len(content), "the cut file is found and fetched anew", 30)
        wait_for(lambda: "repaired" in agent.tail(200), "it is logged")
        assert file.read_bytes() == content
        assert agent.stop() == 0
        assert not (agent.data / "images.open").exists()
    finally:
        agent.remove_everything()


# MARK: Kills


def paired(agent: Agent) -> bool:
    names = {p.name for p in (agent.data / "layers").iterdir()}
    return all((name + ".index" in names) if len(name) == 64 else name[:64] in names for name in names)


def test_kills_during_unpacking_and_commit_leave_no_half_layer(place, registry):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    chance = random.Random(4)
    try:
        reference = image_of(place, registry, "killed", *[("noise", 3 * MEGABYTE)] * 3)
        started = time.monotonic()
        agent.cli("pull", reference)
        whole = time.monotonic() - started
        agent.cli("rmi", reference)
        cut = 0
        for _ in range(200 if SOAK else 10):
            pull = subprocess.Popen([agent.binary, "pull", reference, "--run-dir", str(agent.run_dir)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            threading.Event().wait(chance.uniform(0, whole))  # the moment is the input of this test
            agent.kill()
            cut += pull.wait(30) != 0
            agent.start()
            wait_for(lambda: not list((agent.data / "ingest").glob("layer-*")), "leftovers are gone")
            assert "0 damaged" in check(agent)
            wait_for(lambda: paired(agent), "every layer has its index, and every index its layer")
            if reference in agent.cli("images").stdout:
                agent.cli("rmi", reference)
        assert cut, "no kill came during a pull: the test tests nothing"
        agent.cli("pull", reference)
        agent.apply(pod("runs", SLEEP, image=reference))
        wait_for(lambda: agent.running("runs"), "the image runs")
    finally:
        agent.remove_everything()


# MARK: Sharing


def test_equal_files_of_two_images_are_one_inode(place, registry):
    """Two versions of an image whose big file is the same, each in a layer of its own with another small file."""
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        layout = str(oci_layout(place / "layout", SLEEP)).rsplit(":", 1)[0]
        references = []
        for version in ("1", "2"):
            tree = place / f"tree{version}"
            noise(tree / "library", 2 * MEGABYTE, seed=7)
            (tree / "version").write_text(version)
            for path in (tree / "library", tree / "version", tree):
                os.utime(path, (1_700_000_000, 1_700_000_000))
            run("umoci", "tag", "--image", f"{layout}:latest", f"v{version}")
            run("umoci", "insert", "--image", f"{layout}:v{version}", tree, "/srv")
            registry.push(f"app:{version}", Path(f"{layout}:v{version}"))
            references.append(f"{registry.host}/app:{version}")
        for reference in references:
            agent.cli("pull", reference)
        files = list((agent.data / "layers").glob("*/srv/library"))
        assert len(files) == 2 and len({f.stat().st_ino for f in files}) == 1
        assert len({f.stat().st_ino for f in (agent.data / "layers").glob("*/srv/version")}) == 2
        # Damage to the shared inode hurts both; each is mended without a write through the other's link.
        flip(files[0])
        assert "2 damaged, 2 repaired" in check(agent)
        agent.cli("rmi", references[0])
        agent.apply(pod("runs", ["sh", "-c", "md5sum /srv/library; sleep 1000000"], image=references[1]))
        wait_for(lambda: agent.running("runs"), "the other image runs")
        assert "0 damaged" in check(agent)
    finally:
        agent.remove_everything()
