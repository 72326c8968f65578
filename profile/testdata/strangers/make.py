"""Worked examples for the profiles beside this file, each computed from what its vendor's page says, with nothing but Python's own library.

All are synthetic: examples that a vendor itself printed stand in profile/library. Prints the file vectors.json.
"""
import base64, hashlib, hmac, json
from urllib.parse import quote, quote_plus, urlencode

OUT = []


def mac(alg, key, message):
    return hmac.new(b(key), b(message), alg).digest()


def b(text):
    return text.encode() if isinstance(text, str) else text


def b64(raw):
    return base64.b64encode(b(raw)).decode()


def b64u(raw):
    return base64.urlsafe_b64encode(b(raw)).decode()


def digest(alg, text):
    return hashlib.new(alg, b(text)).digest()


def hx(alg, text):
    return digest(alg, text).hex()


def pct(text):
    return quote(text, safe="")


def add(profile, method, url, secret, message, signature, headers=None, body="", vars=None, alternative="", **more):
    """Appends one example. message is what is signed, or None where a page does not tell."""
    entry = {"id": profile, "alternative": alternative, "notes": "synthetic", "method": method, "url": url, "headers": headers or {}, "body": body,
             "vars": vars or {}, "secret_hex": b(secret).hex(), "expected_signature": signature, **more}
    if message is not None:
        try:
            entry["canonical_string"] = message if isinstance(message, str) else message.decode()
        except UnicodeDecodeError:
            entry["canonical_string"] = "base64:" + b64(message)
    OUT.append(entry)


def simple(profile, alg, encode, url, secret, message, method="POST", key=None, **more):
    """An HMAC of message, keyed with the secret unless key is given."""
    add(profile, method, url, secret, message, encode(mac(alg, secret if key is None else key, message)), **more)


HEX = lambda raw: raw.hex()
UPPER = lambda raw: raw.hex().upper()
TS, MS, ISO, HTTP = "1763625600", "1763625600123", "2025-11-20T08:00:00Z", "Thu, 20 Nov 2025 08:00:00 GMT"
ISO_MS = "2025-11-20T08:00:00.123Z"
BODY = '{"id": 7, "note": "grüezi/ok"}'
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
KEY = {"key_id": "key-1", "ts": TS}
KEYMS = {"key_id": "key-1", "ts": MS}
S = "an example secret"


