#!/usr/bin/env python3
"""Makes mistakes.json: requests that were signed wrongly, by signers written by hand from each scheme's published description.

It shares nothing with the code that guesses. Each case is a request as it goes on the wire, right but for its signature, which
somebody computed with one thing done otherwise. A mistake that changes nothing under a scheme makes no case.
"""
import base64, datetime, hashlib, hmac, json, urllib.parse as up

TS = 1763625600
ID = "0123456789abcdef0123456789abcdef"


def mac(key, text, name="sha256"):
    return hmac.new(key, text, name).digest()


def b64(raw):
    return base64.b64encode(raw).decode()


class Case(dict):
    """The values that a signer works with."""

    def target(self):
        return self["path"] + ("?" + self["query"] if self["query"] is not None else "")

    def but(self, **changes):
        out = Case(self)
        out.update(changes)
        return out


def plain(c):
    """The secret as the key."""
    return c["secret"]


# Each scheme: message(case) -> bytes, key(case) -> bytes, algorithm, encode(mac) -> text, wire(case, signature) -> headers, query, body.
def finci(c):
    return (str(c["ts"]) + c["method"] + c.target()).encode() + c["body"]


def finci_wire(c, sig):
    return {"X-Auth-Token": ID, "X-Auth-Timestamp": str(c["ts"]), "X-Auth-Signature": sig}


def countersign(c):
    return "\n".join(["countersign-v1", ID, str(c["ts"]), c["nonce"], c["method"], c.target(), hashlib.sha256(c["body"]).hexdigest()]).encode()


def countersign_wire(c, sig):
    return {"X-Api-Key": ID, "X-Timestamp": str(c["ts"]), "X-Nonce": c["nonce"], "X-Signature": "v1=" + sig}


def bitmex(c):
    return (c["method"] + c.target() + str(c["ts"])).encode() + c["body"]


def bitmex_wire(c, sig):
    return {"api-key": ID, "api-expires": str(c["ts"]), "api-signature": sig}


def slack(c):
    return b"v0:" + str(c["ts"]).encode() + b":" + c["body"]


def slack_wire(c, sig):
    return {"X-Slack-Request-Timestamp": str(c["ts"]), "X-Slack-Signature": "v0=" + sig}


def stripe(c):
    return str(c["ts"]).encode() + b"." + c["body"]


def stripe_wire(c, sig):
    return {"Stripe-Signature": "t=%s,v1=%s" % (c["ts"], sig)}


def github(c):
    return c["body"]


def github_wire(c, sig):
    return {"X-Hub-Signature-256": "sha256=" + sig}


def standard(c):
    return ("%s.%s." % (c["nonce"], c["ts"])).encode() + c["body"]


def standard_key(c):
    return base64.b64decode(c["secret"].split(b"_", 1)[1])


def standard_wire(c, sig):
    return {"webhook-id": c["nonce"], "webhook-timestamp": str(c["ts"]), "webhook-signature": "v1," + sig}


def valr(c):
    return (str(c["ts"]) + c["method"] + c.target()).encode() + c["body"]


def valr_wire(c, sig):
    return {"X-VALR-API-KEY": ID, "X-VALR-TIMESTAMP": str(c["ts"]), "X-VALR-SIGNATURE": sig}


def kraken(c):
    return c["path"].encode() + hashlib.sha256(c["nonce"].encode() + c["body"]).digest()


def kraken_key(c):
    return base64.b64decode(c["secret"])


def kraken_wire(c, sig):
    return {"API-Key": ID, "API-Sign": sig}


def binance(c):
    return (c["query"] or "").lstrip("?").encode() + c["body"]


def binance_wire(c, sig):
    return {"X-MBX-APIKEY": ID}


def hawk(c):
    digest = ""
    if c["body"]:
        kind = c["headers"].get("Content-Type", "").split(";")[0].strip().lower()
        digest = b64(hashlib.sha256(("hawk.1.payload\n" + kind + "\n").encode() + c["body"] + b"\n").digest())
    c["hash"] = digest
    host, _, port = c["host"].partition(":")
    port = port or ("443" if c["proto"] == "https" else "80")
    return "\n".join(["hawk.1.header", str(c["ts"]), c["nonce"], c["method"], c.target(), host.lower(), port, digest, "", ""]).encode()


def hawk_wire(c, sig):
    digest = ', hash="%s"' % c["hash"] if c.get("hash") else ""
    return {"Authorization": 'Hawk id="%s", ts="%s", nonce="%s"%s, mac="%s"' % (ID, c["ts"], c["nonce"], digest, sig)}


