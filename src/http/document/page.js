// Shows /v1/openapi.json and tries its calls. Texts go in as text, never as HTML; the token stays in its
// field and goes nowhere but into the header of a call that somebody sends.
"use strict";

const find = (selector) => document.querySelector(selector);
let api;

/** An element; children that are strings are text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

/** Paragraphs with `code` and **bold** words. */
function prose(text) {
  return (text || "").split(/\n\n+/).filter(Boolean).map((paragraph) => {
    const parts = paragraph.split(/(`[^`]*`)/).map((part) =>
      part.startsWith("`") ? make("code", {}, part.slice(1, -1)) : part);
    return make("p", {}, parts);
  });
}

function resolve(thing) {
  let at = thing;
  while (at && at.$ref) at = at.$ref.slice(2).split("/").reduce((inner, key) => inner[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
  return at || {};
}

const nameOf = (schema) => (schema && schema.$ref ? schema.$ref.split("/").pop() : "");

/** A schema's type in a few words. */
function kind(schema) {
  const name = nameOf(schema);
  const real = resolve(schema);
  const choices = real.oneOf || real.anyOf;
  if (choices) return choices.map(kind).filter((word) => word !== "null").join(" or ") + (choices.some((one) => one.type === "null") ? ", or null" : "");
  if (real.enum) return real.enum.map((word) => JSON.stringify(word)).join(" | ");
  const type = [].concat(real.type || "anything").join(" or ");
  if (type === "array") return "list of " + kind(real.items || {});
  return real.properties && name ? name : real.format || type;
}

function limits(schema) {
  const real = resolve(schema);
  const told = [];
  const range = (least, most, unit) => {
    if (least !== undefined && most !== undefined) told.push(`${least} to ${most}${unit}`);
    else if (most !== undefined) told.push(`at most ${most}${unit}`);
    else if (least !== undefined) told.push(`at least ${least}${unit}`);
  };
  range(real.minimum, real.maximum, "");
  range(real.minLength, real.maxLength, " characters");
  range(real.minItems, real.maxItems, " entries");
  if (real.default !== undefined) told.push(`default ${JSON.stringify(real.default)}`);
  return told.join("; ");
}

/** What a property is for: its own words, else those of its schema. */
function described(schema) {
  const choice = (schema.oneOf || []).find((one) => one.type !== "null") || schema;
  return schema.description || choice.description || resolve(choice).description;
}

/** The properties of an object, inner ones behind a click. */
function properties(schema, depth = 0) {
  const real = resolve(schema);
  const choices = real.oneOf || real.anyOf;
  if (choices) return make("div", {}, choices.filter((one) => one.type !== "null").map((one) => {
    const table = properties(one, depth + 1);
    return table && make("div", {}, make("p", { class: "quiet" }, nameOf(one) || kind(one)), table);
  }));
  if (real.type === "array") return properties(real.items || {}, depth);
  if (!real.properties || depth > 4) return null;
  const rows = Object.entries(real.properties).map(([name, inner]) => {
    const needed = (real.required || []).includes(name);
    const deeper = depth < 4 && properties(inner, depth + 1);
    const about = described(inner);
    return make("tr", {},
      make("td", {}, make("code", { class: needed ? "needed" : "" }, name)),
      make("td", {}, kind(inner), make("div", { class: "quiet" }, limits(inner))),
      make("td", {}, prose(about), deeper && deeper.querySelector("tr") ? make("details", {}, make("summary", {}, "its fields"), deeper) : null));
  });
  return make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, rows)));
}

function parameterRows(parameters) {
  return make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, parameters.map((one) => make("tr", {},
    make("td", {}, make("code", { class: one.required ? "needed" : "" }, one.name)),
    make("td", {}, one.in),
    make("td", {}, kind(one.schema || {}), make("div", { class: "quiet" }, limits(one.schema || {}))),
    make("td", {}, prose(one.description || resolve(one.schema || {}).description)))))));
}

function bodyPart(operation) {
  const body = operation.requestBody;
  if (!body) return [];
  const [type, content] = Object.entries(body.content)[0];
  const schema = resolve(content.schema);
  return [
    make("h4", {}, body.required ? "Body" : "Body, may be left out"),
    make("p", { class: "quiet" }, Object.keys(body.content).join(", ")),
    ...prose(schema.description),
    type === "application/json" ? properties(content.schema) : null,
    ...(schema.examples || []).map((example) => make("pre", { tabindex: 0 }, JSON.stringify(example, null, 2))),
  ];
}

function answerPart(operation) {
  const rows = Object.entries(operation.responses).map(([status, given]) => {
    const answer = resolve(given);
    const [type, content] = Object.entries(answer.content || {})[0] || [];
    const fields = type === "application/json" && properties(content.schema);
    return make("tr", {},
      make("td", {}, make("strong", {}, status)),
      make("td", {}, prose(answer.description),
        type ? make("p", { class: "quiet" }, [type, nameOf(content.schema)].filter(Boolean).join(" · ")) : null,
        Object.keys(answer.headers || {}).length ? make("p", { class: "quiet" }, "headers: " + Object.keys(answer.headers).join(", ")) : null,
        fields ? make("details", {}, make("summary", {}, "its fields"), fields) : null));
  });
  return [make("h4", {}, "Answers"), make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, rows)))];
}

function messagePart(operation) {
  return Object.entries(operation["x-messages"] || {}).map(([who, schema]) => make("details", {},
    make("summary", {}, `What the ${who} says`), properties(schema)));
}

