/*
 * Checks that decoded `_metadata` has the shape of `CheckpointMetadata`. The bytes have passed
 * their checksum, so what fails here was written wrongly; it must not get into a restore all the
 * same.
 */
import { corrupted } from "./checked-text.ts";
import type { CheckpointMetadata } from "./metadata.ts";

/** What a member of an object must be. */
type Rule = (value: unknown, path: string) => string | undefined;

/**
 * The value as metadata; throws METADATA_CORRUPTED with the path of the first member that is wrong.
 */
export function checkMetadata(file: string, value: unknown): CheckpointMetadata {
  const fault = METADATA(value, "metadata");
  if (fault !== undefined) throw corrupted(file, 0, fault);
  return value as CheckpointMetadata;
}

const count: Rule = (value, path) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : `${path} is not a count`;
const number: Rule = (value, path) =>
  typeof value === "number" ? undefined : `${path} is not a number`;
const boolean: Rule = (value, path) =>
  typeof value === "boolean" ? undefined : `${path} is not a boolean`;
const text: Rule = (value, path) =>
  typeof value === "string" ? undefined : `${path} is not a string`;
const bytes: Rule = (value, path) =>
  value instanceof Uint8Array ? undefined : `${path} is not bytes`;
const anything: Rule = () => undefined;
const optional =
  (rule: Rule): Rule =>
  (value, path) =>
    value === undefined ? undefined : rule(value, path);
const oneOf =
  (...values: readonly string[]): Rule =>
  (value, path) =>
    values.includes(value as string) ? undefined : `${path} is none of ${values.join(", ")}`;

/** A path that stays below the directory that it is relative to. */
const relativePath: Rule = (value, path) => {
  if (typeof value !== "string" || value === "" || value.startsWith("/")) {
    return `${path} is not a relative path`;
  }
  return value.split("/").includes("..") ? `${path} leads out of the directory` : undefined;
};

function list(rule: Rule): Rule {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    for (let i = 0; i < value.length; i++) {
      const fault = rule(value[i], `${path}[${i}]`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

function object(members: Readonly<Record<string, Rule>>): Rule {
  return (value, path) => {
    if (typeof value !== "object" || value === null) return `${path} is not an object`;
    for (const [name, rule] of Object.entries(members)) {
      const fault = rule((value as Record<string, unknown>)[name], `${path}.${name}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

const SEGMENT = object({
  file: relativePath,
  sizeBytes: count,
  checksum: count,
  kind: oneOf("full", "delta"),
  rowsCount: count,
  tombstonesCount: count,
  keyGroupStart: count,
  keyGroupEnd: count,
  createdBy: count,
});

const OPERATOR_STATE = object({
  name: text,
  mode: oneOf("split", "union", "broadcast"),
  schema: anything,
  version: optional(count),
  elements: list(bytes),
});

const SUBTASK = object({
  segments: list(SEGMENT),
  states: list(OPERATOR_STATE),
  watermark: optional(number),
  hasEnded: boolean,
});

const OPERATOR = object({
  operatorId: text,
  uid: text,
  kind: text,
  connector: optional(text),
  parallelism: count,
  maxParallelism: count,
  stateSchemas: object({}),
  enumerator: anything,
  subtasks: list(SUBTASK),
});

const METADATA = object({
  version: count,
  checkpointId: count,
  kind: oneOf("checkpoint", "savepoint"),
  triggeredAt: number,
  completedAt: number,
  jobId: text,
  jobName: text,
  epoch: count,
  operators: list(OPERATOR),
  edges: list(anything),
  hasCommittables: boolean,
  stop: optional(oneOf("suspend", "drain")),
  runDirectory: optional(text),
});
