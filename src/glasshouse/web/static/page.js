"use strict";
// Times in the reader's own way of writing, by the site's clock where one is named. Without script they stand in UTC.
(() => {
  const write = (root) => root.querySelectorAll("time[datetime]:not([data-done])").forEach((one) => {
    const at = new Date(one.getAttribute("datetime"));
    if (Number.isNaN(at.getTime())) return;
    const zone = one.dataset.zone, clock = "day" in one.dataset ? {} : { timeStyle: "short" };
    const form = { dateStyle: "medium", ...clock, ...(zone && { timeZone: zone }) };
    one.title = at.toISOString();
    one.textContent = new Intl.DateTimeFormat(undefined, form).format(at);
    one.dataset.done = "1";
  });
  write(document);
  // A right that ended while the page was open: the page is asked for anew, and says so.
  document.addEventListener("htmx:responseError", (event) => { if ([403, 404].includes(event.detail.xhr.status)) location.reload(); });
  // What the reader unfolded stays unfolded when the page refreshes itself.
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => { open = [...event.target.querySelectorAll("details")].map((one) => one.open); });
  document.addEventListener("htmx:afterSwap", (event) => event.target.querySelectorAll("details").forEach((one, i) => { one.open = Boolean(open[i]); }));
  document.addEventListener("htmx:afterSwap", (event) => write(event.target));
})();
