// The colours of Okabe and Ito, which people with any kind of colour vision tell apart, and where they are used.
import { scaleLinear } from "d3-scale";

const ORANGE = "#E69F00";
const SKY = "#56B4E9";
const GREEN = "#009E73";
const YELLOW = "#F0E442";
const BLUE = "#0072B2";
const VERMILLION = "#D55E00";
const PURPLE = "#CC79A7";

const DOMAINS = [BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, YELLOW];
export const domainColour = (index) => DOMAINS[index % DOMAINS.length];
export const lineColour = (index) => [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY][index % 6];

export const USES = [
  { name: "work", colour: GREEN },
  { name: "sending", colour: BLUE },
  { name: "reading", colour: SKY },
  { name: "meeting", colour: ORANGE },
  { name: "wasted", colour: VERMILLION },
  { name: "idle", colour: "var(--idle)" },
];
export const DEBT = { name: "debt", colour: "var(--debt)" };
export const CHANNELS = [PURPLE, BLUE, ORANGE]; // chat, email, meeting, as in the other pictures
export const EVENTS = {
  finished: { title: "subtask finished", colour: GREEN },
  rework: { title: "came back as rework", colour: VERMILLION },
  changed: { title: "requirements changed", colour: PURPLE },
  meeting: { title: "meeting", colour: ORANGE },
  refused: { title: "meeting refused", colour: BLUE },
};

// the ramp of Alignment Factors that the other pictures of an environment use as well: the brighter, the higher
const RAMP = ["#471365", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
export const alignmentColour = scaleLinear(
  RAMP.map((_, n) => n / (RAMP.length - 1)),
  RAMP,
).clamp(true);
