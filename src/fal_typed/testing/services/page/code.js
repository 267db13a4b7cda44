// Code to copy: how to connect a client to the emulator, and a call as Python and as curl.

import { element } from "/_emulator/media.js";

/** The parts that show how Python, JavaScript and curl call this emulator. */
export function connectParts() {
  const { host, origin } = location;
  return [
    element("h2", {}, "Connect a client"),
    codeBlock("Python", [
      `# export FAL_EMULATOR_HOST=${host}`,
      "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev",
      'print(flux_dev.subscribe(prompt="a cat").data.images[0].url)',
    ].join("\n")),
    codeBlock("JavaScript", [
      'import { createFalClient } from "@fal-ai/client";',
      `const fal = createFalClient({ proxyUrl: { url: "${origin}/api/fal/proxy", when: "always" } });`,
      'console.log(await fal.subscribe("fal-ai/flux/dev", { input: { prompt: "a cat" } }));',
    ].join("\n")),
    codeBlock("curl", curl("fal-ai/flux/dev", { prompt: "a cat" }, "run")),
    element("p", { class: "quiet" },
      "Images, audio and video are generated for tests from each endpoint\u2019s schema; no model runs."),
  ];
}

/** The parts that show a call as code. */
export function codeParts(call) {
  if (!call.endpoint) return [];
  return [
    element("h3", {}, "Repeat this call"),
    codeBlock("Python", python(call.endpoint, call.input ?? {})),
    codeBlock("curl", curl(call.endpoint, call.input ?? {}, call.kind)),
  ];
}

function codeBlock(title, text) {
  const button = element("button", { class: "button", type: "button" }, "Copy");
  button.setAttribute("aria-label", `Copy as ${title}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return element("div", { class: "code" },
    element("p", {}, title, button),
    element("pre", { class: "json", tabindex: "0", "aria-label": title }, text));
}

function python(endpoint, input) {
  return [
    "import fal_typed",
    "",
    `result = fal_typed.subscribe(${JSON.stringify(endpoint)}, arguments=${literal(input)})`,
  ].join("\n");
}

/** A JSON value as a Python literal. */
function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    const items = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${literal(inner)}`);
    return `{${items.join(", ")}}`;
  }
  return JSON.stringify(value);
}

function curl(endpoint, input, kind) {
  const service = kind === "queue" ? "queue.fal.run" : "fal.run";
  const path = endpoint.split("/").map(encodeURIComponent).join("/");
  const stream = kind === "stream" ? "/stream" : "";
  return [
    `curl ${location.origin}/${service}/${path}${stream} \\`,
    "  -H 'content-type: application/json' \\",
    `  -d '${JSON.stringify(input).replaceAll("'", "'\\''")}'`,
  ].join("\n");
}
