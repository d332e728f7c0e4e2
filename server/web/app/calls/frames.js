/**
 * Sound in binary frames of the socket: 16 bytes of header, then PCM of 16 bits. Pure.
 *
 * Header, big-endian: kind u8, flags u8, stream u16, seq u32, timestamp in microseconds u64.
 */

export const HEADER_BYTES = 16;

/** @typedef {{ kind: number, flags: number, stream: number, seq: number, timestampUs: number, body: Uint8Array }} Frame */

/** @param {Omit<Frame, "body"> & { body: ArrayBufferView }} frame @returns {ArrayBuffer} */
export function encode(frame) {
  const { body } = frame;
  const bytes = new Uint8Array(HEADER_BYTES + body.byteLength);
  const head = new DataView(bytes.buffer);
  head.setUint8(0, frame.kind);
  head.setUint8(1, frame.flags);
  head.setUint16(2, frame.stream);
  head.setUint32(4, frame.seq);
  head.setBigUint64(8, BigInt(Math.round(frame.timestampUs)));
  bytes.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), HEADER_BYTES);
  return bytes.buffer;
}

/** @param {ArrayBuffer} bytes @returns {Frame | null} null when it is no frame of sound */
export function decode(bytes) {
  if (bytes.byteLength < HEADER_BYTES) return null;
  const head = new DataView(bytes);
  return {
    kind: head.getUint8(0), flags: head.getUint8(1), stream: head.getUint16(2), seq: head.getUint32(4),
    timestampUs: Number(head.getBigUint64(8)), body: new Uint8Array(bytes, HEADER_BYTES),
  };
}

/** @param {Float32Array} sound @returns {Int16Array} */
export function toPcm16(sound) {
  const pcm = new Int16Array(sound.length);
  for (let i = 0; i < sound.length; i += 1) pcm[i] = Math.max(-1, Math.min(1, sound[i])) * 32767;
  return pcm;
}

/** @param {Uint8Array} bytes little-endian, as everywhere here @returns {Float32Array} */
export function fromPcm16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sound = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < sound.length; i += 1) sound[i] = view.getInt16(i * 2, true) / 32768;
  return sound;
}
