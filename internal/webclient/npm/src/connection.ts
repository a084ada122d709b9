import { Decoder, encode } from "./amf0.js";
import { ChunkReader, Message, ProtocolError, cut } from "./chunk.js";
import { ClientMethods, Emitter, InformationObject, NetStatusError, info, informationOf } from "./events.js";
import { NetStream } from "./stream.js";
import { SharedObject } from "./sharedobject.js";
import { AMFError, Value } from "./value.js";

/** Options of a NetConnection. */
export interface NetConnectionOptions {
  /** Where RTMP over WebSocket is served: "/rtmp" of this page's server without it. */
  endpoint?: string | URL;
  /** Time for connect, and for the answer to a call, in ms (10000). */
  timeout?: number;
  /** Properties that are added to the object of connect. */
  properties?: { [key: string]: Value };
  /** 3: objects, arrays and dates go in AMF3 both ways. 0, which is so without it: AMF0, and AMF3 for what only that can say. */
  objectEncoding?: 0 | 3;
  /** After how many ms of silence the server is asked for a sign of life; after as many without one the connection is over. 0: never (25000). */
  keepAlive?: number;
  /** Tells the server that this page moves when it gets NetConnection.Connect.ReconnectRequest, so that it may be asked to (false). */
  reconnect?: boolean;
}

/** The events of a NetConnection, with their details. */
export interface NetConnectionEvents { netstatus: InformationObject; }

interface Waiting { resolve(v: Value[]): void; reject(e: NetStatusError): void; timer: ReturnType<typeof setTimeout>; }

const handshakeBytes = 1536;
const ourChunkSize = 65536;
const window = 2500000; // bytes
const mayReconnect = 1; // a bit of capsEx (Enhanced RTMP v2)
const enum UserControl { PingRequest = 6, PingResponse = 7 }

/** What a WebSocket's close code means here (RFC 6455 §7.4.1). */
const closeWords: { [code: number]: string } = {
  1000: "The server ended the connection.",
  1001: "The server is going away.",
  1006: "The connection was lost.",
  1009: "The server took a message of this side for too long.",
};

/**
 * A connection to an application, as Flash Player had it. Event "netstatus", whose detail is an InformationObject, for everything that is
 * said about the connection; NetConnection.Connect.Closed comes once, last, with the WebSocket's closeCode when the server's side ended it.
 */
export class NetConnection extends Emitter<NetConnectionEvents> {
  /** Methods that the server may call: own members only. */
  client: ClientMethods = {};
  /** Whether messages to the server are AMF3's. @internal */
  readonly amf3: boolean;

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
  private window = window;
  private state: "idle" | "connecting" | "connected" | "closed" = "idle";
  private told?: InformationObject;
  private command: Uint8Array = new Uint8Array(0); // connect, until it is sent
  private watch?: ReturnType<typeof setInterval>;
  private quiet = false; // nothing has come since the last look
  private networks = new AbortController();

  constructor(private readonly options: NetConnectionOptions = {}) {
    super();
    this.amf3 = options.objectEncoding === 3;
  }

  get connected(): boolean { return this.state === "connected"; }

  /**
   * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
   * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
   * NetConnection.Connect.Failed.
   */
  async connect(application: string, ...args: Value[]): Promise<InformationObject> {
    if (this.state !== "idle") throw new NetStatusError(info("NetConnection.Connect.Failed", "A NetConnection connects once; make another."));
    const page = globalThis.location;
    let ws: WebSocket;
    try {
      const endpoint = new URL(this.options.endpoint ?? "/rtmp", page?.href);
      endpoint.protocol = endpoint.protocol.replace("http", "ws");
      this.command = encode(false, ["connect", 1, {
        app: application, flashVer: "WEB 1,0,0,0 (Penstock)", tcUrl: `rtmp://${endpoint.host}/${application}`, fpad: false,
        capabilities: 239, audioCodecs: 3575, videoCodecs: 252, videoFunction: 1, objectEncoding: this.amf3 ? 3 : 0,
        ...(page ? { pageUrl: page.href } : {}), ...(this.options.reconnect ? { capsEx: mayReconnect } : {}), ...this.options.properties,
      }, ...args]);
      ws = this.ws = new WebSocket(endpoint, "rtmp");
    } catch (e) {
      if (e instanceof AMFError) throw e; // an argument's fault
      throw new NetStatusError(info("NetConnection.Connect.Failed", `There is no connecting to that address: ${(e as Error).message}`));
    }
    this.state = "connecting";
    ws.binaryType = "arraybuffer";
    ws.onmessage = (e) => this.take(new Uint8Array(e.data as ArrayBuffer));
    ws.onclose = (e) => this.end(this.closed(e));
    ws.onopen = () => {
      const c = new Uint8Array(1 + handshakeBytes);
      c[0] = 3;
      for (let i = 9; i < c.length; i++) c[i] = Math.random() * 256;
      ws.send(c);
    };
    try {
      const values = await this.expect(1, "NetConnection.Connect.Failed");
      this.state = "connected";
      this.control(5, window);
      this.control(1, ourChunkSize);
      this.sendSize = ourChunkSize;
      this.attend();
      const success = informationOf(values[1]) ?? info("NetConnection.Connect.Success", "", "status");
      this.say(success);
      return success;
    } catch (e) {
      this.told = (e as NetStatusError).info;
      this.say(this.told);
      this.close();
      throw e;
    }
  }

