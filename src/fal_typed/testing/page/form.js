// The form to call an endpoint, built from its schema. Only what was set is sent.

import { element } from "/_emulator/media.js";

const LONG = /prompt|text|lyrics|script|description/;
const BIG = 40;

/** A form for an endpoint's fields; null fields leave the JSON to be written by hand. */
export function buildForm(fields, input, onSend, needsKey) {
  const controls = (fields ?? []).map(makeControl);
  const grid = element("div", { class: "fields" }, ...controls.map((control) => control.row));
  const raw = element("textarea", { name: "raw", rows: 12, spellcheck: "false" });
  const rawRow = element("label", { class: "field long" }, "JSON of the input", raw);
  const byHand = element("input", { type: "checkbox", name: "by_hand" });
  const mode = select("mode", [
    ["queue", "the queue"],
    ["run", "a direct run"],
    ["stream", "a stream"],
  ]);
  const key = element("input", {
    name: "key", type: "password", autocomplete: "off", placeholder: "id:secret",
  });
  const error = element("p", { class: "error", role: "alert", hidden: true });
  const preview = element("pre", { class: "json", "aria-label": "JSON that will be sent" });
  const foot = element(
    "div",
    { class: "foot" },
    element("label", { class: "inline" }, "through ", mode),
    needsKey ? element("label", { class: "inline" }, "with the key ", key) : null,
    element("label", { class: "inline" }, byHand, " write the JSON by hand"),
    element("button", { type: "submit", class: "button primary" }, "Send"),
  );
  const sent = element("div", {}, element("h3", {}, "What is sent"), preview);
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
    const hand = byHand.checked;
    grid.hidden = hand;
    grid.inert = hand;
    rawRow.hidden = !hand;
    sent.hidden = hand;
    if (!hand) preview.textContent = JSON.stringify(collected(), null, 2);
  };
  const fill = (values) => {
    const known = new Map(controls.map((control) => [control.name, control]));
    const fits = values !== null && typeof values === "object" && !Array.isArray(values)
      && Object.keys(values).every((name) => known.has(name));
    if (fits) for (const [name, value] of Object.entries(values)) known.get(name).write(value);
    else {
      byHand.checked = true;
      raw.value = JSON.stringify(values, null, 2);
    }
  };
  const complain = (text) => {
    error.textContent = text;
    error.hidden = !text;
  };

  if (fields === null) {
    byHand.checked = true;
    byHand.disabled = true;
    raw.value = "{}";
  }
  if (input !== undefined) fill(input);
  byHand.addEventListener("change", () => {
    if (byHand.checked) raw.value = JSON.stringify(collected(), null, 2);
    show();
  });
  for (const kind of ["input", "change"]) form.addEventListener(kind, show);
  form.noValidate = true; // asked for below, when the fields are in use
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain("");
    if (!byHand.checked && !controls.every((control) => control.check())) return;
    const body = byHand.checked ? raw.value : JSON.stringify(collected());
    try {
      await onSend(mode.value, body, key.value);
    } catch (failure) {
      complain(failure.message);
    }
  });
  show();
  return form;
}

function select(name, options) {
  const made = element("select", { name });
  for (const [value, label] of options) made.append(element("option", { value }, label));
  return made;
}

let count = 0;

function makeControl(field) {
  const id = `field-${++count}`;
  const { input, more, read, write } = MAKERS[field.kind](field);
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
    input.setCustomValidity(complaint(read));
    return input.reportValidity();
  };
  input.addEventListener("input", () => input.setCustomValidity(""));
  return { name: field.name, row, write, check, read: () => quietly(read) };
}

function star() {
  return element("span", { class: "star", title: "required" }, " *");
}

function complaint(read) {
  try {
    read();
    return "";
  } catch (error) {
    return `This is not JSON: ${error.message}`;
  }
}

function quietly(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const MAKERS = {
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
    return picked(field, field.choices, (choice) => String(choice));
  },
  flag(field) {
    return picked(field, [true, false], (choice) => (choice ? "true" : "false"));
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
    // A choice like any other, whose last option opens a field for JSON.
    const choices = field.choices ?? [];
    const { input, read, write } = picked(field, choices, (choice) => String(choice));
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

function picked(field, choices, label) {
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
  if (field.description && field.description.length > BIG * 6) {
    parts.push(`${field.description.slice(0, BIG * 6)}…`);
  } else if (field.description) parts.push(field.description);
  return parts.join(" · ");
}
