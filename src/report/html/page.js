"use strict";
// Interactions of a page of results: tooltips, series on and off, zoom along time, choice of a session, sorting, copying.
// Everything can be read without it.
(() => {
  const all = (root, query) => Array.from(root.querySelectorAll(query));
  const SVG = "http://www.w3.org/2000/svg";
  const live = document.getElementById("live");
  const tip = document.getElementById("tip");

  // Light and dark.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = document.getElementById("theme");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const label = () => {
    shade.textContent = isDark() ? "Light" : "Dark";
    shade.setAttribute("aria-label", shade.textContent + " colours");
  };
  shade.hidden = false;
  shade.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; label(); });
  dark.addEventListener("change", label);
  label();

  // Numbers as on the axes of the charts.
  const two = (n) => String(n).padStart(2, "0");
  const clock = (value, step) => {
    const sign = value < 0 ? "\u2212" : "";
    const s = Math.abs(value);
    if (step < 1) {
      const all = Math.floor(s / 60), h = Math.floor(all / 60), digits = step < 0.01 ? 3 : step < 0.1 ? 2 : 1;
      return sign + h + ":" + two(all % 60) + ":" + (s - all * 60).toFixed(digits).padStart(digits + 3, "0");
    }
    const whole = Math.round(s), d = Math.floor(whole / 86400), h = Math.floor(whole / 3600) % 24;
    const m = Math.floor(whole / 60) % 60, rest = whole % 60, day = d ? d + " d " : "";
    if (d && step >= 86400) return sign + d + " d";
    if (step >= 60) return sign + day + h + ":" + two(m);
    return sign + day + h + ":" + two(m) + ":" + two(rest);
  };
  const CLOCK = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
    3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];

  const charts = all(document, "svg.chart").map((svg) => {
    const plots = all(svg, ".plot").map((group) => {
      const [x, y, w, h] = group.dataset.area.split(" ").map(Number);
      const axis = group.dataset.x ? group.dataset.x.split(" ") : null;
      return {
        group, x, y, w, h, zoom: group.dataset.zoom === "1", data: group.querySelector(".data"),
        ticks: group.querySelector(".ticks"), first: null,
        axis: axis && { log: axis[0] === "1", low: Number(axis[1]), high: Number(axis[2]), format: axis[3] },
        layers: all(group, ".data > g").map((layer) => ({ layer, tips: null })),
      };
    });
    return { svg, plots, part: [0, 1], at: -1, cross: null, tools: svg.closest("figure") };
  });

  const tipsOf = (plot) => {
    for (const entry of plot.layers) {
      if (entry.tips) continue;
      entry.tips = (entry.layer.dataset.tips || "").split("|").filter(Boolean).map((item) => {
        const [x, y, ...text] = item.split("\t");
        return { x: Number(x), y: Number(y), text: text.join(" ") };
      });
    }
    return plot.layers.filter((entry) => !entry.layer.classList.contains("gone")).flatMap((entry) => entry.tips);
  };
  // Where a place of the drawing is now that its plot is zoomed.
  const seen = (chart, plot, x) => {
    if (!plot.zoom) return x;
    const [a, b] = chart.part;
    return plot.x + ((x - plot.x) / plot.w - a) / (b - a) * plot.w;
  };

  // What the tooltip is of, while it is there.
  let shown = null;
  const hide = (chart) => {
    tip.hidden = true;
    shown = null;
    if (chart.cross) { chart.cross.remove(); chart.cross = null; }
  };
  const show = (chart, plot, found, speak) => {
    const x = seen(chart, plot, found.x);
    if (!chart.cross) {
      chart.cross = document.createElementNS(SVG, "line");
      chart.cross.setAttribute("class", "cross");
    }
    plot.group.append(chart.cross);
    for (const [name, value] of [["x1", x], ["x2", x], ["y1", plot.y], ["y2", plot.y + plot.h]]) chart.cross.setAttribute(name, value);
    tip.textContent = found.text;
    tip.hidden = false;
    shown = { chart, x, y: found.y, speak };
    if (speak) {
      live.textContent = found.text.replace(/\n/g, ", ");
      const there = chart.cross.getBoundingClientRect();
      if (there.top < 0 || there.bottom > innerHeight) chart.cross.scrollIntoView({ block: "center" });
    }
    put();
  };
  const put = () => {
    const { chart, x, y } = shown;
    const box = chart.svg.getBoundingClientRect(), scale = box.width / chart.svg.viewBox.baseVal.width;
    const px = box.left + x * scale, py = box.top + y * scale;
    const left = px + 14 + tip.offsetWidth > innerWidth ? px - 14 - tip.offsetWidth : px + 14;
    tip.style.left = Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.max(4, Math.min(py - tip.offsetHeight - 8, innerHeight - tip.offsetHeight - 4)) + "px";
  };

  const place = (chart, event) => {
    const box = chart.svg.getBoundingClientRect(), scale = chart.svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  const plotAt = (chart, x, y) => chart.plots.find((p) => x >= p.x - 4 && x <= p.x + p.w + 4 && y >= p.y - 4 && y <= p.y + p.h + 4);

  const ticks = (chart, plot) => {
    if (!plot.axis || plot.axis.log) return;
    if (plot.first === null) plot.first = plot.ticks.innerHTML;
    const [a, b] = chart.part;
    if (a === 0 && b === 1) { plot.ticks.innerHTML = plot.first; return; }
    const named = all(plot.ticks, "text"), size = named[0] ? named[0].getAttribute("font-size") : null;
    const label = named.length ? named[named.length - 1] : null;
    const low = plot.axis.low + a * (plot.axis.high - plot.axis.low), high = plot.axis.low + b * (plot.axis.high - plot.axis.low);
    const step = CLOCK.find((s) => (high - low) / s <= plot.w / 76) || CLOCK[CLOCK.length - 1];
    const out = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) {
      const x = (plot.x + (i * step - low) / (high - low) * plot.w).toFixed(1);
      out.push(`<path stroke="var(--grid)" stroke-width="0.75" d="M${x} ${plot.y}V${plot.y + plot.h}"/>`);
      if (size) out.push(`<text x="${x}" y="${plot.y + plot.h + 14}" font-size="${size}" fill="var(--muted)" text-anchor="middle">${clock(i * step, step)}</text>`);
    }
    plot.ticks.innerHTML = out.join("");
    if (label && named.length > 1) plot.ticks.append(label);
  };

  // Times are shared: what is zoomed in one chart is zoomed in all that have a time axis, and kept in the address.
  const timed = (chart) => chart.plots.find((p) => p.zoom && p.axis && !p.axis.log && p.axis.format === "Clock");
  const zoom = (chart, from, to) => {
    const plot = timed(chart);
    if (!plot) { stretch(chart, from, to); return; }
    const { low, high } = plot.axis, at = (part) => low + part * (high - low);
    if (from <= 0 && to >= 1) { together(null, chart); return; }
    together([at(from), at(to)], chart);
  };
  const together = (times, acting) => {
    for (const chart of charts) {
      const plot = timed(chart);
      if (!plot) continue;
      const { low, high } = plot.axis, part = (time) => (time - low) / (high - low);
      const apart = !times || times[1] <= low || times[0] >= high;
      if (apart) stretch(chart, 0, 1); else stretch(chart, part(Math.max(low, times[0])), part(Math.min(high, times[1])));
    }
    const place = times ? "#t=" + times.map((time) => Math.round(time)).join("-") : "#";
    try { history.replaceState(null, "", place); } catch { /* a page from a disk may not be allowed to */ }
    if (!acting) return;
    const [a, b] = acting.part;
    live.textContent = b - a === 1 ? "whole time shown" : `zoomed ${Math.round(1 / (b - a))} times`;
  };
  const stretch = (chart, from, to) => {
    const width = Math.min(1, Math.max(0.002, to - from)), start = Math.min(1 - width, Math.max(0, from));
    chart.part = [start, start + width];
    for (const plot of chart.plots.filter((p) => p.zoom)) {
      const s = 1 / width, shift = plot.x - (plot.x + start * plot.w) * s;
      plot.data.setAttribute("transform", width === 1 ? "" : `matrix(${s} 0 0 1 ${shift} 0)`);
      for (const mark of all(plot.data, ".marks > *")) {
        if (!mark.dataset.at) mark.dataset.at = mark.getAttribute("transform");
        mark.setAttribute("transform", width === 1 ? mark.dataset.at : `${mark.dataset.at} scale(${1 / s} 1)`);
      }
      ticks(chart, plot);
    }
    hide(chart);
  };
  const about = (chart, factor) => {
    const [a, b] = chart.part, middle = (a + b) / 2, half = (b - a) / 2 * factor;
    zoom(chart, middle - half, middle + half);
  };
  const pan = (chart, part) => {
    const [a, b] = chart.part, by = (b - a) * part;
    zoom(chart, a + by, b + by);
  };

  for (const chart of charts) {
    const zoomable = chart.plots.find((p) => p.zoom);
    let brush = null, start = null;
    chart.svg.setAttribute("tabindex", "0");
    chart.svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hide(chart); });
    chart.svg.addEventListener("blur", () => hide(chart));
    chart.svg.addEventListener("pointermove", (event) => {
      const [x, y] = place(chart, event);
      if (brush) {
        const to = Math.min(zoomable.x + zoomable.w, Math.max(zoomable.x, x));
        brush.setAttribute("x", Math.min(start, to));
        brush.setAttribute("width", Math.abs(to - start));
        return;
      }
      point(x, y);
    });
    // The tooltip of what is nearest to a place of the drawing.
    const point = (x, y) => {
      const plot = plotAt(chart, x, y);
      if (!plot) { hide(chart); return; }
      let best = null, least = 44 * 44;
      for (const item of tipsOf(plot)) {
        const px = seen(chart, plot, item.x);
        if (px < plot.x - 1 || px > plot.x + plot.w + 1) continue;
        const d = (px - x) ** 2 + (item.y - y) ** 2;
        if (d < least) { least = d; best = item; }
      }
      if (best) show(chart, plot, best, false); else hide(chart);
    };
    // A finger does not hover: it points.
    chart.svg.addEventListener("pointerdown", (event) => { if (event.pointerType === "touch") point(...place(chart, event)); });
    if (zoomable) {
      chart.svg.addEventListener("pointerdown", (event) => {
        const [x, y] = place(chart, event), plot = plotAt(chart, x, y);
        if (event.button !== 0 || event.pointerType === "touch" || !plot || !plot.zoom) return;
        start = Math.min(plot.x + plot.w, Math.max(plot.x, x));
        brush = document.createElementNS(SVG, "rect");
        const shown = chart.plots.filter((p) => p.zoom), last = shown[shown.length - 1];
        for (const [name, value] of [["class", "brush"], ["x", start], ["y", shown[0].y], ["width", 0], ["height", last.y + last.h - shown[0].y]]) brush.setAttribute(name, value);
        chart.svg.append(brush);
        chart.svg.setPointerCapture(event.pointerId);
        hide(chart);
      });
      const end = (event) => {
        if (!brush) return;
        const from = Number(brush.getAttribute("x")), width = Number(brush.getAttribute("width"));
        brush.remove();
        brush = null;
        if (event.type === "pointerup" && width > 6) {
          const [a, b] = chart.part, at = (x) => a + (x - zoomable.x) / zoomable.w * (b - a);
          zoom(chart, at(from), at(from + width));
        }
      };
      chart.svg.addEventListener("pointerup", end);
      chart.svg.addEventListener("pointercancel", end);
      chart.svg.addEventListener("dblclick", () => zoom(chart, 0, 1));
      const bar = chart.tools.querySelector(".zoom");
      bar.hidden = false;
      for (const button of all(bar, "button")) {
        button.addEventListener("click", () => {
          if (!chart.svg.getClientRects().length) return;
          const acts = { in: () => about(chart, 0.5), out: () => about(chart, 2), left: () => pan(chart, -0.4), right: () => pan(chart, 0.4), all: () => zoom(chart, 0, 1) };
          acts[button.dataset.act]();
        });
      }
    }
    const list = () => chart.plots.flatMap((plot) => tipsOf(plot).slice().sort((a, b) => a.x - b.x).map((item) => ({ plot, item })))
      .filter(({ plot, item }) => { const x = seen(chart, plot, item.x); return x >= plot.x - 1 && x <= plot.x + plot.w + 1; });
    chart.svg.addEventListener("keydown", (event) => {
      if (event.target !== chart.svg) return;
      const acts = zoomable ? { "+": () => about(chart, 0.5), "=": () => about(chart, 0.5), "-": () => about(chart, 2), "0": () => zoom(chart, 0, 1) } : {};
      if (acts[event.key]) { acts[event.key](); event.preventDefault(); return; }
      if (event.key === "Escape") { hide(chart); return; }
      if (event.key === "i" || event.key === "ArrowUp" || event.key === "ArrowDown") {
        // to the incident, or to the panel above or below
        const panels = chart.plots.filter((plot) => tipsOf(plot).length);
        if (!panels.length) return;
        const step = { ArrowUp: -1, ArrowDown: 1, i: 0 }[event.key];
        chart.panel = Math.min(panels.length - 1, Math.max(0, (chart.panel === undefined ? (step > 0 ? -1 : 0) : chart.panel) + step));
        const flat = list();
        const found = event.key === "i" ? flat.findIndex(({ item }) => /\(truth\)|escape/.test(item.text)) : flat.findIndex(({ plot }) => plot === panels[chart.panel]);
        if (found < 0) return;
        chart.at = found;
        show(chart, flat[found].plot, flat[found].item, true);
        event.preventDefault();
        return;
      }
      const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20 }[event.key];
      if (!by && event.key !== "Home" && event.key !== "End") return;
      const flat = list();
      if (!flat.length) return;
      chart.at = event.key === "Home" ? 0 : event.key === "End" ? flat.length - 1 : Math.min(flat.length - 1, Math.max(0, chart.at + by));
      show(chart, flat[chart.at].plot, flat[chart.at].item, true);
      event.preventDefault();
    });
    for (const key of all(chart.svg, ".key")) {
      const flip = () => {
        const off = key.classList.toggle("off");
        key.setAttribute("aria-pressed", String(!off));
        for (const layer of all(chart.svg, `.data > g[data-key="${key.dataset.key}"]`)) layer.classList.toggle("gone", off);
      };
      key.addEventListener("click", flip);
      key.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { flip(); event.preventDefault(); }
      });
    }
  }
  // Past the contents to the chart of what happened.
  const skip = document.querySelector("a.skip");
  if (skip) skip.addEventListener("click", (event) => {
    const first = charts.find((chart) => chart.svg.getClientRects().length);
    if (first) { event.preventDefault(); first.svg.focus(); first.svg.scrollIntoView({ block: "center" }); }
  });
  // Keys may scroll the page to the point that they reach: its tooltip goes with it. The mouse has left its point.
  addEventListener("scroll", () => {
    if (!shown) return;
    if (shown.speak) put(); else hide(shown.chart);
  }, { passive: true });

  // One of several sessions.
  for (const picker of all(document, ".picker")) {
    const select = picker.querySelector("select"), views = all(picker, ".view");
    const pick = () => views.forEach((view, i) => { view.hidden = i !== select.selectedIndex; });
    const step = (by) => {
      for (let tried = 0; tried < views.length; tried++) {
        select.selectedIndex = (select.selectedIndex + by + views.length) % views.length;
        if (!select.options[select.selectedIndex].hidden) break;
      }
      pick();
    };
    const search = picker.querySelector("input");
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase(), options = Array.from(select.options);
      for (const option of options) option.hidden = !option.textContent.toLowerCase().includes(wanted);
      const first = options.findIndex((option) => !option.hidden), found = options.filter((option) => !option.hidden).length;
      if (first >= 0 && options[select.selectedIndex].hidden) { select.selectedIndex = first; pick(); }
      live.textContent = found === 1 ? "1 session" : found + " sessions";
    });
    picker.querySelector(".tools").hidden = false;
    select.addEventListener("change", pick);
    for (const button of all(picker, "button[data-step]")) button.addEventListener("click", () => step(Number(button.dataset.step)));
    pick();
  }

  // Sorting: numbers by value, missing ones last, words by the reader's language; equal rows keep their order.
  for (const table of all(document, "table.sortable")) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0], sign = down ? -1 : 1;
        const rows = Array.from(body.rows).map((row) => ({ row, cell: row.cells[column] }));
        rows.sort((a, b) => {
          const x = a.cell.dataset.v, y = b.cell.dataset.v;
          if (x === undefined && y === undefined) return sign * a.cell.textContent.localeCompare(b.cell.textContent);
          if (x === "" || y === "" || x === undefined || y === undefined) return (x ? 0 : 1) - (y ? 0 : 1);
          return sign * (Number(x) - Number(y));
        });
        body.append(...rows.map(({ row }) => row));
      });
    });
  }

  for (const button of all(document, "button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.of));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
      live.textContent = "copied";
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  const address = /^#t=(\d+)-(\d+)$/.exec(location.hash);
  if (address && Number(address[2]) > Number(address[1])) together([Number(address[1]), Number(address[2])], null);
  document.documentElement.dataset.ready = "1";
})();
