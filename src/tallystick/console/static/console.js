// Keys, and more rows without a new page. Everything works without this file, too.
"use strict";

const keysDialog = document.getElementById("keys");

function rowLinks() {
  return [...document.querySelectorAll(".rows tbody a.sim")];
}

function moveTo(step) {
  const links = rowLinks();
  if (!links.length) return;
  const here = links.indexOf(document.activeElement);
  const place = here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1);
  links[place].focus();
  links[place].closest("tr").scrollIntoView({ block: "nearest" });
}

function picks() {
  return [...document.querySelectorAll(".pick input")];
}

// The row that was ticked last: the other end of a range.
let lastPick = null;

function sayHowMany() {
  const shown = document.getElementById("selected");
  if (!shown) return;
  const count = picks().filter((pick) => pick.checked).length;
  shown.textContent = count ? `${count.toLocaleString("en")} selected, or` : "Tick rows, or";
}

function pickTo(pick, isRange) {
  const all = picks();
  const from = isRange && lastPick ? all.indexOf(lastPick) : -1;
  if (from >= 0) {
    const to = all.indexOf(pick);
    all.slice(Math.min(from, to), Math.max(from, to) + 1)
      .forEach((each) => (each.checked = pick.checked));
  }
  lastPick = pick;
  sayHowMany();
}

function pickHere(isRange) {
  const pick = document.activeElement?.closest("tr")?.querySelector(".pick input");
  if (!pick) return;
  pick.checked = isRange || !pick.checked;
  pickTo(pick, isRange);
}

document.addEventListener("click", (event) => {
  if (event.target.matches(".pick input")) pickTo(event.target, event.shiftKey);
});

// A browser that goes back shows what was ticked.
window.addEventListener("pageshow", sayHowMany);

function press(key) {
  document.querySelector(`[data-key="${key}"]`)?.click();
}

const ACTIONS = {
  j: () => moveTo(1),
  k: () => moveTo(-1),
  x: () => pickHere(false),
  X: () => pickHere(true),
  e: () => press("e"),
  p: () => press("p"),
  a: () => document.querySelector('[data-key="a"]')?.focus(),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => keysDialog?.showModal(),
};

function isTyping(target) {
  return target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || keysDialog?.open) return;
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// How long ago a moment was, in the largest unit that it has two of.
function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= 2 * each) ?? UNITS.at(-1);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  return words.format(Math.trunc(seconds / length), unit);
}

// A list has no element for each time: that would make a page of 10,000 rows larger by a tenth.
function momentOf(shown) {
  const text = shown.textContent.trim();
  return shown.dateTime ?? text.replace(" ", "T").replace(" UTC", "Z").replace(" ", "");
}

document.addEventListener("mouseover", (event) => {
  const shown = event.target.closest("time, td.at");
  const moment = shown && Date.parse(momentOf(shown));
  if (moment) shown.title = ago(moment);
});

async function loadMore(link) {
  link.setAttribute("aria-busy", "true");
  const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
  // Whoever is signed out meanwhile is shown the form, as a page of its own.
  if (!answer.ok || answer.redirected) return void location.assign(link.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const bodies = page.querySelectorAll(".rows tbody");
  const first = bodies[0]?.querySelector("a.sim");
  document.querySelector(".rows").append(...bodies);
  document.getElementById("shown").textContent = rowLinks().length.toLocaleString("en");
  const next = page.getElementById("more");
  if (next) link.replaceWith(next);
  else link.remove();
  first?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#more");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  loadMore(link).catch(() => location.assign(link.href));
});

// Copying: a button beside each command and beside the number that a page is about.
async function copied(text) {
  // A page by plain HTTP of another machine is given no clipboard: there the old way works.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  if (!isDone) throw new Error("the browser refused to copy");
}

function copyButton(source, what) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  const say = (shown, spoken = shown) => {
    button.textContent = shown;
    button.setAttribute("aria-label", spoken);
  };
  say("Copy", `Copy ${what}`);
  button.addEventListener("click", async () => {
    const text = source.textContent.trim();
    say(await copied(text).then(() => "Copied", () => "Select it and copy"));
    setTimeout(() => say("Copy", `Copy ${what}`), 2000);
  });
  return button;
}

function addCopyButtons() {
  for (const command of document.querySelectorAll("pre")) {
    const frame = document.createElement("div");
    frame.className = "copyable";
    command.replaceWith(frame);
    frame.append(command, copyButton(command, command.dataset.what ?? "this command"));
  }
  for (const number of document.querySelectorAll("h1 .digits")) {
    number.after(" ", copyButton(number, number.textContent));
  }
}

addCopyButtons();

// A file that was chosen stays chosen while the server's answer is put below the form.
async function sendFile(form, button) {
  const outcome = document.getElementById("outcome");
  const sent = new FormData(form, button);
  outcome.textContent = "The file is sent and read …";
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: sent });
    if (answer.redirected) return void location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = page.getElementById("outcome") ?? page.querySelector("main");
    outcome.replaceChildren(...parts.childNodes);
  } catch {
    outcome.textContent = "The server did not answer, or refused the file unread.";
  } finally {
    button.disabled = false;
  }
}

const fileForm = document.getElementById("file-form");

fileForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  sendFile(event.target, event.submitter);
});

// A file that is dropped on the form is chosen, and shown as it would be read.
function takeDropped(files) {
  if (files.length !== 1) {
    document.getElementById("outcome").textContent = "Drop one file at a time.";
    return;
  }
  fileForm.elements.file.files = files;
  fileForm.requestSubmit(fileForm.querySelector("[value=preview]"));
}

fileForm?.addEventListener("dragover", (event) => {
  event.preventDefault();
  fileForm.classList.add("over");
});
fileForm?.addEventListener("dragleave", () => fileForm.classList.remove("over"));
fileForm?.addEventListener("drop", (event) => {
  event.preventDefault();
  fileForm.classList.remove("over");
  takeDropped(event.dataTransfer.files);
});

// A picture that is wider than its place begins at the newest mismatch, if it has one.
function showNewestMismatch(picture) {
  const stays = [...picture.querySelectorAll(".stay.unexpected")];
  if (!stays.length) return;
  const { left, width } = picture.getBoundingClientRect();
  const newest = Math.max(...stays.map((stay) => stay.getBoundingClientRect().right));
  picture.scrollLeft += newest - left - width / 2;
}

document.querySelectorAll(".newest").forEach(showNewestMismatch);

// What is under way is asked for again and again, as long as the page is looked at.
async function askAgain(live) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected) return void location.assign(answer.url);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh) live.replaceWith(fresh);
}

function watch() {
  const live = document.querySelector("#live[data-again]");
  if (!live) return;
  if (document.hidden) return void watchLater();
  askAgain(live).then(watchLater, watchLater);
}

function watchLater() {
  const live = document.querySelector("#live[data-again]");
  if (live) setTimeout(watch, 1000 * live.dataset.again);
}

watchLater();