  /** Calls a method of the application. The promise is its result, or is rejected with a NetStatusError. */
  async call(method: string, ...args: Value[]): Promise<Value> { return (await this.ask(method, args))[1]; }

  /** Calls a method without wanting an answer. */
  notify(method: string, ...args: Value[]): void {
    this.need();
    this.invoke(0, method, 0, null, ...args);
  }

  /** Makes a stream, to publish or to play. */
  async createStream(): Promise<NetStream> {
    const stream = new NetStream(this, Number((await this.ask("createStream", []))[1]));
    this.streams.set(stream.id, stream);
    return stream;
  }

  /** The remote shared object of that name, used from now on: the same one for the same name. */
  sharedObject(name: string, persistent = false): SharedObject {
    this.need();
    let so = this.objects.get(name);
    if (!so) {
      so = new SharedObject(this, name, persistent, () => this.objects.delete(name));
      so.use();
      this.objects.set(name, so);
    }
    return so;
  }

  /** Ends the connection. */
  close(): void { this.end(info("NetConnection.Connect.Closed", "Closed by this side.", "status")); }

  private need(): void {
    if (this.state !== "connected") throw new NetStatusError(info("NetConnection.Call.Failed", "There is no connection."));
  }

  private ask(method: string, args: Value[]): Promise<Value[]> {
    this.need();
    const id = ++this.transaction;
    this.invoke(0, method, id, null, ...args);
    return this.expect(id, "NetConnection.Call.Failed");
  }

