"use strict";
// Texts and labels reach the page by textContent and by values of fields alone: they never become markup.

const MOST_SUGGESTED = 30, MOST_COMPLETED = 12, WAIT = 150; // labels, labels, milliseconds after a key
const $ = (id) => document.getElementById(id);
const state = {
  projects: [],          // [{id, name, results, element}] of the ticked models
  accepted: new Set(), rejected: new Set(),
  explained: null,       // [project, label]
  corrections: "off",
};

function make(tag, {text, className, ...attributes} = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// What does not print, such as marks that turn the direction of writing, is shown as its code.
const printable = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) =>
  "\n\t\u200c\u200d".includes(char) ? char : `\\u{${char.codePointAt(0).toString(16)}}`);
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

function say(text, isBad = false) {
  $("status").textContent = text;
  $("status").className = isBad ? "bad" : "";
}

async function ask(path, options = {}) {
  const response = await fetch(path, options);
  if (response.status === 204) return null;
  const value = await response.json().catch(() => ({detail: response.statusText}));
  if (!response.ok) throw new Error(value.detail || response.statusText);
  return value;
}

const form = (fields) => ({method: "POST", body: new URLSearchParams(fields)});
const address = (project, what) => `v1/projects/${encodeURIComponent(project)}/${what}`;

// --- suggestions -----------------------------------------------------------------------------------------------------

let waiting, latest = new AbortController();

function textChanged({isNew = false} = {}) {
  $("length").textContent = `${$("text").value.length.toLocaleString()} characters`;
  if (isNew || !$("text").value.trim()) { state.accepted.clear(); state.rejected.clear(); }
  hideWhy();
  clearTimeout(waiting);
  waiting = setTimeout(suggest, WAIT);
}

async function suggest() {
  latest.abort();
  latest = new AbortController();
  const {signal} = latest, text = $("text").value;
  if (!text.trim()) {
    for (const project of state.projects) project.results = [];
    say("");
    return showAll();
  }
  try {
    await Promise.all(state.projects.map(async (project) => {
      const path = address(project.id, "suggest");
      project.results = (await ask(path, {...form({text, limit: MOST_SUGGESTED}), signal})).results;
    }));
    say("");
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error.message, true);
  }
  if (!signal.aborted) showAll();
}

function shown(project) {
  const least = $("threshold").value / 100;
  return project.results.filter(({score, uri}) => score >= least || state.rejected.has(uri));
}

function showAll() {
  $("threshold-value").textContent = `${$("threshold").value} %`;
  const focused = document.activeElement?.dataset?.key;
  for (const project of state.projects) {
    const list = make("ul", {"aria-label": `Suggestions of ${project.name}`});
    for (const result of shown(project)) list.append(line(project, result));
    if (!list.children.length && project.results.length) {
      list.append(make("li", {className: "quiet", text: "No label is so probable; move the slider."}));
    }
    project.element.replaceChildren(...(state.projects.length > 1 ? [make("h2", {text: project.name})] : []), list);
  }
  if (focused) [...document.querySelectorAll("[data-key]")].find(({dataset}) => dataset.key === focused)?.focus();
  showChosen();
}

function line(project, {uri, label, score}) {
  const bar = make("span", {className: "bar", "aria-hidden": "true"});
  bar.style.width = `${100 * score}%`;
  const name = make("button", {className: "name", type: "button", title: "Why?"}, bar,
    make("span", {text: printable(label), dir: "auto"}), make("span", {className: "prob", text: percent(score)}));
  name.dataset.key = JSON.stringify([project.id, uri]);
  name.addEventListener("click", () => explain(project.id, uri));
  name.addEventListener("keydown", (event) => listKey(event, uri));
  const isAccepted = state.accepted.has(uri), isRejected = state.rejected.has(uri);
  const yes = make("button", {className: "yes", type: "button", text: "✓", tabindex: "-1", "aria-pressed": isAccepted,
    "aria-label": `Accept ${label}`});
  const no = make("button", {className: "no", type: "button", text: "✗", tabindex: "-1", "aria-pressed": isRejected,
    "aria-label": `Reject ${label}`});
  yes.addEventListener("click", () => decide(uri, "accepted"));
  no.addEventListener("click", () => decide(uri, "rejected"));
  const isExplained = state.explained?.[0] === project.id && state.explained[1] === uri;
  const kinds = [isAccepted && "accepted", isRejected && "rejected", isExplained && "explained"].filter(Boolean);
  return make("li", {className: ["label", ...kinds].join(" ")}, name, yes, no);
}

