import { Decoder, encode } from "./amf0.js";
import type { Message } from "./chunk.js";
import type { NetConnection } from "./connection.js";
import { ClientMethods, DataMessage, Emitter, InformationObject, NetStatusError, callOwn, info } from "./events.js";
import { MediaSink } from "./mediasink.js";
import type { Members, Value } from "./value.js";

/** The events of a NetStream, with their details. */
export interface NetStreamEvents { netstatus: InformationObject; data: DataMessage; }

/**
 * A stream, as Flash Player had it. Events: "netstatus" with what the server says of it, and with NetStream.Buffer.Full,
 * NetStream.Buffer.Empty and NetStream.Video.DimensionChange of the media element; "data" for data messages: onMetaData, cue points,
 * whatever the publisher sends.
 */
export class NetStream extends Emitter<NetStreamEvents> {
  /** The last onMetaData. */
  metadata: Members = {};
  /** Methods that data messages call, beside the event "data". */
  client: ClientMethods = {};
  private wait?: { good: string; resolve(i: InformationObject): void; reject(e: NetStatusError): void };
  private sink?: MediaSink;
  private begun = performance.now();

  /** @internal */
  constructor(private nc: NetConnection, readonly id: number) { super(); }

  /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
  play(name: string): Promise<InformationObject> { return this.ask("NetStream.Play.Start", "play", name, -1000); }

  /** Stops what is played for a while. The promise is the information object of NetStream.Pause.Notify. */
  pause(): Promise<InformationObject> { return this.ask("NetStream.Pause.Notify", "pause", true, 0); }

  /** Goes on with what is played, at its live end. The promise is the information object of NetStream.Unpause.Notify. */
  resume(): Promise<InformationObject> { return this.ask("NetStream.Unpause.Notify", "pause", false, 0); }

  /** Whether the server sends sound. */
  receiveAudio(on: boolean): void { this.nc.invoke(this.id, "receiveAudio", 0, null, on); }

  /** Whether the server sends pictures. */
  receiveVideo(on: boolean): void { this.nc.invoke(this.id, "receiveVideo", 0, null, on); }

  /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
  publish(name: string): Promise<InformationObject> {
    this.begun = performance.now();
    return this.ask("NetStream.Publish.Start", "publish", name, "live");
  }

  /** Sends a data message to every player of the stream that is published. */
  send(name: string, ...args: Value[]): void {
    this.nc.send(18, this.id, encode(false, [name, ...args]), Math.round(performance.now() - this.begun));
  }

  /** Sends a data message that also whoever plays later gets first, such as onMetaData; another of its name replaces it. */
  setDataFrame(name: string, value: Value): void { this.send("@setDataFrame", name, value); }

  /** Takes such a message back. */
  clearDataFrame(name: string): void { this.send("@clearDataFrame", name); }

  /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
  attach(element: HTMLMediaElement): void {
    this.sink?.close();
    this.sink = new MediaSink(element, (said) => this.status(said));
  }

  /** Ends what is played or published, and the stream. */
  close(): void {
    if (this.nc.connected) this.nc.invoke(0, "deleteStream", 0, null, this.id);
    this.nc.forget(this);
    this.ended();
  }

  private ask(good: string, command: string, ...args: Value[]): Promise<InformationObject> {
    const failed = (why: string) => new NetStatusError(info("NetStream.Failed", why));
    if (!this.nc.connected) return Promise.reject(failed("There is no connection."));
    this.wait?.reject(failed(`${command} was called before the answer.`));
    const answer = new Promise<InformationObject>((resolve, reject) => { this.wait = { good, resolve, reject }; });
    this.nc.invoke(this.id, command, 0, null, ...args);
    return answer;
  }

  /** @internal */
  status(said: InformationObject): void {
    const w = this.wait;
    if (w && (said.code === w.good || said.level === "error")) {
      this.wait = undefined;
      if (said.level === "error") w.reject(new NetStatusError(said));
      else w.resolve(said);
    }
    if (said.code === "NetStream.Play.UnpublishNotify") this.sink?.gap();
    this.emit("netstatus", said);
  }

  /** @internal */
  data(body: Uint8Array): void {
    const r = new Decoder(body);
    const values: Value[] = [];
    while (r.more) values.push(r.value());
    let [name, ...args] = values;
    if (name === "onStatus") { // NetStream.Data.Start has a code only
      const said = args[0] as Members | null | undefined;
      this.status({ ...info(String(said?.code ?? ""), String(said?.description ?? ""), String(said?.level ?? "status")) });
      return;
    }
    if (name === "@setDataFrame") [name, ...args] = args;
    if (name === "onMetaData" && typeof args[0] === "object") this.metadata = (args[0] ?? {}) as Members;
    const m = { name: String(name), args };
    this.emit("data", m);
    callOwn(this.client, m);
  }

  /** @internal */
  media(m: Message): void { this.sink?.take(m, this.metadata); }

  /** @internal */
  ended(): void {
    this.sink?.close();
    this.sink = undefined;
    const w = this.wait;
    this.wait = undefined;
    w?.reject(new NetStatusError(info("NetStream.Failed", "The connection ended before the answer.")));
  }
}
