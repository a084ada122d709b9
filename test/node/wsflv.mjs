// Writes what a WebSocket sends in binary messages to a file: FLV over WebSocket becomes an FLV file.
//
//   node --experimental-websocket wsflv.mjs URL FILE SECONDS
import { openSync, writeSync } from 'node:fs';

const [url, file, seconds] = process.argv.slice(2);
const out = openSync(file, 'w');
const socket = new WebSocket(url);
socket.binaryType = 'arraybuffer';
socket.onmessage = ({ data }) => {
	if (typeof data === 'string') {
		console.error(`text message: ${data}`);
		process.exit(1);
	}
	writeSync(out, new Uint8Array(data));
};
socket.onerror = (e) => console.error(`error: ${e.message ?? e.type}`);
socket.onclose = (e) => {
	console.error(`closed: ${e.code} ${e.reason}`);
	process.exit(1);
};
setTimeout(() => process.exit(0), Number(seconds) * 1000);
