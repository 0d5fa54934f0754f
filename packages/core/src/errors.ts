/*
 * The one error class, the catalogue of codes, and errors as plain data.
 *
 * Owns: which codes exist, what kind each has (the kind tells the runtime and the user what to do),
 * and the form in which errors cross threads and processes.
 * Does not: decide on restarts (runtime) or print (cli).
 *
 * I1. Every code is in `ERRORS` and in docs/errors.md, each exactly once (tests/tidy.test.ts).
 * I2. `fromWire(toWire(e))` keeps code, kind, message, details, stack and the chain of causes up to
 *     `MAX_CAUSES`; `toWire` never throws and its result survives structured clone and JSON.
 * I3. Across threads, realms and HTTP compare `code` (see `errorCode`), never `instanceof`.
 */

/**
 * What to do about an error.
 * - `invalid`: fix the code or the settings; trying again is useless.
 * - `user`: a function of the user threw; the restart strategy decides.
 * - `unavailable`: transient (storage, network, a dead worker); try again or restart.
 * - `data`: bytes are unreadable or do not fit; stop.
 * - `conflict`: somebody else holds it, or the job is in the wrong state for this.
 * - `canceled`: asked for.
 * - `internal`: a bug in Oxbow; report it.
 */
export type ErrorKind =
  | "invalid"
  | "user"
  | "unavailable"
  | "data"
  | "conflict"
  | "canceled"
  | "internal";

/** A row of the catalogue. */
export interface ErrorEntry {
  readonly kind: ErrorKind;
  /** One sentence for docs/errors.md: when this happens. */
  readonly description: string;
}

/**
 * The catalogue: every code that Oxbow throws. Codes are stable; messages are not. Each area adds
 * its codes in a block of its own, and a row each to docs/errors.md.
 */
