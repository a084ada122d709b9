// Values and bytes by chance, the same ones for the same seed.

export function random(seed) {
  let a = seed >>> 0;
  const next = () => { // mulberry32
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(next() * n);
  const pick = (list) => list[below(list.length)];
  const bytes = (n) => Uint8Array.from({ length: n }, () => below(256));
  return { next, below, pick, bytes };
}

/** Spoils bytes: some are changed, taken out, doubled or cut off. */
export function spoil(r, b) {
  const list = [...b];
  for (let n = 1 + r.below(4); n > 0 && list.length > 0; n--) {
    const at = r.below(list.length);
    switch (r.below(5)) {
      case 0: list[at] = r.below(256); break;
      case 1: list[at] = r.pick([0, 1, 0x7f, 0x80, 0xff, 9, 0x11]); break;
      case 2: list.splice(at, 1 + r.below(4)); break;
      case 3: list.splice(at, 0, ...list.slice(at, at + 1 + r.below(8))); break;
      case 4: list.length = at; break;
    }
  }
  return Uint8Array.from(list);
}

/** A value of what p, the module, can write; deep is how many levels it may have. */
export function value(p, r, deep, only0 = false) {
  const text = () => r.pick(["", "a", "abc", "ä€😀", "\ufeffbom", "x".repeat(r.below(300)), String(r.below(1e6))]);
  const name = () => r.pick(["__proto__", "constructor", "x", "ä", `k${r.below(50)}`]);
  const members = (n) => {
    const o = Object.create(null);
    for (let i = 0; i < n; i++) o[name()] = inner();
    return o;
  };
  const inner = () => value(p, r, deep - 1, only0);
  const list = (n) => Array.from({ length: n }, inner);
  const simple = [
    () => undefined, () => null, () => true, () => false, text,
    () => r.pick([0, -0, 1, -1, 127, 128, 2 ** 14, 2 ** 21, 2 ** 28 - 1, 2 ** 28, -(2 ** 28), -(2 ** 28) - 1, 1.5, NaN, Infinity, 1e300]),
    () => new Date(r.pick([0, -1, 1e12, 8.64e15])), () => new p.XML(text(), true),
  ];
  const only3 = [
    () => new p.XML(text()), () => r.bytes(r.below(300)), () => Int32Array.from([-1, 0, 2 ** 31 - 1].slice(r.below(3))),
    () => Uint32Array.from([0, 2 ** 32 - 1].slice(r.below(2))), () => Float64Array.from([0.5, NaN, -0].slice(r.below(3))),
  ];
  const deeper = [
    () => list(r.below(5)), () => members(r.below(5)), () => new p.TypedObject(r.pick(["a.B", "C"]), members(r.below(4))),
  ];
  const deeper3 = [
    () => new p.ECMAArray(list(r.below(3)), { ...members(2), last: 1 }),
    () => new p.TypedObject("D", { one: inner(), two: inner() }, { sealed: ["one", "two"], dynamic: false }),
    () => new p.Vector(r.pick(["", "a.B"]), list(r.below(3)), r.below(2) === 1),
    () => new Map(Array.from({ length: r.below(4) }, (_, i) => [r.pick([i, `k${i}`, { key: i }]), inner()])),
    () => new p.ArrayCollection(list(r.below(4))),
    () => new p.Externalizable("flex.messaging.io.ObjectProxy", { object: members(2) }),
    () => new p.Externalizable(r.pick(["DSK", "flex.messaging.messages.AcknowledgeMessageExt"]), { body: inner(), correlationId: "1", clientIdBytes: r.bytes(4) }),
  ];
  const what = [...simple, ...(only0 ? [] : only3), ...(deep > 0 ? [...deeper, ...(only0 ? [] : deeper3)] : [])];
  return r.pick(what)();
}