def exchanges():
    raw = b64("a secret of thirty-two bytes....")
    simple("coinbase-exchange", "sha256", b64, "https://api.exchange.coinbase.com/orders?a=1", raw, TS + "POST/orders?a=1" + BODY, key="a secret of thirty-two bytes....",
           body=BODY, vars={**KEY, "passphrase": "phrase"})
    simple("okx", "sha256", b64, "https://www.okx.com/api/v5/account/balance?ccy=BTC", S, ISO_MS + "GET/api/v5/account/balance?ccy=BTC", method="GET",
           vars={"key_id": "key-1", "ts": ISO_MS, "passphrase": "phrase"})
    simple("bybit", "sha256", HEX, "https://api.bybit.com/v5/order/realtime?category=option&symbol=BTC", S, MS + "key-1" + "5000" + "category=option&symbol=BTC", method="GET",
           vars={**KEYMS, "recv_window": "5000"})
    simple("bybit", "sha256", HEX, "https://api.bybit.com/v5/order/create", S, MS + "key-1" + "5000" + BODY, body=BODY, vars={**KEYMS, "recv_window": "5000"})
    simple("kucoin", "sha256", b64, "https://api.kucoin.com/api/v1/deposit-addresses", S, MS + "POST/api/v1/deposit-addresses" + BODY, body=BODY,
           vars={**KEYMS, "pass": b64(mac("sha256", S, "phrase"))})
    nonce = "f93c979d-b00d-43a9-9b9c-fd4cd9547fa6"
    form = "offset=1"
    simple("bitstamp", "sha256", UPPER, "https://www.bitstamp.net/api/v2/user_transactions/", S,
           "BITSTAMP key-1" + "POST" + "www.bitstamp.net" + "/api/v2/user_transactions/" + FORM["Content-Type"] + nonce + MS + "v2" + form, headers=FORM, body=form,
           vars={**KEYMS, "nonce": nonce})
    simple("bitfinex", "sha384", HEX, "https://api.bitfinex.com/v2/auth/r/wallets", S, "/api/v2/auth/r/wallets" + "1763625600123" + BODY, body=BODY,
           vars={"key_id": "key-1", "nonce": MS})
    query = {"AccessKeyId": "e2xxxxxx-99xxxxxx-84xxxxxx-7xxxx", "order-id": "1234567890", "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
             "Timestamp": "2017-05-11T15:19:30"}
    text = "&".join(n + "=" + pct(query[n]) for n in sorted(query))
    simple("htx", "sha256", b64, "https://api.huobi.pro/v1/order/orders?order-id=1234567890", S, "GET\napi.huobi.pro\n/v1/order/orders\n" + text, method="GET",
           vars={"key_id": query["AccessKeyId"], "ts": query["Timestamp"]})
    simple("poloniex", "sha256", b64, "https://api.poloniex.com/orders?symbol=BTC_USDT&limit=5", S, "GET\n/orders\nlimit=5&signTimestamp=" + MS + "&symbol=BTC_USDT",
           method="GET", vars=KEYMS)
    simple("poloniex", "sha256", b64, "https://api.poloniex.com/orders", S, "POST\n/orders\nrequestBody=" + BODY + "&signTimestamp=" + MS, body=BODY, vars=KEYMS)
    head = b64u('{"alg":"HS256"}').rstrip("=")
    claims = b64u('{"access_key":"a","nonce":"n","query_hash":"' + hx("sha512", "states[]=wait&market=KRW") + '","query_hash_alg":"SHA512"}').rstrip("=")
    simple("upbit", "sha256", lambda raw: b64u(raw).rstrip("="), "https://api.upbit.com/v1/orders?states%5B%5D=wait&market=KRW", S, head + "." + claims, method="GET",
           vars={"head": head, "claims": claims})
    body = "orderType=lmt&symbol=pi_xbtusd"
    inner = digest("sha256", body + "1763625600123" + "/api/v3/sendorder")
    simple("kraken-futures", "sha512", b64, "https://futures.kraken.com/derivatives/api/v3/sendorder", raw, inner, key="a secret of thirty-two bytes....", body=body,
           vars={"key_id": "key-1", "nonce": MS})
    simple("hitbtc", "sha256", HEX, "https://api.hitbtc.com/api/3/spot/order?symbol=ETH", S, "GET/api/3/spot/order?symbol=ETH" + MS, method="GET", vars=KEYMS)
    simple("woo-x", "sha256", HEX, "https://api.woo.org/v1/order", S, "order_price=9000&order_quantity=0.1&symbol=SPOT_BTC|" + MS, headers=FORM,
           body="symbol=SPOT_BTC&order_quantity=0.1&order_price=9000", vars=KEYMS)
    simple("dydx", "sha256", b64u, "https://api.dydx.exchange/v3/users?a=b", b64u("a secret of thirty-two bytes....".encode()), ISO_MS + "GET/v3/users?a=b",
           key="a secret of thirty-two bytes....", method="GET", vars={"key_id": "key-1", "ts": ISO_MS, "passphrase": "phrase"})
    order = {"id": 11, "method": "private/create-order", "api_key": "key-1", "params": {"type": "LIMIT", "instrument": "BTC"}, "nonce": 1763625600123, "sig": "x"}
    simple("crypto-com", "sha256", HEX, "https://api.crypto.com/v2/private/create-order", S, "private/create-order11key-1instrumentBTCtypeLIMIT" + MS,
           headers=JSON, body=json.dumps(order))
    simple("bittrex", "sha512", HEX, "https://api.bittrex.com/v3/balances?a=1", S, MS + "https://api.bittrex.com/v3/balances?a=1" + "GET" + hx("sha512", ""), method="GET",
           headers={"Api-Content-Hash": hx("sha512", "")}, vars=KEYMS)
    simple("coinone", "sha512", HEX, "https://api.coinone.co.kr/v2.1/account/balance", "ab-cd", b64(BODY), key="AB-CD", body=BODY, headers={"X-COINONE-PAYLOAD": b64(BODY)})
    simple("phemex", "sha256", HEX, "https://api.phemex.com/exchange/public?a=b", S, "/exchange/publica=b" + TS + BODY, body=BODY, vars=KEY)
    simple("cex-io", "sha256", UPPER, "https://cex.io/api/balance/", S, MS + "up118" + "key-1", body="key=key-1&nonce=" + MS + "&signature=x", headers=FORM, vars={"user": "up118"})
    simple("bitso", "sha256", HEX, "https://api.bitso.com/v3/balance/?a=b", S, MS + "GET/v3/balance/?a=b", method="GET", vars={"key_id": "key-1", "nonce": MS})
    simple("independent-reserve", "sha256", UPPER, "https://api.independentreserve.com/Private/GetOpenOrders", S,
           "https://api.independentreserve.com/Private/GetOpenOrders,apiKey=key-1,nonce=5,pageIndex=1", headers=JSON,
           body='{"apiKey":"key-1","nonce":5,"pageIndex":1,"signature":"x"}')


