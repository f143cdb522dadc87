// What the page says. A word with a function takes values.

export const words = {
  en: {
    skip: "Skip to choosing files",
    language: "Language",
    theme: "Appearance",
    themeAuto: "Automatic",
    themeLight: "Light",
    themeDark: "Dark",
    claim: "Colour for old photographs and film.",
    sub: "The colours are a guess: they look likely, and are not what was there.",
    choose: "Choose photographs or a film",
    dropHint: "or drop them here, or paste a picture",
    kinds: "JPEG, PNG, TIFF, WebP, AVIF, HEIC · MP4, MOV, MKV, WebM, AVI and others",
    settings: "Settings",
    model: "Model",
    modelMissing: "not on this server",
    factor: "Render factor",
    factorOwn: "the model's own",
    factorHint: "How finely the network looks. Higher is not better: try a few by eye at any result.",
    restore: "Restore",
    restoreTone: "Faded, yellowed, uneven light, flicker",
    restoreDamage: "Scratches, dust, creases, spots, holes",
    restoreNoise: "Noise, blur",
    restoreOnly: "Restore only, without colouring",
    restoreHint: "Before they are coloured. Each does nothing where nothing is wrong.",
    restoreNow: "restored",
    more: "More",
    watermark: "Visible watermark",
    watermarkHint: "The file's metadata always says that a machine made the colours.",
    results: "Results",
    downloadAll: "Download all (zip)",
    zipping: (done, of) => `Packing ${done} of ${of} …`,
    clear: "Remove all",
    privacy: "What you choose goes to this server and nowhere else. Photographs are not kept; films are removed after a while.",
    stripTitle: "Choose by eye",
    stripHint: "The same picture at five render factors.",
    stripWait: "Rendering five times …",
    stripUsual: "usual",
    stripKeep: "Use it for the next pictures, too",
    stripTake: "Colour with this",
    cancel: "Cancel",
    tokenTitle: "This server asks for its token",
    tokenText: "Token",
    tokenTake: "Go on",
    tokenWrong: "That is not the token.",
    models: {},
    // cards
    queued: "Waiting",
    sending: (share) => `Sending, ${share} %`,
    colouring: "Colouring …",
    restoring: "Restoring …",
    restoringColouring: "Restoring and colouring …",
    busy: (seconds) => `The server is busy; trying again in ${seconds} s`,
    done: (width, height, model, factor) => `${width} × ${height} · ${model}, render factor ${factor}`,
    doneSize: (width, height) => `${width} × ${height}`,
    nothingMended: "nothing needed restoring",
    mended: {},
    filmWaiting: (before) => (before ? `Waiting: ${before} before it` : "Starting …"),
    filmRunning: (scene, frames, of) => `Scene ${scene} · frame ${frames}${of ? ` of ${of}` : ""}`,
    filmMending: (frames, of) => `Restoring · frame ${frames}${of ? ` of ${of}` : ""}`,
    filmLeft: (seconds) => ` · ${seconds} left`,
    filmSaving: "Putting it together …",
    filmDone: (frames, scenes, model) => `${frames} frames, ${scenes} ${scenes === 1 ? "scene" : "scenes"} · ${model}`,
    filmMended: (frames) => `${frames} frames`,
    filmStages: (stages) => ` · restored: ${stages}`,
    filmInterrupted: "Interrupted. What was done is kept for a time.",
    filmLost: "No connection to the server; trying again …",
    seconds: (n) => `${n} s`,
    minutes: (n) => `${n} min`,
    hours: (n) => `${n} h`,
    before: "Before",
    after: "After",
    compare: (name) => `${name}: how much of the picture before is shown`,
    comparePercent: (n) => `${n} % before`,
    progress: (name) => `Progress of ${name}`,
    download: "Download",
    byEye: "Choose by eye …",
    again: "Colour again",
    anew: "Do it again",
    resume: "Go on",
    retry: "Try again",
    remove: "Remove",
    saidDone: (name) => `${name} is done`,
    saidFailed: (name, why) => `${name}: ${why}`,
    saidCancelled: (name) => `${name} is cancelled`,
    saidRemoved: (name) => `${name} is removed`,
    pasted: "pasted picture",
    // problems, where the server's own words would not do
    Offline: "The server cannot be reached. Is retint serve still running?",
    Fault: "Something went wrong on the server. Its log says what.",
    zipTooLarge: "More than 4 GB do not fit into one zip; download them one by one.",
  },
  es: {
    skip: "Ir a elegir archivos",
    language: "Idioma",
    theme: "Apariencia",
    themeAuto: "Automática",
    themeLight: "Clara",
    themeDark: "Oscura",
    claim: "Color para fotografías y películas antiguas.",
    sub: "Los colores son una conjetura: parecen probables, y no son los que había.",
    choose: "Elegir fotografías o una película",
    dropHint: "o suéltalas aquí, o pega una imagen",
    kinds: "JPEG, PNG, TIFF, WebP, AVIF, HEIC · MP4, MOV, MKV, WebM, AVI y otros",
    settings: "Ajustes",
    model: "Modelo",
    modelMissing: "no está en este servidor",
    factor: "Factor de render",
    factorOwn: "el propio del modelo",
    factorHint: "Con qué finura mira la red. Más no es mejor: pruébalo a ojo en cualquier resultado.",
    restore: "Restaurar",
    restoreTone: "Desvaídas, amarillentas, luz desigual, parpadeo",
    restoreDamage: "Rayas, polvo, pliegues, manchas, huecos",
    restoreNoise: "Ruido, desenfoque",
    restoreOnly: "Solo restaurar, sin colorear",
    restoreHint: "Antes de colorear. Nada cambia donde nada está mal.",
    restoreNow: "restaurada",
    more: "Más",
    watermark: "Marca de agua visible",
    watermarkHint: "Los metadatos del archivo siempre dicen que los colores los puso una máquina.",
    results: "Resultados",
    downloadAll: "Descargar todo (zip)",
    zipping: (done, of) => `Empaquetando ${done} de ${of} …`,
    clear: "Quitar todo",
    privacy: "Lo que elijas va a este servidor y a ningún otro sitio. Las fotografías no se guardan; las películas se borran al cabo de un tiempo.",
    stripTitle: "Elegir a ojo",
    stripHint: "La misma imagen con cinco factores de render.",
    stripWait: "Coloreando cinco veces …",
    stripUsual: "habitual",
    stripKeep: "Usarlo también para las siguientes",
    stripTake: "Colorear con este",
    cancel: "Cancelar",
    tokenTitle: "Este servidor pide su clave",
    tokenText: "Clave",
    tokenTake: "Continuar",
    tokenWrong: "Esa no es la clave.",
    models: {
      lite: "pequeño y rápido, viene con retint",
      artistic: "los colores vivos y el detalle de DeOldify",
      stable: "los colores más sobrios de DeOldify, buenos para retratos y paisajes",
      video: "los colores tranquilos de DeOldify para películas",
    },
    queued: "En espera",
    sending: (share) => `Enviando, ${share} %`,
    colouring: "Coloreando …",
    restoring: "Restaurando …",
    restoringColouring: "Restaurando y coloreando …",
    busy: (seconds) => `El servidor está ocupado; se intenta de nuevo en ${seconds} s`,
    done: (width, height, model, factor) => `${width} × ${height} · ${model}, factor de render ${factor}`,
    doneSize: (width, height) => `${width} × ${height}`,
    nothingMended: "no hacía falta restaurar nada",
    // by the server's words
    mended: {
      "damage filled": "daños rellenados",
      "noise, blur and blocks mended": "ruido, desenfoque y bloques corregidos",
      "tone corrected": "tono corregido",
      "cast taken out": "tinte eliminado",
      dust: "polvo",
      flicker: "parpadeo",
      scratches: "rayas",
      noise: "ruido",
    },
    filmWaiting: (before) => (before ? `En espera: ${before} antes` : "Empezando …"),
    filmRunning: (scene, frames, of) => `Escena ${scene} · fotograma ${frames}${of ? ` de ${of}` : ""}`,
    filmMending: (frames, of) => `Restaurando · fotograma ${frames}${of ? ` de ${of}` : ""}`,
    filmLeft: (seconds) => ` · quedan ${seconds}`,
    filmSaving: "Montando la película …",
    filmDone: (frames, scenes, model) => `${frames} fotogramas, ${scenes} ${scenes === 1 ? "escena" : "escenas"} · ${model}`,
    filmMended: (frames) => `${frames} fotogramas`,
    filmStages: (stages) => ` · restaurada: ${stages}`,
    filmInterrupted: "Interrumpida. Lo hecho se guarda durante un tiempo.",
    filmLost: "Sin conexión con el servidor; se intenta de nuevo …",
    seconds: (n) => `${n} s`,
    minutes: (n) => `${n} min`,
    hours: (n) => `${n} h`,
    before: "Antes",
    after: "Después",
    compare: (name) => `${name}: cuánto se ve de la imagen anterior`,
    comparePercent: (n) => `${n} % antes`,
    progress: (name) => `Progreso de ${name}`,
    download: "Descargar",
    byEye: "Elegir a ojo …",
    again: "Colorear de nuevo",
    anew: "Hacerlo de nuevo",
    resume: "Continuar",
    retry: "Intentar de nuevo",
    remove: "Quitar",
    saidDone: (name) => `${name} está lista`,
    saidFailed: (name, why) => `${name}: ${why}`,
    saidCancelled: (name) => `${name} se ha cancelado`,
    saidRemoved: (name) => `${name} se ha quitado`,
    pasted: "imagen pegada",
    Offline: "No se puede contactar con el servidor. ¿Sigue funcionando retint serve?",
    Fault: "Algo falló en el servidor. Su registro dice qué.",
    zipTooLarge: "Más de 4 GB no caben en un zip; descárgalos uno por uno.",
    // problems by their code; the server says them in English
    UnsupportedInputError: "Este archivo no es una fotografía ni una película que retint conozca. Elige un JPEG, PNG, TIFF, WebP, AVIF, HEIC o una película.",
    UnreadablePhotoError: "La fotografía no se puede leer: está dañada, incompleta o es demasiado grande.",
    UnreadableFilmError: "La película no se puede leer: está dañada, incompleta o no es una película.",
    MissingExtraError: "Este servidor no lee esta clase de archivo.",
    RenderMemoryError: "No cabe en la memoria del servidor. Prueba con un factor de render menor.",
    WeightsError: "Los pesos de ese modelo no están en este servidor.",
    UnknownModelError: "Ese modelo no está en este servidor.",
    OutputError: "El resultado no se puede guardar en este formato.",
    TooLarge: "El archivo es demasiado grande para este servidor.",
    TooSlow: "El archivo llegó demasiado despacio. Envíalo otra vez.",
    TookTooLong: "Tardó demasiado. Prueba con una fotografía más pequeña, o más tarde.",
    DiskFull: "El disco del servidor está lleno. Prueba más tarde.",
    NoSuchJob: "Esa película ya no está en el servidor. Envíala otra vez.",
    WrongOption: "Un ajuste no es válido.",
  },
};

