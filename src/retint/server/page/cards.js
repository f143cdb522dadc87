// One card for each file: what is being done with it, and what became of it.

import { compareFilm, comparePhotos, playFilm } from "/page/compare.js";
import { ask, post, Problem } from "/page/requests.js";
import { onLanguage, say, sayMended, sayProblem, sayTime } from "/page/words.js";

// What browsers show by themselves. Of other kinds a JPEG is shown, and the download is made in the file's own kind.
const SHOWN = ["image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"];

// Problems of the file itself, which another try does not change
const HOPELESS = ["UnsupportedInputError", "UnreadablePhotoError", "UnreadableFilmError", "MissingExtraError", "TooLarge"];

// What is ticked, in the stages of films
const FILM_STAGES = { tone: "flicker", damage: "dust,scratches", noise: "noise" };

const STRETCHES = 8; // of a film, of which a frame each is shown

export function announce(text) {
  document.getElementById("said").textContent = text;
}

export function save(address, name) {
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

function resultName(name, ending, type) {
  const endings = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/avif": ".avif" };
  const dot = name.lastIndexOf(".");
  return `${dot > 0 ? name.slice(0, dot) : name}${ending}${endings[type] ?? ""}`;
}

class Card {
  constructor(name, page) {
    this.name = name;
    this.page = page;
    this.state = () => "";
    const made = document.getElementById("card").content.cloneNode(true);
    this.element = made.querySelector("li");
    this.part = (part) => this.element.querySelector(`.card-${part}`);
    this.part("name").textContent = name;
    onLanguage(() => this.element.isConnected && this.draw());
  }

  draw() {
    const text = this.state();
    if (this.part("state").textContent !== text) this.part("state").textContent = text;
    this.part("progress").setAttribute("aria-label", say("progress", this.name));
    for (const button of this.part("actions").children) button.textContent = say(button.dataset.word);
  }

  show(kind, state, progress = null) {
    this.element.dataset.kind = kind; // working, done, failed
    this.state = state;
    const bar = this.part("progress");
    bar.hidden = kind !== "working";
    if (progress === null) bar.removeAttribute("value");
    else bar.value = progress;
    this.draw();
    this.page.changed();
  }

  actions(...actions) {
    this.part("actions").replaceChildren(
      ...actions.map(([word, act, kind = ""]) => {
        const button = Object.assign(document.createElement("button"), { type: "button", className: `button ${kind}` });
        button.dataset.word = word;
        button.addEventListener("click", () => act());
        return button;
      }),
    );
    this.draw();
  }

  picture(...shown) {
    this.part("picture").replaceChildren(...shown);
  }

  notes(notes) {
    const list = this.part("notes");
    list.hidden = notes.length === 0;
    list.replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  }

  fail(problem, retry) {
    if (!(problem instanceof Problem)) throw problem;
    const again = retry && !HOPELESS.includes(problem.code);
    this.actions(...(again ? [["retry", retry]] : []), ["remove", () => this.remove(), "plain"]);
    this.show("failed", () => sayProblem(problem));
    announce(say("saidFailed", this.name, sayProblem(problem)));
  }

  get done() {
    return this.element.dataset.kind === "done";
  }

  remove() {
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    const held = this.element.contains(document.activeElement);
    this.forget();
    this.element.remove();
    this.page.removed(this);
    announce(say("saidRemoved", this.name));
    if (held) (next?.querySelector("button") ?? document.getElementById("files")).focus();
  }
}

export class PhotoCard extends Card {
  constructor(file, page) {
    super(file.name || say("pasted"), page);
    this.file = file;
    this.before = URL.createObjectURL(file);
    this.after = null;
    this.blob = null;
    const still = Object.assign(document.createElement("img"), { src: this.before, alt: "", className: "waiting" });
    still.addEventListener("error", () => still.remove());
    this.picture(still);
  }

  // To send: where, and what. options: as the page's
  request(options) {
    const { restore, only, ...colour } = options;
    return only ? ["/v1/restore", this.form({ stages: restore })] : ["/v1/colorize", this.form({ ...colour, restore })];
  }

  form(options) {
    const form = new FormData();
    for (const [name, value] of Object.entries(options)) if (value !== null) form.append(name, value);
    form.append("file", this.file, this.name);
    return form;
  }

  // Resolves when it is done, failed or cancelled. options: as the page's
  async colour(options) {
    this.options = options;
    this.stopping = new AbortController();
    this.actions(["cancel", () => this.cancel(), "plain"]);
    this.show("working", () => say("queued"));
    await this.page.turn(this.stopping.signal, () => this.send()).catch((error) => {
      if (error.name === "AbortError") return;
      if (error.code === "IsFilm") this.page.isFilm(this);
      else this.fail(error, () => this.colour(this.options));
    });
  }

  async send() {
    const own = SHOWN.includes(this.file.type) ? "*/*" : "image/jpeg";
    const { restore, only } = this.options;
    const work = only ? "restoring" : restore ? "restoringColouring" : "colouring";
    const request = await post(...this.request(this.options), {
      accept: own,
      signal: this.stopping.signal,
      onUpload: (share) =>
        this.show("working", () => (share < 1 ? say("sending", Math.round(share * 100)) : say(work)), share < 1 ? share : null),
      onBusy: (seconds) => this.show("working", () => say("busy", seconds)),
    });
    const type = request.getResponseHeader("Content-Type");
    const [width, height] = request.getResponseHeader("Retint-Size").split("x");
    const model = decodeURIComponent(request.getResponseHeader("Retint-Model") ?? "");
    const factor = request.getResponseHeader("Retint-Render-Factor");
    const mended = JSON.parse(request.getResponseHeader("Retint-Restored") ?? "null");
    if (restore && own !== "*/*") await this.showBefore();
    this.release();
    this.blob = request.response;
    this.exact = own === "*/*"; // the blob is what a download gives
    this.resultName = resultName(this.name, only ? "-restored" : "-color", type);
    this.after = URL.createObjectURL(this.blob);
    this.picture(comparePhotos(this.name, this.before, this.after));
    this.notes(JSON.parse(request.getResponseHeader("Retint-Notes") ?? "[]"));
    this.actions(
      ["download", () => this.download(), "primary"],
      ...(only ? [] : [["byEye", () => this.page.byEye(this)]]),
      [only ? "anew" : "again", () => this.colour(this.page.options())],
      ["remove", () => this.remove(), "plain"],
    );
    this.show("done", () => {
      const size = only ? say("doneSize", width, height) : say("done", width, height, model, factor);
      return mended === null ? size : `${size} · ${sayMended(mended)}`;
    });
    announce(say("saidDone", this.name));
  }

  // What the browser does not show, restored not at all: as a JPEG. The grey of the result would not be what was there.
  async showBefore() {
    const form = this.form({ stages: "tone", strength: "0", cast: "keep" });
    const request = await post("/v1/restore", form, { accept: "image/jpeg", signal: this.stopping.signal });
    URL.revokeObjectURL(this.before);
    this.before = URL.createObjectURL(request.response);
  }

  cancel() {
    this.stopping.abort();
    announce(say("saidCancelled", this.name));
    this.remove();
  }

  async result() {
    if (this.exact) return { name: this.resultName, blob: this.blob };
    const request = await post(...this.request(this.options)); // now in the photograph's own kind
    const said = request.getResponseHeader("Content-Disposition");
    return { name: decodeURIComponent(said.split("filename*=UTF-8''")[1]), blob: request.response };
  }

  async download() {
    try {
      const { name, blob } = await this.result();
      const address = URL.createObjectURL(blob);
      save(address, name);
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    } catch (error) {
      this.fail(error, () => this.colour(this.options));
    }
  }

  release() {
    if (this.after) URL.revokeObjectURL(this.after);
  }

  forget() {
    this.stopping?.abort();
    this.release();
    URL.revokeObjectURL(this.before);
  }
}

export class FilmCard extends Card {
  constructor(name, page) {
    super(name, page);
    this.preview = 0;
    this.stretch = -1;
  }

  async colour(file) {
    const { only, restore, ...colour } = this.page.options();
    const stages = restore && restore.split(",").map((stage) => FILM_STAGES[stage]).join();
    const options = { ...(only ? { colorize: false } : colour), restore: stages };
    this.stopping = new AbortController();
    this.actions(["cancel", () => this.remove(), "plain"]);
    const form = new FormData();
    const asked = { ...options, container: "mp4", while_watched: true };
    for (const [name, value] of Object.entries(asked)) if (value !== null) form.append(name, value);
    form.append("file", file, this.name);
    try {
      const request = await post("/v1/jobs", form, {
        signal: this.stopping.signal,
        onUpload: (share) => this.show("working", () => say("sending", Math.round(share * 100)), share),
        onBusy: (seconds) => this.show("working", () => say("busy", seconds)),
      });
      this.follow(JSON.parse(await request.response.text()).id);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.code === "IsPhotograph") this.page.isPhotograph(this, file);
      else this.fail(error, () => this.colour(file));
    }
  }

  get address() {
    return `/v1/jobs/${this.id}`;
  }

  follow(id) {
    this.id = id;
    this.page.remember();
    this.actions(["cancel", () => this.remove(), "plain"]);
    this.show("working", () => say("filmWaiting", 0));
    this.events = new EventSource(`${this.address}/events`);
    this.events.addEventListener("job", (event) => this.hear(JSON.parse(event.data)));
    this.events.addEventListener("removed", () => this.events.close());
    this.events.addEventListener("error", () => {
      if (this.element.dataset.kind !== "working") return;
      this.show("working", () => say("filmLost"));
      if (this.events.readyState === EventSource.CLOSED) this.lookAgain();
    });
  }

  // The browser has given up on the events: the server may have been started anew, or have forgotten the film.
  async lookAgain() {
    try {
      this.hear(await (await ask(this.address)).json());
      if (this.element.dataset.kind === "working") this.follow(this.id);
    } catch (error) {
      if (error.code === "Offline") setTimeout(() => this.element.isConnected && this.lookAgain(), 3000);
      else this.fail(error);
    }
  }

  hear(job) {
    if (job.preview !== this.preview && job.state === "running") this.showPreview(job);
    if (job.state === "waiting") this.show("working", () => say("filmWaiting", job.queue ?? 0));
    else if (job.state === "running") this.showProgress(job.progress);
    else {
      this.events.close();
      if (job.state === "done") this.finish(job.result);
      else if (job.state === "failed") this.fail(new Problem(job.problem), () => this.resume());
      else this.interrupted();
    }
  }

  showProgress(progress) {
    if (progress === null) return;
    const { stage, frames, of, scene, seconds_left: left } = progress;
    const how = () => (stage === "restore" ? say("filmMending", frames, of) : say("filmRunning", scene, frames, of));
    const text = () => (stage === "save" ? say("filmSaving") : how() + (left === null ? "" : say("filmLeft", sayTime(left))));
    this.show("working", text, of ? Math.min(1, frames / of) : null);
  }

  // The latest frame large, and below it one from each stretch of the film that is done.
  showPreview(job) {
    this.preview = job.preview;
    const address = `${this.address}/preview?${job.preview}`;
    const large = this.part("picture").querySelector("img");
    if (large) large.src = address;
    else this.picture(Object.assign(document.createElement("img"), { src: address, alt: "" }));
    const { frames = 0, of = null } = job.progress ?? {};
    const stretch = Math.floor(of ? (frames / of) * STRETCHES : frames / 240);
    const strip = this.part("strip");
    strip.hidden = false;
    if (stretch !== this.stretch) {
      this.stretch = stretch;
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("img"), { alt: "" }));
      strip.append(item);
      while (strip.children.length > STRETCHES) strip.firstElementChild.remove();
    }
    strip.lastElementChild.firstElementChild.src = address;
  }

  finish(result) {
    this.resultName = result.name;
    this.size = result.bytes;
    this.part("strip").hidden = true;
    const { frames, scenes, model, restored } = result;
    this.picture((restored.length ? playFilm : compareFilm)(this.name, `${this.address}/result`));
    this.notes(result.notes);
    this.actions(["download", () => save(`${this.address}/result`, this.resultName), "primary"], ["remove", () => this.remove(), "plain"]);
    this.show("done", () => {
      const what = model ? say("filmDone", frames, scenes, model) : say("filmMended", frames);
      return what + (restored.length ? say("filmStages", sayMended(restored)) : "");
    });
    announce(say("saidDone", this.name));
  }

  interrupted() {
    this.actions(["resume", () => this.resume(), "primary"], ["remove", () => this.remove(), "plain"]);
    this.show("failed", () => say("filmInterrupted"));
    announce(say("saidFailed", this.name, say("filmInterrupted")));
  }

  async resume() {
    try {
      await ask(`${this.address}/resume`, "POST");
      this.follow(this.id);
    } catch (error) {
      this.fail(error, error.status === 429 ? () => this.resume() : null);
    }
  }

  async result() {
    return { name: this.resultName, blob: await (await ask(`${this.address}/result`)).blob() };
  }

  forget() {
    this.stopping?.abort();
    this.events?.close();
    if (this.id) ask(this.address, "DELETE").catch(() => {}); // gone already, or to be removed after a while anyway
  }
}
