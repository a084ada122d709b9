import { Reader, Value, encode } from "./amf.js";
import type { Message } from "./chunk.js";
import { InformationObject, NetConnection, NetStatusError, info } from "./connection.js";
import { Sample, audioCodec, audioInit, fragment, videoCodec, videoInit } from "./mp4.js";

/**
 * A stream, as Flash Player had it. Events: "netstatus" with an InformationObject; "data" for data messages, its detail {name, args}:
 * onMetaData, cue points, whatever the publisher sends.
 */
export class NetStream extends EventTarget {
  /** The last onMetaData. */
  metadata: { [key: string]: Value } = {};
  private wait?: { good: string[]; resolve(i: InformationObject): void; reject(e: NetStatusError): void };
  private sink?: MediaSink;
  private begun = performance.now();

  /** @internal */
  constructor(private nc: NetConnection, readonly id: number) { super(); }

  /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
  play(name: string): Promise<InformationObject> {
    return this.ask(["NetStream.Play.Start"], "play", name, -1000);
  }

  /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
  publish(name: string): Promise<InformationObject> {
    this.begun = performance.now();
    return this.ask(["NetStream.Publish.Start"], "publish", name, "live");
  }

  /** Sends a data message to every player of the stream that is published. */
  send(name: string, ...args: Value[]): void {
    this.nc.send(18, this.id, encode(name, ...args), Math.round(performance.now() - this.begun));
  }

  /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
  attach(element: HTMLMediaElement): void {
    this.sink?.close();
    this.sink = new MediaSink(element, (said) => this.status(said));
  }

  /** Ends what is played or published, and the stream. */
  close(): void {
    this.nc.send(20, 0, encode("deleteStream", 0, null, this.id));
    this.nc.forget(this);
    this.ended();
  }

  private ask(good: string[], command: string, ...args: Value[]): Promise<InformationObject> {
    const answer = new Promise<InformationObject>((resolve, reject) => { this.wait = { good, resolve, reject }; });
    this.nc.send(20, this.id, encode(command, 0, null, ...args));
    return answer;
  }

  /** @internal */
  status(said: InformationObject): void {
    const w = this.wait;
    if (w && (w.good.includes(said.code) || said.level === "error")) {
      this.wait = undefined;
      if (said.level === "error") w.reject(new NetStatusError(said));
      else w.resolve(said);
    }
    if (said.code === "NetStream.Play.UnpublishNotify") this.sink?.gap();
    this.dispatchEvent(new CustomEvent("netstatus", { detail: said }));
  }

  /** @internal */
  data(body: Uint8Array): void {
    const r = new Reader(body);
    const values: Value[] = [];
    while (r.more) values.push(r.value());
    let [name, ...args] = values;
    if (name === "onStatus") { // NetStream.Data.Start has a code only
      this.status({ ...info("", "", "status"), ...(args[0] as object) });
      return;
    }
    if (name === "@setDataFrame") [name, ...args] = args;
    if (name === "onMetaData" && typeof args[0] === "object") this.metadata = args[0] as { [key: string]: Value };
    this.dispatchEvent(new CustomEvent("data", { detail: { name: String(name), args } }));
  }

  /** @internal */
  media(m: Message): void {
    if (m.type === 9) this.sink?.video(m.body, m.time, this.metadata);
    else this.sink?.audio(m.body, m.time);
  }

  /** @internal */
  ended(): void {
    this.sink?.close();
    this.sink = undefined;
    const w = this.wait;
    this.wait = undefined;
    w?.reject(new NetStatusError(info("NetStream.Failed", "The connection ended before the answer.")));
  }
}

/** How far behind the newest picture a live player may be, and how much it keeps, in s. */
const behind = 3, kept = 30;

/** One track on its way into a SourceBuffer. */
class Track {
  private queue: Uint8Array[] = [];
  private held?: Sample; // waits for the next one, which says how long it is
  private sequence = 0;
  buffer?: SourceBuffer;
  config?: Uint8Array;

