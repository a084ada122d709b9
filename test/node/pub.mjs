// Publishes a file as it is, in real time, with the FFmpeg 8 inside node-av (Enhanced RTMP for HEVC, AV1, VP9, Opus …).
//
//   node pub.mjs FILE URL [SECONDS]
//
// Prints one JSON line for each event: {"event":"open"}, then {"event":"at","ms":…} about every 200 ms, {"event":"end"}.
import './polyfill.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
const { Demuxer, Muxer } = await import('node-av/api');

const [file, url, seconds = '1e9'] = process.argv.slice(2);
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');

const input = await Demuxer.open(file);
const output = await Muxer.open(url, { input, format: 'flv', options: { flvflags: 'no_duration_filesize' } });
const index = new Map();
for (const stream of input.streams) {
	index.set(stream.index, output.addStream(stream));
}
say({ event: 'open' });

const begin = performance.now();
let told = -200;
for await (const packet of input.packets()) {
	if (!packet || !index.has(packet.streamIndex)) {
		continue;
	}
	const { num, den } = input.streams[packet.streamIndex].timeBase;
	const ms = Number(packet.dts) * num * 1000 / den;
	if (ms > Number(seconds) * 1000) {
		break;
	}
	const early = ms - (performance.now() - begin);
	if (early > 1) {
		await sleep(early);
	}
	await output.writePacket(packet, index.get(packet.streamIndex));
	if (ms - told >= 200) {
		told = ms;
		say({ event: 'at', ms: Math.round(ms) });
	}
}
await output.close();
await input.close();
say({ event: 'end' });
