// Node 20 has neither Promise.withResolvers, nor the symbols and the syntax of `using`; node-av wants the first two.
Promise.withResolvers ??= function () {
	let resolve, reject;
	const promise = new this((a, b) => { resolve = a; reject = b; });
	return { promise, resolve, reject };
};
Symbol.dispose ??= Symbol('Symbol.dispose');
Symbol.asyncDispose ??= Symbol('Symbol.asyncDispose');