def payments():
    simple("razorpay", "sha256", HEX, "https://m.example/hook", S, BODY, body=BODY)
    simple("square", "sha256", b64, "https://m.example/hook?x=1", S, "https://m.example/hook?x=1" + BODY, body=BODY)
    raw = b64("a secret of thirty-two bytes....")
    sha = "SHA-256=" + b64(digest("sha256", BODY))
    simple("cybersource", "sha256", b64, "https://apitest.cybersource.com/pts/v2/payments/", raw, "host: apitest.cybersource.com\nv-c-date: " + HTTP +
           "\nrequest-target: post /pts/v2/payments/\ndigest: " + sha + "\nv-c-merchant-id: shop", key="a secret of thirty-two bytes....", body=BODY,
           headers={"V-C-Date": HTTP, "Digest": sha, "V-C-Merchant-Id": "shop"}, vars={"key_id": "08c94330-f618-42a3-b09d-e1e43be5efda"})
    simple("dlocal", "sha256", HEX, "https://api.dlocal.com/payments", S, "login" + ISO_MS + BODY, body=BODY, headers={"X-Login": "login"}, vars={"key_id": "trans", "ts": ISO_MS})
    simple("mercadopago", "sha256", HEX, "https://m.example/hook?data.id=AB123&type=payment", S, "id:ab123;request-id:bb56a2f1;ts:" + MS + ";", body=BODY,
           headers={"x-request-id": "bb56a2f1"}, vars={"ts": MS})
    simple("authorize-net", "sha512", UPPER, "https://m.example/hook", b"\x01\x02abc".hex(), BODY, key=b"\x01\x02abc", body=BODY)
    simple("payeezy", "sha256", lambda raw: b64(raw.hex()), "https://api-cert.payeezy.com/v1/transactions", S, "key-1" + "0123456789abcdef" + MS + "fdoa-1" + BODY, body=BODY,
           headers={"token": "fdoa-1"}, vars={**KEYMS, "nonce": "0123456789abcdef"})
    fields = '{"merchantId":"427583","merchantSiteId":"142033","clientRequestId":"1C6CT7V1L","amount":"200","currency":"USD","timeStamp":"20251120080000","checksum":"x"}'
    text = "427583142033" + "1C6CT7V1L" + "200USD20251120080000" + S
    add("nuvei", "POST", "https://ppp-test.nuvei.com/ppp/api/v1/openOrder.do", S, text, hx("sha256", text), headers=JSON, body=fields)
    text = "post/v1/payments?a=1" + "0123456789ab" + TS + "key-1" + S + BODY
    simple("rapyd", "sha256", lambda raw: b64(raw.hex()), "https://sandboxapi.rapyd.net/v1/payments?a=1", S, text, body=BODY, vars={**KEY, "nonce": "0123456789ab"})
    simple("coinpayments", "sha256", b64, "https://api.coinpayments.net/api/v1/invoices", S,
           b"\xef\xbb\xbf" + b("POSThttps://api.coinpayments.net/api/v1/invoices" + "key-1" + "2025-11-20T08:00:00" + BODY), body=BODY,
           vars={"key_id": "key-1", "ts": "2025-11-20T08:00:00"})
    simple("paddle", "sha256", HEX, "https://m.example/hook", S, TS + ":" + BODY, body=BODY, vars={"ts": TS})
    simple("datatrans", "sha256", HEX, "https://m.example/hook", "0a0b0c0d", MS + BODY, key=bytes.fromhex("0a0b0c0d"), body=BODY, vars={"ts": MS})
    names = {"checkout-account": "375917", "checkout-algorithm": "sha256", "checkout-method": "POST", "checkout-nonce": "564635208570151", "checkout-timestamp": "2018-07-06T10:01:31.904Z"}
    body = '{"stamp":"unique-identifier-for-merchant","reference":"3759170"}'
    simple("paytrail", "sha256", HEX, "https://services.paytrail.com/payments", "SAIPPUAKAUPPIAS", "\n".join(n + ":" + v for n, v in names.items()) + "\n" + body,
           headers={"checkout-algorithm": "sha256", "checkout-method": "POST"}, body=body, vars={"key_id": "375917", "nonce": "564635208570151", "ts": "2018-07-06T10:01:31.904Z"})
    form = [("m_payment_id", "SuperUnique1"), ("pf_payment_id", "1089250"), ("item_name", "test product"), ("item_description", ""), ("email_address", "a+b@example.com")]
    text = "&".join(n + "=" + quote_plus(v) for n, v in form) + "&passphrase=" + quote_plus(S)
    add("payfast", "POST", "https://m.example/itn", S, text, hx("md5", text), headers=FORM, body=urlencode(form + [("signature", "x")]))
    form = {"TIMESTAMP": "20251120080000", "MERCHANT_ID": "thestore", "ORDER_ID": "ORD453-11", "AMOUNT": "29900", "CURRENCY": "EUR", "SHA1HASH": "x"}
    text = hx("sha1", "20251120080000.thestore.ORD453-11.29900.EUR") + "." + S
    add("realex", "POST", "https://pay.sandbox.realexpayments.com/pay", S, text, hx("sha1", text), headers=FORM, body=urlencode(form))
    payload = b64('<notification/>') + "\n"
    simple("braintree", "sha1", HEX, "https://m.example/hook", S, payload, key=digest("sha1", S), headers=FORM, body=urlencode({"bt_signature": "x", "bt_payload": payload}),
           vars={"key_id": "public"})
    simple("2checkout", "md5", HEX, "https://api.2checkout.com/rest/6.0/orders/", S, "8AVLRCODE" + "192025-11-20 08:00:00", method="GET",
           vars={"key_id": "AVLRCODE", "ts": "2025-11-20 08:00:00"})
    simple("moov", "sha512", HEX, "https://m.example/hook", S, ISO + "|" + "0123456789abcdef" + "|hook-1", body=BODY, headers={"X-Webhook-ID": "hook-1"},
           vars={"ts": ISO, "nonce": "0123456789abcdef"})
    simple("increase", "sha256", HEX, "https://m.example/hook", S, ISO + "." + BODY, body=BODY, vars={"ts": ISO})
    simple("paymongo", "sha256", HEX, "https://m.example/hook", S, TS + "." + BODY, body=BODY, vars={"ts": TS})
    text = "1111" + "200" + "100000.00" + "askvnoibnosifnboseofinbofinfgbiufglnbfg"
    add("midtrans", "POST", "https://m.example/hook", "askvnoibnosifnboseofinbofinfgbiufglnbfg", text, hx("sha512", text), headers=JSON,
        body='{"order_id":"1111","status_code":"200","gross_amount":"100000.00","signature_key":"x"}')
    text = "\n".join(["Client-Id:MCH-1", "Request-Id:cc682442-6c22-493e-8121-b9ef6b3fa728", "Request-Timestamp:" + ISO, "Request-Target:/doku-virtual-account/v2/payment-code",
                      "Digest:" + b64(digest("sha256", BODY))])
    simple("doku", "sha256", b64, "https://api.doku.com/doku-virtual-account/v2/payment-code", S, text, body=BODY,
           vars={"key_id": "MCH-1", "nonce": "cc682442-6c22-493e-8121-b9ef6b3fa728", "ts": ISO})
    text = "second" + hx("md5", S + "transact=12&amount=100&currency=208")
    add("dibs", "POST", "https://m.example/hook", S, text, hx("md5", text), headers=FORM, body="transact=12&amount=100&currency=208&authkey=x", vars={"k2_hex": b"second".hex()})
    url = "https://sandbox.interswitchng.com/api/v1/payments?a=1"
    text = "&".join(["POST", pct(url), TS, "0123456789abcdef", "IKIA1", S])
    add("interswitch", "POST", url, S, text, b64(digest("sha1", text)), body=BODY, vars={"ts": TS, "nonce": "0123456789abcdef", "client": "IKIA1"})
    simple("worldpay", "sha256", HEX, "https://m.example/hook", S, BODY, body=BODY, vars={"key_id": "1"})
    fields = {"merchantAccount": "test_merchant", "merchantDomainName": "www.market.ua", "orderReference": "DH783023", "orderDate": 1415379863, "amount": 1547.36, "currency": "UAH",
              "productName": ["Процессор Intel Core i5-4670 3.4GHz", "Память Kingston DDR3-1600 4096MB PC3-12800"], "productCount": [1, 1], "productPrice": [1000, 547.36],
              "merchantSignature": "x"}
    text = "test_merchant;www.market.ua;DH783023;1415379863;1547.36;UAH;" + ";".join(fields["productName"]) + ";1;1;1000;547.36"
    add("wayforpay", "POST", "https://secure.wayforpay.com/pay", "dhkq3vUi94{Z!5frxs(02ML", text, mac("md5", "dhkq3vUi94{Z!5frxs(02ML", text).hex(), headers=JSON,
        body=json.dumps(fields, ensure_ascii=False))
    data = b64('{"version":3,"amount":"3"}')
    text = S + data + S
    add("liqpay", "POST", "https://www.liqpay.ua/api/3/checkout", S, text, b64(digest("sha1", text)), headers=FORM, body=urlencode({"data": data, "signature": "x"}))
    text = "test|125|USD|1396424|Test payment|TestOrder2"
    add("fondy", "POST", "https://pay.fondy.eu/api/checkout/url/", "test", text, hx("sha1", text), headers=JSON,
        body='{"order_id":"TestOrder2","order_desc":"Test payment","currency":"USD","amount":"125","empty":"","merchant_id":"1396424","signature":"x"}')
    text = "4637827" + "A205220" + hx("md5", S).upper() + "9.99" + "EUR" + "2"
    add("skrill", "POST", "https://m.example/hook", S, text, hx("md5", text).upper(), headers=FORM,
        body="merchant_id=4637827&transaction_id=A205220&mb_amount=9.99&mb_currency=EUR&status=2&md5sig=x")
    simple("paymob", "sha512", HEX, "https://m.example/hook?hmac=x", S, "100002025-11-20T08:00EGPfalse2556706" + "4778239" + "2346" + "true", headers=JSON,
           body='{"obj":{"amount_cents":10000,"created_at":"2025-11-20T08:00","currency":"EGP","error_occured":false,"id":2556706,"order":{"id":4778239},'
                '"source_data":{"pan":"2346"},"success":true}}')
    add("payu-pl", "POST", "https://m.example/hook", S, BODY + S, hx("md5", BODY + S), body=BODY)
    text = BODY + S + "2025-11-20 08:00"
    add("svea", "POST", "https://api.svea.com/orders", S, text, hx("sha512", text), body=BODY, vars={"key_id": "100001", "ts": "2025-11-20 08:00"})


