"use strict";
// The chart: reads what is chosen from the form, asks for buckets as wide as its pixels, and keeps its address in step.
(() => {
  const form = document.getElementById("pick"), box = document.getElementById("chart"), state = document.getElementById("state");
  if (!form) return;
  const asked = new URLSearchParams(location.search);
  const newest = Math.max(0, ...[...form.querySelectorAll("[name=s]:checked")].map((one) => Number(one.dataset.at) || 0));
  const end = newest ? newest + 60 : Math.floor(Date.now() / 1000);
  const whole = { from: Number(asked.get("from")) || end - 86400, to: Number(asked.get("to")) || end };
  let span = { ...whole }, plot = null, turn = 0;

  const chosen = () => [...form.querySelectorAll("[name=s]:checked")];
  const query = () => {
    const text = new URLSearchParams({ from: Math.floor(span.from), to: Math.ceil(span.to) });
    chosen().forEach((one) => text.append("s", one.value));
    return text;
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // A gap in the readings is drawn as a gap: an empty point goes in wherever more than three steps are missing.
  function columns(series) {
    const times = new Set();
    for (const rows of Object.values(series)) {
      const steps = rows.slice(1).map((row, i) => row[0] - rows[i][0]).sort((a, b) => a - b);
      const usual = steps[Math.floor(steps.length / 2)] || 0;
      rows.forEach((row, i) => { times.add(row[0]); if (i && usual && row[0] - rows[i - 1][0] > 3 * usual) times.add(rows[i - 1][0] + usual); });
    }
    const axis = [...times].sort((a, b) => a - b), place = new Map(axis.map((time, i) => [time, i]));
    const all = [axis];
    for (const one of chosen()) {
      const rows = series[one.value] || [], set = [1, 2, 3].map(() => new Array(axis.length).fill(undefined));
      rows.forEach((row, i) => {
        for (let k = 0; k < 3; k++) set[k][place.get(row[0])] = row[k + 1];
        const next = rows[i + 1], gap = axis[place.get(row[0]) + 1];
        if (next && gap !== undefined && gap < next[0] && !rows.some((r) => r[0] === gap)) for (let k = 0; k < 3; k++) set[k][place.get(gap)] = null;
      });
      all.push(...set);
    }
    return all;
  }

  function draw(data) {
    if (plot) plot.destroy();
    const series = [{}], bands = [], units = [];
    chosen().forEach((one) => {
      const unit = one.dataset.unit || "value", colour = one.dataset.colour, at = series.length;
      if (!units.includes(unit)) units.push(unit);
      const edge = { scale: unit, stroke: colour + "00", points: { show: false }, label: "" };
      series.push({ ...edge, label: one.dataset.title + " min" }, { scale: unit, label: one.dataset.title, stroke: colour, width: 1.6, points: { show: false } }, { ...edge, label: one.dataset.title + " max" });
      bands.push({ series: [at + 2, at], fill: colour + "2e" });
    });
    const ink = style("--soft"), grid = { stroke: style("--line"), width: 1 };
    plot = new uPlot({
      width: box.clientWidth - 16, height: 380, series, bands, legend: { live: true },
      cursor: { drag: { x: true, y: false, setScale: false } },
      scales: { x: { min: span.from, max: span.to } },
      axes: [{ stroke: ink, grid }, ...units.map((unit, i) => ({ scale: unit, label: unit, stroke: ink, grid: i ? { show: false } : grid, side: i % 2 ? 1 : 3, size: 60 }))],
      hooks: { setSelect: [(u) => { if (u.select.width > 4) { span = { from: u.posToVal(u.select.left, "x"), to: u.posToVal(u.select.left + u.select.width, "x") }; refresh(); } }] },
    }, data, box);
    plot.over.addEventListener("dblclick", () => { span = { ...whole }; refresh(); });
  }

  async function refresh(quiet) {
    const mine = ++turn, text = query();
    history.replaceState(null, "", "?" + text);
    document.getElementById("csv").href = form.dataset.readings + "?" + text + "&format=csv&points=2000";
    if (!chosen().length) { state.textContent = "Choose at least one series."; return; }
    if (!quiet) state.textContent = "Reading …";
    text.set("points", Math.max(100, Math.min(1000, box.clientWidth)));
    const answer = await fetch(form.dataset.readings + "?" + text, { headers: { Accept: "application/json" } }).catch(() => null);
    if (mine !== turn) return;
    if (!answer || !answer.ok) { state.textContent = "The readings could not be fetched. Try again in a moment."; return; }
    const data = columns((await answer.json()).series);
    draw(data);
    state.textContent = data[0].length ? data[0].length + " points. Drag to zoom, double-click for the whole time." : "No readings in this time.";
    box.dataset.points = data[0].length;
  }

  form.addEventListener("change", () => refresh());
  form.addEventListener("click", (event) => {
    const days = Number(event.target.dataset.days);
    if (days) { span = { from: end - days * 86400, to: end }; Object.assign(whole, span); refresh(); }
  });
  addEventListener("resize", () => refresh(true));
  setInterval(() => { if (!document.hidden && span.to >= end - 60) refresh(true); }, 15000);
  refresh();
})();