  push(data: Uint8Array): void {
    this.queue.push(data);
    this.flush();
  }
  flush(): void {
    const b = this.buffer;
    if (!b || b.updating || this.queue.length === 0) return;
    const all = this.queue;
    this.queue = [];
    const total = new Uint8Array(all.reduce((n, x) => n + x.length, 0));
    let at = 0;
    for (const x of all) { total.set(x, at); at += x.length; }
    b.appendBuffer(total);
  }
  /** Takes a sample; the one before goes out. */
  sample(s: Sample): void {
    const h = this.held;
    this.held = s;
    if (!h) return;
    h.duration = Math.min(Math.max(s.time - h.time, 1), 1000);
    this.push(fragment(++this.sequence, [h]));
  }
  gap(): void { this.held = undefined; }
}

/** What is played, on its way into a media element. */
class MediaSink {
  private source = new MediaSource();
  private tracks: { [kind: string]: Track } = {};
  private url: string;
  private first?: number; // RTMP time that is 0 in the element
  private waitForKey = true;
  private timer: ReturnType<typeof setInterval>;

  constructor(private element: HTMLMediaElement, private say: (i: InformationObject) => void) {
    this.url = URL.createObjectURL(this.source);
    element.src = this.url;
    this.source.addEventListener("sourceopen", () => this.open());
    this.timer = setInterval(() => this.tend(), 500);
  }

  private open(): void {
    URL.revokeObjectURL(this.url);
    for (const [kind, t] of Object.entries(this.tracks)) this.begin(kind, t);
  }

  private begin(kind: string, t: Track): void {
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

  private track(kind: string, config: Uint8Array, header: Uint8Array): void {
    const t = (this.tracks[kind] ??= new Track());
    if (t.config && t.config.length === config.length && t.config.every((x, i) => x === config[i])) return;
    t.config = config.slice();
    t.push(header);
    this.begin(kind, t);
  }

  // time in the element. All tracks count from the first thing that can be shown.
  private time(rtmp: number): number {
    this.first ??= rtmp;
    return (rtmp - this.first) >>> 0;
  }

  video(b: Uint8Array, rtmp: number, meta: { [key: string]: Value }): void {
    if (b.length < 5 || b[0] & 0x80 || (b[0] & 15) !== 7) {
      if (b.length >= 1 && b[0] !== 0x57) this.say(info("NetStream.Play.NoSupportedTrackFound", "The picture is not H.264."));
      return;
    }
    if (b[1] === 0) {
      this.track("video", b.subarray(5), videoInit(b.subarray(5), Number(meta.width) || 640, Number(meta.height) || 360));
      return;
    }
    const t = this.tracks.video;
    const key = b[0] >> 4 === 1;
    if (!t || b[1] !== 1 || (this.waitForKey && !key)) return;
    this.waitForKey = false;
    const offset = ((b[2] << 16) | (b[3] << 8) | b[4]) << 8 >> 8;
    t.sample({ time: this.time(rtmp), duration: 0, offset, key, body: b.slice(5) });
  }

  audio(b: Uint8Array, rtmp: number): void {
    if (b.length < 2 || b[0] >> 4 !== 10) return;
    if (b[1] === 0) { this.track("audio", b.subarray(2), audioInit(b.subarray(2))); return; }
    if (this.tracks.video && this.waitForKey) return;
    this.tracks.audio?.sample({ time: this.time(rtmp), duration: 0, offset: 0, key: true, body: b.slice(2) });
  }

  /** The publisher has left: what comes next begins with a key frame. */
  gap(): void {
    this.waitForKey = true;
    for (const t of Object.values(this.tracks)) t.gap();
  }

  // tend keeps the element near the live end, and what has been seen short.
  private tend(): void {
    const ranges = this.element.buffered;
    if (ranges.length === 0) return;
    const end = ranges.end(ranges.length - 1), start = ranges.start(ranges.length - 1), now = this.element.currentTime;
    if (now < start || end - now > behind) this.element.currentTime = Math.max(start, end - 0.5);
    for (const t of Object.values(this.tracks)) {
      const b = t.buffer;
      if (b && !b.updating && b.buffered.length > 0 && now - b.buffered.start(0) > 2 * kept) b.remove(0, now - kept);
    }
  }

  close(): void {
    clearInterval(this.timer);
    if (this.source.readyState === "open") {
      for (const t of Object.values(this.tracks)) { try { t.buffer?.abort(); } catch { /* it was being removed */ } }
      try { this.source.endOfStream(); } catch { /* a buffer was still at work */ }
    }
  }
}
