"""A machine of its own: Debian's 6.1 cloud kernel under qemu's software emulation, with full cgroup v2.

The root is a tmpfs (pivot_root refuses the initramfs itself). A guest has no network but loopback, no DNS, and the
wall clock it is given. What the script prints on the console is the result.
"""

import glob
import os
import re
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("WHERRY_GUEST_CACHE", Path(__file__).resolve().parents[2] / "build" / "guest"))
MODULES = ["overlay"]

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /newroot
/bin/busybox mount -t tmpfs -o size=80% root /newroot
cd /
for entry in *; do
    case $entry in init|newroot|dev|proc|sys) ;; *) /bin/busybox cp -a /$entry /newroot/ ;; esac
done
/bin/busybox mkdir -p /newroot/proc /newroot/sys /newroot/dev /newroot/run /newroot/tmp /newroot/var /newroot/etc
exec /bin/busybox switch_root /newroot /bin/guest-init
"""

GUEST_INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/shm /dev/pts
/bin/busybox mount -t tmpfs shm /dev/shm
/bin/busybox mount -t tmpfs run /run
/bin/busybox mount -t cgroup2 c /sys/fs/cgroup
/bin/busybox --install -s /bin
for module in /lib/guest/*.ko; do insmod "$module"; done
[ -s /root/clock ] && date -s "$(cat /root/clock)" >/dev/null
ip link set lo up
echo root:x:0:0:root:/root:/bin/sh > /etc/passwd
[ -e /root/systemd ] && exec /usr/lib/systemd/systemd
sh /root/script 2>&1
echo "guest-exit: $?"
poweroff -f
"""

# With systemd as the first process the script is a service of its.
TARGET = """[Unit]
Requires=script.service
After=script.service
AllowIsolate=yes
"""
SERVICE = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
Environment=PATH=/bin
ExecStart=/bin/sh -c 'sh /root/script 2>&1; echo "guest-exit: $?"; poweroff -f'
StandardOutput=tty
TTYPath=/dev/ttyS0
"""


def kernel() -> tuple[Path, Path]:
    """The kernel image and its modules' directory, fetched once through apt and kept in build/guest."""
    images = glob.glob(str(CACHE / "tree/boot/vmlinuz-*"))
    if not images:
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        depends = subprocess.run(
            ["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, capture_output=True, text=True
        ).stdout
        package = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)
        assert package, f"apt knows no kernel behind linux-image-cloud-amd64: {depends}"
        subprocess.run(
            ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package[1]], cwd=CACHE, check=True
        )
        deb = next(CACHE.glob("linux-image-*.deb"))
        subprocess.run(["dpkg", "-x", str(deb), str(CACHE / "tree")], check=True)
        deb.unlink()
        images = glob.glob(str(CACHE / "tree/boot/vmlinuz-*"))
    image = Path(images[0])
    return image, CACHE / "tree/lib/modules" / image.name.removeprefix("vmlinuz-")


def libraries(program: Path) -> dict[str, str]:
    """What a dynamic program needs, as `files` of a guest."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return {path: os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", listed)}


def with_dependencies(modules: Path, names: list[str]) -> list[Path]:
    """The files of modules in the order in which they can be inserted; what is built in has none."""
    ordered: list[Path] = []
    for name in names:
        file = next(modules.rglob(f"{name}.ko"), next(modules.rglob(f"{name.replace('_', '-')}.ko"), None))
        if file is None:
            continue
        needs = subprocess.run(["modinfo", "-F", "depends", file], check=True, capture_output=True, text=True).stdout
        for each in [*with_dependencies(modules, [n for n in needs.strip().split(",") if n]), file]:
            if each not in ordered:
                ordered.append(each)
    return ordered


def initramfs(files: dict[str, str], script: str, directory: Path, clock: str | None = None, systemd: bool = False,
              modules: list[str] | None = None) -> Path:
    """A compressed archive of a guest's root, with `files` (guest path: host path; directories whole)."""
    root = directory / "initramfs"
    for sub in ("bin", "lib/guest", "root"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for number, file in enumerate(with_dependencies(kernel()[1], modules or MODULES)):
        shutil.copy2(file, root / f"lib/guest/{number:02}-{file.name}")
    for target, source in files.items():
        destination = root / target.lstrip("/")
        destination.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", source, str(destination)], check=True)
    (root / "root/clock").write_text(clock or "")
    texts = {"init": INIT, "bin/guest-init": GUEST_INIT, "root/script": script}
    if systemd:
        texts |= {"root/systemd": "", "etc/machine-id": "", "etc/systemd/system/default.target": TARGET,
                  "etc/systemd/system/script.service": SERVICE}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(0o644 if name.startswith("etc/") else 0o755)
    archive = directory / "initramfs.gz"
    subprocess.run(f"find . | cpio --quiet -o -H newc | gzip -1 > {archive}", shell=True, cwd=root, check=True)
    shutil.rmtree(root)
    return archive


def command(archive: Path, memory: int, *devices: str) -> list[str]:
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", str(memory), "-nographic",
            "-no-reboot", *devices, "-kernel", str(kernel()[0]), "-initrd", str(archive),
            "-append", "console=ttyS0 panic=-1 quiet random.trust_cpu=on systemd.show_status=0"]


def boot(files: dict[str, str], script: str, directory: Path, memory: int = 768, clock: str | None = None,
         timeout: float = 240, systemd: bool = False, modules: list[str] | None = None) -> str:
    """Boots a guest with `files`, runs `script`, returns the console.

    With `systemd`, which must be among the files, that is the first process, and the script is a service."""
    archive = initramfs(files, script, directory, clock, systemd, modules)
    done = subprocess.run(command(archive, memory, "-nic", "none"), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout)
    archive.unlink()
    return done.stdout.decode(errors="replace")


class Run:
    """One life of a machine, which may end by a power cut."""

    def __init__(self, arguments: list[str], log: Path):
        self.log = log
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log.open("wb"),
                                        stderr=subprocess.STDOUT)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def wait(self, timeout: float):
        try:
            self.process.wait(timeout)
        finally:
            self.kill()


class Machine:
    """A guest that can be started again and again on the same disk (/dev/vda), with user-mode networking if asked for:
    the host's loopback is 10.0.2.2."""

    def __init__(self, files: dict[str, str], script: str, directory: Path, disk: Path, network=False,
                 modules: list[str] | None = None, memory: int = 768):
        archive = initramfs(files, script, directory, modules=modules)
        nic = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n"] if network else ["-nic", "none"]
        # Without flushes by the host: what the guest wrote is in the file, as on a disk with a cache that keeps.
        drive = ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
        self.arguments = command(archive, memory, *drive, *nic)
        self.directory, self.lives = directory, 0

    def start(self) -> Run:
        self.lives += 1
        return Run(self.arguments, self.directory / f"console{self.lives}")
