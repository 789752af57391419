// Puts the page together: every part draws once what stays, and then follows the step and the selection.
import "./style/page.css";
import { comparison } from "./compare.js";
import { controls } from "./controls.js";
import { curves } from "./curves.js";
import { details } from "./details.js";
import { make } from "./elements.js";
import { graph } from "./graph.js";
import { header } from "./header.js";
import { heatMap } from "./heatmap.js";
import { lanes } from "./lanes.js";
import { replayOf } from "./replay.js";
import { keepAddress, makeState } from "./state.js";
import { metricsTable, tables } from "./tables.js";
import { texts } from "./texts.js";

const data = JSON.parse(document.getElementById("data").textContent);
const replay = replayOf(data);
const state = makeState(replay);
const page = document.getElementById("page");
page.replaceChildren();

header(page, replay);
controls(page, replay, state);
for (const episode of replay.episodes) {
  const label = replay.compared ? `${episode.letter}: ${episode.policy}` : episode.policy;
  const section = make(page, "section", { class: "episode", "aria-label": `Episode ${label}` });
  if (replay.compared) make(section, "h2", { class: `letter-${episode.letter}` }, `Episode ${label}`);
  const row = make(section, "div", { class: "row" });
  graph(row, replay, episode, state);
  lanes(row, replay, episode, state);
  heatMap(row, replay, episode, state);
}
const below = make(page, "div", { class: "below" });
details(below, replay, state);
texts(below, replay, state);
curves(page, replay, state);
comparison(page, replay, state);
metricsTable(page, replay);
tables(page, replay, state);
const licences = make(page, "details", {});
make(licences, "summary", {}, "Licences of the packages in this page");
make(licences, "pre", {}, decoded(document.getElementById("licences").textContent));

keepAddress(state);
state.announce();

function decoded(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