function listKey(event, uri) {
  const names = [...document.querySelectorAll("#columns .name")], place = names.indexOf(event.currentTarget);
  const {key} = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "ArrowDown") names[place + 1]?.focus();
  else if (key === "ArrowUp") names[place - 1]?.focus();
  else if (key === "a" || key === "A") decide(uri, "accepted");
  else if (key === "r" || key === "R") decide(uri, "rejected");
  else return;
  event.preventDefault();
}

function decide(label, what) {
  const other = what === "accepted" ? "rejected" : "accepted";
  if (!state[what].delete(label)) state[what].add(label);
  state[other].delete(label);
  showAll();
}

function showChosen() {
  $("chosen").replaceChildren(...[...state.accepted].map((label) => {
    const button = make("button", {type: "button", text: printable(label), dir: "auto", title: "Remove"});
    button.addEventListener("click", () => decide(label, "accepted"));
    return make("li", {}, button);
  }));
}

// --- why -------------------------------------------------------------------------------------------------------------

function hideWhy() {
  state.explained = null;
  $("why").hidden = true;
}

async function explain(project, label) {
  const text = $("text").value;
  try {
    const {results: [why]} = await ask(address(project, "explain"), form({text, labels: label}));
    if (text !== $("text").value) return;
    state.explained = [project, label];
    showWhy(text, why);
    showAll();
    if (matchMedia("(max-width: 52rem)").matches) $("why").scrollIntoView({block: "nearest"});
  } catch (error) {
    say(error.message, true);
  }
}

function showWhy(text, why) {
  const title = make("h2", {}, "Why ", make("bdi", {text: printable(why.label)}),
    why.probability === null ? "" : ` (${percent(why.probability)})`);
  const close = make("button", {type: "button", text: "Close"});
  close.addEventListener("click", () => { hideWhy(); showAll(); });
  const parts = [make("div", {className: "row"}, title, make("span", {className: "space"}), close), marked(text, why)];
  if (why.words.length) {
    const rows = why.words.filter(({contribution}) => Math.abs(contribution) >= 0.005).slice(0, 8);
    parts.push(make("h3", {text: "Words"}), table(rows.map(({word, contribution}) => [word, contribution])));
  }
  if (why.evidence.length) {
    const without = why.evidence.map(({name, change}) => [name, why.probability + change]);
    parts.push(make("h3", {text: "The probability without"}), table(without, percent));
  }
  if (why.neighbours.length) {
    const list = make("ul", {className: "similar"});
    for (const {text: words, labels, similarity, has_label: has} of why.neighbours.slice(0, 5)) {
      list.append(make("li", {className: has ? "has" : ""},
        make("div", {text: printable(words || "(a document whose words were not kept)"), dir: "auto"}),
        make("div", {className: "quiet", dir: "auto",
          text: `${percent(similarity)} similar · ${labels.map(printable).join(", ")}`})));
    }
    parts.push(make("h3", {text: "Similar documents"}), list);
  }
  $("why").replaceChildren(...parts);
  $("why").hidden = false;
}

function table(rows, format = signed) {
  return make("table", {}, ...rows.map(([name, value]) => make("tr", {},
    make("td", {text: printable(name), dir: "auto"}),
    make("td", {text: format(value), className: format === signed ? (value < 0 ? "minus" : "plus") : ""}))));
}

