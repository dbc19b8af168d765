// Elements and words. Text from outside only ever becomes text: nothing here takes markup.

function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function find(id) {
  return document.getElementById(id);
}

// Characters that are not seen, or that turn text around, are shown by their number.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function shown(text) {
  return String(text).replace(UNSEEN, (found) => "\\u" + found.charCodeAt(0).toString(16).padStart(4, "0"));
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function numberText(value) {
  if (!isNumber(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  return String(Number(value.toPrecision(3)));
}

function clock(seconds) {
  if (!isNumber(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const whole = Math.abs(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const fraction = whole < 60 && whole % 1 ? parts[2].toFixed(1).padStart(4, "0") : String(Math.floor(parts[2])).padStart(2, "0");
  return sign + (parts[0] ? parts[0] + ":" + String(parts[1]).padStart(2, "0") : parts[1]) + ":" + fraction;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function plural(count, noun) {
  return count.toLocaleString("en") + " " + noun + (count === 1 ? "" : "s");
}
