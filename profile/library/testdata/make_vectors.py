#!/usr/bin/env python3
"""Makes the vector files beside the profiles, with nothing but Python's standard library.

The expected values are computed here and not by the Go code, so that the program is never checked against itself.
Usage: make_vectors.py finci | countersign-v1   (prints the file)
"""
import base64
import hashlib
import hmac
import json
import sys

SECRET = b"an-example-secret-of-32-bytes-ab"
TOKEN = "tok_2f1c0d9e8b7a6f5e"
NONCE = "n-0123456789abcdef.~_"
NOW = 1763625600

UTF8 = '{"embossing_name":"Zoë Åström","note":"日本語 ✓"}'
JSON = '{"person_id":"10011000000000000001"}'
REQUESTS = [
    ("get", "GET", "/api/v1/cards/10011000000000000001", b""),
    ("get-query", "GET", "/api/v1/cards?page=2&size=50", b""),
    ("get-query-order", "GET", "/api/v1/cards?size=50&page=2", b""),
    ("get-odd-query", "GET", "/api/v1/cards?a=b;c=d&e=/?:@!$'()*,&f=~._-&&g", b""),
    ("get-escapes", "GET", "/api/v1/cards?name=Zo%C3%AB%20A+B&path=%2Fa%2fb", b""),
    ("get-empty-value", "GET", "/api/v1/cards?q=", b""),
    ("post-json", "POST", "/api/v1/get-cards", JSON.encode()),
    ("patch-utf8", "PATCH", "/api/v1/update-card-status/10011000000000000001", UTF8.encode()),
    ("post-empty", "POST", "/api/v1/get-cards", b""),
    ("post-array", "POST", "/api/v1/get-cards?x=", b"[1]"),
    ("post-space-before", "POST", "/api/v1/get-cards", b' {"a": 1}\r\n'),
    ("put-binary", "PUT", "/api/v1/blob", bytes([0xFF, 0x00, 0x7B, 0x0A])),
    ("delete", "DELETE", "/api/v1/cards/1", b""),
]


def path_of(target):
    return target.split("?", 1)[0]


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


# Each alternative as a function of ts, method, target and body, to bytes.
FINCI = {
    "": lambda ts, m, t, b: (ts + m + t).encode() + b,
    "lf": lambda ts, m, t, b: "\n".join([ts, m, t, ""]).encode() + b,
    "body-hash": lambda ts, m, t, b: (ts + m + t + sha256_hex(b)).encode(),
    "path-without-query": lambda ts, m, t, b: (ts + m + path_of(t)).encode() + b,
    "body-only": lambda ts, m, t, b: b,
    "time-path": lambda ts, m, t, b: (ts + path_of(t)).encode(),
    "dot": lambda ts, m, t, b: ".".join([ts, m, t, ""]).encode() + b,
    "pipe": lambda ts, m, t, b: "|".join([ts, m, t, ""]).encode() + b,
}


def text_or_base64(row, name, data):
    try:
        row[name] = data.decode("utf-8")
    except UnicodeDecodeError:
        row[name + "_base64"] = base64.b64encode(data).decode()


def row(ident, profile, alternative, method, target, body, nonce, canonical, signature, send, expect="accept", now=NOW):
    out = {"id": ident, "profile": profile}
    if alternative:
        out["alternative"] = alternative
    out.update({"method": method, "target": target})
    if body:
        text_or_base64(out, "body", body)
    out.update({"secret_hex": SECRET.hex(), "key_id": TOKEN, "ts": NOW})
    if nonce:
        out["nonce"] = nonce
    text_or_base64(out, "canonical", canonical)
    out.update({"signature": signature, "send": send, "now": now, "expect": expect})
    return out


def mac(message, secret=SECRET):
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def finci_row(alternative, name, method, target, body):
    canonical = FINCI[alternative](str(NOW), method, target, body)
    sig = mac(canonical)
    send = [["X-Auth-Token", TOKEN], ["X-Auth-Timestamp", str(NOW)], ["X-Auth-Signature", sig]]
    ident = "finci/" + (alternative + "/" if alternative else "") + name
    return row(ident, "finci", alternative, method, target, body, None, canonical, sig, send)


def v1_row(name, method, target, body):
    lines = ["countersign-v1", TOKEN, str(NOW), NONCE, method, target, sha256_hex(body)]
    canonical = "\n".join(lines).encode()
    sig = mac(canonical)
    send = [["X-Api-Key", TOKEN], ["X-Timestamp", str(NOW)], ["X-Nonce", NONCE], ["X-Signature", "v1=" + sig]]
    return row("countersign-v1/" + name, "countersign-v1", None, method, target, body, NONCE, canonical, sig, send)


