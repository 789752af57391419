// The page of a game. Whatever the server sends is put in as text, never as markup.
"use strict";

const PARTS = ["work", "speech", "recipient", "topic"];
const SLOW = 1500, FAST = 250; // milliseconds between two looks at the game
let game = null;
let shown = "";
let sending = false;
let lastStep = null; // that was drawn

const byId = (id) => document.getElementById(id);
const number = (value, digits = 2) => String(Number(value.toFixed(digits)));
const steps = (count) => `${count} step${count === 1 ? "" : "s"}`;
const percent = (share) => `${Math.round(100 * share)} %`;

function make(tag, text = "", kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function bar(share, label, kind = "") {
  const outer = make("div", "", `bar ${kind}`);
  outer.setAttribute("role", "img");
  outer.setAttribute("aria-label", label);
  const inner = make("span");
  inner.style.width = `${Math.round(100 * Math.min(1, share))}%`;
  outer.append(inner);
  return outer;
}

function table(element, heads, rows) {
  const head = make("tr");
  for (const text of heads) {
    const cell = make("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = rows.map(({ cells, kind }) => {
    const row = make("tr", "", kind || "");
    cells.forEach((text, place) => {
      const cell = make(place ? "td" : "th", text);
      if (!place) cell.scope = "row";
      if (cells.length < heads.length && place === cells.length - 1) cell.colSpan = heads.length - place;
      row.append(cell);
    });
    return row;
  });
  element.replaceChildren(head, ...body);
}

// --- choices ---------------------------------------------------------------------------------------------------

function option(part, choice, content) {
  const label = make("label", "", choice.reason ? "choice illegal" : "choice");
  const input = document.createElement("input");
  input.type = "radio";
  input.name = part;
  input.value = choice.value;
  input.disabled = Boolean(choice.reason);
  label.append(input, ...content);
  return label;
}

function plainOption(part, choice, remark = "") {
  const content = [make("span", choice.label, "name")];
  const more = choice.reason || remark;
  if (more) content.push(make("span", more, "remark"));
  return option(part, choice, content);
}

function chosen(part) {
  const input = document.querySelector(`input[name="${part}"]:checked`);
  return input ? Number(input.value) : null;
}

function choose(part, value) {
  const input = document.querySelector(`input[name="${part}"][value="${value}"]`);
  if (input && !input.disabled) input.checked = true;
}

function subtaskContent(subtask, choice, view) {
  const head = make("span", "", "head");
  const state = choice.reason || (subtask.status === "ready" ? "ready" : subtask.status);
  head.append(make("span", choice.label, "name"), make("span", state, `state ${subtask.status}`));
  if (subtask.mine) head.append(make("span", "yours", "state mine"));
  const content = [head];
  if (subtask.status === "done") return content;
  const who = subtask.workers.length ? `${subtask.workers.map((name) => (name === view.me ? "you" : name)).join(", ")} worked on it in the last step` : "";
  const owner = subtask.owner && !subtask.mine ? `owner ${subtask.owner}` : "";
  const waits = subtask.waiting ? `${subtask.waiting} more wait${subtask.waiting === 1 ? "s" : ""} for it` : "";
  const facts = [
    `${number(subtask.left)} of ${number(subtask.effort)} h left`, subtask.domain, `your skill ${number(subtask.skill)}`,
    owner, who, waits,
  ];
  content.push(make("span", facts.filter(Boolean).join(" · "), "remark"));
  const speed = `Alignment Factor ${number(subtask.alignment)}: you would need about ${steps(subtask.steps)}`;
  const line = make("span", "", "speed");
  line.append(bar(subtask.alignment, speed, "alignment"), make("span", speed));
  content.push(line);
  const known = make("span", "", "facets");
  view.facets.forEach((facet, place) => {
    if (!subtask.counts[place]) return;
    const share = subtask.understanding[place];
    const one = make("span", "", "facet");
    one.append(make("span", `${facet} ${percent(share)}`), bar(share, `${facet} ${percent(share)}`));
    known.append(one);
  });
  content.push(known);
  if (subtask.knowing.length) content.push(make("span", `interface known to ${subtask.knowing.join(", ")}`, "remark"));
  for (const fact of subtask.facts) {
    const line = make("span", fact, "fact");
    if (choice.reason) line.title = fact; // it is cut short there
    content.push(line);
  }
  return content;
}

function drawChoices() {
  const { choices, view } = game;
  const before = Object.fromEntries(PARTS.map((part) => [part, chosen(part)]));
  const focused = document.activeElement && PARTS.includes(document.activeElement.name) ? document.activeElement : null;
  const focus = focused ? { name: focused.name, value: focused.value } : null;
  const order = ({ value }) => (value ? ["ready", "none", "blocked", "done"].indexOf(view.subtasks[value - 1].status) : 1);
  const work = [...choices.work].sort((left, right) => order(left) - order(right));
  byId("work").replaceChildren(
    ...work.map((choice) =>
      choice.value ? option("work", choice, subtaskContent(view.subtasks[choice.value - 1], choice, view))
        : plainOption("work", choice)),
  );
  byId("speech").replaceChildren(
    ...choices.speech.map((choice) => plainOption("speech", choice, choices.prices[choice.value].one)),
  );
  byId("recipient").replaceChildren(...choices.recipient.map((choice) => plainOption("recipient", choice)));
  byId("topic").replaceChildren(...choices.topic.map((choice) => plainOption("topic", choice)));
  const working = view.subtasks.findIndex((one) => one.workers.includes(view.me));
  choose("work", 0);
  choose("work", working + 1);
  if (before.work) choose("work", before.work);
  choose("speech", 0); // a message is never sent twice by taking one step after the other
  for (const part of ["recipient", "topic"]) if (before[part] !== null) choose(part, before[part]);
  const again = focus && document.querySelector(`input[name="${focus.name}"]:checked`);
  if (again) again.focus();
}

function move() {
  const speech = chosen("speech") || 0;
  const spoken = speech ? { recipient: chosen("recipient"), topic: chosen("topic") } : { recipient: 0, topic: 0 };
  return { step: game.step, work: chosen("work") || 0, speech, ...spoken };
}

function drawSummary() {
  const now = move();
  const { choices, view } = game;
  byId("message").hidden = !now.speech;
  const work = now.work ? `You work on ${view.subtasks[now.work - 1].name}` : "You do no work";
  let say = "and say nothing: no hours for talk.";
  let missing = "";
  if (now.speech) {
    const how = choices.speech[now.speech].label.toLowerCase();
    const to = now.recipient === null ? "" : choices.recipient[now.recipient].label;
    const topic = now.topic === null ? "" : `about ${view.subtasks[now.topic].name}`;
    const whom = [to, topic].filter(Boolean).join(" ");
    const price = choices.prices[now.speech][now.recipient === choices.recipient.length - 1 ? "team" : "one"];
    say = `and ${how}${whom ? ` (${whom})` : ""}, which ${price}.`;
    if (!to) missing = "Choose to whom.";
    else if (!topic) missing = "Choose about which subtask.";
  }
  byId("summary").textContent = `${work}, ${say} ${missing}`.trim();
  byId("go").disabled = sending || Boolean(missing) || game.phase !== "choosing";
}

// --- what is shown ---------------------------------------------------------------------------------------------

function drawHead() {
  const { view } = game;
  byId("workflow").textContent = game.workflow;
  byId("where").textContent = `You are ${view.me} in a team of ${view.team.length}; the others follow ${game.partners}.`;
  const debt = view.debt > 0 ? ` You owe ${number(view.debt)} h for messages, which the next steps lose.` : "";
  byId("clock").textContent = `Step ${view.step} of at most ${view.horizon}, of ${number(view.dt)} h each. `
    + `${number(view.hours)} h have passed; no team needs less than ${number(game.bound)} h.${debt}`;
  byId("time").firstElementChild.style.width = `${(100 * view.step) / view.horizon}%`;
}

function ago(age) {
  return age ? `${steps(age)} ago` : "just now";
}

function drawMail() {
  const { view } = game;
  const requests = [
    ...view.to_me.map((one) => make("li", `${one.who} waits for your answer about ${one.topic} (${ago(one.age)}).`, "due")),
    ...view.by_me.map((one) => make("li", `You wait for an answer of ${one.who} about ${one.topic} (${ago(one.age)}).`)),
  ];
  byId("requests").replaceChildren(...requests);
  const entries = [...game.mail].reverse().map((entry) => {
    const item = make("li", "", entry.sent ? "sent" : "read");
    item.append(make("span", `Step ${entry.step}: ${entry.said}`));
    if (entry.text) item.append(make("q", entry.text));
    return item;
  });
  byId("mail").replaceChildren(...(entries.length ? entries : [make("li", "No messages so far.", "empty")]));
}

function drawTeam() {
  const { view } = game;
  const members = view.team.map((mate) => {
    const item = make("li", "", mate.you ? "you" : "");
    const skills = Object.entries(mate.skills).sort((left, right) => right[1] - left[1]);
    item.append(
      make("span", mate.you ? `${mate.name} (you)` : mate.name, "name"),
      make("span", view.step ? ` worked on ${mate.working || "nothing"} in the last step` : ""),
      make("div", skills.map(([domain, skill]) => `${domain} ${number(skill)}`).join(" · "), "remark"),
    );
    return item;
  });
  byId("team").replaceChildren(...members);
}

function drawResult() {
  const { result } = game;
  byId("result").hidden = !result;
  byId("replay").hidden = !(result && game.replay);
  if (!result) return;
  const end = result.finished ? "All work is done." : "The time was over before all work was done.";
  byId("verdict").textContent = `${end} Your own messages, read and sent, cost you ${number(result.own_hours)} h.`;
  const rows = result.rows.map((row, place) => ({
    cells: row.reason ? [row.name, row.reason] : [
      row.name, row.success ? number(row.completion_time) : `${number(row.completion_time)} (not finished)`,
      number(row.score), number(row.communication_hours), number(row.messages),
      row.mean_alignment === null ? "–" : number(row.mean_alignment),
    ],
    kind: place ? "" : "you",
  }));
  rows.push({ cells: ["no team needs less than", number(game.bound), "1", "–", "–", "–"], kind: "" });
  const heads = ["team", "hours", "score", "hours of talk, all agents", "messages", "mean Alignment Factor"];
  table(byId("teams"), heads, rows);
  byId("note").textContent = `${result.note} Ctrl-C in the terminal ends the program.`.trim();
}

function notice(text, kind = "") {
  const place = byId("notice");
  place.textContent = text;
  place.className = kind;
  place.hidden = !text;
}

function draw() {
  const key = `${game.step} ${game.phase}`;
  if (key === shown) return;
  shown = key;
  if (game.step === 0) byId("help").open = true;
  else if (lastStep === 0) byId("help").open = false;
  lastStep = game.step;
  drawHead();
  drawChoices();
  drawMail();
  drawTeam();
  drawResult();
  drawSummary();
  const waiting = {
    waiting: "Your teammates decide. This page goes on by itself.",
    comparing: "The game is over. Other teams now play the same episode, to compare.",
  };
  if (game.phase === "failed") notice(`${game.trouble} The game cannot go on; start a new one.`, "trouble");
  else notice(waiting[game.phase] || "");
  const over = ["ended", "failed", "comparing"].includes(game.phase);
  byId("decision").hidden = over;
  byId("requests").hidden = over;
  document.querySelector("main").classList.toggle("over", over);
  if (game.phase === "ended") byId("result").scrollIntoView();
}

// --- the server ------------------------------------------------------------------------------------------------

async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  return { status: answer.status, data: await answer.json() };
}

