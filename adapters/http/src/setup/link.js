// The pages behind links that work once. The secret of the link is in the fragment of the address: it is taken out of
// there at once, kept in this page alone, and sent to nobody but this service.
"use strict";

const at = (id) => document.getElementById(id);
const form = at("form");
let token = null;

/** Takes the secret out of the address bar and the history. */
function takeToken() {
  const fragment = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  const prefix = form.dataset.token;
  const whole = fragment.startsWith(prefix) && /^[0-9a-f]{64}$/.test(fragment.slice(prefix.length));
  if (whole) token = fragment;
  form.hidden = token === null;
  at("about").hidden = false;
  at("done").hidden = true;
  if (token === null) tell("This link is not whole. Open it again, exactly as it was sent to you.");
  else clear();
}

function tell(text) {
  at("problem").textContent = text;
  at("problem").hidden = false;
}

function inputs() {
  return [...form.querySelectorAll("input:not([type=checkbox])")];
}

function clear() {
  at("problem").hidden = true;
  for (const input of inputs()) {
    input.removeAttribute("aria-invalid");
    at(`${input.id}-wrong`).textContent = "";
  }
}

/** Says what is wrong with one input; false when there is no such input. */
function blame(id, text) {
  const input = inputs().find((each) => each.id === id);
  if (!input) return false;
  const place = at(`${id}-wrong`);
  place.textContent = place.textContent ? `${place.textContent} ${text}` : text;
  input.setAttribute("aria-invalid", "true");
  return true;
}

function focusFirst() {
  const wrong = inputs().find((input) => input.getAttribute("aria-invalid"));
  (wrong || at("problem")).focus();
}

/** What is wrong before anything is sent; false when nothing is. */
function isFlawed() {
  for (const input of inputs()) if (input.required && !input.value) blame(input.id, "Please fill this in.");
  const again = at("again");
  if (again.value && again.value !== at("password").value) blame("again", "The two passwords are not the same.");
  return inputs().some((input) => input.getAttribute("aria-invalid"));
}

/** Shows a problem (RFC 9457): beside the inputs as far as it names them, else on top. */
function show(problem) {
  const rest = (problem.errors || []).filter((error) => !blame((error.pointer || "").slice(1), error.detail));
  const texts = rest.map((error) => error.detail);
  const code = problem.code === "validation-failed" ? "Please look at what is marked below." : problem.title;
  tell([problem.detail || code, ...texts].join(" "));
}

async function send() {
  const body = { token };
  for (const input of inputs()) if (input.name && input.value) body[input.name] = input.value;
  const answer = await fetch(form.dataset.path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    credentials: "omit", cache: "no-store", redirect: "error",
  });
  if (answer.ok) return null;
  const type = answer.headers.get("Content-Type") || "";
  return type.startsWith("application/problem+json") ? answer.json() : { title: `The service answered ${answer.status}.` };
}

function finish() {
  token = null;
  form.reset();
  form.hidden = true;
  at("about").hidden = true;
  at("done").textContent = form.dataset.done;
  at("done").hidden = false;
  at("heading").focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  if (isFlawed()) return focusFirst();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const problem = await send();
    if (!problem) return finish();
    show(problem);
  } catch {
    tell("The service cannot be reached. Nothing may have happened: try again.");
  } finally {
    button.disabled = false;
  }
  return focusFirst();
});

at("show").addEventListener("change", (event) => {
  for (const id of ["password", "again"]) at(id).type = event.target.checked ? "text" : "password";
});
addEventListener("hashchange", () => { if (location.hash) takeToken(); });
takeToken();
