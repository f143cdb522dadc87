// The page: what is chosen, with which settings, and the cards of this visit.

import { announce, FilmCard, PhotoCard, save } from "/page/cards.js";
import { chooseByEye } from "/page/strip.js";
import { ask, onToken } from "/page/requests.js";
import { onLanguage, say, sayModel, sayProblem, setLanguage, usualLanguage } from "/page/words.js";
import { zip } from "/page/zip.js";

const at = (id) => document.getElementById(id);
const FILMS = /\.(mp4|m4v|mov|mkv|webm|avi|wmv|flv|mpe?g|m?ts|m2ts|vob|mxf)$/i;
const AT_ONCE = 2; // photographs on their way: one is sent while the other is coloured

// What a browser that forbids it does not remember, and that is all that is lost
function remember(store, name, value) {
  try {
    store.setItem(name, value);
  } catch {}
}

function remembered(store, name) {
  try {
    return store.getItem(name);
  } catch {
    return null;
  }
}

// settings

let models = [];

const model = () => models.find((one) => one.name === at("model").value);

const stages = () => ["tone", "damage", "noise"].filter((stage) => at(`restore-${stage}`).checked);

// As the API's fields, but for `only`: restore, and leave the colours
function options() {
  return {
    model: at("model").value || null,
    render_factor: at("factor-own").checked ? null : at("factor").value,
    watermark: at("watermark").checked ? true : null,
    restore: stages().join(",") || null,
    only: stages().length > 0 && at("restore-only").checked,
  };
}

function showSettings() {
  const chosen = model();
  const usual = chosen?.default_render_factor;
  if (at("factor-own").checked && usual) at("factor").value = usual;
  const factor = at("factor-own").checked ? (usual ?? "") : at("factor").value;
  at("factor-now").textContent = factor;
  at("model-about").textContent = chosen ? sayModel(chosen) : "";
  const { restore, only } = options();
  at("restore-only").disabled = !restore;
  const parts = [restore && say("restoreNow"), !only && chosen && `${chosen.name} · ${factor}`];
  at("settings-now").textContent = parts.filter(Boolean).join(" · ");
}

async function loadModels() {
  const said = await (await ask("/v1/models")).json();
  models = said.models;
  at("factor").max = said.limits.render_factor;
  drawModels();
  at("model").value = models.find((one) => one.default)?.name ?? "";
  showSettings();
}

function drawModels() {
  const chosen = at("model").value;
  at("model").replaceChildren(
    ...models.map((one) => {
      const text = one.available ? one.name : `${one.name} (${say("modelMissing")})`;
      return Object.assign(new Option(text, one.name), { disabled: !one.available });
    }),
  );
  if (chosen) at("model").value = chosen;
}

at("options").addEventListener("input", (event) => {
  if (event.target === at("factor")) at("factor-own").checked = false;
  showSettings();
});
at("options").addEventListener("submit", (event) => event.preventDefault());

// cards

const cards = new Set();
const turns = [];
let running = 0;

const page = {
  options,

  // Wait until fewer than AT_ONCE photographs are on their way, then do it.
  async turn(signal, work) {
    await new Promise((resolve, reject) => {
      const go = () => {
        running += 1;
        resolve();
      };
      signal.addEventListener("abort", () => {
        const place = turns.indexOf(go);
        if (place < 0) return;
        turns.splice(place, 1);
        reject(new DOMException("", "AbortError"));
      });
      if (running < AT_ONCE) go();
      else turns.push(go);
    });
    try {
      return await work();
    } finally {
      running -= 1;
      turns.shift()?.();
    }
  },

  changed() {
    at("results").hidden = cards.size === 0;
    at("cards").classList.toggle("single", cards.size === 1);
    document.body.classList.toggle("busy", cards.size > 0);
    at("all").disabled = packing || ![...cards].some((card) => card.done);
  },

  removed(card) {
    cards.delete(card);
    this.remember();
    this.changed();
  },

  // The films of this visit, which a page that is loaded anew still finds
  remember() {
    const films = [...cards].filter((card) => card.id).map(({ id, name }) => ({ id, name }));
    remember(sessionStorage, "films", JSON.stringify(films));
  },

  async byEye(card) {
    const chosen = await chooseByEye(card, at("model").value);
    if (chosen === null) return;
    if (chosen.keep) {
      at("factor-own").checked = false;
      at("factor").value = chosen.factor;
      showSettings();
    }
    await card.colour({ ...card.options, model: at("model").value, render_factor: chosen.factor });
  },

  isFilm(card) {
    const film = add(new FilmCard(card.name, page), card);
    film.colour(card.file);
  },

  isPhotograph(card, file) {
    add(new PhotoCard(file, page), card).colour(options());
  },
};

