/**
 * The modes in which the harness runs an operator. Every mode must give the same output.
 */
import type { Batching } from "./operator-harness-input.ts";

/**
 * What happens at quiescent points (between two feeds).
 * - `keep`: a checkpoint is taken while the operator goes on.
 * - `restore`: the state goes through real segments into fresh instances, which go on.
 * - `crash`: a checkpoint is taken while the operator goes on; what came after it is lost, and
 *   fresh instances get it again.
 * - `abort`: two barriers in a row, of which the first is aborted; then as `restore`.
 */
export type Checkpointing = "none" | "keep" | "restore" | "crash" | "abort";

/** One way of running. */
export interface HarnessMode {
  readonly name: string;
  readonly batching: Batching;
  readonly form: "records" | "columns";
  /** Output batches go through the frame format. */
  readonly isEncoded: boolean;
  /** Outputs have room for one record only. */
  readonly isTight: boolean;
  /** Firings per slice. */
  readonly fireBudget: number;
  readonly checkpointing: Checkpointing;
  /** Numbers of subtasks; with more than one, each restore takes the next. */
  readonly parallelisms: readonly number[];
}

const PLAIN: HarnessMode = {
  name: "record by record",
  batching: "single",
  form: "records",
  isEncoded: false,
  isTight: false,
  fireBudget: 1024,
  checkpointing: "none",
  parallelisms: [1],
};

const MODES: readonly HarnessMode[] = [
  PLAIN,
  { ...PLAIN, name: "all in one batch", batching: "all" },
  { ...PLAIN, name: "random batches", batching: "random" },
  { ...PLAIN, name: "columns, one by one", form: "columns" },
  { ...PLAIN, name: "columns, all in one batch", form: "columns", batching: "all" },
  { ...PLAIN, name: "encoded edges", batching: "random", form: "columns", isEncoded: true },
  { ...PLAIN, name: "outputs full", batching: "random", isTight: true },
  { ...PLAIN, name: "one firing at a time", batching: "random", fireBudget: 1 },
  {
    ...PLAIN,
    name: "columns, outputs full, one firing at a time",
    batching: "random",
    form: "columns",
    isEncoded: true,
    isTight: true,
    fireBudget: 1,
  },
  { ...PLAIN, name: "checkpoints", batching: "random", checkpointing: "keep" },
  { ...PLAIN, name: "restored at every point", checkpointing: "restore" },
  {
    ...PLAIN,
    name: "columns, restored at every point",
    batching: "all",
    form: "columns",
    checkpointing: "restore",
    fireBudget: 1,
  },
  { ...PLAIN, name: "crashes", checkpointing: "crash" },
  { ...PLAIN, name: "crashes, random batches", batching: "random", checkpointing: "crash" },
  { ...PLAIN, name: "aborted barriers", batching: "random", checkpointing: "abort" },
];

const RESCALED: readonly HarnessMode[] = [
  { ...PLAIN, name: "2 subtasks", batching: "random", parallelisms: [2] },
  { ...PLAIN, name: "3 subtasks, columns", batching: "all", form: "columns", parallelisms: [3] },
  { ...PLAIN, name: "rescaled", checkpointing: "restore", parallelisms: [1, 2, 3, 1, 3, 2] },
  {
    ...PLAIN,
    name: "rescaled after crashes",
    batching: "random",
    checkpointing: "crash",
    parallelisms: [2, 3, 1],
  },
];

/** All modes that an operator can be run in; the first is the plain one. */
export function harnessModes(canRescale: boolean): readonly HarnessMode[] {
  return canRescale ? [...MODES, ...RESCALED] : MODES;
}
