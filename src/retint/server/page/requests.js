// Asking the server. XMLHttpRequest where a file is sent, for fetch tells nothing of an upload's progress.

export class Problem extends Error {
  constructor(said) {
    super(said.detail);
    this.code = said.code;
    this.detail = said.detail;
    this.status = said.status;
  }
}

let askToken = async () => {};

export function onToken(ask) {
  askToken = ask;
}

const offline = () => new Problem({ code: "Offline", detail: "The server cannot be reached.", status: 0 });

async function problemOf(text, status) {
  try {
    return new Problem(JSON.parse(text));
  } catch {
    return new Problem({ code: "Fault", detail: `The server answered with ${status}.`, status });
  }
}

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });

function once(address, form, { accept, signal, onUpload }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "blob";
    if (accept) request.setRequestHeader("Accept", accept);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onUpload?.(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => onUpload?.(1));
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(offline()));
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    if (signal?.aborted) reject(new DOMException("", "AbortError"));
    else request.send(form);
  });
}

// Post a form until the server has room for it. Throws Problem, or AbortError.
export async function post(address, form, how = {}) {
  for (;;) {
    const request = await once(address, form, how);
    if (request.status < 400) return request;
    const problem = await problemOf(await request.response.text(), request.status);
    if (problem.status === 429) {
      const seconds = Number(request.getResponseHeader("Retry-After")) || 2;
      how.onBusy?.(seconds);
      await pause(seconds, how.signal);
    } else if (problem.status === 401) {
      await askToken();
    } else {
      throw problem;
    }
  }
}

export async function ask(address, method = "GET", headers = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(address, { method, headers });
    } catch {
      throw offline();
    }
    if (response.ok) return response;
    const problem = await problemOf(await response.text(), response.status);
    if (problem.status === 401 && !("Authorization" in headers)) await askToken();
    else throw problem;
  }
}