let language = "en";
const hearers = [];

export function say(key, ...values) {
  const word = words[language][key];
  if (word === undefined) throw new Error(`no word ${key} in ${language}`);
  return typeof word === "function" ? word(...values) : word;
}

// A problem in the person's language; in English the server's own words, which name the file and what to do.
export function sayProblem(problem) {
  const own = words[language][problem.code];
  return own ?? problem.detail;
}

// What was restored, from the server's words
export function sayMended(done) {
  if (done.length === 0) return say("nothingMended");
  return done.map((what) => words[language].mended[what] ?? what).join(", ");
}

export function sayModel({ name, about }) {
  return words[language].models[name] ?? about;
}

export function onLanguage(hear) {
  hearers.push(hear);
}

export function setLanguage(chosen) {
  language = chosen in words ? chosen : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const hear of hearers) hear();
  return language;
}

export function usualLanguage() {
  const known = (navigator.languages ?? [navigator.language]).map((one) => one.slice(0, 2));
  return known.find((one) => one in words) ?? "en";
}

export function sayTime(seconds) {
  if (seconds < 90) return say("seconds", Math.max(1, Math.round(seconds)));
  if (seconds < 5400) return say("minutes", Math.round(seconds / 60));
  return say("hours", Math.round(seconds / 360) / 10);
}
