// The catalog page: an index of all endpoints, filtered as you type, and the details of one.

const search = document.getElementById("catalog-search");
const count = document.getElementById("catalog-count");
const list = document.getElementById("catalog-list");
const detail = document.getElementById("catalog-endpoint");
const root = document.getElementById("catalog-page");
const FILTERS = ["task", "input", "output", "family"];
let endpoints = [];
let opened = null;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// ---- The index

async function load() {
  const response = await fetch("index.json", { credentials: "same-origin" });
  if (!response.ok) throw new Error(`index.json: status ${response.status}`);
  const { kinds, parameters, endpoints: rows } = await response.json();
  endpoints = rows.map(([id, task, inputs, outputs, family, names]) => {
    const endpoint = {
      id,
      task,
      family,
      input: inputs.map((kind) => kinds[kind]),
      output: outputs.map((kind) => kinds[kind]),
    };
    endpoint.name = words(id);
    endpoint.about = words([id, task, family, ...names.map((name) => parameters[name])].join(" "));
    endpoint.item = row(endpoint);
    return endpoint;
  });
}

function words(text) {
  return ` ${text.toLowerCase().replace(/[^a-z0-9.]+/g, " ")} `;
}

function row(endpoint) {
  const [owner, ...rest] = endpoint.id.split("/");
  const name = element("span", { class: "name" }, `${owner}/`, element("b", {}, rest.join("/")));
  const task = element("span", { class: "task" }, endpoint.task);
  return element("li", {}, element("a", { href: `#${endpoint.id}` }, name, task));
}

function offerFilters() {
  for (const filter of FILTERS) {
    const totals = new Map();
    for (const value of endpoints.flatMap((endpoint) => endpoint[filter])) {
      totals.set(value, (totals.get(value) ?? 0) + 1);
    }
    const options = [...totals].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    for (const [value, total] of options) {
      search.elements[filter].append(element("option", { value }, `${value} (${total})`));
    }
  }
}

function filtered() {
  const wanted = words(search.elements.words.value).trim().split(" ").filter(Boolean);
  const chosen = FILTERS.filter((filter) => search.elements[filter].value);
  const matches = (text) => wanted.every((word) => text.includes(word));
  const fits = endpoints.filter(
    (endpoint) =>
      chosen.every((filter) => [endpoint[filter]].flat().includes(search.elements[filter].value)) &&
      matches(endpoint.about),
  );
  if (wanted.length === 0) return fits;
  // Endpoints that are named by the words come first, then those that only have such a parameter.
  const rank = ({ name }) => (wanted.every((word) => name.includes(word)) ? 0 : 1);
  return fits.sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
}

function showList() {
  const shown = filtered();
  list.replaceChildren(...shown.map((endpoint) => endpoint.item));
  list.scrollTop = 0;
  const total = endpoints.length.toLocaleString("en");
  if (shown.length === endpoints.length) count.textContent = `${total} endpoints`;
  else if (shown.length > 0) count.textContent = `${shown.length.toLocaleString("en")} of ${total} endpoints`;
  else count.textContent = "No endpoint matches. Use fewer words, or clear the filters.";
}

// ---- One endpoint

