/**
 * Draws a figure with WebGL2: shapes and pictures go to the device once, and only the corners that
 * forms move are sent again, where a form has changed.
 */
import { Broken } from "./glb.js";
import { imageOf, pose } from "./scene.js";
import { FRAGMENT, VERTEX } from "./shaders.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").Shape} Shape */
/** @typedef {import("./scene.js").Material} Material */
/** @typedef {import("./scene.js").Slot} Slot */
/** @typedef {{ projection: Float32Array, view: Float32Array, eye: ArrayLike<number> }} Sight */
/** @typedef {{ node: import("./scene.js").Node, shape: Shape, material: Material, skin: number, vao: WebGLVertexArrayObject, places: WebGLBuffer, normals: WebGLBuffer, movedPlaces: Float32Array | null, movedNormals: Float32Array | null, weights: Float32Array, touched: Set<number> }} Drawn */

const PLAIN = /** @type {Material} */ ({ name: "", colour: [0.8, 0.8, 0.8, 1], glow: [0, 0, 0], metal: 0, rough: 0.8, alpha: "OPAQUE", cutoff: 0.5, twoSided: true, flat: false, toon: null, writes: true, order: 0, picture: null, bumps: null, bumpScale: 1, surface: null, glowPicture: null });
const SIDE_MOST = 2048;
const SIDE_MANY = 1024;
const MANY = 20;
const SLOTS = /** @type {const} */ ([["picture", 0], ["bumps", 1], ["surface", 2], ["glowPicture", 3]]);
const PLACES = /** @type {const} */ ({ picture: "pictureAt", bumps: "bumpsAt", surface: "surfaceAt", glowPicture: "glowAt" });
const BONES_UNIT = 4;
const JOINTS_AT = 4;

/** What lights a face well: a warm key from the side, a cool fill, light from above, an edge from behind. */
export const LIGHT = {
  toKey: unit3(-0.45, 0.62, 0.64), keyColour: [1.5, 1.4, 1.28], toFill: unit3(0.8, 0.1, 0.5), fillColour: [0.34, 0.4, 0.5],
  skyColour: [0.62, 0.64, 0.68], groundColour: [0.3, 0.26, 0.24], rimColour: [0.5, 0.55, 0.66],
};

/** @param {number} x @param {number} y @param {number} z */
function unit3(x, y, z) {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}

export class Painter {
  /** @param {WebGL2RenderingContext} gl @param {Scene} scene */
  constructor(gl, scene) {
    this.gl = gl;
    this.scene = scene;
    this.program = built(gl);
    /** @type {Record<string, WebGLUniformLocation | null>} */
    this.at = {};
    for (let i = gl.getProgramParameter(this.program, gl.ACTIVE_UNIFORMS) - 1; i >= 0; i -= 1) {
      const name = gl.getActiveUniform(this.program, i)?.name ?? "";
      this.at[name] = gl.getUniformLocation(this.program, name);
    }
    /** @type {Map<number, { offset: number[], scale: number[] }> | undefined} */
    this.shifts = undefined;
    this.white = this.one([255, 255, 255, 255]);
    /** @type {Map<string, WebGLTexture>} */
    this.textures = new Map();
    this.bones = scene.skins.map((skin) => ({ texture: /** @type {WebGLTexture} */ (gl.createTexture()), data: new Float32Array(skin.joints.length * 16) }));
    /** @type {Drawn[]} */
    this.drawn = scene.nodes.flatMap((node) => (scene.meshes[node.mesh]?.shapes ?? []).map((shape) => this.prepared(node, shape)));
    this.drawn.sort((a, b) => Number(a.material.alpha === "BLEND") - Number(b.material.alpha === "BLEND") || a.material.order - b.material.order);
  }

