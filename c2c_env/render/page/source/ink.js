// Black or white, whichever is easier to read on a colour.
import { rgb } from "d3-color";

export function inkOnColour(colour) {
  const { r, g, b } = rgb(colour);
  return 0.299 * r + 0.587 * g + 0.114 * b > 110 ? "#000" : "#fff";
}
