// Shows the OpenAPI document. Everything is built as nodes and texts, never as markup, so nothing in the document or
// in an answer can become active.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with attributes and children; texts are texts. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A description: paragraphs, and code between backquotes. */
function prose(text) {
  return (text || "").split(/\n\n+/).filter(Boolean).map((paragraph) => el("p", {}, inline(paragraph)));
}

function inline(text) {
  return text.split("`").map((part, n) => (n % 2 ? el("code", {}, part) : part));
}

/** Follows references and joins `allOf`. */
function resolve(api, schema) {
  if (!schema) return {};
  if (schema.$ref) {
    const path = schema.$ref.slice(2).split("/");
    return resolve(api, path.reduce((at, key) => (at || {})[key], api));
  }
  if (!schema.allOf) return schema;
  return schema.allOf.map((part) => resolve(api, part)).reduce((all, part) => ({
    ...all, ...part, properties: { ...all.properties, ...part.properties },
  }), {});
}

function typeOf(api, schema) {
  const name = schema.$ref ? schema.$ref.split("/").pop() : null;
  const full = resolve(api, schema);
  if (full.type === "array") return `${typeOf(api, full.items || {})}[]`;
  const base = name || full.format || full.type || "any";
  return full.nullable ? `${base} | null` : base;
}

function limits(schema) {
  const parts = [];
  if (schema.enum) parts.push(`one of ${schema.enum.map((value) => `\`${value}\``).join(", ")}`);
  if (schema.minLength !== undefined || schema.maxLength !== undefined) {
    parts.push(`${schema.minLength || 0}–${schema.maxLength === undefined ? "…" : schema.maxLength} characters`);
  }
  if (schema.minimum !== undefined || schema.maximum !== undefined) {
    parts.push(`${schema.minimum === undefined ? "…" : schema.minimum}–${schema.maximum === undefined ? "…" : schema.maximum}`);
  }
  if (schema.default !== undefined) parts.push(`default \`${schema.default}\``);
  return parts.join("; ");
}

/** An example, made of the examples of its parts. */
function exampleOf(api, schema, onlyRequired) {
  const full = resolve(api, schema);
  if (full.example !== undefined) return full.example;
  if (full.type === "object" || full.properties) {
    const names = Object.keys(full.properties || {});
    const shown = onlyRequired && full.required ? names.filter((name) => full.required.includes(name)) : names;
    return Object.fromEntries(shown.map((name) => [name, exampleOf(api, full.properties[name], onlyRequired)]));
  }
  if (full.type === "array") return [exampleOf(api, full.items || {}, onlyRequired)];
  if (full.default !== undefined) return full.default;
  if (full.enum) return full.enum[0];
  return { integer: 0, number: 0, boolean: false }[full.type] ?? "…";
}

function schemaTable(api, schema) {
  const full = resolve(api, schema);
  const properties = Object.entries(full.properties || {});
  if (!properties.length) return prose(full.description);
  const rows = properties.map(([name, property]) => {
    const detail = resolve(api, property);
    const needed = (full.required || []).includes(name) ? el("span", { class: "required" }, " required") : null;
    const more = limits(detail);
    return el("tr", {},
      el("td", {}, el("code", {}, name), needed),
      el("td", { class: "type" }, typeOf(api, property)),
      el("td", {}, inline(detail.description || ""), more ? el("div", { class: "soft" }, inline(more)) : null));
  });
  return el("table", {}, el("tbody", {}, rows));
}

function parametersTable(api, parameters) {
  const rows = parameters.map((parameter) => el("tr", {},
    el("td", {}, el("code", {}, parameter.name), parameter.required ? el("span", { class: "required" }, " required") : null),
    el("td", { class: "type" }, `${parameter.in}, ${typeOf(api, parameter.schema || {})}`),
    el("td", {}, inline(parameter.description || ""), el("div", { class: "soft" }, inline(limits(resolve(api, parameter.schema)))))));
  return el("table", {}, el("tbody", {}, rows));
}

function responsesTable(api, responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const [media, content] = Object.entries(response.content || {})[0] || [];
    const type = content ? (content.schema.allOf ? "Problem" : typeOf(api, content.schema)) : "";
    const headers = Object.keys(response.headers || {}).filter((name) => name !== "X-Request-Id");
    return el("tr", {},
      el("td", { class: `status ${status < "400" ? "good" : "bad"}` }, status),
      el("td", {}, inline(response.description), headers.length ? el("div", { class: "soft" }, "headers: ", inline(headers.map((h) => `\`${h}\``).join(", "))) : null),
      el("td", { class: "type" }, media ? el("span", { title: media }, type) : ""));
  });
  return el("table", {}, el("tbody", {}, rows));
}

