// A NetConnection by the npm package rtmp-client, as a judge that we did not write.
//
//   node rtmpclient.cjs connect URL WAIT_MS [METHOD [JSON arguments]]
//   node rtmpclient.cjs raw HOST PORT '{"app":"..."}'    connect with exactly this object
//
// Every event is one line of JSON on standard output: {"event": ..., ...}.
const { NetConnection, Client } = require('rtmp-client');

// An ECMA array arrives as a JavaScript array with named members, which JSON would leave out.
const named = (_, v) => (Array.isArray(v) && v.length === 0 && Object.keys(v).length > 0 ? { ...v } : v);
const say = (event, data) => process.stdout.write(JSON.stringify({ event, ...data }, named) + '\n');
const [, , mode, ...args] = process.argv;

function connect(url, wait, method, json) {
	const nc = new NetConnection();
	nc.onBWDone = (...a) => say('onBWDone', { args: a });
	nc.whoAreYou = () => 'node';
	nc.onStatus = (info) => {
		say('status', { info });
		if (info.code !== 'NetConnection.Connect.Success' || !method) return;
		nc.call(method, {
			onResult: (value) => say('result', { value }),
			onStatus: (i) => say('error', { info: i }),
		}, ...JSON.parse(json || '[]'));
	};
	nc.connect(url);
	setTimeout(() => process.exit(0), Number(wait));
}

async function raw(host, port, json) {
	const client = new Client(host, Number(port));
	client.on('close', () => say('close', {}));
	client.once('connect', async () => {
		try {
			const [, info] = await client.invoke('connect', null, JSON.parse(json));
			say('result', { info });
		} catch (e) {
			say('error', { info: e instanceof Error ? { message: e.message } : e[1] });
		}
	});
	await client.connect();
	setTimeout(() => process.exit(0), 1500);
}

(mode === 'raw' ? raw : connect)(...args);
