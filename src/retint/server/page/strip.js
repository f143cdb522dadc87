// The same picture at five render factors, to choose from by eye.

import { post } from "/page/requests.js";
import { say, sayProblem } from "/page/words.js";

const at = (id) => document.getElementById(id);

function picture(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
}

function choice({ render_factor: factor, default: usual, image, media_type: type }, chosen) {
  const label = document.createElement("label");
  label.className = "strip-choice";
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "strip", value: factor });
  radio.checked = chosen;
  const shown = Object.assign(document.createElement("img"), { src: picture(image, type), alt: "" });
  const caption = document.createElement("span");
  caption.textContent = usual ? `${factor} · ${say("stripUsual")}` : factor;
  label.append(radio, shown, caption);
  return label;
}

// Resolves with {factor, keep}, or null where the person leaves it as it was.
export async function chooseByEye(card, model) {
  const dialog = at("strip");
  const choices = at("strip-choices");
  const stopping = new AbortController();
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  choices.querySelectorAll("label").forEach((label) => label.remove());
  at("strip-take").disabled = true;
  at("strip-keep").checked = false;
  at("strip-state").textContent = say("stripWait");
  dialog.returnValue = "cancel";
  dialog.showModal();
  post("/v1/strip", card.form({ model: model || null }), { signal: stopping.signal })
    .then(async (request) => {
      const { strip } = JSON.parse(await request.response.text());
      const now = Number(card.options.render_factor);
      choices.append(...strip.map((one) => choice(one, now ? one.render_factor === now : one.default)));
      at("strip-state").textContent = "";
      at("strip-take").disabled = false;
      choices.querySelector("input:checked")?.focus();
    })
    .catch((error) => {
      if (error.name !== "AbortError") at("strip-state").textContent = sayProblem(error);
    });
  await closed;
  stopping.abort();
  const chosen = choices.querySelector("input:checked");
  choices.querySelectorAll("img").forEach((one) => URL.revokeObjectURL(one.src));
  if (dialog.returnValue !== "take" || !chosen) return null;
  return { factor: Number(chosen.value), keep: at("strip-keep").checked };
}
