"use strict";
// Passkeys: asks the server for options, the browser for an answer, and sends that back. Bytes travel as base64url.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => {
    const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const show = (form, message) => { form.querySelector("[role=status]").textContent = message; };

  // The one way off the page: only to an address of our own, whatever the answer says.
  function leave(address) {
    const target = new URL(address, location.origin);
    if (target.origin === location.origin) location.assign(target.pathname + target.search);
  }

  async function ask(url, form, more) {
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.querySelector("[name=csrfmiddlewaretoken]").value, ...more });
    return fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  }
  function plain(credential) {
    const { response } = credential, parts = { clientDataJSON: text(response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) parts[name] = text(response[name]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: parts,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  const make = document.getElementById("passkey");
  if (make) make.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(make, "Your browser asks you now …");
    try {
      const answer = await ask(make.dataset.options, make, {});
      if (answer.redirected || !answer.ok) { leave(answer.url); return; }
      const options = await answer.json();
      options.challenge = bytes(options.challenge);
      options.user.id = bytes(options.user.id);
      (options.excludeCredentials || []).forEach((credential) => { credential.id = bytes(credential.id); });
      const credential = await navigator.credentials.create({ publicKey: options });
      const page = await ask(make.dataset.make, make, { answer: plain(credential), name: make.elements.name.value });
      if (page.redirected) { leave(page.url); return; }
      if (page.ok) { leave((await page.json()).onward); return; }
      const shown = new DOMParser().parseFromString(await page.text(), "text/html");
      document.documentElement.innerHTML = shown.documentElement.innerHTML;
    } catch { show(make, "That was not completed. Try again, or use another way."); }
  });

  const use = document.getElementById("use-passkey");
  if (use) use.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(use, use.dataset.asking || "Your browser asks you now …");
    try {
      const step = use.dataset.step || "", next = use.elements.next.value;
      const challenge = await ask(use.dataset.options, use, { step }), options = await challenge.json();
      if (!challenge.ok) { show(use, options.problem); return; }
      options.challenge = bytes(options.challenge);
      (options.allowCredentials || []).forEach((credential) => { credential.id = bytes(credential.id); });
      const credential = await navigator.credentials.get({ publicKey: options });
      const trust = document.querySelector("[name=trust]:checked") ? "yes" : "";
      const answer = await ask(use.dataset.answer, use, { step, next, trust, answer: plain(credential) });
      const body = await answer.json();
      if (answer.ok) leave(body.onward); else show(use, body.problem);
    } catch { show(use, use.dataset.failed || "That was not completed. Try again, or use another way."); }
  });
})();
