// Signs the prepared call of the request tester. The secret is typed into a field that has no name and stands outside of every form, is used here, and goes
// nowhere: no form carries it, nothing stores it, and the page's policy lets no script connect to anything.
"use strict";

const bytes = (text) => new TextEncoder().encode(text);
const unfit = () => new Error("unfit");

function joined(list) {
  const out = new Uint8Array(list.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of list) {
    out.set(b, at);
    at += b.length;
  }
  return out;
}

const ascii = (b) => Array.from(b, (c) => String.fromCharCode(c)).join("");
const raw = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const hex = (b) => Array.from(b, (c) => c.toString(16).padStart(2, "0")).join("");

function unhex(b) {
  const text = ascii(b);
  if (text.length % 2 || /[^0-9a-fA-F]/.test(text)) throw unfit();
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
}

function base64(b, url, bare) {
  let text = btoa(ascii(b));
  if (url) text = text.replaceAll("+", "-").replaceAll("/", "_");
  return bare ? text.replaceAll("=", "") : text;
}

// Strict: what is decoded, encoded again, is what was given.
function unbase64(b, url, bare) {
  let text = ascii(b);
  if (url ? /[^A-Za-z0-9_=-]/.test(text) : /[^A-Za-z0-9+/=]/.test(text)) throw unfit();
  if (url) text = text.replaceAll("-", "+").replaceAll("_", "/");
  let out;
  try {
    out = raw(atob(text));
  } catch {
    throw unfit();
  }
  if (base64(out, url, bare) !== ascii(b)) throw unfit();
  return out;
}

// The unreserved characters of RFC 3986 stand for themselves.
const percent = (b) => Array.from(b, (c) => (/[A-Za-z0-9._~-]/.test(String.fromCharCode(c)) ? String.fromCharCode(c) : "%" + c.toString(16).toUpperCase().padStart(2, "0"))).join("");

async function hmac(hash, key, data) {
  if (key.length === 0) throw unfit();
  const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", made, data));
}

// evaluate is what one step of the plan comes to (internal/tester, Step).
async function evaluate(step, secret, mac) {
  if (step.op === "secret") return secret;
  if (step.op === "mac") return mac;
  if (step.op === "bytes") return raw(atob(step.bytes ?? ""));
  const args = [];
  for (const one of step.args ?? []) args.push(await evaluate(one, secret, mac));
  if (step.op === "hmac") {
    let key = args[0];
    for (const data of args.slice(1)) key = await hmac(step.hash, key, data);
    return key;
  }
  const all = joined(args);
  switch (step.op) {
    case "concat": return all;
    case "hex": return raw(hex(all));
    case "unhex": return unhex(all);
    case "b64": return raw(base64(all, false, step.bare));
    case "b64url": return raw(base64(all, true, step.bare));
    case "unb64": return unbase64(all, false, step.bare);
    case "unb64u": return unbase64(all, true, step.bare);
    case "upper": return all.map((c) => (c >= 97 && c <= 122 ? c - 32 : c));
    case "lower": return all.map((c) => (c >= 65 && c <= 90 ? c + 32 : c));
    case "percent": return raw(percent(all));
    case "head": return all.slice(0, step.size);
    case "digest": return new Uint8Array(await crypto.subtle.digest(step.hash, all));
    case "trim": {
      const prefix = raw(atob(step.bytes));
      if (!prefix.every((c, i) => all[i] === c)) throw unfit();
      return all.slice(prefix.length);
    }
  }
  throw new Error("a step that this page does not know: " + step.op);
}

async function signature(plan, secret, input) {
  const key = await evaluate(plan.key, secret, new Uint8Array());
  return ascii(await evaluate(plan.signature, secret, await hmac(plan.hash, key, input)));
}

const box = document.getElementById("signer");
if (box && globalThis.crypto?.subtle) {
  const plan = JSON.parse(box.dataset.plan);
  const input = raw(atob(box.dataset.input));
  const secret = document.getElementById("secret");
  const said = document.getElementById("signed");
  const field = document.getElementById("signature");
  const form = document.getElementById("send");
  box.hidden = false;
  for (const other of document.querySelectorAll("[data-without-script]")) other.open = false;

  const sign = async () => {
    const typed = bytes(secret.value);
    if (typed.length === 0) {
      said.textContent = "Type or paste the secret first.";
      secret.focus();
      return false;
    }
    try {
      field.value = await signature(plan, typed, input);
      said.textContent = "Signed. The secret was removed from the page.";
      return true;
    } catch (error) {
      said.textContent = error.message === "unfit"
        ? "The secret does not have the form that the profile asks for: look whether all of it was pasted. It was removed from the page."
        : "This browser could not sign: " + error.message;
      field.value = "";
      return false;
    } finally {
      typed.fill(0);
      secret.value = "";
    }
  };
  document.getElementById("sign").addEventListener("click", sign);
  const both = async () => {
    if (await sign()) form.requestSubmit();
  };
  document.getElementById("sign-send").addEventListener("click", both);
  secret.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      both();
    }
  });
  addEventListener("pagehide", () => { secret.value = ""; });
  addEventListener("pageshow", () => { secret.value = ""; });
} else if (box) {
  document.getElementById("no-crypto").hidden = false;
}
