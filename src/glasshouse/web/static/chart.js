"use strict";
// The chart: reads what is chosen from the form, asks for buckets as wide as its pixels, and keeps its address in step.
// No value is shown where none was measured: the server tells for each series how far apart readings may lie to be joined.
(() => {
  const form = document.getElementById("pick"), box = document.getElementById("chart"), state = document.getElementById("state");
  if (!form) return;
  const odd = document.getElementById("odd"), bar = document.querySelector(".chart-bar");
  const legend = document.getElementById("legend");
  const slider = document.getElementById("at");
  const asked = new URLSearchParams(location.search), DAY = 86400, NEAR_PX = 24, AIM_PX = 3;
  // The texts of this script in the page's language; "%s" stands for a value.
  const words = JSON.parse(form.dataset.words || "{}");
  const say = (text, ...values) => values.reduce((said, value) => said.replace("%s", value), words[text] || text);
  const boxes = [...form.querySelectorAll("[name=s]")];
  const now = () => Math.floor(Date.now() / 1000);

  // -- which line looks how ------------------------------------------------------------------------------------------

  // The two that are nearest to each other, both brownish in the light, stand furthest apart.
  const LIGHT = ["#1f6feb", "#c2410c", "#15803d", "#9333ea", "#0e7490", "#be185d", "#4d5b53", "#b45309"];
  const DARK = ["#79b0ff", "#ff9d6b", "#5fd38d", "#c99bff", "#4fd0e0", "#ff8fc2", "#b3bfb8", "#f3c14b"];
  const DASHES = [[], [9, 4], [2, 3], [12, 3, 2, 3], [5, 2], [14, 5, 5, 5], [2, 7]];
  const scheme = matchMedia("(prefers-color-scheme: dark)"), SLOTS = LIGHT.length * DASHES.length;
  const slots = new Map();  // series -> its place in the order of colours; kept while the page is open, hidden or shown

  function give(id) {
    if (slots.has(id)) return;
    const coloured = boxes.filter((choice) => choice.checked && slots.has(choice.value));
    const shown = new Set(coloured.map((choice) => slots.get(choice.value)));
    const all = [...Array(SLOTS).keys()], taken = new Set(slots.values());
    // A colour that no series had comes first; then one of a series that is hidden, which gets another when it is shown.
    const free = all.slice(0, LIGHT.length).find((slot) => !taken.has(slot)) ?? all.find((slot) => !shown.has(slot)) ?? 0;
    for (const [other, slot] of slots) if (slot === free) slots.delete(other);
    slots.set(id, free);
  }
  const colour = (choice) => (scheme.matches ? DARK : LIGHT)[slots.get(choice.value) % LIGHT.length];
  const dash = (choice) => DASHES[Math.floor(slots.get(choice.value) / LIGHT.length)];
  // In the order of the address first, so that a copied link shows the same colours.
  const byId = new Map(boxes.map((choice) => [choice.value, choice]));
  asked.getAll("s").forEach((id) => { if (byId.get(id) && byId.get(id).checked) give(id); });

  function chosen() {
    const all = boxes.filter((choice) => choice.checked);
    all.forEach((choice) => give(choice.value));
    return all.sort((a, b) => slots.get(a.value) - slots.get(b.value));
  }

  function swatch(choice) {
    const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name), svg = make("svg"), line = make("line");
    const place = { x1: 0, x2: 30, y1: 5, y2: 5 }, ink = { stroke: colour(choice), "stroke-width": 2.5 };
    const facts = { ...place, ...ink, "stroke-dasharray": dash(choice).join(" ") };
    for (const [name, value] of Object.entries({ width: 30, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
    for (const [name, value] of Object.entries(facts)) if (value !== "") line.setAttribute(name, value);
    svg.classList.add("swatch");
    svg.append(line);
    return svg;
  }

  // -- time ----------------------------------------------------------------------------------------------------------

  const newest = Math.max(0, ...chosen().map((choice) => Number(choice.dataset.at) || 0));
  const end = newest ? newest + 60 : now();
  const whole = { from: Number(asked.get("from")) || end - DAY, to: Number(asked.get("to")) || end };
  let span = { ...whole }, plot = null, turn = 0, live = !asked.get("to"), last = null, shown = null, cursorAt = null;

  const zone = () => (chosen()[0] || boxes[0] || { dataset: {} }).dataset.zone || "UTC";
  const write = (at, form) => new Intl.DateTimeFormat(undefined, { ...form, timeZone: zone() }).format(new Date(at * 1000));
  const clock = (at) => write(at, { dateStyle: "medium", timeStyle: span.to - span.from < 7200 ? "medium" : "short" });
  const query = () => {
    const text = new URLSearchParams({ from: Math.floor(span.from), to: Math.ceil(span.to) });
    chosen().forEach((choice) => text.append("s", choice.value));
    return text;
  };
  // A colour as the canvas reads it: the custom property itself holds a pair, for light and dark.
  const probe = form.appendChild(document.createElement("i"));
  const style = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };
  const title = (choice, all) => {
    const same = all.filter((other) => other.dataset.title === choice.dataset.title).length > 1;
    return choice.dataset.title + (same ? " · " + choice.dataset.more : "");
  };

  // -- what is drawn -------------------------------------------------------------------------------------------------

  // One common axis of time. undefined: another series' moment, drawn through; null: a gap, where nothing was measured.
  function columns(series) {
    const names = chosen(), times = new Set(), gaps = new Map();
    for (const choice of names) {
      const { rows, joined_s: joined } = series[choice.value] || { rows: [] }, own = [];
      rows.forEach((row, i) => {
        times.add(row[0]);
        if (i && row[0] - rows[i - 1][0] > joined) own.push((row[0] + rows[i - 1][0]) / 2);
      });
      own.forEach((at) => times.add(at));
      gaps.set(choice, own);
    }
    const axis = [...times].sort((a, b) => a - b), place = new Map(axis.map((time, i) => [time, i]));
    const all = [axis], alone = [];
    for (const choice of names) {
      const { rows, joined_s: joined } = series[choice.value] || { rows: [] };
      const set = [1, 2, 3].map(() => new Array(axis.length).fill(undefined));
      gaps.get(choice).forEach((at) => set.forEach((column) => { column[place.get(at)] = null; }));
      rows.forEach((row) => set.forEach((column, k) => { column[place.get(row[0])] = row[k + 1]; }));
      // A reading with a gap on both sides is no line: it is drawn as a dot.
      const far = (a, b) => !a || !b || b[0] - a[0] > joined;
      const dots = rows.filter((row, i) => far(rows[i - 1], row) && far(row, rows[i + 1])).map((row) => place.get(row[0]));
      all.push(...set);
      alone.push(dots);
    }
    return { data: all, alone, place };
  }

  // The reading that stands for a moment: at most half its usual interval away, and near on the screen; otherwise none.
  function reading(choice, at) {
    const { rows, joined_s: joined } = (shown.answer.series[choice.value] || { rows: [], joined_s: 0 });
    const step = shown.answer.step_s, pixel = (span.to - span.from) / shown.width;
    const reach = Math.max(AIM_PX * pixel, Math.min(joined / 6 + step / 2, NEAR_PX * pixel));
    let best = null;
    for (const row of rows) {
      const inside = at >= row[0] && at < row[0] + step, far = inside ? 0 : Math.abs(row[0] + step / 2 - at);
      if (far <= reach && (!best || far < best.far)) best = { row, far };
    }
    return best && best.row;
  }

  function shade(u, nights) {
    u.ctx.save();
    u.ctx.fillStyle = style("--night");
    for (const [from, to] of nights) {
      const a = Math.max(u.valToPos(from, "x", true), u.bbox.left);
      const b = Math.min(u.valToPos(to, "x", true), u.bbox.left + u.bbox.width);
      if (b > a) u.ctx.fillRect(a, u.bbox.top, b - a, u.bbox.height);
    }
    u.ctx.restore();
  }

  // Implausible readings stand as triangles at the upper or lower edge: they are seen, and do not squeeze the scale.
  function mark(u, answer) {
    chosen().forEach((choice) => {
      const readings = answer.series[choice.value], scale = choice.dataset.unit || "value";
      if (!readings || !readings.odd.length) return;
      const middle = (u.scales[scale].min + u.scales[scale].max) / 2;
      u.ctx.fillStyle = colour(choice);
      for (const [at, value] of readings.odd) {
        const x = u.valToPos(at, "x", true), up = !(value < middle), size = 6 * devicePixelRatio;
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        const y = up ? u.bbox.top : u.bbox.top + u.bbox.height, d = up ? 1 : -1;
        u.ctx.beginPath(); u.ctx.moveTo(x, y); u.ctx.lineTo(x - size, y + d * size * 1.5);
        u.ctx.lineTo(x + size, y + d * size * 1.5); u.ctx.fill();
      }
    });
  }

  function lines(alone, place) {
    const series = [{}], bands = [], units = [], names = chosen();
    names.forEach((choice, i) => {
      const unit = choice.dataset.unit || "value", at = series.length;
      if (!units.includes(unit)) units.push(unit);
      const edge = { scale: unit, stroke: "transparent", points: { show: false } };
      const line = {
        scale: unit, label: title(choice, names), stroke: colour(choice), dash: dash(choice), width: 1.8, spanGaps: false,
        points: { show: true, size: 5, stroke: colour(choice), fill: colour(choice), dash: [], filter: () => alone[i] },
      };
      series.push(edge, line, { ...edge });
      bands.push({ series: [at + 2, at], fill: colour(choice) + "2e" });
    });
    // The dot on a line under the cursor stands on a reading, or nowhere.
    const dataIdx = (u, number, idx, at) => {
      if (number === 0 || number % 3 !== 2 || !shown) return number === 0 ? idx : null;
      const row = reading(names[(number - 2) / 3], at);
      return row ? place.get(row[0]) ?? null : null;
    };
    return { series, bands, units, dataIdx };
  }

  // The axis of time in the reader's own way: the clock, with the day where it begins; days alone where steps are days.
  function moments(u, splits, number, space, step) {
    let before = "";
    return splits.map((at) => {
      const day = write(at, { day: "numeric", month: "short", ...(step > 80 * DAY && { year: "numeric" }) });
      const is_new = day !== before;
      before = day;
      if (step >= DAY) return day;
      const time = write(at, { timeStyle: step < 60 ? "medium" : "short" });
      return is_new ? `${time}\n${day}` : time;
    });
  }

  function draw({ data, alone, place }, answer) {
    if (plot) plot.destroy();
    shown = { answer, width: box.clientWidth };
    const { series, bands, units, dataIdx } = lines(alone, place);
    const soft = style("--n6"), grid = { stroke: style("--n3"), width: 1 };
    const narrow = box.clientWidth < 600, font = `12px "Public Sans", sans-serif`;
    const axis = (unit, i) => ({
      font, labelFont: font, scale: unit, label: unit === "value" ? "" : unit, stroke: soft, grid: i ? { show: false } : grid,
      side: i % 2 ? 1 : 3, size: narrow ? 48 : 60,
    });
    plot = new uPlot({
      width: box.clientWidth - 16, height: narrow ? 300 : 420, series, bands, legend: { show: false },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone()),
      cursor: { dataIdx, drag: { x: true, y: false, setScale: false } },
      scales: { x: { min: span.from, max: span.to } },
      axes: [{ stroke: soft, grid, font, values: moments }, ...units.map(axis)],
      hooks: {
        drawClear: [(u) => shade(u, answer.nights || [])], draw: [(u) => mark(u, answer)],
        setCursor: [(u) => {
          const at = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null;
          cursorAt = Number.isFinite(at) ? at : null;  // The scale is not known yet while the chart is being made.
          tell();
        }],
        setSelect: [(u) => {
          if (u.select.width <= 4 || u.panned) return;
          move({ from: u.posToVal(u.select.left, "x"), to: u.posToVal(u.select.left + u.select.width, "x") });
        }],
      },
    }, data, box);
    plot.over.addEventListener("dblclick", () => move({ ...whole }));
    plot.over.addEventListener("mousedown", pan, true);
    const at = cursorAt;
    list();
    // A chart drawn anew under the cursor goes on telling what is there.
    if (at !== null && at >= span.from && at <= span.to) plot.setCursor({ left: plot.valToPos(at, "x"), top: 10 });
  }

  // -- the legend, which is also the readout -------------------------------------------------------------------------

  function list() {
    const names = chosen();
    legend.replaceChildren(...names.map((choice) => {
      const row = document.createElement("li");
      row.dataset.s = choice.value;
      row.append(swatch(choice), title(choice, names), Object.assign(document.createElement("span"), { className: "reading" }));
      return row;
    }));
    boxes.forEach((choice) => {
      const label = choice.closest("label"), old = label.querySelector(".swatch");
      if (old) old.remove();
      if (choice.checked) choice.after(swatch(choice));
    });
    tell();
  }

  function tell() {
    const time = document.getElementById("when");
    time.textContent = cursorAt === null ? say("Point at the chart to read its values.") : clock(cursorAt);
    chosen().forEach((choice) => {
      const row = [...legend.children].find((item) => item.dataset.s === choice.value);
      if (!row || !shown) return;
      const held = cursorAt === null ? null : reading(choice, cursorAt);
      const value = held ? `${Number(held[2].toPrecision(5))} ${choice.dataset.unit}` : say("no reading");
      row.querySelector(".reading").textContent = cursorAt === null ? "" : value;
    });
    if (cursorAt !== null && document.activeElement !== slider) {
      slider.value = Math.round((cursorAt - span.from) / (span.to - span.from) * 1000);
    }
    slider.setAttribute("aria-valuetext", time.textContent);
  }

  slider.addEventListener("input", () => {
    if (plot) plot.setCursor({ left: slider.value / 1000 * plot.over.clientWidth, top: 10 });
  });

  // -- moving --------------------------------------------------------------------------------------------------------

  function pan(event) {
    if (!event.shiftKey) return;
    event.stopImmediatePropagation();
    const from = event.clientX, width = plot.over.clientWidth, start = { ...span };
    const by = (moved) => (from - moved.clientX) / width * (start.to - start.from);
    const drag = (moved) => plot.setScale("x", { min: start.from + by(moved), max: start.to + by(moved) });
    const drop = (moved) => {
      removeEventListener("mousemove", drag); removeEventListener("mouseup", drop);
      move({ from: start.from + by(moved), to: start.to + by(moved) });
    };
    addEventListener("mousemove", drag); addEventListener("mouseup", drop);
  }

  function move(to) {
    if (to.to - to.from < 10) return;
    span = to; live = to.to >= now() - 120;
    refresh();
  }

  // -- asking --------------------------------------------------------------------------------------------------------

  // While the chart shows the present, page.js is told whether its values are fresh, and warns when they are not.
  const report = (name, status) => document.dispatchEvent(new CustomEvent(`live:${name}`, { detail: { status } }));

  async function refresh(quiet) {
    const mine = ++turn, text = query();
    history.replaceState(null, "", "?" + text);
    document.getElementById("csv").href = form.dataset.readings + "?" + text + "&format=csv";
    if (!chosen().length) { empty(say("Choose at least one series.")); return; }
    if (!quiet) state.textContent = say("Reading …");
    text.set("points", Math.max(100, Math.min(1200, Math.round(box.clientWidth / 1.2))));
    const signal = AbortSignal.timeout(20000), headers = { Accept: "application/json" };
    const answer = await fetch(form.dataset.readings + "?" + text, { headers, signal }).catch(() => null);
    if (mine !== turn) return;
    if (answer && (answer.redirected || answer.status === 403)) { location.reload(); return; }
    const body = answer && answer.ok ? await answer.json().catch(() => null) : null;
    if (mine !== turn) return;
    if (!body) { failed(answer, quiet); return; }
    report(live ? "fresh" : "off");
    const whose = JSON.stringify([body, scheme.matches]);
    if (quiet && whose === last) return;
    last = whose;
    paint(body);
  }

  function failed(answer, quiet) {
    report(live ? "failed" : "off", answer ? answer.status : 0);
    if (quiet && live) return;  // What is drawn stays, and page.js says from when it is.
    const refused = answer && answer.status < 500;
    empty(say(refused ? "You cannot see these readings (any more). Reload the page."
      : "The readings could not be fetched. Try again in a moment."));
  }

  // Another choice or time than the one that is drawn: the old lines go, for they are not what was asked for.
  function empty(text) {
    if (plot) plot.destroy();
    plot = null; shown = null; last = null;
    odd.replaceChildren(); legend.replaceChildren();
    boxes.forEach((choice) => { if (!choice.checked) choice.closest("label").querySelector(".swatch")?.remove(); });
    state.textContent = text;
    box.dataset.points = 0;
  }

  function paint(body) {
    const drawn = columns(body.series), points = drawn.data[0].length;
    draw(drawn, body);
    const answered = chosen().map((choice) => ({ choice, held: body.series[choice.value] || { odd: [], odd_count: 0 } }));
    odd.replaceChildren(...answered.filter(({ held }) => held.odd_count).map(({ choice, held }) => {
      const [at, value] = held.odd[0], rest = held.odd_count > 1 ? " …" : "";
      const some = held.odd_count > held.odd.length ? `, ${say("%s of them marked", held.odd.length)}` : "";
      const first = `(${value} ${choice.dataset.unit}, ${clock(at)}${rest})`;
      const text = `▲ ${choice.dataset.title}: ${say("%s implausible, not drawn to scale", held.odd_count)}${some} ${first}`;
      return Object.assign(document.createElement("li"), { textContent: text });
    }));
    state.textContent = points ? say("%s to %s (%s)", clock(span.from), clock(span.to), zone())
      : say("No readings in this time.");
    box.setAttribute("aria-label", chosen().map((choice) => choice.dataset.title).join(", ") + ": " + state.textContent);
    box.dataset.points = points;
  }

  // The picture holds what the page shows around the chart, too: which series, what time.
  function picture(event) {
    event.preventDefault();
    if (!plot) return;
    const ratio = devicePixelRatio, from = plot.ctx.canvas, names = chosen(), head = (30 + names.length * 18) * ratio;
    const sheet = Object.assign(document.createElement("canvas"), { width: from.width, height: from.height + head });
    const ctx = sheet.getContext("2d");
    ctx.fillStyle = style("--n0"); ctx.fillRect(0, 0, sheet.width, sheet.height);
    ctx.font = `${13 * ratio}px "Public Sans", sans-serif`; ctx.fillStyle = style("--n9");
    ctx.fillText(state.textContent, 12 * ratio, 20 * ratio);
    names.forEach((choice, i) => {
      const y = (38 + i * 18) * ratio;
      ctx.strokeStyle = colour(choice); ctx.lineWidth = 2.5 * ratio; ctx.setLineDash(dash(choice).map((part) => part * ratio));
      ctx.beginPath(); ctx.moveTo(12 * ratio, y - 4 * ratio); ctx.lineTo(42 * ratio, y - 4 * ratio); ctx.stroke();
      ctx.fillText(`${choice.dataset.title} ${choice.dataset.unit} · ${choice.dataset.more}`, 50 * ratio, y);
    });
    ctx.drawImage(from, 0, head);
    sheet.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "chart.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }

  function filter() {
    const words = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    form.querySelectorAll("fieldset").forEach((place) => {
      let visible = 0;
      place.querySelectorAll(".check").forEach((choice) => {
        const text = (place.querySelector("legend").textContent + " " + choice.textContent).toLowerCase();
        choice.hidden = !words.every((word) => text.includes(word));
        visible += !choice.hidden;
      });
      place.hidden = !visible;
    });
    document.getElementById("count").textContent = say("%s of %s chosen", chosen().length, boxes.length);
  }

  // Whoever has pages fitted to them tells of which places charts stayed open for ten seconds; see the page "Fitted to you".
  const pin = document.getElementById("pin-charts");
  let opened = 0;
  function use() {
    if (!pin) return;
    const field = (value) => Object.assign(document.createElement("input"), { type: "hidden", name: "series", value });
    pin.querySelectorAll("[name=series]").forEach((old) => old.remove());
    pin.append(...chosen().map((choice) => field(choice.value)));
    clearTimeout(opened);
    opened = setTimeout(() => {
      const body = new URLSearchParams({ csrfmiddlewaretoken: pin.querySelector("[name=csrfmiddlewaretoken]").value });
      new Set(chosen().map((choice) => choice.dataset.place)).forEach((place) => body.append("place", place));
      if (!document.hidden && body.has("place")) fetch(pin.dataset.use, { method: "POST", body }).catch(() => null);
    }, 10000);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => { filter(); refresh(); use(); });
  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("png").addEventListener("click", picture);
  bar.addEventListener("click", (event) => {
    const { days, move: by, zoom } = event.target.dataset, width = span.to - span.from, middle = (span.from + span.to) / 2;
    if (days) {
      const to = Math.max(...chosen().map((choice) => Number(choice.dataset.at) || 0), 0) + 60 || now();
      Object.assign(whole, { from: to - days * DAY, to });
      move({ ...whole });
    }
    if (by) move({ from: span.from + by * width / 2, to: span.to + by * width / 2 });
    if (zoom) move({ from: middle - width / 2 * zoom, to: middle + width / 2 * zoom });
  });
  let wait = 0;
  const again = () => { last = null; refresh(true); };
  addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(again, 150); });
  scheme.addEventListener("change", again);
  // New readings appear by themselves while the chart shows the present: its end moves on with them.
  const follow = () => {
    if (document.hidden || !live) return;
    const by = now() + 10 - span.to;
    if (by > 0 && by < 900) span = { from: span.from + by, to: span.to + by };
    refresh(true);
  };
  setInterval(follow, 10000);
  document.addEventListener("live:ask", follow);
  filter();
  refresh();
  use();
})();
