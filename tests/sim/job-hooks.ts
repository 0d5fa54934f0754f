/*
 * What the functions of simulated jobs share: what they tell the simulation, and what they check.
 */
import type { DataStream } from "../../packages/core/src/api/data-stream.ts";
import { sideOutput } from "../../packages/core/src/operators/process-function.ts";
import type { ProcessContext } from "../../packages/core/src/operators/process-function.ts";
import type { NodeSpec, SimRecord } from "./scenario.ts";

export type Records = DataStream<SimRecord>;

/** What the functions of a job tell the simulation. */
export interface JobHooks {
  /** A `map` sees a record; throws where a fault says so. */
  seen(uid: string): void;
  /** A process function sees its watermark. */
  watermark(uid: string, subtaskIndex: number, watermark: number): void;
  /** Something that must never be. */
  violation(text: string): void;
}

export interface ProcessParts {
  readonly node: NodeSpec;
  readonly hooks: JobHooks;
}

export const SIDE = sideOutput<SimRecord>("side");

type Seen = Pick<ProcessContext<never>, "subtaskIndex" | "watermark" | "timestamp">;

/** What every process function checks: time travels with its record, and only goes forward. */
export function check(parts: ProcessParts, context: Seen, at?: number): void {
  const { node, hooks } = parts;
  hooks.watermark(node.uid, context.subtaskIndex, context.watermark);
  if (at === undefined || node.regime === "untimed" || context.timestamp === at) return;
  hooks.violation(`${node.uid}: a record of ${at} has the timestamp ${context.timestamp}`);
}