async function open() {
  const id = decodeURIComponent(location.hash.slice(1));
  const known = endpoints.find((endpoint) => endpoint.id === id);
  root.classList.toggle("open", Boolean(known));
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  opened = known ?? null;
  if (!known) {
    detail.replaceChildren(element("p", { class: "hint" }, "Select an endpoint to see its parameters and code to copy."));
    return;
  }
  known.item.firstChild.setAttribute("aria-current", "true");
  const response = await fetch(`endpoints/${id}.json`);
  if (!response.ok) throw new Error(`${id}: status ${response.status}`);
  const described = await response.json();
  if (opened !== known) return; // another one was selected meanwhile
  detail.replaceChildren(...parts(known, described));
  detail.scrollTop = 0;
  if (isNarrow()) {
    detail.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function parts(endpoint, described) {
  const objects = Object.entries(described.objects).filter(([, fields]) => fields.length > 0);
  return [
    element("a", { class: "back", href: "#" }, "← All endpoints"),
    element("h2", {}, endpoint.id),
    element("p", { class: "facts" }, ...facts(endpoint)),
    described.description ? element("p", {}, described.description) : null,
    code("Python", described.python),
    described.command ? code("Command line", described.command) : null,
    code("curl", described.curl),
    element("h3", {}, "Parameters"),
    table(described.parameters, true),
    element("h3", {}, "Result"),
    table(described.result, false),
    ...objects.flatMap(([name, fields]) => [
      element("h3", { class: "object" }, element("code", {}, name)),
      table(fields, true),
    ]),
  ].filter((part) => part !== null);
}

function facts(endpoint) {
  const chips = [endpoint.task, endpoint.family].map((text) => element("span", { class: "chip" }, text));
  const kinds = `${endpoint.input.join(", ") || "data"} → ${endpoint.output.join(", ")}`;
  return [...chips, kinds];
}

function code(title, text) {
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.setAttribute("aria-label", `Copy ${title}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  const head = element("figcaption", {}, title, button);
  return element("figure", {}, head, element("pre", { tabindex: "0" }, element("code", {}, text)));
}

function table(fields, isInput) {
  if (fields.length === 0) return element("p", { class: "hint" }, "None.");
  const heads = ["Name", "Type", isInput ? "Default" : "Bounds", "Description"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const rows = fields.map((field) => fieldRow(field, isInput));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function fieldRow(field, isInput) {
  const name = element("td", {}, element("code", { class: "field" }, field.name));
  const type = element("td", {}, element("code", {}, field.type));
  const limits = element("td", {});
  if (isInput && field.required) limits.append(element("span", { class: "required" }, "required"));
  if (isInput && field.default !== null) limits.append(element("code", { class: "default" }, JSON.stringify(field.default)));
  if (field.bounds) limits.append(element("span", { class: "bounds" }, field.bounds));
  return element("tr", {}, name, type, limits, element("td", {}, field.description));
}

// ---- Keyboard, address and start

const isNarrow = () => window.matchMedia("(max-width: 59.9375em)").matches;

function saveFilters() {
  const kept = [...new FormData(search)].filter(([, value]) => value);
  const query = new URLSearchParams(kept).toString();
  history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}${location.hash}`);
}

function restoreFilters() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name in search.elements) search.elements[name].value = value;
  }
}

function onSearchKey(event) {
  if (event.target !== search.elements.words) return;
  if (event.key === "ArrowDown") focusRow(list.firstElementChild, event);
}

function onListKey(event) {
  const item = event.target.closest("li");
  if (event.key === "ArrowDown") focusRow(item.nextElementSibling, event);
  else if (event.key === "ArrowUp") focusRow(item.previousElementSibling, event, search.elements.words);
  else if (event.key === "ArrowRight" && opened) focusOn(detail, event);
  else if (event.key === "Escape") focusOn(search.elements.words, event);
}

function onDetailKey(event) {
  if (event.key !== "Escape" || !opened) return;
  if (isNarrow()) location.hash = "";
  focusOn(opened.item.isConnected ? opened.item.firstChild : search.elements.words, event);
}

function focusRow(item, event, otherwise) {
  const target = item?.firstChild ?? otherwise;
  if (target) focusOn(target, event);
}

function focusOn(target, event) {
  event.preventDefault();
  target.focus();
}

function onFilter() {
  showList();
  saveFilters();
}

async function start() {
  await load();
  offerFilters();
  restoreFilters();
  showList();
  await open();
  if (opened) list.scrollTop = opened.item.offsetTop - list.offsetTop - list.clientHeight / 3;
  requestAnimationFrame(() => performance.mark("catalog-shown"));
}

function fail(error) {
  count.textContent = `The catalog cannot be loaded: ${error.message}`;
}

for (const kind of ["input", "change"]) search.addEventListener(kind, onFilter);
search.addEventListener("reset", () => setTimeout(onFilter));
search.addEventListener("submit", (event) => {
  event.preventDefault();
  const first = list.querySelector("a");
  if (first) location.hash = first.hash;
});
search.addEventListener("keydown", onSearchKey);
list.addEventListener("keydown", onListKey);
detail.addEventListener("keydown", onDetailKey);
window.addEventListener("hashchange", () => open().catch(fail));
start().catch(fail);
