// src/amf.ts
var TypedObject = class {
  constructor(className, members) {
    this.className = className;
    this.members = members;
  }
};
var AMFError = class extends Error {
};
var maxDepth = 64;
var utf8 = new TextEncoder();
var fromUTF8 = new TextDecoder();
var Writer = class {
  b = new Uint8Array(256);
  v = new DataView(this.b.buffer);
  n = 0;
  room(n) {
    const at = this.n;
    if (at + n > this.b.length) {
      const b = new Uint8Array(Math.max(2 * this.b.length, at + n));
      b.set(this.b);
      this.b = b;
      this.v = new DataView(b.buffer);
    }
    this.n += n;
    return at;
  }
  // room may move the buffer: it is asked before the buffer is.
  u8(x) {
    const at = this.room(1);
    this.b[at] = x;
    return this;
  }
  u16(x) {
    const at = this.room(2);
    this.v.setUint16(at, x);
    return this;
  }
  u24(x) {
    return this.u8(x >>> 16 & 255).u16(x & 65535);
  }
  u32(x) {
    const at = this.room(4);
    this.v.setUint32(at, x >>> 0);
    return this;
  }
  u32le(x) {
    const at = this.room(4);
    this.v.setUint32(at, x >>> 0, true);
    return this;
  }
  f64(x) {
    const at = this.room(8);
    this.v.setFloat64(at, x);
    return this;
  }
  bytes(x) {
    const at = this.room(x.length);
    this.b.set(x, at);
    return this;
  }
  /** UTF-8 with its length in two bytes. */
  text(s) {
    const b = utf8.encode(s);
    if (b.length > 65535) throw new AMFError("a name is longer than 65535 bytes");
    return this.u16(b.length).bytes(b);
  }
  get length() {
    return this.n;
  }
  done() {
    return this.b.slice(0, this.n);
  }
};
function encode(...values) {
  const w = new Writer();
  for (const v of values) write(w, v, 0);
  return w.done();
}
function write(w, v, depth) {
  if (depth > maxDepth) throw new AMFError("a value is nested too deep, or contains itself");
  switch (typeof v) {
    case "undefined":
      w.u8(6);
      return;
    case "boolean":
      w.u8(1).u8(v ? 1 : 0);
      return;
    case "number":
      w.u8(0).f64(v);
      return;
    case "string": {
      const b = utf8.encode(v);
      if (b.length <= 65535) w.u8(2).u16(b.length);
      else w.u8(12).u32(b.length);
      w.bytes(b);
      return;
    }
    case "object":
      break;
    default:
      throw new AMFError(`a ${typeof v} cannot be sent`);
  }
  if (v === null) {
    w.u8(5);
    return;
  }
  if (v instanceof Date) {
    w.u8(11).f64(v.getTime()).u16(0);
    return;
  }
  if (Array.isArray(v)) {
    w.u8(10).u32(v.length);
    for (const x of v) write(w, x, depth + 1);
    return;
  }
  let members = v;
  if (v instanceof TypedObject) {
    w.u8(16).text(v.className);
    members = v.members;
  } else w.u8(3);
  for (const key of Object.keys(members)) {
    if (key === "" || typeof members[key] === "function") continue;
    w.text(key);
    write(w, members[key], depth + 1);
  }
  w.u16(0).u8(9);
}
var Reader = class {
  constructor(b) {
    this.b = b;
    this.v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  }
  v;
  seen = [];
  at = 0;
  take(n) {
    const at = this.at;
    if (at + n > this.b.length) throw new AMFError(`the value ends at byte ${this.b.length}, too early`);
    this.at += n;
    return at;
  }
  get more() {
    return this.at < this.b.length;
  }
  u8() {
    return this.b[this.take(1)];
  }
  u16() {
    return this.v.getUint16(this.take(2));
  }
  u24() {
    return this.u8() << 16 | this.u16();
  }
  u32() {
    return this.v.getUint32(this.take(4));
  }
  f64() {
    return this.v.getFloat64(this.take(8));
  }
  bytes(n) {
    const at = this.take(n);
    return this.b.subarray(at, at + n);
  }
  text() {
    return fromUTF8.decode(this.bytes(this.u16()));
  }
  value(depth = 0) {
    if (depth > maxDepth) throw new AMFError("a value is nested too deep");
    const marker = this.u8();
    switch (marker) {
      case 0:
        return this.f64();
      case 1:
        return this.u8() !== 0;
      case 2:
        return this.text();
      case 3:
        return this.members({}, depth);
      case 5:
        return null;
      case 6:
      case 13:
        return void 0;
      case 7: {
        const i = this.u16();
        if (i >= this.seen.length) throw new AMFError(`reference ${i} to nothing`);
        return this.seen[i];
      }
      case 8:
        this.u32();
        return this.members({}, depth);
      // the count is a hint
      case 10: {
        const n = this.u32();
        if (n > this.b.length - this.at) throw new AMFError(`an array of ${n} values in ${this.b.length - this.at} bytes`);
        const list = [];
        this.seen.push(list);
        for (let i = 0; i < n; i++) list.push(this.value(depth + 1));
        return list;
      }
      case 11: {
        const ms = this.f64();
        this.u16();
        return new Date(ms);
      }
      case 12:
      case 15:
        return fromUTF8.decode(this.bytes(this.u32()));
      case 16: {
        const o = new TypedObject(this.text(), /* @__PURE__ */ Object.create(null));
        this.seen.push(o);
        this.read(o.members, depth);
        return o;
      }
    }
    throw new AMFError(`marker ${marker} at byte ${this.at - 1} is none that is understood here`);
  }
  members(o, depth) {
    Object.setPrototypeOf(o, null);
    this.seen.push(o);
    this.read(o, depth);
    return o;
  }
  read(o, depth) {
    for (; ; ) {
      const key = this.text();
      if (key === "" && this.b[this.at] === 9) {
        this.at++;
        return;
      }
      o[key] = this.value(depth + 1);
    }
  }
};

