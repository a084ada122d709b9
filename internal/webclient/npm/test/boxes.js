// A reader of MP4 boxes (ISO/IEC 14496-12) which knows nothing of what wrote them.
import assert from "node:assert/strict";

class Box {
  constructor(type, body) { this.type = type; this.body = body; }
  get size() { return this.body.length + 8; }
  get view() { return new DataView(this.body.buffer, this.body.byteOffset, this.body.length); }
  children() { return boxes(this.body); }
  find(...path) { return path.reduce((b, name) => b.children().find((x) => x.type === name), this); }

  /** What a moof of one track says. */
  fragment() {
    const mfhd = this.find("mfhd").view, tfdt = this.find("traf", "tfdt").view, trun = this.find("traf", "trun").view;
    assert.equal(trun.getUint32(0) & 0xffffff, 0xf01, "offset, duration, size, flags and composition offset");
    const samples = [];
    for (let i = 0, at = 12; i < trun.getUint32(4); i++, at += 16) {
      samples.push({ duration: trun.getUint32(at), size: trun.getUint32(at + 4), flags: trun.getUint32(at + 8), offset: trun.getInt32(at + 12) });
    }
    return { sequence: mfhd.getUint32(4), time: Number(tfdt.getBigUint64(4)), samples };
  }
  dataOffset() { return this.find("traf", "trun").view.getUint32(8); }
}

/** The boxes that bytes consist of, to the last one. */
export function boxes(b) {
  const list = [];
  for (let at = 0; at < b.length;) {
    const v = new DataView(b.buffer, b.byteOffset + at);
    const size = v.getUint32(0);
    assert.ok(size >= 8 && at + size <= b.length, `a box of ${size} bytes in ${b.length - at}`);
    list.push(new Box(String.fromCharCode(...b.subarray(at + 4, at + 8)), b.subarray(at + 8, at + size)));
    at += size;
  }
  return list;
}
