// The classes that write their own bodies, of which the wire does not say the length: those of Flex that servers send.
import { AMFError, ArrayCollection, Externalizable, Members, Value } from "./value.js";
import type { Decoder3, Encoder3 } from "./amf3.js";

// A collection or proxy is one value. A small message is a row of sections, one for each class of its ancestry: flag bytes, each with
// bit 7 set but the last, then a value for each flag that is set, lowest bit of the first byte first.
const single: { [className: string]: string } = {
  "flex.messaging.io.ArrayCollection": "source", "flex.messaging.io.ArrayList": "source", "flex.messaging.io.ObjectProxy": "object",
};
type Section = string[][];
const abstract: Section = [["body", "clientId", "destination", "headers", "messageId", "timestamp", "timeToLive"], ["clientIdBytes", "messageIdBytes"]];
const async: Section = [["correlationId", "correlationIdBytes"]];
const sections: { [className: string]: Section[] } = {
  DSA: [abstract, async], DSK: [abstract, async, []], DSC: [abstract, async, [["operation"]]],
};
const long: { [className: string]: string } = { DSA: "AsyncMessageExt", DSK: "AcknowledgeMessageExt", DSC: "CommandMessageExt" };
for (const [short, name] of Object.entries(long)) sections[`flex.messaging.messages.${name}`] = sections[short];

const maxFlagBytes = 8;

/** The classes whose bodies can be read and written. */
export const externalizableClasses: readonly string[] = [...Object.keys(single), ...Object.keys(sections)];

const unknown = (className: string) => new AMFError(`the body of the class ${JSON.stringify(className.slice(0, 64))} is not understood here`);
const flagName = (all: Section[], s: number, octet: number, bit: number) => all[s][octet]?.[bit] ?? `flag${s}.${octet}.${bit}`;

/** @internal */
export function readExternal(d: Decoder3, className: string, depth: number): Value {
  const members: Members = Object.create(null);
  const known = Object.hasOwn(single, className) ? single[className] : undefined;
  const v = known === "source" ? new ArrayCollection([], className) : new Externalizable(className, members);
  d.keep(v, 10);
  if (known) {
    v.members[known] = d.value3(depth + 1);
    return v;
  }
  if (!Object.hasOwn(sections, className)) throw unknown(className);
  const all = sections[className];
  for (let s = 0; s < all.length; s++) {
    const flags: number[] = [];
    do {
      if (flags.length >= maxFlagBytes) throw new AMFError(`more than ${maxFlagBytes} bytes of flags`);
      flags.push(d.u8());
    } while (flags[flags.length - 1] >= 0x80);
    flags.forEach((f, octet) => {
      for (let bit = 0; bit < 7; bit++) if (f & (1 << bit)) members[flagName(all, s, octet, bit)] = d.value3(depth + 1);
    });
  }
  return v;
}

/** @internal */
export function writeExternal(e: Encoder3, x: Externalizable, depth: number): void {
  const known = Object.hasOwn(single, x.className) ? single[x.className] : undefined;
  if (known) {
    const other = Object.keys(x.members).find((k) => k !== known);
    if (other !== undefined) throw new AMFError(`${x.className} has the member ${known} only, not ${other}`);
    e.value3(x.members[known], depth + 1);
    return;
  }
  if (!Object.hasOwn(sections, x.className)) throw unknown(x.className);
  const all = sections[x.className];
  const left = new Set(Object.keys(x.members));
  const plan = all.map((_, s) => {
    const octets: string[][] = [];
    for (let octet = 0; octet < maxFlagBytes; octet++) {
      octets.push([]);
      for (let bit = 0; bit < 7; bit++) {
        const name = flagName(all, s, octet, bit);
        octets[octet][bit] = left.delete(name) ? name : "";
      }
    }
    return octets;
  });
  for (const name of left) throw new AMFError(`${x.className} has no member ${name}`);
  for (const octets of plan) {
    let size = maxFlagBytes;
    while (size > 1 && octets[size - 1].every((n) => n === "")) size--;
    for (let i = 0; i < size; i++) e.u8(octets[i].reduce((f, n, bit) => f | (n === "" ? 0 : 1 << bit), i + 1 < size ? 0x80 : 0));
    for (const name of octets.flat()) if (name !== "") e.value3(x.members[name], depth + 1);
  }
}
