/** The two programs a figure is drawn with, in the words of WebGL2. */

export const VERTEX = `#version 300 es
precision highp float;
precision highp int;
layout(location = 0) in vec3 place;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec4 colour;
layout(location = 4) in uvec4 joints;
layout(location = 5) in vec4 weights;
uniform mat4 model, view, projection;
uniform highp sampler2D bones;
uniform bool skinned;
out vec3 vPlace;
out vec3 vNormal;
out vec2 vUv;
out vec4 vColour;

mat4 bone(uint number) {
  int at = int(number);
  return mat4(texelFetch(bones, ivec2(0, at), 0), texelFetch(bones, ivec2(1, at), 0), texelFetch(bones, ivec2(2, at), 0), texelFetch(bones, ivec2(3, at), 0));
}

void main() {
  mat4 at = model;
  if (skinned) {
    float all = weights.x + weights.y + weights.z + weights.w;
    vec4 w = all > 0.0 ? weights / all : vec4(1, 0, 0, 0);
    at = bone(joints.x) * w.x + bone(joints.y) * w.y + bone(joints.z) * w.z + bone(joints.w) * w.w;
  }
  vec4 world = at * vec4(place, 1.0);
  vPlace = world.xyz;
  vNormal = transpose(inverse(mat3(at))) * normal;
  vUv = uv;
  vColour = colour;
  gl_Position = projection * view * world;
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
in vec3 vPlace;
in vec3 vNormal;
in vec2 vUv;
in vec4 vColour;
uniform sampler2D picture, bumps, surface, glowPicture;
uniform bvec4 has;          // picture, bumps, surface, glow
uniform mat3 pictureAt, bumpsAt, surfaceAt, glowAt;
uniform vec4 colour;
uniform vec3 glow, shade, eye;
uniform vec3 toKey, keyColour, toFill, fillColour, skyColour, groundColour, rimColour;
uniform float metal, rough, cutoff, bumpScale, soft;
uniform int alpha;          // 0 opaque, 1 mask, 2 blend
uniform int kind;           // 0 lit, 1 flat, 2 toon
out vec4 shown;

vec2 moved(mat3 by) { return (by * vec3(vUv, 1.0)).xy; }

vec3 bumped(vec3 n) {
  if (!has.y) return n;
  vec2 at = moved(bumpsAt);
  vec3 dx = dFdx(vPlace), dy = dFdy(vPlace);
  vec2 ux = dFdx(at), uy = dFdy(at);
  vec3 t = cross(dy, n) * ux.x + cross(n, dx) * uy.x;
  vec3 b = cross(dy, n) * ux.y + cross(n, dx) * uy.y;
  float size = max(dot(t, t), dot(b, b));
  if (size <= 0.0) return n;
  vec3 bump = texture(bumps, at).xyz * 2.0 - 1.0;
  bump.xy *= bumpScale;
  return normalize(mat3(t * inversesqrt(size), -b * inversesqrt(size), n) * bump);
}

// Light that bends a little around, as it does on skin.
float wrapped(float lit) { return max(0.0, (lit + 0.25) / 1.25); }

vec3 glossy(vec3 n, vec3 v, vec3 l, vec3 base, float r) {
  vec3 h = normalize(v + l);
  float a = max(r * r, 0.02), a2 = a * a;
  float nh = max(dot(n, h), 0.0), d = nh * nh * (a2 - 1.0) + 1.0;
  float k = a2 / (4.0 * d * d * max(dot(l, h), 0.1) * (r + 0.5));
  return base * min(k, 6.0) * max(dot(n, l), 0.0);
}

vec3 lit(vec3 base, vec3 n, vec3 v) {
  float m = metal, r = rough;
  if (has.z) { vec4 s = texture(surface, moved(surfaceAt)); m *= s.b; r *= s.g; }
  r = clamp(r, 0.08, 1.0);
  vec3 diffuse = base * (1.0 - m), gloss = mix(vec3(0.04), base, m);
  float up = n.y * 0.5 + 0.5;
  vec3 around = mix(groundColour, skyColour, up);
  vec3 mirrored = mix(groundColour, skyColour, smoothstep(-0.4, 0.6, reflect(-v, n).y));
  float edge = pow(1.0 - max(dot(n, v), 0.0), 5.0);
  vec3 light = diffuse * (around + keyColour * wrapped(dot(n, toKey)) + fillColour * wrapped(dot(n, toFill)));
  light += (glossy(n, v, toKey, gloss, r) * keyColour + glossy(n, v, toFill, gloss, r) * fillColour);
  light += mirrored * (gloss + (max(vec3(1.0 - r), gloss) - gloss) * edge) * (1.0 - 0.6 * r);
  return light + rimColour * pow(1.0 - max(dot(n, v), 0.0), 3.0) * (0.35 + 0.65 * up) * (diffuse + 0.04);
}

vec3 toon(vec3 base, vec3 n, vec3 v) {
  float bright = smoothstep(-soft - 0.02, soft + 0.02, dot(n, toKey) + 0.15);
  vec3 light = mix(shade * base, base, bright) * (0.72 + 0.28 * skyColour);
  return light + rimColour * pow(1.0 - max(dot(n, v), 0.0), 4.0) * 0.25 * base;
}

// Bright things keep their hue instead of turning white.
vec3 calmed(vec3 c) {
  float peak = max(c.r, max(c.g, c.b));
  if (peak <= 0.76) return c;
  float kept = 1.0 - 0.0576 / (peak - 0.52);
  return mix(vec3(kept), c * (kept / peak), 1.0 / (0.15 * (peak - kept) + 1.0));
}

vec3 coded(vec3 c) { return mix(c * 12.92, 1.055 * pow(max(c, 0.0), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }

void main() {
  vec4 base = colour * vColour;
  if (has.x) base *= texture(picture, moved(pictureAt));
  if (alpha == 1 && base.a < cutoff) discard;
  float a = alpha == 2 ? base.a : 1.0;
  vec3 n = normalize(vNormal) * (gl_FrontFacing ? 1.0 : -1.0);
  vec3 v = normalize(eye - vPlace);
  vec3 light = base.rgb;
  if (kind != 1) {
    n = bumped(n);
    light = kind == 2 ? toon(base.rgb, n, v) : lit(base.rgb, n, v);
  }
  light += glow * (has.w ? texture(glowPicture, moved(glowAt)).rgb : vec3(1));
  shown = vec4(coded(kind == 0 ? calmed(light) : min(light, 1.0)) * a, a);
}`;