/** A form that sends the request from this page. */
function tryIt(api, path, method, operation, token) {
  const inputs = (operation.parameters || []).filter((parameter) => parameter.in !== "header").map((parameter) => {
    const input = el("input", { type: "text", name: parameter.name, autocomplete: "off", "aria-label": parameter.name });
    return { parameter, input, row: el("div", { class: "field" }, el("label", {}, el("code", {}, parameter.name)), input) };
  });
  const [media, content] = Object.entries((operation.requestBody || {}).content || {})[0] || [];
  const isForm = media === "application/x-www-form-urlencoded";
  const example = content ? exampleOf(api, content.schema, true) : null;
  const text = isForm ? new URLSearchParams(example).toString() : JSON.stringify(example, null, 2);
  const body = content ? el("textarea", { spellcheck: "false", "aria-label": "body" }, text) : null;
  const scheme = (operation.security || []).flatMap((one) => Object.keys(one))[0];
  const client = scheme && scheme !== "bearer"
    ? ["client id", "client secret"].map((name) => el("input", { type: name.endsWith("secret") ? "password" : "text", placeholder: name, autocomplete: "off", "aria-label": name }))
    : null;
  const output = el("div", {});

  async function send(event) {
    event.preventDefault();
    let url = path.slice(1);
    const query = new URLSearchParams();
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.set(parameter.name, input.value);
    }
    if (query.size) url += `?${query}`;
    const headers = {};
    if (media) headers["Content-Type"] = media;
    if (scheme === "bearer" && token.value) headers.Authorization = `Bearer ${token.value.trim()}`;
    if (client && client[0].value) {
      headers.Authorization = `Basic ${btoa(client.map((input) => encodeURIComponent(input.value)).join(":"))}`;
    }
    output.replaceChildren(el("p", { class: "soft" }, "sending …"));
    try {
      const answer = await fetch(url, {
        method: method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit", cache: "no-store",
      });
      const received = await answer.text();
      let shown = received;
      try {
        const value = JSON.parse(received);
        shown = JSON.stringify(value, null, 2);
        if (value.access_token) token.value = value.access_token;
      } catch { /* not JSON: shown as it is */ }
      const heads = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      output.replaceChildren(
        el("p", { class: `status ${answer.ok ? "good" : "bad"}` }, `${answer.status} ${answer.statusText}`),
        el("pre", {}, heads), shown ? el("pre", {}, shown) : "");
    } catch (error) {
      output.replaceChildren(el("p", { class: "status bad" }, String(error)));
    }
  }

  return el("form", { onsubmit: send },
    el("h3", {}, "Try it"),
    inputs.map(({ row }) => row),
    client ? el("div", { class: "field" }, client) : null,
    body, el("p", {}, el("button", { type: "submit" }, "Send")), output);
}

function operationNode(api, path, method, operation, token) {
  const schemes = (operation.security || []).flatMap((one) => Object.keys(one));
  const inside = el("div", { class: "inside" });
  const node = el("details", { class: "operation", id: operation.operationId },
    el("summary", {},
      el("span", { class: `method ${method}` }, method.toUpperCase()),
      el("span", { class: "path" }, path),
      el("span", { class: "soft" }, operation.summary || ""),
      schemes.length ? el("span", { class: "lock" }, schemes.join(" or ")) : null),
    inside);
  // Operations are many and seldom read: each is built when it is opened.
  node.addEventListener("toggle", () => {
    if (inside.childNodes.length) return;
    const [media, content] = Object.entries((operation.requestBody || {}).content || {})[0] || [];
    inside.append(...[
      ...prose(operation.description),
      (operation.parameters || []).length ? [el("h3", {}, "Parameters"), parametersTable(api, operation.parameters)] : [],
      content ? [el("h3", {}, "Body ", el("span", { class: "soft" }, Object.keys(operation.requestBody.content).join(" or "))), schemaTable(api, content.schema)] : [],
      el("h3", {}, "Answers"), responsesTable(api, operation.responses),
      tryIt(api, path, method, operation, token),
    ].flat(Infinity));
  });
  return node;
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

function show(api) {
  const main = document.getElementById("main");
  const nav = document.getElementById("nav");
  const token = el("input", { type: "password", placeholder: "access token (login below fills it in)", autocomplete: "off", id: "token" });
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => ({ path, method, operation: methods[method] })));

  main.replaceChildren(
    el("h1", {}, api.info.title, " API", el("span", { class: "version" }, api.info.version)),
    ...prose(api.info.description),
    el("p", {}, el("a", { href: "openapi.json" }, "OpenAPI document"), " · ", el("a", { href: "docs/problems" }, "Problems")),
    el("form", { class: "token", onsubmit: (event) => event.preventDefault() }, el("label", { for: "token" }, "Bearer"), token));
  nav.replaceChildren(el("p", { class: "brand" }, api.info.title));

  for (const tag of api.tags) {
    const own = operations.filter(({ operation }) => (operation.tags || []).includes(tag.name));
    if (!own.length) continue;
    main.append(el("h2", { id: `tag-${tag.name}` }, tag.name), ...prose(tag.description),
      ...own.map(({ path, method, operation }) => operationNode(api, path, method, operation, token)));
    nav.append(el("h2", {}, tag.name), el("ul", {}, own.map(({ method, operation }) =>
      el("li", {}, el("a", { href: `#${operation.operationId}` },
        el("span", { class: `method ${method}` }, method.toUpperCase()), operation.summary || operation.operationId)))));
  }

  main.append(el("h2", { id: "schemas" }, "Schemas"), ...Object.entries(api.components.schemas).map(([name, schema]) =>
    el("details", { class: "operation", id: `schema-${name}` }, el("summary", {}, el("span", { class: "path" }, name), el("span", { class: "soft" }, inline(schema.description || ""))),
      el("div", { class: "inside" }, schemaTable(api, schema), el("pre", {}, JSON.stringify(exampleOf(api, schema, false), null, 2))))));
  addEventListener("hashchange", openTarget);
  openTarget();
}

// Paths are relative to this page, so that it also works behind a proxy that adds a prefix.
fetch("openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`openapi.json: ${answer.status}`))))
  .then(show)
  .catch((error) => document.getElementById("loading").replaceChildren(String(error)));