def webhooks():
    simple("zoom", "sha256", HEX, "https://m.example/hook", S, "v0:" + TS + ":" + BODY, body=BODY, vars={"ts": TS})
    simple("typeform", "sha256", b64, "https://m.example/hook", S, BODY, body=BODY)
    body = '{"action":"create","webhookTimestamp":1763625600123}'
    simple("linear", "sha256", HEX, "https://m.example/hook", S, body, headers=JSON, body=body)
    simple("docusign", "sha256", b64, "https://m.example/hook", S, BODY, body=BODY)
    simple("zendesk", "sha256", b64, "https://m.example/hook", S, ISO + BODY, body=BODY, vars={"ts": ISO})
    token = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
    simple("mailgun", "sha256", HEX, "https://m.example/hook", S, TS + token, headers=JSON,
           body='{"signature":{"timestamp":"' + TS + '","token":"' + token + '","signature":"x"},"event-data":{"id":1}}')
    text = "&message-timestamp=2025-11-20 08:00:00&msisdn=447700900001&text=a_b_c&timestamp=" + TS + S
    add("vonage-sms", "GET", "https://m.example/in?msisdn=447700900001&text=a%26b%3Dc&message-timestamp=2025-11-20+08%3A00%3A00&timestamp=" + TS + "&sig=x", S, text, hx("md5", text))
    simple("line", "sha256", b64, "https://m.example/hook", S, BODY, body=BODY)
    simple("trello", "sha1", b64, "https://m.example/hook", S, BODY + "https://m.example/hook", body=BODY)
    simple("patreon", "md5", HEX, "https://m.example/hook", S, BODY, body=BODY)
    stamp = "2025-11-20T08:00:00.634234626Z"
    simple("twitch", "sha256", HEX, "https://m.example/hook", S, "befa7b53-d79d-478f-86b9-120f112b044e" + stamp + BODY, body=BODY,
           vars={"nonce": "befa7b53-d79d-478f-86b9-120f112b044e", "ts": stamp})
    simple("facebook-proof", "sha256", HEX, "https://graph.facebook.com/me?access_token=abc%7Cdef", S, "abc|def", method="GET")
    fields = {"id": "99", "first_name": "Ann B", "username": "ann", "auth_date": TS}
    text = "\n".join(n + "=" + fields[n] for n in sorted(fields))
    simple("telegram-login", "sha256", HEX, "https://m.example/login?" + urlencode(fields) + "&hash=x", "12:bot", text, key=digest("sha256", "12:bot"), method="GET")
    fields = {"query_id": "AAH", "user": '{"id":1,"first_name":"Ann"}', "auth_date": TS}
    text = "\n".join(n + "=" + fields[n] for n in sorted(fields))
    simple("telegram-webapp", "sha256", HEX, "https://m.example/login", "12:bot", text, key=mac("sha256", "WebAppData", "12:bot"), headers=FORM, body=urlencode(fields) + "&hash=x")
    body = '{"app_id":"431","timestamp":"1763625600123"}'
    text = "431" + body + MS + S
    add("zalo", "POST", "https://m.example/hook", S, text, hx("sha256", text), headers=JSON, body=body)
    url = "https://m.example/hook"
    simple("authy", "sha256", b64, url, S, "0123456789abcdef|POST|" + url + "|" + "a%5Bb%5D=x+y&c=1", headers=JSON, body='{"c":1,"a":{"b":"x y"}}',
           vars={"nonce": "0123456789abcdef"})
    simple("shopware-app", "sha256", HEX, "https://app.example/register?shop-id=1&shop-url=http%3A%2F%2Fa&timestamp=1", S, "shop-id=1&shop-url=http%3A%2F%2Fa&timestamp=1", method="GET")


