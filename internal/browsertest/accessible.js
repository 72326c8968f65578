// What WCAG 2.2 AA asks of a page, as far as a machine can tell. Each function returns a list of faults in words.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const shown = (e) => {
  if (!e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) return false;
  const r = e.getBoundingClientRect();
  return r.width > 1 && r.height > 1;
};
const called = (e) => {
  const id = e.id ? "#" + e.id : "";
  const text = (e.getAttribute("aria-label") || e.innerText || e.getAttribute("name") || "").trim().replace(/\s+/g, " ").slice(0, 40);
  return "<" + e.tagName.toLowerCase() + id + (e.className && e.className.baseVal === undefined ? "." + String(e.className).split(/\s+/).join(".") : "") + "> " + JSON.stringify(text);
};
const byIDs = (ids) => ids.split(/\s+/).filter(Boolean).map((id) => document.getElementById(id));
const words = (e) => [...e.childNodes].map((n) => n.nodeType === 3 ? n.data : n.nodeType !== 1 || n.getAttribute("aria-hidden") === "true" ? "" :
  n.tagName === "IMG" ? n.alt : n.tagName === "svg" ? (n.querySelector("title")?.textContent ?? "") : n.getAttribute("aria-label") || words(n)).join(" ").trim();

// The name by which a screen reader calls a control.
function nameOf(e) {
  const by = e.getAttribute("aria-labelledby");
  if (by) return byIDs(by).map((x) => x ? words(x) : "").join(" ").trim();
  const label = (e.getAttribute("aria-label") || "").trim();
  if (label) return label;
  if (e.labels && e.labels.length) return [...e.labels].map((l) => [...l.childNodes].filter((n) => n !== e).map((n) => n.textContent).join(" ")).join(" ").trim();
  if (["INPUT", "SELECT", "TEXTAREA"].includes(e.tagName)) return e.type === "submit" || e.type === "button" ? e.value : "";
  return words(e);
}

const controls = () => all("a[href], button, input:not([type=hidden]), select, textarea, summary").filter(shown);

