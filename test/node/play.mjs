// Demuxes a URL or a file with the FFmpeg 8 inside node-av and prints one JSON line for each stream and packet of audio or video.
//
//   node play.mjs URL [PACKETS]      stops after so many video packets, or audio packets when there is no video
//
//   {"event":"stream","index":0,"type":"video","codec":"hevc","extradata":"<sha256>"}
//   {"event":"packet","index":0,"ms":40,"key":false,"size":1234,"hash":"<sha256>"}
import './polyfill.mjs';
import { createHash } from 'node:crypto';
const { Demuxer } = await import('node-av/api');
const { avGetCodecName } = await import('node-av/lib');
const { AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO } = await import('node-av/constants');

const [url, limit = '1e9'] = process.argv.slice(2);
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
const hash = (data) => createHash('sha256').update(data ?? '').digest('hex');

const input = await Demuxer.open(url);
const index = new Set();
let counted = -1;
for (const stream of input.streams) {
	const { codecType, codecId, extradata } = stream.codecpar;
	const video = codecType === AVMEDIA_TYPE_VIDEO;
	if (!video && codecType !== AVMEDIA_TYPE_AUDIO) {
		continue; // script data
	}
	index.add(stream.index);
	if (video || counted < 0) {
		counted = stream.index;
	}
	say({
		event: 'stream', index: stream.index, type: video ? 'video' : 'audio',
		codec: avGetCodecName(codecId), extradata: hash(extradata),
	});
}
let left = Number(limit);
for await (const packet of input.packets()) {
	if (!packet || !index.has(packet.streamIndex)) {
		continue;
	}
	const { num, den } = input.streams[packet.streamIndex].timeBase;
	say({
		event: 'packet', index: packet.streamIndex, ms: Number(packet.pts) * num * 1000 / den,
		key: packet.isKeyframe, size: packet.size, hash: hash(packet.data),
	});
	if (packet.streamIndex === counted && --left <= 0) {
		break;
	}
}
process.exit(0); // a live input would be read on
