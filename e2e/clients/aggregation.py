"""A stranger's client for the aggregation API, written from the vendor's page with the standard library alone.

Usage: aggregation.py READY-FILE ENVIRONMENT json|xml|expiry. Walks through a whole journey, in JSON or in XML, or waits for
its token to expire and goes on with a new one. Says what went wrong and exits 1, or says "ok".
"""
import http.client
import json
import ssl
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
LAST_NAME = "O'Neil & Söhne"
RENEW = (10022, 10023)  # invalid and expired token; numbers, as the vendor sends them


def expect(truth, message):
    if not truth:
        raise SystemExit(f"aggregation.py: {message}")


class Aggregation:
    """Two headers with every call; authenticates when it has no token, and again when the token is refused."""

    def __init__(self, ready, environment, kind):
        with open(ready, encoding="utf-8") as file:
            config = json.load(file)
        world = config["environments"][environment]
        self.own = world["aggregation"]
        self.kind = f"application/{kind}"
        self.url = urllib.parse.urlsplit(world["base_url"])
        self.context = ssl.create_default_context(cafile=config["ca_file"])
        self.connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.context, timeout=30)
        self.token, self.renewals = None, 0

    def raw(self, method, path, body=None, headers=None):
        every = {"Finicity-App-Key": self.own["app_key"], "Accept": self.kind}
        if self.token:
            every["Finicity-App-Token"] = self.token
        if body is not None:
            every["Content-Type"] = self.kind
        every.update(headers or {})
        data = body.encode("utf-8") if isinstance(body, str) else body
        self.connection.request(method, self.own["base_path"] + path, body=data, headers=every)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode("utf-8"), answer.headers

    def authenticate(self):
        partner, secret = self.own["partner_id"], self.own["partner_secret"]
        if self.kind == "application/json":
            body = json.dumps({"partnerId": partner, "partnerSecret": secret})
        else:
            body = f"<credentials><partnerId>{escape(partner)}</partnerId><partnerSecret>{escape(secret)}</partnerSecret></credentials>"
        status, text, headers = self.raw("POST", "/v2/partners/authentication", body)
        expect(status == 200 and headers.get_content_type() == self.kind, f"authenticate: {status} {headers} {text}")
        if self.kind == "application/json":
            answer = json.loads(text)
            expect(list(answer) == ["token"] and text == json.dumps(answer, separators=(",", ":")), f"not compact or not one key: {text}")
            self.token = answer["token"]
            return
        root = ElementTree.fromstring(text)
        expect(text.startswith(DECLARATION + "<access><token>") and [c.tag for c in root] == ["token"] and not root.attrib, f"XML: {text}")
        self.token = root[0].text

    def refusal(self, text):
        if self.kind == "application/json":
            return json.loads(text)["code"]
        return int(ElementTree.fromstring(text).findtext("code"))

    def call(self, method, path, body=None, headers=None):
        if self.token is None:
            self.authenticate()
        for attempt in range(5):
            status, text, answered = self.raw(method, path, body, headers)
            if status != 401 or self.refusal(text) not in RENEW:
                return status, text, answered
            self.renewals += 1
            self.authenticate()
        raise SystemExit(f"aggregation.py: five new tokens were refused: {text}")

    def bare_post(self, path):
        """A POST without Content-Length, as Java sends it when there is no body."""
        connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.context, timeout=30)
        connection.putrequest("POST", self.own["base_path"] + path)
        for name, value in (("Finicity-App-Key", self.own["app_key"]), ("Finicity-App-Token", self.token), ("Accept", self.kind)):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        return answer.status, text


def customer(api, name):
    if api.kind == "application/json":
        return json.dumps({"username": name, "firstName": "Zoë", "lastName": LAST_NAME}, ensure_ascii=False)
    return f"<customer><username>{name}</username><firstName>Zoë</firstName><lastName>{escape(LAST_NAME)}</lastName></customer>"


def rows(api, text, what, one):
    """The entries of a list, each as a dictionary of texts."""
    if api.kind == "application/json":
        return [{k: str(v) for k, v in row.items()} for row in json.loads(text)[what]]
    root = ElementTree.fromstring(text)
    expect(text.startswith(DECLARATION) and root.tag == what, f"XML list: {text[:200]}")
    return [{c.tag: c.text for c in row} for row in root.findall(one)]