/** A form that sends the call. */
function tryPart(method, path, operation, parameters) {
  const streams = operation.responses["101"] || path.endsWith("/sse");
  if (streams) return [];
  const inputs = parameters.map((one) => {
    const id = `${operation.operationId}-${one.in}-${one.name}`;
    const choices = resolve(one.schema || {}).enum;
    const input = choices
      ? make("select", { id }, one.required ? [] : make("option", { value: "" }, ""), choices.map((word) => make("option", {}, word)))
      : make("input", { id, required: one.required, autocomplete: "off", spellcheck: "false" });
    return { one, input, label: make("label", { for: id }, one.name) };
  });
  const body = operation.requestBody && make("textarea", { id: `${operation.operationId}-body`, rows: 8, spellcheck: "false" });
  if (body) body.value = JSON.stringify(((resolve(Object.values(operation.requestBody.content)[0].schema).examples || [{}])[0]), null, 2);
  const result = make("pre", { hidden: true, tabindex: 0, role: "status" });
  const form = make("form", {}, inputs.flatMap(({ input, label }) => [label, input]),
    body ? [make("label", { for: body.id }, "Body"), body] : [], make("span"), make("div", {}, make("button", { type: "submit" }, "Send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let url = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { one, input } of inputs) {
      if (input.value === "") continue;
      if (one.in === "path") url = url.replace(`{${one.name}}`, encodeURIComponent(input.value));
      if (one.in === "query") query.set(one.name, input.value);
      if (one.in === "header") headers[one.name] = input.value;
    }
    const token = find("#token").value.trim();
    if (token) headers.authorization = `Bearer ${token}`;
    const sent = { method: method.toUpperCase(), headers };
    if (body && body.value.trim()) {
      headers["content-type"] = Object.keys(operation.requestBody.content)[0];
      sent.body = body.value;
    }
    result.hidden = false;
    result.textContent = "…";
    try {
      const answer = await fetch(url + (query.size ? `?${query}` : ""), sent);
      const text = await answer.text();
      const shown = (answer.headers.get("content-type") || "").includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text;
      const kept = ["etag", "location", "retry-after", "idempotency-replayed", "x-request-id"]
        .filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
      result.textContent = [`${answer.status} ${answer.statusText}`, ...kept, "", shown].join("\n");
    } catch (error) {
      result.textContent = `It could not be sent: ${error.message}`;
    }
  });
  return [make("details", {}, make("summary", {}, "Try it"), form, result)];
}

function call(method, path, operation) {
  const parameters = (operation.parameters || []).map(resolve);
  const roles = operation["x-roles"] || [];
  const told = (operation.description || "").replace(/\n*(For: [a-z, ]+\.|Open to all\.)$/, "");
  const inside = make("div", {});
  const whole = make("details", { class: "call", id: operation.operationId },
    make("summary", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("code", {}, path), make("span", { class: "what" }, operation.summary)),
    inside);
  // Filled when it is opened first: the page is there at once.
  whole.addEventListener("toggle", () => {
    if (!whole.open || inside.firstChild) return;
    inside.append(...[
      prose(told),
      make("ul", { class: "roles", "aria-label": "Who may" }, (roles.length ? roles : ["open to all"]).map((role) => make("li", {}, role))),
      parameters.length ? [make("h4", {}, "Parameters"), parameterRows(parameters)] : [],
      bodyPart(operation), messagePart(operation), answerPart(operation), tryPart(method, path, operation, parameters),
    ].flat().filter(Boolean));
  });
  whole.words = [path, operation.summary, operation.operationId, told, JSON.stringify(operation.responses)].join(" ").toLowerCase();
  whole.roles = roles;
  return whole;
}

function show() {
  find("#version").textContent = api.info.version;
  find("#about").append(...prose(api.info.description));
  const roles = new Set();
  for (const tag of api.tags) {
    const section = make("section", { "aria-labelledby": `group-${tag.name}` }, make("h2", { id: `group-${tag.name}` }, tag.name), prose(tag.description));
    const list = make("ul");
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (!(operation.tags || []).includes(tag.name)) continue;
        (operation["x-roles"] || []).forEach((role) => roles.add(role));
        const one = call(method, path, operation);
        one.link = make("li", {}, make("a", { href: `#${operation.operationId}` }, operation.summary));
        section.append(one);
        list.append(one.link);
      }
    }
    if (!list.firstChild) continue;
    find("main").append(section);
    find("nav").append(make("h2", {}, tag.name), list);
  }
  find("#as").append(...[...roles].sort().map((role) => make("option", {}, role)));
  open();
}

/** Opens the call that the address names. */
function open() {
  const one = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (one && one.classList.contains("call")) {
    one.open = true;
    one.scrollIntoView();
    one.querySelector("summary").focus();
  }
}

function narrow() {
  const words = find("#find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const role = find("#as").value;
  let left = 0;
  for (const one of document.querySelectorAll(".call")) {
    const fits = words.every((word) => one.words.includes(word)) && (!role || !one.roles.length || one.roles.includes(role));
    one.hidden = !fits;
    one.link.hidden = !fits;
    left += fits ? 1 : 0;
  }
  for (const section of document.querySelectorAll("main > section[aria-labelledby]")) {
    section.hidden = ![...section.querySelectorAll(".call")].some((one) => !one.hidden);
  }
  find("#state").textContent = left ? `${left} calls` : "No call fits.";
}

async function start() {
  try {
    api = await (await fetch("/v1/openapi.json")).json();
    show();
    narrow();
  } catch (error) {
    find("#state").textContent = `The document could not be read: ${error.message}`;
  }
}

find("#find").addEventListener("input", narrow);
find("#as").addEventListener("change", narrow);
find("#search").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", open);
start();