def stamp(c):
    return datetime.datetime.fromtimestamp(c["ts"], datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def aws(c):
    pairs = []
    for item in [i for i in (c["query"] or "").split("&") if i]:
        k, _, v = item.partition("=")
        pairs.append((up.quote(up.unquote(k), safe="-_.~"), up.quote(up.unquote(v), safe="-_.~")))
    query = "&".join("%s=%s" % p for p in sorted(pairs))
    signed = {"host": c["host"], "x-amz-date": stamp(c)}
    head = "".join("%s:%s\n" % (k, " ".join(v.split())) for k, v in sorted(signed.items()))
    canonical = "\n".join([c["method"], up.quote(c["path"], safe="/-_.~"), query, head, ";".join(sorted(signed)), hashlib.sha256(c["body"]).hexdigest()])
    scope = stamp(c)[:8] + "/eu-west-1/execute-api/aws4_request"
    return ("AWS4-HMAC-SHA256\n%s\n%s\n%s" % (stamp(c), scope, hashlib.sha256(canonical.encode()).hexdigest())).encode()


def aws_key(c):
    key = b"AWS4" + c["secret"]
    for part in [stamp(c)[:8], "eu-west-1", "execute-api", "aws4_request"]:
        key = mac(key, part.encode())
    return key


def aws_wire(c, sig):
    scope = stamp(c)[:8] + "/eu-west-1/execute-api/aws4_request"
    return {"X-Amz-Date": stamp(c), "Authorization": "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-date, Signature=%s" % (ID, scope, sig)}


def twilio(c):
    url = c["proto"] + "://" + c["host"] + c.target()
    fields = sorted(set(up.parse_qsl(c["body"].decode("latin-1"), keep_blank_values=True, encoding="latin-1")))
    return (url + "".join(k + v for k, v in fields)).encode("latin-1", "replace")


def twilio_wire(c, sig):
    return {"X-Twilio-Signature": sig, "Content-Type": "application/x-www-form-urlencoded"}


JSON = '{"name": "José/Ltd","amount":10.0,"note":null,"tags":["b","a"]}'.encode()
FORM = b"To=%2B15551234&Body=two+words&From=%2B15550000"
SCHEMES = {
    "finci": (finci, plain, "sha256", bytes.hex, finci_wire, {}),
    "countersign-v1": (countersign, plain, "sha256", bytes.hex, countersign_wire, {}),
    "bitmex": (bitmex, plain, "sha256", bytes.hex, bitmex_wire, {}),
    "valr": (valr, plain, "sha512", bytes.hex, valr_wire, {"ts": TS * 1000 + 123}),
    "slack": (slack, plain, "sha256", bytes.hex, slack_wire, {}),
    "stripe-webhook": (stripe, plain, "sha256", bytes.hex, stripe_wire, {"secret": b"whsec_" + b64(b"0123456789abcdef01234567").encode()}),
    "github-webhook": (github, plain, "sha256", bytes.hex, github_wire, {}),
    "standard-webhooks": (standard, standard_key, "sha256", b64, standard_wire, {"nonce": "msg_9f8e7d6c5b4a3928", "secret": b"whsec_" + b64(b"0123456789abcdef01234567").encode()}),
    "kraken": (kraken, kraken_key, "sha512", b64, kraken_wire, {"secret": b64(b"0123456789abcdef01234567").encode(), "nonce": "1763625600123",
                                                               "query": None, "headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": b"nonce=1763625600123&pair=XBT+EUR&type=buy"}),
    "binance": (binance, plain, "sha256", bytes.hex, binance_wire, {"method": "GET", "body": b"", "query": "symbol=BTC+USDT&side=BUY&timestamp=%d" % (TS * 1000)}),
    "hawk": (hawk, plain, "sha256", b64, hawk_wire, {}),
    "aws-sigv4": (aws, aws_key, "sha256", bytes.hex, aws_wire, {"path": "/v1/a%20b/c/", "query": "z=last&a=two%20words&e="}),
    "twilio": (twilio, plain, "sha1", b64, twilio_wire, {"body": FORM}),
}


def base(name):
    c = Case(method="POST", path="/v1/a%2Fb/c/", query="z=last&a=two+words&e=", body=JSON, ts=TS, nonce="9f8e7d6c5b4a39281706f5e4d3c2b1a0", secret=b"aGVsbG8gd29ybGQgMTIzNDU2Nzg5MA==",
             host="api.example.com", proto="https", headers={"Content-Type": "application/json"})
    return c.but(**SCHEMES[name][5])


def rewrite(f):
    def change(c):
        try:
            return c.but(body=f(json.loads(c["body"])))
        except ValueError:
            return None
    return change


def dumps(**options):
    return rewrite(lambda v: json.dumps(v, **options).encode())


def on(field, f):
    return lambda c: c.but(**{field: f(c[field])}) if c[field] not in (None, b"", "") else None


def later(seconds):
    def change(c):
        unit = 1000 if c["ts"] > 10 ** 11 else 1
        return c.but(ts=c["ts"] + seconds * unit)
    return change


def reorder(text):
    return "&".join(sorted(text.split("&")))


def python_slash(v):
    return json.dumps(v, separators=(",", ":")).replace("/", "\\/").encode()


def floats(v):
    return json.dumps({**v, "amount": 10}, separators=(",", ":"), ensure_ascii=False).encode()


EMPTY = {"method": "GET", "body": b"", "headers": {}}
# name, what is changed before signing, the names by which a report may call it, and what the case starts from.
MISTAKES = [
    ("path decoded", on("path", up.unquote), ["path/decoded"]),
    ("path encoded once more", on("path", lambda p: p.replace("%", "%25")), ["path/encoded-again"]),
    ("no slash at the end", on("path", lambda p: p.rstrip("/")), ["path/slash-removed"]),
    ("base path removed", on("path", lambda p: p[3:]), ["path/prefix-removed"]),
    ("prefix of a proxy added", on("path", lambda p: "/api" + p), ["path/prefix-added"]),
    ("query dropped", on("query", lambda q: None), ["query/dropped", "message/part-replaced"]),
    ("query sorted", on("query", reorder), ["query/sorted", "query/sorted-whole", "query/reordered"]),
    ("+ signed as %20", on("query", lambda q: q.replace("+", "%20")), ["query/plus-to-20"]),
    ("query decoded", on("query", lambda q: up.unquote_plus(q)), ["query/decoded", "query/decoded-form"]),
    ("empty parameter left out", on("query", lambda q: q.replace("&e=", "")), ["query/no-empty", "query/one-dropped"]),
    ("body with a line feed", on("body", lambda b: b + b"\n"), ["body/newline-added", "message/newline-added"]),
    ("body with CR LF", on("body", lambda b: b + b"\r\n"), ["body/crlf-added"]),
    ("body with a byte-order mark", on("body", lambda b: b"\xef\xbb\xbf" + b), ["body/bom-added", "message/bom"]),
    ("body not signed", on("body", lambda b: b""), ["body/missing", "message/part-missing"]),
    ("body written compact", dumps(separators=(",", ":"), ensure_ascii=False), ["body/compact"]),
    ("body written by Python", dumps(), ["body/spaced+ascii"]),
    ("body sorted", dumps(sort_keys=True, separators=(",", ":"), ensure_ascii=False), ["body/compact+sorted"]),
    ("body indented", dumps(indent=2, ensure_ascii=False), ["body/indent-2"]),
    ("body written by PHP", rewrite(python_slash), ["body/compact+slash-ascii"]),
    ("floats shortened", rewrite(floats), ["body/compact+short-floats"]),
    ("method in lower case", on("method", str.lower), ["method/lower-case"]),
    ("another method", on("method", lambda m: "PUT"), ["method/other"]),
    ("time in other units", lambda c: c.but(ts=c["ts"] // 1000 if c["ts"] > 10 ** 11 else c["ts"] * 1000), ["time/milliseconds", "time/seconds"]),
    ("time one second later", later(1), ["time/offset"]),
    ("local time", later(7200), ["time/local-time"]),
    ("time 413 s earlier", later(-413), ["time/offset"]),
    ("nonce with other letters", on("nonce", str.upper), ["nonce/upper-case"]),
    ("host of the proxy", on("host", lambda h: "internal.example.net"), ["host/other-host"]),
    ("http instead of https", lambda c: c.but(proto="http"), ["host/same-host", "host/default-port"]),
    ("secret with a line feed", on("secret", lambda s: s + b"\n"), ["secret/newline", "secret/raw-newline"]),
    ("secret decoded", "key-decoded", ["secret/base64-decoded", "secret/no-prefix-base64-decoded", "secret/raw-base64-decoded"]),
    ("secret not decoded", "key-raw", ["secret/raw"]),
    ("secret without its prefix", "key-unprefixed", ["secret/no-prefix", "secret/raw-no-prefix"]),
    ("previous secret", on("secret", lambda s: b64(b"the previous one").encode() if b"_" not in s else b"whsec_" + b64(b"the previous one").encode()), ["secret/other-secret"]),
    ("signature in the other encoding", "encoding", ["signature/base64", "signature/hex"]),
    ("base64 of hexadecimal", "double", ["signature/base64-of-hex"]),
    ("signature without its prefix", "bare", ["wire/prefix-missing"]),
    ("another algorithm", "algorithm", ["signature/hmac-sha512", "signature/hmac-sha1", "signature/hmac-sha256"]),
    ("key and message swapped", "swapped", ["algorithm/swapped"]),
    ("plain hash of secret and message", "plain", ["algorithm/hash-secret-first"]),
    ("line feed behind the message", "message-newline", ["message/newline-added", "body/newline-added"]),
    ("{} signed for no body", lambda c: c.but(body=b"{}") if not c["body"] else None, ["body/empty-object"]),
    ("null signed for no body", lambda c: c.but(body=b"null") if not c["body"] else None, ["body/null"]),
    ("path decoded and a line feed behind the body", lambda c: c.but(path=up.unquote(c["path"]), body=c["body"] + b"\n") if c["body"] else None, ["body/newline-added path/decoded", "body/newline-added"]),
    ("query sorted and method in lower case", lambda c: c.but(query=reorder(c["query"]), method=c["method"].lower()) if c["query"] else None,
     ["query/sorted method/lower-case", "query/sorted-whole method/lower-case", "query/sorted", "method/lower-case"]),
]
NO_BODY = {"{} signed for no body", "null signed for no body"}


def sign(name, c, how):
    message, key, algorithm, encode, _, _ = SCHEMES[name]
    text = message(c)
    k = key(c) if how not in ("key-decoded", "key-raw", "key-unprefixed") else None
    if how == "key-decoded":
        tail = c["secret"].split(b"_", 1)[-1]
        k = base64.b64decode(tail)
    if how == "key-raw":
        k = c["secret"]
    if how == "key-unprefixed":
        if b"_" not in c["secret"]:
            return None
        k = c["secret"].split(b"_", 1)[1]
    if how == "message-newline":
        text += b"\n"
    if how == "algorithm":
        algorithm = {"sha256": "sha512", "sha512": "sha256", "sha1": "sha256"}[algorithm]
    if how == "swapped":
        return encode(mac(text, k, algorithm))
    if how == "plain":
        return encode(hashlib.new(algorithm, c["secret"] + text).digest())
    raw = mac(k, text, algorithm)
    if how == "encoding":
        return raw.hex() if encode is b64 else b64(raw)
    if how == "double":
        return b64(raw.hex().encode())
    return encode(raw)


def request(name, c, sig):
    headers = dict(c["headers"], Host=c["host"])
    headers.update(SCHEMES[name][4](c, sig))
    target = c.target()
    if name == "binance":
        target += "&signature=" + up.quote(sig, safe="")
    if not c["body"]:
        headers.pop("Content-Type", None)
    return {"method": c["method"], "target": target, "headers": headers, "body_base64": b64(c["body"])}


def main():
    out = []
    for name in SCHEMES:
        right = base(name)
        out.append({"profile": name, "mistake": "", "names": [], "request": request(name, right, sign(name, right, "")), "secret": right["secret"].decode(), "other": ""})
        for title, change, names in MISTAKES:
            right = base(name)
            if title in NO_BODY:
                right = right.but(**EMPTY)
            how = change if isinstance(change, str) else ""
            wrong = right if how else change(right)
            if wrong is None:
                continue
            if name == "kraken" and (title.startswith("nonce") or title in NO_BODY):
                continue  # digits have no case, and the nonce stands in the body
            good = sign(name, right, "")
            try:
                sig = sign(name, Case(wrong), how)
            except (ValueError, IndexError):
                continue
            if sig is None or sig == good and how != "bare":
                continue
            pair = [n for n in names if " " in n]
            if pair:  # one name is enough where the other mistake changes nothing
                names = pair if sign(name, Case(change(right)), "") not in (
                    sign(name, right.but(path=up.unquote(right["path"])), ""), sign(name, right.but(body=wrong["body"]), ""),
                    sign(name, right.but(query=wrong["query"]), ""), sign(name, right.but(method=wrong["method"]), "")) else [n for n in names if " " not in n]
            made = request(name, right, sig)
            if how == "bare":
                changed = False
                for header, value in made["headers"].items():
                    if sig in value and value != sig and "," not in value and header != "Authorization":
                        made["headers"][header], changed = sig, True
                if not changed:
                    continue
            out.append({"profile": name, "mistake": title, "names": names, "request": made, "secret": right["secret"].decode(),
                        "other": (b"whsec_" if b"_" in right["secret"] else b"").decode() + b64(b"the previous one")})
    print(json.dumps(out, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    main()
