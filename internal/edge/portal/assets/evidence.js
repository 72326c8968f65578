"use strict";
// Says before the upload that a file is too long, so that nobody waits for the answer. The server decides all the same.
for (const input of document.querySelectorAll('input[type="file"]')) {
  const form = input.closest("form");
  const most = Number(form && form.dataset.most);
  if (!most) continue;
  input.addEventListener("change", () => {
    const file = input.files[0];
    input.setCustomValidity(file && file.size > most ? `This file has ${(file.size / 1048576).toFixed(1)} MiB; at most ${most / 1048576} MiB can be taken.` : "");
    input.reportValidity();
  });
}
