// Reads lines of a version and a message in hex (0: AMF0, 3: AMF3, +: AMF0 that switches to AMF3) and writes each as this module writes
// the values that it has read. An error is written in its place.
import { createInterface } from "node:readline";
import { decodeAMF0, decodeAMF3, encodeAMF3, internals } from "../dist/penstock.js";

for await (const line of createInterface({ input: process.stdin })) {
  const [version, hex] = line.split(" ");
  const b = Uint8Array.from(Buffer.from(hex, "hex"));
  let out;
  try {
    if (version === "3") out = encodeAMF3(...decodeAMF3(b));
    else {
      const e = new internals.Encoder(version === "+");
      decodeAMF0(b).forEach((v) => e.value(v));
      out = e.done();
    }
    process.stdout.write(`${Buffer.from(out).toString("hex")}\n`);
  } catch (e) {
    process.stdout.write(`${e.name}: ${e.message.replaceAll("\n", " ")}\n`);
  }
}