  private expect(id: number, code: string): Promise<Value[]> {
    return new Promise((resolve, reject) => {
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

  /** Sends a command: its name, transaction, object and arguments. @internal */
  invoke(stream: number, ...values: Value[]): void {
    const body = encode(this.amf3, values);
    if (!this.amf3) { this.send(20, stream, body); return; }
    const selected = new Uint8Array(1 + body.length); // 0: the values switch to AMF3 one by one
    selected.set(body, 1);
    this.send(17, stream, selected);
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

  private say(detail: InformationObject): void { this.emit("netstatus", detail); }

  // attend notices a server that has gone without a word, and changes of this machine's network.
  private attend(): void {
    const every = this.options.keepAlive ?? 25000;
    if (every > 0) {
      let pinged = false;
      this.watch = setInterval(() => {
        if (this.quiet && pinged) {
          this.end(info("NetConnection.Connect.Closed", `Nothing came from the server for ${Math.round(2 * every / 1000)} s.`, "status"));
          return;
        }
        if ((pinged = this.quiet)) this.ping(UserControl.PingRequest, performance.now());
        this.quiet = true;
      }, every);
    }
    const change = () => this.say(info("NetConnection.Connect.NetworkChange",
      globalThis.navigator?.onLine === false ? "This machine has no network." : "This machine's network has changed.", "status"));
    const network = (globalThis.navigator as { connection?: EventTarget } | undefined)?.connection;
    const { signal } = this.networks;
    for (const type of ["online", "offline"]) globalThis.addEventListener?.(type, change, { signal });
    network?.addEventListener?.("change", change, { signal });
  }

  private ping(event: UserControl, value: number): void {
    const b = new Uint8Array(6);
    const v = new DataView(b.buffer);
    v.setUint16(0, event);
    v.setUint32(2, value);
    this.send(4, 0, b);
  }

  private take(bytes: Uint8Array): void {
    this.quiet = false;
    try {
      if (this.shaken) {
        const all = new Uint8Array(this.shaken.length + bytes.length);
        all.set(this.shaken);
        all.set(bytes, this.shaken.length);
        if (all[0] !== 3) throw new ProtocolError(`its RTMP version is ${all[0]}`);
        if (all.length < 1 + 2 * handshakeBytes) { this.shaken = all; return; }
        this.shaken = null;
        this.ws!.send(all.slice(1, 1 + handshakeBytes)); // C2 is S1
        this.send(20, 0, this.command);
        bytes = all.subarray(1 + 2 * handshakeBytes);
      }
      this.received += bytes.length;
      for (const m of this.reader.push(bytes)) {
        if (this.state === "closed") return;
        this.handle(m);
      }
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
      case 4: if (m.body.length >= 6 && v.getUint16(0) === UserControl.PingRequest) this.ping(UserControl.PingResponse, v.getUint32(2)); return;
      case 5: if (m.body.length >= 4) this.window = Math.max(65536, v.getUint32(0)); return;
      case 6: if (m.body.length >= 4) this.control(5, v.getUint32(0)); return;
    }
    try {
      switch (m.type) {
        case 8: case 9: this.streams.get(m.stream)?.media(m); return;
        case 15: case 18: this.streams.get(m.stream)?.data(unselected(m, 15)); return;
        case 16: case 19: this.shared(m); return;
        case 17: case 20: this.commanded(m); return;
      }
    } catch (e) { // what others publish, or put into an object, passes through the server: it must not end this connection
      if (!(e instanceof AMFError)) throw e;
      const said = info("NetConnection.Call.BadVersion", `A message could not be read: ${e.message}.`);
      const stream = this.streams.get(m.stream);
      if (stream) stream.status(said);
      else this.say(said);
    }
  }

  private shared(m: Message): void {
    const r = new Decoder(m.body);
    const all3 = m.type === 16 && r.u8() === 3;
    this.objects.get(r.text())?.take(r, all3);
  }

  private commanded(m: Message): void {
    const r = new Decoder(unselected(m, 17));
    const values: Value[] = [];
    while (r.more) values.push(r.value());
    const [name, transaction, object, ...args] = values;
    const id = Number(transaction);
    switch (name) {
      case "_result": this.settle(id, (w) => w.resolve([object, ...args])); return;
      case "_error": {
        const said = informationOf(args[0]) ?? informationOf(object) ?? info("NetConnection.Call.Failed", "");
        this.settle(id, (w) => w.reject(new NetStatusError(said)));
        return;
      }
      case "close": this.end(this.told ?? info("NetConnection.Connect.Closed", closeWords[1000], "status")); return;
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
    const fail = (why: string) => this.invoke(0, "_error", id, null, info("NetConnection.Call.Failed", why));
    if (typeof f !== "function") {
      if (id !== 0) fail(`Method not found (${name}).`);
      return;
    }
    try {
      const result = await f.apply(this.client, args);
      if (id !== 0) this.invoke(0, "_result", id, null, result as Value);
    } catch (e) {
      if (id !== 0) fail(String((e as Error)?.message ?? e));
      else console.error(e);
    }
  }

  private closed(e: CloseEvent): InformationObject {
    const words = closeWords[e.code] ?? `The WebSocket ended with code ${e.code}.`;
    return { ...info("NetConnection.Connect.Closed", e.reason ? `${words} ${e.reason}` : words, "status"), closeCode: e.code };
  }

  private end(closed: InformationObject): void {
    if (this.state === "closed" || this.state === "idle") return;
    const before = this.state, opened = this.shaken === null;
    this.state = "closed";
    clearInterval(this.watch);
    this.networks.abort();
    for (const id of [...this.waiting.keys()]) {
      const lost = id !== 1 ? info("NetConnection.Call.Failed", "The connection ended before the answer.")
        : info("NetConnection.Connect.Failed", opened ? `There was no answer to connect. ${closed.description}`
          : `There is no RTMP over WebSocket to be had there, or not for pages of this origin. ${closed.description}`);
      this.settle(id, (w) => w.reject(new NetStatusError(lost)));
    }
    for (const s of this.streams.values()) s.ended();
    for (const so of this.objects.values()) so.ended();
    if (this.ws) { this.ws.onclose = this.ws.onmessage = this.ws.onopen = null; this.ws.close(); }
    if (before === "connected") this.say(this.told?.code === closed.code ? { ...closed, ...this.told } : closed);
  }

  /** @internal */
  forget(s: NetStream): void { this.streams.delete(s.id); }
}

// unselected is a message's values without the byte that chooses AMF0 before them, which some servers forget.
function unselected(m: Message, type3: number): Uint8Array {
  return m.type === type3 && m.body.length > 0 && m.body[0] !== 2 ? m.body.subarray(1) : m.body;
}