export const ERRORS = {
  // Everywhere.
  INTERNAL_INVARIANT: {
    kind: "internal",
    description: "Something that must always hold does not; the task is stopped.",
  },
  UNEXPECTED: {
    kind: "internal",
    description: "A foreign error crossed a border of the engine without a code of its own.",
  },
  INVALID_ARGUMENT: {
    kind: "invalid",
    description: "A function of the API was called with a value outside its contract.",
  },
  // Files (env).
  FILE_NOT_FOUND: {
    kind: "data",
    description: "A file or directory that is needed is not there.",
  },
  FILE_EXISTS: {
    kind: "conflict",
    description: "A file or directory could not be created or moved because the name is taken.",
  },
  FILE_IO: {
    kind: "unavailable",
    description: "Reading, writing or syncing a file failed: disk full, no permission, bad device.",
  },
  // Snapshots on disk.
  SEGMENT_CORRUPTED: {
    kind: "data",
    description: "A file of state rows is damaged, truncated or not the one that was written.",
  },
  SEGMENT_VERSION_UNSUPPORTED: {
    kind: "data",
    description: "A file of state rows was written by a newer version of Oxbow.",
  },
  METADATA_CORRUPTED: {
    kind: "data",
    description: "A `_metadata` file, run.json or lock file is damaged or truncated.",
  },
  METADATA_VERSION_UNSUPPORTED: {
    kind: "data",
    description: "A `_metadata` file, run.json or lock file was written by a newer Oxbow.",
  },
  RUN_LOCKED: {
    kind: "conflict",
    description: "The run directory is in use by another process.",
  },
  CHECKPOINT_UNCERTAIN: {
    kind: "unavailable",
    description:
      "Storage failed, and whether a checkpoint is complete is unknown; the process must end.",
  },
  RUN_EXISTS: {
    kind: "conflict",
    description: "The id given for a new run belongs to another run in the same directory.",
  },
  SNAPSHOT_NOT_FOUND: {
    kind: "invalid",
    description: "A path that was given to restore from holds no complete snapshot.",
  },
  SAVEPOINT_NOT_POSSIBLE: {
    kind: "invalid",
    description: "A savepoint was asked of a job that keeps no checkpoints.",
  },
  SAVEPOINT_FAILED: {
    kind: "unavailable",
    description: "A savepoint or a checkpoint that was asked for could not be taken.",
  },
  STOP_IN_PROGRESS: {
    kind: "conflict",
    description: "A job was asked to stop with a savepoint while it is doing that.",
  },
  STOP_INCOMPLETE: {
    kind: "unavailable",
    description:
      "The savepoint of a stop is complete, but the job failed before all sinks had committed.",
  },
  JOB_NOT_RUNNING: {
    kind: "conflict",
    description: "Something was asked of a job that only a running one can do.",
  },
  RESTORE_SINKS_UNDECIDED: {
    kind: "conflict",
    description:
      "A snapshot's sinks have transactions that another run may commit too; a choice is needed.",
  },
  CHECKPOINT_UNREADABLE: {
    kind: "data",
    description:
      "The newest checkpoint cannot be read, and going on from an older one could repeat output.",
  },
  // Control channel.
  RUN_NOT_RUNNING: {
    kind: "conflict",
    description: "A run was asked for something that only a running job can do.",
  },
  CONTROL_UNAVAILABLE: {
    kind: "unavailable",
    description: "The process of a run does not answer, or has no place for its control channel.",
  },
  CONTROL_VERSION_UNSUPPORTED: {
    kind: "invalid",
    description: "The process of a run speaks a version of the control channel that is not known.",
  },
  // Connectors.
  RECORD_MALFORMED: {
    kind: "data",
    description: "A source met a record that its format cannot read, and the policy is to fail.",
  },
  RECORD_TOO_LARGE: {
    kind: "data",
    description: "A record in a file is longer than the source's bound.",
  },
  RECORD_NOT_WRITABLE: {
    kind: "data",
    description: "A sink's format cannot express a record.",
  },
  FILE_CHANGED: {
    kind: "data",
    description: "A file changed after a source had found it; files must be complete when found.",
  },
  FILE_UNREADABLE: {
    kind: "data",
    description: "The content of a file is not what its format or compression says.",
  },
  CONNECTOR_INVALID: {
    kind: "invalid",
    description: "The settings of a source or sink cannot work.",
  },
  PARTITION_INVALID: {
    kind: "data",
    description: "A file sink's partition function returned a name that is no safe relative path.",
  },
  SINK_TRANSACTION_LOST: {
    kind: "data",
    description: "A pending file that a snapshot names is neither there nor was it committed.",
  },
  SINK_TRANSACTION_CONFLICT: {
    kind: "conflict",
    description: "The final name of a pending file is taken by a file with another content.",
  },
  // Time and windows.
  DURATION_INVALID: {
    kind: "invalid",
    description: "A setting that is a duration cannot be read or is out of its bounds.",
  },
  WATERMARKS_INVALID: {
    kind: "invalid",
    description: "The watermark settings of a source contradict each other.",
  },
  TIMESTAMP_INVALID: {
    kind: "user",
    description: "A record has no usable event time: the timestamp is no whole number of ms.",
  },
  WINDOW_INVALID: {
    kind: "invalid",
    description: "A window, trigger or allowed lateness is set in a way that cannot work.",
  },
  AGGREGATE_INVALID: {
    kind: "invalid",
    description: "An aggregate is declared in a way that cannot work.",
  },
  AGGREGATE_INPUT_INVALID: {
    kind: "user",
    description: "A record has a value that its aggregate cannot take.",
  },
  SUM_OVERFLOW: {
    kind: "user",
    description: "A sum of integers left the range of its type.",
  },
  // Settings, checkpoints, restarts.
  SETTING_INVALID: {
    kind: "invalid",
    description: "A setting or configuration key has a value outside its range, or does not exist.",
  },
  SETTING_NOT_SUPPORTED: {
    kind: "invalid",
    description: "A setting asks for a capability that this version does not have.",
  },
  CHECKPOINT_FAILURES_EXCEEDED: {
    kind: "unavailable",
    description: "More checkpoints in a row failed than `tolerableFailures` allows.",
  },
  // Types, keys, columns, exchange.
  KEY_TYPE_UNSUPPORTED: {
    kind: "invalid",
    description: "A key has a type or a value that cannot be a key.",
  },
  VALUE_TYPE_MISMATCH: {
    kind: "user",
    description:
      "A value is not of its declared type; the message names operator, record and path.",
  },
  VALUE_CORRUPTED: {
    kind: "data",
    description: "An encoded value is damaged or was written with another type.",
  },
  SCHEMA_UNREADABLE: {
    kind: "data",
    description: "A schema description is damaged or of a newer version.",
  },
  RECORD_NOT_TRANSFERABLE: {
    kind: "user",
    description: "A record holds something that cannot travel between tasks or be stored.",
  },
  BLOCK_CORRUPTED: {
    kind: "data",
    description: "A block of columns is truncated or damaged; the message names file and offset.",
  },
  FRAME_CORRUPTED: {
    kind: "internal",
    description: "A frame in a channel between two threads is damaged or out of order.",
  },
  // Graph, operators, runtime.
  GRAPH_INVALID: {
    kind: "invalid",
    description: "The job's graph cannot run; the message names the operator and the remedy.",
  },
  GRAPH_DIFFERS: {
    kind: "invalid",
    description: "Two threads built different graphs out of one program.",
  },
  USER_FUNCTION_FAILED: {
    kind: "user",
    description: "A function of the user threw; the cause is the error that it threw.",
  },
  KEY_TYPE_CHANGED: {
    kind: "invalid",
    description: "An operator's keys differ in type from the snapshot or from its other input.",
  },
  STATE_MISMATCH: {
    kind: "invalid",
    description: "A state in the snapshot is not declared any more, or not as it was.",
  },
  RESTORE_MISMATCH: {
    kind: "invalid",
    description: "A checkpoint cannot be restored into the job's graph; the message says why.",
  },
  WORKER_LOST: {
    kind: "unavailable",
    description: "A worker thread has ended without having been asked: out of memory, or killed.",
  },
  OPERATOR_CLOSE_FAILED: {
    kind: "unavailable",
    description: "An operator or connector could not be closed.",
  },
  JOB_FAILED: {
    kind: "unavailable",
    description: "The job failed and its restart strategy gave up; the cause is the last failure.",
  },
  JOB_INVALID: {
    kind: "invalid",
    description: "A module that should hold a job does not, or a job cannot be run that way.",
  },
} as const satisfies Record<string, ErrorEntry>;

