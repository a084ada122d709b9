// Not run: what pages may write, checked against dist/penstock.d.ts by the build. What must be refused is marked so.
import { AMFError, ArrayCollection, type Change, type DataMessage, type InformationObject, NetConnection, NetStatusError, NetStream, SharedObject,
  TypedObject, type Value, XML, decodeAMF3, encodeAMF0, externalizableClasses } from "../dist/penstock.js";

export async function page(video: HTMLVideoElement): Promise<void> {
  const nc = new NetConnection({ endpoint: new URL("https://host/rtmp"), objectEncoding: 3, keepAlive: 0, reconnect: true, properties: { a: [1, new Date()] } });
  nc.client = { greet: (name: string) => `Hello, ${name}!`, later: async () => 3, nothing() {} };
  nc.addEventListener("netstatus", (e) => { const said: InformationObject = e.detail; console.log(said.code, said.tcUrl); });
  nc.addEventListener("netstatus", { handleEvent: (e) => console.log(e.detail.level) }, { once: true });
  // @ts-expect-error there is no such event
  nc.addEventListener("open", () => {});
  // @ts-expect-error nor such an encoding
  new NetConnection({ objectEncoding: 1 });
  const success: InformationObject = await nc.connect("app", new Map<Value, Value>([["k", new Uint8Array(1)]]));
  const result: Value = await nc.call("sum", 1, [2, { three: new TypedObject("T", { x: new XML("<a/>") }) }]);
  // @ts-expect-error what AMF has no word for
  nc.notify("told", 1n);
  const so: SharedObject = nc.sharedObject("board", true);
  so.addEventListener("sync", (e) => { for (const c of e.detail) { const change: Change = c; console.log(change.code === "clear", change.name); } });
  so.addEventListener("message", (e) => { const m: DataMessage = e.detail; console.log(m.name, m.args); });
  so.client = { wave() {} };
  so.set("x", so.data.get("x"));
  so.clear();
  const ns: NetStream = await nc.createStream();
  ns.attach(video);
  ns.addEventListener("data", (e) => console.log(e.detail.name, ns.metadata.width));
  try {
    console.log(success, result, await ns.play("cam"), await ns.pause(), ns.id);
  } catch (e) {
    if (e instanceof NetStatusError) console.log(e.code, e.info.description);
    if (e instanceof AMFError) throw e;
  }
  console.log(decodeAMF3(encodeAMF0(new ArrayCollection([1]))), externalizableClasses.length);
  // @ts-expect-error the tests' own
  nc.amf3;
}
