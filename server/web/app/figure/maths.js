/** Vectors, turns and 4x4 matrices (columns first, as WebGL wants them). Pure. */

/** @typedef {[number, number, number]} Vec3 */
/** @typedef {[number, number, number, number]} Quat */
/** @typedef {Float32Array} Mat4 */

export function identity() {
  return Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
}

/** a · b @param {ArrayLike<number>} a @param {ArrayLike<number>} b @param {Mat4} [out] */
export function multiply(a, b, out = new Float32Array(16)) {
  for (let column = 0; column < 16; column += 4) {
    const [x, y, z, w] = [b[column], b[column + 1], b[column + 2], b[column + 3]];
    for (let row = 0; row < 4; row += 1) out[column + row] = a[row] * x + a[row + 4] * y + a[row + 8] * z + a[row + 12] * w;
  }
  return out;
}

/** @param {ArrayLike<number>} t @param {ArrayLike<number>} q @param {ArrayLike<number>} s @param {Mat4} [out] */
export function compose(t, q, s, out = new Float32Array(16)) {
  const [x, y, z, w] = [q[0], q[1], q[2], q[3]];
  out[0] = (1 - 2 * (y * y + z * z)) * s[0]; out[1] = 2 * (x * y + z * w) * s[0]; out[2] = 2 * (x * z - y * w) * s[0]; out[3] = 0;
  out[4] = 2 * (x * y - z * w) * s[1]; out[5] = (1 - 2 * (x * x + z * z)) * s[1]; out[6] = 2 * (y * z + x * w) * s[1]; out[7] = 0;
  out[8] = 2 * (x * z + y * w) * s[2]; out[9] = 2 * (y * z - x * w) * s[2]; out[10] = (1 - 2 * (x * x + y * y)) * s[2]; out[11] = 0;
  out[12] = t[0]; out[13] = t[1]; out[14] = t[2]; out[15] = 1;
  return out;
}

/** Place, turn and size of a matrix. @param {ArrayLike<number>} m @returns {{ t: Vec3, q: Quat, s: Vec3 }} */
export function decompose(m) {
  const length = (/** @type {number} */ at) => Math.hypot(m[at], m[at + 1], m[at + 2]);
  const mirrored = m[0] * (m[5] * m[10] - m[6] * m[9]) - m[4] * (m[1] * m[10] - m[2] * m[9]) + m[8] * (m[1] * m[6] - m[2] * m[5]) < 0;
  /** @type {Vec3} */
  const s = [mirrored ? -length(0) : length(0), length(4), length(8)];
  const r = Array.from({ length: 9 }, (_, i) => m[Math.floor(i / 3) * 4 + (i % 3)] / (s[Math.floor(i / 3)] || 1));
  return { t: [m[12], m[13], m[14]], q: turnOf(r), s };
}

/** The turn of a 3x3 matrix, columns first. @param {number[]} r @returns {Quat} */
function turnOf(r) {
  const trace = r[0] + r[4] + r[8];
  if (trace > 0) {
    const s = 2 * Math.sqrt(trace + 1);
    return [(r[5] - r[7]) / s, (r[6] - r[2]) / s, (r[1] - r[3]) / s, s / 4];
  }
  if (r[0] > r[4] && r[0] > r[8]) {
    const s = 2 * Math.sqrt(1 + r[0] - r[4] - r[8]);
    return [s / 4, (r[3] + r[1]) / s, (r[6] + r[2]) / s, (r[5] - r[7]) / s];
  }
  if (r[4] > r[8]) {
    const s = 2 * Math.sqrt(1 + r[4] - r[0] - r[8]);
    return [(r[3] + r[1]) / s, s / 4, (r[7] + r[5]) / s, (r[6] - r[2]) / s];
  }
  const s = 2 * Math.sqrt(1 + r[8] - r[0] - r[4]);
  return [(r[6] + r[2]) / s, (r[7] + r[5]) / s, s / 4, (r[1] - r[3]) / s];
}