/** A code from the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** Plain JSON-like facts about an error: numbers, strings, booleans, null, arrays, records. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The only error class that Oxbow throws. Tell errors apart by `code` and `kind`; the class exists
 * for `new`, stacks and printing.
 *
 * @example
 * const broken = job("broken", (env) => {
 *   env.source("n", collection([1])).map(() => JSON.parse("{")).sink("out", discard());
 * });
 * try {
 *   await runJob(broken);
 * } catch (error) {
 *   if (!(error instanceof OxbowError) || error.code !== "JOB_FAILED") throw error;
 * }
 */
export class OxbowError extends Error {
  override readonly name = "OxbowError";
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, rest: { details: ErrorDetails; cause?: unknown }) {
    super(message, rest.cause === undefined ? undefined : { cause: rest.cause });
    this.code = code;
    this.kind = ERRORS[code].kind;
    this.details = rest.details;
  }
}

/**
 * Makes the error for `code`. The message says what failed, where, with which values, and what to
 * do now. `details` must be plain data; `cause` is kept as it is.
 */
export function oxbowError(
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
  cause?: unknown,
): OxbowError {
  return new OxbowError(code, message, cause === undefined ? { details } : { details, cause });
}

/**
 * The code of an Oxbow error or of an error sent by `toWire`, else undefined.
 *
 * @example
 * try {
 *   tumbling("soon");
 * } catch (error) {
 *   if (errorCode(error) !== "DURATION_INVALID") throw error;
 * }
 */
export function errorCode(error: unknown): ErrorCode | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  const { code } = error;
  return typeof code === "string" && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : undefined;
}

/** An error as plain data: survives structured clone, `postMessage` and JSON. */
export interface WireError {
  readonly code: string;
  readonly kind: ErrorKind;
  /** `OxbowError`, or the name of the foreign error (`TypeError`, …). */
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly details: ErrorDetails;
  readonly cause?: WireError;
}

/** Longest chain of causes that is sent; longer ones (or cycles) are cut. */
export const MAX_CAUSES = 16;

/** Any thrown value as plain data. Foreign errors get the code `UNEXPECTED`. Never throws. */
export function toWire(error: unknown): WireError {
  return wireOf(error, 0);
}

function wireOf(error: unknown, depth: number): WireError {
  if (!isErrorLike(error)) {
    const message = textOf(error);
    return { ...UNEXPECTED_WIRE, name: typeof error, message };
  }
  const code = errorCode(error);
  const wire: WireError = {
    code: code ?? UNEXPECTED_WIRE.code,
    kind: code === undefined ? UNEXPECTED_WIRE.kind : ERRORS[code].kind,
    name: textOf(error.name ?? "Error"),
    message: textOf(error.message),
    stack: typeof error.stack === "string" ? error.stack : "",
    details: plainDetails(error.details),
  };
  const { cause } = error;
  if (cause === undefined || depth + 1 >= MAX_CAUSES) return wire;
  return { ...wire, cause: wireOf(cause, depth + 1) };
}

const UNEXPECTED_WIRE = {
  code: "UNEXPECTED",
  kind: ERRORS.UNEXPECTED.kind,
  stack: "",
  details: {},
} as const;

/**
 * The error that `toWire` was given, as an error again: with the sender's stack, and causes as
 * errors. A code that this version does not know becomes `UNEXPECTED` with `details.code`.
 */
export function fromWire(wire: WireError): OxbowError {
  const cause = wire.cause === undefined ? undefined : fromWire(wire.cause);
  const known = errorCode(wire);
  const details = known === undefined ? { ...wire.details, code: wire.code } : wire.details;
  const error = oxbowError(known ?? "UNEXPECTED", wire.message, details, cause);
  if (wire.name !== error.name) {
    Object.defineProperty(error, "name", { value: wire.name, enumerable: false });
  }
  if (wire.stack !== "") error.stack = wire.stack;
  return error;
}

interface ErrorLike {
  readonly name?: unknown;
  readonly message: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly details?: unknown;
}

/** By shape: an error of another realm, or one that lost its class, counts too. */
function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === "object" && value !== null && "message" in value;
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    // An object without a usable toString; the error report must go on.
    return "(a value that cannot be printed)";
  }
}

function plainDetails(details: unknown): ErrorDetails {
  if (typeof details !== "object" || details === null) return {};
  try {
    return JSON.parse(JSON.stringify(details, plainValue)) as ErrorDetails;
  } catch {
    // A cycle or a throwing getter; the error itself matters more than its details.
    return {};
  }
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
