(() => {
  const now = document.activeElement;
  if (!now || now === document.body || now === document.documentElement) return { end: true };
  const wrong = [];
  const name = (now.getAttribute("aria-label") || now.textContent || "").trim();
  const labelled = (now.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean).every((id) => document.getElementById(id));
  if (!name && !(now.labels && now.labels.length)) wrong.push("no name");
  if (!labelled) wrong.push("labelled by nothing");
  const own = ["A", "BUTTON", "INPUT", "SELECT", "SUMMARY"].includes(now.tagName);
  if (!own && !now.getAttribute("role")) wrong.push("no role");
  const style = getComputedStyle(now), hit = now.querySelector(".hit");
  const framed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const drawn = hit && getComputedStyle(hit).stroke !== "none";
  if (!framed && !drawn) wrong.push("the focus is not seen");
  const r = now.getBoundingClientRect();
  if (r.bottom < 0 || r.top > innerHeight) wrong.push("out of view");
  return { kind: now.tagName.toLowerCase(), name: name.slice(0, 60), wrong: wrong.join(", "), end: false };
})()