def created_id(api, text):
    if api.kind == "application/json":
        answer = json.loads(text)
        expect(list(answer) == ["id", "username", "createdDate"] and isinstance(answer["id"], str) and isinstance(answer["createdDate"], int), text)
        return answer["id"]
    return ElementTree.fromstring(text).findtext("id")


def journey(api):
    name = f"stranger-{time.time_ns()}"
    status, text, _ = api.call("POST", "/v2/customers/testing", customer(api, name))
    expect(status == 201, f"create: {status} {text}")
    identity = created_id(api, text)
    status, text, _ = api.call("GET", f"/v1/customers?username={name}&start=1&limit=5")
    expect(status == 200 and [r["id"] for r in rows(api, text, "customers", "customer")] == [identity], f"list: {status} {text}")
    status, text, _ = api.call("GET", f"/v1/customers/{identity}")
    expect(status == 200 and "Söhne" in text and name in text, f"one customer: {status} {text}")
    refresh(api, identity)
    transactions(api, identity)
    status, text, _ = api.call("DELETE", f"/v1/customers/{identity}")
    expect(status == 204 and text == "", f"delete: {status} {text}")
    status, text, _ = api.call("GET", f"/v1/customers/{identity}")
    expect(status == 404 and api.refusal(text) == 14001, f"deleted customer: {status} {text}")


def refresh(api, identity):
    path = f"/v1/customers/{identity}/accounts"
    answers = [
        api.call("POST", path, b"", {"Content-Length": "0"})[:2],
        api.bare_post(path),
        api.call("POST", path, "{}", {"Content-Type": "application/json"})[:2],
        api.call("POST", path, "null", {"Content-Type": "application/json"})[:2],
        api.call("POST", path, b"", {"Content-Length": "0", "Content-Type": "application/x-www-form-urlencoded"})[:2],
    ]
    for shape, (status, text) in enumerate(answers):
        expect(status == 200, f"refresh, shape {shape}: {status} {text}")
        expect(len(rows(api, text, "accounts", "account")) == 2, f"refresh, shape {shape}: {text}")


def transactions(api, identity):
    version = "v3" if api.kind == "application/json" else "v2"
    query = f"?fromDate=0&toDate={int(time.time())}&start=1&limit=10&sort=desc&includePending=true"
    status, text, _ = api.call("GET", f"/{version}/customers/{identity}/transactions{query}")
    expect(status == 200 and len(rows(api, text, "transactions", "transaction")) == 10, f"transactions: {status} {text[:300]}")
    status, text, _ = api.call("GET", f"/v1/customers/{identity}/accounts")
    account = rows(api, text, "accounts", "account")[0]["id"]
    status, text, _ = api.call("POST", f"/v1/customers/{identity}/accounts/{account}/transactions/historic", b"", {"Content-Length": "0"})
    expect(status == 204, f"historic: {status} {text}")


def renewal(api):
    """An invalid token is renewed without the caller seeing it."""
    api.token, before = "no token of anybody", api.renewals
    status, text, _ = api.call("GET", "/v1/customers")
    expect(status == 200 and api.renewals == before + 1, f"renew after 10022: {status} {text}")


def expiry(api):
    """Waits until the token has expired, which is told from an invalid one, and goes on with a new one."""
    api.authenticate()
    deadline = time.monotonic() + 30
    while True:
        status, text, _ = api.raw("GET", "/v1/customers")
        if status == 401:
            break
        expect(status == 200 and time.monotonic() < deadline, f"waiting for expiry: {status} {text}")
        time.sleep(0.05)
    expect(api.refusal(text) == 10023, f"an expired token: {text}")
    status, text, _ = api.call("GET", "/v1/customers")
    expect(status == 200 and api.renewals >= 1, f"renew after 10023: {status} {text}")


def main():
    ready, environment, mode = sys.argv[1:4]
    if mode == "expiry":
        expiry(Aggregation(ready, environment, "json"))
    else:
        api = Aggregation(ready, environment, mode)
        journey(api)
        renewal(api)
    print("ok")


if __name__ == "__main__":
    main()