// src/chunk.ts
var ProtocolError = class extends Error {
};
var maxMessage = 16 << 20;
var maxChunkStreams = 64;
var ChunkReader = class {
  size = 128;
  rest = new Uint8Array(0);
  streams = /* @__PURE__ */ new Map();
  /** Takes bytes and returns the messages that are complete. The bytes are kept as long as a message of theirs lives. */
  push(bytes) {
    let b = bytes;
    if (this.rest.length > 0) {
      b = new Uint8Array(this.rest.length + bytes.length);
      b.set(this.rest);
      b.set(bytes, this.rest.length);
    }
    const done = [];
    let at = 0;
    for (; ; ) {
      const n = this.chunk(b, at, done);
      if (n === 0) break;
      at += n;
    }
    this.rest = b.slice(at);
    return done;
  }
  // chunk reads one chunk and returns its length, 0 when it is not whole yet.
  chunk(b, start, done) {
    const v = new DataView(b.buffer, b.byteOffset);
    const left = b.length - start;
    if (left < 1) return 0;
    const format = b[start] >> 6;
    let id = b[start] & 63;
    const basic = id === 0 ? 2 : id === 1 ? 3 : 1;
    if (left < basic) return 0;
    if (id === 0) id = 64 + b[start + 1];
    else if (id === 1) id = 64 + b[start + 1] + 256 * b[start + 2];
    let at = start + basic;
    const header = [11, 7, 3, 0][format];
    if (b.length - at < header) return 0;
    let s = this.streams.get(id);
    if (!s) {
      if (format !== 0) throw new ProtocolError(`chunk stream ${id} begins without a whole header`);
      if (this.streams.size >= maxChunkStreams) throw new ProtocolError("too many chunk streams");
      s = { type: 0, stream: 0, time: 0, body: new Uint8Array(0), length: 0, delta: 0, extended: -1, parts: [], got: 0 };
    }
    const fresh = s.got === 0;
    if (!fresh && format !== 3) throw new ProtocolError(`a new header within a message of chunk stream ${id}`);
    let field = format < 3 ? b[at] << 16 | v.getUint16(at + 1) : 0;
    let length = s.length, type = s.type, stream = s.stream;
    if (format < 2) {
      length = b[at + 3] << 16 | v.getUint16(at + 4);
      type = b[at + 6];
    }
    if (format === 0) stream = v.getUint32(at + 7, true);
    at += header;
    let extended = -1;
    if (format < 3 ? field === 16777215 : s.extended >= 0) {
      if (b.length - at < 4) return 0;
      const value = v.getUint32(at);
      if (format < 3) {
        extended = field = value;
        at += 4;
      } else if (value === s.extended) {
        extended = value;
        at += 4;
      } else extended = s.extended;
    }
    const size = Math.min(this.size, length - s.got);
    if (b.length - at < size) return 0;
    this.streams.set(id, s);
    if (fresh) {
      if (format === 3) field = s.delta;
      if (format === 0) {
        s.time = field;
        s.delta = field;
      } else {
        s.time = s.time + field >>> 0;
        s.delta = field;
      }
      Object.assign(s, { length, type, stream, extended });
      if (length > maxMessage) throw new ProtocolError(`a message of ${length} bytes`);
    }
    s.parts.push(b.subarray(at, at + size));
    s.got += size;
    if (s.got >= s.length) {
      done.push({ type: s.type, stream: s.stream, time: s.time, body: join(s.parts, s.got) });
      if (s.type === 1 && s.got === 4) this.resize(s.parts);
      s.parts = [];
      s.got = 0;
    }
    return at + size - start;
  }
  // resize obeys Set Chunk Size, which holds from the next chunk on.
  resize(parts) {
    const b = join(parts, 4);
    const n = new DataView(b.buffer, b.byteOffset).getUint32(0) & 2147483647;
    if (n === 0) throw new ProtocolError("a chunk size of 0");
    this.size = n;
  }
};
function join(parts, length) {
  if (parts.length === 1) return parts[0];
  const b = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    b.set(p, at);
    at += p.length;
  }
  return b;
}
function cut(m, csid, size) {
  const w = new Writer();
  const long = m.time >= 16777215;
  w.u8(csid).u24(long ? 16777215 : m.time).u24(m.body.length).u8(m.type).u32le(m.stream);
  if (long) w.u32(m.time);
  for (let at = 0; at < m.body.length || at === 0; at += size) {
    if (at > 0) {
      w.u8(192 | csid);
      if (long) w.u32(m.time);
    }
    w.bytes(m.body.subarray(at, at + size));
  }
  return w.done();
}

