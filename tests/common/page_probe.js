(() => {
  const trouble = [];
  const check = (what, fine) => { if (!fine) trouble.push(what); };
  const all = (root, query) => Array.from(root.querySelectorAll(query));
  const visible = (element) => element.getClientRects().length > 0;
  const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const tip = document.getElementById("tip"), live = document.getElementById("live");
  const charts = all(document, "svg.chart").filter(visible);
  check("the script ran", document.documentElement.dataset.ready === "1");
  check("sections have charts", charts.length >= 6);
  check("nothing is wider than the window", document.documentElement.scrollWidth <= innerWidth + 1);

  // Series.
  const key = all(charts[0], ".key")[0], layers = () => all(charts[0], `.data > g[data-key="${key.dataset.key}"]`);
  key.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  check("a click on the legend hides the series", key.getAttribute("aria-pressed") === "false" && layers().every((l) => !visible(l)));
  press(key, "Enter");
  check("the enter key shows it again", key.getAttribute("aria-pressed") === "true" && layers().some(visible));

  // Tooltips, by mouse and by keys.
  const layer = all(charts[0], ".data > g[data-tips]")[0], [x, y] = layer.dataset.tips.split("|")[0].split("\t");
  const box = charts[0].getBoundingClientRect(), scale = box.width / charts[0].viewBox.baseVal.width;
  charts[0].dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + x * scale, clientY: box.top + y * scale, bubbles: true }));
  check("the mouse brings a tooltip", !tip.hidden && tip.textContent.length > 3);
  check("the tooltip is of a point of this chart", all(charts[0], "[data-tips]").some((l) => l.dataset.tips.includes(tip.textContent)));
  charts[0].dispatchEvent(new PointerEvent("pointerleave"));
  check("and takes it away", tip.hidden);
  press(charts[0], "ArrowRight");
  check("the arrow brings one, too", !tip.hidden && live.textContent.length > 3);
  press(charts[0], "Escape");
  check("escape takes it away", tip.hidden);

  // Zoom.
  const timeline = charts.find((chart) => chart.querySelector(".plot[data-zoom]"));
  const labels = () => all(timeline, ".ticks text").map((t) => t.textContent).join(" ");
  const figure = timeline.closest("figure"), before = labels();
  figure.querySelector("button[data-act=in]").click();
  const zoomed = labels();
  check("the button zooms in", timeline.querySelector(".data").getAttribute("transform").startsWith("matrix(2") && zoomed !== before);
  figure.querySelector("button[data-act=right]").click();
  check("and moves on", labels() !== zoomed);
  press(timeline, "0");
  check("the key 0 shows all again", labels() === before);
  const plot = timeline.querySelector(".plot").dataset.area.split(" ").map(Number);
  const r = timeline.getBoundingClientRect(), s = r.width / timeline.viewBox.baseVal.width;
  const at = (part, type) => new PointerEvent(type, { pointerId: 1, button: 0, bubbles: true, pointerType: "mouse",
    clientX: r.left + (plot[0] + part * plot[2]) * s, clientY: r.top + (plot[1] + plot[3] / 2) * s });
  timeline.setPointerCapture = () => {};
  timeline.dispatchEvent(at(0.25, "pointerdown"));
  timeline.dispatchEvent(at(0.75, "pointermove"));
  timeline.dispatchEvent(at(0.75, "pointerup"));
  check("dragging zooms", timeline.querySelector(".data").getAttribute("transform").startsWith("matrix("));
  timeline.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
  check("a double click shows all", labels() === before);

  // Sessions.
  const picker = document.querySelector(".picker"), views = all(picker, ".view"), select = picker.querySelector("select");
  check("one session is shown", views.filter(visible).length === 1 && visible(views[0]));
  picker.querySelector("button[data-step='1']").click();
  check("the next one", visible(views[1]) && !visible(views[0]) && select.selectedIndex === 1);
  select.selectedIndex = 3;
  select.dispatchEvent(new Event("change"));
  check("a chosen one", visible(views[3]) && !visible(views[1]));

  // Tables.
  const table = all(document, "section table.sortable").filter((t) => !t.closest("details"))[0];
  const heads = all(table, "thead th"), column = heads.findIndex((head) => head.classList.contains("num"));
  const values = () => Array.from(table.tBodies[0].rows).map((row) => Number(row.cells[column].dataset.v));
  heads[column].querySelector("button").click();
  check("a click sorts upwards", heads[column].getAttribute("aria-sort") === "ascending" && values().every((v, i, a) => !i || a[i - 1] <= v));
  heads[column].querySelector("button").click();
  check("another downwards", heads[column].getAttribute("aria-sort") === "descending" && values().every((v, i, a) => !i || a[i - 1] >= v));
  heads[heads.length - 1].querySelector("button").click();
  const last = Array.from(table.tBodies[0].rows).pop();
  check("missing values come last", last.cells[last.cells.length - 1].dataset.v === "");

  // Light and dark.
  const paper = () => getComputedStyle(document.body).backgroundColor, was = paper();
  document.getElementById("theme").click();
  check("the button turns the page dark or light", paper() !== was);
  document.querySelector("button.copy").click();
  check("copying selects the text", getSelection().toString().length > 5);

  check("nothing was fetched", performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).length === 0);
  check("no picture came of a name", !document.querySelector("img"));
  return trouble.length ? trouble.join("; ") : "all well";
})()
