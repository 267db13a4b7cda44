// The emulator's page: polls the calls every second and shows them.

import { codeParts, connectParts } from "/_emulator/code.js";
import { buildForm } from "/_emulator/form.js";
import { element, figure, filesIn, kindOf, localPath } from "/_emulator/media.js";

const PAUSE = 1000;
const LONGEST_STRING = 2000;
const LABELS = {
  IN_QUEUE: "in queue",
  IN_PROGRESS: "in progress",
  COMPLETED: "completed",
  FAILED: "failed",
  CANCELLED: "cancelled",
};

const ICONS = { video: "\u25b6", audio: "\u266a" };

const byId = (id) => document.getElementById(id);
const filters = byId("filters");
const list = byId("list");
const side = byId("side");
const rows = new Map();
let sections = new Map();
let state = null;
let endpoints = null;
let repeated = null; // the call whose input fills the next form

async function getJson(path) {
  const response = await fetch(path);
  const { ok, status } = response;
  if (!ok) throw Object.assign(new Error(`status ${status}`), { code: status });
  return response.json();
}

// ---- The list

async function refreshList() {
  const query = new URLSearchParams(new FormData(filters));
  state = await getJson(`/_emulator/state?${query}`);
  const { total, matching, waiting, running } = state;
  showCounts(`${total} ${total === 1 ? "call" : "calls"} · ${waiting} in queue · ${running} in progress`);
  offerEndpoints(state.called);
  const shown = new Set(state.calls.map((call) => call.id));
  for (const [id, row] of rows) {
    if (!shown.has(id)) {
      row.item.remove();
      rows.delete(id);
    }
  }
  state.calls.forEach((call, index) => placeRow(call, index));
  const nothing = byId("nothing");
  nothing.hidden = matching > 0 && matching <= state.calls.length;
  nothing.textContent = emptyText(total, matching, state.calls.length);
}

function emptyText(total, matching, shown) {
  if (total === 0) return "No calls yet. Point a client at this address, or make a call with “New call”.";
  if (matching === 0) return "No calls match the filters.";
  return `Showing the newest ${shown} of ${matching} calls.`;
}

function showCounts(text) {
  const counts = byId("counts");
  if (counts.textContent !== text) counts.textContent = text;
}

function offerEndpoints(called) {
  const choice = filters.elements.endpoint;
  const known = new Set([...choice.options].map((option) => option.value));
  for (const id of called) {
    if (!known.has(id)) choice.append(element("option", { value: id }, id));
  }
}

function placeRow(call, index) {
  let row = rows.get(call.id);
  if (!row) {
    const link = element("a", { href: `#/call/${encodeURIComponent(call.id)}` });
    row = { item: element("li", {}, link), link, shown: "" };
    rows.set(call.id, row);
  }
  const shown = JSON.stringify(call);
  if (row.shown !== shown) {
    row.shown = shown;
    row.link.replaceChildren(...rowParts(call));
  }
  const current = list.children[index];
  if (current !== row.item) list.insertBefore(row.item, current ?? null);
  markSelected(row.link);
}

function rowParts(call) {
  return [
    thumb(call.file),
    element("span", { class: "endpoint" }, call.endpoint || "unknown endpoint"),
    chip(call),
    element("span", { class: "text" }, call.text),
    element("span", { class: "when" }, `${clock(call.at)} · ${call.kind}`),
  ];
}

function thumb(file) {
  const kind = file === null ? "none" : kindOf(file);
  const source = kind === "image" ? localPath(file) : null;
  if (source !== null) return element("img", { class: "thumb", src: source, alt: "", loading: "lazy" });
  return element("span", { class: "thumb", "aria-hidden": "true" }, ICONS[kind] ?? "");
}

function chip(call) {
  const more = call.position === null ? duration(call) : `position ${call.position}`;
  return element(
    "span",
    { class: `chip ${call.status.toLowerCase()}` },
    `${LABELS[call.status] ?? call.status} ${more}`,
  );
}

function duration(call) {
  const { seconds } = call;
  return seconds < 10 ? `${seconds.toFixed(2)} s` : `${Math.round(seconds)} s`;
}

function clock(at) {
  return new Date(at * 1000).toLocaleTimeString([], { hour12: false });
}