function structure() {
  const faults = [];
  const no = (bad, text) => { if (bad) faults.push(text); };
  no(!document.documentElement.lang.trim(), "the page has no lang");
  no(!/\S.* (·|-) Countersign$/.test(document.title), "the title is not \"Page · Countersign\" but " + JSON.stringify(document.title));
  const scale = document.querySelector("meta[name=viewport]")?.content ?? "";
  no(!scale, "no viewport is set"); no(/user-scalable\s*=\s*(no|0)|maximum-scale/.test(scale), "the page forbids zooming");
  const heads = all("h1, h2, h3, h4, h5, h6").filter(shown);
  no(heads.filter((h) => h.tagName === "H1").length !== 1, "there are " + heads.filter((h) => h.tagName === "H1").length + " <h1>");
  heads.forEach((h, i) => {
    no(!words(h), "an empty heading: " + called(h));
    no(i === 0 ? h.tagName !== "H1" : +h.tagName[1] > +heads[i - 1].tagName[1] + 1, "the heading " + called(h) + " skips a level");
  });
  no(all("main").filter(shown).length !== 1, "there is not one <main>");
  const navs = all("nav").filter(shown);
  no(navs.length > 1 && new Set(navs.map(nameOf)).size !== navs.length || navs.some((n) => !n.getAttribute("aria-label") && !n.getAttribute("aria-labelledby")), "the <nav> are not told apart by labels");
  no(navs.length > 0 && !document.querySelector("a[href='#main']"), "there is no link that skips the navigation");
  for (const e of all("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    no(own && shown(e) && !e.closest("main, header, nav, footer, aside, dialog, [role=banner], [role=contentinfo], .skip, noscript"), "text outside of all landmarks: " + called(e));
    no(e.tabIndex > 0, "a tabindex above zero: " + called(e));
    no(e.hasAttribute("style"), "a style attribute: " + called(e));
    for (const a of e.getAttributeNames()) {
      no(a.startsWith("on"), "a script in an attribute: " + called(e));
      if (["aria-labelledby", "aria-describedby", "aria-controls", "for", "aria-errormessage"].includes(a) && e.getAttribute(a)) no(byIDs(e.getAttribute(a)).includes(null), a + " of " + called(e) + " leads to nothing: " + e.getAttribute(a));
    }
  }
  const ids = all("[id]").map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) faults.push("the id " + JSON.stringify(id) + " comes twice");
  for (const e of controls()) {
    no(!nameOf(e), "no name: " + called(e));
    no(e.getAttribute("aria-invalid") === "true" && !e.getAttribute("aria-describedby"), "what is wrong is not told with " + called(e));
    no(e.type === "radio" && !e.closest("fieldset")?.querySelector("legend"), "a radio button outside of a <fieldset> with a <legend>: " + called(e));
  }
  for (const e of all("img")) no(!e.hasAttribute("alt"), "a picture without alt: " + e.src.slice(-40));
  for (const e of all("svg")) {
    const named = e.getAttribute("role") === "img" && (e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") && nameOf(e));
    no(shown(e) && e.getAttribute("aria-hidden") !== "true" && !named, "a drawing without a name that is not hidden: " + called(e));
  }
  for (const e of all("[role=region], section[aria-label], fieldset, figure svg[role=img]")) no(e.getAttribute("role") === "region" && !nameOf(e), "a region without a name: " + called(e));
  for (const e of all("fieldset").filter(shown)) no(!e.querySelector("legend")?.textContent.trim(), "a <fieldset> without a <legend>: " + called(e));
  for (const e of all("table").filter(shown)) {
    no(!e.caption?.textContent.trim(), "a table without a <caption>: " + called(e));
    no(!e.querySelector("th"), "a table without headings: " + called(e));
    for (const h of all("th", e)) { no(!["col", "row", "colgroup", "rowgroup"].includes(h.scope), "a <th> without scope: " + called(h)); no(!words(h), "an empty <th> in " + called(e.caption ?? e)); }
  }
  for (const e of all("time")) no(!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(e.getAttribute("datetime") ?? e.textContent.trim()), "a <time> without an instant: " + called(e));
  for (const e of all("ul, ol")) no([...e.children].some((c) => !["LI", "SCRIPT", "TEMPLATE"].includes(c.tagName)), "a list with something else than <li>: " + called(e));
  for (const e of all("dl")) no([...e.children].some((c) => !["DT", "DD", "DIV"].includes(c.tagName)), "a <dl> with something else: " + called(e));
  for (const e of all("a[href], button")) no(e.querySelector("a[href], button, input, select, textarea"), "a control within a control: " + called(e));
  return faults;
}

// Colours: [red, green, blue, alpha], each from 0 to 1.
function colour(text) {
  const n = (text.match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number);
  if (text.startsWith("color(srgb")) return [n[0], n[1], n[2], n[3] ?? 1];
  if (!text.startsWith("rgb")) return null;
  return [n[0] / 255, n[1] / 255, n[2] / 255, n[3] ?? 1];
}
const over = (a, b) => { const alpha = a[3] + b[3] * (1 - a[3]); return alpha === 0 ? [0, 0, 0, 0] : [0, 1, 2].map((i) => (a[i] * a[3] + b[i] * b[3] * (1 - a[3])) / alpha).concat(alpha); };
const light = (c) => { const [r, g, b] = c.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
function behind(e) {
  let c = [0, 0, 0, 0];
  for (let at = e; at && c[3] < 1; at = at.parentElement) c = over(c, colour(getComputedStyle(at).backgroundColor) ?? [0, 0, 0, 0]);
  const paper = matchMedia("(prefers-color-scheme: dark)").matches ? [0.07, 0.07, 0.07, 1] : [1, 1, 1, 1];
  return over(c, paper);
}
function opacity(e) { let o = 1; for (let at = e; at; at = at.parentElement) o *= +getComputedStyle(at).opacity; return o; }

function contrast() {
  const faults = [];
  const judge = (e, ink, text, need) => {
    if (!ink) { faults.push("a colour that cannot be judged: " + called(e)); return; }
    const ground = behind(e);
    const seen = over([ink[0], ink[1], ink[2], ink[3] * opacity(e)], ground);
    const r = ratio(seen, ground);
    if (r < need) faults.push("contrast " + r.toFixed(2) + " where " + need + " is needed: " + text);
  };
  const need = (s) => { const px = parseFloat(s.fontSize); return px >= 24 || px >= 18.66 && +s.fontWeight >= 700 ? 3 : 4.5; };
  for (const e of all("body, body *")) {
    if (["SCRIPT", "STYLE", "NOSCRIPT", "OPTION", "TITLE", "DESC"].includes(e.tagName.toUpperCase()) || e.closest("svg") || e.disabled || !shown(e)) continue;
    const s = getComputedStyle(e);
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const field = ["INPUT", "SELECT", "TEXTAREA"].includes(e.tagName);
    if (own || field && !["checkbox", "radio"].includes(e.type)) judge(e, colour(s.color), called(e), need(s));
    if (e.placeholder && !e.value) judge(e, colour(getComputedStyle(e, "::placeholder").color), "placeholder of " + called(e), 4.5);
    for (const part of ["::before", "::after"]) {
      const p = getComputedStyle(e, part);
      if (/^"[^"]*[\p{L}\p{N}✓!]/u.test(p.content) && p.display !== "none") {
        const ink = colour(p.color), ground = over(colour(p.backgroundColor) ?? [0, 0, 0, 0], behind(e));
        const r = ink ? ratio(over(ink, ground), ground) : 0;
        if (r < 4.5) faults.push("contrast " + r.toFixed(2) + " of the text " + part + " " + called(e));
      }
    }
    // The rim of a field is what shows that there is one (1.4.11).
    if (field && !["checkbox", "radio", "submit", "file"].includes(e.type)) {
      const rim = colour(s.borderTopColor), around = behind(e.parentElement), within = behind(e);
      const best = Math.max(parseFloat(s.borderTopWidth) > 0 ? ratio(over(rim, around), around) : 0, ratio(within, around));
      if (best < 3) faults.push("the rim of a field has a contrast of " + best.toFixed(2) + " where 3 is needed: " + called(e));
    }
  }
  return faults;
}

// Targets of less than 24 by 24 pixels (2.5.8), unless they stand in a sentence or have enough room around them.
function targets() {
  const rect = (e) => {
    const list = [e.getBoundingClientRect(), ...(e.labels ? [...e.labels].filter((l) => ["checkbox", "radio"].includes(e.type) && shown(l)).map((l) => l.getBoundingClientRect()) : [])];
    const [x, y] = [Math.min(...list.map((r) => r.left)), Math.min(...list.map((r) => r.top))];
    return { x, y, w: Math.max(...list.map((r) => r.right)) - x, h: Math.max(...list.map((r) => r.bottom)) - y };
  };
  const list = controls().filter((e) => !e.closest(".skip")).map((e) => ({ e, r: rect(e) }));
  const small = (r) => r.w < 23.9 || r.h < 23.9;
  const sentence = (e) => e.tagName === "A" && getComputedStyle(e).display === "inline" && [...e.parentElement.childNodes].some((n) => n !== e && n.textContent.trim() && (n.nodeType === 3 || !n.matches?.("a")));
  const near = (a, b) => {
    const [x, y] = [a.x + a.w / 2, a.y + a.h / 2];
    if (small(b)) return Math.hypot(x - b.x - b.w / 2, y - b.y - b.h / 2) < 23.9;
    return Math.hypot(Math.max(b.x - x, 0, x - b.x - b.w), Math.max(b.y - y, 0, y - b.y - b.h)) < 11.9;
  };
  return list.filter(({ e, r }) => small(r) && !sentence(e) && list.some((o) => o.e !== e && !e.contains(o.e) && !o.e.contains(e) && near(r, o.r)))
    .map(({ e, r }) => "too small to hit, " + r.w.toFixed(0) + " by " + r.h.toFixed(0) + ": " + called(e));
}

// Short codes (reasons, addresses, states, times) are read at one glance: none is torn apart between two lines. Names
// of strangers may be: they have no bound.
function torn() {
  const faults = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    if (!n.parentElement.closest("td, th, .badge, time, dl.facts code") || n.parentElement.closest("bdi, .name") || !shown(n.parentElement)) continue;
    for (const m of n.data.matchAll(/[A-Za-z0-9_.:]{2,28}/g)) {
      if (/[\w.:/-]/.test(n.data[m.index + m[0].length] ?? " ") || /[\w.:-]/.test(n.data[m.index - 1] ?? " ")) continue; // part of a longer one
      const range = document.createRange();
      range.setStart(n, m.index);
      range.setEnd(n, m.index + m[0].length);
      if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) faults.push("a short word is torn apart: " + JSON.stringify(m[0]) + " in " + called(n.parentElement));
    }
  }
  return faults;
}

