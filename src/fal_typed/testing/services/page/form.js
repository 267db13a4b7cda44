// The form for calling an endpoint, built from its schema. Only parameters that were set are sent.

import { element } from "/_emulator/media.js";

const LONG = /prompt|text|lyrics|script|description/;
const MAX_HINT = 240;

/** A form for an endpoint's fields; with null, the input has to be edited as JSON. */
export function buildForm(fields, input, onSend, needsKey) {
  const controls = (fields ?? []).map(makeControl);
  const grid = element("div", { class: "fields" }, ...controls.map((control) => control.row));
  const raw = element("textarea", { name: "raw", rows: 12, spellcheck: "false" });
  const rawRow = element("label", { class: "field long" }, "Input as JSON", raw);
  const asJson = element("input", { type: "checkbox", name: "as_json" });
  const mode = select("mode", [
    ["queue", "a queued call"],
    ["run", "a direct run"],
    ["stream", "a streaming run"],
  ]);
  const key = element("input", {
    name: "key", type: "password", autocomplete: "off", placeholder: "id:secret",
  });
  const error = element("p", { class: "error", role: "alert", hidden: true });
  const preview = element("pre", { class: "json", "aria-label": "Request body" });
  const foot = element(
    "div",
    { class: "foot" },
    element("label", { class: "inline" }, "as ", mode),
    needsKey ? element("label", { class: "inline" }, "with key ", key) : null,
    element("label", { class: "inline" }, asJson, " edit as JSON"),
    element("button", { type: "submit", class: "button primary" }, "Send"),
  );
  const sent = element("div", {}, element("h3", {}, "Request body"), preview);
  const form = element("form", { class: "call" }, grid, rawRow, error, foot, sent);

  const collected = () => {
    const values = {};
    for (const control of controls) {
      const value = control.read();
      if (value !== undefined) values[control.name] = value;
    }
    return values;
  };
  const show = () => {
    const editing = asJson.checked;
    grid.hidden = editing;
    grid.inert = editing;
    rawRow.hidden = !editing;
    sent.hidden = editing;
    if (!editing) preview.textContent = JSON.stringify(collected(), null, 2);
  };
  const fill = (values) => {
    const known = new Map(controls.map((control) => [control.name, control]));
    const matches = values !== null && typeof values === "object" && !Array.isArray(values)
      && Object.keys(values).every((name) => known.has(name));
    if (matches) for (const [name, value] of Object.entries(values)) known.get(name).write(value);
    else {
      asJson.checked = true;
      raw.value = JSON.stringify(values, null, 2);
    }
  };
  const showError = (text) => {
    error.textContent = text;
    error.hidden = !text;
  };

  if (fields === null) {
    asJson.checked = true;
    asJson.disabled = true;
    raw.value = "{}";
  }
  if (input !== undefined) fill(input);
  asJson.addEventListener("change", () => {
    if (asJson.checked) raw.value = JSON.stringify(collected(), null, 2);
    show();
  });
  for (const kind of ["input", "change"]) form.addEventListener(kind, show);
  form.noValidate = true; // the fields are checked below, unless they are hidden
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showError("");
    if (!asJson.checked && !controls.every((control) => control.check())) return;
    const body = asJson.checked ? raw.value : JSON.stringify(collected());
    try {
      await onSend(mode.value, body, key.value);
    } catch (failure) {
      showError(failure.message);
    }
  });
  show();
  return form;
}

function select(name, options) {
  const box = element("select", { name });
  for (const [value, label] of options) box.append(element("option", { value }, label));
  return box;
}

let count = 0;

function makeControl(field) {
  const id = `field-${++count}`;
  const { input, more, read, write } = INPUTS[field.kind](field);
  input.id = id;
  input.name = field.name;
  input.required = field.required;
  input.setAttribute("aria-describedby", `${id}-hint`);
  const isLong = input.tagName === "TEXTAREA";
  const row = element(
    "div",
    { class: isLong ? "field long" : "field" },
    element("label", { for: id }, field.name, field.required ? star() : null),
    input,
    more,
    suggestions(field, input, id),
    element("small", { id: `${id}-hint` }, hint(field)),
  );
  const check = () => {
    input.setCustomValidity(invalidJson(read));
    return input.reportValidity();
  };
  input.addEventListener("input", () => input.setCustomValidity(""));
  return { name: field.name, row, write, check, read: () => valueOrNothing(read) };
}