function add(card, inPlaceOf = null) {
  cards.add(card);
  if (inPlaceOf) {
    inPlaceOf.element.replaceWith(card.element);
    inPlaceOf.forget();
    cards.delete(inPlaceOf);
  } else {
    at("cards").prepend(card.element);
  }
  page.changed();
  return card;
}

function take(files) {
  for (const file of files) {
    const isFilm = file.type.startsWith("video/") || FILMS.test(file.name);
    if (isFilm) add(new FilmCard(file.name, page)).colour(file);
    else add(new PhotoCard(file, page)).colour(options());
  }
  if (files.length) at("results").scrollIntoView({ block: "start", behavior: "smooth" });
}

let packing = false;

async function downloadAll() {
  const done = [...cards].filter((card) => card.done);
  packing = true;
  page.changed();
  try {
    const files = [];
    for (const card of done) {
      at("all").textContent = say("zipping", files.length + 1, done.length);
      files.push(await card.result());
    }
    const packed = await zip(files);
    if (packed === null) {
      announce(say("zipTooLarge"));
      return;
    }
    const address = URL.createObjectURL(packed);
    save(address, "retint.zip");
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  } catch (error) {
    announce(sayProblem(error));
  } finally {
    packing = false;
    at("all").textContent = say("downloadAll");
    page.changed();
  }
}

at("all").addEventListener("click", downloadAll);
at("clear").addEventListener("click", () => {
  for (const card of [...cards]) card.remove();
});

// ways in

at("files").addEventListener("change", () => {
  take([...at("files").files]);
  at("files").value = "";
});

let dragged = 0; // elements under the pointer that were entered and not left
document.addEventListener("dragenter", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  dragged += 1;
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", () => {
  dragged = Math.max(0, dragged - 1);
  if (!dragged) document.body.classList.remove("dragging");
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  dragged = 0;
  document.body.classList.remove("dragging");
  take([...(event.dataTransfer?.files ?? [])]);
});
document.addEventListener("paste", (event) => {
  take([...(event.clipboardData?.files ?? [])]);
});

// language, appearance, token

at("language").addEventListener("change", () => remember(localStorage, "language", setLanguage(at("language").value)));
onLanguage(() => {
  drawModels();
  showSettings();
});

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  at("theme").value = theme;
}

at("theme").addEventListener("change", () => {
  remember(localStorage, "theme", at("theme").value);
  setTheme(at("theme").value);
});

let tokenAsked = null; // one dialog for all that wait for it

onToken(() => {
  tokenAsked ??= new Promise((resolve) => {
    const dialog = at("token");
    const close = async () => {
      try {
        await ask("/v1/session", "POST", { Authorization: `Bearer ${at("token-text").value}` });
        dialog.removeEventListener("close", close);
        tokenAsked = null;
        resolve();
      } catch (error) {
        at("token-wrong").textContent = error.status === 401 ? say("tokenWrong") : sayProblem(error);
        dialog.showModal();
      }
      at("token-text").value = "";
    };
    dialog.addEventListener("close", close);
    dialog.showModal();
  });
  return tokenAsked;
});

// begin

setTheme(remembered(localStorage, "theme") ?? "auto");
at("language").value = setLanguage(remembered(localStorage, "language") ?? usualLanguage());
loadModels().catch((error) => announce(sayProblem(error)));
for (const { id, name } of JSON.parse(remembered(sessionStorage, "films") ?? "[]")) {
  add(new FilmCard(name, page)).follow(id);
}
