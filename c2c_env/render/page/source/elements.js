// Elements are only ever made from names, attributes and plain text, so that no text of the data becomes markup.
const SVG = "http://www.w3.org/2000/svg";

export function make(parent, name, attributes = {}, text = undefined) {
  return filled(parent, document.createElement(name), attributes, text);
}

export function draw(parent, name, attributes = {}, text = undefined) {
  return filled(parent, document.createElementNS(SVG, name), attributes, text);
}

function filled(parent, element, attributes, text) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

export function button(parent, text, attributes, act) {
  const made = make(parent, "button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

// A table whose first column heads its rows; cells are texts, or functions that fill the cell.
export function table(parent, caption, heads, rows) {
  const frame = make(parent, "div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption });
  const made = make(frame, "table");
  make(made, "caption", {}, caption);
  const top = make(make(made, "thead"), "tr");
  for (const head of heads) make(top, "th", { scope: "col" }, head);
  const body = make(made, "tbody");
  fillRows(body, rows);
  return body;
}

export function fillRows(body, rows) {
  body.replaceChildren();
  for (const cells of rows) {
    const row = make(body, "tr");
    cells.forEach((cell, n) => {
      const box = n === 0 ? make(row, "th", { scope: "row" }) : make(row, "td");
      if (typeof cell === "function") cell(box);
      else box.textContent = cell;
    });
  }
}

// Calls with the width of an element now and whenever it has another one.
export function onWidth(element, act) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width > 0 && width !== last) act((last = width));
  }).observe(element);
}

// Lets Enter and space press what is no button.
export function pressable(element, act) {
  element.addEventListener("click", act);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  });
}
