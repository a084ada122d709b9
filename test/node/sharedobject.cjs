// A remote shared object used by npm's rtmp-client, as a judge that we did not write.
//
//   node sharedobject.cjs URL NAME...
//
// It uses the objects and obeys lines of JSON on standard input: {"do":"set","name":NAME,"key":…,"value":…} (a value of null removes
// the slot), {"do":"clear","name":NAME}, {"do":"show","name":NAME}, {"do":"end"}. What it hears is one line of JSON each:
//
//   {"event":"status","info":{…}}                   NetConnection.onStatus
//   {"event":"so","name":…,"info":{…}}              SharedObject.onStatus
//   {"event":"sync","name":…,"list":[…],"version":…} SharedObject.onSync
//   {"event":"slots","name":…,"slots":{…}}          the answer to show
const { NetConnection, SharedObject } = require('rtmp-client');
const { createInterface } = require('readline');

const say = (event, data) => process.stdout.write(JSON.stringify({ event, ...data }) + '\n');
const [, , url, ...names] = process.argv;

const nc = new NetConnection();
nc.onBWDone = () => {};
const objects = {};
for (const name of names) {
	const so = SharedObject.get(name, false, nc);
	so.onStatus = (info) => say('so', { name, info });
	so.onSync = (list) => say('sync', { name, list, version: so.version });
	objects[name] = so;
}
nc.onStatus = (info) => say('status', { info });
nc.connect(url);

createInterface({ input: process.stdin }).on('line', (line) => {
	const { do: what, name, key, value } = JSON.parse(line);
	const so = objects[name];
	switch (what) {
	case 'set':
		so.setProperty(key, value);
		break;
	case 'clear':
		so.clear();
		break;
	case 'show':
		say('slots', { name, slots: Object.fromEntries(so.getPropertyNames().map((k) => [k, so.getProperty(k)])) });
		break;
	case 'end':
		nc.close();
		setTimeout(() => process.exit(0), 50);
	}
});
