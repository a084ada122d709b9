// Fragmented MP4 (ISO/IEC 14496-12, -14, -15) of H.264 and AAC, for a SourceBuffer: one track a file.
import { Writer } from "./bytes.js";

const ascii = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));

function box(type: string, ...parts: (Uint8Array | Writer)[]): Uint8Array {
  const bodies = parts.map((p) => (p instanceof Writer ? p.done() : p));
  const w = new Writer().u32(8 + bodies.reduce((n, b) => n + b.length, 0)).bytes(ascii(type));
  for (const b of bodies) w.bytes(b);
  return w.done();
}
const words = (...n: number[]) => { const w = new Writer(); n.forEach((x) => w.u32(x)); return w; };
const full = (type: string, versionAndFlags: number, ...parts: (Uint8Array | Writer)[]) => box(type, words(versionAndFlags), ...parts);
const matrix = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000).done();

/** Ticks a second of all our tracks: RTMP's milliseconds. */
const timescale = 1000;

function init(handler: string, mediaHeader: Uint8Array, sample: Uint8Array, width: number, height: number, audio: boolean): Uint8Array {
  const empty = [full("stts", 0, words(0)), full("stsc", 0, words(0)), full("stsz", 0, words(0, 0)), full("stco", 0, words(0))];
  return concat([
    box("ftyp", ascii("iso5"), words(512), ascii("iso5iso6mp41")),
    box("moov",
      full("mvhd", 0, words(0, 0, timescale, 0, 0x10000), new Writer().u16(0x0100).u16(0), words(0, 0), matrix, words(0, 0, 0, 0, 0, 0, 2)),
      box("trak",
        full("tkhd", 7, words(0, 0, 1, 0, 0, 0, 0), new Writer().u16(0).u16(0).u16(audio ? 0x0100 : 0).u16(0), matrix, words(width << 16, height << 16)),
        box("mdia",
          full("mdhd", 0, words(0, 0, timescale, 0), new Writer().u16(0x55c4).u16(0)),
          full("hdlr", 0, words(0), ascii(handler), words(0, 0, 0), ascii("penstock\0")),
          box("minf", mediaHeader, box("dinf", full("dref", 0, words(1), full("url ", 1))),
            box("stbl", full("stsd", 0, words(1), sample), ...empty)))),
      box("mvex", full("trex", 0, words(1, 1, 0, 0, 0)))),
  ]);
}

export function concat(parts: Uint8Array[]): Uint8Array {
  const w = new Writer();
  parts.forEach((p) => w.bytes(p));
  return w.done();
}

/** The file header of H.264, from an AVCDecoderConfigurationRecord. */
export function videoInit(avcC: Uint8Array, width: number, height: number): Uint8Array {
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u32(0).u32(0).u16(width).u16(height).u32(0x480000).u32(0x480000).u32(0).u16(1);
  w.bytes(new Uint8Array(32)).u16(0x18).u16(0xffff);
  return init("vide", full("vmhd", 1, words(0, 0)), box("avc1", w, box("avcC", avcC)), width, height, false);
}

/** The file header of AAC, from an AudioSpecificConfig. */
export function audioInit(config: Uint8Array): Uint8Array {
  const descriptor = (tag: number, body: Uint8Array) => new Writer().u8(tag).u8(body.length).bytes(body).done();
  const decoder = concat([new Writer().u8(0x40).u8(0x15).u24(0).u32(0).u32(0).done(), descriptor(5, config)]);
  const es = descriptor(3, concat([new Writer().u16(1).u8(0).done(), descriptor(4, decoder), descriptor(6, Uint8Array.of(2))]));
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u16(channels(config)).u16(16).u32(0).u32((sampleRate(config) << 16) >>> 0);
  return init("soun", full("smhd", 0, words(0)), box("mp4a", w, full("esds", 0, es)), 0, 0, true);
}

/** One sample of a track. Times are ms. */
export interface Sample { time: number; duration: number; offset: number; key: boolean; body: Uint8Array; }

/** A fragment of samples that follow each other. */
export function fragment(sequence: number, samples: Sample[]): Uint8Array {
  const trun = (offset: number) => {
    const w = words(samples.length, offset);
    for (const s of samples) w.u32(s.duration).u32(s.body.length).u32(s.key ? 0x02000000 : 0x01010000).u32(s.offset);
    return full("trun", 0x01000f01, w);
  };
  const time = new Writer().u32(Math.floor(samples[0].time / 2 ** 32)).u32(samples[0].time % 2 ** 32);
  const moof = (offset: number) => box("moof", full("mfhd", 0, words(sequence)),
    box("traf", full("tfhd", 0x020000, words(1)), full("tfdt", 0x01000000, time), trun(offset)));
  return concat([moof(moof(0).length + 8), box("mdat", ...samples.map((s) => s.body))]);
}

/** The codec of a config, as MediaSource names it. */
export const videoCodec = (avcC: Uint8Array) => `avc1.${[1, 2, 3].map((i) => avcC[i].toString(16).padStart(2, "0")).join("")}`;
export const audioCodec = (config: Uint8Array) => `mp4a.40.${config[0] >> 3}`;

const rates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
export const sampleRate = (c: Uint8Array) => rates[((c[0] & 7) << 1) | (c[1] >> 7)] ?? 44100;
const channels = (c: Uint8Array) => (c[1] >> 3) & 15 || 2;