function star() {
  return element("span", { class: "star", title: "required" }, " *");
}

function invalidJson(read) {
  try {
    read();
    return "";
  } catch (error) {
    return `Invalid JSON: ${error.message}`;
  }
}

function valueOrNothing(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const INPUTS = {
  text(field) {
    const long = LONG.test(field.name) && !("choices" in field);
    const input = element(long ? "textarea" : "input", {
      rows: long ? 3 : null,
      autocomplete: "off",
      placeholder: shownDefault(field),
      minlength: field.min_length,
      maxlength: field.max_length,
    });
    return {
      input,
      read: () => (input.value === "" ? undefined : input.value),
      write: (value) => (input.value = typeof value === "string" ? value : JSON.stringify(value)),
    };
  },
  choice(field) {
    return chooser(field, field.choices, (choice) => String(choice));
  },
  flag(field) {
    return chooser(field, [true, false], (choice) => (choice ? "true" : "false"));
  },
  integer(field) {
    return number(field, "1");
  },
  number(field) {
    return number(field, "any");
  },
  json(field) {
    const input = element("textarea", {
      rows: 2, spellcheck: "false", placeholder: shownDefault(field) || "JSON",
    });
    return {
      input,
      read: () => (input.value.trim() === "" ? undefined : JSON.parse(input.value)),
      write: (value) => (input.value = JSON.stringify(value)),
    };
  },
  open(field) {
    // Like a choice, but the last option opens a field for JSON.
    const choices = field.choices ?? [];
    const { input, read, write } = chooser(field, choices, (choice) => String(choice));
    const other = String(choices.length);
    input.append(element("option", { value: other }, "JSON\u2026"));
    const json = element("textarea", { rows: 2, spellcheck: "false", hidden: true });
    json.setAttribute("aria-label", `${field.name} as JSON`);
    const show = () => (json.hidden = input.value !== other);
    input.addEventListener("change", show);
    return {
      input,
      more: json,
      read: () => {
        if (input.value !== other) return read();
        return json.value.trim() === "" ? undefined : JSON.parse(json.value);
      },
      write: (value) => {
        write(value);
        if (input.value === "") {
          input.value = other;
          json.value = JSON.stringify(value);
        }
        show();
      },
    };
  },
};

function number(field, step) {
  const input = element("input", {
    type: "number", step, min: field.minimum, max: field.maximum,
    placeholder: shownDefault(field),
  });
  return {
    input,
    read: () => (input.value === "" ? undefined : Number(input.value)),
    write: (value) => (input.value = String(value)),
  };
}

function chooser(field, choices, label) {
  const unset = "default" in field ? `${shownDefault(field)} (default)` : "not set";
  const input = element("select", {}, element("option", { value: "" }, unset));
  choices.forEach((choice, index) => {
    input.append(element("option", { value: index }, label(choice)));
  });
  return {
    input,
    read: () => (input.value === "" ? undefined : choices[Number(input.value)]),
    write: (value) => {
      const index = choices.indexOf(value);
      input.value = index < 0 ? "" : String(index);
    },
  };
}

function shownDefault(field) {
  if (!("default" in field) || field.default === null) return "";
  const value = field.default;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function suggestions(field, input, id) {
  if (!("choices" in field) || input.tagName !== "INPUT") return null;
  input.setAttribute("list", `${id}-choices`);
  const options = field.choices.map((choice) => element("option", { value: choice }));
  return element("datalist", { id: `${id}-choices` }, ...options);
}

function hint(field) {
  const parts = [];
  const kinds = { flag: "true or false", json: "JSON", open: "a choice, or JSON" };
  if (field.kind in kinds) parts.push(kinds[field.kind]);
  else if (field.kind !== "text" && field.kind !== "choice") parts.push(field.kind);
  if ("minimum" in field || "maximum" in field) {
    parts.push(`${field.minimum ?? "…"} to ${field.maximum ?? "…"}`);
  }
  if ("max_length" in field) parts.push(`at most ${field.max_length} characters`);
  if (field.description && field.description.length > MAX_HINT) {
    parts.push(`${field.description.slice(0, MAX_HINT)}…`);
  } else if (field.description) parts.push(field.description);
  return parts.join(" · ");
}
