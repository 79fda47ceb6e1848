/* The page of one node. It only asks and shows; nothing here changes anything.

   How it is built, from top to bottom:
     el, svg     make elements. What comes from the node becomes text nodes and attributes that hold
                 no code, never HTML: names, reasons and details come from a network.
     put         fills a place of the page, and only if what it shows has changed: so a selection,
                 the focus and a screen reader are left alone.
     words       what values mean, in words and shapes: nothing is said by colour alone.
     strip, chart  the last hour, drawn in pixels of the width that is there.
     show        the whole page from three values: doc, hour, now.
     poll        asks once a second while somebody looks, less and less often while nobody answers.
   Ages are counted from the node's own clock and a monotonic one, so no clock has to be right. */
"use strict";

const EVERY = 1000, SLOWEST = 30000, PATIENCE = 8000, HISTORY = 10000;
const $ = (id) => document.getElementById(id);
let doc = null, hour = null, gotStatus = 0, gotHistory = -HISTORY;
let failures = 0, nextTry = 0, timer = 0, asking = null;

// --- elements ---
function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  node.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== ""));
  return node;
}
const el = (tag, attributes, ...children) => made(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  made(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const shown = new Map();
function put(place, value, build) {
  const key = JSON.stringify(value);
  if (!place || shown.get(place.id) === key) return;
  shown.set(place.id, key);
  place.replaceChildren(...[build()].flat().filter(Boolean));
}

// --- words ---
const now = () => Date.parse(doc.at) + performance.now() - gotStatus;
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const date = (at) => new Date(at).toLocaleDateString([], { day: "numeric", month: "short" });
const since = (at) => at ? el("time", { datetime: at, "data-since": at, title: new Date(at).toLocaleString() }, span((now() - Date.parse(at)) / 1000)) : "never";
const ms = (value) => value >= 100 ? `${Math.round(value)} ms` : `${value.toPrecision(2)} ms`;
const title = (word) => (word.charAt(0).toUpperCase() + word.slice(1)).replace(/-/g, " ");

const PLANNED = ["drained", "stopping", "daemon-starting", "probe-pending", "pacing", "daemon-stopping"];
const STATES = { announced: ["good", "full"], degraded: ["warn", "half"], "partly-announced": ["warn", "half"],
  drained: ["rest", "pause"], stopping: ["rest", "pause"], withdrawn: ["bad", "empty"] };
const RANKS = { preferred: ["good", "full"], "last-resort": ["warn", "half"], withdrawn: ["bad", "empty"] };
const SHAPES = {
  full: () => [svg("circle", { cx: 8, cy: 8, r: 7, fill: "currentColor" })],
  half: () => [svg("circle", { cx: 8, cy: 8, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 2 }),
    svg("path", { d: "M1 8a7 7 0 0 0 14 0z", fill: "currentColor" })],
  empty: () => [svg("circle", { cx: 8, cy: 8, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 2 }),
    svg("path", { d: "M3.5 12.5l9-9", stroke: "currentColor", "stroke-width": 2 })],
  pause: () => [svg("path", { d: "M4 2h3v12H4zM9 2h3v12H9z", fill: "currentColor" })],
  warn: () => [svg("path", { d: "M8 1l7.5 14H.5z", fill: "currentColor" })],
};
const shape = (name) => svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, SHAPES[name]());
const tag = (tone, mark, words) => el("span", { class: `tag ${tone}` }, mark && shape(mark), words);
const because = (reason, detail) => [el("code", {}, reason), detail ? `: ${detail}` : ""];
const planned = (rank, reason) => rank === "withdrawn" && PLANNED.includes(reason);
function rankTag(rank, reason) {
  const calm = planned(rank, reason) ? ["rest", "pause"] : reason === "ceiling" ? ["good", "half"] : null;
  const [tone, mark] = calm || RANKS[rank] || ["rest", null];
  return tag(tone, mark, title(rank));
}

/** Who originates, in a word: OSPF, BGP or BIRD. */
let who = "OSPF";
const speaker = (s) => s.routing_daemon === "bird" ? "BIRD" : (s.routing_protocol || "ospf").toUpperCase();

/** What the routing daemon makes of an address: tone, mark, words, and a lie as a sentence. */
function truth(a) {
  switch (a.truth) {
    case "agrees": return a.rank === "withdrawn" ? ["rest", null, `Not in ${who}’s database`] : ["good", "full", `In ${who}’s database`];
    case "settling": return ["rest", "pause", `${who} is settling`];
    case "leaking": return ["bad", "warn", `Leaking into ${who}`, `${a.address} is leaking. This node does not announce it, and ${who} originates it all the same: queries come here, and nobody vouches for the answers.`];
    case "not-originated": return ["bad", "warn", `Missing from ${who}`, `${a.address} is announced by this node’s word, and ${who} does not originate it: no query comes here because of it.`];
    default: return ["rest", null, `${who}: not known`];
  }
}

// --- the last hour ---
const axis = (seconds) => el("p", { class: "axis", "aria-hidden": "true" },
  el("span", {}, `${span(seconds)} ago`), el("span", {}, `${span(seconds / 2)} ago`), el("span", {}, "now"));

function strip(ranks, seconds, width) {
  const tall = 30, x = (ago) => width * (1 - Math.min(ago, seconds) / seconds), parts = [], said = [];
  const first = ranks.length ? ranks[0].ago : 0;
  if (first < seconds) parts.push(svg("path", { class: "off", d: `M0 ${tall - 1}H${x(first)}` }));
  ranks.forEach((one, place) => {
    const next = ranks[place + 1], end = next ? next.ago : 0, calm = planned(one.rank, one.reason);
    const height = { preferred: tall, "last-resort": tall / 2 }[one.rank] || 4;
    const words = `${title(one.rank)} (${one.reason}) ${next ? `from ${span(one.ago)} to ${span(end)} ago` : `for ${span(one.ago)}`}`;
    said.push(words);
    parts.push(svg("rect", { class: calm ? "r-planned" : `r-${one.rank}`, x: x(one.ago), y: tall - height,
      width: Math.max(1, x(end) - x(one.ago)), height }, svg("title", {}, words)));
  });
  return [svg("svg", { class: "chart", height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img",
    "aria-label": `Rank over the last ${span(seconds)}: ${said.slice(-6).join("; ") || "nothing yet"}` }, parts), axis(seconds)];
}

function ceiling(points) {
  const most = points.map((p) => p[3]).filter((v) => v !== null).sort((a, b) => a - b);
  const high = Math.max(1, (most[Math.floor(most.length * 0.98)] || 1) * 1.15);
  const ten = 10 ** Math.floor(Math.log10(high));
  return [1, 2, 3, 5, 10].map((n) => n * ten).find((n) => n >= high);
}

function chart(points, seconds, step, width) {
  const tall = 84, lane = 12, top = ceiling(points), base = tall - lane;
  const x = (ago) => width * Math.min(1, Math.max(0, 1 - ago / seconds)), y = (v) => base - Math.min(1, v / top) * (base - 4);
  const runs = [];  // unbroken rows of points with a latency
  let last = null, failed = 0, all = 0, failing = false;
  const marks = [];
  for (const [ago, least, median, greatest, good, bad] of points) {
    const middle = ago - step / 2, near = last !== null && last - ago < step * 1.5;
    all += good + bad; failed += bad;
    if (median !== null) {
      if (!near || !runs.length || runs.at(-1).over) runs.push([]);
      runs.at(-1).push([x(middle), y(least), y(median), y(greatest)]);
    } else if (runs.length) runs.at(-1).over = true;
    if (bad) {
      const wide = Math.max(2, width * step / seconds + 0.4), share = bad / (good + bad);
      marks.push(svg("rect", { class: "fail", x: x(ago), y: tall - lane * share, width: wide, height: lane * share },
        svg("title", {}, `${bad} of ${good + bad} failed, ${span(ago)} ago`)));
      if (!failing || !near) marks.push(svg("path", { class: "cross", d: `M${x(ago) - 4} ${base - 10}l8 8m0-8l-8 8` }));
    }
    failing = bad > 0; last = ago;
  }
  const areas = runs.map((run) => svg("path", { class: "band", d:
    "M" + run.map((p) => `${p[0]} ${p[3] - 0.5}`).join("L") + "L" + run.toReversed().map((p) => `${p[0]} ${p[1] + 0.5}`).join("L") + "Z" }));
  const lines = runs.map((run) => svg("path", { class: "median", d:
    "M" + (run.length > 1 ? run : [run[0], [run[0][0] + 2, 0, run[0][2]]]).map((p) => `${p[0]} ${p[2]}`).join("L") }));
  const words = `Latency over the last ${span(seconds)}: up to ${ms(top)} on this scale; ${failed} of ${all} questions failed`;
  return [svg("svg", { class: "chart", height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": words },
    [4, base].map((at) => svg("path", { class: "grid", d: `M0 ${at}H${width}` })), areas, lines, marks,
    svg("text", { x: width, y: 16, "text-anchor": "end" }, `${top} ms`)), axis(seconds)];
}

// --- the page ---
function showHead(s) {
  who = speaker(s);
  const lies = s.services.flatMap((one) => one.addresses).map((a) => truth(a)[3]).filter(Boolean);
  const [tone, mark] = lies.length ? ["bad", STATES[s.state] ? STATES[s.state][1] : "empty"] : STATES[s.state] || ["rest", "empty"];
  $("word").className = tone;
  document.title = `${lies.length ? "! " : ""}${title(s.state)} · ${s.node}`;
  put($("node"), s.node, () => s.node);
  put($("word"), [s.state, tone], () => [shape(mark), el("span", {}, title(s.state))]);
  const down = s.services.filter((one) => one.rank !== (one.ceiling || "preferred"));
  put($("why"), [s.drained, s.state, down.map((d) => [d.name, d.rank, d.reason, d.detail])], () => {
    if (s.drained) return el("p", {}, s.drained.reason === "drained" ? "Taken out of service " : "Kept out of service, as it cannot be read whether it is drained: ", el("b", {}, s.drained.detail || "by an operator, who gave no reason"));
    if (!down.length) return el("p", {}, "Every service is announced, and every probe that matters is answered.");
    return down.map((d) => el("p", {}, el("b", {}, d.name), d.rank === "withdrawn" ? " is withdrawn: " : ` is at ${d.rank}: `, ...because(d.reason, d.detail)));
  });
  put($("lies"), lies, () => lies.map((words) => el("p", { class: "notice bad" }, el("b", {}, `${who} disagrees: `), words)));
  const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
  const d = s.daemon, q = s.queries;
  put($("facts"), [d, q, s.pid], () => [
    fact("Name server", title(d.state), el("small", {}, "for ", since(d.since))),
    fact("Restarts", String(d.restarts), d.state !== "ready" && d.detail ? el("small", {}, d.detail) : ""),
    fact("Queries", ...rate(q)),
    fact("Process", d.pid ? String(d.pid) : "none", el("small", {}, `wrapper ${s.pid}`))]);
}

function rate(q) {
  if (!q) return ["not counted", el("small", {}, el("code", {}, "[metrics] count-queries"), " turns it on")];
  if (!q.working) return ["not known", el("small", {}, q.detail)];
  const sum = (key) => q.addresses.reduce((all, a) => a[key] === null ? all : (all || 0) + a[key], null);
  const udp = sum("udp_per_second"), tcp = sum("tcp_per_second");
  return udp === null ? ["…"] : [`${Math.round(udp).toLocaleString("en")} / s`, el("small", {}, `TCP: ${Math.round(tcp)} connections / s`)];
}

function showServices(s, h) {
  put($("services"), s.services.map((one) => [one.name, one.probes.map((p) => p.name)]), () => s.services.map(skeleton));
  // A node that has just been started is shown from nearby, not as a speck at the end of an hour.
  const oldest = h && Math.max(...h.services.map((one) => one.ranks.length ? one.ranks[0].ago : 0));
  const seconds = h && ([300, 900, 1800].find((most) => oldest <= most) || h.seconds);
  s.services.forEach((one, n) => {
    const id = (what) => $(`s${n}-${what}`);
    put(id("head"), [one.rank, one.reason, one.since], () => [el("h2", {}, one.name),
      el("span", { class: "tags" }, rankTag(one.rank, one.reason), el("span", { class: "soft" }, "for ", since(one.since)))]);
    put(id("why"), [one.rank, one.reason, one.detail], () => one.rank === "preferred" ? [] : el("p", { class: "reason" }, ...because(one.reason, one.detail)));
    put(id("addresses"), [one.addresses, one.reason, s.queries], () => one.addresses.map((a) => address(a, one, s.queries)));
    one.probes.forEach((p, m) => put(id(`p${m}-now`), p, () => probe(p)));
    if (!h) return;
    const ranks = (h.services.find((found) => found.name === one.name) || { ranks: [] }).ranks;
    const wide = id("strip").clientWidth;
    put(id("strip"), [ranks, wide], () => strip(ranks, seconds, wide));
    one.probes.forEach((p, m) => {
      const points = (h.probes.find((found) => found.service === one.name && found.name === p.name) || { points: [] }).points;
      put(id(`p${m}-plot`), [points, wide], () => chart(points, seconds, h.step, wide));
    });
  });
}

function skeleton(one, n) {
  const part = (tag, what, cls) => el(tag, { id: `s${n}-${what}`, class: cls });
  for (const key of [...shown.keys()]) if (key.startsWith(`s${n}-`)) shown.delete(key);
  return el("article", { class: "card", "aria-label": `Service ${one.name}` }, part("header", "head"), part("div", "why"),
    el("h3", {}, "Rank over time"), part("div", "strip"),
    el("h3", {}, "Addresses"), part("ul", "addresses", "rows"),
    el("h3", {}, "Probes, and how long an answer takes"),
    el("div", {}, one.probes.map((_, m) => el("div", { class: "probe" }, part("p", `p${m}-now`, "now"), part("div", `p${m}-plot`, "plot")))));
}

function address(a, service, queries) {
  const [tone, mark, words] = truth(a), counted = queries && queries.addresses.find((q) => q.address === a.address);
  return el("li", {}, el("span", { class: "mono" }, a.address), el("span", { class: "tags" },
    rankTag(a.rank, service.reason), a.held ? tag("rest", null, "Held") : null, tag(tone, mark, words),
    counted && counted.udp_per_second !== null ? el("span", { class: "soft" }, `${Math.round(counted.udp_per_second)} queries / s`) : null));
}

function probe(p) {
  const [tone, mark] = p.state === "up" ? ["good", "full"] : p.state === "down" ? ["bad", "empty"] : ["warn", "half"];
  const lately = p.recent || [], failed = lately.filter((one) => one === null).length;
  return [el("b", {}, p.name), tag(tone, mark, title(p.state)),
    failed ? el("span", { class: "soft" }, `${failed} of the last ${lately.length} failed`) : null,
    el("span", { class: "ms" }, p.latency_ms === null ? "no answer" : ms(p.latency_ms)),
    p.ok && !failed || !p.detail || p.reason === "healthy" ? null : el("span", { class: "reason" }, ...because(p.reason, p.detail))];
}

function showPeers(s) {
  $("peers").hidden = !s.peers;
  $("peers-age").textContent = s.peers && s.peers.age >= 2 ? `as of ${span(s.peers.age)} ago` : "";
  put($("peers-list"), s.peers && s.peers.addresses, () => s.peers.addresses.map((one) => {
    const there = one.announcers.filter((a) => a.reachable).length;
    const words = one.announced === null ? `not known: ${one.why}` : there === 0 ? "announced by nobody"
      : there === 1 ? "announced by one node" : `announced by ${there} nodes`;
    const caption = [el("span", { class: "mono" }, one.address), " ", el("span", { class: "soft" }, words)];
    if (!one.announcers.length) return el("p", { class: "none" }, caption);
    return el("table", {}, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ["Router", "Cost", "Age"].map((name, n) => el("th", { scope: "col", class: n && "num" }, name)))),
      el("tbody", {}, one.announcers.map((a) => el("tr", { class: a.here && "self" },
        el("td", {}, el("span", { class: "mono" }, a.router), " ",
          a.here ? tag("good", "full", "This node") : a.reachable ? "" : tag("warn", "empty", "Out of reach")),
        el("td", { class: "num" }, String(a.cost)), el("td", { class: "num" }, a.age === null ? "–" : span(a.age))))));
  }));
}

