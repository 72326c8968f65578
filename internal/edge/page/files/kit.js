// What every page of a surface may use and none needs: copy, download, and a form that is sent once.
"use strict";

// On a narrow screen navigations scroll sideways: where one is shall be seen.
for (const nav of document.querySelectorAll(".side, .tabs")) {
  const here = nav.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
}

for (const box of document.querySelectorAll("[data-secret]")) {
  const text = box.querySelector("textarea");
  const said = box.querySelector("[role=status]");
  const row = box.querySelector(".needs-script");
  if (row) row.hidden = false;
  // A browser may keep a page that was left, for the way back to it: the secret is not kept with it.
  addEventListener("pagehide", () => {
    text.value = text.defaultValue = "";
    said.textContent = "This page was left: what stood here is shown no more.";
  });
  box.querySelector("[data-copy]")?.addEventListener("click", async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "This browser does not let a page copy: the text is selected, copy it by hand.";
    }
  });
  box.querySelector("[data-download]")?.addEventListener("click", (event) => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text.value], { type: "text/plain" }));
    a.download = event.currentTarget.dataset.download;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
    said.textContent = "Downloaded.";
  });
}

// A second press of the button would be the same sending (the form carries its key); it need not be sent at all. A form that a
// script of its page handles is that script's business, and one whose answer is a download may be sent again after a while.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