// The head of the page reaches from one edge of the window to the other.
function edges() {
  return all("header.top").filter(shown).filter((e) => { const r = e.getBoundingClientRect(); return r.left > 0 || r.right < innerWidth; }).map((e) => called(e) + " ends before the edge of the window");
}

function width() {
  const faults = [];
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > room) {
    const wide = all("body *").filter((e) => {
      if (!shown(e) || e.getBoundingClientRect().right <= room + 1) return false;
      for (let at = e.parentElement; at; at = at.parentElement) if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return false;
      return true;
    });
    faults.push("the page scrolls sideways, it is " + document.documentElement.scrollWidth + " wide: " + wide.slice(0, 3).map(called).join(", "));
  }
  for (const e of all("body *")) {
    const s = getComputedStyle(e);
    if (shown(e) && ["auto", "scroll"].includes(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0 && !e.querySelector("a[href], button, input, [tabindex]") && !["TEXTAREA"].includes(e.tagName)) faults.push("a box scrolls that the keyboard does not reach: " + called(e));
  }
  return faults;
}

// The stops of Tab, in their order. Of radio buttons with one name only one is a stop.
function stops() {
  const radios = new Set();
  return all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]").filter((e) => {
    if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) return false;
    if (e.closest("details:not([open])") && !e.matches("details:not([open]) > summary")) return false;
    if (e.type !== "radio") return true;
    const group = e.form ? [...e.form.elements].filter((o) => o.type === "radio" && o.name === e.name) : [e];
    const chosen = group.find((o) => o.checked) ?? group[0];
    if (radios.has(e.name) || e !== chosen) return false;
    radios.add(e.name);
    return true;
  });
}