  /** @param {number[]} pixel */
  one(pixel) {
    const { gl } = this;
    const texture = /** @type {WebGLTexture} */ (gl.createTexture());
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, Uint8Array.from(pixel));
    return texture;
  }

  /** @param {import("./scene.js").Node} node @param {Shape} shape @returns {Drawn} */
  prepared(node, shape) {
    const { gl, scene } = this;
    const vao = /** @type {WebGLVertexArrayObject} */ (gl.createVertexArray());
    gl.bindVertexArray(vao);
    const moves = shape.forms.length > 0;
    const places = this.attribute(0, shape.places, 3, moves);
    const normals = this.attribute(1, shape.normals, 3, moves);
    if (shape.uv) this.attribute(2, shape.uv, 2);
    if (shape.colours) this.attribute(3, shape.colours, 4);
    else gl.vertexAttrib4f(3, 1, 1, 1, 1);
    const skin = shape.joints && shape.weights && scene.skins[node.skin] ? node.skin : -1;
    if (skin >= 0) {
      const most = scene.skins[skin].joints.length - 1;
      this.attribute(4, Uint16Array.from(/** @type {Uint32Array} */ (shape.joints), (one) => Math.min(one, most)), 4);
      this.attribute(5, /** @type {Float32Array} */ (shape.weights), 4);
    }
    if (shape.order) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, shape.order, gl.STATIC_DRAW);
    }
    gl.bindVertexArray(null);
    return {
      node, shape, skin, vao, places, normals, material: scene.materials[shape.material] ?? PLAIN,
      movedPlaces: moves ? shape.places.slice() : null, movedNormals: moves ? shape.normals.slice() : null, weights: new Float32Array(shape.forms.length), touched: new Set(),
    };
  }

  /** @param {number} at @param {Float32Array | Uint16Array} data @param {number} parts @param {boolean} [changes] */
  attribute(at, data, parts, changes = false) {
    const { gl } = this;
    const buffer = /** @type {WebGLBuffer} */ (gl.createBuffer());
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, changes ? gl.DYNAMIC_DRAW : gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    if (data instanceof Uint16Array) gl.vertexAttribIPointer(at, parts, gl.UNSIGNED_SHORT, 0, 0);
    else gl.vertexAttribPointer(at, parts, gl.FLOAT, false, 0, 0);
    return buffer;
  }

  /** Decode the pictures that are used. Throws Broken for one that no browser can read. */
  async load() {
    /** @type {Map<string, { texture: number, coded: boolean }>} */
    const wanted = new Map();
    for (const { material } of this.drawn) for (const [name] of SLOTS) {
      const slot = material[name];
      const coded = name === "picture" || name === "glowPicture";
      if (slot && this.scene.textures[slot.texture]) wanted.set(`${slot.texture}/${coded}`, { texture: slot.texture, coded });
    }
    const side = wanted.size > MANY ? SIDE_MANY : SIDE_MOST;
    /** @type {Map<number, Promise<ImageBitmap>>} */
    const pictures = new Map();
    const decode = (/** @type {number} */ image) => {
      const known = pictures.get(image) ?? bitmap(imageOf(this.scene, image), side);
      pictures.set(image, known);
      return known;
    };
    for (const [key, { texture, coded }] of wanted) {
      const one = this.scene.textures[texture];
      if (one.image < 0) continue;
      const picture = await decode(one.image);
      if (this.gl.isContextLost()) return;
      this.textures.set(key, this.texture(picture, one, coded));
    }
    for (const picture of pictures.values()) (await picture).close();
  }

  /** @param {ImageBitmap} picture @param {import("./scene.js").Texture} like @param {boolean} coded */
  texture(picture, like, coded) {
    const { gl } = this;
    const texture = /** @type {WebGLTexture} */ (gl.createTexture());
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.texImage2D(gl.TEXTURE_2D, 0, coded ? gl.SRGB8_ALPHA8 : gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    const wraps = new Set([gl.REPEAT, gl.CLAMP_TO_EDGE, gl.MIRRORED_REPEAT]);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, wraps.has(like.wrapS) ? like.wrapS : gl.REPEAT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, wraps.has(like.wrapT) ? like.wrapT : gl.REPEAT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, like.smooth ? gl.LINEAR : gl.NEAREST);
    if (like.mips) gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, like.mips ? gl.LINEAR_MIPMAP_LINEAR : like.smooth ? gl.LINEAR : gl.NEAREST);
    const sharp = gl.getExtension("EXT_texture_filter_anisotropic");
    if (sharp && like.mips) gl.texParameterf(gl.TEXTURE_2D, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 4);
    return texture;
  }

  // --- moving

  /** The forms of a node's mesh, as much of each as told. @param {number} node @param {ArrayLike<number>} weights */
  form(node, weights) {
    for (const one of this.drawn) if (one.node.index === node && one.shape.forms.length) this.formed(one, weights);
  }

  /** @param {Drawn} one @param {ArrayLike<number>} weights */
  formed(one, weights) {
    const { gl } = this;
    if (one.weights.every((weight, i) => Math.abs(weight - (weights[i] ?? 0)) < 1e-4)) return;
    const places = /** @type {Float32Array} */ (one.movedPlaces);
    const normals = /** @type {Float32Array} */ (one.movedNormals);
    for (const form of one.touched) still(one.shape, one.shape.forms[form].where, places, normals);
    one.touched.clear();
    one.shape.forms.forEach((form, i) => {
      const weight = weights[i] ?? 0;
      one.weights[i] = weight;
      if (Math.abs(weight) < 1e-4) return;
      one.touched.add(i);
      add(form.where, form.places, places, weight);
      if (form.normals) add(form.where, form.normals, normals, weight);
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, one.places);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, places);
    gl.bindBuffer(gl.ARRAY_BUFFER, one.normals);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, normals);
  }

  /** Pictures that are pushed aside, by material: a mouth that is drawn. @param {Map<number, { offset: number[], scale: number[] }> | undefined} shifts */
  shift(shifts) {
    this.shifts = shifts;
  }

  /** The joints as the nodes stand now. */
  pose() {
    const { gl, scene } = this;
    this.bones.forEach(({ texture, data }, i) => {
      pose(scene, scene.skins[i], data);
      gl.activeTexture(gl.TEXTURE0 + BONES_UNIT);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 4, scene.skins[i].joints.length, 0, gl.RGBA, gl.FLOAT, data);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    });
  }

  // --- drawing

  /** @param {Sight} sight into whatever is bound, where the viewport is */
  draw(sight) {
    const { gl, at } = this;
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.uniformMatrix4fv(at.projection, false, sight.projection);
    gl.uniformMatrix4fv(at.view, false, sight.view);
    gl.uniform3f(at.eye, sight.eye[0], sight.eye[1], sight.eye[2]);
    for (const [name, value] of Object.entries(LIGHT)) gl.uniform3fv(at[name], value);
    gl.uniform1i(at.bones, BONES_UNIT);
    SLOTS.forEach(([name, unit]) => gl.uniform1i(at[name], unit));
    gl.vertexAttribI4ui(JOINTS_AT, 0, 0, 0, 0); // a shape without a skin has whole numbers there all the same
    for (const one of this.drawn) this.shape(one);
    gl.bindVertexArray(null);
    gl.depthMask(true);
    gl.disable(gl.BLEND);
    gl.disable(gl.CULL_FACE);
    gl.disable(gl.SAMPLE_ALPHA_TO_COVERAGE);
  }

  /** @param {Drawn} one */
  shape(one) {
    const { gl, at } = this;
    const { material, shape } = one;
    const through = material.alpha === "BLEND";
    gl[through ? "enable" : "disable"](gl.BLEND);
    if (through) gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthMask(material.writes);
    gl[material.twoSided ? "disable" : "enable"](gl.CULL_FACE);
    gl.frontFace(one.skin < 0 && mirrored(one.node.world) ? gl.CW : gl.CCW);
    gl.uniformMatrix4fv(at.model, false, one.node.world);
    gl.uniform1i(at.skinned, one.skin >= 0 ? 1 : 0);
    gl.activeTexture(gl.TEXTURE0 + BONES_UNIT);
    gl.bindTexture(gl.TEXTURE_2D, one.skin >= 0 ? this.bones[one.skin].texture : this.white);
    this.material(material, this.shifts?.get(shape.material));
    gl.bindVertexArray(one.vao);
    if (!shape.colours) gl.vertexAttrib4f(3, 1, 1, 1, 1);
    if (shape.order) gl.drawElements(gl.TRIANGLES, shape.order.length, gl.UNSIGNED_INT, 0);
    else gl.drawArrays(gl.TRIANGLES, 0, shape.count);
  }

  /** @param {Material} material @param {{ offset: number[], scale: number[] }} [shift] */
  material(material, shift) {
    const { gl, at } = this;
    const has = SLOTS.map(([name, unit]) => {
      const slot = material[name];
      const coded = name === "picture" || name === "glowPicture";
      const texture = slot && this.textures.get(`${slot.texture}/${coded}`);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture ?? this.white);
      if (texture) gl.uniformMatrix3fv(at[PLACES[name]], false, placed(slot, shift));
      return texture ? 1 : 0;
    });
    gl.uniform4i(at.has, has[0], has[1], has[2], has[3]);
    gl.uniform4fv(at.colour, material.colour);
    gl.uniform3fv(at.glow, material.glow);
    gl.uniform3fv(at.shade, material.toon?.shade ?? [1, 1, 1]);
    gl.uniform1f(at.soft, material.toon?.soft ?? 0);
    gl.uniform1f(at.metal, material.metal);
    gl.uniform1f(at.rough, material.rough);
    gl.uniform1f(at.cutoff, material.cutoff);
    gl.uniform1f(at.bumpScale, material.bumpScale);
    gl.uniform1i(at.alpha, { OPAQUE: 0, MASK: 1, BLEND: 2 }[material.alpha]);
    gl.uniform1i(at.kind, material.flat ? 1 : material.toon ? 2 : 0);
  }

  /** Give everything back at once. */
  free() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** @param {Shape} shape @param {Uint32Array} where @param {Float32Array} places @param {Float32Array} normals */
