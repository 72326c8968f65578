"""A stranger's client for the card API, written from the vendor's guide with the standard library alone.

Usage: card.py READY-FILE ENVIRONMENT. Walks through a whole journey; says what went wrong and exits 1, or says "ok".
"""
import hashlib
import hmac
import http.client
import json
import ssl
import sys
import time
import urllib.parse

PERSON, CORPORATE, CARD = "10011000000000000001", "10021000000000000001", "10031000000000000001"


class CardAPI:
    """Signs every request: timestamp, method, path as on the wire, body; HMAC-SHA256, hex digest."""

    def __init__(self, ready, environment):
        with open(ready, encoding="utf-8") as file:
            config = json.load(file)
        world = config["environments"][environment]
        self.token = world["card"]["api_token"]
        self.secret = world["card"]["api_secret"]
        self.base = world["card"]["base_path"]
        url = urllib.parse.urlsplit(world["base_url"])
        context = ssl.create_default_context(cafile=config["ca_file"])
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=30)

    def call(self, method, path, body=b"", **override):
        target = self.base + path
        timestamp = str(int(time.time()))
        text = timestamp.encode() + method.encode() + target.encode() + body
        headers = {
            "X-Auth-Token": self.token,
            "X-Auth-Timestamp": timestamp,
            "X-Auth-Signature": hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest(),
        }
        if body:
            headers["Content-Type"] = "application/json"
        headers.update(override)
        # An empty body goes out as none at all: http.client adds no length to a GET.
        self.connection.request(method, target, body=body or None, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read(), answer.headers

    def send(self, method, path, value=None):
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode("utf-8")
        status, text, headers = self.call(method, path, body)
        expect(headers.get("Countersign-Request-Id"), f"no request id on {method} {path}")
        return status, json.loads(text)


def expect(truth, message):
    if not truth:
        raise SystemExit(f"card.py: {message}")


def journey(api):
    # Two equal writes in one second would be one: each says when it was made.
    status, got = api.send("POST", f"/get-cards?at={time.time_ns()}", {"person_id": PERSON})
    expect(status == 200 and got["status"] == "success" and got["total"] == len(got["items"]) == 2, f"get-cards: {status} {got}")
    item = got["items"][0]
    expect(item["token_id"] == CARD and "*" in item["card_number"] and isinstance(item["product_id"], int), f"item: {item}")
    status, got = api.send("POST", f"/get-cards?at={time.time_ns()}", {"corporate_id": CORPORATE})
    expect(status == 200 and got["total"] == 1, f"get-cards of a corporate: {status} {got}")

    before = api.send("GET", f"/cards/{CARD}")
    expect(before[0] == 200, f"one card: {before}")
    for stage in ("plastic_not_delivered", "digital"):
        status, got = api.send("PATCH", f"/update-card-stage/{CARD}?at={time.time_ns()}", {"token_stage": stage})
        expect(status == 200 and got["token_id"] == CARD, f"stage: {status} {got}")
    for wanted in ("lost", "active"):
        # A comment in many alphabets: the body that is signed is the UTF-8 that is sent.
        status, got = api.send("PATCH", f"/update-card-status/{CARD}", {"token_status": wanted, "comment": "Zoë, 東京, ½ €, 🂡", "at": time.time_ns()})
        expect(status == 200 and got["status"] == "success", f"status: {status} {got}")
        status, got = api.send("GET", f"/cards/{CARD}")
        expect(status == 200 and wanted in json.dumps(got), f"card after {wanted}: {status} {got}")


def odd_queries(api):
    for query in ("?", "?a=b;c=d", "?a=%2f%5C%2e", "?b=1&a=2&&", "?q=a+b%20c", "?~!$'()*,:@/?-._=", "?" + urllib.parse.urlencode({"ü": "€ & =", "q": "a/b"})):
        status, got = api.send("GET", f"/cards/{CARD}{query}")
        expect(status == 200, f"query {query}: {status} {got}")


def refusals(api):
    status, text, _ = api.call("GET", f"/cards/{CARD}", **{"X-Auth-Signature": "00" * 32})
    expect(status == 401 and json.loads(text)["errors"] == ["unauthorized"], f"forged: {status} {text}")
    status, text, _ = api.call("GET", f"/cards/{CARD}", **{"X-Auth-Timestamp": str(int(time.time()) - 3600)})
    answer = json.loads(text)
    expect(status == 401 and answer["errors"] == ["stale_timestamp"] and abs(answer["server_time"] - time.time()) < 60, f"stale: {status} {text}")
    status, got = api.send("GET", "/cards/10039999999999999999")
    expect(status == 404 and got["errors"] == ["card_not_found"], f"unknown card: {status} {got}")


def main():
    api = CardAPI(sys.argv[1], sys.argv[2])
    journey(api)
    odd_queries(api)
    refusals(api)
    print("ok")


if __name__ == "__main__":
    main()
