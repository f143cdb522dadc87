// Before and after, one over the other, with a handle that is an ordinary slider: keys, touch and screen readers work it.

import { onLanguage, say } from "/page/words.js";

function element(kind, name, parent) {
  const made = document.createElement(kind);
  made.className = name;
  parent?.append(made);
  return made;
}

// The slider over `frame`, whose custom property --at is moved from 0 % to 100 %.
function slider(frame, name) {
  const range = element("input", "compare-range", frame);
  Object.assign(range, { type: "range", min: "0", max: "100", step: "1", value: "50" });
  const move = () => {
    frame.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", say("comparePercent", range.value));
  };
  const relabel = () => {
    if (!frame.isConnected && frame.dataset.shown) return;
    range.setAttribute("aria-label", say("compare", name));
    for (const tag of frame.querySelectorAll("[data-side]")) tag.textContent = say(tag.dataset.side);
    move();
  };
  range.addEventListener("input", move);
  onLanguage(relabel);
  relabel();
  return range;
}

function tags(frame) {
  element("span", "compare-tag left", frame).dataset.side = "before";
  element("span", "compare-tag right", frame).dataset.side = "after";
  element("span", "compare-line", frame);
}

// A photograph. The browser may not show what was given (TIFF, HEIC): then its grey self stands for it, whose luma is the same.
export function comparePhotos(name, before, after) {
  const frame = document.createElement("div");
  frame.className = "compare";
  const now = element("img", "compare-after", frame);
  Object.assign(now, { src: after, alt: "", draggable: false });
  const was = element("img", "compare-before", frame);
  Object.assign(was, { alt: "", draggable: false });
  was.addEventListener("error", () => {
    was.classList.add("grey");
    was.src = after;
  }, { once: true });
  was.src = before;
  tags(frame);
  slider(frame, name);
  return frame;
}

function player(name, address, parent) {
  const stage = element("div", "compare-stage", parent);
  const film = element("video", "compare-after", stage);
  Object.assign(film, { src: address, controls: true, preload: "metadata", playsInline: true });
  film.setAttribute("aria-label", name);
  return stage;
}

// A film that was mended: without its colours it would not be what was given, so it is only played.
export function playFilm(name, address) {
  const frame = document.createElement("div");
  frame.className = "compare film";
  player(name, address, frame);
  return frame;
}

// A film: its own pictures, without their colours left of the handle. The slider lies below, for the controls are the film's.
export function compareFilm(name, address) {
  const frame = document.createElement("div");
  frame.className = "compare film";
  element("div", "compare-veil", player(name, address, frame));
  const below = element("div", "compare-below", frame);
  element("span", "", below).dataset.side = "before";
  frame.append(below);
  const range = slider(frame, name);
  below.append(range);
  element("span", "", below).dataset.side = "after";
  for (const tag of frame.querySelectorAll("[data-side]")) tag.textContent = say(tag.dataset.side);
  return frame;
}