// src/mp4.ts
var ascii = (s) => Uint8Array.from(s, (c) => c.charCodeAt(0));
function box(type, ...parts) {
  const bodies = parts.map((p) => p instanceof Writer ? p.done() : p);
  const w = new Writer().u32(8 + bodies.reduce((n, b) => n + b.length, 0)).bytes(ascii(type));
  for (const b of bodies) w.bytes(b);
  return w.done();
}
var words = (...n) => {
  const w = new Writer();
  n.forEach((x) => w.u32(x));
  return w;
};
var full = (type, versionAndFlags, ...parts) => box(type, words(versionAndFlags), ...parts);
var matrix = words(65536, 0, 0, 0, 65536, 0, 0, 0, 1073741824).done();
var timescale = 1e3;
function init(handler, mediaHeader, sample, width, height, audio) {
  const empty = [full("stts", 0, words(0)), full("stsc", 0, words(0)), full("stsz", 0, words(0, 0)), full("stco", 0, words(0))];
  return concat([
    box("ftyp", ascii("iso5"), words(512), ascii("iso5iso6mp41")),
    box(
      "moov",
      full("mvhd", 0, words(0, 0, timescale, 0, 65536), new Writer().u16(256).u16(0), words(0, 0), matrix, words(0, 0, 0, 0, 0, 0, 2)),
      box(
        "trak",
        full("tkhd", 7, words(0, 0, 1, 0, 0, 0, 0), new Writer().u16(0).u16(0).u16(audio ? 256 : 0).u16(0), matrix, words(width << 16, height << 16)),
        box(
          "mdia",
          full("mdhd", 0, words(0, 0, timescale, 0), new Writer().u16(21956).u16(0)),
          full("hdlr", 0, words(0), ascii(handler), words(0, 0, 0), ascii("penstock\0")),
          box(
            "minf",
            mediaHeader,
            box("dinf", full("dref", 0, words(1), full("url ", 1))),
            box("stbl", full("stsd", 0, words(1), sample), ...empty)
          )
        )
      ),
      box("mvex", full("trex", 0, words(1, 1, 0, 0, 0)))
    )
  ]);
}
function concat(parts) {
  const w = new Writer();
  parts.forEach((p) => w.bytes(p));
  return w.done();
}
function videoInit(avcC, width, height) {
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u32(0).u32(0).u16(width).u16(height).u32(4718592).u32(4718592).u32(0).u16(1);
  w.bytes(new Uint8Array(32)).u16(24).u16(65535);
  return init("vide", full("vmhd", 1, words(0, 0)), box("avc1", w, box("avcC", avcC)), width, height, false);
}
function audioInit(config) {
  const descriptor = (tag, body) => new Writer().u8(tag).u8(body.length).bytes(body).done();
  const decoder = concat([new Writer().u8(64).u8(21).u24(0).u32(0).u32(0).done(), descriptor(5, config)]);
  const es = descriptor(3, concat([new Writer().u16(1).u8(0).done(), descriptor(4, decoder), descriptor(6, Uint8Array.of(2))]));
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u16(channels(config)).u16(16).u32(0).u32(sampleRate(config) << 16 >>> 0);
  return init("soun", full("smhd", 0, words(0)), box("mp4a", w, full("esds", 0, es)), 0, 0, true);
}
function fragment(sequence, samples) {
  const trun = (offset) => {
    const w = words(samples.length, offset);
    for (const s of samples) w.u32(s.duration).u32(s.body.length).u32(s.key ? 33554432 : 16842752).u32(s.offset);
    return full("trun", 16781057, w);
  };
  const time = new Writer().u32(Math.floor(samples[0].time / 2 ** 32)).u32(samples[0].time % 2 ** 32);
  const moof = (offset) => box(
    "moof",
    full("mfhd", 0, words(sequence)),
    box("traf", full("tfhd", 131072, words(1)), full("tfdt", 16777216, time), trun(offset))
  );
  return concat([moof(moof(0).length + 8), box("mdat", ...samples.map((s) => s.body))]);
}
var videoCodec = (avcC) => `avc1.${[1, 2, 3].map((i) => avcC[i].toString(16).padStart(2, "0")).join("")}`;
var audioCodec = (config) => `mp4a.40.${config[0] >> 3}`;
var rates = [96e3, 88200, 64e3, 48e3, 44100, 32e3, 24e3, 22050, 16e3, 12e3, 11025, 8e3, 7350];
var sampleRate = (c) => rates[(c[0] & 7) << 1 | c[1] >> 7] ?? 44100;
var channels = (c) => c[1] >> 3 & 15 || 2;

