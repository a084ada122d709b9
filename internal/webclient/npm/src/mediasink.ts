import type { Message } from "./chunk.js";
import { InformationObject, info } from "./events.js";
import { Sample, audioCodec, audioInit, fragment, videoCodec, videoInit } from "./mp4.js";
import type { Members } from "./value.js";

/** How far behind the newest picture a live player may be, and how much it keeps, in s. */
const behind = 3, kept = 30;
const maxQueue = 32 << 20; // bytes that wait for a SourceBuffer

/** One track on its way into a SourceBuffer. */
class Track {
  private queue: Uint8Array[] = [];
  private queued = 0;
  private held?: Sample; // waits for the next one, which says how long it is
  private sequence = 0;
  buffer?: SourceBuffer;
  config?: Uint8Array;

  constructor(private failed: (why: string) => void) {}

  push(data: Uint8Array): void {
    if (this.queued + data.length > maxQueue) {
      this.failed("The media element takes nothing.");
      return;
    }
    this.queue.push(data);
    this.queued += data.length;
    this.flush();
  }
  flush(): void {
    const b = this.buffer;
    if (!b || b.updating || this.queue.length === 0) return;
    const total = new Uint8Array(this.queued);
    let at = 0;
    for (const x of this.queue) { total.set(x, at); at += x.length; }
    try {
      b.appendBuffer(total);
    } catch (e) {
      if ((e as Error).name === "QuotaExceededError") return; // it waits until what has been seen is removed
      this.failed(`The browser refused what was published: ${(e as Error).message}`);
    }
    this.queue = [];
    this.queued = 0;
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

/** What is played, on its way into a media element. @internal */
export class MediaSink {
  private source = new MediaSource();
  private tracks: { [kind: string]: Track } = {};
  private url: string;
  private first?: number; // RTMP time that is 0 in the element
  private waitForKey = true;
  private timer: ReturnType<typeof setInterval>;
  private failed = new Set<string>(); // what has been said
  private listening = new AbortController();

  constructor(private element: HTMLMediaElement, private tell: (i: InformationObject) => void) {
    this.url = URL.createObjectURL(this.source);
    element.src = this.url;
    this.source.addEventListener("sourceopen", () => this.open());
    this.timer = setInterval(() => this.tend(), 500);
    const on = (type: string, code: string) =>
      element.addEventListener(type, () => tell(info(code, "", "status")), { signal: this.listening.signal });
    on("waiting", "NetStream.Buffer.Empty");
    on("playing", "NetStream.Buffer.Full");
    on("resize", "NetStream.Video.DimensionChange");
    element.addEventListener("error", () => this.fail("NetStream.Play.Failed", element.error?.message || "The media element failed."),
      { signal: this.listening.signal });
  }

  // fail says why something cannot be shown, once.
  private fail(code: string, why: string): void {
    if (this.failed.has(why) || this.failed.size >= 100) return;
    this.failed.add(why);
    this.tell(info(code, why));
  }

  private open(): void {
    URL.revokeObjectURL(this.url);
    for (const [kind, t] of Object.entries(this.tracks)) this.begin(kind, t);
  }

  private begin(kind: string, t: Track): void {
    if (t.buffer || !t.config || this.source.readyState !== "open") return;
    const type = kind === "video" ? `video/mp4; codecs="${videoCodec(t.config)}"` : `audio/mp4; codecs="${audioCodec(t.config)}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.fail("NetStream.Play.NoSupportedTrackFound", `This browser cannot play ${type}.`);
      return;
    }
    t.buffer = this.source.addSourceBuffer(type);
    t.buffer.addEventListener("updateend", () => t.flush());
    t.flush();
  }

  private track(kind: string, config: Uint8Array, header: Uint8Array): void {
    const t = (this.tracks[kind] ??= new Track((why) => this.fail("NetStream.Play.Failed", why)));
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

  /** Takes a message of the publisher, which may be anything. */
  take(m: Message, meta: Members): void {
    try {
      if (m.type === 9) this.video(m.body, m.time, meta);
      else this.audio(m.body, m.time);
    } catch (e) {
      this.fail("NetStream.Play.Failed", `What is published cannot be shown: ${(e as Error).message}`);
    }
  }

  private video(b: Uint8Array, rtmp: number, meta: Members): void {
    if (b.length < 2 || (b[0] & 0xf0) === 0x50) return; // a command, or nothing
    if (b[0] & 0x80 || (b[0] & 15) !== 7) {
      this.fail("NetStream.Play.NoSupportedTrackFound", "The picture is not H.264.");
      return;
    }
    if (b[1] === 0) {
      if (b.length < 5 + 7) throw new Error("the decoder configuration of H.264 is too short");
      this.track("video", b.subarray(5), videoInit(b.subarray(5), Number(meta.width) || 640, Number(meta.height) || 360));
      return;
    }
    const t = this.tracks.video;
    const key = b[0] >> 4 === 1;
    if (!t || b.length < 5 || b[1] !== 1 || (this.waitForKey && !key)) return;
    this.waitForKey = false;
    const offset = ((b[2] << 16) | (b[3] << 8) | b[4]) << 8 >> 8;
    t.sample({ time: this.time(rtmp), duration: 0, offset, key, body: b.slice(5) });
  }

  private audio(b: Uint8Array, rtmp: number): void {
    if (b.length < 2) return;
    if (b[0] >> 4 !== 10) {
      this.fail("NetStream.Play.NoSupportedTrackFound", "The sound is not AAC.");
      return;
    }
    if (b[1] === 0) {
      if (b.length < 2 + 2 || b.length > 2 + 64) throw new Error(`the decoder configuration of AAC has ${b.length - 2} bytes`);
      this.track("audio", b.subarray(2), audioInit(b.subarray(2)));
      return;
    }
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
    this.listening.abort();
    if (this.source.readyState === "open") {
      for (const t of Object.values(this.tracks)) { try { t.buffer?.abort(); } catch { /* it was being removed */ } }
      try { this.source.endOfStream(); } catch { /* a buffer was still at work */ }
    }
  }
}
