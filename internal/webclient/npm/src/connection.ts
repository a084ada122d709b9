import { AMFError, Reader, Value, encode } from "./amf.js";
import { ChunkReader, Message, cut } from "./chunk.js";
import { NetStream } from "./stream.js";
import { SharedObject } from "./sharedobject.js";

/** What a server or this client says about a connection, a stream or a call: NetConnection.Connect.Rejected and why. */
export interface InformationObject {
  level: string;
  code: string;
  description: string;
  [key: string]: Value;
}

/** A call or a connect that was refused, with the information object that said so. */
export class NetStatusError extends Error {
  constructor(public readonly info: InformationObject) {
    super(`${info.code}: ${info.description}`);
    this.name = "NetStatusError";
  }
  get code(): string { return this.info.code; }
}

/** Methods that the server may call. What they return, or the promise they return, is the answer. */
export type ClientMethods = { [name: string]: (...args: any[]) => Value | void | Promise<Value | void> };

/** Options of a NetConnection. */
export interface NetConnectionOptions {
  /** Where RTMP over WebSocket is served: "/rtmp" of this page's server without it. */
  endpoint?: string;
  /** Time for connect, and for the answer to a call, in ms (10000). */
  timeout?: number;
  /** Properties that are added to the object of connect. */
  properties?: { [key: string]: Value };
}

interface Waiting { resolve(v: Value[]): void; reject(e: NetStatusError): void; timer: ReturnType<typeof setTimeout>; }

const handshakeBytes = 1536;
const ourChunkSize = 65536;

/** @internal */
export function info(code: string, description: string, level = "error"): InformationObject { return { level, code, description }; }

/** @internal */
export function informationOf(v: Value): InformationObject | undefined {
  if (typeof v !== "object" || v === null || typeof (v as { code?: unknown }).code !== "string") return undefined;
  const o = v as { [key: string]: Value };
  return { ...o, level: String(o.level ?? "error"), code: String(o.code), description: String(o.description ?? "") };
}

/**
 * A connection to an application, as Flash Player had it. Events, each a CustomEvent whose detail is an InformationObject:
 * "netstatus" for everything that is said about the connection; NetConnection.Connect.Closed comes once, last.
 */
export class NetConnection extends EventTarget {
  /** Methods that the server may call. */
  client: ClientMethods = {};

  private ws?: WebSocket;
  private reader = new ChunkReader();
  private shaken: Uint8Array | null = new Uint8Array(0); // what has come of S0, S1 and S2; null when they are done
  private sendSize = 128;
  private transaction = 1;
  private waiting = new Map<number, Waiting>();
  private streams = new Map<number, NetStream>();
  private objects = new Map<string, SharedObject>();
  private received = 0;
  private acknowledged = 0;
  private window = 2500000;
  private state: "idle" | "connecting" | "connected" | "closed" = "idle";
  private told?: InformationObject;

  constructor(private readonly options: NetConnectionOptions = {}) { super(); }

  get connected(): boolean { return this.state === "connected"; }