// src/stream.ts
var NetStream = class extends EventTarget {
  /** @internal */
  constructor(nc, id) {
    super();
    this.nc = nc;
    this.id = id;
  }
  /** The last onMetaData. */
  metadata = {};
  wait;
  sink;
  begun = performance.now();
  /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
  play(name) {
    return this.ask(["NetStream.Play.Start"], "play", name, -1e3);
  }
  /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
  publish(name) {
    this.begun = performance.now();
    return this.ask(["NetStream.Publish.Start"], "publish", name, "live");
  }
  /** Sends a data message to every player of the stream that is published. */
  send(name, ...args) {
    this.nc.send(18, this.id, encode(name, ...args), Math.round(performance.now() - this.begun));
  }
  /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
  attach(element) {
    this.sink?.close();
    this.sink = new MediaSink(element, (said) => this.status(said));
  }
  /** Ends what is played or published, and the stream. */
  close() {
    this.nc.send(20, 0, encode("deleteStream", 0, null, this.id));
    this.nc.forget(this);
    this.ended();
  }
  ask(good, command, ...args) {
    const answer = new Promise((resolve, reject) => {
      this.wait = { good, resolve, reject };
    });
    this.nc.send(20, this.id, encode(command, 0, null, ...args));
    return answer;
  }
  /** @internal */
  status(said) {
    const w = this.wait;
    if (w && (w.good.includes(said.code) || said.level === "error")) {
      this.wait = void 0;
      if (said.level === "error") w.reject(new NetStatusError(said));
      else w.resolve(said);
    }
    if (said.code === "NetStream.Play.UnpublishNotify") this.sink?.gap();
    this.dispatchEvent(new CustomEvent("netstatus", { detail: said }));
  }
  /** @internal */
  data(body) {
    const r = new Reader(body);
    const values = [];
    while (r.more) values.push(r.value());
    let [name, ...args] = values;
    if (name === "onStatus") {
      this.status({ ...info("", "", "status"), ...args[0] });
      return;
    }
    if (name === "@setDataFrame") [name, ...args] = args;
    if (name === "onMetaData" && typeof args[0] === "object") this.metadata = args[0];
    this.dispatchEvent(new CustomEvent("data", { detail: { name: String(name), args } }));
  }
  /** @internal */
  media(m) {
    if (m.type === 9) this.sink?.video(m.body, m.time, this.metadata);
    else this.sink?.audio(m.body, m.time);
  }
  /** @internal */
  ended() {
    this.sink?.close();
    this.sink = void 0;
    const w = this.wait;
    this.wait = void 0;
    w?.reject(new NetStatusError(info("NetStream.Failed", "The connection ended before the answer.")));
  }
};
var behind = 3;
var kept = 30;
var Track = class {
  queue = [];
  held;
  // waits for the next one, which says how long it is
  sequence = 0;
  buffer;
  config;
  push(data) {
    this.queue.push(data);
    this.flush();
  }
  flush() {
    const b = this.buffer;
    if (!b || b.updating || this.queue.length === 0) return;
    const all = this.queue;
    this.queue = [];
    const total = new Uint8Array(all.reduce((n, x) => n + x.length, 0));
    let at = 0;
    for (const x of all) {
      total.set(x, at);
      at += x.length;
    }
    b.appendBuffer(total);
  }
  /** Takes a sample; the one before goes out. */
  sample(s) {
    const h = this.held;
    this.held = s;
    if (!h) return;
    h.duration = Math.min(Math.max(s.time - h.time, 1), 1e3);
    this.push(fragment(++this.sequence, [h]));
  }
  gap() {
    this.held = void 0;
  }
};
var MediaSink = class {
  constructor(element, say) {
    this.element = element;
    this.say = say;
    this.url = URL.createObjectURL(this.source);
    element.src = this.url;
    this.source.addEventListener("sourceopen", () => this.open());
    this.timer = setInterval(() => this.tend(), 500);
  }
  source = new MediaSource();
  tracks = {};
  url;
  first;
  // RTMP time that is 0 in the element
  waitForKey = true;
  timer;
  open() {
    URL.revokeObjectURL(this.url);
    for (const [kind, t] of Object.entries(this.tracks)) this.begin(kind, t);
  }
  begin(kind, t) {
    if (t.buffer || !t.config || this.source.readyState !== "open") return;
    const type = kind === "video" ? `video/mp4; codecs="${videoCodec(t.config)}"` : `audio/mp4; codecs="${audioCodec(t.config)}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.say(info("NetStream.Play.NoSupportedTrackFound", `This browser cannot play ${type}.`));
      return;
    }
    t.buffer = this.source.addSourceBuffer(type);
    t.buffer.addEventListener("updateend", () => t.flush());
    t.flush();
  }
  track(kind, config, header) {
    const t = this.tracks[kind] ??= new Track();
    if (t.config && t.config.length === config.length && t.config.every((x, i) => x === config[i])) return;
    t.config = config.slice();
    t.push(header);
    this.begin(kind, t);
  }
  // time in the element. All tracks count from the first thing that can be shown.
  time(rtmp) {
    this.first ??= rtmp;
    return rtmp - this.first >>> 0;
  }
  video(b, rtmp, meta) {
    if (b.length < 5 || b[0] & 128 || (b[0] & 15) !== 7) {
      if (b.length >= 1 && b[0] !== 87) this.say(info("NetStream.Play.NoSupportedTrackFound", "The picture is not H.264."));
      return;
    }
    if (b[1] === 0) {
      this.track("video", b.subarray(5), videoInit(b.subarray(5), Number(meta.width) || 640, Number(meta.height) || 360));
      return;
    }
    const t = this.tracks.video;
    const key = b[0] >> 4 === 1;
    if (!t || b[1] !== 1 || this.waitForKey && !key) return;
    this.waitForKey = false;
    const offset = (b[2] << 16 | b[3] << 8 | b[4]) << 8 >> 8;
    t.sample({ time: this.time(rtmp), duration: 0, offset, key, body: b.slice(5) });
  }
  audio(b, rtmp) {
    if (b.length < 2 || b[0] >> 4 !== 10) return;
    if (b[1] === 0) {
      this.track("audio", b.subarray(2), audioInit(b.subarray(2)));
      return;
    }
    if (this.tracks.video && this.waitForKey) return;
    this.tracks.audio?.sample({ time: this.time(rtmp), duration: 0, offset: 0, key: true, body: b.slice(2) });
  }
  /** The publisher has left: what comes next begins with a key frame. */
  gap() {
    this.waitForKey = true;
    for (const t of Object.values(this.tracks)) t.gap();
  }
  // tend keeps the element near the live end, and what has been seen short.
  tend() {
    const ranges = this.element.buffered;
    if (ranges.length === 0) return;
    const end = ranges.end(ranges.length - 1), start = ranges.start(ranges.length - 1), now = this.element.currentTime;
    if (now < start || end - now > behind) this.element.currentTime = Math.max(start, end - 0.5);
    for (const t of Object.values(this.tracks)) {
      const b = t.buffer;
      if (b && !b.updating && b.buffered.length > 0 && now - b.buffered.start(0) > 2 * kept) b.remove(0, now - kept);
    }
  }
  close() {
    clearInterval(this.timer);
    if (this.source.readyState === "open") {
      for (const t of Object.values(this.tracks)) {
        try {
          t.buffer?.abort();
        } catch {
        }
      }
      try {
        this.source.endOfStream();
      } catch {
      }
    }
  }
};

// src/sharedobject.ts
var SharedObject = class extends EventTarget {
  // changes of ours that are not answered yet
  /** @internal */
  constructor(nc, name, persistent, released) {
    super();
    this.nc = nc;
    this.name = name;
    this.persistent = persistent;
    this.released = released;
  }
  /** The slots. Read it; write with set and remove. */
  data = /* @__PURE__ */ new Map();
  /** Whether the server's first answer is there. */
  ready = false;
  version = 0;
  asked = /* @__PURE__ */ new Map();
  /** Sets a slot. It is in data when the server has answered, with "success". */
  set(name, value) {
    this.asked.set(name, value);
    this.request(3 /* RequestChange */, (w) => write(w.text(name), value, 0));
  }
  /** Removes a slot. */
  remove(name) {
    this.request(10 /* RequestRemove */, (w) => w.text(name));
  }
  /** Sends a message to every client of the object, this one included. */
  send(name, ...args) {
    this.request(6 /* Send */, (w) => [name, ...args].forEach((v) => write(w, v, 0)));
  }
  /** Gives the object back: no more events come. */
  close() {
    this.request(2 /* Release */, () => {
    });
    this.released();
  }
  /** @internal */
  use() {
    this.request(1 /* Use */, () => {
    });
  }
  request(event, body) {
    const data = new Writer();
    body(data);
    const w = new Writer().text(this.name).u32(this.version).u32(this.persistent ? 2 : 0).u32(0);
    w.u8(event).u32(data.length).bytes(data.done());
    this.nc.send(19, 0, w.done());
  }
  /** @internal Takes what follows the name in a message. */
  take(r) {
    this.version = r.u32();
    r.u32();
    r.u32();
    const changes = [];
    while (r.more) {
      const event = r.u8();
      this.apply(event, new Reader(r.bytes(r.u32())), changes);
    }
    if (changes.length > 0) this.dispatchEvent(new CustomEvent("sync", { detail: changes }));
  }
  apply(event, r, changes) {
    switch (event) {
      case 11 /* UseSuccess */:
        this.ready = true;
        return;
      case 8 /* Clear */:
        this.data.clear();
        changes.push({ code: "clear" });
        return;
      case 4 /* Change */:
        while (r.more) {
          const name = r.text();
          const value = r.value();
          const oldValue = this.data.get(name);
          const rejected = this.asked.delete(name);
          this.data.set(name, value);
          changes.push({ code: rejected ? "reject" : "change", name, oldValue });
        }
        return;
      case 5 /* Success */:
        while (r.more) {
          const name = r.text();
          const oldValue = this.data.get(name);
          this.data.set(name, this.asked.get(name));
          this.asked.delete(name);
          changes.push({ code: "success", name, oldValue });
        }
        return;
      case 9 /* Remove */:
        while (r.more) {
          const name = r.text();
          const oldValue = this.data.get(name);
          this.data.delete(name);
          changes.push({ code: "delete", name, oldValue });
        }
        return;
      case 7 /* Status */: {
        const code = r.text();
        const level = r.more ? r.text() : "error";
        this.dispatchEvent(new CustomEvent("netstatus", { detail: { level, code, description: "" } }));
        return;
      }
      case 6 /* Send */: {
        const values = [];
        while (r.more) values.push(r.value());
        const [name, ...args] = values;
        this.dispatchEvent(new CustomEvent("message", { detail: { name: String(name), args } }));
        return;
      }
    }
  }
};

// src/connection.ts
var NetStatusError = class extends Error {
  constructor(info2) {
    super(`${info2.code}: ${info2.description}`);
    this.info = info2;
    this.name = "NetStatusError";
  }
  get code() {
    return this.info.code;
  }
};
var handshakeBytes = 1536;
var ourChunkSize = 65536;
function info(code, description, level = "error") {
  return { level, code, description };
}
function informationOf(v) {
  if (typeof v !== "object" || v === null || typeof v.code !== "string") return void 0;
  const o = v;
  return { ...o, level: String(o.level ?? "error"), code: String(o.code), description: String(o.description ?? "") };
}
var NetConnection2 = class extends EventTarget {
  constructor(options = {}) {
    super();
    this.options = options;
  }
  /** Methods that the server may call. */
  client = {};
  ws;
  reader = new ChunkReader();
  shaken = new Uint8Array(0);
  // what has come of S0, S1 and S2; null when they are done
  sendSize = 128;
  transaction = 1;
  waiting = /* @__PURE__ */ new Map();
  streams = /* @__PURE__ */ new Map();
  objects = /* @__PURE__ */ new Map();
  received = 0;
  acknowledged = 0;
  window = 25e5;
  state = "idle";
  told;
  get connected() {
    return this.state === "connected";
  }
  /**
   * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
   * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
   * NetConnection.Connect.Failed.
   */
  async connect(application, ...args) {
    if (this.state !== "idle") throw new NetStatusError(info("NetConnection.Connect.Failed", "A NetConnection connects once; make another."));
    this.state = "connecting";
    const endpoint = new URL(this.options.endpoint ?? "/rtmp", globalThis.location?.href);
    endpoint.protocol = endpoint.protocol.replace("http", "ws");
    const ws = this.ws = new WebSocket(endpoint, "rtmp");
    ws.binaryType = "arraybuffer";
    ws.onmessage = (e) => this.take(new Uint8Array(e.data));
    ws.onclose = () => this.end(info("NetConnection.Connect.Closed", "The server ended the connection.", "status"));
    ws.onopen = () => {
      const c = new Uint8Array(1 + handshakeBytes);
      c[0] = 3;
      for (let i = 9; i < c.length; i++) c[i] = Math.random() * 256;
      ws.send(c);
    };
    const page = globalThis.location;
    const answer = this.expect(1);
    this.command = () => this.send(20, 0, encode("connect", 1, {
      app: application,
      flashVer: "WEB 1,0,0,0 (Penstock)",
      tcUrl: `rtmp://${endpoint.host}/${application}`,
      fpad: false,
      capabilities: 239,
      audioCodecs: 3575,
      videoCodecs: 252,
      videoFunction: 1,
      objectEncoding: 0,
      ...page ? { pageUrl: page.href } : {},
      ...this.options.properties
    }, ...args));
    try {
      const values = await answer;
      this.state = "connected";
      const success = informationOf(values[1]) ?? info("NetConnection.Connect.Success", "", "status");
      this.control(5, 25e5);
      this.control(1, ourChunkSize);
      this.sendSize = ourChunkSize;
      this.say(success);
      return success;
    } catch (e) {
      this.told = e.info;
      this.say(this.told);
      this.close();
      throw e;
    }
  }
  command = () => {
  };
  /** Calls a method of the application. The promise is its result, or is rejected with a NetStatusError. */
  async call(method, ...args) {
    this.need();
    const id = ++this.transaction;
    const answer = this.expect(id);
    this.send(20, 0, encode(method, id, null, ...args));
    return (await answer)[1];
  }
  /** Calls a method without wanting an answer. */
  notify(method, ...args) {
    this.need();
    this.send(20, 0, encode(method, 0, null, ...args));
  }
  /** Makes a stream, to publish or to play. */
  async createStream() {
    this.need();
    const id = ++this.transaction;
    const answer = this.expect(id);
    this.send(20, 0, encode("createStream", id, null));
    const stream = new NetStream(this, Number((await answer)[1]));
    this.streams.set(stream.id, stream);
    return stream;
  }
  /** The remote shared object of that name, used from now on: the same one for the same name. */
  sharedObject(name, persistent = false) {
    this.need();
    let so = this.objects.get(name);
    if (!so) {
      so = new SharedObject(this, name, persistent, () => this.objects.delete(name));
      this.objects.set(name, so);
      so.use();
    }
    return so;
  }
  /** Ends the connection. */
  close() {
    this.end(info("NetConnection.Connect.Closed", "Closed by this side.", "status"));
  }
  need() {
    if (this.state !== "connected") throw new NetStatusError(info("NetConnection.Call.Failed", "There is no connection."));
  }
  expect(id) {
    return new Promise((resolve, reject) => {
      const code = id === 1 ? "NetConnection.Connect.Failed" : "NetConnection.Call.Failed";
      const timer = setTimeout(
        () => this.settle(id, (w) => w.reject(new NetStatusError(info(code, "No answer in time.")))),
        this.options.timeout ?? 1e4
      );
      this.waiting.set(id, { resolve, reject, timer });
    });
  }
  settle(id, f) {
    const w = this.waiting.get(id);
    if (!w) return;
    this.waiting.delete(id);
    clearTimeout(w.timer);
    f(w);
  }
  /** @internal */
  send(type, stream, body, time = 0) {
    if (this.ws?.readyState !== WebSocket.OPEN) return;
    const csid = type < 7 ? 2 : stream === 0 ? 3 : 8;
    this.ws.send(cut({ type, stream, time, body }, csid, this.sendSize));
  }
  control(type, value) {
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, value);
    this.send(type, 0, b);
  }
  say(detail) {
    this.dispatchEvent(new CustomEvent("netstatus", { detail }));
  }
  take(bytes) {
    try {
      if (this.shaken) {
        const all = new Uint8Array(this.shaken.length + bytes.length);
        all.set(this.shaken);
        all.set(bytes, this.shaken.length);
        if (all.length < 1 + 2 * handshakeBytes) {
          this.shaken = all;
          return;
        }
        this.shaken = null;
        this.ws.send(all.slice(1, 1 + handshakeBytes));
        this.command();
        bytes = all.subarray(1 + 2 * handshakeBytes);
      }
      this.received += bytes.length;
      for (const m of this.reader.push(bytes)) this.handle(m);
      if (this.received - this.acknowledged >= this.window / 2) {
        this.acknowledged = this.received;
        this.control(3, this.received >>> 0);
      }
    } catch (e) {
      this.end(info("NetConnection.Connect.Closed", `The server could not be understood: ${e.message}.`, "status"));
    }
  }
  handle(m) {
    const v = new DataView(m.body.buffer, m.body.byteOffset, m.body.byteLength);
    switch (m.type) {
      case 4:
        if (m.body.length >= 6 && v.getUint16(0) === 6) {
          const b = m.body.slice(0, 6);
          b[1] = 7;
          this.send(4, 0, b);
        }
        return;
      case 5:
        if (m.body.length >= 4) this.window = Math.max(65536, v.getUint32(0));
        return;
      case 6:
        if (m.body.length >= 4) this.control(5, v.getUint32(0));
        return;
      case 8:
      case 9:
        this.streams.get(m.stream)?.media(m);
        return;
      case 18:
        this.streams.get(m.stream)?.data(m.body);
        return;
      case 19:
        this.shared(m.body);
        return;
      case 20:
        this.commanded(m);
        return;
    }
  }
  shared(body) {
    const r = new Reader(body);
    const so = this.objects.get(r.text());
    so?.take(r);
  }
  commanded(m) {
    let values;
    try {
      const r = new Reader(m.body);
      values = [];
      while (r.more) values.push(r.value());
    } catch (e) {
      if (!(e instanceof AMFError)) throw e;
      this.say(info("NetConnection.Call.BadVersion", e.message));
      return;
    }
    const [name, transaction, object, ...args] = values;
    const id = Number(transaction);
    switch (name) {
      case "_result":
        this.settle(id, (w) => w.resolve([object, ...args]));
        return;
      case "_error": {
        const said = informationOf(args[0]) ?? informationOf(object) ?? info("NetConnection.Call.Failed", "");
        this.settle(id, (w) => w.reject(new NetStatusError(said)));
        return;
      }
      case "close":
        this.end(this.told ?? info("NetConnection.Connect.Closed", "The server ended the connection.", "status"));
        return;
      case "onStatus": {
        const said = informationOf(args[0]);
        if (!said) return;
        const stream = m.stream !== 0 ? this.streams.get(m.stream) : void 0;
        if (stream) stream.status(said);
        else if (said.code === "NetConnection.Connect.Closed") this.told = said;
        else this.say(said);
        return;
      }
    }
    void this.called(String(name), id, args);
  }
  // called runs one of our methods on the server's behalf. Only own methods can be called.
  async called(name, id, args) {
    const f = Object.hasOwn(this.client, name) ? this.client[name] : void 0;
    if (!f) {
      if (id !== 0) this.send(20, 0, encode("_error", id, null, { code: "NetConnection.Call.Failed", level: "error" }));
      return;
    }
    try {
      const result = await f.apply(this.client, args);
      if (id !== 0) this.send(20, 0, encode("_result", id, null, result));
    } catch (e) {
      if (id !== 0) this.send(20, 0, encode("_error", id, null, { ...info("NetConnection.Call.Failed", String(e?.message ?? e)) }));
      else console.error(e);
    }
  }
  end(closed) {
    if (this.state === "closed" || this.state === "idle") return;
    const before = this.state;
    this.state = "closed";
    for (const id of [...this.waiting.keys()]) {
      const lost = id === 1 ? info("NetConnection.Connect.Failed", `There was no answer to connect. ${closed.description}`) : info("NetConnection.Call.Failed", "The connection ended before the answer.");
      this.settle(id, (w) => w.reject(new NetStatusError(lost)));
    }
    for (const s of this.streams.values()) s.ended();
    if (this.ws) {
      this.ws.onclose = this.ws.onmessage = this.ws.onopen = null;
      this.ws.close();
    }
    if (before === "connected") this.say(this.told?.code === closed.code ? this.told : closed);
  }
  /** @internal */
  forget(s) {
    this.streams.delete(s.id);
  }
};
export {
  AMFError,
  NetConnection2 as NetConnection,
  NetStatusError,
  NetStream,
  ProtocolError,
  SharedObject,
  TypedObject
};