function showEvents(s) {
  put($("events"), s.transitions, () => s.transitions.toReversed().map((e) => el("li", {},
    el("time", { datetime: e.at }, `${date(e.at)}, ${clock(e.at)}`),
    e.event === "service-changed"
      ? el("div", {}, el("b", {}, e.service), e.from === e.to ? ` stays ${e.to}: ` : ` ${e.from} → ${e.to}: `, ...because(e.reason, e.detail))
      : el("div", {}, ...because(e.event, e.detail)))));
}

function show() {
  showHead(doc); showServices(doc, hour); showPeers(doc); showEvents(doc); tick();
  put($("foot"), [doc.version, doc.node], () => `anycast-wrap ${doc.version} on ${doc.node}`);
}

/** What changes because time passes. */
function tick() {
  const age = Math.round((performance.now() - gotStatus) / 1000), lost = failures > 0;
  if (!doc && !lost) return;
  document.body.classList.toggle("lost", lost && doc !== null);
  if (lost) document.title = `Connection lost · ${doc ? doc.node : "anycast-wrap"}`;
  $("link").className = `link ${lost ? "bad" : "good"}`;
  put($("link"), lost, () => lost ? "Connection lost" : "Live");
  $("lost").hidden = !lost;
  const wait = Math.max(0, Math.ceil((nextTry - performance.now()) / 1000));
  const then = asking ? "Asking again." : `Next try in ${wait} s.`;
  if (lost) $("lost").textContent = doc ? `The node does not answer. What you see is ${span(age)} old. ${then}` : `The node does not answer. ${then}`;
  if (doc) for (const one of document.querySelectorAll("time[data-since]")) {
    const words = span((now() - Date.parse(one.dataset.since)) / 1000);
    if (one.textContent !== words) one.textContent = words;
  }
}

// --- asking ---
async function get(path, signal) {
  const reply = await fetch(path, { signal, cache: "no-store" });
  if (!reply.ok) throw new Error(String(reply.status));
  return reply.json();
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden || asking) return;
  asking = new AbortController();
  const patience = setTimeout(() => asking && asking.abort(), PATIENCE);
  try {
    if (performance.now() - gotHistory >= HISTORY || failures) {
      hour = await get("api/history.json", asking.signal);
      gotHistory = performance.now();
    }
    doc = await get("api/status.json", asking.signal);
    gotStatus = performance.now();
    failures = 0;
  } catch { failures += 1; }
  clearTimeout(patience);
  asking = null;
  const wait = failures ? Math.min(SLOWEST, EVERY * 2 ** (failures - 1)) : EVERY;
  nextTry = performance.now() + wait;
  timer = setTimeout(poll, wait);
  if (doc && !failures) show(); else tick();
}

document.addEventListener("visibilitychange", poll);
addEventListener("resize", () => doc && show());
setInterval(() => document.hidden || tick(), EVERY);
poll();