  /**
   * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
   * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
   * NetConnection.Connect.Failed.
   */
  async connect(application: string, ...args: Value[]): Promise<InformationObject> {
    if (this.state !== "idle") throw new NetStatusError(info("NetConnection.Connect.Failed", "A NetConnection connects once; make another."));
    this.state = "connecting";
    const endpoint = new URL(this.options.endpoint ?? "/rtmp", globalThis.location?.href);
    endpoint.protocol = endpoint.protocol.replace("http", "ws");
    const ws = (this.ws = new WebSocket(endpoint, "rtmp"));
    ws.binaryType = "arraybuffer";
    ws.onmessage = (e) => this.take(new Uint8Array(e.data as ArrayBuffer));
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
      app: application, flashVer: "WEB 1,0,0,0 (Penstock)", tcUrl: `rtmp://${endpoint.host}/${application}`, fpad: false,
      capabilities: 239, audioCodecs: 3575, videoCodecs: 252, videoFunction: 1, objectEncoding: 0,
      ...(page ? { pageUrl: page.href } : {}), ...this.options.properties,
    }, ...args));
    try {
      const values = await answer;
      this.state = "connected";
      const success = informationOf(values[1]) ?? info("NetConnection.Connect.Success", "", "status");
      this.control(5, 2500000);
      this.control(1, ourChunkSize);
      this.sendSize = ourChunkSize;
      this.say(success);
      return success;
    } catch (e) {
      this.told = (e as NetStatusError).info;
      this.say(this.told);
      this.close();
      throw e;
    }
  }
  private command: () => void = () => {};

  /** Calls a method of the application. The promise is its result, or is rejected with a NetStatusError. */
  async call(method: string, ...args: Value[]): Promise<Value> {
    this.need();
    const id = ++this.transaction;
    const answer = this.expect(id);
    this.send(20, 0, encode(method, id, null, ...args));
    return (await answer)[1];
  }

  /** Calls a method without wanting an answer. */
  notify(method: string, ...args: Value[]): void {
    this.need();
    this.send(20, 0, encode(method, 0, null, ...args));
  }

  /** Makes a stream, to publish or to play. */
  async createStream(): Promise<NetStream> {
    this.need();
    const id = ++this.transaction;
    const answer = this.expect(id);
    this.send(20, 0, encode("createStream", id, null));
    const stream = new NetStream(this, Number((await answer)[1]));
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** The remote shared object of that name, used from now on: the same one for the same name. */
  sharedObject(name: string, persistent = false): SharedObject {
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
  close(): void {
    this.end(info("NetConnection.Connect.Closed", "Closed by this side.", "status"));
  }

  private need(): void {
    if (this.state !== "connected") throw new NetStatusError(info("NetConnection.Call.Failed", "There is no connection."));
  }

  private expect(id: number): Promise<Value[]> {
    return new Promise((resolve, reject) => {
      const code = id === 1 ? "NetConnection.Connect.Failed" : "NetConnection.Call.Failed";
      const timer = setTimeout(() => this.settle(id, (w) => w.reject(new NetStatusError(info(code, "No answer in time.")))),
        this.options.timeout ?? 10000);
      this.waiting.set(id, { resolve, reject, timer });
    });
  }

  private settle(id: number, f: (w: Waiting) => void): void {
    const w = this.waiting.get(id);
    if (!w) return;
    this.waiting.delete(id);
    clearTimeout(w.timer);
    f(w);
  }

  /** @internal */
  send(type: number, stream: number, body: Uint8Array, time = 0): void {
    if (this.ws?.readyState !== WebSocket.OPEN) return;
    const csid = type < 7 ? 2 : stream === 0 ? 3 : 8;
    this.ws.send(cut({ type, stream, time, body }, csid, this.sendSize));
  }

  private control(type: number, value: number): void {
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, value);
    this.send(type, 0, b);
  }

  private say(detail: InformationObject): void { this.dispatchEvent(new CustomEvent("netstatus", { detail })); }

  private take(bytes: Uint8Array): void {
    try {
      if (this.shaken) {
        const all = new Uint8Array(this.shaken.length + bytes.length);
        all.set(this.shaken);
        all.set(bytes, this.shaken.length);
        if (all.length < 1 + 2 * handshakeBytes) { this.shaken = all; return; }
        this.shaken = null;
        this.ws!.send(all.slice(1, 1 + handshakeBytes)); // C2 is S1
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
      this.end(info("NetConnection.Connect.Closed", `The server could not be understood: ${(e as Error).message}.`, "status"));
    }
  }

  private handle(m: Message): void {
    const v = new DataView(m.body.buffer, m.body.byteOffset, m.body.byteLength);
    switch (m.type) {
      case 4: // user control: a ping is answered
        if (m.body.length >= 6 && v.getUint16(0) === 6) {
          const b = m.body.slice(0, 6);
          b[1] = 7;
          this.send(4, 0, b);
        }
        return;
      case 5: if (m.body.length >= 4) this.window = Math.max(65536, v.getUint32(0)); return;
      case 6: if (m.body.length >= 4) this.control(5, v.getUint32(0)); return;
      case 8: case 9: this.streams.get(m.stream)?.media(m); return;
      case 18: this.streams.get(m.stream)?.data(m.body); return;
      case 19: this.shared(m.body); return;
      case 20: this.commanded(m); return;
    }
  }

  private shared(body: Uint8Array): void {
    const r = new Reader(body);
    const so = this.objects.get(r.text());
    so?.take(r);
  }

  private commanded(m: Message): void {
    let values: Value[];
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
      case "_result": this.settle(id, (w) => w.resolve([object, ...args])); return;
      case "_error": {
        const said = informationOf(args[0]) ?? informationOf(object) ?? info("NetConnection.Call.Failed", "");
        this.settle(id, (w) => w.reject(new NetStatusError(said)));
        return;
      }
      case "close": this.end(this.told ?? info("NetConnection.Connect.Closed", "The server ended the connection.", "status")); return;
      case "onStatus": {
        const said = informationOf(args[0]);
        if (!said) return;
        const stream = m.stream !== 0 ? this.streams.get(m.stream) : undefined;
        if (stream) stream.status(said);
        else if (said.code === "NetConnection.Connect.Closed") this.told = said; // told once, by the end that follows
        else this.say(said);
        return;
      }
    }
    void this.called(String(name), id, args);
  }

  // called runs one of our methods on the server's behalf. Only own methods can be called.
  private async called(name: string, id: number, args: Value[]): Promise<void> {
    const f = Object.hasOwn(this.client, name) ? this.client[name] : undefined;
    if (!f) {
      if (id !== 0) this.send(20, 0, encode("_error", id, null, { code: "NetConnection.Call.Failed", level: "error" }));
      return;
    }
    try {
      const result = await f.apply(this.client, args);
      if (id !== 0) this.send(20, 0, encode("_result", id, null, result as Value));
    } catch (e) {
      if (id !== 0) this.send(20, 0, encode("_error", id, null, { ...info("NetConnection.Call.Failed", String((e as Error)?.message ?? e)) }));
      else console.error(e);
    }
  }

  private end(closed: InformationObject): void {
    if (this.state === "closed" || this.state === "idle") return;
    const before = this.state;
    this.state = "closed";
    for (const id of [...this.waiting.keys()]) {
      const lost = id === 1
        ? info("NetConnection.Connect.Failed", `There was no answer to connect. ${closed.description}`)
        : info("NetConnection.Call.Failed", "The connection ended before the answer.");
      this.settle(id, (w) => w.reject(new NetStatusError(lost)));
    }
    for (const s of this.streams.values()) s.ended();
    if (this.ws) { this.ws.onclose = this.ws.onmessage = this.ws.onopen = null; this.ws.close(); }
    if (before === "connected") this.say(this.told?.code === closed.code ? this.told : closed);
  }

  /** @internal */
  forget(s: NetStream): void { this.streams.delete(s.id); }
}
