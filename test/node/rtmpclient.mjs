// Connects with npm's rtmp-client, makes calls and prints every event as one JSON line, in order.
//
//   node rtmpclient.mjs URL [JSON]
//
// JSON: {"args":[…] further arguments of connect, "calls":[["name",arg,…],…] made one after the other once connected,
//        "answers":{"method":value,…} what the client answers when the server calls it, "wait":ms after the last call}
//
//   {"event":"status","info":{…}}                        what NetConnection.onStatus got: answer to connect, or the end
//   {"event":"command","name":"onBWDone","args":[…]}     every command of the server but _result and _error
//   {"event":"result","call":"name","value":…} {"event":"error","call":"name","info":{…}}
import rtmp from 'rtmp-client';
import { setTimeout as sleep } from 'node:timers/promises';

const [url, options = '{}'] = process.argv.slice(2);
const { args = [], calls = [], answers = {}, wait = 300 } = JSON.parse(options);
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');

const nc = new rtmp.NetConnection();
for (const [name, value] of Object.entries(answers)) {
	nc[name] = async () => value;
}

const first = new Promise((resolve) => {
	nc.onStatus = (info) => {
		say({ event: 'status', info });
		resolve(info);
	};
});
if (!nc.connect(url, ...args)) {
	say({ event: 'refused locally' });
	process.exit(2);
}
nc[rtmp.Symbols.CLIENT].on('command', (name, id, object, ...rest) => say({ event: 'command', name, id, args: rest }));

const info = await Promise.race([first, sleep(10_000, null, { ref: false })]);
if (info?.code === 'NetConnection.Connect.Success') {
	for (const [name, ...values] of calls) {
		await nc.call(name, {
			onResult: (value) => say({ event: 'result', call: name, value }),
			onStatus: (info) => say({ event: 'error', call: name, info }),
		}, ...values);
	}
}
await sleep(wait);
nc.close();
await sleep(50);
process.exit(0);
