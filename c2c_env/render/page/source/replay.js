// What is derived from the data once: short names, sums over steps, and events in the order of the clock.
import { EVENTS } from "./colours.js";

export function replayOf(data) {
  const episodes = data.episodes.map((episode, index) => derived(data, episode, index));
  return {
    ...data,
    episodes,
    compared: episodes.length > 1,
    steps: Math.max(...episodes.map((episode) => episode.steps)),
    names: data.agents.map((_, n) => shortName(n)),
    eventSteps: stepsOf(episodes),
    firstDifference: episodes.length > 1 ? firstDifference(...episodes) : null,
  };
}

const shortName = (agent) => (agent === 0 ? "m0" : `w${agent}`);

function derived(data, episode, index) {
  const terms = data.reward_terms.map((_, term) => summed(episode.reward_terms.map((step) => step[term])));
  return { ...episode, index, letter: "AB"[index], rewards: terms };
}

function summed(values) {
  let sum = 0;
  return [0, ...values.map((value) => (sum += value))];
}

function stepsOf(episodes) {
  const steps = new Set();
  for (const { events } of episodes) {
    for (const event of events) if (event.kind in EVENTS) steps.add(event.step);
  }
  return [...steps].sort((left, right) => left - right);
}

// The first step in which somebody decides something else, or one team is done and the other is not.
function firstDifference(left, right) {
  const shared = Math.min(left.steps, right.steps);
  for (let n = 0; n < shared; n += 1) {
    const agent = left.actions[n].findIndex((action, i) => String(action) !== String(right.actions[n][i]));
    if (agent >= 0) return { step: n + 1, agent };
  }
  return left.steps === right.steps ? null : { step: shared + 1, agent: null };
}

// An episode that ended earlier stays at its end.
export const within = (episode, step) => Math.min(step, episode.steps);

export const titleOf = (replay, k) => replay.subtasks[k].title || replay.subtasks[k].id;

export const agentName = (replay, agent) => (agent < 0 ? "nobody" : replay.agents[agent]);

export function recipients(replay, message) {
  return message.recipient < 0 ? "the whole team" : replay.agents[message.recipient];
}

export function shareDone(replay, episode, step, k) {
  const { effort } = replay.subtasks[k];
  const left = episode.remaining[step][k];
  return effort > 0 ? Math.max(0, Math.min(1, 1 - left / effort)) : Number(episode.status[step][k] === 2);
}

// The text that a prompted agent wrote when it sent a message, if it is known.
export function textOf(episode, message) {
  const found = episode.texts.find(({ step, agents }) => step === message.sent && agents.includes(message.sender));
  return found ? found.answer : null;
}

export const number = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
export const hours = (value) => `${number(value)} h`;
