"use strict";
// What the components do beyond their markup. Each works, plainer, without this script.
(() => {
  const closest = (event, selector) => event.target instanceof Element && event.target.closest(selector);

  // What is wrong with a form is read out and seen first.
  document.querySelector("[data-focus]")?.focus();

  // What was just done is told once: not again when the page is loaded anew, and for ten seconds.
  const toast = document.querySelector(".toasts");
  if (toast) {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
    setTimeout(() => toast.remove(), 10000);
  }

  // Menus close on Escape, and on a click elsewhere.
  const close = (except) => document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    if (!except || !menu.contains(except)) menu.open = false;
  });
  document.addEventListener("click", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details[data-menu][open]");
    if (!open) {
      // Whoever waves the question about cookies away has said no.
      if (!event.isComposing && !document.querySelector("dialog[open]")) {
        document.querySelector("[data-cookie-question] form")?.requestSubmit();
      }
      return;
    }
    open.open = false;
    open.querySelector("summary").focus();
  });

  // The question about cookies is answered without leaving the page: nothing that was typed into it is lost.
  document.querySelectorAll("[data-cookie-question] form").forEach((form) => form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (answer?.type !== "opaqueredirect") { form.submit(); return; }
    document.querySelector("[data-cookie-question]").remove();
  }));

  // The search is one key away; where its field is not shown, as on a phone, the link beside it is followed.
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const field = document.querySelector("[data-search]");
    if (!field) return;
    event.preventDefault();
    if (field.checkVisibility()) field.select();
    else document.querySelector("[data-search-page]")?.click();
  });

  // A link to a dialog opens it above the page; without script the address alone shows it.
  document.addEventListener("click", (event) => {
    const link = closest(event, "a[href^='#']"), closing = closest(event, "[data-closes]");
    if (closing) {
      event.preventDefault();
      document.getElementById(closing.dataset.closes)?.close();
      if (location.hash) history.replaceState(null, "", location.pathname + location.search);
      return;
    }
    const target = link && link.hash.length > 1 && document.getElementById(link.hash.slice(1));
    if (!(target instanceof HTMLDialogElement)) return;
    event.preventDefault();
    target.showModal();
  });

  // A button that unfolds all parts of a list, and folds them again.
  document.querySelectorAll("[data-open-all]").forEach((button) => {
    const parts = () => [...document.getElementById(button.dataset.openAll).querySelectorAll(".lines > details")];
    button.hidden = false;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      parts().forEach((part) => { part.open = open; });
      button.setAttribute("aria-pressed", String(open));
    });
  });

  // Texts that are copied by a button.
  document.querySelectorAll("[data-copy]").forEach((button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 2000);
    });
  });

  // A button that works says so, and keeps its width. It is free again when the reader comes back to the page.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || !button.dataset.busy) return;
    const text = button.querySelector("span");
    button.dataset.text = text.textContent;
    button.classList.add("busy");
    text.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", () => document.querySelectorAll("button.busy[data-text]").forEach((button) => {
    button.classList.remove("busy");
    button.querySelector("span").textContent = button.dataset.text;
  }));
})();