// The text with its words marked. Spans count characters, as Python does, and not halves of them, as JavaScript does.
function marked(text, {words}) {
  const chars = Array.from(text), sums = new Float64Array(chars.length);
  for (const {contribution, spans} of words) {
    for (const [start, end] of spans) for (let place = start; place < end; place++) sums[place] += contribution;
  }
  const most = sums.reduce((best, sum) => Math.max(best, Math.abs(sum)), 1e-9);
  const box = make("div", {className: "marked", dir: "auto", tabindex: "0", "aria-label": "The text, its words marked"});
  for (let start = 0, end; start < chars.length; start = end) {
    for (end = start + 1; end < chars.length && sums[end] === sums[start]; end++);
    const piece = printable(chars.slice(start, end).join("")), share = Math.abs(sums[start]) / most;
    if (share < 0.02) { box.append(piece); continue; }
    const mark = make("mark", {text: piece, className: sums[start] < 0 ? "against" : "for", title: signed(sums[start])});
    mark.style.setProperty("--share", share.toFixed(3));
    box.append(mark);
  }
  return box;
}

// --- adding a label --------------------------------------------------------------------------------------------------

let completing = new AbortController();

async function complete() {
  completing.abort();
  completing = new AbortController();
  const {signal} = completing, query = $("add").value;
  if (!query.trim() || !state.projects.length) return showCompletions([]);
  try {
    const found = await Promise.all(state.projects.map(({id}) =>
      ask(`${address(id, "labels")}?${new URLSearchParams({query, limit: MOST_COMPLETED})}`, {signal})));
    showCompletions([...new Set(found.flatMap(({labels}) => labels))].slice(0, MOST_COMPLETED));
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
  }
}

function showCompletions(labels) {
  const list = $("completions");
  list.replaceChildren(...labels.map((label, number) => {
    const item = make("li", {role: "option", id: `completion${number}`, text: printable(label), dir: "auto",
      "aria-selected": number === 0});
    item.label = label;
    item.addEventListener("mousedown", (event) => { event.preventDefault(); add(label); });
    return item;
  }));
  list.hidden = !labels.length;
  $("add").setAttribute("aria-expanded", String(labels.length > 0));
  mark(list.firstElementChild);
}

function mark(item) {
  for (const other of $("completions").children) other.setAttribute("aria-selected", String(other === item));
  if (item) { $("add").setAttribute("aria-activedescendant", item.id); item.scrollIntoView({block: "nearest"}); }
  else $("add").removeAttribute("aria-activedescendant");
}

function add(label) {
  state.accepted.add(label);
  state.rejected.delete(label);
  $("add").value = "";
  showCompletions([]);
  showAll();
}

function addKey(event) {
  const item = $("completions").querySelector("[aria-selected=true]");
  if (event.key === "ArrowDown") mark(item?.nextElementSibling ?? item);
  else if (event.key === "ArrowUp") mark(item?.previousElementSibling ?? item);
  else if (event.key === "Escape") showCompletions([]);
  else if (event.key === "Enter" && item) add(item.label);
  else if (event.key === "Enter" && $("add").value.trim()) add($("add").value.trim()); // a new label
  else return;
  event.preventDefault();
}

// --- taking it along -------------------------------------------------------------------------------------------------

// The labels to copy: the accepted ones, or all that are shown where none was accepted.
function copied() {
  const scores = new Map();
  for (const project of state.projects) {
    for (const {uri, score} of project.results) scores.set(uri, Math.max(score, scores.get(uri) ?? 0));
  }
  const labels = state.accepted.size ? [...state.accepted]
    : [...new Set(state.projects.flatMap((project) => shown(project).map(({uri}) => uri)))]
      .filter((label) => !state.rejected.has(label));
  return labels.map((label) => ({label, score: scores.get(label) ?? null}));
}