def refusals(make, prefix, names, ambiguous):
    """Requests that must be refused. names are the headers of key id, time and signature; prefix stands before the signature."""
    key, time, sig = names
    base = lambda: make("base", "POST", "/api/v1/get-cards?page=2", JSON.encode())
    good = base()["signature"]
    change = lambda name, value: (lambda r: [h.__setitem__(1, value) for h in r["send"] if h[0] == name])
    drop = lambda name: (lambda r: r.__setitem__("send", [h for h in r["send"] if h[0] != name]))
    twice = lambda name: (lambda r: r["send"].append([name, dict(map(tuple, r["send"]))[name]]))
    put = lambda field, value: (lambda r: r.__setitem__(field, value))
    cases = [("upper-case-signature", "accept", change(sig, prefix + good.upper())),
             ("window-past-bound", "accept", put("now", NOW + 300)), ("window-future-bound", "accept", put("now", NOW - 300)),
             ("stale", "stale", put("now", NOW + 301)), ("future", "future", put("now", NOW - 301)),
             ("other-method", "mismatch", put("method", "PUT")), ("other-path", "mismatch", put("target", "/api/v1/get-card?page=2")),
             ("other-query", "mismatch", put("target", "/api/v1/get-cards?page=3")), ("no-query", "mismatch", put("target", "/api/v1/get-cards")),
             ("other-body", "mismatch", put("body", JSON + " ")), ("no-body", "mismatch", put("body", "")),
             ("dated-anew", "mismatch", change(time, str(NOW + 1))), ("zero-signature", "mismatch", change(sig, prefix + "0" * 64)),
             ("other-secret", "mismatch", change(sig, prefix + mac(b"x", b"y"))),
             ("empty-signature", "malformed", change(sig, "")), ("short-signature", "malformed", change(sig, prefix + good[:62])),
             ("odd-signature", "malformed", change(sig, prefix + good[:63])), ("long-signature", "malformed", change(sig, prefix + good + "00")),
             ("not-hex", "malformed", change(sig, prefix + "g" + good[1:])), ("blank-in-signature", "malformed", change(sig, prefix + good + " ")),
             ("time-in-milliseconds", "malformed", change(time, str(NOW) + "000")), ("time-with-plus", "malformed", change(time, "+" + str(NOW)[1:])),
             ("time-with-fraction", "malformed", change(time, str(NOW) + ".5")), ("empty-time", "malformed", change(time, "")),
             ("empty-key-id", "malformed", change(key, "")), ("two-key-ids-in-one", "malformed", change(key, TOKEN + "," + TOKEN)),
             ("lower-case-method", "malformed", put("method", "post")), ("no-slash", "malformed", put("target", "api/v1/get-cards")),
             ("space-in-target", "malformed", put("target", "/api/v1/get cards"))]
    for name in names:
        cases += [("missing-" + name.lower(), "missing", drop(name)), ("twice-" + name.lower(), "duplicate", twice(name))]
    if ambiguous:
        cases += [("ambiguous-number", "ambiguous_body", put("body", "1")), ("ambiguous-form", "ambiguous_body", put("body", "a=b")),
                  ("bracket-in-target", "malformed", put("target", "/api/v1/get-cards?x=[1]")), ("non-ascii-target", "malformed", put("target", "/api/v1/Zoë"))]
    for name, expect, apply in cases:
        r = base()
        apply(r)
        r["id"] = r["id"].rsplit("/", 1)[0] + "/" + name
        r["expect"] = expect
        yield r


def finci():
    for alternative in FINCI:
        for request in REQUESTS:
            yield finci_row(alternative, *request)
    make = lambda *request: finci_row("", *request)
    yield from refusals(make, "", ["X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature"], True)


def countersign_v1():
    for request in REQUESTS:
        yield v1_row(*request)
    yield v1_row("post-number", "POST", "/api/v1/get-cards", b"1")
    yield from refusals(v1_row, "v1=", ["X-Api-Key", "X-Timestamp", "X-Signature"], False)
    for name, expect, nonce in [("other-nonce", "mismatch", NONCE + "x"), ("short-nonce", "malformed", "short"), ("slash-in-nonce", "malformed", NONCE + "/")]:
        r = v1_row(name, "GET", "/", b"")
        r["send"][2][1], r["expect"] = nonce, expect
        yield r
    r = v1_row("no-version", "GET", "/", b"")
    r["send"][3][1], r["expect"] = r["signature"], "malformed"
    yield r


def main():
    rows = {"finci": finci, "countersign-v1": countersign_v1}[sys.argv[1]]()
    about = "ts is when it was signed, now the verifier's clock, window 300 s. send is what stands on the wire, expect what a verifier answers. canonical and signature are the signer's."
    out = json.dumps({"profile": sys.argv[1], "about": about, "vectors": list(rows)}, indent=1, ensure_ascii=False)
    sys.stdout.buffer.write((out + "\n").encode())


if __name__ == "__main__":
    main()
