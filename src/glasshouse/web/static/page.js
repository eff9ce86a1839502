"use strict";
// Times in the reader's own way of writing, by the site's clock where one is named. Without script they stand in UTC.
(() => {
  const write = (root) => root.querySelectorAll("time[datetime]:not([data-done], [data-silent-after])").forEach((time) => {
    const at = new Date(time.getAttribute("datetime"));
    if (Number.isNaN(at.getTime())) return;
    const zone = time.dataset.zone, clock = "day" in time.dataset ? {} : { timeStyle: "short" };
    const form = { dateStyle: "medium", ...clock, ...(zone && { timeZone: zone }) };
    time.title = at.toISOString();
    const named = zone && "named" in time.dataset ? ` ${zone}` : ""; // What is kept as proof says by which clock it is.
    time.textContent = new Intl.DateTimeFormat(undefined, form).format(at) + named;
    time.dataset.done = "1";
  });
  write(document);
  // A right that ended while the page was open: the page is asked for anew, and says so.
  document.addEventListener("htmx:responseError", (event) => {
    if ([403, 404].includes(event.detail.xhr.status)) location.reload();
  });
  // What the reader unfolded stays unfolded when the page refreshes itself.
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.target.querySelectorAll("details")].map((details) => details.open);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    event.target.querySelectorAll("details").forEach((details, i) => { details.open = Boolean(open[i]); });
    write(event.target);
  });
  // A second click on a button sends the form no second time. (The server counts a form once, too.)
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 2000);
  });
})();

// htmx notes the page's address in the tab's storage as it loads. Nothing needs it here, so it goes: see the cookie notice.
document.addEventListener("DOMContentLoaded", () => {
  try { sessionStorage.removeItem("htmx-current-path-for-history"); } catch { /* The reader's browser stores nothing at all. */ }
});

// Values grow old in the browser, and the page says so when it can no longer ask for newer ones.
(() => {
  const area = () => document.querySelector("[data-live], [hx-trigger^='every']"), first = area();
  if (!first) return;
  // The texts of this script in the page's language; "%s" in them is a number or a time.
  const words = JSON.parse(first.dataset.words || "{}");
  const say = (text, ...values) => values.reduce((said, value) => said.replace("%s", value), words[text] || text);
  const STALE_MS = 15000, GRACE_MS = 3000, JUMP_MS = 5000, UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
  const banner = Object.assign(document.createElement("div"), { id: "connection", className: "connection" });
  banner.setAttribute("role", "status");
  document.getElementById("main").prepend(banner);
  // The reader's clock may be wrong: ages are counted by the server's, whose time comes with each answer.
  let ahead = first.dataset.now ? first.dataset.now * 1000 - Date.now() : 0;
  let fresh = Date.now(), ticked = Date.now(), patience = 0, watching = true, lost = false, answered = "", status = 0;

  const ago = (age) => {
    for (const [unit, name] of UNITS) if (age >= 1.5 * unit) return say(`%s ${name} ago`, Math.round(age / unit));
    return say("%s s ago", Math.floor(age));
  };
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const moment = (at, zone) => {
    const day = new Date().toDateString() === new Date(at).toDateString() ? {} : { dateStyle: "medium" };
    const form = { ...day, timeStyle: "short", ...(zone && { timeZone: zone }) };
    return new Intl.DateTimeFormat(undefined, form).format(new Date(at));
  };

  function grow() {
    for (const time of document.querySelectorAll("time[data-silent-after]")) {
      const at = Date.parse(time.getAttribute("datetime")), age = (Date.now() + ahead - at) / 1000, tile = time.closest(".tile");
      if (Number.isNaN(age)) continue;
      time.title = new Date(at).toISOString();
      if (age > Number(time.dataset.silentAfter)) {
        tile.classList.remove("ok", "low", "high", "implausible");
        tile.classList.add("silent");
        tile.querySelectorAll(".reason, .trend").forEach((part) => part.remove());
        put(tile.querySelector(".sign"), "○");
        put(time, say("silent since %s", moment(at, time.dataset.zone)));
      } else {
        put(time, age < -60 ? say("dated in the future: check the device's clock") : ago(Math.max(0, age)));
      }
    }
  }

  function tell() {
    lost = true;
    area().classList.add("lost");
    const why = status === 401 ? "You are signed out." : status ? "The service answers with an error; we keep trying."
      : navigator.onLine ? "We keep trying." : "This device is offline; we keep trying.";
    const text = `${say("Connection lost – values from %s.", moment(fresh))} ${say(why)}`;
    if (banner.firstChild && banner.firstChild.textContent === text) return;
    banner.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
    if (status !== 401) return;
    const next = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    banner.firstChild.append(" ", Object.assign(document.createElement("a"), { href: next, textContent: say("Sign in") }));
  }

  function good(xhr) {
    fresh = Date.now(); status = 0; watching = true;
    const now = xhr && xhr.getResponseHeader("X-Now");
    if (now) ahead = now * 1000 - fresh;
    if (!lost) return;
    lost = false;
    document.querySelectorAll(".lost").forEach((part) => part.classList.remove("lost"));
    banner.replaceChildren();
  }

  function ask() {
    patience = Date.now() + GRACE_MS;
    if (window.htmx && area() && area().hasAttribute("hx-get")) window.htmx.trigger(area(), "fresh");
    document.dispatchEvent(new CustomEvent("live:ask"));
  }

  function tick() {
    // A step of many seconds: the computer slept, or the page was in the background. It asks first, and then complains.
    if (Date.now() - ticked > JUMP_MS && !lost) ask();
    ticked = Date.now();
    grow();
    if (!area()) { good(); return; }  // What was waited for has ended.
    if (watching && Date.now() - fresh > STALE_MS && Date.now() > patience) tell();
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    // Led to another page (to sign in, to set something up): that is not a part of this one.
    const answer = new URL(xhr.responseURL || location.href), wanted = new URL(pathInfo.finalRequestPath, location.href);
    if (xhr.responseURL && answer.pathname !== wanted.pathname) { event.detail.shouldSwap = false; location.reload(); return; }
    const selection = getSelection(), marked = !selection.isCollapsed && event.target.contains(selection.anchorNode);
    // What has not changed, and what the reader is just marking, is left as it is.
    if (event.detail.shouldSwap && (xhr.responseText === answered || marked)) event.detail.shouldSwap = false;
    else if (event.detail.shouldSwap) answered = xhr.responseText;
  });
  document.addEventListener("htmx:afterSwap", grow);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) good(event.detail.xhr); else status = event.detail.xhr.status;
  });
  // The chart asks by itself, and says what came of it.
  document.addEventListener("live:fresh", () => good());
  document.addEventListener("live:failed", (event) => { status = event.detail.status; });
  document.addEventListener("live:off", () => { good(); watching = false; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { ask(); tick(); } });
  addEventListener("pageshow", (event) => { if (event.persisted) { ask(); tick(); } });
  addEventListener("online", ask);
  setInterval(tick, 1000);
  tick();
})();