// A cell that a spreadsheet would take for a formula begins with an apostrophe.
const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
const FORMS = {
  list: (rows) => rows.map(({label}) => label).join("\n"),
  csv: (rows) => ["label,score", ...rows.map(({label, score}) => `${cell(label)},${score ?? ""}`)].join("\r\n"),
  json: (rows) => JSON.stringify(rows, null, 1),
};

async function copy(kind) {
  const rows = copied(), text = FORMS[kind](rows);
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without HTTPS, on another machine
    const area = make("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`Copied ${rows.length} label${rows.length === 1 ? "" : "s"}.`);
}

async function save() {
  const text = $("text").value, token = $("token").value;
  if (!text.trim() || !(state.accepted.size + state.rejected.size)) return say("Accept or reject a label first.", true);
  const named = (labels) => [...labels].map((label) => ({uri: label, label}));
  const headers = {"Content-Type": "application/json", ...(token && {Authorization: `Bearer ${token}`})};
  const body = JSON.stringify([{text, subjects: named(state.accepted), rejected: named(state.rejected)}]);
  $("save").disabled = true;
  try {
    await Promise.all(state.projects.map(({id}) => ask(address(id, "learn"), {method: "POST", headers, body})));
    say("Saved.");
  } catch (error) {
    say(error.message, true);
  } finally {
    $("save").disabled = false;
  }
}

// --- the beginning ---------------------------------------------------------------------------------------------------

async function readFile(file) {
  if (!file) return;
  const bytes = await file.arrayBuffer();
  let text;
  try { text = new TextDecoder("utf-8", {fatal: true}).decode(bytes); } catch { text = new TextDecoder("windows-1252").decode(bytes); }
  if (text.includes("\0")) return say("This is no text file.", true);
  $("text").value = text;
  textChanged({isNew: true});
}

function chooseProjects() {
  const ticked = [...document.querySelectorAll("#projects input:checked")].map(({value}) => value);
  state.projects = ticked.map((id) => ({id, name: id, results: [], element: make("div")}));
  $("columns").replaceChildren(...state.projects.map(({element}) => element));
  hideWhy();
  suggest();
}

async function start() {
  const [{projects}, {corrections}] = await Promise.all([ask("v1/projects"), ask("v1/")]);
  for (const {project_id: id, name, vocab} of projects) {
    const box = make("input", {type: "checkbox", value: id});
    box.checked = true;
    box.addEventListener("change", chooseProjects);
    $("projects").append(make("label", {}, box, make("span", {text: `${name} (${vocab.size.toLocaleString()} labels)`})));
  }
  state.corrections = corrections;
  $("save").hidden = corrections === "off";
  $("token").hidden = corrections !== "token";
  chooseProjects();
  document.body.dataset.ready = "yes";
}

$("text").addEventListener("input", () => textChanged());
$("text").addEventListener("paste", () => { // over all of the text: another document, with labels of its own
  const {selectionStart, selectionEnd, value} = $("text");
  if (selectionEnd - selectionStart === value.length) textChanged({isNew: true});
});
$("text").addEventListener("dragover", (event) => { event.preventDefault(); $("text").classList.add("dropping"); });
$("text").addEventListener("dragleave", () => $("text").classList.remove("dropping"));
$("text").addEventListener("drop", (event) => {
  $("text").classList.remove("dropping");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  readFile(event.dataTransfer.files[0]);
});
$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => { readFile($("file").files[0]); $("file").value = ""; });
$("clear").addEventListener("click", () => { $("text").value = ""; textChanged({isNew: true}); $("text").focus(); });
$("threshold").addEventListener("input", showAll);
$("add").addEventListener("input", complete);
$("add").addEventListener("keydown", addKey);
$("add").addEventListener("blur", () => showCompletions([]));
$("save").addEventListener("click", save);
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button.dataset.copy));
start().catch((error) => say(error.message, true));