def platforms():
    simple("shopee", "sha256", HEX, "https://partner.shopeemobile.com/api/v2/shop/get?access_token=tok&shop_id=14", S, "2001887" + "/api/v2/shop/get" + TS + "tok14", method="GET",
           vars={"key_id": "2001887", "ts": TS})
    text = S + "/order/202309/orders" + "app_key" + "key-1" + "shop_cipher" + "c1" + "timestamp" + TS + BODY + S
    simple("tiktok-shop", "sha256", HEX, "https://open-api.tiktokglobalshop.com/order/202309/orders?shop_cipher=c1&access_token=tok", S, text, body=BODY, vars=KEY)
    simple("qiniu", "sha1", b64u, "https://rs.qiniu.com/move/bmV3ZG9jczpmaW5k?a=1", S, "/move/bmV3ZG9jczpmaW5k?a=1\nx=1", headers=FORM, body="x=1", vars={"key_id": "key-1"})
    compact = "20251120T080000Z"
    signed = "host;x-sdk-date"
    canonical = "\n".join(["GET", "/v1/vpcs/", "limit=2&marker=13%20x", "host:service.region.example.com\nx-sdk-date:" + compact + "\n", signed, hx("sha256", "")])
    simple("huawei-sdk", "sha256", HEX, "https://service.region.example.com/v1/vpcs?marker=13%20x&limit=2", S, "\n".join(["SDK-HMAC-SHA256", compact, hx("sha256", canonical)]),
           method="GET", vars={"key_id": "key-1", "ts": compact, "signed": signed})
    signed = "host;x-date"
    canonical = "\n".join(["GET", "/", "Action=ListUsers&Version=2018-01-01", "host:iam.volcengineapi.com\nx-date:" + compact + "\n", signed, hx("sha256", "")])
    key = S.encode()
    for part in ["20251120", "cn-north-1", "iam", "request"]:
        key = mac("sha256", key, part)
    simple("volcengine", "sha256", HEX, "https://iam.volcengineapi.com/?Version=2018-01-01&Action=ListUsers", S,
           "\n".join(["HMAC-SHA256", compact, "20251120/cn-north-1/iam/request", hx("sha256", canonical)]), key=key, method="GET",
           vars={"key_id": "key-1", "ts": compact, "region": "cn-north-1", "service": "iam", "signed": signed})
    raw = b64("a secret of thirty-two bytes....")
    text = "\n".join(["GET", "", "", "", "", "", "", "", "", "", "", "", "x-ms-date:" + HTTP, "x-ms-version:2015-02-21", "/myaccount/mycontainer", "comp:metadata", "restype:container", "timeout:20"])
    simple("azure-storage", "sha256", b64, "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20", raw, text,
           key="a secret of thirty-two bytes....", method="GET", headers={"x-ms-date": HTTP, "x-ms-version": "2015-02-21"})
    resource = "https%3a%2f%2fns.servicebus.windows.net%2fq"
    simple("azure-servicebus", "sha256", b64, "https://ns.servicebus.windows.net/q/messages", S, resource + "\n" + TS, body=BODY,
           vars={"key_id": "RootManageSharedAccessKey", "ts": TS, "resource": "https://ns.servicebus.windows.net/q"})
    simple("azure-appconfig", "sha256", b64, "https://my.azconfig.io/kv?fields=*&api-version=1.0", raw, "GET\n/kv?fields=*&api-version=1.0\n" + HTTP + ";my.azconfig.io;" +
           b64(digest("sha256", "")), key="a secret of thirty-two bytes....", method="GET", headers={"x-ms-date": HTTP, "x-ms-content-sha256": b64(digest("sha256", ""))},
           vars={"key_id": "cred"})
    simple("azure-loganalytics", "sha256", b64, "https://ws.ods.opinsights.azure.com/api/logs?api-version=2016-04-01", raw,
           "POST\n" + str(len(BODY.encode())) + "\napplication/json\nx-ms-date:" + HTTP + "\n/api/logs", key="a secret of thirty-two bytes....", headers={**JSON, "x-ms-date": HTTP},
           body=BODY, vars={"key_id": "ws"})
    simple("swift-tempurl", "sha1", HEX, "https://swift.example/v1/AUTH_account/container/object", S, "GET\n" + TS + "\n/v1/AUTH_account/container/object", method="GET", vars={"ts": TS})
    text = "FOO123bar/users/1.png?w=400&h=300"
    add("imgix", "GET", "https://my-social-network.imgix.net/users/1.png?w=400&h=300", "FOO123bar", text, hx("md5", text))
    text = S + "/video.mp4" + TS
    add("bunny", "GET", "https://x.b-cdn.net/video.mp4", S, text, b64u(digest("sha256", text)).rstrip("="), vars={"ts": TS})
    restrictions = "filters=visible%3Atrue&validUntil=1763625600"
    made = mac("sha256", S, restrictions).hex()
    simple("algolia", "sha256", HEX, "https://x.algolia.net/1/indexes", S, restrictions, method="GET", vars={"restrictions": restrictions}, expected_wire=b64(made + restrictions))
    simple("naver-sens", "sha256", b64, "https://sens.apigw.ntruss.com/sms/v2/services?a=1", S, "POST /sms/v2/services?a=1\n" + MS + "\nkey-1", body=BODY, vars=KEYMS)
    params = {"format": "MP3", "number": "442037691880 1", "a": "ü"}
    text = "&".join(n + "=" + quote_plus(params[n]) for n in sorted(params))
    text = "/v1/sip/" + text + hx("md5", text)
    simple("zadarma", "sha1", lambda raw: b64(raw.hex()), "https://api.zadarma.com/v1/sip/?" + urlencode(params), S, text, method="GET", vars={"key_id": "key-1"})
    text = S + "api_keykey-1methodflickr.testname_b"
    add("flickr", "GET", "https://api.flickr.com/services/rest/?method=flickr.test&name_=b", S, text, hx("md5", text), vars={"key_id": "key-1"})
    text = "application_key=key-1format=jsonmethod=users.get" + hx("md5", "tok" + S)
    add("ok-ru", "GET", "https://api.ok.ru/fb.do?method=users.get&format=json&access_token=tok", S, text, hx("md5", text), vars={"key_id": "key-1"})
    simple("sumsub", "sha256", HEX, "https://api.sumsub.com/resources/applicants?levelName=basic", S, TS + "POST/resources/applicants?levelName=basic" + BODY, body=BODY, vars=KEY)
    form = {"user": "a b", "amount": "1.00", "key": "key-1", "stamp": "Thu, 20 Nov 2025 08:00:00 +0000", "mac": "x"}
    text = "&".join(n + "=" + quote_plus(form[n]) for n in sorted(form) if n != "mac")
    simple("form-digest", "sha256", b64, "https://api.example/pay", S, text, headers=FORM, body=urlencode(form))
    simple("akamai-token", "sha256", HEX, "https://cdn.example/a.mp4", "aabbccdd", "exp=" + TS + "~acl=/*", key=bytes.fromhex("aabbccdd"), method="GET", vars={"ts": TS, "acl": "/*"})


