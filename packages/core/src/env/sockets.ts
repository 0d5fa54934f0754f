/**
 * Sockets: how processes of one user on one machine talk to each other. The real ones are in
 * `node-sockets.ts`.
 *
 * I1. Only processes of the same user (and the superuser) can connect, from the first moment on.
 * I2. While the other end does not take what was sent to it, nothing is received from it; so what
 *     waits in memory is bounded by what is sent in answer to one piece received.
 */

/** What a connection tells. No call comes from inside `listen`, `send` or `end`. */
export interface ConnectionListener {
  /** The next piece of text, cut anywhere between two characters. */
  onText(text: string): void;
  /** The other end sends nothing more; it may still receive. */
  onEnd(): void;
  /** Nothing is sent or received any more. Called once, whoever closed it. */
  onClose(): void;
}

/** One end of a connection. */
export interface LocalConnection {
  /** To be called once, at once. */
  listen(listener: ConnectionListener): void;
  /** Sends text, in order. Dropped once the connection is closed. */
  send(text: string): void;
  /** Sends nothing more; closes when all is taken, or soon if the other end does not take it. */
  end(): void;
  /** Closes at once. Idempotent. */
  close(): void;
}

/** Where to listen. */
export interface ListenRequest {
  /** Absolute; where the socket should lie. */
  readonly directory: string;
  /** Name of the socket without extension, of letters, digits and `-`. */
  readonly name: string;
  readonly onConnection: (connection: LocalConnection) => void;
}

/** A socket that others may connect to. It does not keep the process alive. */
export interface LocalListener {
  /** What `connect` is given: a path, or the name of a pipe. */
  readonly place: string;
  /** Keeps the socket from being taken for something old. */
  refresh(): Promise<void>;
  /** Nobody connects any more, and the socket is gone. Connections that are there stay. */
  close(): Promise<void>;
}

/** See the file header. */
export interface LocalSockets {
  /**
   * Listens in the directory, or, where no socket can be there, in the private directory. A socket
   * that a dead process left under that name is replaced. CONTROL_UNAVAILABLE where neither goes.
   */
  listen(request: ListenRequest): Promise<LocalListener>;
  /** Undefined where nobody listens. CONTROL_UNAVAILABLE where it is not permitted. */
  connect(place: string): Promise<LocalConnection | undefined>;
  /**
   * A directory that is this user's alone, made if it is not there. CONTROL_UNAVAILABLE where
   * somebody else has taken its name.
   */
  privateDirectory(): Promise<string>;
}
