// The page's part of WebAuthn: bytes to base64url and back, and what goes wrong told in words. Nothing else is done here.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const value = await answer.json().catch(() => ({ message: "The server's answer cannot be read." }));
  if (!answer.ok) throw new Error(value.message || "This did not work.");
  return value;
}

const listed = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

async function signIn(form) {
  const { publicKey } = await post("/sign-in/passkey/begin", {});
  const found = await navigator.credentials.get({
    publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: listed(publicKey.allowCredentials) },
  });
  const r = found.response;
  const done = await post("/sign-in/passkey/finish", {
    next: form.dataset.next,
    credential: {
      id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: found.getClientExtensionResults(),
      authenticatorAttachment: found.authenticatorAttachment || undefined,
      response: {
        clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature),
        userHandle: r.userHandle ? text(r.userHandle) : undefined,
      },
    },
  });
  location.assign(done.next);
}

async function register(form) {
  const fields = Object.fromEntries(new FormData(form));
  const { publicKey } = await post("/sign-in/passkey/new", { ...fields, link: form.dataset.passkey === "link" });
  const made = await navigator.credentials.create({
    publicKey: {
      ...publicKey, challenge: bytes(publicKey.challenge), user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: listed(publicKey.excludeCredentials),
    },
  });
  const r = made.response;
  const done = await post("/sign-in/passkey/add", {
    credential: {
      id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults(),
      authenticatorAttachment: made.authenticatorAttachment || undefined,
      response: {
        clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject),
        transports: r.getTransports ? r.getTransports() : undefined,
      },
    },
  });
  if (!done.recovery) return location.assign(done.next);
  const list = document.getElementById("codelist");
  for (const code of done.recovery) list.appendChild(document.createElement("li")).textContent = code;
  document.getElementById("go-on").href = done.next;
  document.getElementById("codes").hidden = false;
  form.hidden = true;
  const instead = document.getElementById("instead"); // the link is used up: another way to begin with it leads nowhere
  if (instead) instead.hidden = true;
  document.getElementById("codes-title").focus(); // the button that had the focus is gone
}

function tell(problem) {
  const place = document.getElementById("problem");
  const words = {
    NotAllowedError: "The passkey was not used: it was cancelled, or it took too long.",
    InvalidStateError: "This authenticator has a passkey of this account already.",
    SecurityError: "Browsers offer passkeys over https, or at http://localhost, and for names, not for addresses.",
  };
  place.textContent = words[problem.name] || problem.message;
  place.hidden = false;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    document.getElementById("problem").hidden = true;
    try {
      if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys, or not at this address.");
      await (form.dataset.passkey === "sign-in" ? signIn(form) : register(form));
    } catch (problem) {
      tell(problem);
    }
    button.disabled = false;
  });
}

// The token of a one-time link stands behind the #, which is sent to nobody. It is taken out of the address bar at once.
const link = document.getElementById("link");
if (link && location.hash.length > 1) {
  document.getElementById("token").value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  link.requestSubmit();
}