def further():
    simple("dingtalk", "sha256", b64, "https://oapi.dingtalk.com/robot/send?access_token=t", S, MS + "\n" + S, body=BODY, vars={"ts": MS})
    signed = "x-contentful-timestamp,content-type"
    simple("contentful", "sha256", HEX, "https://app.example/hook/%C3%BC?a=b", S, "\n".join(["POST", "/hook/%C3%BC?a=b", "x-contentful-timestamp:" + MS + ";content-type:application/json", BODY]),
           headers=JSON, body=BODY, vars={"ts": MS, "signed": signed})
    head = b64u('{"alg":"HS256"}').rstrip("=")
    claims = b64u('{"iss":"i","qsh":"' + hx("sha256", "GET&/rest/api/2/issue&a=x%20y&b=1,2") + '"}').rstrip("=")
    simple("atlassian-connect", "sha256", lambda raw: b64u(raw).rstrip("="), "https://x.atlassian.net/rest/api/2/issue?b=1&a=x+y&b=2", S, head + "." + claims, method="GET",
           vars={"head": head, "claims": claims})
    simple("bigcommerce", "sha256", lambda raw: b64(raw.hex()), "https://app.example/load", S, '{"user":{"id":9}}', method="GET", vars={"data": b64('{"user":{"id":9}}')})
    data = "session_id=1_MX4&create_time=1763625600&nonce=0.5&role=publisher"
    simple("opentok", "sha1", HEX, "https://api.opentok.com/session/create", S, data, vars={"key_id": "123", "data": data})
    simple("plivo-v3", "sha256", b64, "https://m.example/hook?b=2&a=1", S, "https://m.example/hook?a=1&b=2" + "." + "From1To2" + "." + "12345678901234567890", headers=FORM,
           body="To=2&From=1", vars={"nonce": "12345678901234567890"})
    text = "key-1" + "a sentence" + "34" + "characters" + "0123456789abcdef" + TS + S
    add("youdao", "POST", "https://openapi.youdao.com/api", S, text, hx("sha256", text), headers=FORM, body=urlencode({"q": "a sentence " + "............." + "characters"}),
        vars={"key_id": "key-1", "nonce": "0123456789abcdef", "ts": TS})
    simple("iflytek", "sha256", b64, "https://iat-api.xfyun.cn/v2/iat", S, "host: iat-api.xfyun.cn\ndate: " + HTTP + "\nGET /v2/iat HTTP/1.1", method="GET", vars={"key_id": "key-1", "ts": HTTP})
    text = "key-1" + "tok" + MS + "0123456789abcdef" + "\n".join(["GET", hx("sha256", ""), "area_id:29a33\nreq_id:8afd\n", "/v2.0/apps/schema/users?page_no=1&page_size=50"])
    simple("tuya", "sha256", UPPER, "https://openapi.tuyacn.com/v2.0/apps/schema/users?page_size=50&page_no=1", S, text, method="GET",
           headers={"access_token": "tok", "area_id": "29a33", "req_id": "8afd"}, vars={**KEYMS, "nonce": "0123456789abcdef", "signed": "area_id:req_id"})
    text = "key-1" + MS + "0123456789abcdef" + "\n".join(["GET", hx("sha256", ""), "", "/v1.0/token?grant_type=1"])
    simple("tuya", "sha256", UPPER, "https://openapi.tuyacn.com/v1.0/token?grant_type=1", S, text, method="GET", vars={**KEYMS, "nonce": "0123456789abcdef"})
    text = "deviceInfo.id=1&deviceList[0].id=1&deviceList[1].id=2&ids[0]=1&ids[1]=2&ids[2]=3&name=demo1&accessKey=key-1&nonce=345164&timestamp=" + MS
    simple("ecoflow", "sha256", HEX, "https://api.ecoflow.com/iot-open/sign/device/quota", S, text, headers=JSON,
           body='{"name":"demo1","ids":[1,2,3],"deviceInfo":{"id":1},"deviceList":[{"id":1},{"id":2}]}', vars={**KEYMS, "nonce": "345164"})
    text = "\n".join(["POST", "application/json", "", FORM["Content-Type"], "", "x-ca-key:key-1\nx-ca-timestamp:" + MS + "\n/http2test/test?param1=test&password=p&username=u"])
    simple("aliyun-apigw", "sha256", b64, "https://api.aliyun.com/http2test/test?param1=test", S, text, headers={**FORM, "Accept": "application/json"}, body="username=u&password=p",
           vars={**KEYMS, "signed": "x-ca-timestamp,x-ca-key"})
    digest5 = b64(digest("md5", BODY))
    simple("solis", "sha1", b64, "https://www.soliscloud.com:13333/v1/api/userStationList", S, "\n".join(["POST", digest5, "application/json", HTTP, "/v1/api/userStationList"]),
           headers={"Content-MD5": digest5, "Content-Type": "application/json", "Date": HTTP}, body=BODY, vars={"key_id": "key-1"})
    simple("line-pay", "sha256", b64, "https://api-pay.line.me/v3/payments/request", S, S + "/v3/payments/request" + BODY + "0123456789abcdef", body=BODY,
           vars={"key_id": "123", "nonce": "0123456789abcdef"})
    query = {"vnp_TmnCode": "DEMO", "vnp_Amount": "1000000", "vnp_OrderInfo": "Thanh toan don hang :5"}
    simple("vnpay", "sha512", HEX, "https://m.example/return?" + urlencode(query) + "&vnp_SecureHash=x", S, "&".join(n + "=" + quote_plus(query[n]) for n in sorted(query)), method="GET")
    simple("momo", "sha256", HEX, "https://payment.momo.vn/v2/gateway/api/create", S, "accessKey=key-1&amount=150000&extraData=&orderId=o1&requestId=r1", headers=JSON,
           body='{"requestId":"r1","amount":150000,"orderId":"o1","extraData":"","accessKey":"key-1"}')
    text = "JPg|PQI6MqpYrjEefU|10.00|iPhone|PayU User|test@gmail.com|||||||||||" + S
    add("payu-india", "POST", "https://test.payu.in/_payment", S, text, hx("sha512", text), headers=FORM,
        body=urlencode({"key": "JPg", "txnid": "PQI6MqpYrjEefU", "amount": "10.00", "productinfo": "iPhone", "firstname": "PayU User",
                                                                                  "email": "test@gmail.com", "hash": "x"}))
    simple("cashfree", "sha256", b64, "https://m.example/hook", S, "5.00" + "12" + "SUCCESS", headers=FORM, body="txStatus=SUCCESS&orderId=12&orderAmount=5.00&signature=x")
    simple("korapay", "sha256", HEX, "https://m.example/hook", S, '{"fee":100,"reference":"r 1"}', headers=JSON, body='{"event": "charge.success", "data": {"fee": 100, "reference": "r 1"}}')
    add("recharge", "POST", "https://m.example/hook", S, S + BODY, hx("sha256", S + BODY), body=BODY)
    simple("aftership", "sha256", b64, "https://api.aftership.com/v4/trackings?b=2&a=1", S,
           "\n".join(["POST", hx("md5", BODY).upper(), "application/json", HTTP, "as-api-key:key-1", "/v4/trackings?a=1&b=2"]), headers={**JSON, "Date": HTTP}, body=BODY, vars={"key_id": "key-1"})
    simple("pagerduty", "sha256", HEX, "https://m.example/hook", S, BODY, body=BODY)
    simple("cloudflare-stream", "sha256", HEX, "https://m.example/hook", S, TS + "." + BODY, body=BODY, vars={"ts": TS})
    text = "/video/standard/1K.html-" + TS + "-0-0-" + S
    add("aliyun-cdn-a", "GET", "http://cdn.example/video/standard/1K.html", S, text, hx("md5", text), vars={"ts": TS, "nonce": "0", "uid": "0"})
    text = "/path/to/file.jpg" + S + TS
    add("keycdn", "GET", "https://x.kxcdn.com/path/to/file.jpg", S, text, b64u(digest("md5", text)).rstrip("="), vars={"ts": TS})
    simple("gravity-forms", "sha1", b64, "https://w.example/gravityformsapi/forms/1/entries", S, "1234:GET:forms/1/entries:1369749344", method="GET", vars={"key_id": "1234", "ts": "1369749344"})
    raw = b64("a secret of thirty-two bytes....")
    text = "\n".join(["r", "", "2025-11-20T08:00:00Z", "/blob/acct/music/a b.mp3", "", "", "https", "2015-02-21", "b", "", "", "", "", "", "", ""])
    simple("azure-sas-blob", "sha256", b64, "https://acct.blob.core.windows.net/music/a%20b.mp3?sv=2015-02-21&sr=b&sp=r&spr=https", raw, text, key="a secret of thirty-two bytes....", method="GET",
           vars={"ts": ISO})
    compact = "20251120T080000Z"
    empty = hx("sha256", "")
    signed = "host;x-goog-content-sha256;x-goog-date"
    canonical = "\n".join(["GET", "/b/o", "", "host:storage.googleapis.com\nx-goog-content-sha256:" + empty + "\nx-goog-date:" + compact + "\n", signed, empty])
    key = "GOOG4" + S
    for part in ["20251120", "auto", "storage", "goog4_request"]:
        key = mac("sha256", key, part)
    simple("gcs-goog4", "sha256", HEX, "https://storage.googleapis.com/b/o", S, "\n".join(["GOOG4-HMAC-SHA256", compact, "20251120/auto/storage/goog4_request", hx("sha256", canonical)]), key=key,
           method="GET", headers={"x-goog-content-sha256": empty}, vars={"key_id": "GOOG1", "ts": compact, "region": "auto", "signed": signed})
    capability = '{"*":["*"]}'
    simple("ably", "sha256", b64, "https://rest.ably.io/keys/k/requestToken", S, "\n".join(["app.key", "3600000", capability, "", MS, "0123456789abcdef", ""]), headers=JSON,
           body=json.dumps({"keyName": "app.key", "ttl": 3600000, "capability": capability, "timestamp": int(MS), "nonce": "0123456789abcdef", "mac": "x"}))
    text = "POSThttp://msg.umeng.com/api/send" + BODY + S
    add("umeng", "POST", "http://msg.umeng.com/api/send", S, text, hx("md5", text), body=BODY)
    text = S + "0123456789abcdef" + TS
    add("netease", "POST", "https://api.netease.im/nimserver/user/create.action", S, text, hx("sha1", text), body="accid=a", headers=FORM, vars={**KEY, "nonce": "0123456789abcdef"})
    simple("easypost", "sha256", HEX, "https://m.example/hook", S, BODY, body=BODY)
    simple("switchbot", "sha256", b64, "https://api.switch-bot.com/v1.1/devices", S, "tok" + MS + "0123456789abcdef", method="GET", vars={"key_id": "tok", "ts": MS, "nonce": "0123456789abcdef"})