function markSelected(link) {
  if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

// ---- The selected call

function selectedId() {
  const match = /^#\/call\/(.+)$/.exec(location.hash);
  return match ? decodeURIComponent(match[1]) : null;
}

async function refreshCall() {
  const id = selectedId();
  if (id === null) return;
  let call;
  try {
    call = await getJson(`/_emulator/call?id=${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.code !== 404) throw error;
    side.replaceChildren(quiet("This call no longer exists."));
    sections = new Map();
    return;
  }
  if (id !== selectedId()) return; // another call was selected meanwhile
  if (sections.size === 0) side.replaceChildren();
  section("head", [call.id, call.endpoint, call.status, call.seconds, call.position, call.code],
    () => callHead(call));
  section("output", [call.status, call.output], () => outputParts(call));
  section("input", call.input, () => valueParts("Input", call.input));
  section("logs", call.logs, () => logParts(call.logs));
  section("requests", call.requests, () => requestParts(call.requests));
  section("code", [call.endpoint, call.input, call.kind], () => codeParts(call));
  section("webhooks", call.webhooks, () => webhookParts(call.webhooks));
}

/** Update a section of the selected call, only if its data changed, so that players keep playing. */
function section(name, data, parts) {
  const key = JSON.stringify(data) ?? "";
  let known = sections.get(name);
  if (!known) {
    known = { box: element("div", { class: "part", id: `part-${name}` }), key: null };
    sections.set(name, known);
    side.append(known.box);
  }
  if (known.key === key) return;
  const focused = known.box.contains(document.activeElement) && document.activeElement.id;
  known.key = key;
  known.box.replaceChildren(...parts());
  if (focused) byId(focused)?.focus();
}

function callHead(call) {
  const repeat = element("a", { class: "button", id: "again", href: newHash(call.endpoint) },
    "Call again");
  repeat.addEventListener("click", () => (repeated = call));
  const buttons = element("p", { class: "buttons" }, repeat);
  const running = call.status === "IN_QUEUE" || call.status === "IN_PROGRESS";
  if (running && call.cancel !== null) buttons.append(cancelButton(call.cancel));
  const code = call.code === null ? "" : ` · status ${call.code}`;
  return [
    element("h2", {}, call.endpoint || "unknown endpoint"),
    element("p", { class: "facts" }, chip(call), ` ${clock(call.at)} · ${call.kind}${code} · `,
      element("code", {}, call.id)),
    buttons,
  ];
}

function cancelButton(path) {
  const button = element("button", { class: "button", id: "cancel", type: "button" }, "Cancel");
  button.addEventListener("click", async () => {
    await fetch(path, { method: "PUT" });
    await refresh();
  });
  return button;
}

function outputParts(call) {
  if (call.output === null) {
    const over = call.status !== "IN_QUEUE" && call.status !== "IN_PROGRESS";
    return [element("h3", {}, "Output"), quiet(over ? "None." : "Not yet.")];
  }
  return valueParts(call.status === "FAILED" ? "Error" : "Output", call.output);
}

function valueParts(title, value) {
  const parts = [element("h3", {}, title)];
  if (value === null) return [...parts, quiet("None.")];
  const files = filesIn(value);
  if (files.length) parts.push(element("div", { class: "files" }, ...files.map(figure)));
  parts.push(element("pre", { class: "json", tabindex: "0", "aria-label": title }, pretty(value)));
  return parts;
}

function pretty(value) {
  if (typeof value === "string") return value;
  const shorten = (_, inner) =>
    typeof inner === "string" && inner.length > LONGEST_STRING
      ? `${inner.slice(0, LONGEST_STRING)}… (${inner.length} characters)`
      : inner;
  return JSON.stringify(value, shorten, 2);
}

function logParts(logs) {
  if (!logs.length) return [];
  const lines = logs.map((log) =>
    element("li", {}, element("span", { class: "level" }, log.level), ` ${log.message}`));
  return [element("h3", {}, "Logs"), element("ol", { class: "logs" }, ...lines)];
}

function requestParts(requests) {
  if (!requests.length) return [];
  const entries = requests.map((one) => [
    one.method, one.route, one.status ?? "—",
    one.seconds === null ? "…" : `${(one.seconds * 1000).toFixed(1)} ms`, one.fault ?? "",
  ]);
  return [
    element("h3", {}, "Requests about this call"),
    table(["Method", "Route", "Status", "Time", "Fault"], entries),
  ];
}

function webhookParts(webhooks) {
  if (!webhooks.length) return [];
  const entries = webhooks.map((one) => [
    one.attempt, one.status ?? "—", one.url, one.error ?? "",
  ]);
  return [
    element("h3", {}, "Webhook"),
    table(["Attempt", "Status", "URL", "Error"], entries),
  ];
}

function table(names, entries) {
  const cells = (tag, values) => values.map((value) => element(tag, {}, String(value)));
  return element("div", { class: "scroll", tabindex: "0" }, element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...cells("th", names))),
    element("tbody", {}, ...entries.map((entry) => element("tr", {}, ...cells("td", entry)))),
  ));
}

function quiet(text) {
  return element("p", { class: "quiet" }, text);
}

// ---- A new call

function newHash(endpointId) {
  return `#/new/${endpointId.split("/").map(encodeURIComponent).join("/")}`;
}

async function showNewCall(endpointId) {
  const hash = location.hash;
  const input = element("input", {
    id: "endpoint", name: "endpoint", list: "endpoints", required: true, autocomplete: "off",
    spellcheck: "false", placeholder: "fal-ai/flux/dev", value: endpointId,
  });
  const options = element("datalist", { id: "endpoints" });
  const chooser = element(
    "form",
    { class: "chooser" },
    element("label", { for: "endpoint" }, "Endpoint"),
    input,
    options,
    element("button", { class: "button", type: "submit" }, "Show form"),
  );
  const choose = () => {
    if (input.value.trim()) location.hash = newHash(input.value.trim());
  };
  chooser.addEventListener("submit", (event) => {
    event.preventDefault();
    choose();
  });
  input.addEventListener("change", choose);
  side.replaceChildren(element("h2", {}, "New call"), chooser);
  endpoints ??= await getJson("/_emulator/endpoints");
  options.append(...endpoints.map((id) => element("option", { value: id })));
  if (!endpointId) {
    input.focus();
    return;
  }
  const form = await formOf(endpointId);
  if (location.hash === hash) side.append(...form);
}

async function formOf(endpointId) {
  let described = { fields: null };
  const parts = [];
  try {
    described = await getJson(`/_emulator/form?endpoint=${encodeURIComponent(endpointId)}`);
  } catch (error) {
    if (error.code !== 404) throw error;
    parts.push(quiet("This endpoint has no document. If it is scripted, send it JSON."));
  }
  if (described.description) parts.push(quiet(described.description));
  const input = repeated !== null && repeated.endpoint === endpointId ? repeated.input : undefined;
  repeated = null;
  const onSend = (mode, body, key) => send(endpointId, mode, body, key);
  parts.push(buildForm(described.fields, input ?? undefined, onSend, state?.needs_key));
  return parts;
}

const TARGETS = {
  queue: (path) => `/queue.fal.run/${path}`,
  run: (path) => `/fal.run/${path}`,
  stream: (path) => `/fal.run/${path}/stream`,
};

async function send(endpointId, mode, body, key) {
  const path = endpointId.split("/").map(encodeURIComponent).join("/");
  const headers = { "content-type": "application/json" };
  if (key) headers.authorization = `Key ${key}`;
  const response = await fetch(TARGETS[mode](path), { method: "POST", headers, body });
  const text = await response.text();
  if (mode === "queue" && response.ok) {
    location.hash = `#/call/${encodeURIComponent(JSON.parse(text).request_id)}`;
    return;
  }
  filters.reset();
  await refreshList();
  const newest = state.calls.find((call) => call.endpoint === endpointId && call.kind === mode);
  if (mode === "queue" || !newest) throw new Error(`Status ${response.status}: ${text.slice(0, 500)}`);
  location.hash = `#/call/${encodeURIComponent(newest.id)}`;
}

// ---- Routing and polling

async function route() {
  sections = new Map();
  for (const row of rows.values()) markSelected(row.link);
  const fresh = /^#\/new(?:\/(.+))?$/.exec(location.hash);
  if (fresh) {
    await showNewCall(fresh[1] ? fresh[1].split("/").map(decodeURIComponent).join("/") : "");
  } else if (selectedId() === null) {
    side.replaceChildren(quiet("Select a call to see its input and output."), ...connectParts());
  }
  await refresh();
}

async function refresh() {
  try {
    await refreshList();
    await refreshCall();
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
    showCounts("The emulator does not respond.");
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, PAUSE);
}

window.addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
for (const kind of ["input", "change"]) filters.addEventListener(kind, refresh);
filters.addEventListener("submit", (event) => event.preventDefault());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  side.focus();
});
await refreshList().catch(() => null); // a form needs to know whether keys are required
await route();
setTimeout(poll, PAUSE);
