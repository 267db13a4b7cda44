// Finds the files in a JSON value and makes elements that show them. Data is inserted as text and
// attributes, never as markup; only the emulator's own files are loaded.

const CDN = new Set(["v3.fal.media", "v3b.fal.media", "fal.media"]);
const EXTENSIONS = {
  image: ["png", "jpg", "jpeg", "webp", "gif", "svg", "avif"],
  video: ["mp4", "webm", "mov"],
  audio: ["wav", "mp3", "ogg", "opus", "flac", "m4a", "aac"],
};
const MAX_FILES = 24;

/** An element with attributes and children; strings among the children become text. */
export function element(tag, attributes = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) created.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      created.setAttribute(name, String(value));
    }
  }
  created.append(...children.filter((child) => child !== null && child !== undefined));
  return created;
}

/** The path of a file on the emulator's CDN; null for a file of another server. */
export function localPath(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  if (CDN.has(url.hostname)) return `/${url.hostname}${url.pathname}`;
  return CDN.has(url.pathname.split("/")[1]) ? url.pathname : null;
}

/** The kind of file at a URL: image, video, audio, or file. */
export function kindOf(text) {
  const stated = /^data:(image|video|audio)\//.exec(text);
  if (stated) return stated[1];
  const extension = /\.([a-z0-9]+)$/i.exec(text.split(/[?#]/)[0])?.[1]?.toLowerCase();
  const found = Object.entries(EXTENSIONS).find(([, known]) => known.includes(extension));
  return found ? found[0] : "file";
}

/** Every file in a value: its URL, its kind, and its name if the value has one. */
export function filesIn(value, found = []) {
  if (found.length >= MAX_FILES) return found;
  if (typeof value === "string") {
    if (/^https?:\/\//.test(value) || /^data:(image|video|audio)\//.test(value)) {
      if (!found.some((file) => file.url === value)) {
        found.push({ url: value, kind: kindOf(value), content_type: null });
      }
    }
  } else if (value !== null && typeof value === "object") {
    for (const inner of Object.values(value)) filesIn(inner, found);
    const own = found.find((file) => file.url === value.url);
    const type = /^(image|video|audio)\//.exec(String(value.content_type ?? ""));
    if (own && own.kind === "file" && type) own.kind = type[1];
    if (own && typeof value.file_name === "string") own.name = value.file_name;
  }
  return found;
}

/** A figure that shows a file, with a link to it. */
export function figure(file) {
  const inline = file.url.startsWith("data:");
  const source = inline ? file.url : localPath(file.url);
  const last = inline ? "inline data" : decoded(file.url.split(/[?#]/)[0].split("/").pop());
  const name = file.name ?? last;
  const caption = element("figcaption", { title: name });
  if (inline) caption.append(name);
  else {
    // Other kinds of files are downloaded and not opened, because they may be untrusted HTML.
    const saved = source !== null && file.kind === "file";
    caption.append(
      element(
        "a",
        {
          href: source ?? file.url,
          target: "_blank",
          rel: "noopener noreferrer",
          download: saved ? name : null,
        },
        name || file.url,
      ),
    );
  }
  const frame = element("figure", { class: file.kind });
  if (source === null) frame.append(element("p", { class: "placeholder" }, "not on the emulator"));
  else if (file.kind === "image") frame.append(image(source, name));
  else if (file.kind === "video" || file.kind === "audio") frame.append(player(file.kind, source));
  else frame.append(element("p", { class: "placeholder" }, "file"));
  frame.append(caption);
  return frame;
}

function image(source, name) {
  return element("img", { src: source, alt: name, loading: "lazy", decoding: "async" });
}

function player(kind, source) {
  return element(kind, { src: source, controls: true, preload: "metadata" });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
