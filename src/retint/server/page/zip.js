// A zip of files that are compressed already: stored, not deflated. PKWARE APPNOTE 6.3.10, without zip64.

const MOST = 0xffffffff;
const UTF8 = 0x0800; // names are UTF-8

const table = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

async function crcOf(blob) {
  let crc = 0xffffffff;
  const reader = blob.stream().getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    for (const byte of piece.value) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

// fields: [bytes, value], little-endian
function record(fields, ...more) {
  const size = fields.reduce((sum, [bytes]) => sum + bytes, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return [view.buffer, ...more];
}

function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    const dot = name.lastIndexOf(".");
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = `${name.slice(0, dot)}-${n}${name.slice(dot)}`;
    taken.add(free);
    return free;
  });
}

// files: [{name, blob}]. Returns null where they do not fit into a zip of this kind.
export async function zip(files, onFile = () => {}) {
  if (files.reduce((sum, { name, blob }) => sum + blob.size + 2 * name.length * 4 + 200, 0) > MOST) return null;
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const day = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const names = distinct(files.map(({ name }) => name));
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [index, { blob }] of files.entries()) {
    onFile(index + 1);
    const name = new TextEncoder().encode(names[index]);
    const crc = await crcOf(blob);
    const shared = [[2, 20], [2, UTF8], [2, 0], [2, time], [2, day], [4, crc], [4, blob.size], [4, blob.size], [2, name.length], [2, 0]];
    parts.push(...record([[4, 0x04034b50], ...shared], name, blob));
    directory.push(...record([[4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]], name));
    at += 30 + name.length + blob.size;
  }
  const length = new Blob(directory).size;
  const end = record([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, at], [2, 0]]);
  return new Blob([...parts, ...directory, ...end], { type: "application/zip" });
}