def json_bodies():
    text = b64('{"uuid":"62f8","amount":"15.00","url":"https:\\/\\/a"}') + S
    add("cryptomus", "POST", "https://m.example/hook", S, text, hx("md5", text), headers=JSON, body='{"uuid":"62f8","amount":"15.00","url":"https:\\/\\/a","sign":"x"}')
    add("cryptomus", "POST", "https://m.example/hook", S, text, hx("md5", text), headers=JSON, body='{"sign": "x", "uuid": "62f8", "amount": "15.00", "url": "https:\\/\\/a"}')
    text = "19200" + "a gift" + "00000" + S + "MerchantTerminalKey"
    add("tbank", "POST", "https://securepay.tinkoff.ru/v2/Init", S, text, hx("sha256", text), headers=JSON,
        body='{"TerminalKey":"MerchantTerminalKey","Amount":19200,"OrderId":"00000","Description":"a gift","Token":"x"}')
    text = '{"actually_paid":0.5,"fee":{"a":1,"b":2},"payment_id":5}'
    simple("nowpayments", "sha512", HEX, "https://m.example/hook", S, text, headers=JSON, body='{"payment_id": 5, "fee": {"b": 2, "a": 1}, "actually_paid": 0.5}')


def tokens():
    nonce = "d36e3162829ed4c89851497a717fc2e1"
    text = nonce + ISO + S
    add("emarsys", "GET", "https://api.emarsys.net/api/v2/settings", S, text, b64(hx("sha1", text)), vars={"key_id": "customer001", "nonce": nonce, "ts": ISO})
    text = "16 random bytes!".encode() + b(ISO + S)
    add("placetopay", "POST", "https://checkout.placetopay.com/api/session", S, text, b64(digest("sha256", text)), headers=JSON,
        body=json.dumps({"auth": {"login": "key-1", "tranKey": "x", "nonce": b64("16 random bytes!"), "seed": ISO}, "payment": {"reference": "1"}}))
    text = S + TS
    add("paymentez", "GET", "https://ccapi-stg.paymentez.com/v2/card/list", S, text, hx("sha256", text), vars={"key_id": "APP-DEMO", "ts": TS},
        expected_wire=b64("APP-DEMO;" + TS + ";" + hx("sha256", text)))
    text = "key-1" + "POST" + "testcheckout.buckaroo.nl%2fjson%2ftransaction%3fa%3d1" + TS + "0123456789abcdef" + b64(digest("md5", BODY))
    simple("buckaroo", "sha256", b64, "https://testcheckout.buckaroo.nl/json/Transaction?a=1", S, text, body=BODY, vars={**KEY, "nonce": "0123456789abcdef"})
    simple("multisafepay", "sha512", HEX, "https://m.example/hook", S, TS + ":" + BODY, body=BODY, vars={"ts": TS})
    text = "1234-1610641025-49201" + "APPROVED" + "4490000" + TS + S
    add("wompi", "POST", "https://m.example/hook", S, text, hx("sha256", text), headers=JSON,
        body='{"data":{"transaction":{"id":"1234-1610641025-49201","status":"APPROVED","amount_in_cents":4490000}},"timestamp":' + TS + ',"signature":{"checksum":"x"}}')
    names = {"X-Sonos-Event-Seq-Id": "7", "X-Sonos-Namespace": "playback", "X-Sonos-Type": "playbackStatus", "X-Sonos-Target-Type": "groupId", "X-Sonos-Target-Value": "RINCON_1:2"}
    text = "".join(names.values()) + "client" + S
    add("sonos", "POST", "https://m.example/hook", S, text, b64u(digest("sha256", text)).rstrip("="), headers=names, body=BODY, vars={"key_id": "client"})


if __name__ == "__main__":
    exchanges()
    payments()
    webhooks()
    platforms()
    further()
    json_bodies()
    tokens()
    print(json.dumps(OUT, ensure_ascii=False, indent=1))