async function take(event) {
  event.preventDefault();
  if (sending || !game || byId("go").disabled) return;
  sending = true;
  drawSummary();
  notice("Your teammates decide.");
  try {
    const body = JSON.stringify(move());
    const { status, data } = await ask("step", {
      method: "POST", body, headers: { "content-type": "application/json" },
    });
    notice("");
    if (status === 200) {
      game = data;
      shown = "";
    } else notice(data.error, "trouble");
  } catch {
    notice("The program that plays the game does not answer. Has it ended?", "trouble");
  }
  sending = false;
  if (game) draw();
  drawSummary();
}

async function look() {
  try {
    if (!sending) {
      const { data } = await ask("state");
      if (!sending) {
        const lost = byId("notice").classList.contains("lost");
        game = data;
        if (lost) shown = "";
        draw();
      }
    }
  } catch {
    notice("The program that plays the game does not answer. Has it ended?", "trouble lost");
    byId("go").disabled = true;
  }
  const busy = game && ["waiting", "comparing"].includes(game.phase);
  setTimeout(look, busy ? FAST : SLOW);
}

byId("decision").addEventListener("submit", take);
byId("decision").addEventListener("change", drawSummary);
byId("go").addEventListener("click", (event) => {
  if (event.detail > 1) event.preventDefault(); // the second click of a double click is not for the next step
});
byId("decision").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  if (event.repeat) event.preventDefault(); // neither is a key that is held down
  else if (event.target.type === "radio") {
    event.preventDefault();
    byId("decision").requestSubmit();
  }
});
look();
