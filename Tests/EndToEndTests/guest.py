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


def boot(files: dict[str, str], script: str, directory: Path, memory: int = 768, clock: str | None = None,
         timeout: float = 240, systemd: bool = False) -> str:
    """Boots a guest with `files` (guest path: host path; directories whole), runs `script`, returns the console.

    With `systemd`, which must be among the files, that is the first process, and the script is a service."""
    image, modules = kernel()
    root = directory / "initramfs"
    for sub in ("bin", "lib/guest", "root"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for name in MODULES:
        shutil.copy2(next(modules.rglob(f"{name}.ko")), root / "lib/guest")
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
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", str(memory), "-nographic",
               "-no-reboot", "-nic", "none", "-kernel", str(image), "-initrd", str(archive),
               "-append", "console=ttyS0 panic=-1 quiet random.trust_cpu=on systemd.show_status=0"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    archive.unlink()
    return done.stdout.decode(errors="replace")
