#!/usr/bin/env python3
"""Makes heads.json with an implementation that shares no code with Wherry (python3-cryptography). Run by hand."""
import base64, hashlib, json, pathlib
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "application/vnd.wherry.head+json"
trusted = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
foreign = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
L = 2**252 + 27742317777372353535851937790883648493


def raw(key):
    return key.public_key().public_bytes_raw()


def key_id(key):
    return hashlib.sha256(raw(key)).hexdigest()[:32]


def b64(data):
    return base64.b64encode(data).decode()


def dumps(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pae(kind, payload):
    return b"DSSEv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload


def envelope(payload, key=trusted, kind=TYPE, sign_kind=None, keyid=None, signature=None, copies=1):
    signature = signature or key.sign(pae(sign_kind or kind, payload))
    entry = {"keyid": keyid or key_id(key), "sig": b64(signature)}
    return dumps({"payloadType": kind, "payload": b64(payload), "signatures": [entry] * copies})


document = dumps({"v": 1, "node": {"labels": {"site": "north"}}, "objects": [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default", "uid": "u1"},
     "data": {"k": "ü"}}]})
digest = "sha256:" + hashlib.sha256(document).hexdigest()
other = "sha256:" + hashlib.sha256(b"other").hexdigest()
base = {"dev": "dev-1", "gen": 1, "rev": 7, "iat": 1000, "exp": 2000, "dig": digest, "len": len(document), "root": 1}


def head(**changes):
    value = {**base, **changes}
    return dumps({k: v for k, v in value.items() if v != "absent"})


def malleable():
    payload = head()
    s = trusted.sign(pae(TYPE, payload))
    scalar = int.from_bytes(s[32:], "little") + L
    return envelope(payload, signature=s[:32] + scalar.to_bytes(32, "little"))


def flipped():
    data = json.loads(envelope(head()))
    payload = bytearray(base64.b64decode(data["payload"]))
    payload[payload.index(b'"rev":7') + 6] = ord("8")
    data["payload"] = b64(bytes(payload))
    return dumps(data)


floor = {"gen": 1, "rev": 6, "dig": other}
cases = []


def case(name, data, expect, floor=floor, device="dev-1", now=1500, threshold=1):
    cases.append({"name": name, "bytes": b64(data), "expect": expect, "floor": floor, "device": device, "now": now,
                  "threshold": threshold})


case("a newer head is taken", envelope(head()), "newer")
case("a first head is taken", envelope(head()), "newer", floor=None)
case("the committed head is current", envelope(head()), "current", floor={"gen": 1, "rev": 7, "dig": digest})
case("a higher generation with a lower revision is newer", envelope(head(gen=2, rev=1)), "newer")
case("a head without expiry never expires", envelope(head(exp=None)), "newer", now=4102444800)
case("an absent expiry never expires", envelope(head(exp="absent")), "newer", now=4102444800)
case("unknown fields are ignored", envelope(head(extra={"a": [1]})), "newer")
case("the clock at 1970 takes a head", envelope(head()), "newer", now=0)
case("one byte too large is refused before parsing", b" " * 4097, "oversized")
case("not JSON", b"\x00\xff", "malformed")
case("an array", b"[]", "malformed")
case("too deep", b'{"a":' * 20 + b"1" + b"}" * 20, "malformed")
case("a duplicate key in the wrapper", envelope(head())[:-1] + b',"payload":"e30="}', "malformed")
case("another payload type", envelope(head(), kind="application/vnd.wherry.bundle+json"), "payloadType")
case("a payload type with a space at the end", envelope(head(), kind=TYPE + " "), "payloadType")
case("signed as another payload type", envelope(head(), sign_kind="text/plain"), "signature")
case("signed by a foreign key", envelope(head(), key=foreign), "unknownKey")
case("signed by a foreign key under our key id", envelope(head(), key=foreign, keyid=key_id(trusted)), "signature")
case("no signature", dumps({"payloadType": TYPE, "payload": b64(head()), "signatures": []}), "unknownKey")
case("payload changed after signing", flipped(), "signature")
case("signature cut short", envelope(head(), signature=b"\x01" * 63), "signature")
case("a malleated signature", malleable(), "signature")
case("one key counted twice", envelope(head(), copies=2), "signature", threshold=2)
case("a signed payload that is not JSON", envelope(b"{"), "malformed")
case("a signed payload with a duplicate key", envelope(head()[:-1] + b',"rev":9}'), "malformed")
case("a missing field", envelope(head(dig="absent")), "malformed")
case("a fraction as revision", envelope(head(rev=7.5)), "malformed")
case("a negative revision", envelope(head(rev=-1)), "malformed")
case("a digest in upper case", envelope(head(dig=digest.upper())), "malformed")
case("a document length past the cap", envelope(head(len=1 << 40)), "oversized")
case("for another device", envelope(head(dev="dev-2")), "wrongDevice")
case("a device name that widens a topic", envelope(head(dev="dev/+")), "malformed")
case("a root of the future", envelope(head(root=2)), "rootUnknown")
case("an older revision", envelope(head()), "olderRevision", floor={"gen": 1, "rev": 8, "dig": digest})
case("an older generation with a higher revision", envelope(head(rev=999)), "olderRevision",
     floor={"gen": 2, "rev": 1, "dig": other})
case("the same revision with another digest", envelope(head()), "equivocation",
     floor={"gen": 1, "rev": 7, "dig": other})
case("expired by the trusted time", envelope(head()), "expired", now=2001)
case("the device is checked before the revision", envelope(head(dev="dev-2", rev=1)), "wrongDevice")
case("the revision is checked before the expiry", envelope(head(rev=1)), "olderRevision", now=9999)

documents = [
    {"name": "the signed document", "bytes": b64(document), "expect": "ok"},
    {"name": "a byte more", "bytes": b64(document + b" "), "expect": "lengthMismatch"},
    {"name": "a byte changed", "bytes": b64(document.replace(b"north", b"south")), "expect": "digestMismatch"},
]
out = {"trusted": {key_id(trusted): b64(raw(trusted))}, "seed": b64(bytes(range(32))), "second": {
    key_id(foreign): b64(raw(foreign))}, "head": base, "signed": b64(envelope(head())), "cases": cases,
    "documents": documents}
pathlib.Path(__file__).with_name("heads.json").write_text(
    json.dumps(out, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