function watchFocus() {
  document.activeElement?.blur();
  getSelection()?.removeAllRanges();
  window.scrollTo(0, 0);
  window.browsertestFocus = [];
  document.addEventListener("focusin", (event) => window.browsertestFocus.push({ e: event.target }), { capture: true });
  // What is to be seen is asked before the next key: while the focus moves, its look need not be there yet.
  document.addEventListener("keydown", lookAtFocus, { capture: true });
  document.body.tabIndex = -1; // so that Tab begins at the top
  document.body.focus();
  document.body.removeAttribute("tabindex");
  window.browsertestFocus = [];
  // A field for a date or a time has a stop for each of its parts.
  return stops().length + 8 * all("input[type=date], input[type=time], input[type=datetime-local], input[type=month]").filter(shown).length;
}

// lookAtFocus notes how the stop looks that has the focus. What the focus has left before a key was pressed is no stop.
function lookAtFocus() {
  const stop = window.browsertestFocus.at(-1);
  if (!stop || "line" in stop || stop.e !== document.activeElement) return; // a field for a date has stops within
  const e = stop.e, s = getComputedStyle(e), r = e.getBoundingClientRect();
  stop.line = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
  const ground = behind(e.parentElement ?? e);
  stop.strong = stop.line && ratio(over(colour(s.outlineColor) ?? [0, 0, 0, 0], ground), ground) >= 3;
  stop.seen = r.width > 0 && r.height > 0 && r.right > 0 && r.bottom > 0;
}

function focusFaults(most) {
  lookAtFocus();
  const faults = [], been = window.browsertestFocus.filter((f) => f.e !== document.body && "line" in f), expected = stops().slice(0, most);
  for (const f of been) {
    if (!f.line) faults.push("no focus is to be seen on " + called(f.e));
    else if (!f.strong) faults.push("the focus is hard to see on " + called(f.e));
    if (!f.seen) faults.push("the focus is on something that is not to be seen: " + called(f.e));
  }
  for (const e of expected) if (!been.some((f) => f.e === e)) faults.push("Tab does not reach " + called(e));
  const round = been.findIndex((f, i) => i > 0 && f.e === been[0].e); // where Tab has come round to the first stop again
  been.slice(0, round < 0 ? been.length : round).forEach((f, i) => {
    if (i > 0 && f.e !== been[i - 1].e && !(been[i - 1].e.compareDocumentPosition(f.e) & Node.DOCUMENT_POSITION_FOLLOWING) && !(been[i - 1].e.contains(f.e))) faults.push("Tab goes back to " + called(f.e));
  });
  document.activeElement?.blur();
  window.scrollTo(0, 0);
  return faults;
}
