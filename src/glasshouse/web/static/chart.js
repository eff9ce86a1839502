"use strict";
// The chart: reads what is chosen from the form, asks for buckets as wide as its pixels, and keeps its address in step.
(() => {
  const form = document.getElementById("pick"), box = document.getElementById("chart"), state = document.getElementById("state");
  if (!form) return;
  const odd = document.getElementById("odd"), bar = document.querySelector(".bar");
  const asked = new URLSearchParams(location.search), DAY = 86400;
  const boxes = [...form.querySelectorAll("[name=s]")], chosen = () => boxes.filter((one) => one.checked);
  const newest = Math.max(0, ...chosen().map((one) => Number(one.dataset.at) || 0)), now = () => Math.floor(Date.now() / 1000);
  const end = newest ? newest + 60 : now();
  const whole = { from: Number(asked.get("from")) || end - DAY, to: Number(asked.get("to")) || end };
  let span = { ...whole }, plot = null, turn = 0, live = !asked.get("to"), last = null;

  const zone = () => (chosen()[0] || boxes[0] || { dataset: {} }).dataset.zone || "UTC";
  const clock = (at) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: zone() }).format(new Date(at * 1000));
  const query = () => {
    const text = new URLSearchParams({ from: Math.floor(span.from), to: Math.ceil(span.to) });
    chosen().forEach((one) => text.append("s", one.value));
    return text;
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Series of one colour would be one: each further one is turned away from it. In the dark all are lightened.
  function colours() {
    const seen = {}, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    return chosen().map((one) => {
      const base = one.dataset.colour, nth = (seen[base] = (seen[base] || 0) + 1) - 1;
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(base.slice(i, i + 2), 16) / 255), top = Math.max(r, g, b), low = Math.min(r, g, b), d = top - low;
      let hue = !d ? 0 : top === r ? ((g - b) / d + 6) % 6 : top === g ? (b - r) / d + 2 : (r - g) / d + 4;
      hue = (hue * 60 + nth * 47) % 360;
      const light = (top + low) / 2, full = d ? d / (1 - Math.abs(2 * light - 1)) : 0;
      return `hsl(${hue.toFixed(0)} ${(full * 100).toFixed(0)}% ${((dark ? Math.max(light, 0.62) : light) * 100).toFixed(0)}%`;
    });
  }
  const ink = (colour, share) => share === 1 ? colour + ")" : `${colour} / ${share})`;

  // A gap in the readings is drawn as a gap: an empty point goes in wherever more than three steps are missing.
  function columns(series) {
    const times = new Set();
    for (const { rows } of Object.values(series)) {
      const steps = rows.slice(1).map((row, i) => row[0] - rows[i][0]).sort((a, b) => a - b);
      const usual = steps[Math.floor(steps.length / 2)] || 0;
      rows.forEach((row, i) => { times.add(row[0]); if (i && usual && row[0] - rows[i - 1][0] > 3 * usual) times.add(rows[i - 1][0] + usual); });
    }
    const axis = [...times].sort((a, b) => a - b), place = new Map(axis.map((time, i) => [time, i]));
    const all = [axis];
    for (const one of chosen()) {
      const { rows } = series[one.value] || { rows: [] }, own = new Set(rows.map((row) => row[0]));
      const steps = rows.slice(1).map((row, i) => row[0] - rows[i][0]).sort((a, b) => a - b), usual = steps[Math.floor(steps.length / 2)] || 0;
      const set = [1, 2, 3].map(() => new Array(axis.length).fill(undefined));
      rows.forEach((row, i) => {
        for (let k = 0; k < 3; k++) set[k][place.get(row[0])] = row[k + 1];
        const gap = row[0] + usual;
        if (i + 1 < rows.length && usual && rows[i + 1][0] - row[0] > 3 * usual && place.has(gap) && !own.has(gap)) for (let k = 0; k < 3; k++) set[k][place.get(gap)] = null;
      });
      all.push(...set);
    }
    return all;
  }

  function shade(u, nights) {
    u.ctx.save();
    u.ctx.fillStyle = style("--night");
    for (const [from, to] of nights) {
      const a = Math.max(u.valToPos(from, "x", true), u.bbox.left), b = Math.min(u.valToPos(to, "x", true), u.bbox.left + u.bbox.width);
      if (b > a) u.ctx.fillRect(a, u.bbox.top, b - a, u.bbox.height);
    }
    u.ctx.restore();
  }

  // Implausible readings stand as triangles at the upper or lower edge: they are seen, and do not squeeze the scale.
  function mark(u, answer, hues) {
    chosen().forEach((one, i) => {
      const found = answer.series[one.value], scale = one.dataset.unit || "value";
      if (!found || !found.odd.length) return;
      const middle = (u.scales[scale].min + u.scales[scale].max) / 2;
      u.ctx.fillStyle = ink(hues[i], 1);
      for (const [at, value] of found.odd) {
        const x = u.valToPos(at, "x", true), up = !(value < middle), size = 6 * devicePixelRatio;
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        const y = up ? u.bbox.top : u.bbox.top + u.bbox.height, d = up ? 1 : -1;
        u.ctx.beginPath(); u.ctx.moveTo(x, y); u.ctx.lineTo(x - size, y + d * size * 1.5); u.ctx.lineTo(x + size, y + d * size * 1.5); u.ctx.fill();
      }
    });
  }

  function draw(data, answer) {
    if (plot) plot.destroy();
    const series = [{ label: "Time", value: (u, v) => (v == null ? "–" : clock(v)) }], bands = [], units = [], hues = colours();
    chosen().forEach((one, i) => {
      const unit = one.dataset.unit || "value", at = series.length;
      if (!units.includes(unit)) units.push(unit);
      const edge = { scale: unit, stroke: "transparent", points: { show: false }, class: "edge" };
      const label = one.dataset.title + (chosen().filter((o) => o.dataset.title === one.dataset.title).length > 1 ? " · " + one.dataset.more : "");
      series.push({ ...edge, label: label + " min" }, { scale: unit, label, stroke: ink(hues[i], 1), width: 1.6, spanGaps: false, value: (u, v) => (v == null ? "–" : Number(v.toPrecision(5)) + " " + one.dataset.unit) }, { ...edge, label: label + " max" });
      bands.push({ series: [at + 2, at], fill: ink(hues[i], 0.18) });
    });
    const soft = style("--soft"), grid = { stroke: style("--line"), width: 1 }, narrow = box.clientWidth < 600, font = `12px "Public Sans", sans-serif`;
    plot = new uPlot({
      width: box.clientWidth - 16, height: narrow ? 300 : 420, series, bands, legend: { live: !narrow },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone()),
      cursor: { drag: { x: true, y: false, setScale: false } },
      scales: { x: { min: span.from, max: span.to } },
      axes: [{ stroke: soft, grid, font }, ...units.map((unit, i) => ({ font, labelFont: font, scale: unit, label: unit === "value" ? "" : unit, stroke: soft, grid: i ? { show: false } : grid, side: i % 2 ? 1 : 3, size: narrow ? 48 : 60 }))],
      hooks: {
        drawClear: [(u) => shade(u, answer.nights || [])], draw: [(u) => mark(u, answer, hues)],
        setSelect: [(u) => {
          if (u.select.width <= 4 || u.panned) return;
          move({ from: u.posToVal(u.select.left, "x"), to: u.posToVal(u.select.left + u.select.width, "x") });
        }],
      },
    }, data, box);
    plot.over.addEventListener("dblclick", () => move({ ...whole }));
    plot.over.addEventListener("mousedown", pan, true);
  }

  function pan(event) {
    if (!event.shiftKey) return;
    event.stopImmediatePropagation();
    const from = event.clientX, width = plot.over.clientWidth, start = { ...span };
    const drag = (one) => { const by = (from - one.clientX) / width * (start.to - start.from); plot.setScale("x", { min: start.from + by, max: start.to + by }); };
    const drop = (one) => {
      removeEventListener("mousemove", drag); removeEventListener("mouseup", drop);
      const by = (from - one.clientX) / width * (start.to - start.from);
      move({ from: start.from + by, to: start.to + by });
    };
    addEventListener("mousemove", drag); addEventListener("mouseup", drop);
  }

  function move(to) {
    if (to.to - to.from < 10) return;
    span = to; live = to.to >= now() - 120;
    refresh();
  }

  async function refresh(quiet) {
    const mine = ++turn, text = query();
    history.replaceState(null, "", "?" + text);
    document.getElementById("csv").href = form.dataset.readings + "?" + text + "&format=csv";
    if (!chosen().length) { state.textContent = "Choose at least one series."; return; }
    if (!quiet) state.textContent = "Reading …";
    text.set("points", Math.max(100, Math.min(1200, Math.round(box.clientWidth / 1.2))));
    const answer = await fetch(form.dataset.readings + "?" + text, { headers: { Accept: "application/json" } }).catch(() => null);
    if (mine !== turn) return;
    if (answer && (answer.redirected || answer.status === 403)) { location.reload(); return; }
    if (!answer || !answer.ok) { state.textContent = answer && answer.status < 500 ? "You cannot see these readings (any more). Reload the page." : "The readings could not be fetched. Try again in a moment."; return; }
    const body = await answer.json(), whose = JSON.stringify(body);
    if (quiet && whose === last) return;
    last = whose;
    const data = columns(body.series);
    draw(data, body);
    const found = chosen().map((one) => ({ one, odd: (body.series[one.value] || { odd: [] }).odd })).filter((row) => row.odd.length);
    odd.replaceChildren(...found.map((row) => Object.assign(document.createElement("li"), { textContent: `▲ ${row.one.dataset.title}: ${row.odd.length} implausible, not drawn to scale (${row.odd[0][1]} ${row.one.dataset.unit}, ${clock(row.odd[0][0])}${row.odd.length > 1 ? " …" : ""})` })));
    state.textContent = data[0].length ? `${clock(span.from)} to ${clock(span.to)} (${zone()})` : "No readings in this time.";
    box.setAttribute("aria-label", chosen().map((one) => one.dataset.title).join(", ") + ": " + state.textContent);
    box.dataset.points = data[0].length;
  }

  // The picture holds what the page shows around the chart, too: which series, what time.
  function picture(event) {
    event.preventDefault();
    if (!plot) return;
    const ratio = devicePixelRatio, from = plot.ctx.canvas, hues = colours(), names = chosen(), head = (30 + names.length * 18) * ratio;
    const sheet = Object.assign(document.createElement("canvas"), { width: from.width, height: from.height + head }), ctx = sheet.getContext("2d");
    ctx.fillStyle = style("--card"); ctx.fillRect(0, 0, sheet.width, sheet.height);
    ctx.font = `${13 * ratio}px "Public Sans", sans-serif`; ctx.fillStyle = style("--ink");
    ctx.fillText(state.textContent, 12 * ratio, 20 * ratio);
    names.forEach((one, i) => { const y = (38 + i * 18) * ratio; ctx.fillStyle = ink(hues[i], 1); ctx.fillRect(12 * ratio, y - 8 * ratio, 14 * ratio, 4 * ratio); ctx.fillStyle = style("--ink"); ctx.fillText(`${one.dataset.title} ${one.dataset.unit} · ${one.dataset.more}`, 32 * ratio, y); });
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
      let shown = 0;
      place.querySelectorAll(".choice").forEach((one) => {
        const text = (place.querySelector("legend").textContent + " " + one.textContent).toLowerCase();
        one.hidden = !words.every((word) => text.includes(word));
        shown += !one.hidden;
      });
      place.hidden = !shown;
    });
    document.getElementById("count").textContent = `${chosen().length} of ${boxes.length} chosen`;
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => { filter(); refresh(); });
  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("png").addEventListener("click", picture);
  bar.addEventListener("click", (event) => {
    const { days, move: by, zoom } = event.target.dataset, width = span.to - span.from, middle = (span.from + span.to) / 2;
    if (days) { const to = Math.max(...chosen().map((one) => Number(one.dataset.at) || 0), 0) + 60 || now(); Object.assign(whole, { from: to - days * DAY, to }); move({ ...whole }); }
    if (by) move({ from: span.from + by * width / 2, to: span.to + by * width / 2 });
    if (zoom) move({ from: middle - width / 2 * zoom, to: middle + width / 2 * zoom });
  });
  let wait = 0;
  addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(() => { last = null; refresh(true); }, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { last = null; refresh(true); });
  // New readings appear by themselves while the chart shows the present: its end moves on with them.
  setInterval(() => {
    if (document.hidden || !live) return;
    const by = now() + 10 - span.to;
    if (by > 0 && by < 900) span = { from: span.from + by, to: span.to + by };
    refresh(true);
  }, 10000);
  filter();
  refresh();
})();
