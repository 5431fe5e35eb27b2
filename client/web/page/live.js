// Says something to those who do not see the page.

export function say(text) {
  const place = document.getElementById("live");
  if (place.textContent !== visible(text)) place.textContent = visible(text);
}

/** Show one sentence above the page until it is shown no more; "" for none. */
export function banner(text) {
  const place = document.getElementById("banner");
  if (place.textContent !== visible(text)) place.textContent = visible(text);
  place.hidden = !text;
}