function still(shape, where, places, normals) {
  for (const corner of where) for (let i = 3 * corner; i < 3 * corner + 3; i += 1) {
    places[i] = shape.places[i];
    normals[i] = shape.normals[i];
  }
}

/** @param {Uint32Array} where @param {Float32Array} by @param {Float32Array} to @param {number} weight */
function add(where, by, to, weight) {
  for (let i = 0; i < where.length; i += 1) {
    const corner = 3 * where[i];
    to[corner] += weight * by[3 * i];
    to[corner + 1] += weight * by[3 * i + 1];
    to[corner + 2] += weight * by[3 * i + 2];
  }
}

/** Where a picture lies on a shape. @param {NonNullable<Slot>} slot @param {{ offset: number[], scale: number[] }} [shift] */
function placed({ offset, scale, turn }, shift) {
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const [x, y] = [scale[0] * (shift?.scale[0] ?? 1), scale[1] * (shift?.scale[1] ?? 1)];
  return Float32Array.of(c * x, -s * x, 0, s * y, c * y, 0, offset[0] + (shift?.offset[0] ?? 0), offset[1] + (shift?.offset[1] ?? 0), 1);
}

/** @param {Float32Array} m */
function mirrored(m) {
  return m[0] * (m[5] * m[10] - m[6] * m[9]) - m[4] * (m[1] * m[10] - m[2] * m[9]) + m[8] * (m[1] * m[6] - m[2] * m[5]) < 0;
}

/** @param {Blob} blob @param {number} side */
async function bitmap(blob, side) {
  const plain = /** @type {const} */ ({ premultiplyAlpha: "none", colorSpaceConversion: "none" });
  try {
    const whole = await createImageBitmap(blob, plain);
    const by = side / Math.max(whole.width, whole.height);
    if (by >= 1) return whole;
    const small = await createImageBitmap(whole, { ...plain, resizeWidth: Math.max(1, Math.round(whole.width * by)), resizeHeight: Math.max(1, Math.round(whole.height * by)), resizeQuality: "high" });
    whole.close();
    return small;
  } catch {
    throw new Broken("A picture in this file cannot be read.");
  }
}

/** @param {WebGL2RenderingContext} gl */
function built(gl) {
  const program = /** @type {WebGLProgram} */ (gl.createProgram());
  for (const [kind, text] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const why = gl.getAttachedShaders(program)?.map((one) => gl.getShaderInfoLog(one)).join(" ");
    throw new Error(`The shaders do not fit this device: ${gl.getProgramInfoLog(program)} ${why}`);
  }
  return program;
}
