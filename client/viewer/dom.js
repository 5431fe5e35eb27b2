"use strict";
// Elements, and times as text. Texts from outside enter as text nodes and attributes only; names of
// people and files stand in `bdi`, so that letters from right to left order nothing around them.

// Unicode's bidi controls, and control characters.
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Show what would reorder a text by its number: \u202e. */
function visible(text) {
  return String(text).replace(STEERING, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Make an element: `attributes` by name, `children` elements or texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      const isRead = name === "title" || name === "aria-label";
      made.setAttribute(name, value === true ? "" : isRead ? visible(value) : value);
    }
  }
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** Write 66.789 as 1:06.8 and 3666.789 as 1:01:06.8; `digits` 0 to 3 of the second's parts. */
function clock(time_s, digits = 1) {
  const scale = 10 ** digits;
  const parts = Math.floor(time_s * scale + 0.5 + 1e-6);
  const whole = Math.floor(parts / scale);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (number) => String(number).padStart(2, "0");
  const fraction = digits ? "." + String(parts % scale).padStart(digits, "0") : "";
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(whole % 60)}${fraction}`;
}

/** Write a length in seconds with one digit. */
function seconds(length_s) {
  return `${(Math.floor(length_s * 10 + 0.5 + 1e-6) / 10).toFixed(1)} s`;
}

/** Write a length as seconds below a minute, as a clock from there. */
function duration(length_s) {
  return length_s < 59.95 ? seconds(length_s) : clock(length_s, 0);
}

/** Write a share, 0 to 1, as whole percent. */
function percent(share) {
  return `${Math.floor(share * 100 + 0.5 + 1e-9)} %`;
}

/** Decode base64. */
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // browsers since 2025, ten times as fast
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const N_VOICES = 8; // colours in viewer.css; more speakers share them, and keep their own lanes

/** Give every speaker the number of a colour, by first appearance in these lists of turns. */
function voices(...lists) {
  const names = new Set(lists.flatMap((turns) => turns.map((turn) => turn.speaker)));
  return new Map([...names].map((name, number) => [name, number % N_VOICES]));
}
