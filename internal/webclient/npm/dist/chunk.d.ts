/** Why the connection cannot be read any further. */
export declare class ProtocolError extends Error {
    constructor(message: string);
}