/** The inverse of any matrix that has one; else the matrix that changes nothing. @param {ArrayLike<number>} m @param {Mat4} [out] */
export function inverse(m, out = new Float32Array(16)) {
  const a = m[0] * m[5] - m[1] * m[4], b = m[0] * m[6] - m[2] * m[4], c = m[0] * m[7] - m[3] * m[4];
  const d = m[1] * m[6] - m[2] * m[5], e = m[1] * m[7] - m[3] * m[5], f = m[2] * m[7] - m[3] * m[6];
  const g = m[8] * m[13] - m[9] * m[12], h = m[8] * m[14] - m[10] * m[12], i = m[8] * m[15] - m[11] * m[12];
  const j = m[9] * m[14] - m[10] * m[13], k = m[9] * m[15] - m[11] * m[13], l = m[10] * m[15] - m[11] * m[14];
  const all = a * l - b * k + c * j + d * i - e * h + f * g;
  if (!all) { out.set(identity()); return out; }
  const by = 1 / all;
  out[0] = (m[5] * l - m[6] * k + m[7] * j) * by; out[1] = (m[2] * k - m[1] * l - m[3] * j) * by;
  out[2] = (m[13] * f - m[14] * e + m[15] * d) * by; out[3] = (m[10] * e - m[9] * f - m[11] * d) * by;
  out[4] = (m[6] * i - m[4] * l - m[7] * h) * by; out[5] = (m[0] * l - m[2] * i + m[3] * h) * by;
  out[6] = (m[14] * c - m[12] * f - m[15] * b) * by; out[7] = (m[8] * f - m[10] * c + m[11] * b) * by;
  out[8] = (m[4] * k - m[5] * i + m[7] * g) * by; out[9] = (m[1] * i - m[0] * k - m[3] * g) * by;
  out[10] = (m[12] * e - m[13] * c + m[15] * a) * by; out[11] = (m[9] * c - m[8] * e - m[11] * a) * by;
  out[12] = (m[5] * h - m[4] * j - m[6] * g) * by; out[13] = (m[0] * j - m[1] * h + m[2] * g) * by;
  out[14] = (m[13] * b - m[12] * d - m[14] * a) * by; out[15] = (m[8] * d - m[9] * b + m[10] * a) * by;
  return out;
}

/** @param {ArrayLike<number>} m @param {ArrayLike<number>} p @returns {Vec3} */
export function moved(m, p) {
  return [m[0] * p[0] + m[4] * p[1] + m[8] * p[2] + m[12], m[1] * p[0] + m[5] * p[1] + m[9] * p[2] + m[13], m[2] * p[0] + m[6] * p[1] + m[10] * p[2] + m[14]];
}

/** First b, then a. @param {ArrayLike<number>} a @param {ArrayLike<number>} b @returns {Quat} */
export function turned(a, b) {
  return [
    a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
  ];
}

/** @param {ArrayLike<number>} q @returns {Quat} */
export function back(q) {
  return [-q[0], -q[1], -q[2], q[3]];
}

/** A turn about an axis of length 1. @param {ArrayLike<number>} axis @param {number} angle @returns {Quat} */
export function about(axis, angle) {
  const s = Math.sin(angle / 2);
  return [axis[0] * s, axis[1] * s, axis[2] * s, Math.cos(angle / 2)];
}

/** Pitch (up is positive), yaw and roll, in radians. @param {number} pitch @param {number} yaw @param {number} roll @returns {Quat} */
export function euler(pitch, yaw, roll) {
  return turned(about([0, 1, 0], yaw), turned(about([1, 0, 0], -pitch), about([0, 0, 1], roll)));
}

/** @param {number} fov the whole angle upward, in radians @param {number} aspect @param {number} near @param {number} far */
export function perspective(fov, aspect, near, far) {
  const f = 1 / Math.tan(fov / 2);
  return Float32Array.of(f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0);
}

/** The view from `eye` to `at`. @param {Vec3} eye @param {Vec3} at */
export function lookAt(eye, at) {
  const z = unit([eye[0] - at[0], eye[1] - at[1], eye[2] - at[2]]);
  const x = unit(cross([0, 1, 0], z));
  const y = cross(z, x);
  const by = (/** @type {Vec3} */ axis) => -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2]);
  return Float32Array.of(x[0], y[0], z[0], 0, x[1], y[1], z[1], 0, x[2], y[2], z[2], 0, by(x), by(y), by(z), 1);
}

/** @param {Vec3} a @param {Vec3} b @returns {Vec3} */
export function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** @param {Vec3} v @returns {Vec3} */
export function unit(v) {
  const length = Math.hypot(...v) || 1;
  return [v[0] / length, v[1] / length, v[2] / length];
}

/** @param {number} value @param {number} least @param {number} most */
export const within = (value, least, most) => Math.min(most, Math.max(least, value));
